"""Add-ons: lines of a requirement from positions measured, netted and charged one by one (methodology, section 4)."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.assigned import given
from oracle.reading import Row, at_level
from oracle.shocks import instrument_fits

if TYPE_CHECKING:
    from oracle.margin import Market, Pool, Position


@dataclass(frozen=True)
class Line:
    """What one add-on asks for the positions of one risk group."""

    name: str
    group: str
    amount: float
    floor: bool
    with_loss_factor: bool


def depeg(market: Market, rules: Row) -> float:
    """factor * max(0, threshold - price), the price in the asset's price currency."""
    return float(rules.get("factor", 1.0) * max(0.0, rules["threshold"] - market.state.spot[rules["asset"]]))


def no_deltas(name: str) -> float:
    """Tiered models have no deltas."""
    raise ValueError(f"the delta of {name} is asked for under a model without a grid")


def add_on_lines(market: Market, pool: Pool, model: Row, level: str, unit_delta: Callable[[str], float] = no_deltas) -> list[Line]:
    """The lines of all add-ons of a model, by risk group."""
    lines = []
    for rules in model.get("add_ons") or ():
        amounts: dict[str, float] = defaultdict(float)
        for group, nets in nets_by_group(market, pool, rules, unit_delta).items():
            if rules.get("part", "net") == "hedged":
                hedged = min(sum(net for net, _ in nets if net > 0.0), -sum(net for net, _ in nets if net < 0.0))
                amounts[group] += charge(rules, hedged, math.nan, level)
            else:
                amounts[group] += sum(charge(rules, abs(net), volume, level) for net, volume in nets)
        times = depeg(market, rules["depeg"]) if rules.get("depeg") is not None else 1.0
        floor, with_loss_factor = rules.get("combine", "add") == "floor", bool(rules.get("loss_factor"))
        lines += [Line(rules["name"], group, amount * times, floor, with_loss_factor) for group, amount in amounts.items()]
    return lines


def nets_by_group(market: Market, pool: Pool, rules: Row, unit_delta: Callable[[str], float]) -> dict[str, list[tuple[float, float]]]:
    """The nets of an add-on by risk group, each with the traded volume of its underlying."""
    side, net_by = rules.get("side"), rules.get("net", "position")
    nets: dict[tuple[object, ...], float] = defaultdict(float)
    volume: dict[tuple[object, ...], float] = {}
    for name, position in pool.positions.items():
        instrument = market.snapshot.instruments[name]
        terms = market.terms.get(name)
        if not instrument_fits(market.snapshot, instrument, None if terms is None else terms.base_forward, given(rules)):
            continue
        if net_by == "position" and not on_side(position.quantity, side):
            continue
        doubt = confidence_factor(market, instrument, rules.get("confidence_below"))
        keys = {
            "position": (name,),
            "strike": (instrument["underlying"], instrument.get("expiry"), instrument.get("strike")),
            "expiry": (instrument["underlying"], instrument.get("expiry")),
            "underlying": (instrument["underlying"],),
            "risk_group": (),
        }
        key = (instrument["risk_group"], *keys[net_by])
        nets[key] += doubt * measure(market, name, position, rules.get("of", "notional"), unit_delta)
        daily = market.snapshot.assets[instrument["underlying"]].get("daily_volume")
        volume[key] = 0.0 if daily is None else daily
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for key, net in nets.items():
        if net_by == "position" or on_side(net, side):
            found[str(key[0])].append((net, volume[key]))
    return found


def on_side(amount: float, side: str | None) -> bool:
    """Whether an amount is long, short, or no matter what."""
    return side is None or (amount > 0.0 if side == "long" else amount < 0.0)


def confidence_factor(market: Market, instrument: Row, below: float | None) -> float:
    """1 - c where the lower of the two confidences is below the threshold, else zero; 1 where none is asked for."""
    if below is None:
        return 1.0
    given = [instrument.get("confidence"), market.snapshot.assets[instrument["underlying"]].get("confidence")]
    known = [each for each in given if each is not None]
    return 1.0 - min(known) if known and min(known) < below else 0.0


def measure(market: Market, name: str, position: Position, of: str, unit_delta: Callable[[str], float]) -> float:
    """The signed size of a position."""
    instrument, priced = market.snapshot.instruments[name], market.priced[name]
    inverse = instrument["payoff"] == "inverse" and instrument["kind"] != "option"
    if of == "contracts":
        return position.quantity
    if of == "units":
        return float(position.quantity * instrument["contract_size"])
    if of == "underlying_notional" and not inverse:
        return float(position.quantity * instrument["contract_size"] * market.state.value[instrument["underlying"]])
    if of == "delta":
        return position.quantity * unit_delta(name)
    if of == "notional" or inverse:  # of an inverse contract, whose size is in dollars, that is also the notional of its underlying
        return position.quantity * priced.notional
    currency = instrument["settle"] if instrument["payoff"] == "quanto" else instrument["quote"]
    return float(position.quantity * instrument["contract_size"] * priced.mark * market.state.value[currency])


def charge(rules: Row, size: float, volume: float, level: str) -> float:
    """Rate, amount per contract, or marginal tiers of a size; thresholds in days are of a day's volume times the participation."""
    if rules.get("amount") is not None:
        return at_level(rules["amount"], level, 0.0) * size
    if rules.get("rate") is not None:
        return at_level(rules["rate"], level, 0.0) * size
    unit = volume * rules.get("participation", 1.0) if rules.get("basis", "value") == "days" else 1.0
    tiers = rules["tiers"]
    charged = 0.0
    for number, tier in enumerate(tiers):
        high = tiers[number + 1]["from"] * unit if number + 1 < len(tiers) else math.inf
        charged += tier[f"{level}_rate"] * max(0.0, min(size, high) - tier["from"] * unit)
    return float(charged)
