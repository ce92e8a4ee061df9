"""The search on figures whose answer is known: closed forms, jumps, figures that turn back, moves that cannot be made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import norm

from stresstest.stress.plausible import system
from stresstest.stress.plausible.exposures import curvature, exposures
from stresstest.stress.plausible.search import Crossing, largest, nearest
from stresstest.stress.plausible.targets import Target

AXES = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def along(figure: Callable[[np.ndarray], np.ndarray], level: float, most: float, at_zero: float) -> Crossing | None:
    """The crossing nearest to zero of a figure of one factor, the same on both sides of zero."""
    found = nearest(lambda z: figure(np.abs(z[:, 0])), level, most, np.ones((1, 1)), at_zero)
    return None if found is None else found.crossing


def test_t22_a_straight_line() -> None:
    """Loss 3 t reaches 7 at 7/3."""
    found = along(lambda t: 3.0 * t, 7.0, 10.0, 0.0)
    assert found is not None
    assert found.left <= 7.0 / 3.0 < found.right
    assert found.right == pytest.approx(7.0 / 3.0, rel=1e-10)


def test_the_first_of_several_crossings() -> None:
    """A hill of height 1 around 1 that is half as high at 1 - sqrt(ln 2) / 2, and a wall behind 8; a sine that turns back."""
    found = along(lambda t: np.exp(-4.0 * (t - 1.0) ** 2) + np.where(t > 8.0, 5.0, 0.0), 0.5, 10.0, np.exp(-4.0))
    assert found is not None
    assert found.right == pytest.approx(1.0 - np.sqrt(np.log(2.0)) / 2.0, rel=1e-10)
    found = along(np.sin, 0.5, 10.0, 0.0)
    assert found is not None
    assert found.right == pytest.approx(np.pi / 6.0, rel=1e-10)


def test_t23_a_short_straddle() -> None:
    """S = K = 100, T = 0.25, vol 20 %, r = 0: sold at 7.975522335348984, it loses 5 at +11.492549897449539 % and at -12.104738178429728 %."""

    def lost(t: np.ndarray, sign: float) -> np.ndarray:
        spot, spread = 100.0 * (1.0 + sign * t), 0.1
        d1 = np.log(spot / 100.0) / spread + spread / 2.0
        call = spot * norm.cdf(d1) - 100.0 * norm.cdf(d1 - spread)
        return np.asarray(2.0 * call - spot + 100.0 - 7.975522335348984)

    for sign, loss, at in (
        (1.0, 5.0, 0.11492549897449539),
        (-1.0, 5.0, 0.12104738178429728),
        (1.0, 10.0, 0.17485582641063),
        (-1.0, 10.0, 0.17804757881475788),
    ):
        found = along(lambda t, sign=sign: lost(t, sign), loss, 0.9, 0.0)  # type: ignore[misc]
        assert found is not None
        assert found.right == pytest.approx(at, rel=1e-9)


def test_both_sides_of_a_jump() -> None:
    """A figure that jumps from 2 to 9 at 1/3: neither side is the level 5."""
    found = along(lambda t: np.where(t >= 1.0 / 3.0, 9.0, 2.0), 5.0, 4.0, 2.0)
    assert found is not None
    assert (found.figure_left, found.figure_right) == (2.0, 9.0)
    assert found.left < 1.0 / 3.0 <= found.right
    assert found.right - found.left <= 1e-11


def test_the_level_itself_is_not_above_it() -> None:
    assert along(lambda t: np.minimum(t, 1.0), 1.0, 5.0, 0.0) is None


def test_the_search_leaves_the_directions_it_was_given() -> None:
    """3 z1 + 4 z2 exceeds 10 nearest at (1.2, 1.6), 2 away, which no axis shows."""
    found = nearest(lambda z: 3.0 * z[:, 0] + 4.0 * z[:, 1], 10.0, 8.0, AXES, 0.0)
    assert found is not None
    assert found.crossing.right == pytest.approx(2.0, rel=1e-9)
    assert found.direction == pytest.approx([0.6, 0.8], abs=1e-6)


def test_t26_by_search() -> None:
    """Delta 1e6, gamma -2e7, vol 2 %, loss 60,000: 2.109772228646443 away."""
    found = nearest(lambda z: -(1e6 * 0.02 * z[:, 0] - 1e7 * (0.02 * z[:, 0]) ** 2), 60_000.0, 10.0, np.array([[1.0], [-1.0]]), 0.0)
    assert found is not None
    assert found.crossing.right == pytest.approx(2.109772228646443, rel=1e-9)
    assert found.direction.tolist() == [-1.0]


def test_what_no_direction_reaches_is_none() -> None:
    assert nearest(lambda z: np.tanh(z[:, 0]), 1.0, 10.0, AXES, 0.0) is None


def test_moves_that_cannot_be_made_reach_nothing() -> None:
    """Beyond 2 there is no figure: the level at 3 is not reached, that at 1 is."""

    def figure(z: np.ndarray) -> np.ndarray:
        return np.where(np.abs(z[:, 0]) > 2.0, np.nan, z[:, 0])

    assert nearest(figure, 3.0, 10.0, AXES, 0.0) is None
    found = nearest(figure, 1.0, 10.0, AXES, 0.0)
    assert found is not None
    assert found.crossing.right == pytest.approx(1.0, rel=1e-9)


def test_the_largest_inside_a_ball() -> None:
    """3 z1 + 4 z2 inside |z| <= 2: 10 at (1.2, 1.6); 1 - |z - (0.5, 0.5)|^2 inside |z| <= 3: 1, within."""
    found = largest(lambda z: 3.0 * z[:, 0] + 4.0 * z[:, 1], 2.0, AXES, np.empty((0, 2)), 0.0)
    assert found.figure == pytest.approx(10.0, rel=1e-9)
    assert np.sqrt(found.move @ found.move) <= 2.0 + 1e-12
    inside = largest(lambda z: 1.0 - ((z - 0.5) ** 2).sum(axis=1), 3.0, AXES, np.empty((0, 2)), 0.5)
    assert inside.figure == pytest.approx(1.0, abs=1e-8)
    assert inside.move == pytest.approx([0.5, 0.5], abs=1e-4)


def test_nothing_worse_inside_is_no_move() -> None:
    found = largest(lambda z: -(z * z).sum(axis=1), 1.0, AXES, np.empty((0, 2)), 0.0)
    assert found.figure == 0.0
    assert not found.move.any()


def test_slopes_and_curvature_of_a_quadratic() -> None:
    """Central differences of 5 + w'x + x'Gx/2 are w and G."""
    w, g = np.array([2.0, -3.0, 0.0]), np.array([[4.0, 1.5, 0.0], [1.5, -2.0, 0.0], [0.0, 0.0, 0.0]])

    def cushions(x: np.ndarray) -> np.ndarray:
        return (5.0 + x @ w + 0.5 * ((x @ g) * x).sum(axis=1))[np.newaxis, :]

    found = exposures(cushions, np.array([0.02, 0.05, 0.01]))
    assert found.cushion.tolist() == [5.0]
    assert found.slope[0] == pytest.approx(w, rel=1e-10)
    assert curvature(cushions, np.array([0.02, 0.05, 0.01]), found, 0) == pytest.approx(g, abs=1e-7)


def test_a_search_that_goes_on_and_on_keeps_the_best_it_saw(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every direction of the circle loses 3 z1 + z2 beyond 2: nearest 2 / sqrt(10), largest at three deviations 3 sqrt(10). One look is little."""
    lost = np.array([3.0, 1.0])
    for looks in (1, 60):
        monkeypatch.setattr("stresstest.stress.plausible.search._LOOKS", looks)
        near = nearest(lambda z: z @ lost, 2.0, 10.0, AXES, 0.0)
        assert near is not None
        assert near.crossing.right >= 2.0 / np.sqrt(10.0) * (1.0 - 1e-9)
        assert near.crossing.figure_right > 2.0
        most = largest(lambda z: z @ lost, 3.0, AXES, np.empty((0, 2)), 0.0)
        assert most.move @ most.move <= 9.0 * (1.0 + 1e-9)
        assert most.figure == pytest.approx(float(most.move @ lost))
        # Of the directions alone: along the first and along both.
        assert near.crossing.right <= 2.0 / 3.0 * (1.0 + 1e-9)
        assert most.figure >= 9.0
    assert near.crossing.right == pytest.approx(2.0 / np.sqrt(10.0), rel=1e-9)
    assert most.figure == pytest.approx(3.0 * np.sqrt(10.0), rel=1e-9)


def test_climbing_by_a_figure_that_is_held() -> None:
    """The larger of z1 and 2 z2, with the one that is larger at the start held: from z2 it comes to 2 at the radius."""

    def larger(z: np.ndarray) -> np.ndarray:
        return np.asarray(np.maximum(z[:, 0], 2.0 * z[:, 1]))

    def held(z: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        return (lambda moves: moves[:, 0]) if z[0] >= 2.0 * z[1] else (lambda moves: 2.0 * moves[:, 1])

    found = largest(larger, 1.0, np.array([[1.0, 0.8]]), np.empty((0, 2)), 0.0, held)
    assert found.figure == pytest.approx(2.0)
    assert found.move == pytest.approx([0.0, 1.0], abs=1e-6)


CUSHIONS = np.array([[3.0, -1.0], [-2.0, 4.0], [-5.0, -6.0]])
"""Three pools of two accounts (0, 0, 1) under two moves."""
ACCOUNT = np.array([0, 0, 1])


def test_figures_by_hand() -> None:
    assert Target("", "default", account=0).figure(CUSHIONS[:2], ACCOUNT[:2]).tolist() == [2.0, 1.0]
    assert Target("", "accounts-in-default", count=1).figure(CUSHIONS, ACCOUNT).tolist() == [5.0, 6.0]
    assert Target("", "accounts-in-default", count=2).figure(CUSHIONS, ACCOUNT).tolist() == [2.0, 1.0]
    assert Target("", "uncollateralised-loss").figure(CUSHIONS, ACCOUNT).tolist() == [7.0, 7.0]


def test_accounts_that_keep_their_equity_change_nothing() -> None:
    """The system with a rich account besides is the system."""
    equity, exposed = np.array([1.0, 2.0]), np.array([[1.0, 0.5], [-0.5, 1.0]])
    alone = system.smallest_radius(np.eye(2), equity, exposed, 1.5, 20.0)
    both = system.smallest_radius(np.eye(2), np.append(equity, 1e6), np.vstack([exposed, [1.0, 1.0]]), 1.5, 20.0)
    assert alone is not None
    assert both is not None
    assert both.move == pytest.approx(alone.move, rel=1e-9)
    assert system.shortfall(equity, exposed, alone.move) == pytest.approx(1.5, rel=1e-9)
