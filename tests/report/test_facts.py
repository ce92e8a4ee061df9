"""The view model of a run of three accounts and three scenarios, with figures that can be followed by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generated.finished_runs import AUDIT, CHECKS, MEASURE_NAMES, generated_run, write_run

from stresstest.errors import ExitCode, StressTestError
from stresstest.report.chart_data import cell_ratio
from stresstest.report.facts import facts
from stresstest.report.formats import moment
from stresstest.report.parts import TableView
from stresstest.report.view import ReportFacts

SCENARIOS = (
    ("base", "Base", "base", False),
    ("mild", "Mild", "hypothetical", True),
    ("crash", "Crash", "historical", True),
    ("grid", "Grid cell", "sensitivity", False),
)
ACCOUNTS = (
    {"owner_id": "north", "account_id": "a1", "name": "Alpha", "segment": "fund", "positions": 3, "pools": 1, "gross_notional": 9_000_000.0},
    {"owner_id": "north", "account_id": "a2", "name": None, "segment": None, "positions": 1, "pools": 1, "gross_notional": 2_000_000.0},
    {"owner_id": "south", "account_id": "b1", "name": "Beta", "segment": "retail", "positions": 2, "pools": 1, "gross_notional": 500_000.0},
)
# accounts down, scenarios across: base, mild, crash, grid
EQUITY = ((2_000_000.0, 900_000.0, -1_500_000.0, 2_000_000.0), (400_000.0, 300_000.0, 250_000.0, 400_000.0), (90_000.0, 90_000.0, 80_000.0, -5_000.0))
BALANCE = (
    (1_900_000.0, 800_000.0, -1_600_000.0, 1_900_000.0),
    (380_000.0, 280_000.0, 230_000.0, 380_000.0),
    (80_000.0, 80_000.0, 70_000.0, -6_000.0),
)
MAINTENANCE = ((450_000.0,) * 4, (240_000.0,) * 4, (0.0,) * 4)
STATUS = ((0, 0, 3, 0), (0, 0, 2, 0), (0, 0, 0, 3))


def small_run(folder: Path, resources: float | None = 1_000_000.0, excluded: int = 0) -> Path:
    equity, balance, maintenance = np.array(EQUITY), np.array(BALANCE), np.array(MAINTENANCE)
    pnl = equity - equity[:, :1]
    given = {
        "equity": equity,
        "pnl": pnl,
        "position_pnl": pnl,
        "margin_balance": balance,
        "margin_balance_initial": balance,
        "maintenance_margin": maintenance,
        "initial_margin": maintenance,
        "margin_shortfall": np.maximum(0.0, maintenance - balance),
        "uncollateralised_loss": np.maximum(0.0, -equity),
        "stress_loss_over_margin": np.maximum(0.0, -pnl - maintenance),
        "status": np.array(STATUS),
    }
    measures = {name: given.get(name, np.zeros_like(equity)) for name in (*MEASURE_NAMES, "status")}
    return write_run(folder, measures, SCENARIOS, ACCOUNTS, CHECKS, resources, excluded)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> ReportFacts:
    return facts(small_run(tmp_path_factory.mktemp("small") / "run"), AUDIT)


def texts(table: TableView) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_the_answer_comes_first(small: ReportFacts) -> None:
    assert small.light.colour == "red"
    assert small.light.sentence == "An owner defaults in 1 of 2 headline scenarios."
    # a1 falls short by 450,000 + 1,600,000 and a2 by 10,000; over margin, north loses 3.5m - 450k and south 10k
    assert small.light.detail == (
        "Worst: Crash: margin shortfall USD 2.1m across 2 accounts; Cover-2 USD 3.1m against resources of USD 1.0m (33\N{NO-BREAK SPACE}% covered)."
    )
    assert small.light.rule.startswith("Red: a headline scenario puts an owner in default")
    assert small.light.reasons[0] == "Owners default in 1 of 2 headline scenarios, most (1) in Crash"


def test_headline_figures(small: ReportFacts) -> None:
    assert [(figure.label, figure.value, figure.unit, figure.note) for figure in small.figures] == [
        ("Margin shortfall", "2.1m", "USD", "Crash"),
        ("Accounts below maintenance", "2", "", "of 3; 0 at base; Crash"),
        ("Owners in default", "1", "", "Crash"),
        ("Uncollateralised loss", "1.5m", "USD", "Crash"),
        ("Cover-2, stress loss over margin", "3.1m", "USD", "north + south; Crash"),
        ("Cover-2, uncollateralised loss", "1.5m", "USD", "north; Crash"),
        ("Resources", "1.0m", "USD", "Cover-2, stress loss over margin, is 33\N{NO-BREAK SPACE}% covered"),
        ("Data quality", "2 warned", "", "of 8 checks; no account excluded"),
    ]


def test_scenarios_by_severity_headline_first_base_on_top(small: ReportFacts) -> None:
    assert [column.label for column in small.scenarios.columns][:8] == [
        "Rank",
        "Scenario",
        "Largest shocks",
        "Not shocked",
        "P&L",
        "Initial shortfall",
        "Margin shortfall",
        "Uncollat. loss",
    ]
    assert {column.unit for column in small.scenarios.columns} == {"", "%", "USD k"}
    assert [(row.fixed, row.cells[1].below) for row in small.scenarios.rows] == [(True, "base"), (False, "crash"), (False, "mild"), (False, "grid")]
    assert texts(small.scenarios)[1][4:] == ["\N{MINUS SIGN}3,660", "0", "2,060", "1,500", "0", "1", "1", "2", "1", "3,060", "1,500"]
    assert [row.cells[2].below for row in small.scenarios.rows] == ["", "historical, 1 d", "hypothetical, 1 d", "sensitivity, 1 d, not headline"]
    assert texts(small.scenarios)[3][:2] == ["\N{EM DASH}", "Grid cell"]


def test_worst_accounts_with_the_three_loss_measures(small: ReportFacts) -> None:
    minus = "\N{MINUS SIGN}"
    assert texts(small.accounts) == [
        ["1", "Alpha", "north", "2,000", "OK", "Crash", "Default", f"{minus}1,500", f"{minus}1,600", "450", "2,050", "1,500", "3,050"],
        ["2", "a2", "north", "400", "OK", "Crash", "Liquidation", "250", "230", "240", "10", "0", "0"],
    ]
    assert [(row.cells[1].below, row.cells[2].below) for row in small.accounts.rows] == [("a1", "fund"), ("", "")]
    assert [definition.formula for definition in small.definitions] == [
        f"max(0, maintenance margin {minus} margin balance)",
        f"max(0, {minus}equity)",
        f"max(0, {minus}P&L of positions {minus} k \N{MULTIPLICATION SIGN} initial margin at base)",
    ]


def test_heat_map_holds_the_worst_accounts_against_base_and_headline_scenarios(small: ReportFacts) -> None:
    heat_map = small.charts.heat_map
    assert heat_map is not None
    assert (heat_map.accounts, heat_map.scenarios) == (("a1  Alpha", "a2", "b1  Beta"), ("Base", "Crash", "Mild"))
    assert heat_map.ratios[0] == pytest.approx((1900 / 450, -1600 / 450, 800 / 450))
    assert heat_map.ratios[2] == (None, None, None)  # nothing is required of Beta
    assert heat_map.in_default[0] == (False, True, False)


@pytest.mark.parametrize(
    ("balance", "maintenance", "shortfall", "ratio"),
    [
        (245.0, 100.0, 0.0, 2.45),
        (40.0, 100.0, 60.0, 0.4),  # one pool: the same as balance / requirement
        (245.0, 100.0, 30.0, 0.7),  # a short isolated pool beside a rich cross pool
        (-50.0, 100.0, 150.0, -0.5),
        (5.0, 0.0, 0.0, None),
    ],
)
def test_a_cell_is_below_100_wherever_a_pool_is_short(balance: float, maintenance: float, shortfall: float, ratio: float | None) -> None:
    assert cell_ratio({"margin_balance": balance, "maintenance_margin": maintenance, "margin_shortfall": shortfall}) == pytest.approx(ratio)


def test_data_quality_failures_first(small: ReportFacts) -> None:
    quality = small.quality
    assert [[row[:2] for row in texts(table)] for table in (quality.rows, quality.reconciliation)] == [
        [["Pass", "positions"]],
        [["Warn", "maintenance margin"], ["Pass", "equity"]],
    ]
    assert [row[0] for row in texts(quality.checks)] == ["Warn", *["Pass"] * 4]
    assert quality.summary == "Checks: 0 failed, 2 warned, 6 passed. No account was excluded."


def test_excluded_accounts_make_lower_bounds(tmp_path: Path) -> None:
    view = facts(small_run(tmp_path / "run", resources=None, excluded=4), AUDIT)
    assert "Cover-2 at least USD 3.1m, with no resources stated to hold it against." in view.light.detail
    assert view.figures[4].note == "at least, as accounts are excluded; north + south; Crash"
    assert view.figures[6].value == "not stated"
    assert view.quality.summary.endswith("Excluded: 4 accounts, which leaves 2 owners incomplete, so totals and Cover-N are lower bounds.")


def test_a_calm_run_says_nothing_to_report_and_how_much_was_checked(tmp_path: Path) -> None:
    view = facts(generated_run(tmp_path / "run", accounts=50, calm=True), AUDIT)
    assert view.light.sentence == "No account falls below its maintenance margin in any of 24 headline scenarios that was not below it at base."
    assert view.light.detail.startswith("Nothing to report, 50 accounts checked; largest loss: ")
    assert view.accounts.rows == ()
    assert view.accounts.empty == (
        "Nothing to report: no account falls below its maintenance margin in any of 24 headline scenarios; 50 accounts checked."
    )


def test_a_run_without_headline_scenarios_lists_the_others(tmp_path: Path) -> None:
    view = facts(generated_run(tmp_path / "run", accounts=50, headline=False), AUDIT)
    assert view.light.sentence.startswith("No headline scenario was run, so only the base was judged: ")
    assert view.light.colour != "green"
    assert view.light.detail == "Nothing to report at base, 50 accounts checked; 27 other scenarios listed below for information."
    assert [figure.label for figure in view.figures] == ["Accounts below maintenance", "Margin shortfall", "Owners in default", "Data quality"]
    assert len(view.scenarios.rows) == 28
    assert {row.cells[0].text for row in view.scenarios.rows} == {"—"}


def test_tables_in_parts_read_like_one_file(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run")
    whole = facts(folder, AUDIT)
    (folder / "detail").mkdir()
    (folder / "detail.parquet").rename(folder / "detail" / "part-000000.parquet")
    assert facts(folder, AUDIT) == whole


def test_a_run_without_detail_has_no_heat_map(tmp_path: Path) -> None:
    folder = small_run(tmp_path / "run")
    (folder / "detail.parquet").unlink()
    (folder / "owner_scenario.parquet").unlink()
    view = facts(folder, AUDIT)
    assert view.charts.heat_map is None
    assert [cover.rows for cover in view.owners.covers] == [(), ()]


def test_a_folder_that_is_no_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StressTestError) as refused:
        facts(tmp_path, AUDIT)
    assert refused.value.exit_code == ExitCode.INPUT_REFUSED


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("2026-11-19T16:00:00Z", "2026-11-19 16:00 UTC"),
        ("2026-11-19T17:30:00+02:00", "2026-11-19 15:30 UTC"),
        ("2026-11-19", "2026-11-19 00:00 UTC"),
        ("Q4 close", "Q4 close"),
    ],
)
def test_moments(given: str, text: str) -> None:
    assert moment(given) == text


def test_facts_are_values(small: ReportFacts) -> None:
    assert replace(small) == small
