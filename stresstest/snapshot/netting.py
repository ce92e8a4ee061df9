"""Lots netted to positions and collateral rows to balances, in an order that no input order can change.

Rows are sorted by where they belong, and rows that belong together by all that they say; then they are summed in that
order. Two rows that still tie are equal, so the sum is one bit pattern whatever order, partitioning or number of
threads the rows came in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.snapshot.book import Codes, Floats

Longs = npt.NDArray[np.int64]

ROUNDOFF = float(np.finfo(np.float64).eps) / 2.0
"""Largest error of one rounding, as a part of the number."""


@dataclass(frozen=True)
class Positions:
    """Netted positions, sorted by (pool, rank of the instrument); pools are global codes."""

    pool: Codes
    instrument: Codes
    quantity: Floats
    cost: Floats
    funding: Floats
    leverage: Floats


@dataclass(frozen=True)
class Balances:
    """Collateral summed per (pool, asset, location, sign), sorted so, negative before positive; location -1 = none."""

    pool: Codes
    asset: Codes
    location: Codes
    amount: Floats


@dataclass(frozen=True)
class Orders:
    """Open orders summed per position, sorted so; `position` is a row of `Positions`, costs and quantities of either side are positive."""

    position: Codes
    bid_quantity: Floats
    bid_cost: Floats
    ask_quantity: Floats
    ask_cost: Floats
    reserved_settle: Floats
    reserved_underlying: Floats
    orders: Floats


def ordered_groups(key: Longs, tie_breakers: tuple[Floats, ...]) -> tuple[Longs, Longs]:
    """Order of rows by key, then by the tie breakers (first one first), and the places in that order where a new key starts."""
    order = np.argsort(key)
    in_order = key[order]
    starts = np.flatnonzero(np.concatenate(([True], in_order[1:] != in_order[:-1]))) if len(key) else np.zeros(0, np.int64)
    if len(starts) < len(key):
        # Few rows share a key as a rule: only those pay for a sort by all columns.
        sizes = np.diff(np.append(starts, len(key)))
        places = np.flatnonzero(np.repeat(sizes > 1, sizes))
        tied = order[places]
        order[places] = tied[np.lexsort((*(breaker[tied] for breaker in reversed(tie_breakers)), in_order[places]))]
    return order, starts


def _sums(values: Floats, order: Longs, starts: Longs) -> Floats:
    in_order = values[order]
    return in_order if len(starts) == len(order) else np.add.reduceat(in_order, starts)


def _quantities(lots: Floats, order: Longs, starts: Longs) -> Floats:
    """Sums of lots, zero where the lots cancel: what is left of 0.1 + 0.2 - 0.3 is rounding, no position that has a side and a leverage."""
    sums = _sums(lots, order, starts)
    if len(starts) == len(order):
        return sums
    count = np.diff(np.append(starts, len(order)))
    return np.where(np.abs(sums) <= count * ROUNDOFF * np.add.reduceat(np.abs(lots[order]), starts), 0.0, sums)


def net_positions(
    pool: Codes, instrument: Codes, rank: Codes, quantity: Floats, cost: Floats, funding: Floats | None, leverage: Floats | None
) -> Positions:
    """Lots netted per (pool, instrument): sums of quantity, cost and funding, the smallest leverage.

    A quantity of n lots is zero where it is at most n * 1.1e-16 * sum of |lot|, the bound of what rounding of the lots and of their sum can leave.

    Args:
        pool, instrument, quantity, cost: one entry a lot.
        rank: place of each instrument code in the order of (risk group, underlying, code).
        funding, leverage: one entry a lot, or None where no lot has any; leverage inf = none.
    """
    nothing = np.zeros(len(pool))
    funding_of, leverage_of = (nothing if funding is None else funding), (nothing if leverage is None else leverage)
    key = pool.astype(np.int64) << 32 | rank[instrument]
    order, starts = ordered_groups(key, (quantity, cost, funding_of, leverage_of))
    first = order[starts]
    least = np.full(len(starts), np.inf) if leverage is None else np.minimum.reduceat(leverage[order], starts) if len(starts) else leverage
    return Positions(
        pool[first],
        instrument[first],
        _quantities(quantity, order, starts),
        _sums(cost, order, starts),
        np.zeros(len(starts)) if funding is None else _sums(funding, order, starts),
        least,
    )


def net_balances(pool: Codes, asset: Codes, location: Codes, amount: Floats, assets: int, locations: int) -> Balances:
    """Collateral rows summed per (pool, asset, location, sign); zero counts as positive."""
    positive = amount >= 0.0
    key = ((pool.astype(np.int64) * assets + asset) * (locations + 1) + location + 1) * 2 + positive
    order, starts = ordered_groups(key, (amount,))
    first = order[starts]
    return Balances(pool[first], asset[first], location[first], _sums(amount, order, starts))


def net_orders(
    held: Positions,
    pool: Codes,
    instrument: Codes,
    rank: Codes,
    buys: npt.NDArray[np.bool_],
    sizes: tuple[Floats, Floats],
    reserved: tuple[Floats, Floats],
) -> Orders:
    """Orders summed per (pool, instrument), each of which is a position in `held`.

    Args:
        held: positions, those of quantity zero of orders in what is not held among them.
        pool, instrument, buys: one entry an order.
        rank: place of each instrument code in the order of (risk group, underlying, code).
        sizes: quantity and cost of each.
        reserved: units of the settle asset and of the underlying set aside for each.
    """
    key = pool.astype(np.int64) << 32 | rank[instrument]
    order, starts = ordered_groups(key, (buys.astype(np.float64), *sizes, *reserved))
    bought = [np.where(buys, size, 0.0) for size in sizes]
    sold = [np.where(buys, 0.0, size) for size in sizes]
    sums = [_sums(each, order, starts) for each in (*bought, *sold, *reserved, np.ones(len(key)))]
    position = np.searchsorted(held.pool.astype(np.int64) << 32 | rank[held.instrument], key[order[starts]]).astype(np.int32)
    return Orders(position, *sums)
