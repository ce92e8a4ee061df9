"""European lognormal options in moves on top of every scenario: the formula of `black`, many moves of one state at a time.

The general way, a frame with one row a state, takes some 250 ns for each; a book of 5,000 options in 24 moves on top of 100 scenarios has 12
million. Here what a move leaves as it is (logarithm, root, discount factor) is computed once for each scenario, on arrays that stay in a core's
cache.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]

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


def europeans_in_moves(states: EuropeanStates, forward: Floats, money: Floats, vols: Floats) -> Floats:
    """The change of value of every option in C moves, f64[n, C, S]: exactly zero where nothing moves.

    Args:
        states: the options in the scenarios.
        forward: f64[n, C], what every move multiplies the forward by.
        money: f64[n, C], what it multiplies `worth` by.
        vols: f64[n, C, S], vols in the moves.
    """
    log_forward = np.log(forward)
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
    # h may pass the largest number: its N is zero all the same.
    np.maximum(deviation, SMALLEST, out=deviation)
    h = np.abs(moneyness)
    with np.errstate(over="ignore"):
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
