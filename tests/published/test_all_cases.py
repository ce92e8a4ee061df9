"""Every published case: those that need no feature to come give the published figures; the page lists all of them truly."""

from __future__ import annotations

import pytest
from oracle.comparing import compare, read_tables
from oracle.totals import run_folder
from published import typed_perpetuals, typed_portfolios, typed_tokens_and_options, validation
from published.case_book import CaseBook, Outcome, Row, Runs
from published.listing import PAGE, current
from published.venues import COLLECTION, VENUES, Results, collection, outcomes

pytestmark = pytest.mark.skipif(not COLLECTION.exists(), reason="the collection of published cases is not part of the repository")

FILES = collection()
BOOK = CaseBook()
OUTCOMES: dict[str, Outcome] = outcomes(FILES, BOOK)
HARDLY_A_TIME_VALUE = ("pmrm1-port-11", "pmrm1-port-33")
"""Puts 6.6 standard deviations in the money: four digits of their marks are time value, and so many of their vols are known."""
RUNNING = {case: outcome for case, outcome in OUTCOMES.items() if isinstance(outcome, Runs)}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return Results(BOOK, tmp_path_factory.mktemp("published"))


def test_no_venue_is_left_out() -> None:
    assert sorted(VENUES) == sorted(path.stem for path in COLLECTION.glob("*.json"))
    assert len(RUNNING) >= 374


def test_the_page_lists_every_case_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert current(page, FILES, OUTCOMES) == page, "run python -m published.listing in the folder tests"


def test_the_reference_agrees(results: Results) -> None:
    differences = compare(read_tables(results.folder), run_folder(results.inputs))
    assert [line for line in differences if not any(case in line for case in HARDLY_A_TIME_VALUE)] == []


def test_the_published_figures_come_out(results: Results) -> None:
    """All in one test: shared out over test processes, each of them would run the whole book."""
    assert {case: wrong for case, outcome in RUNNING.items() if (wrong := results.wrong(outcome))} == {}


def test_the_validation_page_is_true(results: Results) -> None:
    page = validation.PAGE.read_text(encoding="utf-8")
    stated, errors = validation.stated(page), validation.measured(FILES, OUTCOMES, results)
    assert {name for name in FILES if errors[name].absolute > stated[name].absolute or errors[name].of_tolerance > stated[name].of_tolerance} == set()
    assert validation.current(page, FILES, OUTCOMES, stated) == page, "run python -m published.validation in the folder tests"


def part_of(typed: object, whole: object) -> bool:
    """Every key of the typed document is in the whole one with the same value; lists may leave cases out."""
    if isinstance(typed, dict) and isinstance(whole, dict):
        return all(key in whole and part_of(value, whole[key]) for key, value in typed.items() if key not in ("source", "cases"))
    return typed == whole


@pytest.mark.parametrize("typed", [typed_perpetuals.FILES, typed_portfolios.FILES, typed_tokens_and_options.FILES])
def test_the_typed_cases_are_those_of_the_collection(typed: dict[str, Row]) -> None:
    for name, file in typed.items():
        assert part_of(file, FILES[name]), name
        whole = {case["id"]: case for case in FILES[name]["cases"]}
        assert [case["id"] for case in file["cases"] if not part_of(case, whole[case["id"]])] == []
