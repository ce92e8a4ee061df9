"""What selling does to a price: impact functions, elementwise (docs/methodology.md, section 17).

All are functions of the cumulative net quantity sold since the shock, in units of the asset, negative where more was bought: net buying pushes
the price up by the same function. Prices are in the asset's price currency. `after` is the price once so much is sold, `average` what the units
between two quantities trade at, exactly: the mean of the price over them, floor and ceiling included. Since both depend on where the selling
stands and not on how it got there, selling in two parts is selling at once, whatever the function.

Arrays of one function have one shape, that of the cells that are priced: assets and scenarios, or chosen pairs of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FLOOR = 1e-6
"""A price that may not be negative is never taken below this part of its snapshot price."""
CEILING = 1e6
"""No price is taken above so many times its snapshot price: beyond it a parameter was mistyped, and numbers overflow."""


class Curve(Protocol):
    """A price as a falling function of the quantity sold, before floor and ceiling."""

    def price(self, sold: Floats) -> Floats:
        """The price after selling `sold`; at 0 the shocked price to the last bit."""
        ...

    def mean(self, low: Floats, high: Floats) -> Floats:
        """The mean price over [low, high]; the price at `low` where both are equal."""
        ...

    def sold_at(self, price: Floats) -> Floats:
        """The smallest quantity after which the price is at or below `price`; inf where it never is."""
        ...

    def exhausted(self, sold: Floats) -> Flags:
        """Where more is sold than the function was measured for."""
        ...

    def deeper(self, multiple: Floats | float) -> Self:
        """The same in a market where `multiple` times as much moves the price as far."""
        ...

    def pick(self, take: Callable[[Floats], Floats]) -> Self:
        """The same function of the cells that `take` keeps of an array."""
        ...


@dataclass(frozen=True)
class Linear:
    """P - k Q, `slope` k >= 0 in price currency per unit (0: no impact).

    Greenwood, Landier and Thesmar, *Vulnerable banks*, Journal of Financial Economics 115 (2015): impact linear in the amount sold.
    """

    shocked: Floats
    slope: Floats

    def price(self, sold: Floats) -> Floats:
        """P - k Q."""
        return self.shocked - self.slope * sold

    def mean(self, low: Floats, high: Floats) -> Floats:
        """P - k (a + b) / 2."""
        return self.shocked - self.slope * (0.5 * (low + high))

    def sold_at(self, price: Floats) -> Floats:
        """(P - p) / k."""
        moves = self.slope > 0.0
        return np.where(moves, (self.shocked - price) / np.where(moves, self.slope, 1.0), np.copysign(np.inf, self.shocked - price))

    def exhausted(self, sold: Floats) -> Flags:
        """Nowhere: the function has no end."""
        return np.zeros(sold.shape, dtype=np.bool_)

    def deeper(self, multiple: Floats | float) -> Linear:
        """k / m."""
        return replace(self, slope=self.slope / multiple)

    def pick(self, take: Callable[[Floats], Floats]) -> Linear:
        """These cells."""
        return Linear(take(self.shocked), take(self.slope))


@dataclass(frozen=True)
class Exponential:
    """P + w (exp(-l Q) - 1), `decay` l > 0 per unit; `weight` w is P, which makes it P exp(-l Q), or |snapshot price| where a price may be negative.

    R. Cifuentes, G. Ferrucci and H. S. Shin, *Liquidity risk and contagion*, Journal of the European Economic Association 3 (2005).
    """

    shocked: Floats
    weight: Floats
    decay: Floats

    def price(self, sold: Floats) -> Floats:
        """P + w (exp(-l Q) - 1)."""
        return self.shocked + self.weight * np.expm1(-self.decay * sold)

    def mean(self, low: Floats, high: Floats) -> Floats:
        """P + w (exp(-l a) (1 - exp(-l (b - a))) / (l (b - a)) - 1)."""
        width = self.decay * (high - low)
        wide = width > 0.0
        share = np.where(wide, -np.expm1(-width) / np.where(wide, width, 1.0), 1.0)
        return self.shocked + self.weight * (np.exp(-self.decay * low) * share - 1.0)

    def sold_at(self, price: Floats) -> Floats:
        """-ln(1 + (p - P) / w) / l."""
        left = 1.0 + (price - self.shocked) / self.weight
        return np.where(left > 0.0, -np.log(np.where(left > 0.0, left, 1.0)) / self.decay, np.inf)

    def exhausted(self, sold: Floats) -> Flags:
        """Nowhere: the function has no end."""
        return np.zeros(sold.shape, dtype=np.bool_)

    def deeper(self, multiple: Floats | float) -> Exponential:
        """l / m."""
        return replace(self, decay=self.decay / multiple)

    def pick(self, take: Callable[[Floats], Floats]) -> Exponential:
        """These cells."""
        return Exponential(take(self.shocked), take(self.weight), take(self.decay))


@dataclass(frozen=True)
class SquareRoot:
    """P - w sign(Q) c sqrt(|Q|), `coefficient` c = y * daily_vol * sqrt(snapshot price / daily_volume); `weight` w as of the exponential.

    Of the cumulative quantity: taken round by round it would count a sale in four parts twice. The law holds for Bitcoin over four decades of
    size (J. Donier and J. Bonart, *A million metaorder analysis of market impact on the Bitcoin*, 2015, arXiv 1412.4503).
    """

    shocked: Floats
    weight: Floats
    coefficient: Floats

    def price(self, sold: Floats) -> Floats:
        """P - w sign(Q) c sqrt(|Q|)."""
        return self.shocked - self.weight * self.coefficient * np.copysign(np.sqrt(np.abs(sold)), sold)

    def mean(self, low: Floats, high: Floats) -> Floats:
        """P - w c (2/3) (|b|^1.5 - |a|^1.5) / (b - a)."""
        near, far = np.sqrt(np.abs(low)), np.sqrt(np.abs(high))
        both = near + far
        # On one side of zero the difference of powers is divided out, so that nothing cancels; across zero it is small by nature.
        aside = np.copysign((near * near + near * far + far * far) / np.where(both > 0.0, both, 1.0), low + high)
        width = high - low
        across = (far**3 - near**3) / np.where(width > 0.0, width, 1.0)
        mean: Floats = self.shocked - self.weight * self.coefficient * (2.0 / 3.0) * np.where(low * high < 0.0, across, aside)
        return mean

    def sold_at(self, price: Floats) -> Floats:
        """sign(P - p) ((P - p) / (w c))^2."""
        roots: Floats = (self.shocked - price) / (self.weight * self.coefficient)
        sold: Floats = np.copysign(roots * roots, roots)
        return sold

    def exhausted(self, sold: Floats) -> Flags:
        """Nowhere: the function has no end."""
        return np.zeros(sold.shape, dtype=np.bool_)

    def deeper(self, multiple: Floats | float) -> SquareRoot:
        """c / sqrt(m): m times the daily volume."""
        return replace(self, coefficient=self.coefficient / np.sqrt(multiple))

    def pick(self, take: Callable[[Floats], Floats]) -> SquareRoot:
        """These cells."""
        return SquareRoot(take(self.shocked), take(self.weight), take(self.coefficient))


@dataclass(frozen=True)
class Bounded:
    """A curve between floor and ceiling: where it would go beyond, the price stays there and the average counts it so."""

    curve: Curve
    floor: Floats
    ceiling: Floats

    def after(self, sold: Floats) -> Floats:
        """The price after the quantity sold."""
        first, last = self._ends
        inside = self.curve.price(np.clip(sold, first, last))
        return np.where(sold >= last, self.floor, np.where(sold <= first, self.ceiling, np.clip(inside, self.floor, self.ceiling)))

    def average(self, before: Floats, after: Floats) -> Floats:
        """The mean of the price over the quantities between `before` and `after`, in either order; the price there where they are equal."""
        low, high = np.minimum(before, after), np.maximum(before, after)
        first, last = self._ends
        width = high - low
        beyond = (high > last) | (low < first)
        if not beyond.any():
            return np.where(width > 0.0, np.clip(self.curve.mean(low, high), self.floor, self.ceiling), self.after(low))
        inner_low, inner_high = np.clip(low, first, last), np.clip(high, first, last)
        inner = np.clip(self.curve.mean(inner_low, inner_high), self.floor, self.ceiling)
        below, above = np.maximum(high - np.maximum(low, last), 0.0), np.maximum(np.minimum(high, first) - low, 0.0)
        # A floor of minus infinity is never reached, and would make nan of a width of zero.
        outer = np.where(below > 0.0, self.floor, 0.0) * below + self.ceiling * above
        mixed = (inner * (inner_high - inner_low) + outer) / np.where(width > 0.0, width, 1.0)
        return np.where(width > 0.0, np.where(beyond, mixed, inner), self.after(low))

    def at_its_end(self, sold: Floats) -> Flags:
        """Where trading has taken the price to its floor or ceiling."""
        first, last = self._ends
        return ((sold > 0.0) & (sold >= last)) | ((sold < 0.0) & (sold <= first))

    def exhausted(self, sold: Floats) -> Flags:
        """Where more is sold than the curve was measured for."""
        return self.curve.exhausted(sold)

    def deeper(self, multiple: float) -> Bounded:
        """The same in a market that is so many times as deep."""
        return replace(self, curve=self.curve.deeper(multiple))

    def pick(self, take: Callable[[Floats], Floats]) -> Bounded:
        """These cells."""
        return Bounded(self.curve.pick(take), take(self.floor), take(self.ceiling))

    @cached_property
    def _ends(self) -> tuple[Floats, Floats]:
        """The quantities at which the price reaches its ceiling and its floor."""
        return np.minimum(self.curve.sold_at(self.ceiling), 0.0), np.maximum(self.curve.sold_at(self.floor), 0.0)
