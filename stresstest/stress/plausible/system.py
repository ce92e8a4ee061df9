"""Many accounts at once: their uncollateralised losses together, and the likeliest move that brings them to a level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 1_000
_HALVINGS = 40
_LEADING = 24
"""Accounts from whose own likeliest direction a search starts: those that can lose most beyond their equity."""


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
    finitely many sets of accounts, so it ends. It ends in a local maximum: it is started from the likeliest directions of the accounts that can
    lose most on their own, from the whole book's, and from `starts` (moves, scaled to the radius). A lower bound of the maximum.

    Args:
        covariance: f64[factors, factors].
        equity: f64[accounts].
        exposures: f64[accounts, factors].
        radius: k.
        starts: further moves to start from.
    """
    spread = _spread(covariance, exposures)
    # Accounts that keep their equity everywhere inside add nothing.
    can = equity < radius * spread
    inside, short_of = exposures[can | (equity < 0.0)], equity[can | (equity < 0.0)]
    alone = equity - radius * spread
    leading = np.argsort(alone, kind="stable")[:_LEADING]
    candidates = [_toward(covariance, exposures.sum(axis=0), radius), _toward(covariance, inside.sum(axis=0), radius)]
    candidates += [_toward(covariance, exposures[i], radius) for i in leading.tolist() if can[i]]
    for start in starts:
        size = float(np.sqrt(start @ np.linalg.solve(covariance, start)))
        candidates += [start * (radius / size)] if size > 0.0 else []
    # Directions that many accounts share give one start.
    distinct = {tuple(np.round(x / (np.abs(x).max() or 1.0), 6).tolist()): x for x in candidates}
    best, where = shortfall(short_of, inside, np.zeros(len(covariance))), np.zeros(len(covariance))
    for start in distinct.values():
        move, value = start, shortfall(short_of, inside, start)
        for _ in range(_STEPS):
            short = short_of + inside @ move < 0.0
            if not short.any():
                break
            after = _toward(covariance, inside[short].sum(axis=0), radius)
            moved = shortfall(short_of, inside, after)
            if not moved > value * (1.0 + 1e-12):
                break
            move, value = after, moved
        if value > best:
            best, where = value, move
    return Worst(best, where, len(distinct))


def _spread(covariance: Floats, exposures: Floats) -> Floats:
    """Standard deviation of every account: sqrt(w_i' S w_i)."""
    return np.asarray(np.sqrt(np.maximum(((exposures @ covariance) * exposures).sum(axis=1), 0.0)))


def _toward(covariance: Floats, gradient: Floats, radius: float) -> Floats:
    along = covariance @ gradient
    variance = float(gradient @ along)
    return np.zeros(len(gradient)) if variance <= 0.0 else np.asarray(-radius * along / np.sqrt(variance))


def smallest_radius(covariance: Floats, equity: Floats, exposures: Floats, target: float, most: float, starts: Sequence[Floats] = ()) -> Worst | None:
    """The smallest ellipsoid found in which the system shortfall reaches the target, with the move there; None where it does not within `most`.

    By bisection: the largest shortfall inside grows with the ellipsoid. What is found is an upper bound of the distance.
    """
    # Once and for all: who keeps its equity everywhere within `most` never matters.
    matter = (equity < most * _spread(covariance, exposures)) | (equity < 0.0)
    equity, exposures = equity[matter], exposures[matter]
    if worst(covariance, equity, exposures, most, starts).shortfall < target:
        return None
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if worst(covariance, equity, exposures, middle, starts).shortfall >= target:
            high = middle
        else:
            low = middle
    return worst(covariance, equity, exposures, high, starts)
