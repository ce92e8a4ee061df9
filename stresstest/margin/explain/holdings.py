"""What the accounts to be explained hold, as frames."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import polars as pl

from stresstest.snapshot.book import Block, Book
from stresstest.snapshot.stage import load_block

POOLS_SCHEMA = {"pool": pl.Int32, "account": pl.Int32}
POSITIONS_SCHEMA = {
    "pool": pl.Int32,
    "instrument": pl.Int32,
    "quantity": pl.Float64,
    "cost": pl.Float64,
    "funding": pl.Float64,
    "leverage": pl.Float64,
}
ORDERS_SCHEMA = {
    "pool": pl.Int32,
    "instrument": pl.Int32,
    "bid_quantity": pl.Float64,
    "bid_cost": pl.Float64,
    "ask_quantity": pl.Float64,
    "ask_cost": pl.Float64,
    "reserved_settle": pl.Float64,
    "reserved_underlying": pl.Float64,
    "orders": pl.Float64,
}
COLLATERAL_SCHEMA = {"pool": pl.Int32, "asset": pl.Int32, "location": pl.Int32, "amount": pl.Float64}


@dataclass(frozen=True)
class Holdings:
    """Pools and what is in them; codes are row numbers of the book's dimension tables.

    `pools`: `pool, account`, every pool of the accounts, also an empty one.
    `positions`: `pool, instrument, quantity, cost, funding, leverage`, one row per pool and instrument; units as in `Block`.
    `collateral`: `pool, asset, location, amount`; isolated margin is a row of its pool, `location` -1 is none.
    `orders`: `pool, instrument` and sums of open orders as in `Block`; each is of a position, of quantity zero where none is held.
    """

    pools: pl.DataFrame
    positions: pl.DataFrame
    collateral: pl.DataFrame
    orders: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ORDERS_SCHEMA))


def holdings_of(book: Book, account_codes: Sequence[int]) -> Holdings:
    """The holdings of some accounts, read from the blocks that contain them.

    Args:
        book: the staged snapshot.
        account_codes: row numbers of `book.dimensions.accounts`, in any order.

    Raises:
        IndexError: a code that the book does not have.
    """
    for code in account_codes:
        if not 0 <= code < book.dimensions.accounts.height:
            raise IndexError(f"no account with code {code}")
    block = cache(lambda number: load_block(book, number))
    first_account = cache(lambda number: int(block(number).account[0]))
    # Accounts are in order of blocks and never cut by one, so the block of an account is found by bisection.
    numbers = sorted({bisect_right(range(book.blocks), code, key=first_account) - 1 for code in account_codes})
    wanted = pl.Series("account", sorted(set(account_codes)), dtype=pl.Int32)
    parts = [_of_block(block(number), wanted) for number in numbers]
    return Holdings(
        pools=pl.concat([part.pools for part in parts]) if parts else pl.DataFrame(schema=POOLS_SCHEMA),
        positions=pl.concat([part.positions for part in parts]) if parts else pl.DataFrame(schema=POSITIONS_SCHEMA),
        collateral=pl.concat([part.collateral for part in parts]) if parts else pl.DataFrame(schema=COLLATERAL_SCHEMA),
        orders=pl.concat([part.orders for part in parts]) if parts else pl.DataFrame(schema=ORDERS_SCHEMA),
    )


def _of_block(block: Block, wanted: pl.Series) -> Holdings:
    pools = (
        pl.DataFrame({"account": block.account}, schema={"account": pl.Int32})
        .select((pl.int_range(pl.len(), dtype=pl.Int32) + block.first_pool).alias("pool"), "account")
        .filter(pl.col("account").is_in(wanted.implode()))
    )
    positions = pl.DataFrame(
        {
            "pool": block.position_pool + block.first_pool,
            "instrument": block.instrument,
            "quantity": block.quantity,
            "cost": block.cost,
            "funding": block.funding,
            "leverage": block.leverage,
        },
        schema=POSITIONS_SCHEMA,
    )
    collateral = pl.DataFrame(
        {"pool": block.collateral_pool + block.first_pool, "asset": block.asset, "location": block.location, "amount": block.amount},
        schema=COLLATERAL_SCHEMA,
    )
    at = block.order_position
    orders = pl.DataFrame(
        {
            "pool": block.position_pool[at] + block.first_pool,
            "instrument": block.instrument[at],
            **{name: getattr(block, name) for name in list(ORDERS_SCHEMA)[2:]},
        },
        schema=ORDERS_SCHEMA,
    )
    ours = pl.col("pool").is_in(pools["pool"].implode())
    return Holdings(pools, positions.filter(ours), collateral.filter(ours), orders.filter(ours))
