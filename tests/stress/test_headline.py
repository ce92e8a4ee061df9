"""Which scenario is worst, and which sets Cover-N."""

from __future__ import annotations

import polars as pl
import pytest

from stresstest.stress.headline import cover_scenario, worst_headline


def totals(*rows: tuple[str, bool, float, float, float]) -> pl.DataFrame:
    """Rows of scenario_summary in the columns that decide."""
    amounts = ("margin_shortfall", "pnl", "cover_2_uncollateralised_loss")
    schema = {"scenario_id": pl.String, "headline": pl.Boolean, **dict.fromkeys(amounts, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


BASE = ("base", False, 9.0, 0.0, 9.0)


@pytest.mark.parametrize(
    ("rows", "worst", "cover"),
    [
        ([("a", True, 1.0, -5.0, 3.0), ("b", True, 2.0, -1.0, 1.0), ("grid", False, 7.0, -9.0, 8.0)], "b", "a"),
        # Equal shortfalls: the larger loss; equal losses: the first.
        ([("a", True, 2.0, -1.0, 3.0), ("b", True, 2.0, -4.0, 3.0), ("c", True, 2.0, -4.0, 1.0)], "b", "a"),
        # Nothing short and nothing lost: there is a worst scenario, and none that sets Cover-N.
        ([("a", True, 0.0, 2.0, 0.0), ("b", True, 0.0, -1.0, 0.0)], "b", None),
        ([("grid", False, 7.0, -9.0, 8.0)], None, None),
    ],
)
def test_worst_and_cover(rows: list[tuple[str, bool, float, float, float]], worst: str | None, cover: str | None) -> None:
    table = totals(BASE, *rows)
    assert worst_headline(table) == worst
    assert cover_scenario(table, 2, "uncollateralised_loss") == cover
