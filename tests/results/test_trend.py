from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from results.history_case import FRIDAY, NIGHT, STANDING, written_run

from stresstest.results.documents import read_document
from stresstest.results.history import add, read_runs
from stresstest.results.history_rows import figures_of_run
from stresstest.results.identity import Identity
from stresstest.results.summary import Summary
from stresstest.results.trend import series, trend_table, year_before
from stresstest.tables import TREND

DAY = timedelta(days=1)
OTHER = STANDING | {"scenarios": "6" * 64}


@pytest.mark.parametrize(
    ("moment", "before"),
    [
        (datetime(2026, 11, 13, 21, tzinfo=UTC), datetime(2025, 11, 13, 21, tzinfo=UTC)),
        (datetime(2028, 2, 29, 21, tzinfo=UTC), datetime(2027, 2, 28, 21, tzinfo=UTC)),
    ],
)
def test_a_year_before(moment: datetime, before: datetime):
    assert year_before(moment) == before


def test_of_a_moment_the_run_of_the_same_specification_that_ended_last_counts(tmp_path: Path):
    history = tmp_path / "history"
    for name, asked, hours, cover in (("first", STANDING, 1, 1.0), ("again", STANDING, 2, 2.0), ("ad hoc", OTHER, 3, 3.0)):
        add(written_run(tmp_path / name, asked=asked, finished=FRIDAY + hours * NIGHT, cover_2=cover), history)
    runs = read_runs(history).table
    standing, other = (runs.filter(pl.col("cover_2_stress_loss_over_margin") == cover)["specification"][0] for cover in (1.0, 3.0))
    assert series(runs, standing)["cover_2_stress_loss_over_margin"].to_list() == [2.0]
    assert series(runs, other)["cover_2_stress_loss_over_margin"].to_list() == [3.0]
    assert series(runs, "of a later day")["cover_2_stress_loss_over_margin"].to_list() == [3.0]
    assert series(runs.reverse(), standing).equals(series(runs, standing))


def test_the_trend_is_twelve_months_of_the_book_and_the_run_itself(tmp_path: Path):
    history = tmp_path / "history"
    year = timedelta(days=365)  # from 13 November 2025 to 13 November 2026
    for name, days, book, currency, asked in (
        ("a year ago", year, "Meridian Exchange", "USD", STANDING),
        ("just within", year - NIGHT, "Meridian Exchange", "USD", STANDING),
        ("other scenarios", 2 * DAY, "Meridian Exchange", "USD", OTHER),
        ("another book", DAY, "Another", "USD", STANDING),
        ("another currency", DAY, "Meridian Exchange", "EUR", STANDING),
        ("the same moment", 0 * DAY, "Meridian Exchange", "USD", STANDING),
        ("later", -DAY, "Meridian Exchange", "USD", STANDING),
    ):
        add(written_run(tmp_path / name, FRIDAY - days, book=book, currency=currency, asked=asked), history)
    own = written_run(tmp_path / "own", cover_2=5.0)
    row = figures_of_run(read_document(Summary, own / "summary.json"), read_document(Identity, own / "result.json"))
    trend = trend_table(read_runs(history).table, row)
    assert tuple(trend.columns) == TREND.names
    assert trend["as_of"].to_list() == [FRIDAY - year + NIGHT, FRIDAY - 2 * DAY, FRIDAY]
    assert trend["cover_2_stress_loss_over_margin"].to_list() == [100.0, 100.0, 5.0]
