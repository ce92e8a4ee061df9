"""What is kept of a block: totals, owners, worst scenarios, rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import RECORDED
from stresstest.margin.kernels.figures import BALANCE, DEFAULT, LIQUIDATION, LOSS, MAINTENANCE_MARGIN, MARGIN_SHORTFALL, OK
from stresstest.margin.kernels.jit import kernel, part

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.int8]
Records = npt.NDArray[Any]

LOOK = 16
"""Lanes counted at once before any is looked at alone."""
NET_STRESS_LOSS, NET_EQUITY, NET_TOLERANCE = 0, 1, 2
TOP = 5
"""Owners kept per scenario and basis: enough for Cover-2 and the report's owner table."""
P_LIQUIDATION, P_DEFAULT, P_SHORT, PP_SHORT, PP_SHORT_SQUARED, P_LOSS = 0, 1, 2, 3, 4, 5
MOMENTS = 6


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
    """Partial losses of the first (0) and the last (1) owner of a block.

    `loss` [2, bases, blocks, width], `default`, `netting` [2, slots, 3, blocks, width].
    """

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


class Draws(NamedTuple):
    """Accounts over the scenarios that have a weight.

    `weights` [families, blocks, width]: probability of a lane in its family, zero in lanes outside and in padding; `present` [families, blocks]: the
    block has lanes of the family; `sums` [accounts, families, MOMENTS]: of p over scenarios in liquidation or default, and in default; of p x, p^2 x
    and p^2 x^2 with the margin shortfall x; of p times the uncollateralised loss.
    """

    weights: Floats
    present: npt.NDArray[np.bool_]
    sums: Floats


class Rows(NamedTuple):
    """Rows written out: account (global) or pool (local), scenario, figures, status; `written` [1] counts also those for which there was no room."""

    holder: Codes
    scenario: Codes
    figures: Floats
    status: Bytes
    written: Longs


@kernel
def write_row(rows: Rows, holder: int, scenario: int, acc: Records, lane: int, status: int) -> None:
    """Write a row if there is room, and count it."""
    a = acc[0]["rows"]
    n = rows.written[0]
    rows.written[0] = n + 1
    if n < len(rows.holder):
        rows.holder[n] = holder
        rows.scenario[n] = scenario
        rows.status[n] = status
        for k in range(RECORDED):
            rows.figures[n, k] = a[k, lane]


@kernel
def _headroom(figures: Floats) -> float:
    """What decides which scenario of an account is worst: less its margin shortfall, without one its balance less requirement.

    For one pool the two are the same number. Of several pools, surplus in one does not make good what another is short of.
    """
    short = figures[MARGIN_SHORTFALL]
    return float(-short if short > 0.0 else figures[BALANCE] - figures[MAINTENANCE_MARGIN])


@kernel
def bar_of(kept_figures: Floats, kept_scenario: Codes, account: int, headline: bool) -> float:
    """At or below what a scenario of this block may become the account's worst (see `keep_worst`)."""
    start = 1 if headline else 2
    return _headroom(kept_figures[account, start]) if kept_scenario[account, start] >= 0 else np.inf


@part
def _run(begin: int, width: int) -> tuple[np.uint64, np.uint64]:
    """Lanes [begin, begin + LOOK), unsigned: of a signed lane the compiler must ask whether it counts from the end, and then gathers."""
    return np.uint64(begin), np.uint64(min(begin + LOOK, width))


@kernel
def keep_worst(
    kept_figures: Floats,
    kept_status: Bytes,
    kept_scenario: Codes,
    account: int,
    headline: bool,
    acc: Records,
    scenario: Codes,
    block: int,
    status: Bytes,
    ok: bool,
    width: int,
) -> None:
    """Replace the account's worst scenario (and worst headline scenario) if this block holds a worse one (see `_headroom`).

    Ties go to the first scenario. The worst of all is never above the worst headline. Lanes are looked at one by one only in a run of
    lanes that holds a candidate.
    """
    a = acc[0]["rows"]
    start = 1 if headline else 2
    same = kept_scenario[account, 1] == kept_scenario[account, 2]
    lane = -1
    for which in range(start, 3):
        if which == 1 or not (headline and same):
            known = kept_scenario[account, which]
            best = _headroom(kept_figures[account, which]) if known >= 0 else np.inf
            lane = -1
            for begin in range(0, width, LOOK):
                run = _run(begin, width)
                count = 0
                for s in range(run[0], run[1]):
                    short = a[MARGIN_SHORTFALL, s]
                    count += 1 if (-short if short > 0.0 else a[BALANCE, s] - a[MAINTENANCE_MARGIN, s]) <= best else 0
                if count == 0:
                    continue
                for s in range(run[0], run[1]):
                    short = a[MARGIN_SHORTFALL, s]
                    excess = -short if short > 0.0 else a[BALANCE, s] - a[MAINTENANCE_MARGIN, s]
                    if excess < best or (lane < 0 and excess == best and (known < 0 or scenario[block, s] < known)):
                        best = excess
                        lane = int(np.int64(s))
        # Else the worst of all was the worst headline: the lane just found replaces both.
        if lane >= 0:
            kept_scenario[account, which] = scenario[block, lane]
            kept_status[account, which] = OK if ok else status[lane]
            for k in range(RECORDED):
                kept_figures[account, which, k] = a[k, lane]


@kernel
def add_draws(
    weights: Floats, present: npt.NDArray[np.bool_], sums: Floats, account: int, block: int, acc: Records, status: Bytes, lanes: int
) -> None:
    """Add an account's statuses and shortfalls in the lanes of a block to its sums (see `Draws`)."""
    a = acc[0]["rows"]
    for family in range(len(present)):
        if present[family, block]:
            liquidated = 0.0
            defaulted = 0.0
            short = 0.0
            squared = 0.0
            squares = 0.0
            lost = 0.0
            for s in range(lanes):
                p = weights[family, block, s]
                x = a[MARGIN_SHORTFALL, s]
                liquidated += p if status[s] >= LIQUIDATION else 0.0
                defaulted += p if status[s] == DEFAULT else 0.0
                short += p * x
                squared += p * p * x
                squares += p * p * x * x
                lost += p * a[LOSS, s]
            sums[account, family, P_LIQUIDATION] += liquidated
            sums[account, family, P_DEFAULT] += defaulted
            sums[account, family, P_SHORT] += short
            sums[account, family, PP_SHORT] += squared
            sums[account, family, PP_SHORT_SQUARED] += squares
            sums[account, family, P_LOSS] += lost


@kernel
def _rank(top_loss: Floats, top_owner: Codes, loss: Floats, owner: int, used: int) -> None:
    """Insert an owner's losses [lanes] among the largest of each lane; equal losses keep the earlier owner first."""
    depth = top_loss.shape[0]
    for begin in range(0, used, LOOK):
        run = _run(begin, used)
        count = 0
        for s in range(run[0], run[1]):
            count += 1 if loss[s] > top_loss[depth - 1, s] else 0
        if count == 0:
            continue
        for s in range(run[0], run[1]):
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
    """An owner is complete: net its netting groups, rank its losses, count its default. `loss` [bases, lanes], `netting` [slots, 3, lanes]."""
    for slot in range(slots):
        for s in range(used):
            loss[0, s] += max(0.0, netting[slot, NET_STRESS_LOSS, s])
            loss[1, s] += max(0.0, -netting[slot, NET_EQUITY, s])
            if netting[slot, NET_EQUITY, s] < -netting[slot, NET_TOLERANCE, s]:
                default[s] = True
    for basis in range(2):
        _rank(totals.top_loss[block, basis], totals.top_owner[block, basis], loss[basis], owner, used)
    in_default = totals.owners_in_default
    for s in range(used):
        in_default[block, s] += 1 if default[s] else 0


@kernel
def leave_owner(edges: Edges, edge: int, block: int, loss: Floats, default: npt.NDArray[np.bool_], netting: Floats, slots: int, used: int) -> None:
    """An owner goes on beyond the block: its losses so far, for the merge of blocks. Arrays as for `close_owner`."""
    for s in range(used):
        edges.loss[edge, 0, block, s] = loss[0, s]
        edges.loss[edge, 1, block, s] = loss[1, s]
        edges.default[edge, block, s] = default[s]
    for slot in range(slots):
        for j in range(3):
            for s in range(used):
                edges.netting[edge, slot, j, block, s] = netting[slot, j, s]
