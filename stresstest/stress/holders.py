"""Who holds what, as arrays: accounts and pools of the whole book, and the holdings of one block as the kernels read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.program import COLLATERAL_ROW, POSITION, Holdings
from stresstest.margin.kernels.totals import Accounts
from stresstest.snapshot.book import Block, Dimensions

TOLERANCE = 0.01
"""Smallest tolerance of a status test, in reporting currency (SPEC 5)."""
RELATIVE_TOLERANCE = 1e-9
"""The same as a share of gross notional."""


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


@dataclass(frozen=True)
class BlockHoldings:
    """One block (or some of its accounts): what the kernels read, and gross notional of each pool at base."""

    holdings: Holdings
    accounts: Accounts
    gross: npt.NDArray[np.float64]
    first_pool: int

    def part(self, first: int, last: int) -> BlockHoldings:
        """Accounts first..last-1 of it, as a block of their own."""
        a, b = self.accounts.first_pool[first], self.accounts.first_pool[last]
        h = self.holdings
        p, q = h.position_first[a], h.position_first[b]
        c, d = h.collateral_first[a], h.collateral_first[b]
        return BlockHoldings(
            Holdings(
                h.position_first[a : b + 1] - p,
                h.positions[p:q],
                h.collateral_first[a : b + 1] - c,
                h.collateral[c:d],
                h.model[a:b],
                h.multiplier[a:b],
            ),
            Accounts(
                self.accounts.first_pool[first : last + 1] - a,
                self.accounts.code[first:last],
                self.accounts.owner[first:last],
                self.accounts.netting[first:last],
                self.accounts.isolated[a:b],
                self.accounts.tolerance[a:b],
                self.accounts.equality[a:b],
            ),
            self.gross[a:b],
            self.first_pool + int(a),
        )


def block_holdings(block: Block, holders: Holders, compiled: Compiled) -> BlockHoldings:
    """A staged block as kernel arrays (copies: memory-mapped arrays are read-only, which would compile every kernel twice)."""
    pools = block.pools
    offsets = np.arange(pools + 1)
    account = np.array(block.account, dtype=np.int32)
    code, first_pool = np.unique(account, return_index=True)
    positions = np.zeros(len(block.instrument), dtype=POSITION)
    for name in ("instrument", "quantity", "cost", "funding", "leverage"):
        positions[name] = getattr(block, name)
    collateral = np.zeros(len(block.asset), dtype=COLLATERAL_ROW)
    for name in ("asset", "location", "amount"):
        collateral[name] = getattr(block, name)
    notional = compiled.tables.instruments["base_notional"][block.instrument]
    gross = np.bincount(block.position_pool, weights=np.abs(block.quantity) * notional, minlength=pools).astype(np.float64)
    model = holders.model[account]
    return BlockHoldings(
        Holdings(
            np.searchsorted(block.position_pool, offsets).astype(np.int64),
            positions,
            np.searchsorted(block.collateral_pool, offsets).astype(np.int64),
            collateral,
            model,
            holders.multiplier[account],
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
        block.first_pool,
    )
