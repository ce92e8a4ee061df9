"""Evaluate the pools of a block over all lanes and reduce at once: totals, owners, worst scenarios, rows to keep.

Nothing of size accounts x scenarios is held. Accounts of a block follow each other by owner; an owner that continues into the
next block (or came from the one before) leaves its partial losses in `Edges`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import FIGURES, KEPT_BEHIND, RECORDED, SUMS, WORST_LOSS, WORST_ROW, accumulators
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
    WORSE,
    finish_pool,
)
from stresstest.margin.kernels.given import WORST
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.program import Program
from stresstest.margin.kernels.tables import Tables
from stresstest.margin.kernels.totals import (
    NET_EQUITY,
    NET_STRESS_LOSS,
    NET_TOLERANCE,
    Accounts,
    Draws,
    Edges,
    Kept,
    Rows,
    Totals,
    add_draws,
    bar_of,
    close_owner,
    keep_worst,
    leave_owner,
    write_row,
)
from stresstest.margin.kernels.walk import walk

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


class Scratch(NamedTuple):
    """Working arrays of `_evaluate`, which allocates none: zeros at the start."""

    constants: Floats
    total: Floats
    counts: Longs
    owner_loss: Floats
    netting: Floats
    status: npt.NDArray[np.int8]
    worst_status: npt.NDArray[np.int8]
    owner_default: npt.NDArray[np.bool_]
    token_balances: Floats


def _scratch(width: int, slots: int, tokens: int) -> Scratch:
    return Scratch(
        np.zeros(KEPT_BEHIND + 1),
        np.zeros((RECORDED + 1, width)),
        np.zeros(3, dtype=np.int64),
        np.zeros((2, width)),
        np.zeros((max(slots, 1), 3, width)),
        np.zeros(width, dtype=np.int8),
        np.zeros(width, dtype=np.int8),
        np.zeros(width, dtype=np.bool_),
        np.zeros((max(tokens, 1), 2, width)),
    )


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
    markets: Records,
    values: Floats,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    bands: Floats,
    models: Records,
    weight_row: Codes,
    asset_plain: npt.NDArray[np.bool_],
    weight_unit: npt.NDArray[np.bool_],
    given: Floats,
    acc: Records,
    scratch: Scratch,
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
    draws: Draws,
    keep_all: bool,
    keep_breaches: bool,
    pool_rows: bool,
) -> None:
    constants, total, counts, owner_loss, netting, status, worst_status, owner_default, token_balances = scratch
    scanning = given.shape[2] > WORST
    # Once, not in the loops: taking an array out of a tuple counts a reference.
    accounts_first_pool = accounts.first_pool
    accounts_code = accounts.code
    accounts_owner = accounts.owner
    accounts_netting = accounts.netting
    accounts_isolated = accounts.isolated
    accounts_tolerance = accounts.tolerance
    accounts_equality = accounts.equality
    kept_figures = kept.figures
    kept_status = kept.status
    kept_scenario = kept.scenario
    kept_pool_base = kept.pool_base
    totals_figures = totals.figures
    totals_statuses = totals.statuses
    totals_all_ok = totals.all_ok
    totals_newly = totals.newly
    totals_largest = totals.largest
    totals_largest_account = totals.largest_account
    weights = draws.weights
    present = draws.present
    draw_sums = draws.sums
    families = len(present)
    a = acc[0]["rows"]
    stale = False
    touched = False
    count = len(accounts.code)
    first_owner = accounts.owner[0]
    last_owner = accounts.owner[count - 1]
    for block in range(len(used)):
        width = padded[block]
        lanes = used[block]
        rows_here = values[block]
        plain_here = asset_plain[block]
        unit_here = weight_unit[block]
        given_here = given[block]
        for k in range(FIGURES):
            for s in range(width):
                a[SUMS + k, s] = 0.0
        for account in range(count):
            first = accounts_first_pool[account]
            last = accounts_first_pool[account + 1]
            owner = accounts_owner[account]
            slot = accounts_netting[account]
            single = last - first == 1
            ok = True
            found = 0
            # Of one pool the figures are the account's, and most blocks hold nothing worse than what is known.
            bar = np.inf
            if single and block > 0:
                bar = bar_of(kept_figures, kept_scenario, account, headline[block])
            for pool in range(first, last):
                if scanning:
                    for s in range(width):
                        a[WORST_ROW, s] = 0.0
                        a[WORST_LOSS, s] = 0.0
                special = walk(
                    acc,
                    constants,
                    starts,
                    pool,
                    codes,
                    value_entries,
                    needs,
                    steps,
                    tokens,
                    nets,
                    legs,
                    markets,
                    rows_here,
                    schedules,
                    pieces,
                    assets,
                    bands,
                    models,
                    weight_row,
                    plain_here,
                    unit_here,
                    given_here,
                    token_balances,
                    width,
                )
                netted = slot > 0 and not accounts_isolated[pool]
                holds = finish_pool(
                    acc,
                    constants,
                    special,
                    status,
                    kept_pool_base,
                    pool,
                    block == 0,
                    netted,
                    accounts_tolerance[pool],
                    accounts_equality[pool],
                    stale,
                    bar,
                    counts,
                    width,
                )
                if netted:
                    # Cross pools of a netting group: losses less margin, and equity, net before the owner's loss is known.
                    for s in range(width):
                        netting[slot - 1, NET_STRESS_LOSS, s] += a[STRESS_LOSS, s]
                        netting[slot - 1, NET_EQUITY, s] += a[POSITIONS, s] + a[COLLATERAL, s]
                        netting[slot - 1, NET_TOLERANCE, s] += accounts_tolerance[pool]
                        a[STRESS_LOSS, s] = max(0.0, a[STRESS_LOSS, s])
                    touched = True
                else:
                    if holds & STRESSED:
                        for s in range(width):
                            owner_loss[0, s] += a[STRESS_LOSS, s]
                        touched = True
                    if holds & SHORT:
                        for s in range(width):
                            owner_loss[1, s] += a[LOSS, s]
                        touched = True
                stale = holds & SHORT != 0
                healthy = holds & BREACHED == 0
                found |= holds
                if pool_rows:
                    for s in range(lanes):
                        write_row(rows, pool, scenario[block, s], acc, s, OK if healthy else status[s])
                if not healthy:
                    if ok:
                        for s in range(width):
                            worst_status[s] = OK
                    for s in range(width):
                        worst_status[s] = max(worst_status[s], status[s])
                    if not accounts_isolated[pool] and slot == 0:
                        for s in range(lanes):
                            owner_default[s] = owner_default[s] or status[s] == DEFAULT
                        touched = True
                    ok = False
                if not single:
                    for k in range(FIGURES):
                        if pool == first:
                            for s in range(width):
                                total[k, s] = a[k, s]
                        else:
                            for s in range(width):
                                total[k, s] += a[k, s]
                    if scanning:
                        # Of several pools the worst row is that of the one with the largest scan loss.
                        for s in range(width):
                            worse = pool == first or a[WORST_LOSS, s] > total[RECORDED, s]
                            total[WORST_ROW, s] = a[WORST_ROW, s] if worse else total[WORST_ROW, s]
                            total[RECORDED, s] = a[WORST_LOSS, s] if worse else total[RECORDED, s]
            if not single:
                for k in range(RECORDED if scanning else FIGURES):
                    for s in range(width):
                        a[k, s] = total[k, s]
                stale = True
            # The first six are summed as pools are finished, and rows that are zero in every lane need not be.
            if found & STRESSED:
                for s in range(width):
                    a[SUMS + STRESS_LOSS, s] += a[STRESS_LOSS, s]
            if found & SHORT:
                larger = 0
                for s in range(lanes):
                    a[SUMS + INITIAL_SHORTFALL, s] += a[INITIAL_SHORTFALL, s]
                    a[SUMS + MARGIN_SHORTFALL, s] += a[MARGIN_SHORTFALL, s]
                    a[SUMS + LOSS, s] += a[LOSS, s]
                    larger += 1 if a[MARGIN_SHORTFALL, s] > totals_largest[block, s] else 0
                if larger > 0:
                    for s in range(lanes):
                        if a[MARGIN_SHORTFALL, s] > totals_largest[block, s]:
                            totals_largest[block, s] = a[MARGIN_SHORTFALL, s]
                            totals_largest_account[block, s] = accounts_code[account]
            if ok:
                totals_all_ok[block] += 1
            else:
                breached = block == 0 or kept_status[account, 0] >= LIQUIDATION
                for code in range(DEFAULT + 1):
                    for s in range(width):
                        totals_statuses[block, code, s] += 1 if worst_status[s] == code else 0
                if not breached:
                    for s in range(width):
                        totals_newly[block, s] += 1 if worst_status[s] >= LIQUIDATION else 0
            if families > 0 and (not ok or found & SHORT):
                if ok:
                    for s in range(width):
                        worst_status[s] = OK
                add_draws(weights, present, draw_sums, account, block, acc, worst_status, lanes)
            if block == 0:
                kept_scenario[account, 0] = 0
                kept_status[account, 0] = OK if ok else worst_status[0]
                for k in range(RECORDED):
                    kept_figures[account, 0, k] = a[k, 0]
            elif not single or found & WORSE:
                keep_worst(kept_figures, kept_status, kept_scenario, account, headline[block], acc, scenario, block, worst_status, ok, width)
            if not pool_rows:
                if keep_all or (block == 0 and keep_breaches):
                    for s in range(lanes):
                        write_row(rows, accounts_code[account], scenario[block, s], acc, s, OK if ok else worst_status[s])
                elif keep_breaches and not ok:
                    for s in range(lanes):
                        if worst_status[s] > OK:
                            write_row(rows, accounts_code[account], scenario[block, s], acc, s, worst_status[s])
            if account + 1 == count or accounts_owner[account + 1] != owner:
                opened = (first_open and owner == first_owner) or (last_open and owner == last_owner)
                if opened:
                    # The same owner may be both the first and the last of a block: then it leaves by edge 0.
                    leave_owner(edges, 0 if owner == first_owner else 1, block, owner_loss, owner_default, netting, slots, lanes)
                elif touched:
                    close_owner(totals, block, owner, owner_loss, owner_default, netting, slots, lanes)
                if touched:
                    owner_loss[:] = 0.0
                    owner_default[:] = False
                    netting[:] = 0.0
                    touched = False
        for k in range(FIGURES):
            for s in range(width):
                totals_figures[block, k, s] += a[SUMS + k, s]


def evaluate(
    program: Program,
    tables: Tables,
    given: Floats,
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
    draws: Draws,
    keep_all: bool,
    keep_breaches: bool,
    pool_rows: bool,
) -> None:
    """All lanes of all accounts of a block; `given` is what rules require (see `given`).

    `first_open`, `last_open`: the first or last owner continues beyond the block.

    `slots`: most netting groups of an owner. With `pool_rows` rows are per pool (all lanes), else per account.
    """
    _evaluate(
        *program,
        *tables.walked(),
        given,
        accumulators(),
        _scratch(scenario.shape[1], slots, program.token_balances()),
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
        draws,
        keep_all,
        keep_breaches,
        pool_rows,
    )
