"""What one contract of every instrument is worth in a state, and what a netted position is worth (methodology, section 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oracle.american import limits, value, vol_of_mark
from oracle.options import LARGEST_VOL, Option
from oracle.shocks import State, clamped, years_to_expiry

if TYPE_CHECKING:
    from oracle.reading import Row, Snapshot


@dataclass(frozen=True)
class OptionTerms:
    """What is fixed at base for an option: carry (or the forward, where moves are additive), implied vol, constant offset."""

    option: Option
    carry: float
    market_forward: float
    base_forward: float
    base_ratio: float
    additive: bool
    vol: float
    offset: float | None
    """None where the implied vol reproduces the mark."""


@dataclass(frozen=True)
class Priced:
    """One instrument in one state: mark in quote units, unsigned notional of one contract in reporting currency."""

    mark: float
    notional: float


def strike_currency(snapshot: Snapshot, instrument: Row) -> str:
    """The currency of strike and forward: the quote asset; of coin options the price currency of the underlying."""
    if instrument["payoff"] == "inverse" and instrument["kind"] == "option":
        return str(snapshot.assets[instrument["underlying"]]["price_currency"])
    return str(instrument["quote"])


def price_ratio(snapshot: Snapshot, instrument: Row, state: State) -> float:
    """R: the underlying in the quote currency (options: in the strike's currency)."""
    return state.value[instrument["underlying"]] / state.value[strike_currency(snapshot, instrument)]


def settled(snapshot: Snapshot, instrument: Row, market_at_base: float, market: float) -> float:
    """The forward that an option is settled at, given the market's: inside its averaging window the average so far has its share, fixed at base."""
    window = instrument.get("settlement_averaging_seconds")
    if window is None:
        return market
    share = max(0.0, 1.0 - years_to_expiry(snapshot, instrument) * 365.0 * 86_400.0 / window)
    average = instrument.get("settled_average")
    return share * (market_at_base if average is None else average) + (1.0 - share) * market


def base_forward(snapshot: Snapshot, instrument: Row, base: State) -> float:
    """The forward at base on which an option is priced."""
    market, _ = market_forward(snapshot, instrument, base)
    return settled(snapshot, instrument, market, market)


def market_forward(snapshot: Snapshot, instrument: Row, base: State) -> tuple[float, float]:
    """The market's forward and carry at base: from the column, else a dated future of the same underlying, currency and expiry, else the rate."""
    years = years_to_expiry(snapshot, instrument)
    ratio = price_ratio(snapshot, instrument, base)
    currency = strike_currency(snapshot, instrument)
    forward = instrument.get("forward")
    if forward is None:
        for name in sorted(snapshot.instruments):
            future = snapshot.instruments[name]
            same = future["underlying"] == instrument["underlying"] and future["quote"] == currency
            if future["kind"] == "future" and same and future.get("expiry") == instrument["expiry"]:
                forward = future["mark_price"]
                break
    if forward is None:
        carry = snapshot.assets[currency]["rate"]
        return ratio * math.exp(carry * years), carry
    carry = math.log(forward / ratio) / years if forward / ratio > 0.0 else 0.0
    return forward, carry


def option_terms(snapshot: Snapshot, base: State) -> dict[str, OptionTerms]:
    """The base terms of every option of the snapshot."""
    terms = {}
    for name, instrument in snapshot.instruments.items():
        if instrument["kind"] != "option":
            continue
        option = Option(
            w=1.0 if instrument["option_type"] == "call" else -1.0,
            strike=instrument["strike"],
            inverse=instrument["payoff"] == "inverse",
            normal=instrument["vol_type"] == "normal",
            american=instrument["exercise"] == "american",
        )
        market, carry = market_forward(snapshot, instrument, base)
        forward = settled(snapshot, instrument, market, market)
        years = years_to_expiry(snapshot, instrument)
        discount = discount_factor(snapshot, instrument, base)
        ratio = price_ratio(snapshot, instrument, base)
        given = instrument.get("implied_vol") or 0.0
        vol = vol_of_mark(option, instrument["mark_price"], ratio, forward, years, discount, given)
        offset = None
        if vol is None:
            vol = given
            offset = instrument["mark_price"] - value(option, ratio, forward, vol, years, discount)
        additive = snapshot.assets[instrument["underlying"]]["may_be_negative"]
        terms[name] = OptionTerms(option, carry, market, forward, ratio, additive, vol, offset)
    return terms


def discount_factor(snapshot: Snapshot, instrument: Row, state: State) -> float:
    """exp(-r*T) at the quote currency's rate; 1 for margined and for coin options."""
    if instrument["premium_style"] == "margined" or instrument["payoff"] == "inverse":
        return 1.0
    return math.exp(-state.rate[strike_currency(snapshot, instrument)] * years_to_expiry(snapshot, instrument, state))


def forward_price(snapshot: Snapshot, instrument: Row, terms: OptionTerms, state: State) -> float:
    """F(s): R(s)*exp((c + dr)*T(s)), or the base forward plus the move of R where the underlying may be negative; times (1 + basis); of
    that the share not yet settled."""
    ratio = price_ratio(snapshot, instrument, state)
    if terms.additive:
        forward = terms.market_forward + ratio - terms.base_ratio
    else:
        currency = strike_currency(snapshot, instrument)
        carry = terms.carry + state.rate[currency] - snapshot.assets[currency]["rate"]
        forward = ratio * math.exp(carry * years_to_expiry(snapshot, instrument, state))
    return settled(snapshot, instrument, terms.market_forward, forward * (1.0 + state.basis[instrument["instrument_id"]]))


def stressed_vol(terms: OptionTerms, state: State, name: str) -> float:
    """The vol of an option in a state. The range is that of annualised decimals; normal vols are in price units and have no upper end."""
    a, b = state.vol[name]
    return terms.vol if (a, b) == (1.0, 0.0) else clamped(a * terms.vol + b, 0.0, math.inf if terms.option.normal else LARGEST_VOL)


def option_mark(snapshot: Snapshot, instrument: Row, terms: OptionTerms, state: State, vol: float | None = None) -> float:
    """The price of an option in a state, in the unit of its mark; `vol` in place of that of the state, if given."""
    years = years_to_expiry(snapshot, instrument, state)
    forward = forward_price(snapshot, instrument, terms, state)
    discount = discount_factor(snapshot, instrument, state)
    if years == 0.0:
        return value(terms.option, forward, forward, 0.0, 0.0, 1.0)
    if vol is None:
        vol = stressed_vol(terms, state, instrument["instrument_id"])
    spot = price_ratio(snapshot, instrument, state)
    model = value(terms.option, spot, forward, vol, years, discount)
    if terms.offset is None:
        return model
    if has_not_moved(snapshot, instrument, terms, state, forward, vol):
        # Base is exact, also where the venue's mark lies outside the bounds.
        return float(instrument["mark_price"])
    return clamped(model + terms.offset, *limits(terms.option, spot, forward, discount))


def has_not_moved(snapshot: Snapshot, instrument: Row, terms: OptionTerms, state: State, forward: float, vol: float) -> bool:
    """Whether everything an option depends on is as at base."""
    currency = strike_currency(snapshot, instrument)
    same_forward = math.isclose(forward, terms.base_forward, rel_tol=1e-13)
    same_rate = state.rate[currency] == snapshot.assets[currency]["rate"]
    return same_forward and same_rate and vol == terms.vol and state.elapsed_years == 0.0


def plain_mark(snapshot: Snapshot, instrument: Row, base: State, state: State) -> float:
    """The mark of anything that is not an option: proportional to R, additive where the underlying may be negative; times (1 + basis)."""
    before, now = price_ratio(snapshot, instrument, base), price_ratio(snapshot, instrument, state)
    if snapshot.assets[instrument["underlying"]]["may_be_negative"]:
        mark = instrument["mark_price"] + now - before
    else:
        mark = instrument["mark_price"] * (now / before)
    return float(mark * (1.0 + state.basis[instrument["instrument_id"]]))


def value_instruments(snapshot: Snapshot, base: State, state: State, terms: dict[str, OptionTerms]) -> dict[str, Priced]:
    """Mark and unit notional of every instrument: linear and spot cs*|M|*X_quote, quanto cs*|M|*X_settle, inverse cs*X_quote, option cs*S_u."""
    priced = {}
    for name, instrument in snapshot.instruments.items():
        size = instrument["contract_size"]
        if instrument["kind"] == "option":
            mark = option_mark(snapshot, instrument, terms[name], state)
            notional = size * abs(state.value[instrument["underlying"]])
        else:
            mark = plain_mark(snapshot, instrument, base, state)
            if instrument["payoff"] == "inverse":
                notional = size * state.value[instrument["quote"]]
            elif instrument["payoff"] == "quanto":
                notional = size * abs(mark) * state.value[instrument["settle"]]
            else:
                notional = size * abs(mark) * state.value[instrument["quote"]]
        priced[name] = Priced(mark, notional)
    return priced


def is_settled_in_profit_and_loss(instrument: Row) -> bool:
    """Futures, perpetuals and margined options: their value is a P&L; spot and paid options are worth their price."""
    return instrument["kind"] in ("future", "perpetual") or (instrument["kind"] == "option" and instrument["premium_style"] == "margined")


def position_value(instrument: Row, mark: float, quantity: float, cost: float, funding: float, state: State) -> float:
    """Value in reporting currency of lots netted to `quantity` contracts and `cost` = sum q*e (inverse: sum q/e)."""
    size = instrument["contract_size"]
    quote, settle = state.value[instrument["quote"]], state.value[instrument["settle"]]
    if not is_settled_in_profit_and_loss(instrument):
        return float(size * quantity * mark * quote)
    if instrument["payoff"] == "inverse" and instrument["kind"] != "option":
        return float(size * (cost - quantity / mark) * settle + funding * settle)
    if instrument["payoff"] == "quanto":
        return float(size * (quantity * mark - cost) * settle + funding * settle)
    return float(size * (quantity * mark - cost) * quote + funding * settle)
