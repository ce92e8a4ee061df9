"""Debts of pools without positions: tokens owed are bought back, collateral is sold, and all of it moves prices.

All pools that need money in a round sell at once. In each pass each of them offers one asset, and all sales of an asset in a scenario are done at
one price v, at which what is sold and what it costs to sell so much agree:

    v = mean price over [Q, Q + sum_i min(K_i / (v X / (1 + bonus)), h_i)]

with Q what was sold before, K_i the money that pool i still needs, h_i what it has, X the price currency of the asset. A lower price makes everybody
sell more, so there may be several such prices; the one taken is the highest, which iteration from the price before the sale reaches from above
(Tarski). One seller that raises K from a price P sells (P - sqrt(P^2 - 2 k K)) / k units on a line of slope k, and
-ln(1 - l K / P) / l on an exponential of decay l.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.tables import MAINTENANCE_HAIRCUT, Tables
from stresstest.stress.cascade.liquidated import NO_DEBT, Layout, Pairs, summed

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CLOSE_ENOUGH = 1e-15
"""Relative step at which the price of a pass stands still."""
STEPS = 10_000
"""Steps after which a price that hardly moves any more is taken as it is: pools that need just about what their sale can raise."""
ROUND_OF_STEPS = 8
"""Steps between two looks at which prices still move."""


class Cells(Protocol):
    """Prices of chosen cells (asset, scenario), each as a function of cumulative net units sold (`prices.Prices`)."""

    def average(self, before: Floats, after: Floats) -> Floats:
        """The mean price between two quantities; the price there where they are equal."""
        ...


class Impact(Protocol):
    """What selling does to prices, in price currency (`prices.Market`)."""

    def after(self, sold: Floats) -> Floats:
        """The prices f64[assets, S] at cumulative net units sold."""
        ...

    def at(self, assets: Codes, scenarios: Codes) -> Cells:
        """The prices of chosen cells."""
        ...


class Sales(NamedTuple):
    """What was sold of collateral (units above zero) and bought back of debts (below), one row each, in the order in which it was done.

    `pair`, `asset` (code in the book), `units`, `price` in the asset's price currency, `value` = units at that price, `bonus` what of it
    those who buy collateral keep; both in reporting currency.
    """

    pair: Longs
    asset: Longs
    units: Floats
    price: Floats
    value: Floats
    bonus: Floats


class Funding(NamedTuple):
    """`sold` f64[assets, S]: cumulative net units after it; `least` before anything was sold, once debts are bought back. `repaid`, `unfunded`
    f64[pairs], reporting currency: debts less what is owed after, and what pools still need when they have nothing left to sell."""

    sold: Floats
    least: Floats
    sales: Sales
    repaid: Floats
    unfunded: Floats


def collateral_ranks(order: Sequence[str], tables: Tables, layout: Layout, settles: Flags, depth: Floats) -> Longs:
    """The turn in which a pool sells its assets, i64[views * assets]; the reporting currency pays first, whatever the order.

    Args:
        order: of the criteria `settle` (assets that instruments settle in first), `haircut` (the smaller maintenance haircut of the first band,
            as the pool's model sees it, first), `liquidity` (the larger depth first, none last); ties go by code, that is by name.
        tables: compiled, of any state.
        layout: of codes.
        settles: bool[assets].
        depth: f64[assets] as `Market.depth`: 0 for none, inf where sales move nothing.
    """
    count = len(tables.assets)
    code = np.arange(count) % layout.assets
    criteria = {
        "settle": np.where(settles, 0.0, 1.0)[code],
        "haircut": tables.bands[tables.assets["band_first"], MAINTENANCE_HAIRCUT],
        "liquidity": -depth[code],
    }
    ranks = np.empty(count, dtype=np.int64)
    ranks[np.lexsort((code, *(criteria[name] for name in reversed(order))))] = np.arange(count)
    return ranks


def can_act(pairs: Pairs, value: Floats, layout: Layout) -> Flags:
    """Which pairs have anything left to liquidate, bool[pairs]: positions, a debt to buy back, or a debt and something to sell for it.

    Args:
        pairs: touched pools.
        value: f64[assets, S] X.
        layout: of codes.
    """
    count = len(pairs.pool)
    own = _Tokens(pairs, value, layout)
    indebted = summed(own.pair, own.debt, count) > 0
    bought = summed(own.pair, own.debt & ~own.home, count) > 0
    sellable = summed(own.pair, own.deposit, count) > 0
    found: Flags = (np.diff(pairs.position_first) > 0) | bought | (indebted & sellable)
    return found


class _Tokens:
    """The tokens of pairs at some prices: which are debts and which can be sold; rounding is neither."""

    def __init__(self, pairs: Pairs, value: Floats, layout: Layout) -> None:
        self.pair = pairs.of_tokens()
        self.asset = (pairs.asset % layout.assets).astype(np.int64)
        self.cell = self.asset * value.shape[1] + pairs.scenario[self.pair]
        self.home = self.asset == layout.reporting
        price = value.ravel()[self.cell]
        worth = pairs.amount * price
        rounding = NO_DEBT * summed(self.pair, np.abs(worth), len(pairs.pool))[self.pair]
        self.debt = (price > 0.0) & (worth < -rounding)
        self.holding = (price > 0.0) & (worth > rounding)
        self.deposit = self.holding & ~self.home


def fund(
    pairs: Pairs, market: Impact, sold: Floats, currency_value: Floats, ranks: Longs, layout: Layout, *,
    close_factor: float = 1.0, collateral_bonus: float = 0.0,
) -> tuple[Pairs, Funding]:  # fmt: skip
    """Repay the debts of pools without positions, all at once; others stay as they are.

    First every pool buys back, with impact, a share `close_factor` of the tokens that it owes (all of them if it has nothing else), at the expense
    of its balance of the reporting currency. What that balance then lacks (of a debt in the reporting currency itself: the same share) it raises
    by selling its assets in the order of `ranks`, one in each pass; those who buy them keep `collateral_bonus` of what they pay. The reporting
    currency never moves.

    Args:
        pairs: of all blocks, in their order.
        market: what sales do to prices, in all scenarios.
        sold: f64[assets, S] cumulative net units sold so far.
        currency_value: f64[assets, S] X of the price currency of every asset, which stays what it is until all is sold.
        ranks: i64[views * assets] of `collateral_ranks`.
        layout: of codes.
        close_factor: from 0 to 1.
        collateral_bonus: as a share.
    """
    count, amount = len(pairs.pool), pairs.amount.copy()
    own = _Tokens(pairs, market.after(sold) * currency_value, layout)
    free = (np.diff(pairs.position_first) == 0)[own.pair]
    debt, deposit = own.debt & free, own.deposit & free
    indebted = summed(own.pair, debt, count) > 0
    home = np.flatnonzero(own.home)
    book = _Ledger(market, sold, currency_value)
    bought = np.flatnonzero(debt & ~own.home)
    cost = np.zeros(count)
    if len(bought):
        # Who has nothing left can wait for nothing: what it owes is bought back at once.
        share = np.where(summed(own.pair, own.holding, count) > 0, close_factor, 1.0)
        units = -share[own.pair[bought]] * amount[bought]
        paid = book.buy(own.pair[bought], own.cell[bought], units)
        amount[bought] += units
        cost = summed(own.pair[bought], paid, count)
    least = book.sold.copy()
    balance = amount[home]
    owed = np.where(indebted, np.maximum(-balance, 0.0), 0.0)
    cash = np.maximum(balance, 0.0)
    needed = np.maximum(cost - cash, 0.0) + close_factor * owed
    # What the balance is once all that is needed is there; it is built up from that, so that a debt repaid in full is gone to the last bit.
    aim = np.where(balance < 0.0, balance + close_factor * owed, np.maximum(balance - cost, 0.0))
    offered = np.flatnonzero(deposit & (needed > 0.0)[own.pair])
    offered = offered[np.lexsort((ranks[pairs.asset[offered]], own.pair[offered]))]
    pair = own.pair[offered]
    turn = np.arange(len(pair)) - np.searchsorted(pair, pair)
    needs = needed.copy()
    for number in range(int(turn.max(initial=-1)) + 1):
        rows = np.flatnonzero((turn == number) & (needs[pair] > 0.0))
        if len(rows):
            tokens, sellers = offered[rows], pair[rows]
            units, raised = book.sell(sellers, own.cell[tokens], amount[tokens], needs[sellers], collateral_bonus)
            amount[tokens] -= units
            needs[sellers] -= raised
    amount[home] = np.where(indebted, aim - needs, balance)
    owed_after = np.maximum(-amount[home], 0.0)
    repaid = np.where(indebted, owed + cost - owed_after, 0.0)
    return pairs._replace(amount=amount), Funding(book.sold, least, book.sales(), repaid, needs)


class _Ledger:
    """What is sold and bought, and at which prices: cumulative quantities that grow from pass to pass, and a row for each deal."""

    def __init__(self, market: Impact, sold: Floats, currency_value: Floats) -> None:
        self.market = market
        self.sold = sold.copy()
        self.currency_value = currency_value
        self.rows: list[Sales] = []

    def buy(self, pair: Longs, cell: Longs, units: Floats) -> Floats:
        """Buy units, all at the mean price of what all buy; returns what each pays, reporting currency."""
        deal = _Deal(self, cell)
        price = deal.average(-summed(deal.place, units, len(deal.cells)))
        deal.done(-summed(deal.place, units, len(deal.cells)))
        paid: Floats = units * (price * deal.currency)[deal.place]
        self._note(pair, cell, -units, price[deal.place], -paid, np.zeros(len(pair)))
        return paid

    def sell(self, pair: Longs, cell: Longs, has: Floats, needs: Floats, bonus: float) -> tuple[Floats, Floats]:
        """Sell what brings the money needed, at most what each has; returns units and what they bring, reporting currency."""
        deal = _Deal(self, cell)
        money = deal.currency / (1.0 + bonus)
        price, settled = deal.price_of_sale(has, needs, money)
        units = _asked(needs, (price * money)[deal.place], has)
        total = summed(deal.place, units, len(deal.cells))
        if not settled.all():
            price = np.where(settled, price, deal.average(total))
        each = (price * money)[deal.place]
        # Where the price stands still, what is sold brings what is needed, to the last bit.
        raised = np.where(settled[deal.place] & (needs <= has * each), needs, units * each)
        deal.done(total)
        value = units * (price * deal.currency)[deal.place]
        self._note(pair, cell, units, price[deal.place], value, value - raised)
        return units, raised

    def sales(self) -> Sales:
        """All rows."""
        if not self.rows:
            return Sales(np.zeros(0, np.int64), np.zeros(0, np.int64), *(np.zeros(0) for _ in range(4)))
        return Sales(*(np.concatenate(column) for column in zip(*self.rows, strict=True)))

    def _note(self, pair: Longs, cell: Longs, units: Floats, price: Floats, value: Floats, bonus: Floats) -> None:
        self.rows.append(Sales(pair, cell // self.sold.shape[1], units, price, value, bonus))


def _asked(needs: Floats, each: Floats, has: Floats) -> Floats:
    """Units that bring the money at a price each, at most what there is; all of it where a unit brings nothing."""
    return np.minimum(np.divide(needs, each, out=has.copy(), where=each > 0.0), has)


class _Deal:
    """The cells (asset, scenario) that are dealt in at once."""

    def __init__(self, ledger: _Ledger, cell: Longs) -> None:
        self.ledger = ledger
        self.cells, self.place = np.unique(cell, return_inverse=True)
        self.prices = ledger.market.at(*(part.astype(np.int32) for part in np.divmod(self.cells, ledger.sold.shape[1])))
        self.before = ledger.sold.ravel()[self.cells]
        self.currency = ledger.currency_value.ravel()[self.cells]

    def average(self, units: Floats) -> Floats:
        """The mean price of so many units more sold of each cell."""
        return self.prices.average(self.before, self.before + units)

    def price_of_sale(self, has: Floats, needs: Floats, money: Floats) -> tuple[Floats, Flags]:
        """The highest price of each cell at which what is sold for it trades at it, and where it was reached.

        Args:
            has: [sellers] units at most.
            needs: [sellers] money wanted.
            money: [cells] what a unit brings at a price of one.
        """
        price, settled = self.average(np.zeros(len(self.cells))), np.zeros(len(self.cells), dtype=np.bool_)
        open_cells, sellers, part, step = np.arange(len(self.cells)), np.arange(len(self.place)), self, 0
        while len(open_cells) and step < STEPS:
            place = part.place
            for _ in range(ROUND_OF_STEPS):
                start = price[open_cells]
                units = _asked(needs[sellers], (start * money[open_cells])[place], has[sellers])
                price[open_cells] = np.minimum(part.average(summed(place, units, len(open_cells))), start)
            step += ROUND_OF_STEPS
            # Most prices stand still after some steps; the few that are near what can be raised at most take thousands.
            moving = start - price[open_cells] > CLOSE_ENOUGH * start
            settled[open_cells[~moving]] = True
            sellers = sellers[moving[place]]
            open_cells = open_cells[moving]
            part = _Deal(self.ledger, self.cells[self.place[sellers]])
        return price, settled

    def done(self, units: Floats) -> None:
        """Count so many units of each cell as sold."""
        self.ledger.sold.ravel()[self.cells] += units
