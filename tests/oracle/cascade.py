"""The liquidation cascade, naively: dictionaries and loops, pool by pool, one scenario at a time (methodology, section 17).

Prices are bisected where the engine iterates, and averages over sales integrated where it has antiderivatives.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace

from oracle.impact import Impact, depth_of, entry_of, impacts
from oracle.margin import Market, Pool, PoolFigures, Position, build_pools, collateral_schedule, pool_figures, value_of
from oracle.reading import Row, Snapshot
from oracle.shocks import BASE, State, holding_share, in_reporting_currency, resolve
from oracle.totals import tolerance
from oracle.valuation import OptionTerms, option_terms, value_instruments

Key = tuple[str, str]
"""An account and one of its pools."""
FEES = {"liquidation": 0.0, "insurance_share": 0.0, "option_spread": 0.0, "collateral_bonus": 0.0}
BUMP = 1e-3
"""Of the underlying's price, either way: the delta of an option."""
ROUNDING = 1e-12
"""Of all balances of a pool: one that is smaller is neither a debt nor a deposit."""
STEPS = 4_000
"""Of the search for the highest price at which those who sell collateral can have sold."""


@dataclass
class Fill:
    """What one pool traded in a round: sold +, bought -; a position in contracts, collateral and repaid debts in units."""

    round: int
    account: str
    pool: str
    instrument: str | None
    asset: str
    quantity: float
    price: float
    notional: float
    fee: float


@dataclass
class Held:
    """A pool as it stands in the cascade. `touched`: it has been liquidated, and its balances are what could be recovered."""

    pool: Pool
    touched: bool = False

    def tokens(self) -> dict[str, float]:
        """Net balances by asset."""
        found: dict[str, float] = defaultdict(float)
        for asset, _, quantity in self.pool.balances:
            found[asset] += quantity
        return found

    def material(self, value: dict[str, float]) -> dict[str, float]:
        """Net balances, zero where they are rounding or worth nothing."""
        tokens = self.tokens()
        least = ROUNDING * sum(abs(amount * value[name]) for name, amount in tokens.items())
        return {name: amount if value[name] > 0.0 and abs(amount * value[name]) > least else 0.0 for name, amount in tokens.items()}

    def pay(self, asset: str, amount: float) -> None:
        """Credit (or debit) a touched pool."""
        found = self.tokens()
        found[asset] += amount
        self.pool.balances = [(name, None, quantity) for name, quantity in found.items()]


@dataclass
class Cascade:
    """What became of the book in one scenario. Prices in the asset's price currency, amounts in reporting currency."""

    shocked: dict[str, float]
    prices: dict[str, float]
    equity_base: dict[Key, float]
    equity_shocked: dict[Key, float]
    equity: dict[Key, float]
    rounds: int = 0
    halted: int = 0
    converged: bool = True
    first_round: dict[Key, int] = field(default_factory=dict)
    """Of the pools that were liquidated: in which round (1, 2, ...) first."""
    breached_at_once: set[Key] = field(default_factory=set)
    sold: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Units, net."""
    notional: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Gross, of what was traded on an asset."""
    bought_for: float = 0.0
    """What those outside paid for all that the pools sold, net of what they were paid."""
    fees: float = 0.0
    bonus: float = 0.0
    floored: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    tolerance: dict[Key, float] = field(default_factory=dict)
    """Of a status, pool by pool."""
    reporting: str = "USD"
    value: dict[str, float] = field(default_factory=dict)
    """X of every asset at the end."""
    trigger: dict[Key, str] = field(default_factory=dict)
    """Of the pools that were liquidated, or healed by cancelling orders: the asset that had cost them most when they breached first."""
    survivors_loss: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By asset: what positions and balances of accounts without a breach at the shocked prices lose after that, gains of others not netted."""
    log: list[Fill] = field(default_factory=list)
    held: dict[Key, Held] = field(default_factory=dict)

    def trade(self, impact: Impact, asset: str, units: float) -> None:
        """Count units as sold; the price may be held at its end for a while."""
        self.sold[asset] += units
        if impact.is_floored(self.sold[asset]) or impact.is_capped(self.sold[asset]):
            self.floored.add(asset)

    def by_account(self, amounts: dict[Key, float]) -> dict[str, float]:
        """Sums over the pools of accounts."""
        found: dict[str, float] = defaultdict(float)
        for (account, _), amount in amounts.items():
            found[account] += amount
        return found

    def survives(self, key: Key) -> bool:
        """Whether no pool of the account breaches at the shocked prices."""
        return all(account != key[0] for account, _ in self.breached_at_once)

    def traded(self) -> dict[tuple[str, str], tuple[float, int]]:
        """By trigger and asset: the notional of all orders, and the number of pools that had any."""
        notional: dict[tuple[str, str], float] = defaultdict(float)
        pools: dict[tuple[str, str], set[Key]] = defaultdict(set)
        for fill in self.log:
            key = fill.account, fill.pool
            notional[self.trigger[key], fill.asset] += fill.notional
            pools[self.trigger[key], fill.asset].add(key)
        return {both: (amount, len(pools[both])) for both, amount in notional.items()}

    @property
    def direct_loss(self) -> float:
        """What accounts that lose lose in the scenario itself."""
        before, after = self.by_account(self.equity_base), self.by_account(self.equity_shocked)
        return sum(max(0.0, before[name] - after[name]) for name in before)

    @property
    def feedback_loss(self) -> float:
        """What accounts that lose lose from there to the end."""
        before, after = self.by_account(self.equity_shocked), self.by_account(self.equity)
        return sum(max(0.0, before[name] - after[name]) for name in before)

    def unfunded(self) -> float:
        """Debts in money of pools that have been liquidated and have nothing else: what they are below zero."""
        spent = [key for key, held in self.held.items() if held.touched and not held.pool.positions]
        moneyed = [key for key in spent if sum(amount != 0.0 for amount in self.held[key].material(self.value).values()) <= 1]
        return -sum(min(0.0, self.equity[key]) for key in moneyed if self.held[key].tokens()[self.reporting] < 0.0)

    @property
    def deficit(self) -> float:
        """What is lost beyond what pools have."""
        return sum(max(0.0, -equity) for equity in self.equity.values())


class Venue:
    """The book of a snapshot and what it takes to look at it at any prices of a scenario."""

    def __init__(self, snapshot: Snapshot, margin: Row, cascade: Row, scenario: Row) -> None:
        self.snapshot, self.margin, self.terms_of_run = snapshot, margin, cascade
        self.base = resolve(snapshot, BASE, {})
        self.terms: dict[str, OptionTerms] = option_terms(snapshot, self.base)
        forwards = {name: term.base_forward for name, term in self.terms.items()}
        self.shocked = self.base if scenario["id"] == "base" else resolve(snapshot, scenario, forwards)
        self.impact: dict[str, Impact] = impacts(snapshot, self.base, self.shocked, cascade)
        self.start = self.market(self.shocked.spot)
        self.fees = {**FEES, **(cascade.get("fees") or {})}
        self.at_base = self.market(self.base.spot, self.base)
        self.tolerance = {
            (pool.account_id, pool.pool_id): tolerance(pool_figures(self.at_base, pool).gross_notional) for pool in build_pools(snapshot)
        }

    def market(self, prices: dict[str, float], state: State | None = None) -> Market:
        """The scenario at other prices."""
        state = replace(state or self.shocked, spot=prices, value=in_reporting_currency(self.snapshot, prices))
        return Market(self.snapshot, self.margin, state, value_instruments(self.snapshot, self.base, state, self.terms), self.base, self.terms)

    def figures(self, market: Market, held: Held) -> PoolFigures:
        """The figures of a pool; what a touched one holds is recovered already."""
        if held.touched:
            shocks = tuple(shock for shock in market.state.shocks if not shock["factor"].startswith("holding:"))
            market = replace(market, state=replace(market.state, shocks=shocks), rows={}, marks={})
        return pool_figures(market, held.pool)

    def shortfall(self, market: Market, key: Key, held: Held) -> float | None:
        """R - B of a pool in breach; None of others."""
        figures, tol = self.figures(market, held), self.tolerance[key]
        balance, needed = figures.balance["maintenance"], figures.requirement["maintenance"]
        equal = bool(self.margin["models"][held.pool.model_name].get("breach_at_equality")) and needed > 0.0
        return needed - balance if (balance <= needed + tol if equal else balance < needed - tol) else None

    def touch(self, held: Held) -> None:
        """Cancel its orders; from now on its balances are what can be recovered of them, asset by asset."""
        if not held.touched:
            held.pool, held.touched = self.recovered(held), True

    def recovered(self, held: Held) -> Pool:
        """A pool without orders, its balances by asset as far as they can be recovered."""
        tokens: dict[str, float] = defaultdict(float)
        for asset, location, quantity in held.pool.balances:
            shared = quantity > 0.0 and not held.touched
            tokens[asset] += quantity * (holding_share(self.snapshot, self.shocked, asset, location) if shared else 1.0)
        positions = {name: each for name, each in held.pool.positions.items() if each.quantity != 0.0 or each.cost != 0.0 or each.funding != 0.0}
        return replace(held.pool, positions=positions, balances=[(name, None, amount) for name, amount in tokens.items()], orders={})

    def can_act(self, market: Market, held: Held) -> bool:
        """Whether there is anything left to close, a debt to buy back, or a debt and something to sell for it."""
        pool = self.recovered(held)
        tokens = Held(pool).material(market.state.value)
        others = [amount for name, amount in tokens.items() if name != self.snapshot.reporting]
        owes = tokens.get(self.snapshot.reporting, 0.0) < 0.0
        return bool(pool.positions) or min(others, default=0.0) < 0.0 or (owes and max(others, default=0.0) > 0.0)

    def without_orders(self, market: Market, key: Key, held: Held) -> float | None:
        """R - B once the orders of a pool in breach are cancelled; None where that alone heals it."""
        if not held.touched and held.pool.orders:
            after = Held(self.recovered(held), touched=True)
            amount = self.shortfall(market, key, after)
            if amount is None:
                self.touch(held)
            return amount
        return self.shortfall(market, key, held)

    def units(self, market: Market, name: str) -> float:
        """Units of the underlying that closing one contract sells."""
        instrument, size = self.snapshot.instruments[name], self.snapshot.instruments[name]["contract_size"]
        if instrument["kind"] == "option":
            return self.delta(market, name)
        if instrument["payoff"] == "inverse":
            return float(size / market.priced[name].mark)
        if instrument["payoff"] == "quanto":
            return float(size * market.state.value[instrument["settle"]] / market.state.value[instrument["quote"]])
        return float(size)

    def delta(self, market: Market, name: str) -> float:
        """What an option gains when its underlying does, by moving the underlying's price a little each way; what the premium is paid in stays."""
        instrument, underlying = self.snapshot.instruments[name], self.snapshot.instruments[name]["underlying"]
        worth, price = [], []
        for move in (1.0 + BUMP, 1.0 - BUMP):
            moved = self.market({**market.state.spot, underlying: market.state.spot[underlying] * move})
            worth.append(instrument["contract_size"] * moved.priced[name].mark * market.state.value[instrument["quote"]])
            price.append(moved.state.value[underlying])
        return float((worth[0] - worth[1]) / (price[0] - price[1]))

    def premium(self, market: Market, name: str) -> float:
        """What one contract trades at: the notional of a fee."""
        instrument, priced = self.snapshot.instruments[name], market.priced[name]
        if instrument["kind"] != "option":
            return priced.notional
        return float(abs(priced.mark) * instrument["contract_size"] * market.state.value[instrument["quote"]])


def trigger_of(venue: Venue, now: Market, held: Held) -> str:
    """The asset, underlying or balance, on which a pool has lost most since base; the reporting currency if deposits of it are lost, or alone."""
    lost: dict[str, float] = defaultdict(float)
    pool = venue.recovered(held)
    for asset, _, quantity in held.pool.balances:
        lost[asset] += quantity * venue.base.value[asset]
    for asset, _, quantity in pool.balances:
        lost[asset] -= quantity * now.state.value[asset]
    for name, position in pool.positions.items():
        instrument = venue.snapshot.instruments[name]
        lost[instrument["settle"]] += 0.0
        lost[instrument["underlying"]] += value_of(venue.at_base, name, position) - value_of(now, name, position)
    if lost[venue.snapshot.reporting] < 1e-9:
        lost.pop(venue.snapshot.reporting)
    # Differences of large amounts that have not moved are rounding.
    size = sum(abs(quantity * venue.base.value[asset]) for asset, _, quantity in held.pool.balances) + 1.0
    size += sum(abs(each.quantity) * venue.at_base.priced[name].notional for name, each in pool.positions.items())
    return min(lost, key=lambda asset: (-round(lost[asset] / size, 11), asset), default=venue.snapshot.reporting)


def losses_of_survivor(venue: Venue, start: Market, end: Market, held: Held) -> dict[str, float]:
    """By asset: what the positions and balances that a pool has at the end have lost since the shocked prices."""
    lost: dict[str, float] = defaultdict(float)
    for asset, location, quantity in held.pool.balances:
        share = holding_share(venue.snapshot, venue.shocked, asset, location) if quantity > 0.0 and not held.touched else 1.0
        lost[asset] += max(0.0, share * quantity * (start.state.value[asset] - end.state.value[asset]))
    for name, position in held.pool.positions.items():
        lost[venue.snapshot.instruments[name]["underlying"]] += max(0.0, value_of(start, name, position) - value_of(end, name, position))
    return lost


def shares(venue: Venue, market: Market, held: Held) -> dict[str, float]:
    """The share of every position that the policy closes."""
    policy, target = venue.terms_of_run.get("policy", "full"), venue.terms_of_run.get("target_ratio")
    figures, cost = venue.figures(market, held), venue.fees["liquidation"]
    balance, needed, gross = figures.balance["maintenance"], figures.requirement["maintenance"], figures.gross_notional
    positions = held.pool.positions
    if venue.margin["models"][held.pool.model_name].get("breach_at_equality"):
        # At its requirement such a pool still breaches.
        needed += 2.0 * venue.tolerance[held.pool.account_id, held.pool.pool_id]
    if policy == "full":
        return dict.fromkeys(positions, 1.0)
    if target is not None and policy != "pro_rata":
        needed = max(target * gross, needed)
    if policy == "worst_first":
        closed, found = 0.0, dict.fromkeys(positions, 0.0)
        lost = {name: value_of(venue.at_base, name, each) - value_of(market, name, each) for name, each in positions.items()}
        for name in sorted(positions, key=lambda name: (-lost[name], name)):
            if balance - cost * closed >= needed * (1.0 - (closed / gross if gross > 0.0 else 0.0)):
                break
            found[name] = 1.0
            closed += abs(positions[name].quantity) * market.priced[name].notional
        return found
    if needed <= cost * gross:
        return dict.fromkeys(positions, 1.0)
    return dict.fromkeys(positions, min(1.0, max(0.0, (needed - balance) / (needed - cost * gross))))


def close(venue: Venue, fills: Market, held: Held, closed: dict[str, float], round_: int, found: Cascade) -> None:
    """Close shares of positions at what they are worth at the execution prices; then the fee, as far as there is equity."""
    charges: dict[str, tuple[float, Fill]] = {}
    for name, share in closed.items():
        if share == 0.0:
            continue
        instrument, position = venue.snapshot.instruments[name], held.pool.positions[name]
        part = Position([share * position.quantity], share * position.cost, share * position.funding, position.leverage)
        worth, contracts = value_of(fills, name, part), abs(part.quantity)
        if found.survives((held.pool.account_id, held.pool.pool_id)):
            found.survivors_loss[instrument["underlying"]] += max(0.0, value_of(venue.start, name, part) - worth)
        notional = contracts * venue.premium(fills, name)
        if instrument["kind"] == "option":
            worth -= venue.fees["option_spread"] * notional
            found.bonus += venue.fees["option_spread"] * notional
        held.pay(instrument["settle"], worth / fills.state.value[instrument["settle"]])
        left = Position([(1.0 - share) * position.quantity], (1.0 - share) * position.cost, (1.0 - share) * position.funding, position.leverage)
        held.pool.positions = {key: each for key, each in held.pool.positions.items() if key != name}
        if share < 1.0:
            held.pool.positions[name] = left
        fill = Fill(
            round_, held.pool.account_id, held.pool.pool_id, name, instrument["underlying"], part.quantity, fills.priced[name].mark, notional, 0.0
        )
        charges[name] = (venue.fees["liquidation"] * notional, fill)
        found.notional[instrument["underlying"]] += notional
        found.log.append(fill)
    asked = sum(amount for amount, _ in charges.values())
    paid = min(asked, max(0.0, venue.figures(fills, held).equity))
    for name, (amount, fill) in charges.items():
        if asked > 0.0:
            settle = venue.snapshot.instruments[name]["settle"]
            fill.fee = amount * paid / asked
            held.pay(settle, -fill.fee / fills.state.value[settle])
    found.fees += paid


def settled_price(impact: Impact, before: float, needs: list[tuple[float, float]], unit: float) -> tuple[float, list[float]]:
    """The highest price v at which v is the average over what is sold at v, and what everybody sells.

    `needs`: what each wants (reporting currency) and has (units); `unit`: what a unit brings at a price of one.
    """

    def sales(price: float) -> list[float]:
        return [min(want / (price * unit), held) if price > 0.0 else held for want, held in needs]

    def excess(price: float) -> float:
        return impact.average(before, before + sum(sales(price))) - price

    top = impact.after(before)
    if excess(top) >= 0.0:
        return top, sales(top)
    low, high = 0.0, top
    for step in range(1, STEPS + 1):
        low = top * (1.0 - step / STEPS)
        if excess(low) >= 0.0:
            break
        high = low
    while (middle := 0.5 * (low + high)) not in (low, high):
        low, high = (middle, high) if excess(middle) >= 0.0 else (low, middle)
    return low, sales(low)


def rank(venue: Venue, held: Held, asset: str) -> tuple[object, ...]:
    """Where an asset stands among the collateral that a pool sells."""
    order = venue.terms_of_run.get("collateral_order") or ["settle", "haircut", "liquidity"]
    settles = {instrument["settle"] for instrument in venue.snapshot.instruments.values()}
    key: list[object] = []
    for criterion in order:
        if criterion == "settle":
            key.append(0 if asset in settles else 1)
        elif criterion == "haircut":
            schedule = collateral_schedule(venue.at_base, venue.margin["models"][held.pool.model_name], asset)
            key.append(schedule["bands"][0]["haircut"])
        else:
            key.append(-(depth_of(venue.snapshot, venue.base, entry_of(venue.terms_of_run, asset), asset) or 0.0))
    return (*key, asset)


def repay(venue: Venue, prices: dict[str, float], indebted: list[Held], round_: int, found: Cascade) -> None:
    """Pools without positions buy back what they owe, then sell what they have, one asset of each after the other."""
    reporting, bonus = venue.snapshot.reporting, venue.fees["collateral_bonus"]
    close_factor = venue.terms_of_run.get("close_factor", 1.0)
    value = in_reporting_currency(venue.snapshot, prices)

    def record(held: Held, asset: str, quantity: float, price: float, fee: float) -> None:
        notional = abs(quantity) * price * value[venue.snapshot.assets[asset]["price_currency"]]
        found.notional[asset] += notional
        if found.survives((held.pool.account_id, held.pool.pool_id)):
            gone = math.copysign(notional, quantity)
            found.survivors_loss[asset] += max(0.0, quantity * venue.start.state.value[asset] - gone)
        found.log.append(Fill(round_, held.pool.account_id, held.pool.pool_id, None, asset, quantity, price, notional, fee))

    def worth(asset: str, price: float) -> float:
        return price if asset == reporting else price * value[venue.snapshot.assets[asset]["price_currency"]]

    had = [held.material(value) for held in indebted]
    # A debt in money is paid in part; what the buying back of others takes beyond the money that is there, in full.
    wants = {number: max(0.0, -held.tokens()[reporting]) * close_factor for number, held in enumerate(indebted)}
    owned = {number: [asset for asset, amount in each.items() if amount > 0.0 and asset != reporting] for number, each in enumerate(had)}
    # Who has nothing left can wait for nothing: what it owes is bought back at once.
    part = {number: close_factor if any(amount > 0.0 for amount in each.values()) else 1.0 for number, each in enumerate(had)}
    money = {number: max(0.0, held.tokens()[reporting]) for number, held in enumerate(indebted)}
    for asset in sorted(venue.snapshot.assets):
        if asset == reporting:
            continue
        owing = [(number, held, -held.tokens()[asset] * part[number]) for number, held in enumerate(indebted) if had[number].get(asset, 0.0) < 0.0]
        if not owing:
            continue
        bought = sum(debt for _, _, debt in owing)
        price = venue.impact[asset].average(found.sold[asset], found.sold[asset] - bought)
        found.trade(venue.impact[asset], asset, -bought)
        for number, held, debt in owing:
            cost = debt * worth(asset, price)
            held.pay(asset, debt)
            held.pay(reporting, -cost)
            wants[number] += max(0.0, cost - money[number])
            money[number] = max(0.0, money[number] - cost)
            found.bought_for -= cost
            record(held, asset, -debt, price, 0.0)
    offers = {}
    for number, names in owned.items():
        offers[number] = sorted(names, key=lambda asset, held=indebted[number]: rank(venue, held, asset))  # type: ignore[misc]
    for turn in range(max(map(len, offers.values()), default=0)):
        for asset in sorted({names[turn] for names in offers.values() if len(names) > turn}):
            sellers = [number for number, names in offers.items() if len(names) > turn and names[turn] == asset and wants[number] > 0.0]
            if not sellers:
                continue
            unit = worth(asset, 1.0) / (1.0 + bonus)
            needs = [(wants[number], indebted[number].tokens()[asset]) for number in sellers]
            price, amounts = settled_price(venue.impact[asset], found.sold[asset], needs, unit)
            found.trade(venue.impact[asset], asset, sum(amounts))
            for number, (_, has), amount in zip(sellers, needs, amounts, strict=True):
                raised = amount * price * unit
                indebted[number].pay(asset, -amount)
                indebted[number].pay(reporting, raised)
                wants[number] = max(0.0, wants[number] - raised) if amount == has else 0.0
                found.bought_for += amount * worth(asset, price)
                found.bonus += raised * bonus
                record(indebted[number], asset, amount, price, raised * bonus)


def cascade_of(snapshot: Snapshot, margin: Row, cascade: Row, scenario: Row, depth: float = 1.0) -> Cascade:
    """The cascade of a scenario (or of `BASE`), round by round until nobody breaches, in markets `depth` times as deep."""
    venue = Venue(snapshot, margin, cascade, scenario)
    venue.impact = {name: impact.deeper(depth) for name, impact in venue.impact.items()}
    book = {(pool.account_id, pool.pool_id): Held(pool) for pool in build_pools(snapshot)}
    prices = dict(venue.shocked.spot)
    found = Cascade(
        shocked=dict(prices), prices=prices, held=book,
        equity_base={key: pool_figures(venue.at_base, held.pool).equity for key, held in book.items()},
        equity_shocked={key: pool_figures(venue.start, held.pool).equity for key, held in book.items()}, equity={}, tolerance=venue.tolerance,
    )  # fmt: skip
    number = 0
    while True:
        now = venue.market(prices)
        short = {key: amount for key, held in book.items() if (amount := venue.shortfall(now, key, held)) is not None}
        if number == 0:
            found.breached_at_once = set(short)
        short = {key: amount for key, amount in short.items() if venue.can_act(now, book[key])}
        for key in list(short):
            trigger = trigger_of(venue, now, book[key])
            amount = venue.without_orders(now, key, book[key])
            if amount is None:
                found.trigger.setdefault(key, trigger)
                del short[key]
            else:
                short[key] = amount
        if not short:
            break
        if number == cascade.get("max_rounds", 50):
            found.converged = False
            break
        number += 1
        if number <= cascade.get("halt_rounds", 0):
            found.halted += 1
            continue
        chosen = list(short)
        if cascade.get("sequence") == "one_at_a_time":
            chosen = [max(short, key=lambda key: short[key])]
        for key in chosen:
            if key not in found.trigger:
                found.trigger[key] = trigger_of(venue, now, book[key])
        prices = one_round(venue, now, [book[key] for key in chosen], number, found)
        found.rounds += 1
        for key in chosen:
            found.first_round.setdefault(key, number)
    found.prices = prices
    end = venue.market(prices)
    found.value, found.reporting = end.state.value, snapshot.reporting
    found.equity = {key: venue.figures(end, held).equity for key, held in book.items()}
    for key, held in book.items():
        if found.survives(key):
            for asset, amount in losses_of_survivor(venue, venue.start, end, held).items():
                found.survivors_loss[asset] += amount
    found.missing = {
        name for name, impact in venue.impact.items()
        if impact.strength is None and impact.kind != "none" and name != snapshot.reporting and found.notional[name] > 0.0
    }  # fmt: skip
    return found


def one_round(venue: Venue, now: Market, chosen: list[Held], number: int, found: Cascade) -> dict[str, float]:
    """Liquidate pools together; returns the prices after."""
    orders: dict[str, float] = defaultdict(float)
    closing: list[dict[str, float]] = []
    for held in chosen:
        venue.touch(held)
        closing.append(shares(venue, now, held))
        for name, share in closing[-1].items():
            orders[venue.snapshot.instruments[name]["underlying"]] += share * held.pool.positions[name].quantity * venue.units(now, name)
    traded = dict(now.state.spot)
    for asset, units in orders.items():
        traded[asset] = venue.impact[asset].average(found.sold[asset], found.sold[asset] + units)
        found.trade(venue.impact[asset], asset, units)
        found.bought_for += units * traded[asset] * now.state.value[venue.snapshot.assets[asset]["price_currency"]]
    fills = venue.market(traded)
    for held, closed in zip(chosen, closing, strict=True):
        close(venue, fills, held, closed, number, found)
    after = {name: impact.after(found.sold[name]) for name, impact in venue.impact.items()}
    repay(venue, after, [held for held in chosen if not held.pool.positions], number, found)
    return {name: impact.after(found.sold[name]) for name, impact in venue.impact.items()}
