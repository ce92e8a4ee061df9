"""The same book under isolated margin: every cross position in a pool of its own with its share of the collateral, staged like any other book."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import Compiled
from stresstest.snapshot.blocks import block_path, write_block
from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings, offsets, ranges
from stresstest.stress.positions_alone import cross_pools, positions_alone

Longs = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]

CROSS = "cross"
_EMPTY, _ALONE, _BEFORE = range(3)
"""Order of the pools of an account: its cross pool, its positions on their own, the pools that were isolated before."""


def isolated_book(book: Book, at_base: Compiled, holders: Holders, folder: Path) -> Book:
    """A book of the same accounts, owners and instruments, staged into `folder` (which does not exist yet).

    A position has the share of its cross pool's collateral, and of its debts, that `positions_alone` gives it. A cross pool without positions keeps
    what it has; of all others nothing is left in it. Pools that are isolated already stay as they are.

    Args:
        book: as it is.
        at_base: its tables of base alone.
        holders: its accounts and pools.
        folder: for the blocks.
    """
    (folder / "blocks").mkdir(parents=True)
    names = book.dimensions.pools["pool_id"]
    instruments = book.dimensions.instruments["instrument_id"]
    first_pool, parts = 0, []
    for number in range(book.blocks):
        held = block_holdings(load_block(book, number), holders, at_base)
        apart = _apart(held, at_base, holders)
        write_block(block_path(folder, number), number, first_pool, apart.account, apart.columns)
        first_pool += len(apart.account)
        of_position = pl.select(pl.when(pl.Series(apart.instrument >= 0)).then(instruments.gather(np.maximum(apart.instrument, 0)))).to_series()
        as_before = names.gather(np.maximum(apart.pool, 0))
        named = pl.select(pl.when(pl.Series(apart.pool >= 0)).then(as_before).otherwise(of_position).fill_null(CROSS)).to_series()
        parts.append(pl.DataFrame({"account_code": apart.account, "pool_id": named, "isolated": apart.isolated}))
    return replace(book, dimensions=_dimensions(book.dimensions, pl.concat(parts)), folder=folder)


def _dimensions(dimensions: Dimensions, pools: pl.DataFrame) -> Dimensions:
    """The dimensions with other pools: ids that an account would have twice are told apart by number."""
    place = pl.int_range(pl.len()).over("account_code", "pool_id")
    named = pl.when(place == 0).then("pool_id").otherwise(pl.format("{} ({})", "pool_id", place + 1))
    counts = np.bincount(pools["account_code"].to_numpy(), minlength=dimensions.accounts.height).astype(np.int32)
    return replace(
        dimensions,
        pools=pools.with_columns(pool_id=named),
        accounts=dimensions.accounts.with_columns(pl.Series("pools", counts).cast(dimensions.accounts.schema["pools"])),
    )


class _Apart(NamedTuple):
    """A block: [pools] account code, whether isolated, the instrument of a position on its own and the pool (both global) as before, -1 for none;
    columns as `write_block` takes them."""

    account: Codes
    isolated: Flags
    instrument: Longs
    pool: Longs
    columns: dict[str, npt.NDArray[Any]]


def _apart(held: BlockHoldings, at_base: Compiled, holders: Holders) -> _Apart:
    before, accounts = held.holdings, held.accounts
    account_of = np.repeat(np.arange(len(accounts.code)), np.diff(accounts.first_pool))
    alone = positions_alone(at_base, holders, cross_pools(held))
    single = alone.block.holdings
    own = np.diff(single.position_first) > 0
    kept = np.flatnonzero(accounts.isolated)
    # An account whose cross pool has positions keeps an empty one.
    emptied = np.unique(alone.source[own])
    account = np.concatenate([alone.source, emptied, account_of[kept]])
    kind = np.concatenate([np.where(own, _ALONE, _EMPTY), np.full(len(emptied), _EMPTY), np.full(len(kept), _BEFORE)])
    order = np.lexsort((np.arange(len(account)), kind, account))
    positions, position_first = _rows(single.positions, single.position_first, len(emptied), before.positions, before.position_first, kept, order)
    collateral, collateral_first = _rows(
        single.collateral, single.collateral_first, len(emptied), before.collateral, before.collateral_first, kept, order
    )
    instrument = np.full(len(account), -1, dtype=np.int64)
    instrument[np.flatnonzero(own)] = single.positions["instrument"] % at_base.views.instruments
    pool = np.full(len(account), -1, dtype=np.int64)
    pool[len(account) - len(kept) :] = held.pool[kept]
    ordered = np.flatnonzero(positions["order"] > 0)
    orders = before.orders[positions["order"][ordered] - 1]
    some = collateral["amount"] != 0.0
    columns: dict[str, npt.NDArray[Any]] = {
        "position_pool": np.repeat(np.arange(len(account), dtype=np.int32), np.diff(position_first)),
        "instrument": (positions["instrument"] % at_base.views.instruments).astype(np.int32),
        **{name: np.ascontiguousarray(positions[name]) for name in ("quantity", "cost", "funding", "leverage")},
        "collateral_pool": np.repeat(np.arange(len(account), dtype=np.int32), np.diff(collateral_first))[some],
        "asset": (collateral["asset"] % at_base.views.assets).astype(np.int32)[some],
        "location": np.ascontiguousarray(collateral["location"][some]),
        "amount": np.ascontiguousarray(collateral["amount"][some]),
        "order_position": ordered.astype(np.int32),
        **{name: np.ascontiguousarray(orders[name]) for name in orders.dtype.names or ()},
    }
    return _Apart(accounts.code[account[order]].astype(np.int32), kind[order] != _EMPTY, instrument[order], pool[order], columns)


def _rows(
    single: Records, single_first: Longs, emptied: int, before: Records, before_first: Longs, kept: Longs, order: Longs
) -> tuple[Records, Longs]:
    """Rows of all pools, those on their own, the emptied ones and those as before, in their order; where each pool's begin."""
    shift = len(single)
    first = np.concatenate([single_first[:-1], np.full(emptied, shift), before_first[kept] + shift])[order]
    last = np.concatenate([single_first[1:], np.full(emptied, shift), before_first[kept + 1] + shift])[order]
    return np.concatenate([single, before])[ranges(first, last)], offsets(last - first)
