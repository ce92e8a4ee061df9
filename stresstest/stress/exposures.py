"""What accounts and owners hold in each underlying at base: long and short notional, summed in the order of blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

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
class Notionals:
    """Notional of holders in underlyings, one entry for each holder and underlying with a position.

    `holder`, `underlying`: codes, sorted by both. `sides` f64[SIDES, entries] reporting currency, all of them positive amounts: all positions, then
    derivatives alone (all but spot). `members` i32[entries]: the rows summed; of an owner its accounts.
    """

    holder: Codes
    underlying: Codes
    sides: Floats
    members: Codes

    @property
    def gross(self) -> Floats:
        """Long plus short [entries]."""
        return np.asarray(self.sides[LONG] + self.sides[SHORT])

    @property
    def net(self) -> Floats:
        """Long less short [entries]."""
        return np.asarray(self.sides[LONG] - self.sides[SHORT])


class _Part(NamedTuple):
    """What the owners of one block hold, by underlying and then owner: the entries of underlying u are those from `start[u]` to `start[u + 1]`.

    `sides` has no derivatives of their own where nothing else is held.
    """

    start: Longs
    owner: Codes
    sides: Floats
    members: Codes


class OwnersNotionals:
    """What every owner holds in every underlying, block by block as it was found: of a large book this is most of what statistics hold at once, so
    it is brought together for one underlying at a time.

    Args:
        owner_of: i64[accounts] code of the owner.
        assets: number of assets.
    """

    def __init__(self, owner_of: Longs, assets: int) -> None:
        self._owner_of, self._assets = owner_of, assets
        self._parts: list[_Part] = []

    def add(self, held: Notionals) -> None:
        """Take what the accounts of the next block hold."""
        # Sorted by digits where the codes are narrow enough: many times as fast.
        narrow = np.uint16 if self._assets <= 1 << 16 else np.int32
        order = np.argsort(held.underlying.astype(narrow), kind="stable")
        owner, underlying = self._owner_of[held.holder[order]], held.underlying[order].astype(np.int64)
        alike = np.array_equal(held.sides[:2], held.sides[2:])
        # Accounts come in their order, which is that of their owners.
        owners = int(owner.max(initial=0)) + 1
        sides, first, members = _added(underlying * owners + owner, held.sides[: 2 if alike else SIDES, order])
        start = np.searchsorted(underlying[first], np.arange(self._assets + 1))
        self._parts.append(_Part(start, owner[first].astype(np.int32), sides, members))

    def underlyings(self) -> Longs:
        """Codes of those that somebody holds, ascending."""
        held = np.zeros(self._assets, dtype=np.int64)
        for part in self._parts:
            held += np.diff(part.start)
        return np.flatnonzero(held)

    def of(self, underlying: int) -> Notionals:
        """The owners of one of them, in their order; one whose accounts are in several blocks has their sums added in the order of blocks."""
        found = [(part, slice(part.start[underlying], part.start[underlying + 1])) for part in self._parts]
        here = [(part, entries) for part, entries in found if entries.stop > entries.start]
        owner = np.concatenate([part.owner[entries] for part, entries in here])
        sides = np.concatenate([part.sides[np.arange(SIDES) % len(part.sides), entries] for part, entries in here], axis=1)
        sums, first, _ = _added(owner.astype(np.int64), sides)
        members = np.add.reduceat(np.concatenate([part.members[entries] for part, entries in here]), first)
        return Notionals(owner[first], np.full(len(first), underlying, dtype=np.int32), sums, members)


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

    owners: OwnersNotionals
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
    of_instrument = _instruments(dimensions, np.ascontiguousarray(notional[:, 0]))
    longest = Longest(np.zeros(account_count), np.zeros(account_count, np.int32), np.zeros(account_count), np.zeros(account_count))
    elsewhere = np.zeros(account_count)
    positions = np.zeros(asset_count, dtype=np.int64)
    owners = OwnersNotionals(dimensions.accounts["owner_code"].to_numpy().astype(np.int64), asset_count)
    for number in range(book.blocks):
        block = load_block(book, number)
        account = block.account[block.position_pool]
        held = _of_accounts(block, account, of_instrument, asset_count)
        _note_longest(longest, held, capacity)
        there = np.abs(block.quantity) * notional[block.instrument, scenario[account]]
        first, last = int(block.account[0]), int(block.account[-1])
        elsewhere[first : last + 1] = np.bincount(account - first, weights=there, minlength=last + 1 - first)
        positions += np.bincount(of_instrument.underlying[block.instrument[block.quantity != 0.0]], minlength=asset_count)
        owners.add(held)
    return Exposures(owners, longest, elsewhere, positions)


class _Instruments(NamedTuple):
    """[instruments] notional of one contract at base, code of the underlying, whether it is a derivative."""

    notional: Floats
    underlying: Longs
    derivative: npt.NDArray[np.bool_]


def _instruments(dimensions: Dimensions, notional: Floats) -> _Instruments:
    instruments = dimensions.instruments
    return _Instruments(notional, instruments["underlying_code"].to_numpy().astype(np.int64), (instruments["kind"] != "spot").to_numpy())


def _of_accounts(block: Block, account: Codes, instruments: _Instruments, assets: int) -> Notionals:
    """What the accounts of one block hold."""
    held = np.flatnonzero(block.quantity != 0.0)
    instrument = block.instrument[held]
    signed = block.quantity[held] * instruments.notional[instrument]
    sides = np.empty((SIDES, len(held)))
    np.maximum(signed, 0.0, out=sides[LONG])
    np.maximum(-signed, 0.0, out=sides[SHORT])
    np.multiply(sides[:2], instruments.derivative[instrument], out=sides[2:])
    return _summed(account[held].astype(np.int64), instruments.underlying[instrument], sides, assets)


def _summed(holder: Longs, underlying: Longs, sides: Floats, assets: int) -> Notionals:
    """One entry for each holder and underlying, rows added one after the other."""
    key = holder * assets + underlying
    if bool((key[1:] < key[:-1]).any()):
        order = np.argsort(key, kind="stable")
        key, holder, underlying, sides = key[order], holder[order], underlying[order], sides[:, order]
    sums, first, members = _added(key, sides)
    return Notionals(holder[first].astype(np.int32), underlying[first].astype(np.int32), sums, members)


def _added(key: Longs, sides: Floats) -> tuple[Floats, Longs, Codes]:
    """Of rows that are sorted by key: the sums of those with the same key, one after the other, the first row of each, and how many there are."""
    first = np.flatnonzero(np.concatenate([np.ones(min(len(key), 1), dtype=np.bool_), key[1:] != key[:-1]]))
    if len(first) == len(key):  # each row is an entry already
        return sides, first, np.ones(len(key), dtype=np.int32)
    members = np.diff(first, append=len(key))
    place = np.repeat(np.arange(len(first)), members)
    return np.stack([np.bincount(place, weights=side, minlength=len(first)) for side in sides]), first, members.astype(np.int32)


def _note_longest(longest: Longest, held: Notionals, capacity: Floats) -> None:
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
