"""Where a search for the largest system shortfall begins: directions of length one, f64[starts, axes], the same every time.

Accounts are in axes here in which the covariance is the identity, and which are no more than they span: E + u'z, |z| the Mahalanobis distance.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEADING = 24
"""Accounts whose own direction is one: those that can lose most beyond their equity."""

_PAIRED = 12
"""Of these, those whose directions are also taken two by two."""

_AXES = 6
"""Principal axes of all accounts that are also taken two by two."""

DRAWN = 256
"""Directions drawn at random: half of them evenly, half as the accounts are spread."""

_SPHERE = (256, 2_048)
"""Fewest and most directions spread evenly over the sphere, with three axes."""

_SPHERE_VALUES = 20_000_000
"""Accounts times directions that decide between the two."""

_OF_PLANE = 32
"""Sets of accounts, of all that there are on a circle, that are begun with: those that lose most."""


def directions(equity: Floats, exposures: Floats, radius: float) -> Floats:
    """All that are begun with: the whole book's; leading accounts' alone and in pairs; both ways along principal axes and pairs of them; and with

    - two axes: every set of accounts that is in shortfall anywhere on the circle (the best of them), so that nothing is missed;
    - three: directions spread evenly over the sphere;
    - four and more: directions drawn at random (Philox, a fixed seed).

    Args:
        equity: f64[accounts].
        exposures: f64[accounts, axes], by descending spread along the axes.
        radius: distance at which accounts are looked at.
    """
    axes = exposures.shape[1]
    spread = np.sqrt((exposures * exposures).sum(axis=1))
    leading = np.argsort(equity - radius * spread, kind="stable")[:LEADING]
    # Of length one, so that of two accounts the smaller counts too once they are added.
    alone = -exposures[leading] / np.where(spread[leading] > 0.0, spread[leading], 1.0)[:, np.newaxis]
    several = [-exposures.sum(axis=0)[np.newaxis, :], alone, _pairs(-exposures[leading[:_PAIRED]]), _pairs(alone[:_PAIRED]), _both(np.eye(axes))]
    several.append(_both(np.concatenate([_pairs(np.eye(axes)[:_AXES]), _pairs(np.eye(axes)[:_AXES], -1.0)])))
    if axes == 2:
        several.append(around(equity, exposures, radius))
    elif axes == 3:
        several.append(_sphere(int(np.clip(_SPHERE_VALUES // max(1, len(equity)), *_SPHERE))))
    elif axes > 3:
        drawn = np.random.Generator(np.random.Philox(key=0)).standard_normal((DRAWN, axes))
        drawn[::2] *= np.sqrt((exposures * exposures).sum(axis=0))
        several.append(drawn)
    return of_length_one(np.concatenate(several))


def of_length_one(moves: Floats) -> Floats:
    """Directions of moves f64[moves, axes], without those of no length."""
    lengths = np.sqrt((moves * moves).sum(axis=1))
    return np.asarray(moves[lengths > 0.0] / lengths[lengths > 0.0, np.newaxis])


def around(equity: Floats, exposures: Floats, radius: float) -> Floats:
    """Two axes: -sum of u_i of sets of accounts in shortfall on the circle of a radius, those sets first that lose most where they lose most.

    `equity` f64[accounts], `exposures` u f64[accounts, 2], axes whitened; f64[sets, 2].

    An account is in shortfall on an arc about -u_i, arccos(E_i / (radius |u_i|)) to both sides. Between two ends of arcs the set stays the same, and
    what it loses in its own direction is radius |sum of u_i| - sum of E_i: the largest of these is the largest shortfall on the circle.
    """
    spread = np.sqrt((exposures * exposures).sum(axis=1))
    always = equity < -radius * spread
    arc = np.flatnonzero(~always & (np.abs(equity) < radius * spread))
    centre = np.arctan2(-exposures[arc, 1], -exposures[arc, 0])
    half = np.arccos(equity[arc] / (radius * spread[arc]))
    what = np.column_stack([equity, exposures])
    begin, end = np.mod(centre - half, 2.0 * np.pi), np.mod(centre + half, 2.0 * np.pi)
    at_zero = what[always].sum(axis=0) + what[arc[begin > end]].sum(axis=0)
    order = np.argsort(np.concatenate([begin, end]), kind="stable")
    changes = np.concatenate([what[arc], -what[arc]])[order]
    sums = at_zero + np.concatenate([np.zeros((1, 3)), np.cumsum(changes, axis=0)])
    lost = radius * np.sqrt((sums[:, 1:] ** 2).sum(axis=1)) - sums[:, 0]
    return np.asarray(-sums[np.argsort(-lost, kind="stable")[:_OF_PLANE], 1:])


def _both(moves: Floats) -> Floats:
    return np.concatenate([moves, -moves])


def _pairs(moves: Floats, sign: float = 1.0) -> Floats:
    first, second = np.triu_indices(len(moves), 1)
    return np.asarray(moves[first] + sign * moves[second])


def _sphere(count: int) -> Floats:
    """Points spread evenly over the sphere, along a spiral by the golden angle."""
    height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    angle = np.pi * (3.0 - np.sqrt(5.0)) * np.arange(count)
    across = np.sqrt(1.0 - height * height)
    return np.column_stack([across * np.cos(angle), across * np.sin(angle), height])
