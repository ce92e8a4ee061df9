"""Who would have positions closed for a loss that nothing else covers: those on the other side of what was liquidated.

The loss is spread over what defaulters closed, so much a unit of each underlying and side: that is, it is closed at their bankruptcy price.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block
from stresstest.stress.cascade.losses.allocation import closed_by_queue, closed_in_proportion, effective_leverage, queue_score
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

KINDS = ("future", "perpetual")
"""Kinds of instruments of which positions are closed against each other."""

Rule = Literal["adl_queue", "pro_rata"]


class Closed(NamedTuple):
    """What accounts below zero closed in futures and perpetuals, by underlying and side: code, whether it was long, units; f64 notional."""

    asset: Longs
    was_long: Flags
    units: Floats
    notional: Floats


class Standing(NamedTuple):
    """Positions in futures and perpetuals of accounts that were not liquidated, in a scenario at its end.

    `account`, `asset` (underlying) codes; `units` of the underlying, below zero if short; `score`: place in the queue.
    """

    account: Longs
    asset: Longs
    units: Floats
    score: Floats


class Deleveraged(NamedTuple):
    """What is closed of whom, row by row: codes of `account` and `asset` (underlying); `quantity` units of it, at least zero; `score`: place in the
    queue; `amount` that this pays, reporting currency."""

    account: Longs
    asset: Longs
    quantity: Floats
    score: Floats
    amount: Floats


def units_of_contract(dimensions: Dimensions, units: UnitValues, value: Floats) -> Floats:
    """Units of the underlying that one contract stands for, f64[instruments]: notional over price; none of what is not closed against others.

    Args:
        dimensions: of the book.
        units: values of instruments in one state.
        value: f64[assets] X there.
    """
    frame = dimensions.instruments
    price = np.abs(value[frame["underlying_code"].to_numpy()])
    known = frame["kind"].is_in(KINDS).to_numpy() & (price > 0.0)
    found: Floats = np.divide(units.notional[:, 0], price, out=np.zeros(len(price)), where=known)
    return found


def closed_by_defaulters(log: pl.DataFrame, below: Flags, pool_account: Longs, per_contract: Floats) -> Closed:
    """What accounts that leave a loss sold and bought in one scenario.

    Contracts are counted in units at the end, whatever they were sold at: they meet contracts that are counted so too.

    Args:
        log: rows of `Outcome.log` of that scenario.
        below: bool[accounts] which are below zero at the end, and whose owner does not pay for it from its other accounts.
        pool_account: account of every pool.
        per_contract: of `units_of_contract` at the end.
    """
    positions = log.filter(pl.col("action") == "position")
    instrument = positions["instrument"].to_numpy()
    wanted = (per_contract[instrument] > 0.0) & below[pool_account[positions["pool"].to_numpy()]]
    asset, quantity = positions["asset"].to_numpy()[wanted].astype(np.int64), positions["quantity"].to_numpy()[wanted]
    keys, place = np.unique(asset * 2 + (quantity > 0.0), return_inverse=True)
    units, notional = (
        np.bincount(place, weights=each, minlength=len(keys)).astype(np.float64)
        for each in (np.abs(quantity) * per_contract[instrument[wanted]], positions["notional"].to_numpy()[wanted])
    )
    return Closed(keys // 2, (keys % 2).astype(np.bool_), units, notional)


def standing_positions(book: Book, units: UnitValues, value: Floats, liquidated: Flags, equity: Floats) -> Standing:
    """The positions of accounts that were not liquidated, netted by account and underlying, at the end of one scenario.

    Profit is what a position is worth since entry over its entry value; leverage is its notional over the equity of its account.

    Args:
        book: the staged snapshot.
        units: values of instruments at the end, one state.
        value: f64[assets] X there.
        liquidated: bool[accounts].
        equity: f64[accounts] at the end; only those above zero are looked at.
    """
    underlying = book.dimensions.instruments["underlying_code"].to_numpy().astype(np.int64)
    per_contract = units_of_contract(book.dimensions, units, value)
    slope, cost, notional = (table[:, 0] for table in (units.value_slope, units.cost_slope, units.notional))
    wanted = ~liquidated & (equity > 0.0)
    assets = len(value)
    parts: list[tuple[Longs, Floats]] = []
    for number in range(book.blocks):
        block = load_block(book, number)
        account = block.account[block.position_pool].astype(np.int64)
        rows = np.flatnonzero((per_contract[block.instrument] > 0.0) & wanted[account] & (block.quantity != 0.0))
        instrument, quantity = block.instrument[rows], block.quantity[rows]
        worth = quantity * slope[instrument] + block.cost[rows] * cost[instrument]
        entry = np.abs(block.cost[rows] * cost[instrument])
        keys, place = np.unique(account[rows] * assets + underlying[instrument], return_inverse=True)
        parted = (quantity * per_contract[instrument], quantity * notional[instrument], worth, entry)
        sums = [np.bincount(place, weights=each, minlength=len(keys)) for each in parted]
        parts.append((keys, np.stack(sums, axis=1)))
    # Accounts lie whole in one block: no key is in two.
    key, whole = np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    owner, asset = np.divmod(key, assets)
    held, net, worth, entry = whole.T
    profit = np.divide(worth, entry, out=np.zeros(len(worth)), where=entry > 0.0)
    leverage = effective_leverage(net, equity[owner])
    kept = held != 0.0
    return Standing(owner[kept], asset[kept], held[kept], queue_score(profit, leverage)[kept])


def deleverage(loss: float, closed: Closed, standing: Standing, rule: Rule) -> Deleveraged:
    """Close opposite positions until what defaulters closed is matched: of every underlying and side l = D_u / Q_u a unit is paid.

    D_u is the share of the loss that falls on what was closed of it, by notional, and Q_u the units. Positions are closed along the queue or in
    proportion to their size; what finds no position on the other side stays uncovered.
    """
    total = float(closed.notional.sum())
    none, nothing = np.zeros(0, np.int64), np.zeros(0)
    found = [Deleveraged(none, none, nothing, nothing, nothing)]
    for asset, was_long, units, notional in zip(*closed, strict=True):
        if units <= 0.0 or total <= 0.0:
            continue
        # Who was long is closed against those who are short, and the other way round.
        opposite = np.flatnonzero((standing.asset == asset) & (standing.units < 0.0 if was_long else standing.units > 0.0))
        held, score = np.abs(standing.units[opposite]), standing.score[opposite]
        quantity = closed_by_queue(units, held, score) if rule == "adl_queue" else closed_in_proportion(units, held)
        paying = quantity > 0.0
        rows = opposite[paying]
        found.append(
            Deleveraged(
                standing.account[rows], standing.asset[rows], quantity[paying], score[paying], quantity[paying] * (loss * notional / total / units)
            )
        )
    accounts, assets, quantities, scores, amounts = zip(*found, strict=True)
    return Deleveraged(np.concatenate(accounts), np.concatenate(assets), np.concatenate(quantities), np.concatenate(scores), np.concatenate(amounts))
