"""The cascade of a run among its executive figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import polars as pl

from stresstest.results.documents import Document
from stresstest.results.store import files_of, read_table
from stresstest.tables import CASCADE_SUMMARY, WATERFALL

Tables = Mapping[str, pl.DataFrame]


class CascadeFigures(Document):
    """The headline scenario that leaves accounts furthest below zero after its liquidations, among equals with the largest feedback loss, then the
    first; reporting currency. `floored_assets`: held at floor or ceiling; `assets_without_impact`: traded without moving their price.
    `uncovered`: what no layer of the waterfall pays. `not_converged`: headline scenarios that had not come to rest.
    """

    scenario_id: str
    rounds: int
    converged: bool
    accounts_liquidated_direct: int
    accounts_liquidated_feedback: int
    notional_sold: float
    direct_loss: float
    feedback_loss: float
    amplification: float | None
    uncollateralised_loss_static: float
    uncollateralised_loss: float
    owners_in_default_static: int
    owners_in_default: int
    cover_1: float
    cover_2: float
    floored_assets: int
    assets_without_impact: int
    uncovered: float
    not_converged: int


def cascade_tables(folder: Path) -> Tables | None:
    """The tables that the figures are made of; None for a run without a cascade."""
    if not files_of(folder, CASCADE_SUMMARY.name):
        return None
    return {table.name: read_table(folder, table.name) for table in (CASCADE_SUMMARY, WATERFALL)}


def worst_cascade(summary: pl.DataFrame) -> str | None:
    """Id of the scenario that `CascadeFigures` are about; None where no headline scenario liquidates anybody."""
    rows = [row for row in summary.to_dicts() if row["headline"] and row["rounds"]]
    worst = max(rows, key=lambda row: (round(row["uncollateralised_loss"], 2), row["feedback_loss"]), default=None)
    return None if worst is None else str(worst["scenario_id"])


def cascade_figures(tables: Tables | None) -> CascadeFigures | None:
    """The figures of a run; None without a cascade, or where no headline scenario liquidates anybody."""
    found = None if tables is None else worst_cascade(tables[CASCADE_SUMMARY.name])
    if tables is None or found is None:
        return None
    summary, layers = tables[CASCADE_SUMMARY.name], tables[WATERFALL.name]
    row = summary.filter(scenario_id=found).row(0, named=True)
    uncovered = layers.filter(pl.col("scenario_id") == found, pl.col("layer") == "uncovered")["used"]
    figures = {name: row[name] for name in CascadeFigures.model_fields if name in row}
    return CascadeFigures(**figures, uncovered=float(uncovered.sum()), not_converged=summary.filter(pl.col("headline") & ~pl.col("converged")).height)


class DefaultsByFeedback(NamedTuple):
    """Headline scenarios in which more owners are in default after the cascade than before it; that with most more, and how many."""

    scenarios: int
    worst: str
    owners: int


NO_DEFAULTS = DefaultsByFeedback(0, "", 0)


def defaults_by_feedback(tables: Tables) -> DefaultsByFeedback:
    """What the light says of a cascade."""
    rows = tables[CASCADE_SUMMARY.name].filter("headline").to_dicts()
    more = [(row["owners_in_default"] - row["owners_in_default_static"], row["scenario_id"]) for row in rows]
    found = [each for each in more if each[0] > 0]
    most, worst = max(found, key=lambda each: each[0], default=(0, ""))
    return DefaultsByFeedback(len(found), worst, most)
