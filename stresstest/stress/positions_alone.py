"""Cross pools taken apart: each position in a margin pool of its own, with its share of the collateral."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.figures import MAINTENANCE_MARGIN
from stresstest.margin.kernels.totals import Accounts
from stresstest.stress.evaluation import evaluate_block
from stresstest.stress.holders import BlockHoldings, Holders, offsets, ranges
from stresstest.stress.tolerance import RELATIVE_TOLERANCE, TOLERANCE

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

NO_LOCATION = -1


@dataclass(frozen=True)
class Alone:
    """Positions on their own: their pools as accounts, the cross pool (local) that each comes from, and the share of its collateral."""

    block: BlockHoldings
    source: Longs
    share: Floats


def cross_pools(block: BlockHoldings) -> BlockHoldings:
    """The same accounts with their cross pools alone."""
    accounts, held = block.accounts, block.holdings
    pools = np.flatnonzero(~accounts.isolated)
    positions = ranges(held.position_first[pools], held.position_first[pools + 1])
    collateral = ranges(held.collateral_first[pools], held.collateral_first[pools + 1])
    return BlockHoldings(
        held._replace(
            position_first=offsets(np.diff(held.position_first)[pools]),
            positions=held.positions[positions],
            collateral_first=offsets(np.diff(held.collateral_first)[pools]),
            collateral=held.collateral[collateral],
            model=held.model[pools],
            multiplier=held.multiplier[pools],
        ),
        accounts._replace(
            first_pool=np.arange(len(pools) + 1, dtype=np.int64),
            isolated=accounts.isolated[pools],
            tolerance=accounts.tolerance[pools],
            equality=accounts.equality[pools],
        ),
        block.gross[pools],
        block.pool[pools],
    )


def positions_alone(at_base: Compiled, holders: Holders, cross: BlockHoldings) -> Alone:
    """Every position of the cross pools in a pool of its own, with its open orders; a pool without positions stays as it is.

    What is set aside for its orders goes with a position; of everything else, debts too, it has the share `R_MM,i(0) / sum of R_MM,j(0)`,
    which is equal for all where none needs anything.

    Args:
        at_base: the tables of base alone, in which requirements of positions alone are computed.
        holders: accounts and pools of the whole book.
        cross: accounts with their cross pools alone.
    """
    held, accounts = cross.holdings, cross.accounts
    number = np.diff(held.position_first)
    source = np.repeat(np.arange(len(number)), np.maximum(number, 1))
    own = (number > 0)[source]
    count = len(source)
    gross = np.zeros(count)
    gross[own] = np.abs(held.positions["quantity"]) * at_base.tables.instruments["base_notional"][held.positions["instrument"]]
    pools = Accounts(
        first_pool=np.arange(count + 1, dtype=np.int64),
        code=np.arange(count, dtype=np.int32),
        owner=accounts.owner[source],
        netting=np.zeros(count, dtype=np.int32),
        isolated=np.ones(count, dtype=np.bool_),
        tolerance=np.maximum(TOLERANCE, RELATIVE_TOLERANCE * gross),
        equality=accounts.equality[source],
    )
    first, last = held.collateral_first[source], held.collateral_first[source + 1]
    rows, start = ranges(first, last), offsets(last - first)
    position, row, amount = _set_aside(at_base, cross)
    pool = np.flatnonzero(own)[position]
    kept = np.zeros(len(rows))
    np.add.at(kept, start[pool] + row - first[pool], amount)
    free = held.collateral["amount"].copy()
    np.subtract.at(free, row, amount)

    def with_shares(share: Floats) -> BlockHoldings:
        collateral = held.collateral[rows]
        collateral["amount"] = free[rows] * np.repeat(share, last - first) + kept
        split = held._replace(
            position_first=offsets(own.astype(np.int64)),
            collateral_first=start,
            collateral=collateral,
            model=held.model[source],
            multiplier=held.multiplier[source],
        )
        return BlockHoldings(split, pools, gross, np.arange(count, dtype=np.int32))

    needed = evaluate_block(at_base, holders, with_shares(np.zeros(count))).kept.figures[:, 0, MAINTENANCE_MARGIN]
    total = np.bincount(source, weights=needed, minlength=len(number))[source]
    share = np.where(total > 0.0, needed / np.where(total > 0.0, total, 1.0), 1.0 / np.bincount(source)[source])
    return Alone(with_shares(share), source, share)


def _set_aside(compiled: Compiled, cross: BlockHoldings) -> tuple[Longs, Longs, Floats]:
    """What is set aside for open orders: position, row of collateral that it is part of, amount."""
    held = cross.holdings
    position = np.flatnonzero(held.positions["order"] > 0)
    orders = held.orders[held.positions["order"][position] - 1]
    instruments = compiled.tables.instruments[held.positions["instrument"][position]]
    pool = np.repeat(np.arange(len(cross.gross)), np.diff(held.position_first))[position]
    amount = np.concatenate([orders["reserved_settle"], orders["reserved_underlying"]])
    some = amount > 0.0
    assets = len(compiled.tables.assets)
    wanted = np.concatenate([pool * assets + instruments["settle"], pool * assets + instruments["underlying"]])[some]
    pool_of_row = np.repeat(np.arange(len(cross.gross)), np.diff(held.collateral_first))
    plain = np.flatnonzero((held.collateral["location"] == NO_LOCATION) & (held.collateral["amount"] > 0.0))
    keys = (pool_of_row * assets + held.collateral["asset"])[plain]
    return np.concatenate([position, position])[some], plain[np.searchsorted(keys, wanted)], amount[some]
