"""The Book: a checked snapshot, integer-coded, netted, sorted and cut into blocks.

Every code is a row number of a dimension table here. Pools are sorted by (owner, account, pool); a block holds
whole accounts and at least `BLOCK_POOLS` pools (except the last), never a function of memory or threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import polars as pl

BLOCK_POOLS = 4096

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Block:
    """The holdings of consecutive pools. Row arrays of a block are sorted by pool; `pool` is local (0 = first pool of the block).

    positions, netted per (pool, instrument), sorted by (pool, risk group, underlying, instrument code):
      `position_pool` i32[P], `instrument` i32[P], `quantity` f64[P] contracts, `cost` f64[P] = sum q*e (inverse: sum q/e),
      entry null = base mark; `funding` f64[P] settle units; `leverage` f64[P] smallest of the lots and of the account's
      max_leverage, 0 = none.
    collateral, summed per (pool, asset, location, sign), sorted so: `collateral_pool` i32[C], `asset` i32[C],
      `location` i32[C] (-1 = none), `amount` f64[C] units, positive or negative rows kept apart.
    orders, summed per (pool, instrument): `order_position` i32[O] the position they are orders in (of quantity zero where there is none),
      ascending; f64[O] each: `bid_quantity`, `ask_quantity` contracts, `bid_cost`, `ask_cost` = sum q*p (inverse: sum q/p), all positive;
      `reserved_settle`, `reserved_underlying` units set aside, which are in `amount` too; `orders` how many.
    pools: `account` i32[n] account code of each pool (global).
    """

    number: int
    first_pool: int
    account: Codes
    position_pool: Codes
    instrument: Codes
    quantity: Floats
    cost: Floats
    funding: Floats
    leverage: Floats
    collateral_pool: Codes
    asset: Codes
    location: Codes
    amount: Floats
    order_position: Codes = field(default_factory=lambda: np.zeros(0, np.int32))
    bid_quantity: Floats = field(default_factory=lambda: np.zeros(0))
    bid_cost: Floats = field(default_factory=lambda: np.zeros(0))
    ask_quantity: Floats = field(default_factory=lambda: np.zeros(0))
    ask_cost: Floats = field(default_factory=lambda: np.zeros(0))
    reserved_settle: Floats = field(default_factory=lambda: np.zeros(0))
    reserved_underlying: Floats = field(default_factory=lambda: np.zeros(0))
    orders: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def pools(self) -> int:
        """Number of pools of the block."""
        return len(self.account)


@dataclass(frozen=True)
class Dimensions:
    """The dimension tables of a snapshot; a code is a row number. Columns are those of `tables`, defaults filled in.

    `assets` is sorted by asset and contains the reporting currency; extra column `price_currency` filled, so never null.
    `instruments` is sorted by instrument_id, `settle` and `risk_group` filled; extra i32 columns `underlying_code`, `quote_code`, `settle_code`.
    `owners` is sorted by owner_id and has every owner of an account; extra column `incomplete` bool (accounts excluded).
    `accounts` is sorted by (owner_id, account_id); extra i32 columns `owner_code`, `pools`, `positions` (netted positions).
    `pools` has `account_code` i32, `pool_id`, `isolated` bool (pool_id != 'cross'), sorted by (owner, account, pool_id); every
    account has its cross pool.
    `locations` has `location`, sorted.
    """

    as_of: datetime
    reporting_currency: str
    assets: pl.DataFrame
    instruments: pl.DataFrame
    owners: pl.DataFrame
    accounts: pl.DataFrame
    pools: pl.DataFrame
    locations: pl.DataFrame

    def under_model(self, model: str) -> Dimensions:
        """The same book with every account under one model of the margin file."""
        import polars as pl

        return replace(self, accounts=self.accounts.with_columns(margin_model=pl.lit(model)))


@dataclass(frozen=True)
class InputFile:
    """One input table as read: logical name, rows, bytes and hash (a partitioned table: hash of sorted relative path, size, SHA-256)."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Book:
    """A checked and staged snapshot: dimensions, blocks on disk (one Arrow IPC file each), what was read, what was found.

    `quality` has the columns of `tables.DATA_QUALITY` (checks of the snapshot itself); `excluded` has `account_id, owner_id, reason`.
    `lots` and `positions` count rows read and positions after netting. `default_fund`: sum of the contributions of all owners of the owners
    table, also of those without accounts, reporting currency;
    `assessments`: sum of their assessment caps.
    """

    dimensions: Dimensions
    folder: Path
    blocks: int
    inputs: tuple[InputFile, ...]
    quality: pl.DataFrame
    excluded: pl.DataFrame
    lots: int
    positions: int
    default_fund: float = 0.0
    assessments: float = 0.0

    def history(self) -> pl.DataFrame:
        """Daily values of factors (columns of `tables.HISTORY`) by factor and date; without rows where the snapshot has none."""
        import polars as pl

        file = self.folder / "history.arrow"
        if file.is_file():
            return pl.read_ipc(file)
        return pl.DataFrame(schema={"date": pl.Date, "factor": pl.String, "value": pl.Float64})
