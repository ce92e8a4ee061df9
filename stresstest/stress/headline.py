"""Which headline scenario of a run is the worst, and which ones set Cover-N: one rule for summary, tables and report."""

from __future__ import annotations

from typing import Literal

import polars as pl

Basis = Literal["stress_loss_over_margin", "uncollateralised_loss"]
BASES: tuple[Basis, ...] = ("stress_loss_over_margin", "uncollateralised_loss")


def worst_headline(scenario_summary: pl.DataFrame) -> str | None:
    """The headline scenario with the largest margin shortfall; among equals the largest loss, then the first. None without a headline scenario.

    Args:
        scenario_summary: the table, in file order.
    """
    order = scenario_summary.filter("headline").sort("margin_shortfall", "pnl", descending=[True, False], maintain_order=True)
    return str(order["scenario_id"][0]) if order.height else None


def cover_scenario(scenario_summary: pl.DataFrame, n: Literal[1, 2], basis: Basis) -> str | None:
    """The headline scenario that sets Cover-N, the first of several; None where no owner loses anything."""
    headline = scenario_summary.filter("headline")
    amounts = headline[f"cover_{n}_{basis}"]
    if not headline.height or amounts.max() == 0.0:
        return None
    return str(headline["scenario_id"][int(amounts.arg_max() or 0)])
