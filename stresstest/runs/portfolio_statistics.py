"""Statistics of the portfolio, where a run makes them: concentration, days to liquidate, distributions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from stresstest.config import RunFile
from stresstest.results.store import read_table, write_table
from stresstest.tables import ACCOUNT_SUMMARY, CONCENTRATION, CONCENTRATION_OWNERS, DAYS_TO_LIQUIDATE, DISTRIBUTION

if TYPE_CHECKING:
    from stresstest.runs.planning import Plan
    from stresstest.runs.writing import Valued

_FIGURES = ("equity", "margin_balance", "maintenance_margin", "margin_shortfall")
_COLUMNS = (
    "account_id", "gross_notional", *_FIGURES,
    "worst_headline_scenario_id", "worst_headline_status", *(f"worst_headline_{each}" for each in _FIGURES),
)  # fmt: skip


def asks_for_statistics(settings: RunFile) -> bool:
    """Whether the run file wants these tables even where no report is made: it states `statistics`, or has limits, which may be about them."""
    return "statistics" in settings.model_fields_set or bool(settings.limits)


def write_statistics(plan: Plan, result: Path, valued: Valued) -> None:
    """Write the tables `tables.STATISTICS_TABLES`, from the book and the `account_summary` in the folder."""
    from stresstest.stress.concentration import concentration, daily_capacity
    from stresstest.stress.distribution import distribution
    from stresstest.stress.exposures import exposures
    from stresstest.stress.liquidation_days import days_to_liquidate

    dimensions, notional, asked = valued.book.dimensions, valued.units.notional, plan.settings.statistics
    stored = read_table(result, ACCOUNT_SUMMARY.name, _COLUMNS)
    accounts = dimensions.accounts.select("account_id").join(stored, on="account_id", how="left", maintain_order="left")
    states = pl.Series(valued.resolved.ids, dtype=pl.String)
    worst = (
        accounts["worst_headline_scenario_id"].replace_strict(states, pl.Series(range(len(states))), default=0, return_dtype=pl.Int64).fill_null(0)
    )
    capacity = daily_capacity(dimensions, asked.volume_share)
    found = exposures(valued.book, notional, capacity, worst.to_numpy())
    base = np.ascontiguousarray(notional[:, 0])
    tables = concentration(dimensions, found, base, capacity, asked.top)
    for table, frame in (
        (CONCENTRATION, tables.concentration),
        (CONCENTRATION_OWNERS, tables.concentration_owners),
        (DISTRIBUTION, distribution(accounts, found.elsewhere)),
        (DAYS_TO_LIQUIDATE, days_to_liquidate(dimensions, found.longest, accounts)),
    ):
        write_table(frame, table, result / f"{table.name}.parquet", plan.scenarios.ids)
