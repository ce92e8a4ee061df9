"""Where a search for the likeliest move begins: the answers of the linear and the curved book, the worst days of the sample, and a few others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.stress.plausible import delta_gamma, linear, system
from stresstest.stress.plausible.cover import moves_to_cover
from stresstest.stress.plausible.exposures import Cushions, Exposures, curvature
from stresstest.stress.plausible.targets import Target

Floats = npt.NDArray[np.float64]

_POOLS = 12
"""Pools whose own likeliest direction is looked along."""

_DAYS = 6
"""Days of the sample whose moves are looked along."""

_FACTORS = 5
"""Factors that move the book most and are looked along alone, up and down."""

_RANDOM = 8
"""Directions drawn, which nothing about the book suggests."""


@dataclass(frozen=True)
class Seeds:
    """Moves f64[directions, factors] to look along. `linear`: the distance that slopes at no move alone give; `delta_gamma`: that with curvature, of
    the pool that is nearest; both None where they do not reach the target within the bound. `distances` f64[pools]: of every pool alone."""

    directions: Floats
    linear: float | None
    delta_gamma: float | None
    distances: Floats


def seeds(
    covariance: Floats,
    found: Exposures,
    target: Target,
    code: npt.NDArray[np.integer],
    unit: npt.NDArray[np.integer],
    cushions: Cushions,
    sample: Floats,
    most: float,
    seed: int,
) -> Seeds:
    """The directions that a search begins with.

    Args:
        covariance: f64[factors, factors] over the horizon.
        found: exposures of the pools that the target is about.
        target: what is looked for.
        code: of every pool's account, for Cover of its owner; those of one stand together.
        unit: number of what Cover cuts at zero: a pool, or the netting group that it is in.
        cushions: the pools, revalued.
        sample: f64[days, factors], moves that were.
        most: the largest distance of interest.
        seed: of the random directions.
    """
    deviations = np.sqrt(np.diagonal(covariance))
    distances = linear.distances(covariance, found.cushion, found.slope)
    order = np.argsort(distances, kind="stable")
    # A pool may have no margin to lose and no part in Cover: there owners count.
    near = [] if target.of_owners else [int(pool) for pool in order[:_POOLS] if np.isfinite(distances[pool])]
    moves = [-(covariance @ found.slope[pool]) for pool in near]
    curved = _curved(covariance, deviations, found, cushions, int(order[0])) if target.count == 1 and not target.of_totals else None
    if curved is not None:
        moves += [curved, -curved]
    reach: float | None = None
    days = list(_days(covariance, found, target, code, sample, most))
    if target.kind == "uncollateralised-loss":
        system_move = system.smallest_radius(covariance, found.cushion, found.slope, np.nextafter(target.level, np.inf), most, days)
        if system_move is not None:
            moves.insert(0, system_move.move)
            reach = linear.distance(covariance, system_move.move)
    elif target.of_owners:
        together, reach = moves_to_cover(covariance, found.cushion, found.slope, code, unit, target.count, target.level, most, days)
        moves = together + moves
    elif target.count == 1:
        reach = float(distances[order[0]])
    else:
        first = np.flatnonzero(np.diff(code, prepend=-1))
        of_accounts = np.sort(np.minimum.reduceat(distances, first))
        # No closed form for several at once: each must be reached, so this is what the K-th needs at the least.
        reach = float(of_accounts[target.count - 1])
        moves.append(-(covariance @ found.slope[order[: target.count]].sum(axis=0)))
    moves.append(-(covariance @ found.slope.sum(axis=0)))
    moves += days
    total = np.abs(found.slope).sum(axis=0) * deviations
    for factor in np.argsort(-total, kind="stable")[:_FACTORS].tolist():
        alone = np.zeros(len(deviations))
        alone[factor] = deviations[factor]
        moves += [alone, -alone]
    draws = np.random.Generator(np.random.Philox(seed)).standard_normal((_RANDOM, len(deviations)))
    moves += list(draws @ np.linalg.cholesky(covariance).T)
    both = np.array(moves)
    return Seeds(
        both[np.abs(both).max(axis=1) > 0.0],
        reach if reach is not None and reach <= most else None,
        None if curved is None or (far := linear.distance(covariance, curved)) > most else far,
        distances,
    )


def _curved(covariance: Floats, deviations: Floats, found: Exposures, cushions: Cushions, pool: int) -> Floats | None:
    if found.cushion[pool] <= 0.0:
        return None
    return delta_gamma.likeliest(covariance, found.slope[pool], curvature(cushions, deviations, found, pool), float(found.cushion[pool]))


def _days(covariance: Floats, found: Exposures, target: Target, code: npt.NDArray[np.integer], sample: Floats, most: float) -> Floats:
    """The days whose moves, made as far out as `most`, would bring the linear book furthest."""
    lengths = np.sqrt(np.maximum((sample * np.linalg.solve(covariance, sample.T).T).sum(axis=1), 0.0))
    moved = sample[lengths > 0.0] * (most / lengths[lengths > 0.0])[:, np.newaxis]
    figures = np.array([float(target.figure((found.cushion + found.slope @ move)[:, np.newaxis], code)[0]) for move in moved])
    return np.asarray(moved[np.argsort(-figures, kind="stable")[:_DAYS]])


def nearest_day(covariance: Floats, move: Floats, sample: Floats) -> tuple[int, float]:
    """The day of the sample whose moves are most in the direction of a move: its place, and the cosine in units of the covariance."""
    inverse = np.linalg.solve(covariance, move)
    lengths = np.sqrt(np.maximum((sample * np.linalg.solve(covariance, sample.T).T).sum(axis=1), 0.0))
    along = np.divide(sample @ inverse, lengths, out=np.full(len(sample), -1.0), where=lengths > 0.0) / np.sqrt(move @ inverse)
    place = int(np.argmax(along))
    return place, float(min(along[place], 1.0))
