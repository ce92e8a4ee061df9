"""European lognormal options in moves on top of every scenario: the formula of `black`, many moves of one state at a time.

The general way, a frame with one row a state, takes some 250 ns for each; a book of 5,000 options in 24 moves on top of 100 scenarios has 12
million. Here what a move leaves as it is (logarithm, root, discount factor) is computed once for each scenario, and blocks of options are shared out
to threads. The bytes do not depend on their number.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

CELLS = 1 << 14
"""Cells (option, scenario) of a block: its dozen of working arrays stay in a core's cache."""

SMALLEST = 1e-300
"""In place of a total standard deviation of zero, by which log moneyness is divided: an option without time value has none here either."""


@dataclass(frozen=True)
class EuropeanStates:
    """Options in the scenarios. f64[n, 1]: `sign` w, `strike`, above zero; f64[n, S]: `forward`, above zero, `root` of the years to expiry, `vol`;
    `worth` of one undiscounted unit of price, reporting currency; inverse options are divided by their forward (`inverse`) beside."""

    sign: Floats
    strike: Floats
    forward: Floats
    root: Floats
    vol: Floats
    worth: Floats
    inverse: bool

    def part(self, rows: slice) -> EuropeanStates:
        """Consecutive options of these."""
        return EuropeanStates(self.sign[rows], self.strike[rows], self.forward[rows], self.root[rows], self.vol[rows], self.worth[rows], self.inverse)


def change_of_europeans(
    states: EuropeanStates, forward: Floats, money: Floats, vols: Callable[[slice], Floats], max_vol: float, out: Callable[[slice, Floats], None]
) -> Counts:
    """Hands the change of value of every option in C moves to `out`, block by block, f64[block, C, S]: exactly zero where nothing moves.

    Returns i64[S]: vols that were brought into [0, max_vol].

    Args:
        states: the options in the scenarios.
        forward: f64[n, C], what every move multiplies the forward by.
        money: f64[n, C], what it multiplies `worth` by.
        vols: gives the vols of a slice of options in the moves, f64[slice, C, S], any range.
        max_vol: largest vol.
        out: takes the changes of a slice of options; slices do not overlap.
    """
    scenarios = states.forward.shape[1]
    step = max(CELLS // max(scenarios, 1), 1)
    log_forward = np.log(forward)

    def block(start: int) -> Counts:
        rows = slice(start, start + step)
        moved = vols(rows)
        inside = np.clip(moved, 0.0, max_vol)
        clamped: Counts = (inside != moved).sum(axis=(0, 1))
        part = states.part(rows)
        with np.errstate(over="ignore", under="ignore"):
            out(rows, _block(part, forward[rows], log_forward[rows], money[rows], inside))
        return clamped

    starts = range(0, len(forward), step)
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        counts = list(pool.map(block, starts))
    return np.sum(counts, axis=0, dtype=np.int64) if counts else np.zeros(scenarios, dtype=np.int64)


def _block(states: EuropeanStates, forward: Floats, log_forward: Floats, money: Floats, vols: Floats) -> Floats:
    moneyness = np.log(states.forward / states.strike)
    before = _value(states, states.forward, moneyness, states.vol)
    changes = np.empty_like(vols)
    for column in range(forward.shape[1]):
        moved = states.forward * forward[:, column, None]
        value = _value(states, moved, moneyness + log_forward[:, column, None], vols[:, column])
        value *= money[:, column, None]
        np.subtract(value, before, out=changes[:, column])
    return changes


def _value(states: EuropeanStates, forward: Floats, moneyness: Floats, vol: Floats) -> Floats:
    """(intrinsic + time value) * worth, as `black_time_value`: a*N(h + v/2) - b*N(h - v/2), h = -|ln(F/K)|/v."""
    strike = states.strike
    low, high = np.minimum(forward, strike), np.maximum(forward, strike)
    deviation = vol * states.root
    np.maximum(deviation, SMALLEST, out=deviation)
    h = np.abs(moneyness)
    h /= deviation
    np.negative(h, out=h)
    deviation *= 0.5
    value: Floats = ndtr(h + deviation)
    value *= low
    h -= deviation
    ndtr(h, out=h)
    h *= high
    value -= h
    np.clip(value, 0.0, low, out=value)
    np.subtract(forward, strike, out=h)
    h *= states.sign
    np.maximum(h, 0.0, out=h)
    value += h
    if states.inverse:
        value /= forward
    value *= states.worth
    return value
