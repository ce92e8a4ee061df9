"""Evaluate the pools of a block over all lanes and reduce at once: totals, owners, worst scenarios, rows to keep.

Nothing of size accounts x scenarios is held. Accounts of a block follow each other by owner; an owner that continues into the
next block (or came from the one before) leaves its partial losses in `Edges`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.fold import Program
from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.lanes import aligned
from stresstest.margin.kernels.tables import Tables
from stresstest.margin.kernels.walk import (
    ACCUMULATORS, APART, DIRECT, FIGURES, INITIAL, KEPT, KEPT_BEHIND, MAINTENANCE, NEED_INITIAL, NEED_MAINTENANCE, walk,
)

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.int8]
Records = npt.NDArray[Any]

# Figures of a pool or an account, in this order everywhere below.
POSITIONS, COLLATERAL, INITIAL_BALANCE, BALANCE, INITIAL_MARGIN, MAINTENANCE_MARGIN = 0, 1, 2, 3, 4, 5
INITIAL_SHORTFALL, MARGIN_SHORTFALL, LOSS, STRESS_LOSS = 6, 7, 8, 9
NET_LOSS, NET_MARGIN, NET_EQUITY, NET_TOLERANCE = 0, 1, 2, 3

OK, CALL, LIQUIDATION, DEFAULT = 0, 1, 2, 3

TOP = 5
"""Owners kept per scenario and basis: enough for Cover-2 and the report's owner table."""


class Accounts(NamedTuple):
    """The accounts of a block: `first_pool` [accounts + 1] local, `code` global, `owner` code, `netting` slot within the owner (0 = none).

    [pools]: `isolated`, `tolerance`, `equality` (breach at equality).
    """

    first_pool: Longs
    code: Codes
    owner: Codes
    netting: Codes
    isolated: npt.NDArray[np.bool_]
    tolerance: Floats
    equality: npt.NDArray[np.bool_]


class Totals(NamedTuple):
    """[blocks, ..., width]: sums of figures, counts by status, newly breached, owners in default, top owners, largest account."""

    figures: Floats
    statuses: Longs
    all_ok: Longs
    newly: Longs
    owners_in_default: Longs
    top_loss: Floats
    top_owner: Codes
    largest: Floats
    largest_account: Codes


class Edges(NamedTuple):
    """Partial losses of the first (0) and the last (1) owner of a block: `loss` [2, bases, blocks, width], `default`, `netting` [2, slots, 4, blocks, width]."""

    loss: Floats
    default: npt.NDArray[np.bool_]
    netting: Floats


class Kept(NamedTuple):
    """What is kept per account [accounts, 3 = base, worst headline, worst]: figures, status, scenario (-1 = none); base figures per pool."""

    figures: Floats
    status: Bytes
    scenario: Codes
    pool_base: Floats
    """[pools, 4]: position value, initial margin, K, collateral value at base."""


class Rows(NamedTuple):
    """Rows written out: account (global) or pool (local), scenario, figures, status; `count` [1] counts also those for which there was no room."""

    holder: Codes
    scenario: Codes
    figures: Floats
    status: Bytes
    count: Longs


SHORT, BREACHED, STRESSED = 1, 2, 4
"""What a pool's lanes hold, as bits: a shortfall or a loss, a status other than ok, a stress loss over margin."""


@part
def _finish_pool(
    figures: Floats, constants: Floats, status: Bytes, base: Floats, is_base: bool, tolerance: float, equality: bool, stale: bool, width: int,
) -> int:
    """Turn a pool's accumulators into its figures, in place; returns which of SHORT, BREACHED, STRESSED occur.

    Without SHORT the shortfall rows are zero (`stale`: they are not yet); without BREACHED the status is not filled: every lane is ok.
    Lanes are counted, not compared in turn: counts vectorise, running maxima do not.
    """
    direct = figures[DIRECT]
    kept = figures[KEPT]
    behind = figures[KEPT_BEHIND]
    positions = figures[POSITIONS]
    collateral = figures[COLLATERAL]
    balance = figures[BALANCE]
    need = figures[MAINTENANCE_MARGIN]
    count = 0
    constant = constants[APART] + constants[DIRECT]
    for s in range(width):
        positions[s] += direct[s] + constant
        count += 1 if positions[s] + collateral[s] < 0.0 else 0
    if constants[NEED_MAINTENANCE] != 0.0:
        constant = constants[NEED_MAINTENANCE]
        for s in range(width):
            need[s] += constant
    constant = constants[MAINTENANCE] + constants[DIRECT]
    for s in range(width):
        balance[s] += direct[s] + constant
        count += 1 if need[s] > balance[s] else 0
    balance = figures[INITIAL_BALANCE]
    need = figures[INITIAL_MARGIN]
    if constants[NEED_INITIAL] != 0.0:
        constant = constants[NEED_INITIAL]
        for s in range(width):
            need[s] += constant
    constant = (constants[INITIAL] + constants[KEPT]) + constants[DIRECT]
    for s in range(width):
        balance[s] += (direct[s] + kept[s]) + constant
        count += 1 if need[s] > balance[s] else 0
    constant = constants[KEPT]
    if is_base:
        base[0] = positions[0]
        base[1] = need[0]
        base[2] = kept[0] + behind[0] + constant
        base[3] = collateral[0]
    start = base[0]
    margin = base[1]
    stress = figures[STRESS_LOSS]
    stressed = 0
    if base[2] > 0.0:
        inverse = 1.0 / base[2]
        for s in range(width):
            stress[s] = max(0.0, (start - positions[s]) - min(1.0, max(0.0, (kept[s] + behind[s] + constant) * inverse)) * margin)
            stressed += 1 if stress[s] > 0.0 else 0
    else:
        for s in range(width):
            stress[s] = max(0.0, (start - positions[s]) - margin)
            stressed += 1 if stress[s] > 0.0 else 0
    found = STRESSED if stressed > 0 else 0
    if count == 0 and stale:
        for k in (INITIAL_SHORTFALL, MARGIN_SHORTFALL, LOSS):
            row = figures[k]
            for s in range(width):
                row[s] = 0.0
    if count > 0:
        found |= SHORT
        for s in range(width):
            figures[MARGIN_SHORTFALL, s] = max(0.0, figures[MAINTENANCE_MARGIN, s] - figures[BALANCE, s])
        for s in range(width):
            figures[INITIAL_SHORTFALL, s] = max(0.0, figures[INITIAL_MARGIN, s] - figures[INITIAL_BALANCE, s])
        for s in range(width):
            figures[LOSS, s] = max(0.0, -(positions[s] + collateral[s]))
    if count > 0 or equality:
        for s in range(width):
            code = OK
            gap = figures[INITIAL_MARGIN, s] - figures[INITIAL_BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and figures[INITIAL_MARGIN, s] > 0.0):
                code = CALL
            gap = figures[MAINTENANCE_MARGIN, s] - figures[BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and figures[MAINTENANCE_MARGIN, s] > 0.0):
                code = LIQUIDATION
            if figures[LOSS, s] > tolerance:
                code = DEFAULT
            status[s] = code
            if code != OK:
                found |= BREACHED
    return found


@kernel
def _accumulate(target: Floats, row: Floats, width: int) -> None:
    for s in range(width):
        target[s] += row[s]


@kernel
def _emit(rows: Rows, holder: int, scenario: int, figures: Floats, lane: int, status: int) -> None:
    n = rows.count[0]
    rows.count[0] = n + 1
    if n < len(rows.holder):
        rows.holder[n] = holder
        rows.scenario[n] = scenario
        rows.status[n] = status
        for k in range(FIGURES):
            rows.figures[n, k] = figures[k, lane]


@part
def _keep_worst(kept: Kept, account: int, headline: bool, figures: Floats, scenario: Codes, status: Bytes, ok: bool, width: int) -> None:
    """Replace the account's worst scenario (and worst headline scenario) if this block holds a smaller balance less requirement.

    Ties go to the first scenario. The worst of all is never above the worst headline, so most blocks are done after one count.
    """
    balance = figures[BALANCE]
    need = figures[MAINTENANCE_MARGIN]
    start = 1 if headline else 2
    known = kept.scenario[account, start]
    best = kept.figures[account, start, BALANCE] - kept.figures[account, start, MAINTENANCE_MARGIN] if known >= 0 else np.inf
    count = 0
    for s in range(width):
        count += 1 if balance[s] - need[s] <= best else 0
    if count == 0:
        return
    for which in range(start, 3):
        known = kept.scenario[account, which]
        best = kept.figures[account, which, BALANCE] - kept.figures[account, which, MAINTENANCE_MARGIN] if known >= 0 else np.inf
        lane = -1
        for s in range(width):
            excess = balance[s] - need[s]
            if excess < best or (lane < 0 and excess == best and (known < 0 or scenario[s] < known)):
                best = excess
                lane = s
        if lane < 0:
            continue
        kept.scenario[account, which] = scenario[lane]
        kept.status[account, which] = OK if ok else status[lane]
        for k in range(FIGURES):
            kept.figures[account, which, k] = figures[k, lane]


@part
def _rank(top_loss: Floats, top_owner: Codes, loss: Floats, owner: int, used: int) -> None:
    """Insert an owner's losses [lanes] among the largest of each lane; equal losses keep the earlier owner first."""
    depth = top_loss.shape[0]
    for s in range(used):
        amount = loss[s]
        if amount > top_loss[depth - 1, s]:
            k = depth - 1
            while k > 0 and amount > top_loss[k - 1, s]:
                top_loss[k, s] = top_loss[k - 1, s]
                top_owner[k, s] = top_owner[k - 1, s]
                k -= 1
            top_loss[k, s] = amount
            top_owner[k, s] = owner


@kernel
def close_owner(totals: Totals, block: int, owner: int, loss: Floats, default: npt.NDArray[np.bool_], netting: Floats, slots: int, used: int) -> None:
    """An owner is complete: net its netting groups, rank its losses, count its default. `loss` [bases, lanes], `netting` [slots, 4, lanes]."""
    for slot in range(slots):
        for s in range(used):
            loss[0, s] += max(0.0, netting[slot, NET_LOSS, s] - netting[slot, NET_MARGIN, s])
            loss[1, s] += max(0.0, -netting[slot, NET_EQUITY, s])
            if netting[slot, NET_EQUITY, s] < -netting[slot, NET_TOLERANCE, s]:
                default[s] = True
    for basis in range(2):
        _rank(totals.top_loss[block, basis], totals.top_owner[block, basis], loss[basis], owner, used)
    for s in range(used):
        if default[s]:
            totals.owners_in_default[block, s] += 1


@kernel
def _evaluate(
    starts: Longs, codes: Records, value_entries: Records, needs: Records, steps: Records, tokens: Records, nets: Records, legs: Records,
    values: Floats, schedules: Records, pieces: Floats, assets: Records, bands: Floats, models: Records, weight_row: Codes,
    asset_plain: npt.NDArray[np.bool_], weight_unit: npt.NDArray[np.bool_], acc: Floats,
    accounts: Accounts, scenario: Codes, used: Longs, padded: Longs, headline: npt.NDArray[np.bool_],
    first_open: bool, last_open: bool, slots: int, totals: Totals, edges: Edges, kept: Kept, rows: Rows, keep_all: bool, keep_breaches: bool,
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
                    acc, constants, starts[pool], starts[pool + 1], codes, value_entries, needs, steps, tokens, nets, legs, values[block], schedules, pieces,
                    assets, bands, models, weight_row, asset_plain[block], weight_unit[block], to, by, width,
                )
                holds = _finish_pool(
                    acc, constants, status, kept.pool_base[pool], block == 0, accounts.tolerance[pool], accounts.equality[pool], stale, width,
                )
                stale = holds & SHORT != 0
                healthy = holds & BREACHED == 0
                found |= holds
                if pool_rows:
                    for s in range(lanes):
                        _emit(rows, pool, scenario[block, s], figures, s, OK if healthy else status[s])
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
                        _accumulate(owner_loss[0], figures[STRESS_LOSS], width)
                        touched = True
                    if holds & SHORT:
                        _accumulate(owner_loss[1], figures[LOSS], width)
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
                _accumulate(totals.figures[block, k], sums[k], width)
            if found & STRESSED:
                _accumulate(totals.figures[block, STRESS_LOSS], sums[STRESS_LOSS], width)
            if found & SHORT:
                for k in range(INITIAL_SHORTFALL, STRESS_LOSS):
                    _accumulate(totals.figures[block, k], sums[k], width)
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
                _keep_worst(kept, account, headline[block], sums, scenario[block], worst_status, ok, width)
            if not pool_rows:
                if keep_all or (block == 0 and keep_breaches):
                    for s in range(lanes):
                        _emit(rows, accounts.code[account], scenario[block, s], sums, s, OK if ok else worst_status[s])
                elif keep_breaches and not ok:
                    for s in range(lanes):
                        if worst_status[s] > OK:
                            _emit(rows, accounts.code[account], scenario[block, s], sums, s, worst_status[s])
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
    program: Program, tables: Tables, accounts: Accounts, scenario: Codes, used: Longs, padded: Longs, headline: npt.NDArray[np.bool_],
    first_open: bool, last_open: bool, slots: int, totals: Totals, edges: Edges, kept: Kept, rows: Rows, keep_all: bool, keep_breaches: bool,
    pool_rows: bool,
) -> None:
    """All lanes of all accounts of a block. `first_open`, `last_open`: the first or last owner continues beyond the block.

    `slots`: most netting groups of an owner. With `pool_rows` rows are per pool (all lanes), else per account.
    """
    _evaluate(
        *program, tables.values, tables.schedules, tables.pieces, tables.assets, tables.bands, tables.models, tables.weight_row, tables.asset_plain,
        tables.weight_unit, aligned(ACCUMULATORS, scenario.shape[1]), accounts, scenario, used, padded, headline, first_open, last_open, slots, totals, edges, kept, rows, keep_all, keep_breaches,
        pool_rows,
    )
