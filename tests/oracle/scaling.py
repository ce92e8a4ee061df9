"""Rates and weights that follow size, the venue's open interest and pools, and conservative prices (methodology, section 4)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from oracle.margin import Market
    from oracle.reading import Row


def level_of(value: object, level: str) -> float | None:
    """A figure given once or for either calculation; None without one."""
    if isinstance(value, dict):
        value = value.get(level)
    return None if value is None else float(value)  # type: ignore[arg-type]


def rounded_down(figure: float, step: float | None) -> float:
    """To a multiple of the step; what is a multiple but for rounding stays one."""
    return math.floor(figure / step + 1e-9) * step if step else figure


def growth(instrument: Row, rule: Row, contracts: float) -> float:
    """g of a position."""
    if rule.get("growth", "square_root") == "skew":
        return float(contracts / instrument["skew_scale"])
    return math.sqrt(contracts * instrument["contract_size"])


def schedule_for(market: Market, instrument: Row, schedule: Row, contracts: float) -> Row:
    """The schedule with the rates that a position of this size has."""
    rule = schedule.get("size_scaling")
    if rule is None:
        return schedule
    g = growth(instrument, rule, contracts)
    tiers = []
    for tier in schedule["tiers"]:
        grown = dict(tier)
        for level in ("maintenance", "initial"):
            rate = tier[f"{level}_rate"]
            new = rule.get("rate_share", 1.0) * rate + (level_of(rule["factor"], level) or 0.0) * g
            grown[f"{level}_rate"] = max(rate, rounded_down(new, rule.get("floor_to")))
        tiers.append(grown)
    return {**schedule, "tiers": tiers}


def interest_share(market: Market, name: str, schedule: Row, unit: float) -> float:
    """How far open interest has taken the initial rate on its way to 1; `unit` is X of the schedule's currency."""
    rule = schedule.get("open_interest_scaling")
    if rule is None:
        return 0.0
    value = market.snapshot.instruments[name]["open_interest"] * market.priced[name].notional / unit
    return min(1.0, max(0.0, (value - rule["from"]) / (rule["to"] - rule["from"])))


def is_conservative(model: Row, level: str) -> bool:
    """Whether the calculation takes conservative prices."""
    rule = model.get("conservative_prices")
    return rule is not None and bool(rule.get(level, level == "initial"))


def price_factor(market: Market, model: Row, asset: str, owned: bool, level: str) -> float:
    """Conservative price over price: what is owned at the low one, what is owed at the high one."""
    row, price = market.snapshot.assets[asset], market.state.spot[asset]
    other = row.get("price_low" if owned else "price_high")
    if other is None or price <= 0.0 or not is_conservative(model, level):
        return 1.0
    return float(min(price, other) / price if owned else max(price, other) / price)


def marked_again(market: Market, model: Row, name: str, quantity: float, level: str) -> float:
    """What the mark of a future or perpetual is multiplied by."""
    instrument = market.snapshot.instruments[name]
    if not (model.get("conservative_prices") or {}).get("marks", False) or instrument["kind"] not in ("future", "perpetual"):
        return 1.0
    return price_factor(market, model, instrument["underlying"], quantity > 0.0, level)


def notional_factor(market: Market, model: Row, name: str, schedule: Row, quantity: float, level: str) -> float:
    """Notional at conservative prices over notional: the money at its high price, and the mark where it moves with the underlying."""
    instrument = market.snapshot.instruments[name]
    if instrument["kind"] == "option" or schedule.get("open_interest_scaling") is not None:
        return 1.0
    money = instrument["settle"] if instrument["payoff"] == "quanto" else instrument["quote"]
    factor = price_factor(market, model, money, False, level)
    return factor if instrument["payoff"] == "inverse" else factor * marked_again(market, model, name, quantity, level)


def size_of(market: Market, asset: str, value: float) -> float:
    """Units of a balance."""
    price = abs(market.state.value[asset])
    return abs(value) / price if price > 0.0 else 0.0


def pool_multiple(market: Market, asset: str, schedule: Row, key: str, column: str, level: str) -> float:
    """The venue's pool over its level, at least 1."""
    above = level_of((schedule.get("concentration") or {}).get(key), level)
    if above is None:
        return 1.0
    unit = market.state.value[schedule.get("currency") or market.snapshot.reporting]
    return float(max(1.0, market.snapshot.assets[asset][column] * abs(market.state.value[asset]) / (above * unit)))


def counted_share(market: Market, asset: str, schedule: Row, value: float, haircut: float, level: str) -> float:
    """What counts of a part of a deposit of `value`, at a stressed haircut."""
    share = (1.0 - haircut) / pool_multiple(market, asset, schedule, "deposits_above", "pool_deposits", level)
    rule = schedule.get("size_scaling")
    if rule is None:
        return share
    most = rule.get("asset_numerator", 1.0) / (1.0 + (level_of(rule["factor"], level) or 0.0) * math.sqrt(size_of(market, asset, value)))
    return min(share, rounded_down(most, rule.get("floor_to")))


def debt_weight(market: Market, asset: str, schedule: Row, value: float, level: str) -> float:
    """The weight of a debt of `value`."""
    given = level_of(schedule.get("liability_weight"), level)
    weight = (1.0 if given is None else given) * pool_multiple(market, asset, schedule, "borrows_above", "pool_borrows", level)
    rule = schedule.get("size_scaling")
    if rule is None:
        return weight
    grown = rule.get("liability_share", 1.0) * weight + (level_of(rule["factor"], level) or 0.0) * math.sqrt(size_of(market, asset, value))
    return max(weight, rounded_down(grown, rule.get("floor_to")))
