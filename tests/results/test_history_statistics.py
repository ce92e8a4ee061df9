from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from results.history_case import FRIDAY, NIGHT, STANDING, written_run

from stresstest.results.history import add, read_runs
from stresstest.results.history_statistics import COVERAGE, TRACKED, FigureStatistics, book_histories, disclosures, window
from stresstest.results.store import polars_schema
from stresstest.tables import RUNS, STATUSES

DAY = timedelta(days=1)
PLAIN: dict[str, Any] = {"string": "x", "float": 0.0, "integer": 0, "timestamp": FRIDAY, "string list": []}


def table(*moments: tuple[datetime, float | None, float | None]) -> pl.DataFrame:
    """Rows of `runs`: moment, Cover-1 by stress loss over margin (Cover-2: twice as much), resources."""
    plain = {column.name: PLAIN[column.type] for column in RUNS.columns}
    rows = [
        plain
        | {
            "as_of": moment,
            "finished": moment + NIGHT,
            "resources": resources,
            "cover_1_stress_loss_over_margin": cover,
            "cover_2_stress_loss_over_margin": None if cover is None else 2 * cover,
            "cover_1_scenario_id_stress_loss_over_margin": f"of {moment:%d}",
            "cover_2_scenario_id_stress_loss_over_margin": f"two of {moment:%d}",
        }
        for moment, cover, resources in moments
    ]
    return pl.DataFrame(rows, schema=polars_schema(RUNS))


def statistics(counted: pl.DataFrame, days: int, name: str) -> FigureStatistics:
    (found,) = [each for each in window(counted, days).figures if each.figure == name]
    return found


def test_every_figure_that_is_followed_is_a_column():
    assert {each.name for each in TRACKED} - {COVERAGE} <= set(RUNS.names)
    assert {f"worst_accounts_{status}" for status in STATUSES[1:]} <= {each.name for each in TRACKED}


def test_a_window_ends_at_the_newest_moment_and_begins_after_its_days():
    counted = table((FRIDAY - 30 * DAY, 900.0, 1.0), (FRIDAY - 30 * DAY + NIGHT, 10.0, 1.0), (FRIDAY - DAY, 40.0, 1.0), (FRIDAY, 20.0, 1.0))
    month = window(counted, 30)
    assert (month.after, month.until, month.moments) == (FRIDAY - 30 * DAY, FRIDAY, 3)
    found = statistics(counted, 30, "cover_1_stress_loss_over_margin")
    assert (found.newest, found.peak, found.peak_as_of, found.moments) == (20.0, 40.0, FRIDAY - DAY, 3)
    assert found.mean == pytest.approx(70.0 / 3, rel=1e-15)
    longer = statistics(counted, 31, "cover_1_stress_loss_over_margin")
    assert (longer.peak, longer.mean) == (900.0, 242.5)


def test_the_first_of_equal_peaks_and_nothing_of_moments_without_the_figure():
    counted = table((FRIDAY - 2 * DAY, 7.0, None), (FRIDAY - DAY, 7.0, 0.0), (FRIDAY, None, 5.0))
    found = statistics(counted, 30, "cover_1_stress_loss_over_margin")
    assert (found.moments, found.newest, found.peak, found.peak_as_of, found.mean) == (2, None, 7.0, FRIDAY - 2 * DAY, 7.0)
    coverage = statistics(counted, 30, COVERAGE)  # resources are not stated, zero, or nobody was judged
    assert (coverage.moments, coverage.peak, coverage.mean) == (0, None, None)


def test_coverage_is_of_the_resources_of_the_same_run():
    counted = table((FRIDAY - DAY, 30.0, 40.0), (FRIDAY, 30.0, 80.0))  # Cover-2 of 60
    found = statistics(counted, 30, COVERAGE)
    assert (found.peak, found.newest, found.mean) == (1.5, 0.75, 1.125)


def test_disclosure_counters():
    """Cover-1: 10, 60 and 45, 30, 50 on four days; resources 40 but for the last day, which states none; Cover-2 is twice as much."""
    counted = table(
        (FRIDAY - 365 * DAY, 999.0, 1.0),  # a year before: outside
        (FRIDAY - 9 * DAY, 10.0, 40.0),
        (FRIDAY - 8 * DAY, 60.0, 40.0),
        (FRIDAY - 8 * DAY + NIGHT, 45.0, 40.0),
        (FRIDAY - 7 * DAY, 30.0, 40.0),
        (FRIDAY, 50.0, None),
    )
    one, two = disclosures(counted)
    assert (one.number, one.figure, two.number, two.figure) == (
        "4.4.3",
        "cover_1_stress_loss_over_margin",
        "4.4.7",
        "cover_2_stress_loss_over_margin",
    )
    assert (one.after, one.until, one.first, one.days) == (FRIDAY - 365 * DAY, FRIDAY, FRIDAY - 9 * DAY, 4)
    assert (one.peak, one.peak_as_of, one.peak_scenario_id, one.mean, one.newest) == (60.0, FRIDAY - 8 * DAY, "of 05", 39.0, 50.0)
    assert (one.days_above, one.days_unknown, one.largest_excess, one.largest_excess_as_of) == (1, 1, 20.0, FRIDAY - 8 * DAY)
    assert (two.peak, two.peak_scenario_id, two.mean, two.days_above, two.largest_excess) == (120.0, "two of 05", 78.0, 2, 80.0)
    assert not one.lower_bound


def test_equal_to_the_resources_is_not_above_them():
    one, _ = disclosures(table((FRIDAY, 40.0, 40.0)))
    assert (one.days_above, one.days_unknown, one.largest_excess) == (0, 0, None)


def test_excluded_accounts_make_a_lower_bound():
    one, two = disclosures(table((FRIDAY - DAY, 1.0, 1.0), (FRIDAY, 1.0, 1.0)).with_columns(pl.Series("excluded_accounts", [2, 0])))
    assert one.lower_bound
    assert two.lower_bound


def test_a_book_that_was_never_judged_has_no_counters():
    one, _ = disclosures(table((FRIDAY, None, 5.0)))
    assert (one.days, one.first, one.peak, one.mean, one.peak_scenario_id, one.days_above) == (0, None, None, None, None, 0)


amounts = st.lists(
    st.tuples(st.integers(0, 400), st.none() | st.floats(0, 1e9), st.none() | st.floats(0, 1e9)),
    min_size=1,
    max_size=12,
    unique_by=lambda each: each[0],
)


@settings(max_examples=40)
@given(amounts, st.integers(1, 400))
def test_windows_and_counters_against_plain_sums(moments: list[tuple[int, float | None, float | None]], days: int):
    """By fractions, day by day: every moment is of another day."""
    moments = sorted(moments, reverse=True)
    newest = FRIDAY - min(age for age, _, _ in moments) * DAY
    counted = table(*((FRIDAY - age * DAY, cover, resources) for age, cover, resources in moments))
    within = [(FRIDAY - age * DAY, cover, resources) for age, cover, resources in moments if cover is not None]
    recent = [cover for moment, cover, _ in within if newest - moment < days * DAY]
    found = statistics(counted, days, "cover_1_stress_loss_over_margin")
    assert found.moments == len(recent)
    assert found.peak == max(recent, default=None)
    if recent:
        assert found.mean == pytest.approx(float(sum(map(Fraction, recent)) / len(recent)), rel=1e-15)
    year = [(cover, resources) for moment, cover, resources in within if newest - moment < 365 * DAY]  # no 29 February between
    one, _ = disclosures(counted)
    excesses = [cover - resources for cover, resources in year if resources is not None and cover > resources]
    assert (one.days, one.days_above, one.largest_excess) == (len(year), len(excesses), max(excesses, default=None))
    assert one.days_unknown == sum(resources is None for _, resources in year)


def test_books_and_currencies_are_told_apart_and_what_does_not_count_is_said(tmp_path: Path):
    history = tmp_path / "history"
    other = STANDING | {"margin": "7" * 64}
    for number, (book, currency, moment, hours, asked) in enumerate(
        [
            ("b", "USD", FRIDAY - DAY, 1, STANDING),
            ("b", "USD", FRIDAY, 1, other),
            ("b", "USD", FRIDAY, 2, STANDING),
            ("b", "EUR", FRIDAY, 1, STANDING),
            ("a", "USD", FRIDAY, 1, STANDING),
        ]
    ):
        add(written_run(tmp_path / str(number), moment, book=book, currency=currency, finished=moment + hours * NIGHT, asked=asked), history)
    found = book_histories(read_runs(history).table, (30,))
    assert [(each.book, each.reporting_currency, len(each.runs)) for each in found] == [("a", "USD", 1), ("b", "EUR", 1), ("b", "USD", 3)]
    assert [(row["as_of"], row["finished"] - row["as_of"], row["counts"]) for row in found[2].runs] == [
        (FRIDAY, 2 * NIGHT, True),
        (FRIDAY, NIGHT, False),
        (FRIDAY - DAY, NIGHT, True),
    ]
    assert [each.moments for each in found[2].windows] == [2]


def test_days_are_those_of_utc():
    late = datetime(2026, 11, 13, 23, 30, tzinfo=UTC)
    one, _ = disclosures(table((late, 2.0, 1.0), (late + NIGHT, 2.0, 1.0)))
    assert (one.days, one.days_above) == (2, 2)
