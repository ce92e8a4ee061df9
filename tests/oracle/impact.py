"""What sales do to prices (methodology, section 17): prices as functions of what was sold, averages by numerical integration.

Nothing here is a closed form of an average: the mean of a price over what is traded is integrated, piece by piece between its kinks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
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

    def deeper(self, times: float) -> Impact:
        """The same where so many times as much has to be sold for the same price."""
        if self.strength is None:
            return self
        return replace(self, strength=self.strength / (math.sqrt(times) if self.kind == "square_root" else times))

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
        price = min(self.unlimited(sold), self.highest)
        return price if self.may_be_negative else max(price, self.lowest)

    @property
    def lowest(self) -> float:
        """The floor: a scenario may go below it, sales do not."""
        return min(LOWEST * self.snapshot_price, self.shocked)

    @property
    def highest(self) -> float:
        """The ceiling."""
        return max(HIGHEST * abs(self.snapshot_price), self.shocked)

    def is_floored(self, sold: float) -> bool:
        """Whether the floor holds the price."""
        return not self.may_be_negative and self.unlimited(sold) < self.lowest

    def is_capped(self, sold: float) -> bool:
        """Whether the ceiling holds the price."""
        return self.unlimited(sold) > self.highest

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
    found = {}
    for name, asset in snapshot.assets.items():
        entry = entry_of(cascade, name)

        def fits(where: Row, asset: Row = asset) -> bool:
            return asset_fits(asset, where)

        scale, shift = composed(state.shocks, "depth", name, fits, always)
        strength = None
        if name != snapshot.reporting:
            strength = strength_of(snapshot, base, entry, name)
            reference = depth_of(snapshot, base, entry, name)
            if strength is not None and reference is not None:
                times = scale + shift / (asset.get("depth") or reference)
                strength /= math.sqrt(times) if entry["kind"] == "square_root" else times
            elif entry["kind"] == "linear" and scale == 0.0:
                # No depth but in this scenario, which says one.
                strength = abs(base.spot[name] * base.value[name]) / shift
        found[name] = Impact(entry["kind"], base.spot[name], state.spot[name], strength, asset["may_be_negative"])
    return found


def entry_of(cascade: Row, name: str) -> Row:
    """The first entry of `impact` that speaks of an asset."""
    given = cascade.get("impact") or {"kind": "linear"}
    entries = given if isinstance(given, list) else [given]
    found: Row = next((each for each in entries if name in (each.get("assets") or [name])), {"kind": "linear", "depth": {}, "unnamed": True})
    return found


def parameter(snapshot: Snapshot, entry: Row, name: str, key: str) -> float | None:
    """A parameter as the run file says, for all or by asset, else as the snapshot's column says."""
    value = entry.get(key)
    if isinstance(value, dict):
        value = value.get(name)
    if value is None and key in ("depth", "daily_volume", "daily_vol") and "unnamed" not in entry:
        value = snapshot.assets[name].get(key)
    return None if value is None else float(value)


def strength_of(snapshot: Snapshot, base: State, entry: Row, name: str) -> float | None:
    """How strongly sales of an asset move its price before any scenario; None where a parameter is not known."""
    if entry["kind"] == "linear":
        slope, depth = parameter(snapshot, entry, name, "slope"), depth_of(snapshot, base, entry, name)
        if slope is not None or depth is None:
            return slope
        # So many units take the snapshot price to zero.
        return abs(base.spot[name]) / (depth / abs(base.value[name]))
    if entry["kind"] == "exponential":
        return parameter(snapshot, entry, name, "lambda")
    vol, volume = parameter(snapshot, entry, name, "daily_vol"), parameter(snapshot, entry, name, "daily_volume")
    if entry["kind"] != "square_root" or vol is None or volume is None:
        return None
    return float(entry.get("y", 1.0) * vol / math.sqrt(volume / abs(base.value[name])))


def depth_of(snapshot: Snapshot, base: State, entry: Row, name: str) -> float | None:
    """Notional at the snapshot price that would take it to zero, were it to go on falling as at first (square root: as over all of it)."""
    worth = abs(base.value[name])
    if entry["kind"] == "none" or name == snapshot.reporting:
        return math.inf
    if entry["kind"] == "exponential":
        rate = parameter(snapshot, entry, name, "lambda")
        return None if rate is None else worth / rate
    vol, volume = parameter(snapshot, entry, name, "daily_vol"), parameter(snapshot, entry, name, "daily_volume")
    if entry["kind"] == "square_root":
        return None if vol is None or volume is None else volume / (entry.get("y", 1.0) * vol) ** 2
    slope, rule = parameter(snapshot, entry, name, "slope"), entry.get("from_volume")
    if slope is not None:
        return abs(base.spot[name]) / slope * worth
    if rule is not None:
        return None if vol is None or volume is None else rule["c"] * volume / vol * math.sqrt(rule["horizon_days"])
    return parameter(snapshot, entry, name, "depth")
