"""Vols implied from the marks of American options, on the same expression that prices them."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.valuation.implied import ABOVE_BOUND, BELOW_INTRINSIC, EXPIRED, FOUND, NO_TIME_VALUE, NOISE, NOT_POSITIVE, VOL_TOO_HIGH, ImpliedVols
from stresstest.valuation.marks import american_model

Floats = npt.NDArray[np.float64]

SMALLEST = 1e-12
"""Total standard deviation below which nothing is looked for (normal vols: times the larger of F and K)."""

READ = ("forward", "strike", "sign", "inverse", "ratio", "discounting", "rate", "base_rate", "carry", "basis", "additive", "years", "scale")
"""The columns that pricing reads besides `deviation`."""


def imply_american_vols(options: pl.DataFrame, *, normal: bool, max_vol: float) -> ImpliedVols:
    """The vol at which each American option is worth its mark: lognormal, or `normal`.

    Solved by Chandrupatla's bracketing method. A lognormal vol is in (0, max_vol]. A normal one is not above sqrt(2*pi) * (z + |F - K|),
    z being the mark, undiscounted, less the intrinsic value: that holds for a European option, and an American one of the same vol is
    worth no less. A mark no higher than what exercise gives has no vol of its own: every vol up to some level explains it.

    Args:
        options: terms of options at the base state, `READ` and `mark_price`; all lognormal or all `normal`.
        normal: Bachelier instead of Black-76.
        max_vol: lognormal vols above it count as not found.
    """
    mark, forward, strike, sign, years, scale = (options[name].to_numpy() for name in ("mark_price", "forward", "strike", "sign", "years", "scale"))
    inputs = options.select(READ)
    size = np.maximum(np.abs(forward), np.abs(strike))
    noise = NOISE * scale * size
    root = np.sqrt(np.maximum(years, 0.0))
    if normal:
        beyond_intrinsic = np.maximum(mark / scale - np.maximum(sign * (forward - strike), 0.0), 0.0)
        lower, upper = SMALLEST * size, np.sqrt(2.0 * np.pi) * (beyond_intrinsic + np.abs(forward - strike)) * (1.0 + 1e-6) + 2.0 * SMALLEST * size
    else:
        lower, upper = np.full(len(mark), SMALLEST), max_vol * root
    low, _ = _priced(inputs, lower, normal=normal)
    high, bound = _priced(inputs, upper, normal=normal)
    faults = [(EXPIRED, years <= 0.0), (BELOW_INTRINSIC, mark < low - noise), (NO_TIME_VALUE, mark <= low + noise)]
    if not normal:
        faults += [(NOT_POSITIVE, np.minimum(forward, strike) <= 0.0), (ABOVE_BOUND, mark >= bound - noise), (VOL_TOO_HIGH, mark > high)]
    outcome = np.select([fault for _, fault in faults], [name for name, _ in faults], default=FOUND)
    vol = np.full(len(mark), np.nan)
    rows = np.flatnonzero(outcome == FOUND)
    if len(rows):
        from scipy.optimize import elementwise  # half of the time that the engine's imports take, and only options need it

        excess = partial(_excess, inputs=inputs, mark=mark, normal=normal)
        result = elementwise.find_root(excess, (lower[rows], upper[rows]), args=(rows.astype(np.float64),))
        vol[rows] = np.where(result.success, result.x / root[rows], np.nan)
        # At a time value next to rounding the bracket can fail to change sign.
        outcome[rows[~np.asarray(result.success)]] = NO_TIME_VALUE
    return ImpliedVols(vol, tuple(outcome.tolist()))


def _excess(deviation: Floats, row: Floats, *, inputs: pl.DataFrame, mark: Floats, normal: bool) -> Floats:
    rows = row.astype(np.int64)
    price, _ = _priced(inputs[rows], deviation, normal=normal)
    return price - mark[rows]


def _priced(inputs: pl.DataFrame, deviation: Floats, *, normal: bool) -> tuple[Floats, Floats]:
    """Price and bound at total standard deviations."""
    prices = inputs.with_columns(deviation=pl.Series(deviation, dtype=pl.Float64)).select(price=american_model(normal=normal)).unnest("price")
    return prices["value"].to_numpy(), prices["bound"].to_numpy()
