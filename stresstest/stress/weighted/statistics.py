"""Statistics of figures that have probabilities, with their Monte Carlo standard errors.

Every sum runs one value after the other, so that figures have the same bits on any machine. Standard errors take scenarios as
independent draws, weighted where their weights differ; of scenarios that are not (a grid, overlapping windows of history) they say only how
few there are.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ROUNDING = 1e-12
"""How far a sum of probabilities may be from the level that it is meant to reach."""


class Estimate(NamedTuple):
    """A figure and its standard error; None: not known."""

    value: float
    standard_error: float | None


def _sum(values: Floats) -> float:
    return float(np.cumsum(values)[-1])


def _spread(values: Floats, p: Floats) -> float:
    """Standard error of the weighted mean of `values`: sqrt(sum of p^2 (v - mean)^2)."""
    off = p * (values - _sum(p * values))
    return math.sqrt(_sum(off * off))


class Losses:
    """Figures [n] with probabilities [n] that add up to 1, larger = worse."""

    def __init__(self, values: Floats, p: Floats) -> None:
        order = np.argsort(-values, kind="stable")
        self._values, self._p = values[order], p[order]
        self._reached = np.cumsum(self._p)

    def mean(self) -> Estimate:
        """Sum of p x; standard error sqrt(sum of p^2 (x - mean)^2), with equal weights s / sqrt(n)."""
        return Estimate(_sum(self._p * self._values), _spread(self._values, self._p))

    def standard_deviation(self) -> Estimate | None:
        """Root of sum p (x - mean)^2 / (1 - sum p^2), with equal weights the sum over n - 1; None of one scenario.

        Standard error by the delta method: that of the variance over twice the deviation.
        """
        freedom = 1.0 - _sum(self._p * self._p)
        if len(self._p) < 2 or freedom <= ROUNDING:
            return None
        off = (self._values - _sum(self._p * self._values)) ** 2
        deviation = math.sqrt(_sum(self._p * off) / freedom)
        return Estimate(deviation, _spread(off, self._p) / (2.0 * deviation) if deviation > 0.0 else 0.0)

    def quantile(self, level: float) -> float:
        """The smallest value with a probability of at least `level` at or below it."""
        # What is above the value has at most 1 - level: the first place where more is reached.
        place = int(np.searchsorted(self._reached, (1.0 - level) + ROUNDING, side="right"))
        return float(self._values[min(place, len(self._values) - 1)])

    def value_at_risk(self, level: float) -> Estimate:
        """The quantile; standard error half the way between the quantiles one standard error sqrt(level (1 - level) sum p^2) of the
        level above and below it (Woodruff 1952), None where that is beyond the draws.
        """
        step = math.sqrt(level * (1.0 - level) * _sum(self._p * self._p))
        value = self.quantile(level)
        if level + step >= 1.0 or level - step <= 0.0:
            return Estimate(value, None)
        return Estimate(value, 0.5 * (self.quantile(level + step) - self.quantile(level - step)))

    def expected_shortfall(self, level: float) -> Estimate:
        """Mean of the worst 1 - level; of the scenario at its edge only the part that belongs to it (Acerbi and Tasche 2002).

        Standard error: that of the mean of max(x - q, 0) / (1 - level) with the value at risk q; with equal weights
        sqrt((s^2 + level (ES - q)^2) / (n (1 - level))), s^2 the variance in the tail (Manistre and Hancock 2005). None where the tail is one
        scenario, which says nothing of how it is spread.
        """
        part, tail = self._tail(level), 1.0 - level
        value = _sum(part * self._values) / _sum(part)
        if self.scenarios_in_tail(level) < 2:
            return Estimate(value, None)
        return Estimate(value, _spread(np.maximum(self._values - self.quantile(level), 0.0) / tail, self._p))

    def scenarios_in_tail(self, level: float) -> int:
        """Scenarios that the mean of the worst 1 - level is of, the one at its edge included."""
        return int(np.count_nonzero(self._tail(level) > ROUNDING * self._p))

    def _tail(self, level: float) -> Floats:
        """How much of every scenario's probability belongs to the worst 1 - level."""
        left = (1.0 - level) - (self._reached - self._p)
        part: Floats = np.where(left > ROUNDING, np.minimum(left, self._p), 0.0)
        return part if part[0] > 0.0 else np.where(np.arange(len(part)) == 0, self._p, 0.0)


def probability(p: float, effective: float) -> Estimate:
    """A probability, with sqrt(p (1 - p) / n) of n effective draws as its standard error: zero where all or none of the draws say so."""
    within = min(max(p, 0.0), 1.0)
    return Estimate(within, math.sqrt(within * (1.0 - within) / effective))
