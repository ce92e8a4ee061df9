"""Vols implied from marks, all options at once, and what to do where there is no root."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.valuation.black import time_value

Floats = npt.NDArray[np.float64]

NOISE = 1e-14
"""Time values below this multiple of max(|F|, |K|) are rounding of the mark, not time value."""

FOUND = "implied"
EXPIRED = "at expiry"
BELOW_INTRINSIC = "below intrinsic value"
NO_TIME_VALUE = "no time value"
ABOVE_BOUND = "above the no-arbitrage bound"
VOL_TOO_HIGH = "vol above the clamp"
NOT_POSITIVE = "forward or strike not positive"


@dataclass(frozen=True)
class ImpliedVols:
    """`vol` f64[n], annualised: NaN where no root exists; `outcome` says of each option that it was found or why it was not."""

    vol: Floats
    outcome: tuple[str, ...]


def imply_vols(price: Floats, forward: Floats, strike: Floats, sign: Floats, years: Floats, *, normal: bool, max_vol: float) -> ImpliedVols:
    """The vol at which each option is worth its price: lognormal (Black-76), or `normal` (Bachelier).

    Solves time value(F, K, vol*sqrt(T)) = price - max(w*(F - K), 0) by Chandrupatla's bracketing method to the last digits, on the
    same expression that prices. Brackets that hold every root: lognormal (0, max_vol]; normal, from v/sqrt(2*pi) - m/2 <= time value
    <= v/sqrt(2*pi) with m = |F - K|, between sqrt(2*pi) times the time value and sqrt(2*pi) times time value plus m.

    Args:
        price: undiscounted, in the currency of the strike, per unit of the underlying.
        forward: F.
        strike: K.
        sign: +1 call, -1 put.
        years: years to expiry.
        normal: Bachelier instead of Black-76.
        max_vol: lognormal vols above it count as not found.
    """
    wanted = price - np.maximum(sign * (forward - strike), 0.0)
    noise = NOISE * np.maximum(np.abs(forward), np.abs(strike))
    faults = [(EXPIRED, years <= 0.0), (BELOW_INTRINSIC, wanted < -noise), (NO_TIME_VALUE, wanted <= noise)]
    if normal:
        # A touch wider than the bounds, which meet at the money.
        unit = math.sqrt(2.0 * math.pi)
        lower, upper = unit * wanted * (1.0 - 1e-6), unit * (wanted + np.abs(forward - strike)) * (1.0 + 1e-6)
    else:
        bound = np.minimum(forward, strike)
        lower, upper = np.full(len(price), 1e-12), max_vol * np.sqrt(np.maximum(years, 0.0))
        beyond = wanted > _time_values(upper, forward, strike, normal=False)
        faults += [(NOT_POSITIVE, bound <= 0.0), (ABOVE_BOUND, wanted >= bound - noise), (VOL_TOO_HIGH, beyond)]
    outcome = np.select([fault for _, fault in faults], [name for name, _ in faults], default=FOUND)
    vol = np.full(len(price), np.nan)
    rows = np.flatnonzero(outcome == FOUND)
    if len(rows):
        from scipy.optimize import elementwise  # half of the time that the engine's imports take, and only options need it

        excess = partial(_excess, normal=normal)
        result = elementwise.find_root(excess, (lower[rows], upper[rows]), args=(forward[rows], strike[rows], wanted[rows]))
        vol[rows] = np.where(result.success, result.x / np.sqrt(years[rows]), np.nan)
        # At a time value next to rounding the bracket can fail to change sign.
        outcome[rows[~np.asarray(result.success)]] = NO_TIME_VALUE
    return ImpliedVols(vol, tuple(outcome.tolist()))


def _excess(deviation: Floats, forward: Floats, strike: Floats, wanted: Floats, *, normal: bool) -> Floats:
    return _time_values(deviation, forward, strike, normal=normal) - wanted


def _time_values(deviation: Floats, forward: Floats, strike: Floats, *, normal: bool) -> Floats:
    frame = pl.DataFrame({"deviation": deviation, "forward": forward, "strike": strike})
    values: Floats = frame.select(time_value(pl.col("forward"), pl.col("strike"), pl.col("deviation"), normal=normal)).to_series().to_numpy()
    return values
