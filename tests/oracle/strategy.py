"""Requirement of options and shares under a `strategy` model (methodology, section 4): recognised by the order of the rules, lot by lot."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import groupby
from typing import TYPE_CHECKING

from oracle.assigned import given
from oracle.reading import Row, at_level
from oracle.shocks import instrument_fits
from oracle.valuation import forward_price, strike_currency

if TYPE_CHECKING:
    from oracle.margin import Market, Pool


@dataclass
class Leg:
    """An option of a pool in one state; money in reporting currency. `units` of the underlying are signed and go down as they are used."""

    name: str
    kind: str
    expiry: object
    strike: float
    units: float
    unit: float
    """X of the strike's currency."""
    value: float
    """Of one unit."""
    naked: float
    """What one unit needs besides its value were it naked and short."""
    long_rate: float

    def payoff(self, settled: float) -> float:
        """Of one unit at settlement, in the strike's currency."""
        return max(0.0, settled - self.strike if self.kind == "call" else self.strike - settled)

    @property
    def order(self) -> tuple[object, ...]:
        """Expiry, calls before puts, calls from the lowest strike, puts from the highest, then by name."""
        return self.expiry, self.kind, self.strike if self.kind == "call" else -self.strike, self.name


def first_match(market: Market, entries: list[Row] | None, name: str) -> Row | None:
    """The first entry whose filter an instrument passes."""
    terms = market.terms.get(name)
    base_forward = None if terms is None else terms.base_forward
    for entry in entries or ():
        if instrument_fits(market.snapshot, market.snapshot.instruments[name], base_forward, given(entry)):
            return entry
    return None


def naked_need(market: Market, model: Row, name: str, level: str) -> float:
    """N of one unit, in the strike's currency."""
    instrument, state = market.snapshot.instruments[name], market.state
    currency = strike_currency(market.snapshot, instrument)
    price = state.value[instrument["underlying"]] / state.value[currency]
    value = unit_value(market, name) / state.value[currency]
    rule = first_match(market, model["naked_shorts"], name)
    assert rule is not None
    leveraged = first_match(market, model.get("leverage"), name)
    factor = 1.0 if leveraged is None else leveraged["factor"]
    otm = max(0.0, instrument["strike"] - price if instrument["option_type"] == "call" else price - instrument["strike"])
    base = instrument["strike"] if rule.get("base", "underlying") == "strike" else price

    def before_rounding(at: str) -> float:
        terms = rule[at]
        return max(terms["rate"] * factor * abs(price) - otm, terms["minimum"] * factor * abs(base), (terms.get("of_value") or 0.0) * value)

    need = before_rounding(level)
    if level == "initial":
        need = max(need, (rule.get("initial_multiple") or 0.0) * (value + before_rounding("maintenance")) - value)
    step = model.get("round_to")
    if step is None:
        return need
    steps = Decimal((value + need) / step).quantize(Decimal("0.000001"), ROUND_HALF_EVEN)
    return max(0.0, float(steps.quantize(Decimal(1), ROUND_HALF_EVEN)) * step - value)


def unit_value(market: Market, name: str) -> float:
    """The value of an option on one unit of the underlying, in reporting currency."""
    return market.priced[name].mark * market.state.value[market.snapshot.instruments[name]["quote"]]


def legs_of(market: Market, pool: Pool, model: Row, level: str) -> dict[tuple[str, str], list[Leg]]:
    """The options of a pool by underlying and currency of the strike, each list in the order of recognition."""
    groups: dict[tuple[str, str], list[Leg]] = defaultdict(list)
    for name, position in pool.positions.items():
        instrument = market.snapshot.instruments[name]
        if instrument["kind"] != "option" or position.quantity == 0.0:
            continue
        currency = strike_currency(market.snapshot, instrument)
        unit = market.state.value[currency]
        long = first_match(market, model.get("long_options"), name)
        leg = Leg(
            name, instrument["option_type"], instrument["expiry"], instrument["strike"], position.quantity * instrument["contract_size"], unit,
            unit_value(market, name), naked_need(market, model, name, level) * unit, 1.0 if long is None else at_level(long["rate"], level, 1.0),
        )  # fmt: skip
        groups[instrument["underlying"], currency].append(leg)
    return {key: sorted(legs, key=lambda leg: leg.order) for key, legs in sorted(groups.items())}


def apart(legs: list[tuple[float, Leg]]) -> float:
    """Naked shorts and paid longs, leg by leg; units with their sign."""
    return sum(-units * leg.naked if units < 0.0 else units * leg.value * leg.long_rate for units, leg in legs)


def together(legs: list[tuple[float, Leg]], more: float = 0.0) -> float:
    """Their largest loss over settlement at zero and at every strike, plus the net debit and something more; at least zero."""
    at = [0.0, *(leg.strike for _, leg in legs)]
    lowest = min(sum(units * leg.payoff(settled) for units, leg in legs) for settled in at)
    return max(0.0, max(0.0, -lowest) * legs[0][1].unit + more + sum(units * leg.value for units, leg in legs))


def used(short: Leg, long: Leg) -> list[tuple[float, Leg]]:
    """Take from a short and a long leg what they have in common."""
    units = min(-short.units, long.units)
    short.units += units
    long.units -= units
    return [(-units, short), (units, long)]


def pairs(legs: list[Leg], shares: float) -> tuple[float, float]:
    """What the options of one group need by covered positions, spreads, strangles and naked shorts; and the shares that are left."""
    total = 0.0
    for short in legs:
        for long in legs:
            if short.units < 0.0 < long.units and (short.kind, short.expiry, short.strike) == (long.kind, long.expiry, long.strike):
                pair = used(short, long)
                total += min(apart(pair), together(pair))
    for leg in legs:
        if leg.units < 0.0 < (shares if leg.kind == "call" else -shares):
            covered = min(-leg.units, abs(shares))
            leg.units += covered
            shares -= covered if leg.kind == "call" else -covered
    spreads: dict[object, list[tuple[float, Leg]]] = defaultdict(list)
    for short in legs:
        for long in legs:
            if short.units < 0.0 < long.units and short.kind == long.kind and long.expiry >= short.expiry:  # type: ignore[operator]
                spreads[short.expiry] += used(short, long)
    total += sum(min(apart(spread), together(spread)) for spread in spreads.values())
    for call in legs:
        for put in legs:
            if call.kind == "call" and put.kind == "put" and call.units < 0.0 and put.units < 0.0:
                units = min(-call.units, -put.units)
                call.units += units
                put.units += units
                total += units * (call.naked if call.naked + call.value >= put.naked + put.value else put.naked)
    return total + apart([(leg.units, leg) for leg in legs]), shares


def expiries(market: Market, model: Row, legs: list[Leg], level: str) -> float:
    """What the options of one group need by the largest loss of each expiry."""
    total = 0.0
    for _, same in groupby(legs, key=lambda leg: leg.expiry):
        held = [(leg.units, leg) for leg in same]
        needed = apart(held)
        if any(units < 0.0 for units, _ in held):
            first = held[0][1]
            forward = forward_price(market.snapshot, market.snapshot.instruments[first.name], market.terms[first.name], market.state)
            unpaired = max(0.0, -sum(units for units, leg in held if leg.kind == "call"))
            needed = min(needed, together(held, at_level(model.get("unpaired_scale"), level, 1.0) * unpaired * forward * first.unit))
        total += needed
    return total


def is_share(market: Market, model: Row, name: str) -> bool:
    """A spot position that the model has rates for."""
    return market.snapshot.instruments[name]["kind"] == "spot" and model.get("shares") is not None


def strategies(market: Market, pool: Pool, model: Row, level: str) -> float:
    """What the options and shares of a pool need, before margin rate and multiplier."""
    total = 0.0
    shares: dict[str, float] = defaultdict(float)
    for name, position in pool.positions.items():
        if is_share(market, model, name):
            instrument = market.snapshot.instruments[name]
            units = position.quantity * instrument["contract_size"]
            worth = units * market.priced[name].mark * market.state.value[instrument["quote"]]
            shares[instrument["underlying"]] += units
            rates = model["shares"]["long" if units >= 0.0 else "short"]
            total += abs(worth) * at_level(rates, level, 0.0)
    for (underlying, _), legs in legs_of(market, pool, model, level).items():
        if model.get("recognition", "pairs") == "pairs":
            needed, shares[underlying] = pairs(legs, shares[underlying])
            total += needed
        else:
            total += expiries(market, model, legs, level)
    return total
