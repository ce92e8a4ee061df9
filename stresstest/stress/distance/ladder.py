"""Where the search for a distance looks: rungs that spread outward from zero, and points inside a bracket; and the roots it finds there.

Numbers alone: nothing here knows what they are figures of.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

RUNGS = 64
"""Rungs of a ladder: what crosses and comes back between two of them is not seen."""

FIRST_RUNG = 0.005
"""How far the first rung is from zero."""

INSIDE = 32
"""Points of the first look inside a bracket, both ends among them."""

LATER = 16
"""Points of every later look, strictly inside."""

PRECISION = 1e-9
"""Width of the last bracket, relative to the level."""

AGREEMENT = 0.1
"""Part of the precision within which two interpolations must agree to be believed without another look."""


def rungs(limit: float) -> Floats:
    """f64[RUNGS] shifts from near zero to `limit`, either sign: limit * sinh(k*i/n) / sinh(k), with k such that the first is FIRST_RUNG away.

    A limit that equal steps of less than that reach has equal steps.
    """
    part = np.arange(1, RUNGS + 1) / RUNGS
    wanted = FIRST_RUNG / abs(limit)
    if wanted >= part[0]:
        return np.asarray(limit * part)
    low, high = 1e-6, 600.0
    for _ in range(200):
        k = (low + high) / 2.0
        # sinh(k/n) / sinh(k) without overflow; it falls as k grows.
        first = math.exp(k / RUNGS - k) * -math.expm1(-2.0 * k / RUNGS) / -math.expm1(-2.0 * k)
        low, high = (k, high) if first > wanted else (low, k)
    spread = limit * np.sinh(k * part) / math.sinh(k)
    spread[-1] = limit
    return np.asarray(spread)


def first_crossing(below: Flags) -> Longs:
    """Place of the first true along the last axis of bool[..., n], i64[...]; -1 where there is none."""
    return np.where(below.any(axis=-1), below.argmax(axis=-1), -1)


class Roots(NamedTuple):
    """[items]: fraction of the bracket `low` to `high` (in steps between points) where the root is, and whether to believe it."""

    place: Floats
    certain: Flags


def interpolated(figures: Floats, after: Longs, step: Floats, width: Floats) -> Roots:
    """Roots of figures at equally spaced points, f64[items, INSIDE], between the points `after` - 1 and `after`.

    The polynomials through the four and the six points nearest are solved. Where they agree the figure is as good as a polynomial here, whatever
    the degree, and the root is that of the larger one. A kink, or a jump, among the six points tears them apart.

    Args:
        figures: above zero at `after` - 1, at or below it at `after`.
        after: i64[items] the first point beyond.
        step: f64[items] distance of two points, either sign.
        width: f64[items] what is precise enough, above zero.
    """
    four, six = (_root(figures, after, points) for points in (4, 6))
    agree = np.abs(six - four) * np.abs(step) <= AGREEMENT * width
    inside = (six >= after - 1.0) & (six <= after)
    return Roots(np.clip(six, after - 1.0, after), agree & inside)


def _root(figures: Floats, after: Longs, points: int) -> Floats:
    """Root of the polynomial through so many points around the bracket, in steps from the first point."""
    start = np.clip(after - points // 2, 0, figures.shape[1] - points)
    near = np.take_along_axis(figures, start[:, None] + np.arange(points), axis=1)
    differences = [near[:, 0]]
    rest: Any = near
    for _ in range(1, points):
        rest = np.diff(rest, axis=1)
        differences.append(rest[:, 0])
    at = after - 1 - start
    rows = np.arange(len(near))
    left, right = near[rows, at], near[rows, at + 1]
    slope = np.where(right != left, right - left, -1.0)
    x = at - left / slope
    for _ in range(8):
        x = x - _value(differences, x) / slope
    return np.asarray(np.where(np.isfinite(x), x, -1.0) + start)


def _value(differences: list[Floats], x: Floats) -> Floats:
    """Newton's forward formula: the sum of C(x, k) times the k-th difference."""
    found = differences[-1]
    for k in range(len(differences) - 2, -1, -1):
        found = differences[k] + found * (x - k) / (k + 1)
    return found


def points_inside(low: Floats, high: Floats, guess: Floats, width: Floats) -> Floats:
    """f64[items, LATER] between `low` and `high` in the order from `low`: equal steps, and four around the guess, two as near as the precision."""
    span = high - low
    near = np.sign(span) * np.minimum(width / 4.0, np.abs(span) / 8.0)
    wide = span / 1000.0
    apart = LATER - 4
    equal = low[:, None] + span[:, None] * (np.arange(1, apart + 1) / (apart + 1.0))
    around = guess[:, None] + np.stack([-wide, -near, near, wide], axis=1)
    fraction = np.sort((np.concatenate([equal, around], axis=1) - low[:, None]) / span[:, None], axis=1)
    return np.asarray(low[:, None] + np.clip(fraction, 0.0, 1.0) * span[:, None])
