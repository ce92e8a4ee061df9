"""What accounts and owners hold in each underlying at base: long and short notional, summed in the order of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.snapshot.book import Block, Book, Dimensions
from stresstest.snapshot.stage import load_block

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]

LONG, SHORT, LONG_DERIVATIVES, SHORT_DERIVATIVES = range(4)
SIDES = 4


@dataclass(frozen=True)
class Holdings:
    """Notional of holders in underlyings, one entry for each holder and underlying with a position.

    `holder`, `underlying`: codes, sorted by both. `sides` f64[SIDES, entries] reporting currency, all of them positive amounts: all positions, then
    derivatives alone (all but spot). `members` i64[entries]: the rows summed; of an owner its accounts.
    """

    holder: Codes
    underlying: Codes
    sides: Floats
    members: Longs

    @property
    def gross(self) -> Floats:
        """Long plus short [entries]."""
        return np.asarray(self.sides[LONG] + self.sides[SHORT])

    @property
    def net(self) -> Floats:
        """Long less short [entries]."""
        return np.asarray(self.sides[LONG] - self.sides[SHORT])


class Longest(NamedTuple):
    """Per account: `days` to close the net notional in the `underlying` that takes longest, which is `net`; 0 days: nothing to close, or no known
    volume. `unknown`: gross notional in underlyings without a known volume.
    """

    days: Floats
    underlying: Codes
    net: Floats
    unknown: Floats


@dataclass(frozen=True)
class Exposures:
    """`owners`: what every owner holds in every underlying. `longest` of every account. `elsewhere` f64[accounts]: gross notional of each account in
    the scenario that was asked for it. `positions` i64[underlyings]: netted positions.
    """

    owners: Holdings
    longest: Longest
    elsewhere: Floats
    positions: Longs


def exposures(book: Book, notional: Floats, capacity: Floats, scenario: Longs) -> Exposures:
    """Who holds how much of what at base.

    The notional of a position is |contracts| times that of one contract; positions of isolated pools count like others, and positions whose
    lots cancel not at all. Long and short are the sides of the contract: a long put is long.

    Args:
        book: the staged snapshot.
        notional: f64[instruments, S] of one contract, reporting currency; base is scenario 0.
        capacity: f64[assets] notional that can be closed in a day; 0 where no volume is known.
        scenario: i64[accounts] in which the account's gross notional `elsewhere` is wanted.
    """
    dimensions = book.dimensions
    account_count, asset_count = dimensions.accounts.height, dimensions.assets.height
    owner_of = dimensions.accounts["owner_code"].to_numpy().astype(np.int64)
    of_instrument = _instruments(dimensions, np.ascontiguousarray(notional[:, 0]))
    longest = Longest(np.zeros(account_count), np.zeros(account_count, np.int32), np.zeros(account_count), np.zeros(account_count))
    elsewhere = np.zeros(account_count)
    positions = np.zeros(asset_count, dtype=np.int64)
    parts = []
    for number in range(book.blocks):
        block = load_block(book, number)
        account = block.account[block.position_pool]
        held = _of_accounts(block, account, of_instrument, asset_count)
        _note_longest(longest, held, capacity)
        there = np.abs(block.quantity) * notional[block.instrument, scenario[account]]
        first, last = int(block.account[0]), int(block.account[-1])
        elsewhere[first : last + 1] = np.bincount(account - first, weights=there, minlength=last + 1 - first)
        positions += np.bincount(of_instrument.underlying[block.instrument[block.quantity != 0.0]], minlength=asset_count)
        parts.append(held)
    # Accounts come in their order, which is that of their owners: sums are taken in one order.
    owners = _summed(
        owner_of[np.concatenate([part.holder for part in parts])],
        np.concatenate([part.underlying for part in parts]),
        np.concatenate([part.sides for part in parts], axis=1),
        asset_count,
    )
    return Exposures(owners, longest, elsewhere, positions)


class _Instruments(NamedTuple):
    """[instruments] notional of one contract at base, code of the underlying, whether it is a derivative."""

    notional: Floats
    underlying: Longs
    derivative: npt.NDArray[np.bool_]


def _instruments(dimensions: Dimensions, notional: Floats) -> _Instruments:
    instruments = dimensions.instruments
    return _Instruments(notional, instruments["underlying_code"].to_numpy().astype(np.int64), (instruments["kind"] != "spot").to_numpy())


def _of_accounts(block: Block, account: Codes, instruments: _Instruments, assets: int) -> Holdings:
    """What the accounts of one block hold."""
    held = np.flatnonzero(block.quantity != 0.0)
    instrument = block.instrument[held]
    signed = block.quantity[held] * instruments.notional[instrument]
    sides = np.empty((SIDES, len(held)))
    np.maximum(signed, 0.0, out=sides[LONG])
    np.maximum(-signed, 0.0, out=sides[SHORT])
    np.multiply(sides[:2], instruments.derivative[instrument], out=sides[2:])
    return _summed(account[held].astype(np.int64), instruments.underlying[instrument], sides, assets)


def _summed(holder: Longs, underlying: npt.NDArray[np.integer[Any]], sides: Floats, assets: int) -> Holdings:
    """One entry for each holder and underlying, rows added one after the other."""
    key = holder * assets + underlying
    if bool((key[1:] > key[:-1]).all()):  # each row is an entry already
        return Holdings(holder.astype(np.int32), underlying.astype(np.int32), sides, np.ones(len(key), dtype=np.int64))
    if bool((key[1:] < key[:-1]).any()):
        order = np.argsort(key, kind="stable")
        key, holder, underlying, sides = key[order], holder[order], underlying[order], sides[:, order]
    first = np.ones(len(key), dtype=np.bool_)
    first[1:] = key[1:] != key[:-1]
    place = np.cumsum(first) - 1
    count = int(first.sum())
    sums = np.empty((SIDES, count))
    for side in range(SIDES):
        sums[side] = np.bincount(place, weights=sides[side], minlength=count)
    return Holdings(holder[first].astype(np.int32), underlying[first].astype(np.int32), sums, np.bincount(place, minlength=count))


def _note_longest(longest: Longest, held: Holdings, capacity: Floats) -> None:
    """Enter the accounts of one block; of underlyings that take equally long the first counts."""
    if not len(held.holder):
        return
    volume = capacity[held.underlying]
    known = volume > 0.0
    days = np.divide(np.abs(held.net), volume, out=np.zeros(len(volume)), where=known)
    start = np.flatnonzero(np.r_[True, held.holder[1:] != held.holder[:-1]])
    most = np.maximum.reduceat(days, start)
    entry = np.repeat(np.arange(len(start)), np.diff(np.r_[start, len(days)]))
    at = np.flatnonzero(days == most[entry])
    at = at[np.unique(entry[at], return_index=True)[1]]
    account = held.holder[start]
    longest.days[account] = most
    longest.underlying[account] = held.underlying[at]
    longest.net[account] = held.net[at]
    longest.unknown[account] = np.bincount(entry, weights=np.where(known, 0.0, held.gross), minlength=len(start))
