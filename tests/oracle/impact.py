"""What sales do to prices (methodology, section 17): prices as functions of what was sold, averages by numerical integration.

Nothing here is a closed form of an average: the mean of a price over what is traded is integrated, piece by piece between its kinks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from numpy.polynomial.legendre import leggauss
from oracle.reading import Row, Snapshot
from oracle.shocks import State, always, asset_fits, clamped, composed

LOWEST = 1e-6
"""Of its snapshot price: below this no sale takes an asset that may not be negative."""
HIGHEST = 1e6
"""Times its snapshot price: above this no purchase takes any price."""
NODES = [(float(x), float(w)) for x, w in zip(*leggauss(30), strict=True)]


@dataclass(frozen=True)
class Impact:
    """The price of one asset in one scenario, in its own price currency, after `sold` units net have been sold (bought: negative).

    `strength` is what the kind needs: linear the fall of the price by unit sold, exponential the rate, square root y*vol/sqrt(units a day);
    None where it is not known, so that nothing moves the price.
    """

    kind: str
    snapshot_price: float
    shocked: float
    strength: float | None
    may_be_negative: bool

    def unlimited(self, sold: float) -> float:
        """The price without a floor."""
        if self.strength is None or self.kind == "none":
            return self.shocked
        if self.kind == "linear":
            return self.shocked - self.strength * sold
        share = 1.0 - math.exp(clamped(-self.strength * sold, -700.0, 700.0)) if self.kind == "exponential" else 0.0
        if self.kind == "square_root":
            share = math.copysign(self.strength * math.sqrt(abs(sold)), sold)
        return self.shocked - (abs(self.snapshot_price) if self.may_be_negative else self.shocked) * share

    def after(self, sold: float) -> float:
        """The price after net sales."""
        price = min(self.unlimited(sold), HIGHEST * abs(self.snapshot_price))
        return price if self.may_be_negative else max(price, LOWEST * self.snapshot_price)

    def is_floored(self, sold: float) -> bool:
        """Whether the floor holds the price."""
        return not self.may_be_negative and self.unlimited(sold) < LOWEST * self.snapshot_price

    def is_capped(self, sold: float) -> bool:
        """Whether the ceiling holds the price."""
        return self.unlimited(sold) > HIGHEST * abs(self.snapshot_price)

    def average(self, before: float, after: float) -> float:
        """The mean price over what is traded between two levels of net sales."""
        if before == after:
            return self.after(before)
        cuts = sorted({min(before, after), max(before, after), *self.kinks(min(before, after), max(before, after))})
        return math.fsum(self.integral(low, high) for low, high in pairwise(cuts)) / abs(after - before)

    def kinks(self, low: float, high: float) -> list[float]:
        """Where the price is not smooth inside a range: no net sales at all, and where floor or ceiling are reached."""
        found = [0.0] if low < 0.0 < high else []
        for bound in (self.is_floored, self.is_capped):
            left, right = low, high
            if bound(left) == bound(right):
                continue
            while (middle := 0.5 * (left + right)) not in (left, right):
                left, right = (middle, right) if bound(middle) == bound(left) else (left, middle)
            found.append(right)
        return found

    def integral(self, low: float, high: float) -> float:
        """Of the price over a range without kinks, in roots of the distance from zero, in which all kinds are smooth."""
        side = 1.0 if high > 0.0 else -1.0
        near, far = sorted((math.sqrt(abs(low)), math.sqrt(abs(high))))
        half, middle = 0.5 * (far - near), 0.5 * (far + near)
        return half * math.fsum(w * self.after(side * (middle + half * x) ** 2) * 2.0 * (middle + half * x) for x, w in NODES)


def impacts(snapshot: Snapshot, base: State, state: State, cascade: Row) -> dict[str, Impact]:
    """The impact of every asset in a scenario, as the run file's section `cascade` says."""
    given = cascade.get("impact") or {"kind": "linear"}
    entries = given if isinstance(given, list) else [given]
    found = {}
    for name, asset in snapshot.assets.items():
        entry = next((each for each in entries if name in (each.get("assets") or [name])), {"kind": "none"})
        strength = None if name == snapshot.reporting else strength_of(snapshot, base, state, entry, name)
        found[name] = Impact(entry["kind"], base.spot[name], state.spot[name], strength, asset["may_be_negative"])
    return found


def strength_of(snapshot: Snapshot, base: State, state: State, entry: Row, name: str) -> float | None:
    """How strongly sales of an asset move its price; None where a parameter is not known."""
    asset, price, worth = snapshot.assets[name], base.spot[name], base.value[name]

    def own(key: str, column: str | None = None) -> float | None:
        value = entry.get(key)
        if isinstance(value, dict):
            value = value.get(name)
        elif value is None and column is not None and key not in entry:
            value = asset.get(column)
        return None if value is None else float(value)

    def fits(where: Row) -> bool:
        return asset_fits(asset, where)

    scale, shift = composed(state.shocks, "depth", name, fits, always)
    if entry["kind"] == "linear":
        if "slope" in entry:
            slope = own("slope")
            return None if slope is None else slope / scale
        if "from_volume" in entry:
            volume, vol, terms = asset.get("daily_volume"), asset.get("daily_vol"), entry["from_volume"]
            depth = None if volume is None or vol is None else terms["c"] * volume / vol * math.sqrt(terms["horizon_days"])
        else:
            depth = own("depth", "depth")
        if depth is None and scale != 0.0:
            return None
        depth = (0.0 if depth is None else scale * depth) + shift
        # The notional at snapshot price that takes that price to zero.
        units = depth / abs(worth)
        return abs(price) / units
    if entry["kind"] == "exponential":
        rate = own("lambda")
        return None if rate is None else rate / scale
    if entry["kind"] == "square_root":
        vol, volume = own("daily_vol", "daily_vol"), own("daily_volume", "daily_volume")
        if vol is None or volume is None:
            return None
        return float(entry.get("y", 1.0) * vol / math.sqrt(scale * volume / abs(worth)))
    return None
