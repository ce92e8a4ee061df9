"""Scenarios: what every risk factor is worth in a state (methodology, sections 1 and 2)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from oracle.reading import Row, Snapshot, as_utc

SECONDS_A_YEAR = 31_536_000.0
SECONDS_A_DAY = 86_400.0

Affine = tuple[float, float]
"""(a, b) of x' = a*x + b."""
Fits = Callable[[Row], bool]
"""Whether a factor passes the `where` of a shock."""

BASE: Row = {"id": "base", "name": "base", "shocks": []}


@dataclass(frozen=True)
class State:
    """Factor values of one scenario, by the names of assets, instruments, schedules and models."""

    spot: dict[str, float]
    """Price in the asset's own price currency."""
    value: dict[str, float]
    """X: price in reporting currency."""
    rate: dict[str, float]
    basis: dict[str, float]
    vol: dict[str, Affine]
    collateral_ratio: dict[str, float]
    haircut: dict[str, Affine]
    shocks: tuple[Row, ...]
    elapsed_years: float

    @cached_property
    def of_margin_rates(self) -> tuple[Row, ...]:
        """The shocks of margin rates, which every position asks for."""
        return tuple(shock for shock in self.shocks if shock["factor"].startswith("margin_rate:"))


def years_to_expiry(snapshot: Snapshot, instrument: Row, state: State | None = None) -> float:
    """Seconds to expiry / 31,536,000, shortened by the horizon of a decaying scenario, never below zero; infinite for a perpetual."""
    if instrument.get("expiry") is None:
        return math.inf
    seconds = (as_utc(instrument["expiry"]) - snapshot.as_of).total_seconds()
    return max(0.0, seconds / SECONDS_A_YEAR - (state.elapsed_years if state else 0.0))


def composed(shocks: tuple[Row, ...], kind: str, name: str, fits: Fits, starred: Fits, size: Callable[[Row, str], float] | None = None) -> Affine:
    """The first matching shock of each shift type, composed: relative, then absolute, scale, replace.

    `fits` judges the `where` of a shock, `starred` whether `*` may mean this factor at all, `size` the size of a shift.
    """
    first: dict[str, float] = {}
    for shock in shocks:
        factor_kind, factor_name = shock["factor"].split(":", 1)
        if factor_kind != kind or (factor_name != name and not (factor_name == "*" and starred(shock))):
            continue
        if not fits(dict(shock.get("where") or {})):
            continue
        for shift in ("relative", "absolute", "scale", "replace"):
            if shock.get(shift) is not None and shift not in first:
                first[shift] = size(shock, shift) if size else float(shock[shift])
    a, b = 1.0, 0.0
    if "relative" in first:
        a, b = a * (1.0 + first["relative"]), b * (1.0 + first["relative"])
    if "absolute" in first:
        b = b + first["absolute"]
    if "scale" in first:
        a, b = a * first["scale"], b * first["scale"]
    if "replace" in first:
        a, b = 0.0, first["replace"]
    return a, b


def listed(value: object) -> list[object]:
    """One value or a list of them, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def asset_fits(asset: Row, where: Row) -> bool:
    """Whether an asset passes `asset` (one of the names), `not_asset` (none), `asset_class`, `tags` (one), `not_tags` (none), `may_be_negative`."""
    tags = asset.get("tags") or []
    if "asset" in where and asset["asset"] not in listed(where["asset"]):
        return False
    if "not_asset" in where and asset["asset"] in listed(where["not_asset"]):
        return False
    if "may_be_negative" in where and asset["may_be_negative"] is not where["may_be_negative"]:
        return False
    if "asset_class" in where and asset.get("asset_class") not in listed(where["asset_class"]):
        return False
    if "tags" in where and not any(tag in tags for tag in listed(where["tags"])):
        return False
    return not ("not_tags" in where and any(tag in tags for tag in listed(where["not_tags"])))


def asset_or_group_fits(snapshot: Snapshot, asset: Row, where: Row) -> bool:
    """As `asset_fits`; the risk groups of an asset are those of the instruments on it."""
    groups = {row["risk_group"] for row in snapshot.instruments.values() if row["underlying"] == asset["asset"]}
    return asset_fits(asset, where) and ("risk_group" not in where or any(group in groups for group in listed(where["risk_group"])))


def within(value: float, ends: list[float | None]) -> bool:
    """Whether a value is inside a range, ends included; a null end is open."""
    low, high = ends
    return (low is None or low <= value) and (high is None or value <= high)


def instrument_fits(snapshot: Snapshot, instrument: Row, base_forward: float | None, where: Row) -> bool:
    """Whether an instrument (its asset class and tags are its underlying's) passes a filter; tenor and moneyness are those at base."""
    if not asset_fits(snapshot.assets[instrument["underlying"]], where):
        return False
    for column in ("kind", "option_type", "risk_group"):
        if column in where and instrument.get(column) not in listed(where[column]):
            return False
    if "tenor_days" in where:
        if instrument.get("expiry") is None:
            return False
        days = (as_utc(instrument["expiry"]) - snapshot.as_of).total_seconds() / SECONDS_A_DAY
        if not within(days, where["tenor_days"]):
            return False
    if "log_moneyness" in where:
        strike = instrument.get("strike")
        if strike is None or base_forward is None or strike <= 0.0 or base_forward <= 0.0:
            return False
        if not within(math.log(strike / base_forward), where["log_moneyness"]):
            return False
    return True


def clamped(value: float, low: float, high: float = math.inf) -> float:
    """The value moved into its range."""
    return min(max(value, low), high)


def with_term(snapshot: Snapshot, instrument: Row) -> Callable[[Row, str], float]:
    """Sizes of vol shifts: relative and absolute ones times (reference_days / max(days, min_days)) ** power."""

    def size(shock: Row, shift: str) -> float:
        term = shock.get("term")
        if not term or shift not in ("relative", "absolute"):
            return float(shock[shift])
        days = (as_utc(instrument["expiry"]) - snapshot.as_of).total_seconds() / SECONDS_A_DAY
        power = term["power"]
        if days >= term["reference_days"] and term.get("power_long") is not None:
            power = term["power_long"]
        ratio = term["reference_days"] / max(days, term.get("min_days", 1.0))
        return float(shock[shift] * ratio**power)

    return size


def resolve(snapshot: Snapshot, scenario: Row, base_forwards: dict[str, float]) -> State:
    """The factor values of one scenario; `base_forwards` (of options, by id) select by log moneyness."""
    shocks = tuple(scenario.get("shocks") or ())
    reporting = snapshot.reporting
    elapsed = scenario.get("horizon_days", 1.0) / 365.0 if scenario.get("decay") else 0.0
    spot: dict[str, float] = {}
    rate: dict[str, float] = {}
    ratio: dict[str, float] = {}
    haircut: dict[str, Affine] = {}
    for name, asset in snapshot.assets.items():

        def fits(where: Row, asset: Row = asset) -> bool:
            return asset_or_group_fits(snapshot, asset, where)

        def star_but_reporting(shock: Row, name: str = name) -> bool:
            return name != reporting

        def star_of_spot(shock: Row, name: str = name, asset: Row = asset) -> bool:
            where = shock.get("where") or {}
            named = "asset" in where or "asset_class" in where or "tags" in where
            steady = asset.get("asset_class") == "cash" or "stablecoin" in (asset.get("tags") or [])
            return name != reporting and (named or not steady)

        a, b = composed(shocks, "rate", name, fits, always)
        rate[name] = a * asset["rate"] + b
        price = asset["price"]
        if asset.get("duration") is not None:
            move = rate[name] - asset["rate"]
            price = price * (1.0 - asset["duration"] * move + (asset.get("convexity") or 0.0) * move * move / 2.0)
        a, b = composed(shocks, "spot", name, fits, star_of_spot)
        spot[name] = a * price + b
        if spot[name] <= 0.0 and not asset["may_be_negative"]:
            raise ValueError(f"scenario {scenario['id']}: spot of {name} would be {spot[name]}")
        a, b = composed(shocks, "collateral", name, fits, star_but_reporting)
        ratio[name] = clamped(a + b, 0.0)
        haircut[name] = composed(shocks, "haircut", name, fits, star_but_reporting)

    basis: dict[str, float] = {}
    vol: dict[str, Affine] = {}
    for name, instrument in snapshot.instruments.items():

        def instrument_passes(where: Row, name: str = name, instrument: Row = instrument) -> bool:
            return instrument_fits(snapshot, instrument, base_forwards.get(name), where)

        years = years_to_expiry(snapshot, instrument)
        years = 1.0 if math.isinf(years) else max(0.0, years - elapsed)

        def annualised(shock: Row, shift: str, years: float = years) -> float:
            return float(shock[shift]) * (years if shock.get("annualised") else 1.0)

        _, basis[name] = composed(shocks, "basis", name, instrument_passes, always, annualised)
        if instrument["kind"] == "option":
            vol[name] = composed(shocks, "vol", instrument["underlying"], instrument_passes, always, with_term(snapshot, instrument))
    return State(spot, in_reporting_currency(snapshot, spot), rate, basis, vol, ratio, haircut, shocks, elapsed)


def always(shock: Row) -> bool:
    """`*` means every factor of the type."""
    return True


def in_reporting_currency(snapshot: Snapshot, spot: dict[str, float]) -> dict[str, float]:
    """X: the price times X of the price currency; 1 for the reporting currency."""

    def value(name: str) -> float:
        if name == snapshot.reporting:
            return 1.0
        return spot[name] * value(snapshot.assets[name]["price_currency"])

    return {name: value(name) for name in spot}


def like(text: str, parts: list[str]) -> bool:
    """Whether a text is the parts in order, with any text between them."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if not (text.startswith(first) and text.endswith(last) and len(text) >= len(first) + len(last)):
        return False
    rest = text[len(first) : len(text) - len(last)]
    for part in middle:
        _, found, rest = rest.partition(part) if part else ("", "*", rest)
        if not found:
            return False
    return True


def holding_share(snapshot: Snapshot, state: State, asset: str, location: str | None) -> float:
    """Recoverable share of positive balances of an asset at a location."""

    def fits(where: Row) -> bool:
        patterns = [str(each).split("*") for each in listed(where["location"])] if "location" in where else None
        return asset_fits(snapshot.assets[asset], where) and (patterns is None or (location is not None and any(like(location, p) for p in patterns)))

    a, b = composed(state.shocks, "holding", asset, fits, always)
    return clamped(a + b, 0.0, 1.0)


def margin_rate(state: State, name: str | None, starred: bool) -> float:
    """Multiplier of the requirement of a margin schedule or model; `starred`: whether `margin_rate:*` means it."""
    if name is None or not state.of_margin_rates:
        return 1.0
    a, b = composed(state.of_margin_rates, "margin_rate", name, always, lambda _: starred)
    return clamped(a + b, 0.0)
