"""Lint of a run: shares and findings on the plain book, whose three accounts hold six contracts at 100 dollars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stresstest.config import load_run
from stresstest.errors import StressTestError
from stresstest.results.quality import unshocked
from stresstest.runs.console import Silent
from stresstest.runs.scenarios.lint_report import LintReport
from stresstest.runs.scenarios.linting import lint, lint_files
from stresstest.runs.scenarios.on_a_book import on_a_book
from stresstest.valuation.value import value_instruments

SET = """version: 1
scenarios:
  - id: fall
    shocks:
      - {factor: "spot:*", relative: -0.1}
      - {factor: "spot:BTC", relative: -0.3}
  - {id: same_fall, shocks: [{factor: "spot:BTC", replace: 90}]}
  - {id: elsewhere, shocks: [{factor: "spot:ETH", relative: -0.3}]}
  - {id: cash, family: operational, shocks: [{factor: "haircut:USD", absolute: 1.5}]}
  - {id: rates, shocks: [{factor: "rate:USD", absolute: 0.01}]}
"""


@pytest.fixture(scope="module")
def report(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> LintReport:
    file = tmp_path_factory.mktemp("set") / "set.yaml"
    file.write_text(SET)
    return lint(load_run(run_file, {"scenarios": [str(file)]}), max_unshocked=0.5)


def test_the_book_and_its_shares(report: LintReport):
    assert report.book is not None
    assert (report.book.gross_notional, report.book.instruments, report.book.reporting_currency) == (600.0, 1, "USD")
    shares = {each.id: each.unshocked.share for each in report.scenarios if each.unshocked}
    assert shares == {"fall": 0.0, "same_fall": 0.0, "elsewhere": 1.0, "cash": 1.0, "rates": 1.0}
    elsewhere = report.scenarios[2].unshocked
    assert elsewhere is not None
    assert (elsewhere.notional, elsewhere.instruments) == (600.0, 1)
    assert [(part.name, part.notional, part.share) for part in elsewhere.largest_underlyings] == [("BTC", 600.0, 1.0)]
    assert [(part.name, part.notional, part.share) for part in elsewhere.largest_instruments] == [("BTC-PERP", 600.0, 1.0)]


def test_findings_say_where_and_what(report: LintReport):
    found = [(each.kind, each.severity, each.scenario_id, each.shock, each.line) for each in report.findings]
    assert found == [
        ("shadowed", "warning", "fall", 2, 6),
        ("duplicate", "warning", "same_fall", None, 7),
        ("changes nothing", "warning", "elsewhere", None, 8),
        ("unshocked", "warning", "elsewhere", None, 8),
        ("unknown factor", "warning", "elsewhere", 1, 8),
        ("unshocked", "warning", "rates", None, 10),  # operational scenarios are about custody and margin: not `cash`
    ]
    assert (report.warnings, report.infos) == (6, 0)
    assert [each.findings for each in report.scenarios] == [1, 1, 3, 0, 1]


def test_clamped_haircuts_are_counted_where_they_are(report: LintReport):
    # One band, 0 + 1.5: above one.
    assert [each.clamped for each in report.scenarios] == [{}, {}, {}, {"haircut": 1}, {}]


def test_a_shock_of_depth_hides_no_other_scenario_that_changes_nothing(run_file: Path, tmp_path: Path):
    # No asset of the book has a depth: what is halved is not there.
    (tmp_path / "set.yaml").write_text(
        "version: 1\nscenarios:\n  - {id: extra, shocks: [{factor: 'depth:*', scale: 0.5}]}\n"
        "  - {id: elsewhere, shocks: [{factor: 'spot:ETH', relative: -0.3}]}\n"
    )
    settings = load_run(run_file, {"scenarios": [str(tmp_path / "set.yaml")]})
    assert ("changes nothing", "elsewhere") in [(each.kind, each.scenario_id) for each in lint(settings).findings]
    with on_a_book(settings, Silent()) as given:
        units = value_instruments(given.book.dimensions, given.resolved)
        found = unshocked(given.resolved, units, np.ones(len(units.value_slope)), ["extra", "elsewhere"])
    assert [(each.subject, each.result) for each in found] == [("extra", "warn"), ("elsewhere", "warn")]


def test_without_a_threshold_nothing_is_said_of_what_is_left(run_file: Path):
    found = lint(load_run(run_file))
    assert (found.warnings, found.infos, found.findings) == (0, 0, ())


def test_files_alone_give_what_no_book_could_change(tmp_path: Path):
    (tmp_path / "set.yaml").write_text(SET + '  - {id: again, shocks: [{factor: "spot:ETH", relative: -0.3}, {factor: "spot:ETH", relative: 0}]}\n')
    found = lint_files([str(tmp_path / "set.yaml")])
    assert found.book is None
    assert [(each.kind, each.scenario_id, each.shock) for each in found.findings] == [("shadowed", "again", 2), ("no effect", "again", 2)]
    assert {each.unshocked for each in found.scenarios} == {None}


def test_a_scenario_that_cannot_be_on_the_book_is_refused(run_file: Path, tmp_path: Path):
    (tmp_path / "set.yaml").write_text("version: 1\nscenarios: [{id: gone, shocks: [{factor: 'spot:BTC', relative: -1.5}]}]\n")
    with pytest.raises(StressTestError, match="1 scenario cannot be applied"):
        lint(load_run(run_file, {"scenarios": [str(tmp_path / "set.yaml")]}))


DEPTHS = """version: 1
scenarios:
  - {id: thin, shocks: [{factor: "spot:BTC", relative: -0.3}, {factor: "depth:BTC", scale: 0.5}]}
"""


def test_depth_matters_in_a_cascade_alone(run_file: Path, tmp_path: Path):
    (tmp_path / "set.yaml").write_text(DEPTHS)

    def found(**settings: object) -> list[tuple[str, str, str | None]]:
        report = lint(load_run(run_file, {"scenarios": [str(tmp_path / "set.yaml")], **settings}))
        return [(each.severity, each.kind, each.factor) for each in report.findings if each.factor and each.factor.startswith("depth")]

    # The snapshot states no depth, so halving it does nothing; and nothing is sold.
    assert found() == [("warning", "no effect", "depth:BTC"), ("info", "no effect", "depth:BTC")]
    # The run file may state one, or another impact that a depth factor scales.
    assert found(cascade={"impact": {"kind": "exponential", "lambda": 1e-6}}) == []
