"""The tables per scenario: totals, counts, Cover-1 and Cover-2, the largest owners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.kernels.lanes import Lanes
from stresstest.margin.kernels.totals import TOP, Totals
from stresstest.scenarios.scenario_set import Scenario
from stresstest.snapshot.book import Dimensions
from stresstest.stress.headline import BASES
from stresstest.stress.rows import measures, words
from stresstest.tables import OWNER_SCENARIO, SCENARIO_SUMMARY, STATUSES


def _names(names: pl.Series, codes: npt.NDArray[np.int32]) -> pl.Series:
    return words(tuple(names.gather(np.maximum(codes, 0).astype(np.uint32))), np.where(codes >= 0, np.arange(len(codes)), -1))


def _top(lanes: Lanes, totals: Totals) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int32]]:
    """Largest losses and owners, [bases, TOP, S]; an owner without a loss is -1."""
    loss = np.asarray(lanes.unpack(np.moveaxis(totals.top_loss, 0, -2)), dtype=np.float64)
    owner = np.asarray(lanes.unpack(np.moveaxis(totals.top_owner, 0, -2)), dtype=np.int32)
    return loss, np.where(loss > 0.0, owner, np.int32(-1))


def scenario_summary(lanes: Lanes, totals: Totals, scenarios: tuple[Scenario, ...], dimensions: Dimensions) -> pl.DataFrame:
    """The table `scenario_summary`, in file order, base first."""
    figures = np.asarray(lanes.unpack(np.moveaxis(totals.figures, 0, -2)), dtype=np.float64).T
    counts = totals.statuses.copy()
    counts[:, 0] += totals.all_ok[:, np.newaxis]
    statuses = np.asarray(lanes.unpack(np.moveaxis(counts, 0, -2)))
    loss, owner = _top(lanes, totals)
    largest = np.asarray(lanes.unpack(totals.largest), dtype=np.float64)
    columns: dict[str, object] = {
        "scenario_id": [scenario.id for scenario in scenarios],
        "name": [scenario.name for scenario in scenarios],
        "family": [scenario.family for scenario in scenarios],
        "headline": [scenario.headline and k > 0 for k, scenario in enumerate(scenarios)],
        "horizon_days": [float(scenario.horizon_days) for scenario in scenarios],
        "weight": pl.Series([scenario.weight for scenario in scenarios], dtype=pl.Float64),
        **measures(figures, np.broadcast_to(figures[0, :2], (len(figures), 2))),
        **{f"accounts_{status}": statuses[k].astype(np.int64) for k, status in enumerate(STATUSES)},
        "accounts_newly_breached": np.asarray(lanes.unpack(totals.newly), dtype=np.int64),
        "owners_in_default": np.asarray(lanes.unpack(totals.owners_in_default), dtype=np.int64),
        "largest_account_id": _names(dimensions.accounts["account_id"], np.asarray(lanes.unpack(totals.largest_account), dtype=np.int32)),
        "largest_account_margin_shortfall": largest,
    }
    for b, basis in enumerate(BASES):
        for n in (1, 2):
            # Left to right: the same order whatever the number of owners.
            columns[f"cover_{n}_{basis}"] = loss[b, 0] if n == 1 else loss[b, 0] + loss[b, 1]
            columns[f"cover_owner_{n}_{basis}"] = _names(dimensions.owners["owner_id"], owner[b, n - 1])
    return pl.DataFrame(columns).select(SCENARIO_SUMMARY.names)


def owner_scenario(lanes: Lanes, totals: Totals, scenarios: tuple[Scenario, ...], dimensions: Dimensions) -> pl.DataFrame:
    """The table `owner_scenario`: the largest owner losses of each scenario."""
    loss, owner = _top(lanes, totals)
    basis, rank, scenario = np.nonzero(owner >= 0)
    order = np.lexsort((rank, basis, scenario))
    basis, rank, scenario = basis[order], rank[order], scenario[order]
    assert rank.max(initial=0) < TOP
    return pl.DataFrame(
        {
            "scenario_id": words(tuple(scenario_.id for scenario_ in scenarios), scenario),
            "basis": words(BASES, basis),
            "rank": (rank + 1).astype(np.int64),
            "owner_id": dimensions.owners["owner_id"].gather(owner[basis, rank, scenario].astype(np.uint32)),
            "loss": loss[basis, rank, scenario],
        }
    ).select(OWNER_SCENARIO.names)
