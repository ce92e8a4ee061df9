"""One day of trading: some positions change hands, close and open, at the marks of the day."""

from __future__ import annotations

from typing import Any

import numpy as np

from venue.holdings import Market
from venue.listings import Listing
from venue.trades import LOTS, Integers, Trades
from venue.underlyings import Floats, significant

CLOSING, TRADING = 420, 1_280
"""Positions that close in a day (as many open), and that change size."""


class Ledger:
    """The lines of all positions while they trade, and the cash that trading moved: (account, asset, units)."""

    def __init__(self, trades: Trades, listed: tuple[Listing, ...], market: Market, idle: set[int], rng: np.random.Generator) -> None:
        """`idle` accounts do not trade; isolated and spot positions neither."""
        self.lines: dict[str, list[Any]] = {name: list(getattr(trades, name)) for name in trades.__dataclass_fields__}
        self.flows: list[tuple[int, int, float]] = []
        self.instrument = trades.instrument
        kind = np.array([item.kind for item in listed])[trades.instrument]
        self.free = ~trades.isolated & ~np.isin(trades.account, list(idle)) & (kind != "spot")
        self._market, self._rng = market, rng
        self._unit = np.array([item.step for item in listed]) * market.size

    def deal(self, row: int, change: int) -> None:
        """One side of a trade at the mark: what was paid, or the P&L of the part that closes, is booked; entries blend where a line grows."""
        lines, market = self.lines, self._market
        i, before = int(lines["instrument"][row]), int(lines["steps"][row])
        price, entry, after = float(market.mark[i]), float(lines["entry"][row]), before + change
        account, unit, inverse = int(lines["account"][row]), float(self._unit[i]), market.payoff[i] == "inverse"
        if market.is_asset_like[i]:
            self.flows.append((account, int(market.quote[i]), -change * unit * price))
        elif before * change < 0:
            closed = int(np.sign(before)) * min(abs(change), abs(before))
            self.flows.append((account, int(market.settle[i]), closed * unit * (1.0 / entry - 1.0 / price if inverse else price - entry)))
        if before * after <= 0:
            lines["entry"][row] = price
        elif abs(after) > abs(before):
            weights = (abs(before), abs(change))
            blended = abs(after) / (weights[0] / entry + weights[1] / price) if inverse else (weights[0] * entry + weights[1] * price) / abs(after)
            lines["entry"][row] = float(significant(np.array(blended), 7))
        lines["steps"][row] = after

    def partner(self, row: int, change: int) -> int | None:
        """The other side: a free line of the instrument at least twice the size of the trade, the large ones first; None if there is none."""
        same = np.flatnonzero(self.free & (self.instrument == self.instrument[row]))
        able = [int(r) for r in same if r != row and abs(self.lines["steps"][r]) >= 2 * abs(change)]
        if not able:
            return None
        sizes = np.array([abs(self.lines["steps"][r]) for r in able], dtype=np.float64)
        return able[int(self._rng.choice(len(able), p=sizes / sizes.sum()))]

    def open_line(self, account: int, instrument: int) -> int:
        """A new line without size; its number."""
        new = {"account": account, "instrument": instrument, "entry": self._market.mark[instrument], "isolated": False, "leverage": np.nan}
        for name, column in self.lines.items():
            column.append(new.get(name, 0))
        return len(self.lines["steps"]) - 1


def _open_lines(ledger: Ledger, trades: Trades, movable: Integers, unit: Floats, count: int, rng: np.random.Generator) -> None:
    """New positions, each about as large as another one of its account and no more than half of the line that takes the other side."""
    taken = {(int(a), int(i)) for a, i in zip(trades.account, trades.instrument, strict=True)}
    while count:
        model, other = (int(r) for r in rng.choice(movable, size=2))
        account, i = int(trades.account[model]), int(trades.instrument[other])
        steps = round(abs(trades.steps[model]) * unit[trades.instrument[model]] * rng.uniform(0.3, 1.0) / unit[i])
        if steps == 0 or (account, i) in taken or not ledger.free[other] or abs(ledger.lines["steps"][other]) < 2 * steps:
            continue
        taken.add((account, i))
        change = int(steps) if rng.random() < 0.5 else -int(steps)
        ledger.deal(ledger.open_line(account, i), change)
        ledger.deal(other, -change)
        count -= 1


def trade_one_day(
    trades: Trades, listed: tuple[Listing, ...], market: Market, idle: set[int], rng: np.random.Generator
) -> tuple[Trades, list[tuple[int, int, float]]]:
    """The positions after a day of trading at the new marks, and the cash flows (account, asset, units): realised P&L and premiums.

    Every trade has a buyer and a seller in the same instrument; most positions stay as they are, and as many open as close.
    """
    ledger = Ledger(trades, listed, market, idle, rng)
    movable = np.flatnonzero(ledger.free)
    closing, traded = np.split(rng.choice(movable, size=CLOSING + TRADING, replace=False), [CLOSING])
    ledger.free[closing] = False
    for row in traded.tolist():
        size = max(1, int(abs(ledger.lines["steps"][row]) * rng.uniform(0.05, 0.6)))
        change = size if rng.random() < 0.5 else -size
        other = ledger.partner(row, change)
        if other is not None and ledger.lines["steps"][row] + change != 0:
            ledger.deal(row, change)
            ledger.deal(other, -change)
    closed = []
    for row in closing.tolist():
        change = -int(ledger.lines["steps"][row])
        other = ledger.partner(row, change)
        if other is not None:
            ledger.deal(row, change)
            ledger.deal(other, -change)
            closed.append(row)
    step = np.array([item.step for item in listed])
    _open_lines(ledger, trades, movable, market.notional * step, len(closed), rng)
    keep = np.ones(len(ledger.lines["steps"]), dtype=np.bool_)
    keep[closed] = False
    fields = {name: np.array(column)[keep] for name, column in ledger.lines.items()}
    # As many second lots as before, so that the number of rows stays: lines now too small to have two give way to others.
    lots, large = fields["lot_share"], np.abs(fields["steps"]) >= 4
    lots[~large] = 0.0
    spare = np.flatnonzero((lots == 0.0) & ~fields["isolated"] & large)
    lots[rng.choice(spare, size=LOTS - np.count_nonzero(lots), replace=False)] = 0.5
    perpetual = (market.kind == "perpetual")[fields["instrument"]]
    notional = fields["steps"] * (market.notional * step / market.value[market.settle])[fields["instrument"]]
    fields["funding"] = np.round(fields["funding"] - np.where(perpetual, notional * rng.normal(0.00008, 0.00004, len(notional)), 0.0), 6)
    return Trades(**fields), ledger.flows
