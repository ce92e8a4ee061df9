"""What a book does for small moves of its factors: value, slopes and curvature of every pool, by central differences of full revaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Cushions = Callable[[Floats], Floats]
"""f64[moves, factors] to f64[pools, moves]: by how much each pool is above what it must not fall below."""

STEP = 0.1
"""Size of the small move of a factor, in its standard deviations over the horizon."""


@dataclass(frozen=True)
class Exposures:
    """At no move: `cushion` f64[pools], `slope` f64[pools, factors] (w, reporting currency for a move of one), `bend` f64[pools, factors], the second
    derivative in each factor alone."""

    cushion: Floats
    slope: Floats
    bend: Floats


def exposures(cushions: Cushions, deviations: Floats) -> Exposures:
    """w_i = (c(h_i) - c(-h_i)) / 2 h_i and G_ii = (c(h_i) - 2 c(0) + c(-h_i)) / h_i^2, h_i = 0.1 standard deviations of factor i.

    Args:
        cushions: the book, revalued.
        deviations: f64[factors], standard deviation of each factor's move over the horizon.
    """
    count, steps = len(deviations), STEP * deviations
    moves = np.concatenate([np.zeros((1, count)), np.diag(steps), -np.diag(steps)])
    values = cushions(moves)
    here, up, down = values[:, :1], values[:, 1 : count + 1], values[:, count + 1 :]
    return Exposures(here[:, 0], (up - down) / (2.0 * steps), (up - 2.0 * here + down) / (steps * steps))


def curvature(cushions: Cushions, deviations: Floats, found: Exposures, pool: int) -> Floats:
    """G of one pool, f64[factors, factors]: the mixed terms among the factors that move it at all,

    G_ij = (c(h_i, h_j) + c(-h_i, -h_j) - c(h_i) - c(-h_i) - c(h_j) - c(-h_j) + 2 c(0)) / (2 h_i h_j).
    """
    steps = STEP * deviations
    curved = np.diag(found.bend[pool]).astype(np.float64)
    moving = np.flatnonzero((found.slope[pool] != 0.0) | (found.bend[pool] != 0.0))
    pairs = [(int(i), int(j)) for at, i in enumerate(moving) for j in moving[at + 1 :]]
    if not pairs:
        return curved
    both = np.zeros((2 * len(pairs), len(steps)))
    for number, (i, j) in enumerate(pairs):
        both[2 * number, [i, j]] = steps[[i, j]]
        both[2 * number + 1, [i, j]] = -steps[[i, j]]
    values = cushions(both)[pool]
    here = found.cushion[pool]
    own = found.bend[pool] * steps * steps
    for number, (i, j) in enumerate(pairs):
        # c(h) + c(-h) of one factor is own + 2 c(0).
        mixed = (values[2 * number] + values[2 * number + 1] - own[i] - own[j] - 2.0 * here) / (2.0 * steps[i] * steps[j])
        curved[i, j] = curved[j, i] = mixed
    return curved
