"""The executive figures over scenarios that have a weight: expected shortfall of the book, and how many accounts may fail."""

from __future__ import annotations

from typing import Any

import polars as pl

from stresstest.results.documents import Document

SHOWN_LEVEL = 0.975
"""The level that sentences and the histogram speak of: that of the Basel Committee's market risk standard (MAR33)."""


class TailFigures(Document):
    """The book's loss over a family of weighted scenarios at one level, in reporting currency; standard errors are null where draws do not reach."""

    level: float
    value_at_risk: float
    expected_shortfall: float
    expected_shortfall_standard_error: float | None
    scenarios_in_tail: int


class DrawFigures(Document):
    """One family of weighted scenarios. Probabilities are weights over `stated_weight`; `effective_scenarios` is 1 / sum of their squares.

    `expected_*` are means over the family, in reporting currency; `accounts_that_may_fail` are in liquidation or default in some of its scenarios,
    `accounts_likely_to_fail` in half of them or more, by probability.
    """

    family: str
    horizon_days: float
    scenarios: int
    effective_scenarios: float
    stated_weight: float
    expected_loss: float
    tails: tuple[TailFigures, ...]
    expected_margin_shortfall: float
    expected_uncollateralised_loss: float
    probability_of_a_default: float
    probability_of_a_default_standard_error: float
    accounts_that_may_fail: int
    accounts_likely_to_fail: int


def draw_figures(statistics: pl.DataFrame, accounts: pl.DataFrame) -> tuple[DrawFigures, ...]:
    """The figures of a run from its tables `draw_statistics` and `account_probabilities`, a family after the other in the order of the table."""
    found = []
    for family, horizon in statistics.select("family", "horizon_days").unique(maintain_order=True).iter_rows():
        own = (pl.col("family") == family) & (pl.col("horizon_days") == horizon)
        records = statistics.filter(own).to_dicts()
        rows: dict[tuple[str, str, float | None], dict[str, Any]] = {(row["figure"], row["measure"], row["level"]): row for row in records}
        first = records[0]
        failing = accounts.filter(own)["p_liquidation"]
        default = rows["owners_in_default", "probability", None]
        levels = sorted(level for figure, measure, level in rows if figure == "loss" and measure == "expected_shortfall" and level is not None)
        found.append(
            DrawFigures(
                family=family,
                horizon_days=horizon,
                scenarios=first["scenarios"],
                effective_scenarios=first["effective_scenarios"],
                stated_weight=first["stated_weight"],
                expected_loss=rows["loss", "mean", None]["value"],
                tails=tuple(_tail(level, rows["loss", "value_at_risk", level], rows["loss", "expected_shortfall", level]) for level in levels),
                expected_margin_shortfall=rows["margin_shortfall", "mean", None]["value"],
                expected_uncollateralised_loss=rows["uncollateralised_loss", "mean", None]["value"],
                probability_of_a_default=default["value"],
                probability_of_a_default_standard_error=default["standard_error"],
                accounts_that_may_fail=int((failing > 0.0).sum()),
                accounts_likely_to_fail=int((failing >= 0.5).sum()),
            )
        )
    return tuple(found)


def _tail(level: float, risk: dict[str, Any], shortfall: dict[str, Any]) -> TailFigures:
    return TailFigures(
        level=level,
        value_at_risk=risk["value"],
        expected_shortfall=shortfall["value"],
        expected_shortfall_standard_error=shortfall["standard_error"],
        scenarios_in_tail=shortfall["scenarios_in_tail"],
    )
