from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.stress.distance.ladder import FIRST_RUNG, INSIDE, LATER, RUNGS, first_crossing, interpolated, points_inside, rungs


@given(st.floats(0.35, 1e5), st.booleans())
def test_rungs_spread_outward_from_near_zero_to_the_limit(limit: float, up: bool):
    limit = limit if up else -limit
    found = rungs(limit)
    steps = np.diff(np.abs(found), prepend=0.0)
    assert len(found) == RUNGS
    assert found[-1] == limit
    assert abs(found[0]) == pytest.approx(FIRST_RUNG, rel=1e-6)
    assert (steps > 0).all()
    assert (np.diff(steps) > -1e-12 * abs(limit)).all()


def test_a_near_limit_has_equal_steps():
    assert rungs(-0.064) == pytest.approx(-0.001 * np.arange(1, 65), rel=1e-12)


def test_the_first_crossing():
    assert first_crossing(np.array([[False, True, False, True], [False] * 4])).tolist() == [1, -1]


@given(st.floats(-3, 3), st.floats(-2, 2), st.floats(0.2, 0.8))
def test_a_polynomial_is_solved_exactly(second: float, third: float, root: float):
    # Falls through zero at `root` of the bracket; the bends are small enough for one crossing.
    x = np.arange(INSIDE) / (INSIDE - 1.0)
    d = x - root
    figures = (-10.0 * d + second * d * d + third * d**3)[None, :]
    after = np.array([int(np.argmax(figures[0] < 0))])
    found = interpolated(figures, after, np.array([1.0 / (INSIDE - 1)]), np.array([1e-9]))
    assert found.certain[0]
    assert found.place[0] / (INSIDE - 1) == pytest.approx(root, abs=1e-12)


@given(st.floats(0.3, 0.7), st.floats(1.5, 9.0), st.floats(-2.5, 1.5))
def test_a_kink_near_the_root_is_not_believed(root: float, steeper: float, off: float):
    step = 1.0 / (INSIDE - 1)
    x = np.arange(INSIDE) * step
    kink = root + off * step
    before, after_it = -10.0 * (x - root), -10.0 * steeper * (x - root)
    bent = np.where(x < kink, before, before + (after_it - before) - (-10.0 * (steeper - 1.0) * (kink - root)))
    figures = bent[None, :]
    after = np.array([int(np.argmax(figures[0] < 0))])
    at = kink / step
    found = interpolated(figures, after, np.array([step]), np.array([1e-9]))
    # A kink outside of the points looked at is none, and one on a point is between them.
    if after[0] - 2.9 < at < after[0] + 1.9 and abs(at - round(at)) > 1e-3:
        assert not found.certain[0]


@given(st.floats(-1, 1), st.floats(1e-12, 1.0), st.booleans(), st.floats(0, 1))
def test_points_lie_inside_in_order(low: float, span: float, up: bool, part: float):
    high = low + (span if up else -span)
    found = points_inside(np.array([low]), np.array([high]), np.array([low + part * (high - low)]), np.array([1e-9]))[0]
    way = 1.0 if up else -1.0
    assert len(found) == LATER
    assert (np.diff(way * found) >= 0).all()
    assert way * found[0] >= way * low - 1e-15
    assert way * found[-1] <= way * high + 1e-15
