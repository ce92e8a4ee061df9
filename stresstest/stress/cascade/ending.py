"""What a cascade leaves every account with: equity at base, at the shocked prices and at the end, and what those lost who withstood the shock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.breaches import Lines, breaches
from stresstest.margin.kernels.drifts import add_losses
from stresstest.margin.kernels.given import LOSS, WORST
from stresstest.stress.cascade.blocks import Blocks
from stresstest.stress.cascade.outcome import AccountsPart
from stresstest.stress.cascade.states import State
from stresstest.stress.evaluation import folded
from stresstest.stress.holders import BlockHoldings

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]


class Drift(NamedTuple):
    """How unit values change between the shocked prices and the end; the arrays of `drifts.add_losses`, in its order. `moved` bool[instruments],
    `moved_asset` bool[assets]: without any, nothing needs to be looked at."""

    assets: Longs
    slope: Floats
    cost: Floats
    settle: Floats
    share: Floats
    share_of: Longs
    moved: Flags
    moved_asset: Flags


def drift_of(shocked: State, final: State, underlying: Codes, settle: Codes, locations: int) -> Drift:
    """The changes of a batch.

    Args:
        shocked: its scenarios before anything was sold.
        final: the same when all is sold.
        underlying: i32[instruments].
        settle: i32[instruments].
        locations: how many.
    """
    change = final.resolved.value - shocked.resolved.value
    slope = final.units.value_slope - shocked.units.value_slope
    cost = final.units.cost_slope - shocked.units.cost_slope
    assets = len(change)
    share_of = np.repeat(np.arange(assets)[:, None], locations + 1, axis=1)
    rows = [change]
    for number, ((asset, location), share) in enumerate(final.resolved.holding_rows.items()):
        share_of[asset, location + 1] = assets + number
        rows.append(change[asset : asset + 1] * share)
    of_settle = change[settle]
    moved = np.any([(each != 0.0).any(axis=1) for each in (slope, cost, of_settle)], axis=0)
    return Drift(underlying.astype(np.int64)[:, None], slope, cost, of_settle, np.concatenate(rows), share_of, moved, (change != 0.0).any(axis=1))


@dataclass(frozen=True)
class Ending:
    """The batch as it began and as it ends: tables of all its scenarios, in order; `moved`: whether any price did."""

    blocks: Blocks
    shocked: Compiled
    final: Compiled
    moved: bool
    drift: Drift
    scenarios: Codes


class BlockState(NamedTuple):
    """What became of the pools of a block, bool[pools, S'], the first scenario being base as it was: whether they breach in the scenario itself,
    and were liquidated; by place and scenario, what those are worth at the end that have holdings of their own."""

    number: int
    breached: Flags
    liquidated: Flags
    pool: Longs
    scenario: Longs
    equity: Floats


class BlockEnd(NamedTuple):
    """Sums of a block: [S'] each, and `lost` f64[assets, S'] of survivors."""

    accounts: AccountsPart
    direct_loss: Floats
    feedback_loss: Floats
    loss_shocked: Floats
    loss_final: Floats
    liquidated: Longs
    by_feedback: Longs
    lost: Floats


def end_of_block(ending: Ending, block: BlockState) -> BlockEnd:
    """The accounts of a block at the end."""
    held = ending.blocks[block.number]
    shocked = equities(ending.shocked, held)
    final = equities(ending.final, held) if ending.moved else shocked.copy()
    final[block.pool, block.scenario] = block.equity
    accounts = held.accounts

    def of_accounts(pools: Floats) -> Floats:
        return add_by_account(pools, accounts.first_pool)

    breached, liquidated = (any_by_account(each, accounts.first_pool) for each in (block.breached, block.liquidated))
    cross = ~accounts.isolated[:, None]
    equity_shocked, equity_final = of_accounts(shocked), of_accounts(final)
    base = equity_shocked[:, 0]
    loss_shocked, loss_final = of_accounts(np.maximum(-shocked, 0.0)), of_accounts(np.maximum(-final, 0.0))
    touched = np.zeros(final.shape, dtype=np.bool_)
    touched[block.pool, block.scenario] = True
    lost = _lost(ending.drift, held, ending.shocked, breached, touched, final.shape[1])
    s = slice(1, None)
    part = AccountsPart(
        int(accounts.code[0]),
        ending.scenarios,
        base,
        equity_shocked[:, s],
        equity_final[:, s],
        loss_shocked[:, s],
        loss_final[:, s],
        of_accounts(np.where(cross, shocked, 0.0))[:, s],
        of_accounts(np.where(cross, final, 0.0))[:, s],
        breached[:, s],
        liquidated[:, s],
        of_accounts(np.where(cross[:, 0], held.accounts.tolerance, 0.0)),
    )
    return BlockEnd(
        part,
        np.maximum(base[:, None] - equity_shocked, 0.0).sum(axis=0),
        np.maximum(equity_shocked - equity_final, 0.0).sum(axis=0),
        loss_shocked.sum(axis=0),
        loss_final.sum(axis=0),
        liquidated.sum(axis=0),
        (liquidated & ~breached).sum(axis=0),
        lost,
    )


def equities(compiled: Compiled, held: BlockHoldings) -> Floats:
    """Equity of every pool of a block, f64[pools, S]; what rules require plays no part in it."""
    tables, lanes = compiled.tables, compiled.lanes
    pools = len(held.gross)
    ruled = int((tables.models["ruled"][held.holdings.model] != 0).sum())
    given = np.zeros((lanes.blocks, ruled, LOSS + 1 if tables.models["scanned"].any() else WORST, lanes.width))
    _, equity = breaches(
        folded(compiled, held),
        tables,
        given,
        lanes.padded,
        Lines(held.accounts.tolerance, held.accounts.equality),
        np.tile(np.arange(pools), lanes.blocks),
        np.repeat(np.arange(lanes.blocks), pools),
        np.zeros((pools * lanes.blocks, lanes.width), dtype=np.bool_),
        with_equity=True,
    )
    return np.asarray(lanes.unpack(np.moveaxis(equity.reshape(lanes.blocks, pools, lanes.width), 0, 1)), dtype=np.float64)


def add_by_account(pools: Floats, first_pool: Longs) -> Floats:
    """Sums over the pools of every account, in their order, f64[accounts, S]; most accounts have one, where summing every row would take longest."""
    sums, more, account = _first_and_more(pools, first_pool)
    np.add.at(sums, account, pools[more])
    return sums


def any_by_account(pools: Flags, first_pool: Longs) -> Flags:
    """Whether it is so of any pool of every account, bool[accounts, S]."""
    found, more, account = _first_and_more(pools, first_pool)
    np.logical_or.at(found, account, pools[more])
    return found


def _first_and_more(pools: npt.NDArray[Any], first_pool: Longs) -> tuple[npt.NDArray[Any], Longs, Longs]:
    """The first pool of every account; places of the others, and the account of each."""
    account = np.repeat(np.arange(len(first_pool) - 1), np.diff(first_pool))
    more = np.setdiff1d(np.arange(len(pools)), first_pool[:-1], assume_unique=True)
    return pools[first_pool[:-1]], more, account[more]


def _lost(drift: Drift, held: BlockHoldings, compiled: Compiled, breached: Flags, touched: Flags, states: int) -> Floats:
    """What untouched pools of accounts that withstand the scenario lose, f64[assets, S]."""
    lost = np.zeros((compiled.views.assets, states))
    if not drift.moved.any() and not drift.moved_asset.any():
        return lost
    accounts, holdings = held.accounts, held.holdings
    counted = np.repeat(~breached, np.diff(accounts.first_pool), axis=0) & ~touched
    positions, collateral = holdings.positions, holdings.collateral
    if compiled.views.of_model.any():
        positions, collateral = positions.copy(), collateral.copy()
        positions["instrument"] %= compiled.views.instruments
        collateral["asset"] %= compiled.views.assets
    add_losses(lost, counted.astype(np.float64), holdings.position_first, positions, holdings.collateral_first, collateral, *drift)
    return lost
