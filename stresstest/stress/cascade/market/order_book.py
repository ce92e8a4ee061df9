"""An impact function walked from an order book: level by level, best price first (docs/methodology.md, section 17)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Side(NamedTuple):
    """One side of an order book, best price first.

    `drop` f64[levels]: how far each level is from the snapshot price, a share of its absolute value, never negative, never falling (bids below it,
    asks above). `filled` f64[levels]: units of all levels up to this one. `paid` f64[levels]: sum of units times drop up to this level.
    """

    drop: Floats
    filled: Floats
    paid: Floats

    @property
    def slope(self) -> float:
        """The drop per unit beyond the last level: the mean one of the side, that from no drop to the last level over all its units."""
        return float(self.drop[-1] / self.filled[-1])

    def drop_at(self, units: Floats) -> Floats:
        """The drop of the last unit traded; none before the first."""
        level = np.minimum(np.searchsorted(self.filled, units, side="left"), len(self.filled) - 1)
        beyond = np.maximum(units - self.filled[-1], 0.0)
        return np.where(units > 0.0, self.drop[level] + self.slope * beyond, 0.0)

    def drop_to(self, units: Floats) -> Floats:
        """The integral of the drop over the first `units`."""
        last = len(self.filled) - 1
        level = np.minimum(np.searchsorted(self.filled, units, side="left"), last)
        start = np.where(level > 0, self.filled[level - 1], 0.0)
        beyond = np.maximum(units - self.filled[-1], 0.0)
        inside = np.where(level > 0, self.paid[level - 1], 0.0) + self.drop[level] * (np.minimum(units, self.filled[-1]) - start)
        area: Floats = inside + beyond * (self.drop[-1] + 0.5 * self.slope * beyond)
        return area

    def units_at(self, drop: Floats) -> Floats:
        """The smallest quantity after which the drop is at least `drop`; inf where it never is."""
        level = np.searchsorted(self.drop, drop, side="left")
        last = len(self.filled) - 1
        touched = np.where(level > 0, self.filled[np.clip(level - 1, 0, last)], 0.0)
        further = self.slope > 0.0
        beyond = np.where(further, self.filled[-1] + (drop - self.drop[-1]) / (self.slope if further else 1.0), np.inf)
        return np.where(level > last, beyond, touched)


def side_of(prices: Floats, quantities: Floats, snapshot_price: float) -> Side:
    """A side from its levels, best first: prices in price currency, quantities in units of the asset."""
    drop = np.abs(prices - snapshot_price) / abs(snapshot_price)
    return Side(drop, np.cumsum(quantities), np.cumsum(quantities * drop))


@dataclass(frozen=True)
class OrderBook:
    """The walk through the order book of one asset, in cells: P - w drop(Q / m), upwards for purchases.

    `weight` w is the shocked price, or |snapshot price| where a price may be negative: levels stay as far from the price, in percent, as they were.
    `stretch` m: how many times as much as the table has lies on every level. Beyond the last level the price goes on at the mean slope of
    its side: a table ends somewhere, a market does not, and a price that stood still would understate.
    """

    bids: Side
    asks: Side
    shocked: Floats
    weight: Floats
    stretch: Floats

    def price(self, sold: Floats) -> Floats:
        """The price of the last unit traded."""
        units = np.abs(sold) / self.stretch
        drop = np.where(sold >= 0.0, self.bids.drop_at(units), -self.asks.drop_at(units))
        return self.shocked - self.weight * drop

    def mean(self, low: Floats, high: Floats) -> Floats:
        """The mean over [low, high]."""
        width = (high - low) / self.stretch
        walked = (self._to(high) - self._to(low)) / np.where(width > 0.0, width, 1.0)
        # Rounding of the difference may leave the prices between which a mean must be.
        return np.clip(np.where(width > 0.0, self.shocked - self.weight * walked, self.price(low)), self.price(high), self.price(low))

    def sold_at(self, price: Floats) -> Floats:
        """The quantity at which the walk comes to the price."""
        drop = (self.shocked - price) / self.weight
        units = np.where(drop >= 0.0, self.bids.units_at(np.maximum(drop, 0.0)), -self.asks.units_at(np.maximum(-drop, 0.0)))
        return units * self.stretch

    def exhausted(self, sold: Floats) -> Flags:
        """Where more was traded than the table has."""
        units = np.abs(sold) / self.stretch
        beyond: Flags = units > np.where(sold >= 0.0, self.bids.filled[-1], self.asks.filled[-1])
        return beyond

    def deeper(self, multiple: Floats | float) -> OrderBook:
        """m times the quantity on every level."""
        return replace(self, stretch=self.stretch * multiple)

    def pick(self, take: Callable[[Floats], Floats]) -> OrderBook:
        """These cells."""
        return replace(self, shocked=take(self.shocked), weight=take(self.weight), stretch=take(self.stretch))

    def _to(self, sold: Floats) -> Floats:
        """The integral of the drop from nothing sold to `sold`: purchases have negative drops over negative quantities."""
        units = np.abs(sold) / self.stretch
        return np.where(sold >= 0.0, self.bids.drop_to(units), self.asks.drop_to(units))
