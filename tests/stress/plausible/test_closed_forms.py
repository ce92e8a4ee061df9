"""Published values of the likeliest and the worst moves, and laws that hold whatever the book. T25 and T26: values worked out beforehand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from stresstest.stress.plausible import delta_gamma, linear, system

SIGMA = np.array([[4e-4, 3e-4], [3e-4, 9e-4]])
W = np.array([1_000_000.0, 500_000.0])
STRAIGHT = np.zeros((2, 2))
"""No curvature."""


def pnl(exposure: np.ndarray, curvature: np.ndarray, move: np.ndarray) -> float:
    """w'x + x'Gx/2."""
    return float(exposure @ move + 0.5 * move @ curvature @ move)


def test_the_likeliest_way_to_lose_100_000() -> None:
    """T25."""
    assert linear.deviation(SIGMA, W) == pytest.approx(30_413.8126514911, rel=1e-13)
    move = delta_gamma.likeliest(SIGMA, W, STRAIGHT, 100_000.0)
    assert move == pytest.approx([-0.0594594595, -0.0810810811], abs=5e-11)
    far = linear.distance(SIGMA, move)
    assert far == pytest.approx(3.287979746107146, rel=1e-13)
    found = linear.plausibility(far, 2, df=4.0)
    assert found.half_space == pytest.approx(0.0005045454940480226, rel=1e-12)
    assert found.outside == pytest.approx(0.004492232856494, rel=1e-11)
    assert found.half_space_t == pytest.approx(0.004831068731575, rel=1e-11)


def test_the_worst_inside_three_deviations() -> None:
    """T25, with the box of three deviations of each factor (105,000) and the worst of a single factor (60,000) beside it."""
    move = delta_gamma.worst(SIGMA, W, STRAIGHT, 3.0)
    assert W @ move == pytest.approx(-91_241.4379544733, rel=1e-12)
    assert move == pytest.approx([-0.0542516658, -0.0739795443], abs=5e-11)
    assert linear.distance(SIGMA, move) == pytest.approx(3.0)
    assert linear.worst_in_box(SIGMA, W, 3.0) == pytest.approx(105_000.0, rel=1e-14)
    assert linear.worst_of_one_factor(SIGMA, W, 3.0) == pytest.approx(60_000.0, rel=1e-14)


def test_one_factor_with_curvature() -> None:
    """T26: delta 1e6, gamma -2e7, vol 2 %, loss 60,000."""
    move = delta_gamma.likeliest(np.array([[4e-4]]), np.array([1e6]), np.array([[-2e7]]), 60_000.0)
    assert move == pytest.approx([-0.04219544457292888], rel=1e-12)
    assert linear.distance(np.array([[4e-4]]), move) == pytest.approx(2.109772228646443, rel=1e-12)


def test_a_straddle_has_no_slope_and_still_loses() -> None:
    """The hard case: w = 0, G = -2e7: x = sqrt(2 L / 2e7), either way."""
    move = delta_gamma.likeliest(SIGMA, np.zeros(2), np.diag([-2e7, 1e6]), 10_000.0)
    assert pnl(np.zeros(2), np.diag([-2e7, 1e6]), move) == pytest.approx(-10_000.0)
    # Least far out with x1 free of x2: x2 follows x1 by regression, less what its own gains cost; never farther than x1 alone.
    alone = np.array([np.sqrt(2.0 * 10_000.0 / 2e7), 0.0])
    assert linear.distance(SIGMA, move) <= linear.distance(SIGMA, alone) * (1.0 + 1e-12)


def test_what_cannot_be_lost_is_said() -> None:
    """Delta 1, gamma 1: the P&L x + x*x/2 is never below -1/2."""
    one = np.array([[1.0]])
    assert delta_gamma.likeliest(one, np.array([1.0]), one, 0.6) is None
    assert delta_gamma.likeliest(one, np.array([1.0]), one, 0.5 - 1e-9) == pytest.approx([-1.0], abs=1e-4)
    assert delta_gamma.likeliest(one, np.array([0.0]), np.zeros((1, 1)), 1.0) is None


MATRICES = st.integers(1, 4).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, 100_000)))


def _book(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    half = rng.standard_normal((count, count + 2))
    curved = rng.standard_normal((count, count))
    return half @ half.T / 10.0, rng.standard_normal(count), curved + curved.T


@settings(max_examples=60, deadline=None)
@given(MATRICES, st.floats(0.01, 3.0))
def test_no_move_of_the_same_loss_is_nearer(of: tuple[int, int], loss: float) -> None:
    covariance, exposure, curvature = _book(*of)
    move = delta_gamma.likeliest(covariance, exposure, curvature, loss)
    if move is None:
        assert np.linalg.eigvalsh(curvature)[0] > 0.0
        return
    assert pnl(exposure, curvature, move) == pytest.approx(-loss, rel=1e-8)
    far = linear.distance(covariance, move)
    rng = np.random.default_rng(1)
    root = np.linalg.cholesky(covariance)
    for direction in rng.standard_normal((300, of[0])):
        x = root @ direction / np.linalg.norm(direction)
        # The first t with t*slope + t^2/2*curvature = -loss along it.
        slope, curve = float(exposure @ x), float(x @ curvature @ x)
        roots = np.roots([0.5 * curve, slope, loss]) if abs(curve) > 1e-12 else np.array([-loss / slope])
        real = [abs(r.real) for r in np.atleast_1d(roots) if abs(np.imag(r)) < 1e-12]
        assert not real or min(real) >= far * (1.0 - 1e-9)


@settings(max_examples=60, deadline=None)
@given(MATRICES, st.floats(0.01, 4.0))
def test_nothing_inside_is_worse(of: tuple[int, int], radius: float) -> None:
    covariance, exposure, curvature = _book(*of)
    move = delta_gamma.worst(covariance, exposure, curvature, radius)
    assert linear.distance(covariance, move) <= radius * (1.0 + 1e-8)
    least = pnl(exposure, curvature, move)
    root = np.linalg.cholesky(covariance)
    rng = np.random.default_rng(2)
    tries = rng.standard_normal((400, of[0]))
    tries *= (radius * rng.random(400) ** 0.2 / np.linalg.norm(tries, axis=1))[:, None]
    assert all(pnl(exposure, curvature, root @ z) >= least - 1e-9 * max(1.0, abs(least)) for z in tries)


def test_the_hard_case_of_the_worst_inside() -> None:
    """No slope along the axis that loses: the radius is spent there. P&L z2 + (-2 z1^2 + z2^2)/2, |z| <= 1: z2 = -1/3, z1^2 = 8/9."""
    found = delta_gamma.worst(np.eye(2), np.array([0.0, 1.0]), np.diag([-2.0, 1.0]), 1.0)
    assert np.abs(found) == pytest.approx([np.sqrt(8.0 / 9.0), 1.0 / 3.0])
    assert found[1] < 0.0


def test_correlations_lifted_to_nine_tenths() -> None:
    lifted = linear.with_correlation(np.array([[4e-4, -1e-4, 0.0], [-1e-4, 9e-4, 0.0], [0.0, 0.0, 1e-4]]), 0.9)
    own = np.sqrt(np.diagonal(lifted))
    assert own == pytest.approx([0.02, 0.03, 0.01])
    correlation = lifted / np.outer(own, own)
    assert correlation[0, 1] == pytest.approx(0.9)
    assert np.linalg.eigvalsh(correlation)[0] > 0.0
    assert linear.with_correlation(SIGMA, 0.1) == pytest.approx(SIGMA)


# ---------------------------------------------------------------- the system


def test_two_accounts_by_hand() -> None:
    """Accounts with 10 each, long and short one unit of a factor of deviation 1: at 15 one of them is short of 5, never both."""
    equity, exposures = np.array([10.0, 10.0]), np.array([[1.0], [-1.0]])
    found = system.worst(np.eye(1), equity, exposures, 15.0)
    assert (found.shortfall, abs(found.move[0])) == (pytest.approx(5.0), pytest.approx(15.0))
    back = system.smallest_radius(np.eye(1), equity, exposures, 5.0, 100.0)
    assert back is not None
    assert abs(back.move[0]) == pytest.approx(15.0)
    assert system.smallest_radius(np.eye(1), equity, exposures, 1e6, 100.0) is None
    assert linear.distances(np.eye(1), np.array([10.0, -1.0, 5.0]), np.array([[2.0], [1.0], [0.0]])).tolist() == [5.0, 0.0, np.inf]


def test_the_first_loss_of_all_is_at_the_nearest_account() -> None:
    """The least figure above zero: two accounts at 5 and 6 deviations."""
    near = system.smallest_radius(np.eye(2), np.array([5.0, 6.0]), np.eye(2), 5e-324, 10.0)
    assert near is not None
    assert near.move == pytest.approx([-5.0, 0.0], abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(2, 7), st.integers(0, 100_000))
def test_the_system_against_every_set_of_accounts(factors: int, count: int, seed: int) -> None:
    """The largest over all sets A of k sqrt(w_A' S w_A) - E_A, and the smallest (L + E_A) / sqrt(w_A' S w_A): no set is left out here."""
    rng = np.random.default_rng(seed)
    equity, exposures = rng.random(count) * 3.0 - 0.1, rng.standard_normal((count, factors))
    half = rng.standard_normal((factors, factors + 2))
    covariance = half @ half.T / factors
    sets = [list(chosen) for size in range(1, count + 1) for chosen in combinations(range(count), size)]
    own = [float(equity[chosen].sum()) for chosen in sets]
    spread = [linear.deviation(covariance, exposures[chosen].sum(axis=0)) for chosen in sets]
    most = max(0.0, *(2.0 * wide - held for wide, held in zip(spread, own, strict=True)))
    found = system.worst(covariance, equity, exposures, 2.0)
    assert found.shortfall == pytest.approx(most, rel=1e-9, abs=1e-12)
    assert system.shortfall(equity, exposures, found.move) == pytest.approx(found.shortfall, rel=1e-9, abs=1e-12)
    at_base = system.shortfall(equity, exposures, np.zeros(factors))
    if most > at_base * (1.0 + 1e-6) + 1e-6:
        target = 0.5 * (at_base + most)
        near = system.smallest_radius(covariance, equity, exposures, target, 2.0)
        assert near is not None
        least = min((target + held) / wide for wide, held in zip(spread, own, strict=True))
        assert linear.distance(covariance, near.move) == pytest.approx(least, rel=1e-9)
        assert system.shortfall(equity, exposures, near.move) == pytest.approx(target, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 100_000))
@example(66_937)
def test_the_system_against_a_search_by_a_library(seed: int) -> None:
    """A general optimiser from many starts finds nothing worse."""
    rng = np.random.default_rng(seed)
    equity, exposures = rng.random(6) * 2.0, rng.standard_normal((6, 2))
    covariance = np.array([[1.0, 0.3], [0.3, 0.5]])
    root = np.linalg.cholesky(covariance)
    found = system.worst(covariance, equity, exposures, 2.0)
    angles = np.linspace(0.0, 2.0 * np.pi, 720)
    around = max(system.shortfall(equity, exposures, 2.0 * root @ np.array([np.cos(a), np.sin(a)])) for a in angles)
    best = minimize(lambda a: -system.shortfall(equity, exposures, 2.0 * root @ np.array([np.cos(a[0]), np.sin(a[0])])), [0.1])
    assert found.shortfall >= max(around, -float(best.fun)) * (1.0 - 1e-4)
