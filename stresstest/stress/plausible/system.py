"""Many accounts at once: their uncollateralised losses together, and the likeliest move that brings them to a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 1_000
_DOUBLINGS = 60


@dataclass(frozen=True)
class Worst:
    """The largest system shortfall found inside an ellipsoid, where, and from how many starts."""

    shortfall: float
    move: Floats
    starts: int


def shortfall(equity: Floats, exposures: Floats, move: Floats) -> float:
    """S(x) = sum over accounts of max(0, -(E_i + w_i'x)): what others would have to pay. Convex in x."""
    return float(np.maximum(-(equity + exposures @ move), 0.0).sum())


def worst(covariance: Floats, equity: Floats, exposures: Floats, radius: float, starts: Sequence[Floats] = ()) -> Worst:
    """The largest S(x) found with x' S^-1 x <= radius^2.

    Conditional-gradient ascent x <- -k S g / sqrt(g' S g), g the sum of w_i over accounts in shortfall: S rises at every step, and there are
    finitely many sets of accounts, so it ends. It ends in a local maximum: it is started from every account's own likeliest direction, from the whole
    book's, and from `starts` (moves, scaled to the radius). A lower bound of the maximum.

    Args:
        covariance: f64[factors, factors].
        equity: f64[accounts].
        exposures: f64[accounts, factors].
        radius: k.
        starts: further moves to start from.
    """
    spreads = exposures @ covariance
    variance = np.einsum("af,af->a", spreads, exposures)
    whole = exposures.sum(axis=0)
    candidates = [_toward(covariance, whole, radius)]
    candidates += [-radius * spreads[i] / np.sqrt(variance[i]) for i in np.flatnonzero(variance > 0.0)]
    for start in starts:
        size = float(np.sqrt(start @ np.linalg.solve(covariance, start)))
        candidates += [start * (radius / size)] if size > 0.0 else []
    # Directions that many accounts share give one start.
    distinct = {tuple(np.round(x / (np.abs(x).max() or 1.0), 6).tolist()): x for x in candidates}
    best, where = -1.0, np.zeros(len(covariance))
    for start in distinct.values():
        move, value = start, shortfall(equity, exposures, start)
        for _ in range(_STEPS):
            short = equity + exposures @ move < 0.0
            if not short.any():
                break
            after = _toward(covariance, exposures[short].sum(axis=0), radius)
            moved = shortfall(equity, exposures, after)
            if not moved > value * (1.0 + 1e-12):
                break
            move, value = after, moved
        if value > best:
            best, where = value, move
    return Worst(best, where, len(distinct))


def _toward(covariance: Floats, gradient: Floats, radius: float) -> Floats:
    along = covariance @ gradient
    variance = float(gradient @ along)
    return np.zeros(len(gradient)) if variance <= 0.0 else np.asarray(-radius * along / np.sqrt(variance))


def smallest_radius(covariance: Floats, equity: Floats, exposures: Floats, target: float, most: float, starts: Sequence[Floats] = ()) -> Worst | None:
    """The smallest ellipsoid found in which the system shortfall reaches the target, with the move there; None where it does not within `most`.

    By bisection: the largest shortfall inside grows with the ellipsoid. What is found is an upper bound of the distance.
    """
    if worst(covariance, equity, exposures, most, starts).shortfall < target:
        return None
    low, high = 0.0, most
    for _ in range(_DOUBLINGS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if worst(covariance, equity, exposures, middle, starts).shortfall >= target:
            high = middle
        else:
            low = middle
    return worst(covariance, equity, exposures, high, starts)
