"""Evaluate the pools of a block over all lanes and reduce at once: totals, owners, worst scenarios, rows to keep.

Nothing of size accounts x scenarios is held. Accounts of a block follow each other by owner; an owner that continues into the
next block (or came from the one before) leaves its partial losses in `Edges`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import ACCUMULATORS, FIGURES, KEPT, KEPT_BEHIND
from stresstest.margin.kernels.figures import (
    BREACHED,
    COLLATERAL,
    DEFAULT,
    INITIAL_SHORTFALL,
    LIQUIDATION,
    LOSS,
    MARGIN_SHORTFALL,
    OK,
    POSITIONS,
    SHORT,
    STRESS_LOSS,
    STRESSED,
    finish_pool,
)
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.lanes import aligned
from stresstest.margin.kernels.loops import accumulate
from stresstest.margin.kernels.program import Program
from stresstest.margin.kernels.tables import Tables
from stresstest.margin.kernels.totals import (
    NET_EQUITY,
    NET_LOSS,
    NET_MARGIN,
    NET_TOLERANCE,
    Accounts,
    Edges,
    Kept,
    Rows,
    Totals,
    close_owner,
    keep_worst,
    write_row,
)
from stresstest.margin.kernels.walk import walk

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@kernel
def _evaluate(
    starts: Longs,
    codes: Records,
    value_entries: Records,
    needs: Records,
    steps: Records,
    tokens: Records,
    nets: Records,
    legs: Records,
    values: Floats,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    bands: Floats,
    models: Records,
    weight_row: Codes,
    asset_plain: npt.NDArray[np.bool_],
    weight_unit: npt.NDArray[np.bool_],
    acc: Floats,
    accounts: Accounts,
    scenario: Codes,
    used: Longs,
    padded: Longs,
    headline: npt.NDArray[np.bool_],
    first_open: bool,
    last_open: bool,
    slots: int,
    totals: Totals,
    edges: Edges,
    kept: Kept,
    rows: Rows,
    keep_all: bool,
    keep_breaches: bool,
    pool_rows: bool,
) -> None:
    widest = scenario.shape[1]
    constants = np.zeros(KEPT_BEHIND + 1)
    figures = acc
    total = np.zeros((FIGURES, widest))
    status = np.zeros(widest, dtype=np.int8)
    worst_status = np.zeros(widest, dtype=np.int8)
    to = np.zeros(3, dtype=np.int64)
    by = np.zeros(3)
    stale = False
    touched = False
    owner_loss = np.zeros((2, widest))
    owner_default = np.zeros(widest, dtype=np.bool_)
    netting = np.zeros((max(slots, 1), 4, widest))
    count = len(accounts.code)
    first_owner = accounts.owner[0]
    last_owner = accounts.owner[count - 1]
    for block in range(len(used)):
        width = padded[block]
        lanes = used[block]
        for account in range(count):
            first = accounts.first_pool[account]
            last = accounts.first_pool[account + 1]
            owner = accounts.owner[account]
            slot = accounts.netting[account]
            single = last - first == 1
            ok = True
            found = 0
            for pool in range(first, last):
                walk(
                    acc,
                    constants,
                    starts[pool],
                    starts[pool + 1],
                    codes,
                    value_entries,
                    needs,
                    steps,
                    tokens,
                    nets,
                    legs,
                    values[block],
                    schedules,
                    pieces,
                    assets,
                    bands,
                    models,
                    weight_row,
                    asset_plain[block],
                    weight_unit[block],
                    to,
                    by,
                    width,
                )
                holds = finish_pool(
                    acc, constants, status, kept.pool_base[pool], block == 0, accounts.tolerance[pool], accounts.equality[pool], stale, width
                )
                stale = holds & SHORT != 0
                healthy = holds & BREACHED == 0
                found |= holds
                if pool_rows:
                    for s in range(lanes):
                        write_row(rows, pool, scenario[block, s], figures, s, OK if healthy else status[s])
                if not healthy:
                    if ok:
                        for s in range(width):
                            worst_status[s] = OK
                    for s in range(width):
                        worst_status[s] = max(worst_status[s], status[s])
                    if not accounts.isolated[pool] and slot == 0:
                        for s in range(lanes):
                            owner_default[s] = owner_default[s] or status[s] == DEFAULT
                        touched = True
                    ok = False
                if slot > 0 and not accounts.isolated[pool]:
                    # Cross pools of a netting group: loss, margin and equity net before the owner's loss is known.
                    base = kept.pool_base[pool]
                    group = netting[slot - 1]
                    kept_base = constants[KEPT]
                    for s in range(lanes):
                        share = 1.0
                        if base[2] > 0.0:
                            share = min(1.0, max(0.0, (acc[KEPT, s] + acc[KEPT_BEHIND, s] + kept_base) / base[2]))
                        group[NET_LOSS, s] += base[0] - figures[POSITIONS, s]
                        group[NET_MARGIN, s] += share * base[1]
                        group[NET_EQUITY, s] += figures[POSITIONS, s] + figures[COLLATERAL, s]
                        group[NET_TOLERANCE, s] += accounts.tolerance[pool]
                    touched = True
                else:
                    if holds & STRESSED:
                        accumulate(owner_loss[0], figures[STRESS_LOSS], width)
                        touched = True
                    if holds & SHORT:
                        accumulate(owner_loss[1], figures[LOSS], width)
                        touched = True
                if not single:
                    for k in range(FIGURES):
                        if pool == first:
                            for s in range(width):
                                total[k, s] = figures[k, s]
                        else:
                            for s in range(width):
                                total[k, s] += figures[k, s]
            sums = figures if single else total
            for k in range(INITIAL_SHORTFALL):
                accumulate(totals.figures[block, k], sums[k], width)
            if found & STRESSED:
                accumulate(totals.figures[block, STRESS_LOSS], sums[STRESS_LOSS], width)
            if found & SHORT:
                for k in range(INITIAL_SHORTFALL, STRESS_LOSS):
                    accumulate(totals.figures[block, k], sums[k], width)
                largest = totals.largest[block]
                for s in range(lanes):
                    if sums[MARGIN_SHORTFALL, s] > largest[s]:
                        largest[s] = sums[MARGIN_SHORTFALL, s]
                        totals.largest_account[block, s] = accounts.code[account]
            if ok:
                totals.all_ok[block] += 1
            else:
                breached = block == 0 or kept.status[account, 0] >= LIQUIDATION
                for s in range(lanes):
                    totals.statuses[block, worst_status[s], s] += 1
                    if worst_status[s] >= LIQUIDATION and not breached:
                        totals.newly[block, s] += 1
            if block == 0:
                kept.scenario[account, 0] = 0
                kept.status[account, 0] = OK if ok else worst_status[0]
                for k in range(FIGURES):
                    kept.figures[account, 0, k] = sums[k, 0]
            else:
                keep_worst(kept, account, headline[block], sums, scenario[block], worst_status, ok, width)
            if not pool_rows:
                if keep_all or (block == 0 and keep_breaches):
                    for s in range(lanes):
                        write_row(rows, accounts.code[account], scenario[block, s], sums, s, OK if ok else worst_status[s])
                elif keep_breaches and not ok:
                    for s in range(lanes):
                        if worst_status[s] > OK:
                            write_row(rows, accounts.code[account], scenario[block, s], sums, s, worst_status[s])
            if account + 1 == count or accounts.owner[account + 1] != owner:
                opened = (first_open and owner == first_owner) or (last_open and owner == last_owner)
                if opened:
                    # The same owner may be both the first and the last of a block: then it leaves by edge 0.
                    edge = 0 if owner == first_owner else 1
                    for basis in range(2):
                        for s in range(lanes):
                            edges.loss[edge, basis, block, s] = owner_loss[basis, s]
                    for s in range(lanes):
                        edges.default[edge, block, s] = owner_default[s]
                    for k in range(slots):
                        for j in range(4):
                            for s in range(lanes):
                                edges.netting[edge, k, j, block, s] = netting[k, j, s]
                elif touched:
                    close_owner(totals, block, owner, owner_loss, owner_default, netting, slots, lanes)
                if touched:
                    owner_loss[:] = 0.0
                    owner_default[:] = False
                    netting[:] = 0.0
                    touched = False


def evaluate(
    program: Program,
    tables: Tables,
    accounts: Accounts,
    scenario: Codes,
    used: Longs,
    padded: Longs,
    headline: npt.NDArray[np.bool_],
    first_open: bool,
    last_open: bool,
    slots: int,
    totals: Totals,
    edges: Edges,
    kept: Kept,
    rows: Rows,
    keep_all: bool,
    keep_breaches: bool,
    pool_rows: bool,
) -> None:
    """All lanes of all accounts of a block. `first_open`, `last_open`: the first or last owner continues beyond the block.

    `slots`: most netting groups of an owner. With `pool_rows` rows are per pool (all lanes), else per account.
    """
    _evaluate(
        *program,
        tables.values,
        tables.schedules,
        tables.pieces,
        tables.assets,
        tables.bands,
        tables.models,
        tables.weight_row,
        tables.asset_plain,
        tables.weight_unit,
        aligned(ACCUMULATORS, scenario.shape[1]),
        accounts,
        scenario,
        used,
        padded,
        headline,
        first_open,
        last_open,
        slots,
        totals,
        edges,
        kept,
        rows,
        keep_all,
        keep_breaches,
        pool_rows,
    )
