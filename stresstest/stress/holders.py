"""Who holds what, as arrays: accounts and pools of the whole book, and the holdings of one block as the kernels read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.program import COLLATERAL_ROW, ORDER, POSITION, Holdings
from stresstest.margin.kernels.totals import Accounts
from stresstest.snapshot.book import Block, Dimensions
from stresstest.stress.tolerance import RELATIVE_TOLERANCE, TOLERANCE


@dataclass(frozen=True)
class Holders:
    """Arrays of the whole book.

    [accounts]: `owner`, `netting` (slot within the owner, 0 = none), `model`, `multiplier`; [pools]: `account`, `isolated`.

    `slots`: most netting groups of one owner.
    """

    owner: npt.NDArray[np.int32]
    netting: npt.NDArray[np.int32]
    model: npt.NDArray[np.int32]
    multiplier: npt.NDArray[np.float64]
    account: npt.NDArray[np.int32]
    isolated: npt.NDArray[np.bool_]
    slots: int

    def open_ends(self, first: int, last: int) -> tuple[bool, bool]:
        """Whether the owner of account `first` has accounts before it, and that of account `last` accounts behind it."""
        owner = self.owner
        return bool(first > 0 and owner[first - 1] == owner[first]), bool(last + 1 < len(owner) and owner[last + 1] == owner[last])


def holders_of(dimensions: Dimensions, models: tuple[str, ...]) -> Holders:
    """The arrays of a book for the models of a margin file (by name, in the order of their codes)."""
    accounts = dimensions.accounts
    slot = pl.when(pl.col("netting_group").is_null()).then(0).otherwise(pl.col("netting_group").rank("dense").over("owner_code"))
    netting = accounts.select(slot.cast(pl.Int32)).to_series().to_numpy().copy()
    codes = pl.DataFrame({"margin_model": models, "code": range(len(models))}, schema={"margin_model": pl.String, "code": pl.Int32})
    model = accounts.select("margin_model").join(codes, on="margin_model", how="left", maintain_order="left")["code"]
    return Holders(
        owner=accounts["owner_code"].to_numpy().astype(np.int32),
        netting=netting,
        model=model.to_numpy().astype(np.int32),
        multiplier=accounts["margin_multiplier"].to_numpy().astype(np.float64),
        account=dimensions.pools["account_code"].to_numpy().astype(np.int32),
        isolated=dimensions.pools["isolated"].to_numpy().copy(),
        slots=int(netting.max(initial=0)),
    )


def ranges(first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """first[0]..last[0]-1, first[1]..last[1]-1, ... one after the other."""
    lengths = last - first
    shift = np.repeat(first - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
    return np.asarray(np.arange(len(shift)) + shift, dtype=np.int64)


def offsets(lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each of consecutive stretches begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


@dataclass(frozen=True)
class BlockHoldings:
    """One block (or some of its accounts): what the kernels read; gross notional at base and global code of each pool."""

    holdings: Holdings
    accounts: Accounts
    gross: npt.NDArray[np.float64]
    pool: npt.NDArray[np.int32]

    def select(self, chosen: npt.NDArray[np.integer[Any]]) -> BlockHoldings:
        """Some of its accounts, by ascending place in the block, as a block of their own."""
        accounts, held = self.accounts, self.holdings
        pools = ranges(accounts.first_pool[chosen], accounts.first_pool[chosen + 1])
        positions = ranges(held.position_first[pools], held.position_first[pools + 1])
        collateral = ranges(held.collateral_first[pools], held.collateral_first[pools + 1])
        return BlockHoldings(
            Holdings(
                offsets(np.diff(held.position_first)[pools]),
                held.positions[positions],
                offsets(np.diff(held.collateral_first)[pools]),
                held.collateral[collateral],
                held.model[pools],
                held.multiplier[pools],
                held.orders,
            ),
            Accounts(
                offsets(np.diff(accounts.first_pool)[chosen]),
                accounts.code[chosen],
                accounts.owner[chosen],
                accounts.netting[chosen],
                accounts.isolated[pools],
                accounts.tolerance[pools],
                accounts.equality[pools],
            ),
            self.gross[pools],
            self.pool[pools],
        )


def block_holdings(block: Block, holders: Holders, compiled: Compiled) -> BlockHoldings:
    """A staged block as kernel arrays (copies: memory-mapped arrays are read-only, which would compile every kernel twice).

    Instruments and assets are coded as the account's model sees them: `compiled.views`.
    """
    pools = block.pools
    offsets = np.arange(pools + 1)
    account = np.array(block.account, dtype=np.int32)
    code, first_pool = np.unique(account, return_index=True)
    positions = np.zeros(len(block.instrument), dtype=POSITION)
    for name in ("instrument", "quantity", "cost", "funding", "leverage"):
        positions[name] = getattr(block, name)
    orders = np.zeros(len(block.order_position), dtype=ORDER)
    for name in orders.dtype.names or ():
        orders[name] = getattr(block, name)
    positions["order"][block.order_position] = np.arange(1, len(orders) + 1)
    collateral = np.zeros(len(block.asset), dtype=COLLATERAL_ROW)
    for name in ("asset", "location", "amount"):
        collateral[name] = getattr(block, name)
    notional = compiled.tables.instruments["base_notional"][block.instrument]
    gross = np.bincount(block.position_pool, weights=np.abs(block.quantity) * notional, minlength=pools).astype(np.float64)
    model = holders.model[account]
    if compiled.views.of_model.any():
        # Each pool's instruments and assets are those of its model's view, in the same order.
        view = compiled.views.of_model[model]
        positions["instrument"] += view[block.position_pool] * np.int32(compiled.views.instruments)
        collateral["asset"] += view[block.collateral_pool] * np.int32(compiled.views.assets)
    return BlockHoldings(
        Holdings(
            np.searchsorted(block.position_pool, offsets).astype(np.int64),
            positions,
            np.searchsorted(block.collateral_pool, offsets).astype(np.int64),
            collateral,
            model,
            holders.multiplier[account],
            orders,
        ),
        Accounts(
            np.append(first_pool, pools).astype(np.int64),
            code.astype(np.int32),
            holders.owner[code],
            holders.netting[code],
            holders.isolated[block.first_pool : block.first_pool + pools].copy(),
            np.maximum(TOLERANCE, RELATIVE_TOLERANCE * gross),
            compiled.tables.models["breach_at_equality"][model] != 0,
        ),
        gross,
        np.arange(block.first_pool, block.first_pool + pools, dtype=np.int32),
    )
