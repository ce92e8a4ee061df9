"""What the pools of a block have to pay, brought together: by currency, by asset, by account and by owner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from stresstest.stress.holders import BlockHoldings
from stresstest.stress.tolerance import RELATIVE_TOLERANCE, TOLERANCE
from stresstest.stress.variation_margin import Calls, Claims, summing

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CALLS = ("variation_call", "from_balance", "cash_to_find", "from_gains", "to_sell", "unpaid")
SALES = ("balances", "sold", "sold_for")
COUNTS = ("accounts_calling", "accounts_selling", "accounts_not_paying")
CASH, TO_SELL, UNPAID = (CALLS.index(name) for name in ("cash_to_find", "to_sell", "unpaid"))
CALLING, NOT_PAYING = COUNTS.index("accounts_calling"), COUNTS.index("accounts_not_paying")

LISTED_OWNERS = 100
"""Owners of one scenario that are listed at most: those with the largest unpaid calls, then those with the most cash to find."""


class OwnerCalls(NamedTuple):
    """Calls of owners in a currency and a state: `owner` codes, `currency` (place among the currencies), `state`, all [n].

    `figures` [n, CALLS]; `accounts` [n, COUNTS].
    """

    owner: Longs
    currency: Longs
    state: Longs
    figures: Floats
    accounts: Longs

    def only(self, chosen: Flags | Longs) -> OwnerCalls:
        """Some of them."""
        return OwnerCalls(self.owner[chosen], self.currency[chosen], self.state[chosen], self.figures[chosen], self.accounts[chosen])


def no_calls() -> OwnerCalls:
    """Of nobody."""
    none = np.zeros(0, dtype=np.int64)
    return OwnerCalls(none, none, none, np.zeros((0, len(CALLS))), np.zeros((0, len(COUNTS)), dtype=np.int64))


def joined(parts: Sequence[OwnerCalls]) -> OwnerCalls:
    """Calls of one owner, currency and state met in several parts are added, in their order; sorted by these three."""
    owner, currency, state, amounts, counts = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    _, first, place = np.unique(_key(_key(owner, currency), state), return_index=True, return_inverse=True)
    figures = np.zeros((len(first), len(CALLS)))
    accounts = np.zeros((len(first), len(COUNTS)), dtype=np.int64)
    np.add.at(figures, place, amounts)
    np.add.at(accounts, place, counts)
    return OwnerCalls(owner[first], currency[first], state[first], figures, accounts)


def _key(first: Longs, second: Longs) -> Longs:
    """One number for each pair, in their order."""
    return np.asarray(first * (int(second.max(initial=0)) + 1) + second)


def largest(calls: OwnerCalls) -> OwnerCalls:
    """Of every state the owners that are listed: at most `LISTED_OWNERS`, by unpaid calls, then cash to find, all currencies together, then code."""
    _, first, place = np.unique(_key(calls.state, calls.owner), return_index=True, return_inverse=True)
    state = calls.state[first]
    if np.bincount(state).max(initial=0) <= LISTED_OWNERS:
        return calls
    unpaid, cash = (np.bincount(place, weights=calls.figures[:, which]) for which in (UNPAID, CASH))
    order = np.lexsort((calls.owner[first], -cash, -unpaid, state))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(state, state[order])
    return calls.only(rank[place] < LISTED_OWNERS)


@dataclass(frozen=True)
class FundingSums:
    """The sums of some accounts, whose last line of `accounts` and `owners` counts them whatever the currency.

    `calls` [currencies, states, CALLS]; `gained` [currencies, states]: gains of pools in the currency; `accounts` [currencies + 1, states,
    COUNTS]; `owners` [currencies + 1, states]: those with an account that does not pay; `asset`: codes of what pools hold, `sales` [assets,
    states, SALES]. `listed`: the largest calls of owners all of whose accounts are here. `open`: calls of owners that go on elsewhere, who are
    not counted in `owners`.
    """

    calls: Floats
    gained: Floats
    accounts: Longs
    owners: Longs
    asset: Longs
    sales: Floats
    listed: OwnerCalls
    open: OwnerCalls


class _Levels(NamedTuple):
    """How the pairs of pools and currencies of a block come together: matrices that add them up.

    `by_currency`: pairs to currencies. `by_account`: pairs to pairs of account and currency, whose `account_currency` and `tolerance` [account
    pairs]; `of_currency`, `of_account`: these to currencies and to accounts. `by_owner`: these to pairs of owner and currency, whose `owner`
    (place among the owners of the block) and `owner_currency` [owner pairs].
    """

    by_currency: csr_array
    by_account: csr_array
    of_currency: csr_array
    of_account: csr_array
    tolerance: Floats
    by_owner: csr_array
    owner: Longs
    owner_currency: Longs
    of_owner_currency: csr_array
    of_owner: csr_array


def _levels(block: BlockHoldings, pool: Longs, currency: Longs, currencies: int, owner_of: Longs) -> _Levels:
    first = block.accounts.first_pool
    accounts = len(first) - 1
    account_of_pool = np.repeat(np.arange(accounts), np.diff(first))
    gross = np.bincount(account_of_pool, weights=block.gross, minlength=accounts)
    pair, place = np.unique(account_of_pool[pool] * currencies + currency, return_inverse=True)
    account, account_currency = np.divmod(pair, max(currencies, 1))
    owner_pair, owner_place = np.unique(owner_of[account] * currencies + account_currency, return_inverse=True)
    owner, owner_currency = np.divmod(owner_pair, max(currencies, 1))
    return _Levels(
        summing(currency, currencies),
        summing(place, len(pair)),
        summing(account_currency, currencies),
        summing(account, accounts),
        np.maximum(TOLERANCE, RELATIVE_TOLERANCE * gross)[account, np.newaxis],
        summing(owner_place, len(owner_pair)),
        owner,
        owner_currency,
        summing(owner_currency, currencies),
        summing(owner, int(owner_of[-1]) + 1),
    )


class BlockFunding:
    """Adds up the calls of one block, some states at a time.

    Args:
        block: its accounts and pools.
        claims: of its pools.
        currency: [pairs of the claims] place among the currencies.
        asset: [tokens of the claims] code in the book.
        currencies: how many there are.
        states: how many there are.
        open_ends: whether the first and the last owner go on in another block.
    """

    def __init__(
        self, block: BlockHoldings, claims: Claims, currency: Longs, asset: Longs, currencies: int, states: int, open_ends: tuple[bool, bool]
    ) -> None:
        self._owners, owner_of = np.unique(block.accounts.owner.astype(np.int64), return_inverse=True)
        self._levels = _levels(block, claims.pool, currency, currencies, owner_of)
        self._goes_on = np.zeros(len(self._owners), dtype=np.bool_)
        self._goes_on[owner_of[0]] |= open_ends[0]
        self._goes_on[owner_of[-1]] |= open_ends[1]
        self._asset, of_asset = np.unique(asset, return_inverse=True)
        self._by_asset = summing(of_asset, len(self._asset))
        self._calls = np.zeros((currencies, states, len(CALLS)))
        self._gained = np.zeros((currencies, states))
        self._accounts = np.zeros((currencies + 1, states, len(COUNTS)), dtype=np.int64)
        self._not_paying = np.zeros((currencies + 1, states), dtype=np.int64)
        self._sales = np.zeros((len(self._asset), states, len(SALES)))
        self._listed, self._open = [no_calls()], [no_calls()]

    def add(self, calls: Calls, states: Longs) -> None:
        """The calls in the states of these places."""
        levels = self._levels
        figures = [getattr(calls, name) for name in ("due", "from_balance", "cash", "from_gains", "to_sell", "unpaid")]
        self._calls[:, states] = np.stack([levels.by_currency @ each for each in figures], axis=-1)
        self._gained[:, states] = levels.by_currency @ calls.gained
        self._sales[:, states] = np.stack([self._by_asset @ each for each in (calls.balances, calls.sold, calls.sold_for)], axis=-1)
        of_accounts = [levels.by_account @ each for each in figures]
        flags = [(of_accounts[which] > levels.tolerance).astype(np.float64) for which in (CASH, TO_SELL, UNPAID)]
        for which, flag in enumerate(flags):
            self._accounts[:-1, states, which] = levels.of_currency @ flag
            self._accounts[-1, states, which] = (levels.of_account @ flag > 0.0).sum(axis=0)
        of_owners = np.stack([levels.by_owner @ each for each in of_accounts], axis=-1)
        counted = np.stack([levels.by_owner @ flag for flag in flags], axis=-1).astype(np.int64)
        self._count_owners(counted[..., NOT_PAYING] > 0, states)
        goes_on = self._goes_on[levels.owner][:, np.newaxis]
        self._open.append(self._named(of_owners, counted, states, goes_on & (of_owners[..., 0] > 0.0)))
        self._listed.append(largest(self._named(of_owners, counted, states, ~goes_on & (counted[..., CALLING] > 0))))

    def _count_owners(self, failing: Flags, states: Longs) -> None:
        levels = self._levels
        ended = (failing & ~self._goes_on[levels.owner][:, np.newaxis]).astype(np.float64)
        self._not_paying[:-1, states] = levels.of_owner_currency @ ended
        self._not_paying[-1, states] = (levels.of_owner @ ended > 0.0).sum(axis=0)

    def _named(self, figures: Floats, accounts: Longs, states: Longs, chosen: Flags) -> OwnerCalls:
        pair, state = np.nonzero(chosen)
        levels = self._levels
        return OwnerCalls(self._owners[levels.owner[pair]], levels.owner_currency[pair], states[state], figures[pair, state], accounts[pair, state])

    def sums(self) -> FundingSums:
        """Of all that was added."""
        return FundingSums(
            self._calls, self._gained, self._accounts, self._not_paying, self._asset, self._sales, joined(self._listed), joined(self._open)
        )


def together(parts: Iterable[FundingSums], assets: int) -> FundingSums:
    """The sums of blocks (at least one), added in their order as they come; all assets of the book are there, and no owner is open."""
    blocks = iter(parts)
    total = next(blocks)
    calls, gained, accounts, owners = total.calls.copy(), total.gained.copy(), total.accounts.copy(), total.owners.copy()
    sales = np.zeros((assets, *total.sales.shape[1:]))
    sales[total.asset] = total.sales
    listed, unfinished = total.listed, [total.open]
    for part in blocks:
        calls += part.calls
        gained += part.gained
        accounts += part.accounts
        owners += part.owners
        sales[part.asset] += part.sales
        listed = largest(joined([listed, part.listed]))
        unfinished.append(part.open)
    ended = joined(unfinished)
    failing = ended.only(ended.accounts[:, NOT_PAYING] > 0)
    np.add.at(owners, (failing.currency, failing.state), 1)
    _, once = np.unique(_key(failing.owner, failing.state), return_index=True)
    np.add.at(owners[-1], failing.state[once], 1)
    listed = largest(joined([listed, ended.only(ended.accounts[:, CALLING] > 0)]))
    return FundingSums(calls, gained, accounts, owners, np.arange(assets), sales, listed, no_calls())
