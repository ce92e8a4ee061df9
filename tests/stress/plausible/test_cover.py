"""Cover of linear books against every set of their pools."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stresstest.stress.plausible import linear
from stresstest.stress.plausible.cover import moves_to_cover
from stresstest.stress.plausible.targets import Target


def test_losses_of_owners_by_hand() -> None:
    """Owner 0 has two pools, owners 1 and 2 one each: losses 3 + 0, 5 and 1."""
    cushions, owner = np.array([[-3.0], [2.0], [-5.0], [-1.0]]), np.array([0, 0, 1, 2])
    assert Target("", "cover-1", count=1).figure(cushions, owner).tolist() == [5.0]
    assert Target("", "cover-2", count=2).figure(cushions, owner).tolist() == [8.0]
    assert Target("", "cover-2", count=2).figure(cushions[2:3], owner[2:3]).tolist() == [5.0]


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([1, 2]), st.integers(1, 5), st.integers(0, 100_000))
def test_the_nearest_of_all_owners(count: int, factors: int, seed: int) -> None:
    """The least (L + E_A) / sqrt(w_A' S w_A) over all sets A of units of `count` owners; some pools net in one unit."""
    rng = np.random.default_rng(seed)
    owner = np.sort(rng.integers(0, 9, 14))
    unit = np.arange(14)
    for at in range(1, 14):
        if owner[at] == owner[at - 1] and rng.random() < 0.5:
            unit[at] = unit[at - 1]
    held, slopes = rng.random(14) + 0.2, rng.standard_normal((14, factors)) * np.exp(rng.standard_normal((14, 1)))
    half = rng.standard_normal((factors, factors + 2))
    covariance, level = half @ half.T / factors, 1.0
    found, reach = moves_to_cover(covariance, held, slopes, owner, unit, count, level, 20.0, [])
    least = np.inf
    names = sorted(set(owner.tolist()))
    for owners in combinations(names, min(count, len(names))):
        units = sorted(set(unit[np.isin(owner, owners)].tolist()))
        for size in range(1, len(units) + 1):
            for chosen in combinations(units, size):
                inside = np.isin(unit, chosen)
                wide = linear.deviation(covariance, slopes[inside].sum(axis=0))
                least = min(least, (level + float(held[inside].sum())) / wide)
    if least > 20.0:
        assert reach is None
        return
    assert reach == pytest.approx(least, rel=1e-9)
    assert linear.distance(covariance, found[0]) == pytest.approx(least, rel=1e-9)


def test_owners_that_cannot_lose_so_much() -> None:
    found, reach = moves_to_cover(np.eye(1), np.array([1.0, 5.0]), np.array([[1.0], [1.0]]), np.array([0, 1]), np.array([0, 1]), 1, 3.0, 2.0, [])
    assert reach is None
    assert [abs(float(move[0])) for move in found] == pytest.approx([2.0])
