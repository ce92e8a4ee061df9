"""Vols implied from marks, all options at once, and what to do where there is no root."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.optimize import elementwise

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


def imply_vols(
    price: Floats, forward: Floats, strike: Floats, sign: Floats, years: Floats, normal: npt.NDArray[np.bool_], max_vol: float
) -> ImpliedVols:
    """The vol at which each option is worth its price.

    Solves time value(F, K, vol*sqrt(T)) = price - max(w*(F - K), 0) by Chandrupatla's bracketing method to the last digits, on the
    same expression that prices. Brackets that hold every root: lognormal (0, max_vol]; normal, from v/sqrt(2*pi) - m/2 <= time value
    <= v/sqrt(2*pi) with m = |F - K|, between sqrt(2*pi) times the time value and sqrt(2*pi) times time value plus m.

    Args:
        price: undiscounted, in the currency of the strike, per unit of the underlying.
        forward, strike, sign, years: F, K, +1 call or -1 put, years to expiry.
        normal: Bachelier instead of Black-76.
        max_vol: lognormal vols above it count as not found.
    """
    wanted = price - np.maximum(sign * (forward - strike), 0.0)
    noise = NOISE * np.maximum(np.abs(forward), np.abs(strike))
    bound = np.where(normal, np.inf, np.minimum(forward, strike))
    highest = max_vol * np.sqrt(np.maximum(years, 0.0))
    within_reach = np.where(normal, np.inf, _time_values(highest, forward, strike, normal))
    outcome = np.select(
        [years <= 0.0, wanted < -noise, wanted <= noise, ~normal & (bound <= 0.0), wanted >= bound - noise, wanted > within_reach],
        [EXPIRED, BELOW_INTRINSIC, NO_TIME_VALUE, NOT_POSITIVE, ABOVE_BOUND, VOL_TOO_HIGH],
        default=FOUND,
    )
    vol = np.full(len(price), np.nan)
    rows = np.flatnonzero(outcome == FOUND)
    if len(rows):
        moneyness, unit = np.abs(forward - strike)[rows], math.sqrt(2.0 * math.pi)
        # A touch wider than the bounds, which meet at the money.
        lower = np.where(normal[rows], unit * wanted[rows] * (1.0 - 1e-6), 1e-12)
        upper = np.where(normal[rows], unit * (wanted[rows] + moneyness) * (1.0 + 1e-6), highest[rows])
        result = elementwise.find_root(_excess, (lower, upper), args=(forward[rows], strike[rows], normal[rows], wanted[rows]))
        vol[rows] = np.where(result.success, result.x / np.sqrt(years[rows]), np.nan)
        outcome[rows[~np.asarray(result.success)]] = NO_TIME_VALUE
    return ImpliedVols(vol, tuple(outcome.tolist()))


def _excess(deviation: Floats, forward: Floats, strike: Floats, normal: npt.NDArray[np.bool_], wanted: Floats) -> Floats:
    return _time_values(deviation, forward, strike, normal) - wanted


def _time_values(deviation: Floats, forward: Floats, strike: Floats, normal: npt.NDArray[np.bool_]) -> Floats:
    frame = pl.DataFrame({"deviation": deviation, "forward": forward, "strike": strike, "normal": normal})
    values: Floats = frame.select(time_value(pl.col("forward"), pl.col("strike"), pl.col("deviation"), pl.col("normal"))).to_series().to_numpy()
    return values
