"""Statistics of weighted figures against closed forms, published values and the plainest counting."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stresstest.stress.weighted.statistics import Losses, probability

HUNDRED = np.arange(1.0, 101.0)
EQUAL = np.full(100, 0.01)


def of(values: list[float], weights: list[float] | None = None) -> Losses:
    p = np.array([1.0] * len(values) if weights is None else weights)
    return Losses(np.array(values, dtype=float), p / p.sum())


@pytest.mark.parametrize(("level", "value", "shortfall", "tail"), [(0.95, 95.0, 98.0, 5), (0.975, 98.0, 99.2, 3), (0.99, 99.0, 100.0, 1)])
def test_one_to_a_hundred(level: float, value: float, shortfall: float, tail: int) -> None:
    """The worst five are 96 to 100, mean 98; the worst 2.5 are 100, 99 and half of 98: 248 / 2.5."""
    losses = Losses(HUNDRED, EQUAL)
    assert losses.quantile(level) == value
    assert losses.expected_shortfall(level).value == pytest.approx(shortfall, rel=1e-14)
    assert losses.scenarios_in_tail(level) == tail


def test_standard_errors_of_one_to_a_hundred() -> None:
    losses = Losses(HUNDRED, EQUAL)
    mean, deviation = losses.mean(), losses.standard_deviation()
    # Variance of 1..n is (n^2 - 1) / 12, over n - 1 it is n (n + 1) / 12.
    assert mean.value == pytest.approx(50.5, rel=1e-14)
    assert mean.standard_error == pytest.approx(math.sqrt(9999 / 12) / 10, rel=1e-12)
    assert deviation is not None
    assert deviation.value == pytest.approx(math.sqrt(100 * 101 / 12), rel=1e-12)
    # Manistre and Hancock: tail 96..100 has variance 2 about its mean 98, three above the value at risk of 95.
    expected = math.sqrt((2 + 0.95 * 3**2) / (100 * 0.05))
    assert losses.expected_shortfall(0.95).standard_error == pytest.approx(expected, rel=1e-12)
    # One standard error of the level 0.9 is 0.03: quantiles 0.93 and 0.87 are 93 and 87.
    assert losses.value_at_risk(0.9) == (90.0, pytest.approx(3.0))
    # Of 0.99 it is 0.00995: 0.99995 is within the draws, and above 0.995 with a tenth of the draws it is not.
    assert losses.value_at_risk(0.99).standard_error == pytest.approx(0.5 * (100 - 99))
    assert Losses(HUNDRED[:10], np.full(10, 0.1)).value_at_risk(0.99).standard_error is None


def test_the_edge_of_the_tail_is_split() -> None:
    """Worst: -3 with 2 %, then 10 % of which 3 % belong to the worst 5 %: (0.02 * 30 + 0.03 * 20) / 0.05 = 24."""
    losses = of([0.0, 20.0, 30.0], [0.88, 0.10, 0.02])
    assert losses.expected_shortfall(0.95).value == pytest.approx(24.0, rel=1e-12)
    assert losses.quantile(0.95) == 20.0
    assert losses.quantile(0.88) == 0.0
    assert losses.quantile(0.89) == 20.0
    assert losses.scenarios_in_tail(0.95) == 2


def test_where_there_is_hardly_anything() -> None:
    one = of([7.0])
    assert (one.mean(), one.standard_deviation(), one.expected_shortfall(0.99)) == ((7.0, 0.0), None, (7.0, None))
    assert of([5.0, 5.0]).standard_deviation() == (0.0, 0.0)
    # A worst scenario more probable than the tail is all of it, whatever the others are.
    assert of([1.0, 9.0]).expected_shortfall(0.99) == (9.0, None)


def test_losses_of_a_normal_distribution() -> None:
    """At the quantiles of 20,000 equal parts: value at risk z, expected shortfall phi(z) / alpha, deviation 1."""
    normal, n = statistics.NormalDist(), 20_000
    losses = Losses(np.array([normal.inv_cdf((k + 0.5) / n) for k in range(n)]), np.full(n, 1 / n))
    for level in (0.95, 0.975, 0.99):
        z = normal.inv_cdf(level)
        found = losses.expected_shortfall(level)
        expected = normal.pdf(z) / (1 - level)
        assert losses.quantile(level) == pytest.approx(z, abs=2e-3)
        assert found.value == pytest.approx(expected, rel=1e-3)
        # Var(max(x - z, 0)) = (1 + z^2) alpha - z phi - (phi - z alpha)^2, a textbook integral.
        alpha, phi = 1 - level, normal.pdf(z)
        variance = (1 + z * z) * alpha - z * phi - (phi - z * alpha) ** 2
        assert found.standard_error == pytest.approx(math.sqrt(variance / n) / alpha, rel=0.02)
    assert losses.standard_deviation() == (pytest.approx(1.0, abs=1e-3), pytest.approx(1 / math.sqrt(2 * n), rel=0.01))


whole = st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 6)), min_size=1, max_size=12)


@settings(deadline=None)
@given(whole, st.sampled_from([0.5, 0.75, 0.95, 0.975, 0.99]))
def test_a_weight_of_three_is_three_draws(pairs: list[tuple[int, int]], level: float) -> None:
    """Against exact fractions of a list in which every value stands as often as its weight says."""
    losses = of([float(value) for value, _ in pairs], [float(weight) for _, weight in pairs])
    told = sorted((value for value, weight in pairs for _ in range(weight)), reverse=True)
    n, exact = len(told), Fraction(str(level))
    left, amount = (1 - exact) * n, Fraction(0)
    for value in told:
        part = min(left, Fraction(1))
        amount, left = amount + part * value, left - part
    assert losses.expected_shortfall(level).value == pytest.approx(float(amount / ((1 - exact) * n)), rel=1e-9, abs=1e-9)
    assert losses.quantile(level) == min(value for value in told if sum(each <= value for each in told) >= exact * n)
    assert losses.mean().value == pytest.approx(sum(told) / n, rel=1e-9, abs=1e-9)


@settings(deadline=None)
@given(whole)
def test_laws_of_expected_shortfall(pairs: list[tuple[int, int]]) -> None:
    values, weights = [float(value) for value, _ in pairs], [float(weight) for _, weight in pairs]
    losses = of(values, weights)
    tails = [losses.expected_shortfall(level).value for level in (0.5, 0.95, 0.975, 0.99)]
    assert tails == sorted(tails) or np.diff(tails).min() > -1e-9
    assert tails[1] >= losses.quantile(0.95) - 1e-9
    assert max(values) + 1e-9 >= tails[-1] >= losses.mean().value - 1e-9
    moved = of([2.0 * value + 3.0 for value in values], weights).expected_shortfall(0.95)
    assert moved.value == pytest.approx(2.0 * tails[1] + 3.0, abs=1e-9)
    other = [value * value for value in values]
    together = of([a + b for a, b in zip(values, other, strict=True)], weights).expected_shortfall(0.95).value
    assert together <= tails[1] + of(other, weights).expected_shortfall(0.95).value + 1e-9


def test_a_probability() -> None:
    assert probability(0.2, 400.0) == (0.2, pytest.approx(0.02))
    assert probability(1.0 + 1e-15, 400.0) == (1.0, 0.0)
