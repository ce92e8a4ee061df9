"""Requirement of a `portfolio` model: every position valued again in every row of the grid, one by one (methodology, section 4)."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from oracle.add_ons import Line, add_on_lines, depeg
from oracle.assigned import given
from oracle.options import LARGEST_VOL
from oracle.reading import Row, at_level
from oracle.shocks import State, clamped, instrument_fits, margin_rate, years_to_expiry
from oracle.valuation import forward_price, is_settled_in_profit_and_loss, option_mark, plain_mark, position_value, stressed_vol, strike_currency

if TYPE_CHECKING:
    from oracle.margin import Market, Pool, Position

LEVELS = ("maintenance", "initial")
LEAST_DELTA = 1e-6
"""Less is rounding."""
UNDATED = (None, "")
"""The expiry of everything that has none."""


@dataclass
class Group:
    """A risk group of a pool: netted positions by instrument, the tokens that hedge it (v by asset), its P by row, its scan loss."""

    name: str
    positions: dict[str, Position] = field(default_factory=dict)
    hedges: dict[str, float] = field(default_factory=dict)
    profit: list[float] = field(default_factory=list)
    loss: float = 0.0
    delta: float = 0.0


@dataclass(frozen=True)
class Unit:
    """What stands alone in the requirement: a group, a list of groups that offset each other, or with a correlation all of them."""

    groups: tuple[Group, ...]
    loss: float
    profit: list[float]


@dataclass(frozen=True)
class Scan:
    """The scan of a pool: its groups, what stands alone, and the lines of its add-ons by level."""

    groups: dict[str, Group]
    units: list[Unit]
    lines: dict[str, list[Line]]


def scan(market: Market, pool: Pool, model: Row, tokens: dict[str, float]) -> Scan:
    """All groups of a pool in all rows, and how they come together. `tokens`: balances at spot, without P&L."""
    groups = groups_of(market, pool, model, tokens)
    for group in groups.values():
        group.profit = [profit_in_row(market, model, group, number) for number in range(len(model["grid"]))]
        group.loss = max(0.0, -min(group.profit))
        if model.get("max_loss_cap"):
            group.loss = min(group.loss, largest_loss(market, group))
        if model.get("credits"):
            group.delta = sum(held.quantity * unit_delta(market, model, name) for name, held in group.positions.items())
            group.delta += sum(group.hedges.values())
    units = together(model, groups)
    lines = {level: add_on_lines(market, pool, model, level, lambda name: unit_delta(market, model, name)) for level in LEVELS}
    return Scan(groups, units, lines)


def portfolio_requirement(market: Market, pool: Pool, model: Row, found: Scan, level: str) -> float:
    """R = sum of max(f*L, floors) + add-ons, times the model's margin rate and the account's multiplier."""
    factor = at_level(model.get("loss_factor"), level, 1.0)
    if level == "initial" and model.get("loss_factor_depeg") is not None:
        factor += depeg(market, model["loss_factor_depeg"])
    total = 0.0
    for unit in found.units:
        names = {group.name for group in unit.groups}
        total += max(factor * unit.loss, sum(line.amount for line in found.lines[level] if line.floor and line.group in names))
    total += sum(line.amount * (factor if line.with_loss_factor else 1.0) for line in found.lines[level] if not line.floor)
    return total * margin_rate(market.state, pool.model_name, starred=True) * pool.multiplier


# ------------------------------------------------------------------ groups


def groups_of(market: Market, pool: Pool, model: Row, tokens: dict[str, float]) -> dict[str, Group]:
    """The risk groups of a pool by name: of its positions, and of its balances that are hedges."""
    groups: dict[str, Group] = {}
    for name, position in pool.positions.items():
        group = groups.setdefault(market.snapshot.instruments[name]["risk_group"], Group(market.snapshot.instruments[name]["risk_group"]))
        group.positions[name] = position
    for asset, group_name in hedge_groups(market, model).items():
        if tokens.get(asset, 0.0) != 0.0:
            groups.setdefault(group_name, Group(group_name)).hedges[asset] = tokens[asset]
    return dict(sorted(groups.items()))


def hedge_groups(market: Market, model: Row) -> dict[str, str]:
    """Of each hedge the group it moves with: the one named, else that of the first instrument on it, else one of its own name."""
    hedges = model.get("hedges") or {}
    named = hedges if isinstance(hedges, dict) else dict.fromkeys(hedges)
    found = {}
    for asset, group in named.items():
        own = [name for name, row in market.snapshot.instruments.items() if row["underlying"] == asset]
        found[asset] = group or (market.snapshot.instruments[min(own)]["risk_group"] if own else asset)
    return found


def scan_range(market: Market, model: Row, group: str) -> tuple[float, float, float]:
    """The ranges of a group: spot down, spot up, vol."""
    members = [row for row in market.snapshot.instruments.values() if row["risk_group"] == group]
    for entry in model.get("scan_ranges") or ():
        where = given(entry)
        words = where.get("risk_group", ())
        named = not members and set(where) == {"risk_group"} and group in ((words,) if isinstance(words, str) else words)
        if not where or named or any(instrument_fits(market.snapshot, row, base_forward_of(market, row["instrument_id"]), where) for row in members):
            spot = entry.get("spot") or 0.0
            down, up = (spot["down"], spot["up"]) if isinstance(spot, dict) else (spot, spot)
            return down, up, entry.get("vol") or 0.0
    return 0.0, 0.0, 0.0


def base_forward_of(market: Market, name: str) -> float | None:
    """The forward of an option at base."""
    return market.terms[name].base_forward if name in market.terms else None


# ------------------------------------------------------------------ one row


def spot_move(market: Market, model: Row, group: str, row: Row) -> float:
    """x: how far a row moves the underlyings and hedges of a group."""
    if row.get("scan") is not None:
        down, up, _ = scan_range(market, model, group)
        return float(row["scan"] * (down if row["scan"] < 0.0 else up))
    return float(row.get("spot") or 0.0)


def moved(market: Market, model: Row, group: str, x: float, forward: float) -> State:
    """The state with a group's underlyings and hedges moved by x, and forwards by `forward`."""
    snapshot, state = market.snapshot, market.state
    assets = {row["underlying"] for row in snapshot.instruments.values() if row["risk_group"] == group}
    assets |= {asset for asset, of in hedge_groups(market, model).items() if of == group}
    assets.discard(snapshot.reporting)
    value = dict(state.value)
    for name in assets:
        value[name] *= 1.0 + x
    basis = state.basis
    if forward:
        basis = dict(basis)
        for name, row in snapshot.instruments.items():
            if row["kind"] == "option" or (row["kind"] == "future" and row.get("expiry") is not None):
                basis[name] = (1.0 + basis[name]) * (1.0 + forward) - 1.0
    return replace(state, value=value, basis=basis)


def row_vol(market: Market, model: Row, row: Row, name: str) -> float:
    """The vol of an option in a row."""
    instrument, terms, state = market.snapshot.instruments[name], market.terms[name], market.state
    vol = stressed_vol(terms, state, name)
    years = years_to_expiry(market.snapshot, instrument, state)
    if row.get("skew") is not None:
        forward = forward_price(market.snapshot, instrument, terms, state)
        shifted = vol * (1.0 + skew(model["skew"], row["skew"], instrument["strike"], forward, years))
    else:
        if row.get("vol_scan") is not None:
            shift = row["vol_scan"] * scan_range(market, model, instrument["risk_group"])[2]
        elif row.get("vol") is not None:
            shift = row["vol"]
        else:
            return vol
        scaled = shift * vol_term(model.get("vol_term"), years * 365.0)
        shifted = vol + scaled if model.get("vol_shift") == "absolute" else vol * (1.0 + scaled)
        if shift > 0.0:
            shifted = max(shifted, (model.get("vol_floor") or {}).get("up", 0.0))
    if shifted == vol:
        return vol
    return clamped(shifted, 0.0, math.inf if terms.option.normal else LARGEST_VOL)


def vol_term(term: Row | None, days: float) -> float:
    """(reference_days / max(days, min_days)) ** power; 1 without a term."""
    if term is None:
        return 1.0
    power = term["power"]
    if days >= term["reference_days"] and term.get("power_long") is not None:
        power = term["power_long"]
    return float((term["reference_days"] / max(days, term.get("min_days", 1.0))) ** power)


def skew(rules: Row, form: str, strike: float, forward: float, years: float) -> float:
    """min(cap, |k|*cap/k_star), in the linear form with the sign of k = ln(K/F)."""
    if strike <= 0.0 or forward <= 0.0:
        return 0.0
    k = math.log(strike / forward)
    cap = rules[form]["base"] + rules[form].get("slope", 0.0) * math.sqrt(years)
    widest = max(rules["min_width"], rules["width"] * math.sqrt(years) * (rules["static"] + rules.get("scale", 0.0) * math.sqrt(years)))
    shift = min(cap, abs(k) * cap / widest)
    return shift * (0.0 if k == 0.0 else math.copysign(1.0, k)) if form == "linear" else shift


def mark_in(market: Market, state: State, name: str, vol: float | None) -> float:
    """The mark of an instrument in a moved state."""
    instrument = market.snapshot.instruments[name]
    if instrument["kind"] == "option":
        return option_mark(market.snapshot, instrument, market.terms[name], state, vol)
    return plain_mark(market.snapshot, instrument, market.base, state)


def change_in_row(market: Market, model: Row, group: Group, number: int, forward: float, name: str) -> float:
    """D_i: the value of a position in a row less that at the state."""
    row = model["grid"][number]
    instrument, held = market.snapshot.instruments[name], group.positions[name]
    key = (id(model), group.name, number, forward)
    if key not in market.rows:
        market.rows[key] = moved(market, model, group.name, spot_move(market, model, group.name, row), forward)
    state = market.rows[key]
    if (*key, name) not in market.marks:
        vol = row_vol(market, model, row, name) if instrument["kind"] == "option" else None
        market.marks[*key, name] = mark_in(market, state, name, vol)
    now = position_value(instrument, market.marks[*key, name], held.quantity, held.cost, held.funding, state)
    return now - position_value(instrument, market.priced[name].mark, held.quantity, held.cost, held.funding, market.state)


def profit_in_row(market: Market, model: Row, group: Group, number: int) -> float:
    """P of a group in a row: by expiry and currency of the strike, discounted and weighted."""
    row = model["grid"][number]
    forwards = [float(forward) for forward in row.get("forward") or (0.0,)]
    expiries: dict[tuple[object, str], list[str]] = {UNDATED: []} if group.hedges else {}
    for name in group.positions:
        instrument = market.snapshot.instruments[name]
        dated = instrument.get("expiry") is not None
        expiries.setdefault((instrument["expiry"], strike_currency(market.snapshot, instrument)) if dated else UNDATED, []).append(name)
    total = 0.0
    for expiry, names in expiries.items():
        years, rate, hedged = 0.0, 0.0, 0.0
        if expiry is UNDATED:
            hedged = sum(group.hedges.values()) * spot_move(market, model, group.name, row)
        else:
            years = years_to_expiry(market.snapshot, market.snapshot.instruments[names[0]], market.state)
            rate = max(0.0, market.state.rate[expiry[1]])
        profit = min(profit_of_expiry(market, model, group, number, forward, names, years, rate) + hedged for forward in forwards)
        if row.get("expiries") == "losses":
            profit = min(0.0, profit)
        elif row.get("expiries") == "absolute":
            profit = -abs(profit)
        total += (row.get("weight", 1.0) + row.get("weight_per_year", 0.0) * years) * profit
    return total


def profit_of_expiry(market: Market, model: Row, group: Group, number: int, forward: float, names: list[str], years: float, rate: float) -> float:
    """P_T = adj(A + D_o) - A + D_f."""
    discount = model.get("expiry_discount") if model["grid"][number].get("discounted", True) else None
    worth = of_options = of_others = 0.0
    for name in names:
        instrument = market.snapshot.instruments[name]
        difference = change_in_row(market, model, group, number, forward, name)
        if instrument["kind"] == "option" and not is_settled_in_profit_and_loss(instrument):
            worth += position_value(instrument, market.priced[name].mark, group.positions[name].quantity, 0.0, 0.0, market.state)
            of_options += difference
        else:
            of_others += difference
    if discount is None:
        return of_options + of_others
    return discounted(discount, worth + of_options, rate, years) - worth + of_others


def discounted(rules: Row, value: float, rate: float, years: float) -> float:
    """adj: positive values discounted, negative ones marked up, at most to what they are worth undiscounted."""
    terms = rules.get("positive") or {} if value > 0.0 else rules.get("negative")
    if terms is None:
        return value
    size = (terms.get("rate_multiple", 0.0) * rate + terms.get("rate_add", 0.0)) * years
    if value > 0.0:
        return float(value * terms.get("base", 1.0) * math.exp(-size))
    return float(value * min(math.exp(rate * years), terms.get("base", 1.0) * math.exp(size)))


def unit_delta(market: Market, model: Row, name: str) -> float:
    """Gain of one contract, entered at the state, for a move of 100 % of its group's underlyings, from moves of 1 % either way."""
    instrument, mark = market.snapshot.instruments[name], market.priced[name].mark
    inverse = instrument["payoff"] == "inverse" and instrument["kind"] != "option"

    def value(x: float) -> float:
        state = moved(market, model, instrument["risk_group"], x, 0.0)
        vol = stressed_vol(market.terms[name], market.state, name) if instrument["kind"] == "option" else None
        return position_value(instrument, mark_in(market, state, name, vol), 1.0, 1.0 / mark if inverse else mark, 0.0, state)

    return (value(0.01) - value(-0.01)) / 0.02


# ------------------------------------------------------------------ scan losses


def largest_loss(market: Market, group: Group) -> float:
    """What paid linear options can still lose: by expiry and underlying, their value less the lowest payoff at zero or at a strike."""
    held = {name: position.quantity for name, position in group.positions.items() if position.quantity != 0.0}
    if not held:
        return math.inf
    rows = {name: market.snapshot.instruments[name] for name in held}
    if group.hedges or any(row["kind"] != "option" or row["premium_style"] != "paid" or row["payoff"] != "linear" for row in rows.values()):
        return math.inf
    together: dict[tuple[object, str], list[str]] = defaultdict(list)
    for name, row in rows.items():
        together[row["expiry"], row["underlying"]].append(name)
    total = 0.0
    for names in together.values():
        strikes = {name: rows[name]["strike"] * market.state.value[rows[name]["quote"]] for name in names}
        units = {name: held[name] * rows[name]["contract_size"] for name in names}
        if sum(units[name] for name in names if rows[name]["option_type"] == "call") < 0.0:
            return math.inf

        def payoff(settled: float, names: list[str] = names, strikes: dict[str, float] = strikes, units: dict[str, float] = units) -> float:
            signs = {name: 1.0 if rows[name]["option_type"] == "call" else -1.0 for name in names}
            return sum(units[name] * max(0.0, signs[name] * (settled - strikes[name])) for name in names)

        value = sum(position_value(rows[name], market.priced[name].mark, held[name], 0.0, 0.0, market.state) for name in names)
        total += max(0.0, value - min(payoff(settled) for settled in (0.0, *strikes.values())))
    return total


def together(model: Row, groups: dict[str, Group]) -> list[Unit]:
    """Groups alone, in lists that offset each other, with credits, or correlated."""
    if model.get("correlation") is not None and groups:
        return [Unit(tuple(groups.values()), correlated(model["correlation"], groups), [])]
    losses = {name: group.loss for name, group in groups.items()}
    left = {name: group.delta for name, group in groups.items()}
    for credit in model.get("credits") or ():
        one, two = credit["groups"]
        if any(name not in groups or abs(groups[name].delta) < LEAST_DELTA for name in (one, two)):
            continue
        if left[one] * left[two] * (1.0 if credit.get("same_side") else -1.0) <= 0.0:
            continue
        ratios = dict(zip((one, two), credit.get("ratio", (1.0, 1.0)), strict=True))
        spreads = min(abs(left[name]) / ratios[name] for name in (one, two))
        for name in (one, two):
            losses[name] -= credit["rate"] * spreads * ratios[name] / abs(groups[name].delta) * groups[name].loss
            left[name] -= math.copysign(spreads * ratios[name], left[name])
    units = []
    listed: set[str] = set()
    for offset in model.get("offsets") or ():
        members = tuple(groups[name] for name in offset["groups"] if name in groups)
        listed |= set(offset["groups"])
        if members:
            profit = [sum(p if p < 0.0 else offset["rate"] * p for p in row) for row in zip(*(group.profit for group in members), strict=True)]
            units.append(Unit(members, min(max(0.0, -min(profit)), sum(group.loss for group in members)), profit))
    units += [Unit((group,), losses[name], group.profit) for name, group in groups.items() if name not in listed]
    return units


def correlated(rules: Row, groups: dict[str, Group]) -> float:
    """sqrt of the sum of rho_ij * L_i * L_j, not below zero."""
    pairs = {frozenset(pair["groups"]): pair["value"] for pair in rules.get("pairs") or ()}
    total = 0.0
    for one in groups.values():
        for two in groups.values():
            rho = 1.0 if one is two else pairs.get(frozenset((one.name, two.name)), rules.get("default", 1.0))
            total += rho * one.loss * two.loss
    return math.sqrt(max(0.0, total))


def worst_rows(model: Row, units: list[Unit], noise: float) -> tuple[float, set[str | None]]:
    """The largest scan loss that enters the requirement (of groups correlated: the largest of theirs), and the rows that give it but for rounding.

    None among the rows: nothing is lost. The first of several equal ones is the row of a run.
    """
    scanned = [unit for unit in units if unit.profit] or [Unit((group,), group.loss, group.profit) for unit in units for group in unit.groups]
    worst = max((unit.loss for unit in scanned), default=0.0)
    rows: set[str | None] = {None} if worst <= noise else set()
    for unit in scanned:
        if unit.loss > 0.0 and unit.loss >= worst - noise:
            lowest = min(unit.profit) + noise
            rows |= {str(row.get("name")) for row, profit in zip(model["grid"], unit.profit, strict=True) if profit <= lowest}
    return worst, rows
