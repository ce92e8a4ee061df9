"""Cover of a linear book: the likeliest moves at which the losses of its largest owners reach a level."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt

from stresstest.stress.plausible import linear, system

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]

_OWNERS = 6
"""Owners of which all sets are looked at, at a time: those that can lose most."""

_ROUNDS = 4
"""Times that sets are chosen anew, within the distance found."""


def moves_to_cover(
    covariance: Floats, cushion: Floats, slope: Floats, owner: Codes, unit: Codes, count: int, level: float, most: float, starts: Sequence[Floats]
) -> tuple[list[Floats], float | None]:
    """Moves at which `count` owners together lose more than `level`, and the distance of the nearest; None where none does within `most`.

    For given owners it is a system of their pools. An owner loses no more within k than sum of max(0, k s_i - E_i), s_i the standard deviation of
    pool i: sets of the six for which this is largest are searched, within `most` first, and then within the distance found as long as that brings
    new owners. Of sets that do not reach the level the worst move within `most` is given. The distance is the best found.

    Args:
        covariance: f64[factors, factors].
        cushion: f64[pools], initial margin at base less losses.
        slope: f64[pools, factors].
        owner: code of each pool's owner.
        unit: number of what is cut at zero: a pool, or the netting group that it is in.
        count: 1 or 2.
        level: what the losses must exceed.
        most: the largest distance of interest.
        starts: further moves to start from.
    """
    units, first, member = np.unique(unit, return_index=True, return_inverse=True)
    held, exposures = np.zeros(len(units)), np.zeros((len(units), slope.shape[1]))
    np.add.at(held, member, cushion)
    np.add.at(exposures, member, slope)
    owners, of = np.unique(owner[first], return_inverse=True)
    spread = np.sqrt(np.maximum(((exposures @ covariance) * exposures).sum(axis=1), 0.0))
    searched: dict[tuple[int, ...], tuple[Floats, float]] = {}
    radius = most
    for _ in range(_ROUNDS):
        can = np.bincount(of, weights=np.maximum(radius * spread - held, 0.0), minlength=len(owners))
        leading = [int(each) for each in np.argsort(-can, kind="stable")[:_OWNERS] if can[each] > 0.0]
        sets = [tuple(sorted(each)) for each in combinations(leading, min(count, len(leading)))] if leading else []
        fresh = [each for each in sets if each not in searched]
        for chosen in fresh:
            rows = np.isin(of, chosen)
            searched[chosen] = _of_owners(covariance, held[rows], exposures[rows], level, most, starts)
        nearest = min((far for _, far in searched.values()), default=np.inf)
        if not fresh or nearest >= radius:
            break
        radius = nearest
    found = sorted(searched.items(), key=lambda each: (each[1][1], each[0]))
    reach = found[0][1][1] if found else np.inf
    return [move for _, (move, _) in found], reach if np.isfinite(reach) else None


def _of_owners(covariance: Floats, held: Floats, exposures: Floats, level: float, most: float, starts: Sequence[Floats]) -> tuple[Floats, float]:
    """The nearest move f64[factors] at which these owners lose more than the level, and how far it is; else their worst within `most`, and inf."""
    near = system.smallest_radius(covariance, held, exposures, float(np.nextafter(level, np.inf)), most, starts)
    if near is None:
        return system.worst(covariance, held, exposures, most, starts).move, np.inf
    return near.move, linear.distance(covariance, near.move)
