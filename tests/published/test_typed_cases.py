"""A part of the published cases, typed with their sources: it runs wherever the repository is."""

from __future__ import annotations

import pytest
from oracle.comparing import compare, read_tables
from oracle.totals import run_folder
from published import typed_perpetuals, typed_portfolios, typed_tokens_and_options
from published.case_book import CaseBook, Outcome, Runs
from published.venues import VENUES, Results, outcomes

BOOK = CaseBook()
FILES = typed_perpetuals.FILES | typed_portfolios.FILES | typed_tokens_and_options.FILES
OUTCOMES: dict[str, Outcome] = outcomes(FILES, BOOK)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(BOOK, tmp_path_factory.mktemp("typed"))


def test_every_venue_with_running_cases_has_typed_ones() -> None:
    assert set(VENUES) == set(FILES)


def test_the_reference_agrees(results: Results) -> None:
    assert compare(read_tables(results.folder), run_folder(results.inputs)) == []


def test_the_published_figures_come_out(results: Results) -> None:
    """All in one test: shared out over test processes, each of them would run the whole book."""
    found = {case: results.wrong(outcome) if isinstance(outcome, Runs) else ["does not run"] for case, outcome in OUTCOMES.items()}
    assert {case: wrong for case, wrong in found.items() if wrong} == {}


def test_a_wrong_figure_is_noticed(results: Results) -> None:
    """Nothing passes because nothing is compared: with balances a hundredth higher and requirements a hundredth lower each figure is wrong."""
    for case, outcome in OUTCOMES.items():
        assert isinstance(outcome, Runs)
        for check in outcome.checks:
            if not isinstance(check.expected, bool):
                moved = {name: _moved(name, value) if isinstance(value, float) else value for name, value in results.row(check).items()}
                assert check.wrong(moved) is not None, (case, check.what)


def _moved(name: str, value: float) -> float:
    by = 1.0 + 0.01 * abs(value)
    return value - by if name.endswith("_margin") else value + by
