"""How leverage and margin ratio are spread over accounts: buckets, quantiles, and the accounts that have no value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.stress.tolerance import RELATIVE_TOLERANCE, TOLERANCE
from stresstest.tables import DISTRIBUTION

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Row = dict[str, str | int | float | None]

EDGES: Mapping[str, tuple[float, ...]] = {
    "leverage": (1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0),
    "margin_ratio": (0.0, 0.5, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
}
"""Where one bucket ends and the next begins; an edge belongs to the bucket above it. A margin ratio of 1 is where liquidation starts."""

LOWEST: Mapping[str, float | None] = {"leverage": 0.0, "margin_ratio": None}
"""Where the first bucket begins; None: nowhere."""

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)

NO_EQUITY, NO_POSITIONS, NO_REQUIREMENT = "equity zero or below", "no positions", "no requirement"


def distribution(accounts: pl.DataFrame, stressed_notional: Floats) -> pl.DataFrame:
    """The table `distribution`.

    Leverage is gross notional / equity; margin ratio is margin balance / maintenance margin, and where a pool of the account is short
    1 - margin shortfall / maintenance margin, since what another pool has to spare does not cover it. What is divided by is nothing up to
    max(0.01, 1e-9 * gross notional), as it is for a status: a rest of rounding would make any leverage.

    Args:
        accounts: of `account_summary`, in the order of the accounts: gross_notional, and equity, margin_balance, maintenance_margin and
            margin_shortfall at base and with the prefix `worst_headline_` (null without headline scenarios).
        stressed_notional: gross notional of every account in that scenario, reporting currency.
    """
    rows = _state("base", accounts, "", accounts["gross_notional"].to_numpy())
    if accounts.height and accounts["worst_headline_equity"].null_count() == 0:
        rows += _state("worst_headline", accounts, "worst_headline_", stressed_notional)
    return pl.DataFrame(rows, schema_overrides={"lower": pl.Float64, "upper": pl.Float64, "reason": pl.String}).select(DISTRIBUTION.names)


def _state(state: str, accounts: pl.DataFrame, prefix: str, gross: Floats) -> list[Row]:
    equity, balance, required, short = (
        accounts[prefix + name].to_numpy() for name in ("equity", "margin_balance", "maintenance_margin", "margin_shortfall")
    )
    # The first reason that holds is the one that is told.
    nothing = np.maximum(TOLERANCE, RELATIVE_TOLERANCE * gross)
    leverage = {NO_EQUITY: equity <= nothing, NO_POSITIONS: gross <= 0.0}
    ratio = {NO_REQUIREMENT: required <= nothing}
    covered = np.where(short > 0.0, required - short, balance)
    return [*_spread("leverage", state, gross, equity, gross, leverage), *_spread("margin_ratio", state, covered, required, gross, ratio)]


def _spread(measure: str, state: str, above: Floats, below: Floats, gross: Floats, apart: Mapping[str, Flags]) -> list[Row]:
    """The rows of one measure, above / below, in one state."""
    blank: Row = dict.fromkeys(DISTRIBUTION.names) | {"measure": measure, "state": state}
    left = np.ones(len(above), dtype=np.bool_)
    rows: list[Row] = []
    for place, (reason, flags) in enumerate(apart.items(), 1):
        told = gross[left & flags]
        left &= ~flags
        # Running sums are taken one after the other, unlike numpy's own sum of an array.
        amount = float(np.cumsum(told)[-1]) if len(told) else 0.0
        rows.append(blank | {"kind": "apart", "place": place, "reason": reason, "accounts": len(told), "gross_notional": amount})
    values, held = above[left] / below[left], gross[left]
    edges = EDGES[measure]
    inside = np.searchsorted(edges, values, side="right")
    counts, amounts = np.bincount(inside, minlength=len(edges) + 1), np.bincount(inside, weights=held, minlength=len(edges) + 1)
    for place, (lower, upper) in enumerate(zip((LOWEST[measure], *edges), (*edges, None), strict=True)):
        bounds = {"place": place + 1, "lower": lower, "upper": upper}
        rows.append(blank | {"kind": "bucket", **bounds, "accounts": int(counts[place]), "gross_notional": float(amounts[place])})
    if not len(values):
        return rows
    # Smallest value with at least that share of accounts at or below: the value of an account, and whole numbers all the way.
    ranks = [-(-percent * len(values) // 100) - 1 for percent in PERCENTILES]
    found = np.partition(values, ranks)[ranks]
    inside = np.searchsorted(found, values, side="left")
    counts, amounts = (np.cumsum(np.bincount(inside, weights=each, minlength=len(found) + 1)) for each in (None, held))
    # Of equal quantiles the first has all accounts of that value, and so have the others.
    for place, percent in enumerate(PERCENTILES):
        told_of = {"place": place + 1, "level": percent / 100, "value": float(found[place])}
        rows.append(blank | {"kind": "quantile", **told_of, "accounts": int(counts[place]), "gross_notional": float(amounts[place])})
    return rows
