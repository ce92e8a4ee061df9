"""Balance and requirement of one margin pool in one state (methodology, section 4); `tiered` models here, others in modules of their own."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from oracle.add_ons import add_on_lines
from oracle.assigned import collateral_schedule_of, is_unhaircut_hedge, margin_schedule_of, net_schedule_of
from oracle.orders import Orders, sides_requirement, spot_requirement
from oracle.portfolio import LEVELS, Scan, portfolio_requirement, scan
from oracle.reading import Row, Snapshot, at_level
from oracle.scaling import counted_share, debt_weight, interest_share, marked_again, notional_factor, price_factor, schedule_for
from oracle.shocks import State, clamped, holding_share, margin_rate
from oracle.strategy import is_share, strategies
from oracle.valuation import OptionTerms, Priced, is_settled_in_profit_and_loss, position_value, strike_currency


@dataclass
class Position:
    """Lots of one pool and instrument netted by sums; `leverage` is the smallest of the lots and of the account, None without one.

    `lots`: their quantities, added up exactly: what is left of lots that cancel but for the rounding of decimals is no position.
    """

    lots: list[float] = field(default_factory=list)
    cost: float = 0.0
    funding: float = 0.0
    leverage: float | None = None

    _netted: tuple[int, float] = field(default=(0, 0.0), init=False, repr=False, compare=False)

    @property
    def quantity(self) -> float:
        """The net, zero where it is at most n * 1.1e-16 of n lots' gross; kept until another lot joins: every state asks for it."""
        if self._netted[0] != len(self.lots):
            net = math.fsum(self.lots)
            none = len(self.lots) > 1 and abs(net) <= len(self.lots) * 2**-53 * math.fsum(map(abs, self.lots))
            self._netted = (len(self.lots), 0.0 if none else net)
        return self._netted[1]


@dataclass
class Pool:
    """One margin pool: netted positions by instrument, and its balances as rows of (asset, location, quantity)."""

    account_id: str
    pool_id: str
    model_name: str
    multiplier: float
    positions: dict[str, Position] = field(default_factory=dict)
    balances: list[tuple[str, str | None, float]] = field(default_factory=list)
    orders: dict[str, Orders] = field(default_factory=dict)


@dataclass(frozen=True)
class Market:
    """A snapshot in one state, with its instruments valued: everything a pool has to know. `rows` and `marks` keep what grids found."""

    snapshot: Snapshot
    margin: Row
    state: State
    priced: dict[str, Priced]
    base: State
    terms: dict[str, OptionTerms]
    rows: dict[Any, State] = field(default_factory=dict)
    marks: dict[Any, float] = field(default_factory=dict)

    def margin_schedule_of(self, model: Row, name: str) -> str | None:
        """The margin schedule of an instrument under a model."""
        terms = self.terms.get(name)
        return margin_schedule_of(self.snapshot, model, name, None if terms is None else terms.base_forward)


@dataclass(frozen=True)
class PoolFigures:
    """The figures of a pool in one state, before they are compared with base; balances and requirements by level."""

    collateral_value: float
    position_value: float
    balance: dict[str, float]
    requirement: dict[str, float]
    haircut_collateral: float
    """K: positive balances without P&L and spot positions, after initial haircuts."""
    gross_notional: float
    scan: Scan | None
    """Of a portfolio model."""

    @property
    def equity(self) -> float:
        """E = CV + PV."""
        return self.collateral_value + self.position_value


def build_pools(snapshot: Snapshot) -> list[Pool]:
    """The pools of a snapshot, sorted by (owner, account, pool); every account has its cross pool."""
    pools: dict[tuple[str, str, str], Pool] = {}

    def pool_of(account_id: str, pool_id: str) -> Pool:
        account = snapshot.accounts[account_id]
        key = (account["owner_id"], account_id, pool_id)
        if key not in pools:
            pools[key] = Pool(account_id, pool_id, account["margin_model"], account["margin_multiplier"])
        return pools[key]

    for account_id in snapshot.accounts:
        pool_of(account_id, "cross")
    for row in snapshot.positions:
        pool = pool_of(row["account_id"], row["pool_id"])
        instrument = snapshot.instruments[row["instrument_id"]]
        entry = instrument["mark_price"] if row.get("entry_price") is None else row["entry_price"]
        inverse = instrument["payoff"] == "inverse" and instrument["kind"] != "option"
        position = pool.positions.setdefault(row["instrument_id"], Position())
        position.lots.append(row["quantity"])
        position.cost += row["quantity"] / entry if inverse else row["quantity"] * entry
        position.funding += row["accrued_funding"]
        for leverage in (row.get("leverage"), snapshot.accounts[row["account_id"]].get("max_leverage")):
            if leverage is not None:
                position.leverage = leverage if position.leverage is None else min(position.leverage, leverage)
        if row.get("isolated_margin") is not None:
            pool.balances.append((instrument["settle"], None, row["isolated_margin"]))
    for row in snapshot.collateral:
        pool_of(row["account_id"], row["pool_id"]).balances.append((row["asset"], row.get("location"), row["quantity"]))
    for row in snapshot.orders:
        pool = pool_of(row["account_id"], row.get("pool_id") or "cross")
        instrument = snapshot.instruments[row["instrument_id"]]
        spot, inverse = instrument["kind"] == "spot", instrument["payoff"] == "inverse" and instrument["kind"] != "option"
        pool.orders.setdefault(row["instrument_id"], Orders()).add(row, inverse, spot)
        if row["reserved"]:
            pool.balances.append((instrument["underlying" if spot and row["side"] == "sell" else "settle"], None, row["reserved"]))
    return [pools[key] for key in sorted(pools)]


def pool_figures(market: Market, pool: Pool) -> PoolFigures:
    """All figures of a pool in one state."""
    snapshot, state, model = market.snapshot, market.state, market.margin["models"][pool.model_name]
    tokens: dict[str, float] = defaultdict(float)
    for asset, location, quantity in pool.balances:
        share = holding_share(snapshot, state, asset, location) if quantity > 0.0 else 1.0
        tokens[asset] += state.value[asset] * quantity * share
    values = {name: value_of(market, name, position) for name, position in pool.positions.items()}
    found = scan(market, pool, model, tokens) if model.get("kind") == "portfolio" else None
    return PoolFigures(
        collateral_value=sum(tokens.values()),
        position_value=sum(values.values()),
        balance={level: margin_balance(market, pool, tokens, values, level) for level in LEVELS},
        requirement={
            level: requirement(market, pool, level) + orders_requirement(market, pool, tokens, values, level)
            if found is None
            else portfolio_requirement(market, pool, model, found, level)
            for level in LEVELS
        },
        haircut_collateral=sum(after_haircut(market, model, asset, value, "initial") for asset, value in tokens.items() if value > 0.0),
        gross_notional=sum(abs(position.quantity) * market.priced[name].notional for name, position in pool.positions.items()),
        scan=found,
    )


def value_of(market: Market, name: str, position: Position, mark_factor: float = 1.0) -> float:
    """The value of one netted position, with its mark or a multiple of it."""
    instrument, mark = market.snapshot.instruments[name], market.priced[name].mark * mark_factor
    return position_value(instrument, mark, position.quantity, position.cost, position.funding, market.state)


def margin_balance(market: Market, pool: Pool, tokens: dict[str, float], values: dict[str, float], level: str) -> float:
    """B: P&L, spot positions and balances netted per token, after haircuts and liability weights, plus the value of paid options."""
    model = market.margin["models"][pool.model_name]
    net, balance = net_balances(market, pool, model, tokens, values, level)
    return balance + sum(counted(market, model, asset, value, level) for asset, value in net.items())


def net_balances(
    market: Market, pool: Pool, model: Row, tokens: dict[str, float], values: dict[str, float], level: str
) -> tuple[dict[str, float], float]:
    """Balances with the P&L and spot positions that join them, and what counts besides."""
    net = defaultdict(float, tokens)
    balance = 0.0
    for name, value in values.items():
        instrument = market.snapshot.instruments[name]
        if is_settled_in_profit_and_loss(instrument):
            factor = marked_again(market, model, name, pool.positions[name].quantity, level)
            value = value_of(market, name, pool.positions[name], factor)  # noqa: PLW2901
            if value > 0.0:
                value = value * at_level(model.get("positive_pnl_weight"), level, 1.0)  # noqa: PLW2901
                cap = at_level(model.get("positive_pnl_cap"), level, float("inf"))
                value = min(value, cap)  # noqa: PLW2901
            if model.get("pnl_into", "settle_balance") == "settle_balance":
                net[instrument["settle"]] += value
            else:
                balance += value
        elif instrument["kind"] == "spot":
            net[instrument["underlying"]] += value
        elif value < 0.0:
            balance += value
        else:
            balance += value * at_level(model.get("long_option_credit"), level, 1.0 if model.get("kind") in ("portfolio", "strategy") else 0.0)
    return net, balance


def counted(market: Market, model: Row, asset: str, value: float, level: str) -> float:
    """What the net balance of a token counts."""
    if value >= 0.0:
        return after_haircut(market, model, asset, value, level)
    weight = debt_weight(market, asset, collateral_schedule(market, model, asset), value, level)
    return float(value * weight * price_factor(market, model, asset, False, level))


def collateral_schedule(market: Market, model: Row, asset: str) -> Row:
    """The haircut schedule of an asset under a model; the reporting currency without one and hedges in the grid have no haircut."""
    name = collateral_schedule_of(market.snapshot, model, asset)
    hedge = is_unhaircut_hedge(model, asset)
    if name is None and asset != market.snapshot.reporting and not hedge:
        raise ValueError(f"asset {asset} is held and has no collateral schedule")
    schedule: Row = {} if name is None else market.margin["collateral_schedules"][name]
    if name is None or hedge:
        return {"bands": [{"from": 0.0, "haircut": 0.0}], "liability_weight": schedule.get("liability_weight")}
    return schedule


def after_haircut(market: Market, model: Row, asset: str, value: float, level: str) -> float:
    """What a positive token value counts: sum over bands of (1 - haircut) times the part of value*ratio inside the band."""
    state = market.state
    schedule = collateral_schedule(market, model, asset)
    ratio = state.collateral_ratio[asset]
    low_price = price_factor(market, model, asset, True, level)
    worth = value * low_price * ratio
    if is_unhaircut_hedge(model, asset):
        return worth
    if schedule.get("basis", "value") == "quantity":
        unit = abs(state.value[asset]) * low_price * ratio
    else:
        unit = state.value[schedule.get("currency") or market.snapshot.reporting]
    a, b = state.haircut[asset]
    bands = schedule["bands"]
    total = 0.0
    for number, band in enumerate(bands):
        low = band["from"] * unit
        if worth <= low:
            break  # nothing is inside this band or those above it
        haircut = band["haircut"]
        if level == "initial" and band.get("initial_haircut") is not None:
            haircut = band["initial_haircut"]
        cap = schedule.get("cap")
        last = float("inf") if cap is None else cap * unit
        high = bands[number + 1]["from"] * unit if number + 1 < len(bands) else last
        inside = max(0.0, min(worth, high) - low)
        total += counted_share(market, asset, schedule, value, clamped(a * haircut + b, 0.0, 1.0), level) * inside
    return total


def requirement(market: Market, pool: Pool, level: str) -> float:
    """R of a tiered or strategy model: what it asks for all positions of the pool, times the account's multiplier and the model's margin rate."""
    model = market.margin["models"][pool.model_name]
    if model.get("kind", "tiered") not in ("tiered", "strategy"):
        raise ValueError(f"model {pool.model_name}: the reference does not know this kind")
    strategic = model.get("kind") == "strategy"
    by_underlying = model.get("net_by", "instrument") == "underlying"
    ordered = pool.orders if model.get("orders") == "worst_side" else {}
    total = 0.0
    groups: dict[str, dict[str, Position]] = defaultdict(dict)
    for name, position in pool.positions.items():
        instrument = market.snapshot.instruments[name]
        if name in ordered and instrument["kind"] != "spot":
            continue
        if strategic and (instrument["kind"] == "option" or is_share(market, model, name)):
            continue
        if instrument["kind"] == "option":
            total += option_requirement(market, model, name, position, level)
        elif instrument["kind"] == "spot" and market.margin_schedule_of(model, name) is None:
            continue
        elif by_underlying:
            groups[instrument["underlying"]][name] = position
        else:
            total += instrument_requirement(market, model, name, position, level)
    for underlying, group in groups.items():
        total += underlying_requirement(market, model, underlying, group, level)
    lines = sum(line.amount for line in add_on_lines(market, pool, model, level))
    if strategic:
        # What a schedule charges has had the schedule's margin rate; the model's is that of everything else.
        rate = margin_rate(market.state, pool.model_name, starred=True)
        return (total + rate * (strategies(market, pool, model, level) + lines)) * pool.multiplier
    return (total + lines) * margin_rate(market.state, pool.model_name, starred=False) * pool.multiplier


def orders_requirement(market: Market, pool: Pool, tokens: dict[str, float], values: dict[str, float], level: str) -> float:
    """What open orders need, where the model counts them: derivatives in place of their positions, spot markets, an amount for each."""
    model = market.margin["models"][pool.model_name]
    if model.get("orders") != "worst_side" or not pool.orders:
        return 0.0
    times = margin_rate(market.state, pool.model_name, starred=False) * pool.multiplier

    def alone(name: str, quantity: float) -> float:
        leverage = pool.positions[name].leverage if name in pool.positions else market.snapshot.accounts[pool.account_id].get("max_leverage")
        asked = option_requirement if market.snapshot.instruments[name]["kind"] == "option" else instrument_requirement
        return times * asked(market, model, name, Position([quantity], leverage=leverage), level)

    total = sum(
        sides_requirement(market, pool, model, name, level, lambda quantity, name=name: alone(name, quantity))  # type: ignore[misc]
        for name in pool.orders
        if market.snapshot.instruments[name]["kind"] != "spot"
    )
    net, _ = net_balances(market, pool, model, tokens, values, level)
    total += spot_requirement(market, pool, net, lambda asset, value: counted(market, model, asset, value, level))
    return total + at_level(model.get("order_amount"), level, 0.0) * sum(orders.count for orders in pool.orders.values())


def margin_schedule(market: Market, name: str | None, owner: str) -> Row:
    """The named margin schedule; `owner` is the instrument or asset that needs it."""
    if name is None:
        raise ValueError(f"{owner} has no margin schedule")
    schedule: Row = market.margin["margin_schedules"][name]
    return schedule


def schedule_factor(market: Market, name: str | None) -> float:
    """The margin rate factor of a schedule, 1 where there is no schedule."""
    return margin_rate(market.state, name, starred=True)


def currency_value(market: Market, schedule: Row) -> float:
    """X of the schedule's currency."""
    return market.state.value[schedule.get("currency") or market.snapshot.reporting]


def instrument_requirement(market: Market, model: Row, name: str, position: Position, level: str, leveraged: bool = True) -> float:
    """The requirement of one netted position from the tiers of its schedule (or its amount per contract), in reporting currency."""
    schedule_name = market.margin_schedule_of(model, name)
    schedule = margin_schedule(market, schedule_name, name)
    contracts = abs(position.quantity)
    unit = currency_value(market, schedule)
    notional = contracts * market.priced[name].notional / unit * notional_factor(market, model, name, schedule, position.quantity, level)
    needed = from_schedule(schedule_for(market, market.snapshot.instruments[name], schedule, contracts), notional, contracts, level)
    if level == "initial":
        needed += interest_share(market, name, schedule, unit) * max(0.0, notional - needed)
    if level == "initial" and leveraged and position.leverage is not None:
        needed = max(needed, notional / position.leverage)
    return float(needed * unit * schedule_factor(market, schedule_name))


def from_schedule(schedule: Row, notional: float, contracts: float, level: str) -> float:
    """What a schedule asks for a notional in its own currency."""
    amounts = schedule.get("amount_per_contract")
    if amounts is not None:
        return at_level(amounts, level, 0.0) * contracts
    tiers = schedule["tiers"]
    by_contracts = schedule.get("basis", "value") == "contracts"
    measure = contracts if by_contracts else notional
    convention = schedule.get("convention", "marginal")
    if convention == "marginal":
        charged = 0.0
        for number, tier in enumerate(tiers):
            if measure <= tier["from"]:
                break  # nothing is inside this tier or those above it
            high = tiers[number + 1]["from"] if number + 1 < len(tiers) else float("inf")
            charged += tier[f"{level}_rate"] * max(0.0, min(measure, high) - tier["from"])
        if by_contracts:
            return charged * notional / contracts if contracts > 0.0 else 0.0
        return float(charged)
    # The lower edge of a tier is inclusive: the last tier whose edge is reached holds the position.
    holding = tiers[0]
    for tier in tiers:
        if measure >= tier["from"]:
            holding = tier
    charged = holding[f"{level}_rate"] * notional
    if convention == "deduction":
        return float(max(0.0, charged - (holding.get(f"{level}_deduction") or 0.0)))
    return float(charged)


def option_requirement(market: Market, model: Row, name: str, position: Position, level: str) -> float:
    """Short: per unit max(rate*|S| - otm, minimum*|base|), or tiers on the notional; long margined: its value less the long-option credit."""
    instrument, state = market.snapshot.instruments[name], market.state
    schedule_name = market.margin_schedule_of(model, name)
    if position.quantity >= 0.0:
        if instrument["premium_style"] == "paid" or position.quantity == 0.0:
            return 0.0
        worth = instrument["contract_size"] * position.quantity * market.priced[name].mark * state.value[instrument["quote"]]
        credit = at_level(model.get("long_option_credit"), level, 0.0)
        return float((1.0 - credit) * worth * schedule_factor(market, schedule_name))
    schedule = margin_schedule(market, schedule_name, name)
    short = schedule.get("short_option")
    if short is None:
        return instrument_requirement(market, model, name, position, level, leveraged=False)
    currency = strike_currency(market.snapshot, instrument)
    underlying = state.value[instrument["underlying"]] / state.value[currency]
    w = 1.0 if instrument["option_type"] == "call" else -1.0
    out_of_the_money = max(0.0, w * (instrument["strike"] - underlying))
    base = instrument["strike"] if short.get("base", "underlying") == "strike" else underlying
    terms = short[level]
    per_unit = max(terms["rate"] * abs(underlying) - out_of_the_money, terms["minimum"] * abs(base))
    amount = per_unit * instrument["contract_size"] * abs(position.quantity) * state.value[currency]
    return float(amount * schedule_factor(market, schedule_name))


def underlying_requirement(market: Market, model: Row, underlying: str, group: dict[str, Position], level: str) -> float:
    """T(|L - H|) + spread_rate * min(L, H), L and H the long and short expiry nets; initial at least |L - H| / smallest leverage."""
    schedule_name = net_schedule_of(market.snapshot, model, underlying)
    schedule = margin_schedule(market, schedule_name, underlying)
    unit = currency_value(market, schedule)
    nets: dict[object, float] = defaultdict(float)
    for name, position in group.items():
        nets[market.snapshot.instruments[name].get("expiry")] += position.quantity * market.priced[name].notional / unit
    long = sum(net for net in nets.values() if net > 0.0)
    short = -sum(net for net in nets.values() if net < 0.0)
    outright = abs(long - short)
    spread_rate = at_level(model.get("spread_rate"), level, 0.0)
    needed = from_schedule(schedule, outright, 0.0, level) + spread_rate * min(long, short)
    # A position whose lots cancel is no position: its leverage does not count.
    leverages = [position.leverage for position in group.values() if position.leverage is not None and position.quantity != 0.0]
    if level == "initial" and leverages:
        needed = max(needed, outright / min(leverages))
    return needed * unit * schedule_factor(market, schedule_name)
