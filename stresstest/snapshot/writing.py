"""Collected holdings to blocks: each range of accounts is sorted, netted and written by itself, several at a time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stresstest.snapshot.blocks import block_path, write_block
from stresstest.snapshot.book import Codes, Floats
from stresstest.snapshot.netting import Balances, Orders, Positions, net_balances, net_orders, net_positions
from stresstest.snapshot.spool import Arrays, Spool

_RANGE_ROWS = 1 << 18
"""Rows sorted at a time: few enough that a sort stays near the cache. Results do not depend on it."""


@dataclass(frozen=True)
class Layout:
    """Where everything goes. `edges`: first account of each block, and the number of accounts; `blocks_a_range`: blocks netted together."""

    pool_account: Codes
    cross_pool: Codes
    edges: list[int]
    blocks_a_range: int
    rank: Codes
    settle: Codes
    underlying: Codes
    max_leverage: Floats
    assets: int
    locations: int

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return len(self.edges) - 1

    @property
    def ranges(self) -> int:
        """Number of ranges of accounts."""
        return -(-self.blocks // self.blocks_a_range)

    def accounts_of_range(self, number: int) -> slice:
        """The account codes of a range."""
        first = number * self.blocks_a_range
        return slice(self.edges[first], self.edges[min(first + self.blocks_a_range, self.blocks)])

    def range_of_account(self) -> npt.NDArray[np.uint16]:
        """The range of each account code."""
        block = np.repeat(np.arange(self.blocks), np.diff(self.edges))
        return (block // self.blocks_a_range).astype(np.uint16)


@dataclass(frozen=True)
class Totals:
    """Counts of a book. `gross`: sum of |quantity| of netted positions per instrument code; `balances`: of summed balances per asset code."""

    positions: int
    positions_of_account: Codes
    with_collateral: npt.NDArray[np.bool_]
    gross: Floats
    balances: Floats


def blocks_a_range(blocks: int, rows: int) -> int:
    """How many blocks to net together, given the number of rows of the whole book."""
    ranges = min(max(1, rows // _RANGE_ROWS), np.iinfo(np.uint16).max)
    return max(1, blocks // ranges)


def write_blocks(
    folder: Path, layout: Layout, positions: Spool, collateral: Spool, orders: Spool | None, threads: int, on_progress: Callable[[float], None]
) -> Totals:
    """Net and write every block; what the book holds in all."""
    (folder / "blocks").mkdir()
    accounts = len(layout.cross_pool)
    positions_of_account = np.zeros(accounts, np.int32)
    with_collateral = np.zeros(accounts, np.bool_)
    gross, sizes = np.zeros(len(layout.rank)), np.zeros(layout.assets)
    count = 0

    def one(number: int) -> tuple[int, Positions, Balances, tuple[Floats, Floats]]:
        held, balances, open_orders = _net_range(layout, positions.take(number), collateral.take(number), orders.take(number) if orders else {})
        return number, held, balances, _write_range(folder, layout, number, held, balances, open_orders)

    with ThreadPoolExecutor(threads) as pool:
        # Totals are taken in the order of ranges and, inside them, of blocks: the same bits whatever finishes first.
        for number, held, balances, (range_gross, range_sizes) in pool.map(one, range(layout.ranges)):
            mine = layout.accounts_of_range(number)
            codes = layout.pool_account[held.pool] - mine.start
            positions_of_account[mine] = np.bincount(codes, minlength=mine.stop - mine.start)
            with_collateral[layout.pool_account[balances.pool]] = True
            gross += range_gross
            sizes += range_sizes
            count += len(held.pool)
            on_progress((number + 1) / layout.ranges)
    return Totals(count, positions_of_account, with_collateral, gross, sizes)


def _net_range(layout: Layout, lots: Arrays, rows: Arrays, orders: Arrays) -> tuple[Positions, Balances, Orders | None]:
    if orders:
        lots = _with_ordered(lots, orders)
    pool = _pools(layout, lots)
    instrument = lots.get("instrument", np.zeros(0, np.int32))
    held = net_positions(pool, instrument, layout.rank, _floats(lots, "quantity"), _floats(lots, "cost"), lots.get("funding"), lots.get("leverage"))
    least = np.minimum(held.leverage, layout.max_leverage[layout.pool_account[held.pool]])
    held = Positions(held.pool, held.instrument, held.quantity, held.cost, held.funding, np.where(np.isinf(least), 0.0, least))

    asset = rows.get("asset", np.zeros(0, np.int32))
    location = rows.get("location", np.full(len(asset), -1, np.int32))
    parts = [(_pools(layout, rows), asset, location, _floats(rows, "amount"))]
    if "margin" in lots:
        # Isolated margin is a balance of the settle asset in its pool, held at no location.
        posted = np.flatnonzero(~np.isnan(lots["margin"]))
        parts.append((pool[posted], layout.settle[instrument[posted]], np.full(len(posted), -1, np.int32), lots["margin"][posted]))
    if orders:
        # What is set aside for an order is a balance of the account, held at no location.
        reserved = np.flatnonzero(orders["reserved"] != 0.0)
        asset_of = np.where(orders["of_underlying"], layout.underlying[orders["instrument"]], layout.settle[orders["instrument"]])
        parts.append((_pools(layout, orders)[reserved], asset_of[reserved], np.full(len(reserved), -1, np.int32), orders["reserved"][reserved]))
    merged = [np.concatenate(column) for column in zip(*parts, strict=True)]
    balances = net_balances(merged[0], merged[1], merged[2], merged[3], layout.assets, layout.locations)
    return held, balances, _net_orders(layout, held, orders) if orders else None


def _with_ordered(lots: Arrays, orders: Arrays) -> Arrays:
    """The lots, and one of quantity zero for every order: orders are of positions, and some are of positions that are not held yet."""
    count = len(orders["account"])
    nothing: Arrays = {
        "account": orders["account"],
        "instrument": orders["instrument"],
        "quantity": np.zeros(count),
        "cost": np.zeros(count),
        "pool": np.full(count, -1, np.int32),
        "funding": np.zeros(count),
        "leverage": np.full(count, np.inf),
        "margin": np.full(count, np.nan),
    }
    if not lots:
        return {name: nothing[name] for name in ("account", "instrument", "quantity", "cost")}
    return {name: np.concatenate([values, nothing[name].astype(values.dtype)]) for name, values in lots.items()}


def _net_orders(layout: Layout, held: Positions, orders: Arrays) -> Orders:
    of_underlying, reserved = orders["of_underlying"], orders["reserved"]
    set_aside = np.where(of_underlying, 0.0, reserved), np.where(of_underlying, reserved, 0.0)
    pool, sizes = _pools(layout, orders), (orders["quantity"], orders["cost"])
    return net_orders(held, pool, orders["instrument"], layout.rank, orders["buys"], sizes, set_aside)


def _floats(arrays: Arrays, name: str) -> Floats:
    return arrays[name] if name in arrays else np.zeros(0)


def _pools(layout: Layout, arrays: Arrays) -> Codes:
    if not arrays:
        return np.zeros(0, np.int32)
    cross = layout.cross_pool[arrays["account"]]
    return np.where(arrays["pool"] >= 0, arrays["pool"], cross) if "pool" in arrays else cross


def _write_range(folder: Path, layout: Layout, number: int, held: Positions, balances: Balances, orders: Orders | None) -> tuple[Floats, Floats]:
    gross, sizes = np.zeros(len(layout.rank)), np.zeros(layout.assets)
    first_block = number * layout.blocks_a_range
    for block in range(first_block, min(first_block + layout.blocks_a_range, layout.blocks)):
        first_pool, end_pool = np.searchsorted(layout.pool_account, layout.edges[block : block + 2])
        p = slice(*np.searchsorted(held.pool, (first_pool, end_pool)))
        c = slice(*np.searchsorted(balances.pool, (first_pool, end_pool)))
        gross += np.bincount(held.instrument[p], weights=np.abs(held.quantity[p]), minlength=len(gross))
        sizes += np.bincount(balances.asset[c], weights=np.abs(balances.amount[c]), minlength=len(sizes))
        write_block(block_path(folder, block), block, int(first_pool), layout.pool_account[first_pool:end_pool], {
            "position_pool": held.pool[p] - np.int32(first_pool), "instrument": held.instrument[p], "quantity": held.quantity[p],
            "cost": held.cost[p], "funding": held.funding[p], "leverage": held.leverage[p],
            "collateral_pool": balances.pool[c] - np.int32(first_pool),
            "asset": balances.asset[c], "location": balances.location[c], "amount": balances.amount[c],
            **_of_block(orders, p),
        })  # fmt: skip
    return gross, sizes


def _of_block(orders: Orders | None, positions: slice) -> Arrays:
    """Columns of the orders in some of the positions; none where there are no orders at all."""
    if orders is None:
        return {}
    among = slice(*np.searchsorted(orders.position, (positions.start, positions.stop)))
    names = ("bid_quantity", "bid_cost", "ask_quantity", "ask_cost", "reserved_settle", "reserved_underlying", "orders")
    return {"order_position": orders.position[among] - np.int32(positions.start), **{name: getattr(orders, name)[among] for name in names}}
