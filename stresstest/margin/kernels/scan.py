"""Run the instructions of a portfolio model over lanes: scan a risk group, bring groups together, require."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import (
    CAPPED,
    EXPIRY_VALUED,
    FLOOR_INITIAL,
    FLOOR_MAINTENANCE,
    LIST_INITIAL,
    LIST_LOSSES,
    LIST_MAINTENANCE,
    MEASURED,
    NEED_INITIAL,
    NEED_MAINTENANCE,
    SCAN_LOSS,
    SCAN_ROW,
    WORST_LOSS,
    WORST_ROW,
)
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.loops import add_row, add_values, clear
from stresstest.margin.kernels.program import (
    CAP,
    CHANGES,
    CREDITED,
    DELTA,
    DELTA_HEDGE,
    EXPIRY_CLOSE,
    EXPIRY_OPEN,
    EXPIRY_VALUE,
    FLOOR_CLOSE,
    FLOOR_OPEN,
    HEDGE,
    LIST_END,
    MOVES,
    POOL_END,
    POOL_OPEN,
    RULE_LISTS,
    SCALE_ADD_ONS,
    SCAN,
    SCAN_END,
    TOKENS,
    VALUES,
)
from stresstest.margin.kernels.scan_cells import add_changes, add_moved, clear_cells, close_expiry, list_rows, worst_row
from stresstest.margin.kernels.scan_tables import ALONE, CORRELATION, LISTED, OFFSETS, OPTIONS, OTHERS, SCANNED, ScanScratch, ScanTables

Floats = npt.NDArray[np.float64]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

# Rows of the store of a pool's groups.
LOSS, SCANNED_LOSS, DELTAS, LEFT, LEAST_MAINTENANCE, LEAST_INITIAL, ROW = 0, 1, 2, 3, 4, 5, 6

LEAST_DELTA = 1e-6  # less is rounding, of either sign, and a credit is a share of it


@kernel
def _measure_tokens(acc: Records, rows: Floats, tokens: Records, first: int, count: int, width: int) -> None:
    """MEASURED = collateral rows at spot."""
    clear(acc, MEASURED, width)
    for k in range(first, first + count):
        add_row(acc, MEASURED, rows, tokens[k]["row"], tokens[k]["amount"], width)


@kernel
def _require(acc: Records, rows: Floats, grid: Records, loss: int, maintenance: int, initial: int, multiplier: float, width: int) -> None:
    """NEED_* += multiplier * max(factor * loss, floor); the rows of accumulators are named. `grid` is one model."""
    a = acc[0]["rows"]
    m = grid[0]["maintenance_factor_row"]
    i = grid[0]["initial_factor_row"]
    for s in range(width):
        a[NEED_MAINTENANCE, s] += multiplier * max(rows[m, s] * a[loss, s], a[maintenance, s])
        a[NEED_INITIAL, s] += multiplier * max(rows[i, s] * a[loss, s], a[initial, s])


@kernel
def _note_worst(acc: Records, grid: Records, width: int) -> None:
    """The pool's worst row is that of its largest scan loss; the first of equal ones."""
    a = acc[0]["rows"]
    code = grid[0]["first_rule"] + 1.0
    for s in range(width):
        worse = a[SCAN_LOSS, s] > a[WORST_LOSS, s]
        a[WORST_ROW, s] = code + a[SCAN_ROW, s] if worse else a[WORST_ROW, s]
        a[WORST_LOSS, s] = a[SCAN_LOSS, s] if worse else a[WORST_LOSS, s]


@kernel
def _end_group(
    acc: Records, rows: Floats, grid: Records, terms: Records, scratch: ScanScratch, group: int, place: int, multiplier: float, width: int
) -> None:
    """The scan loss of the open group, and where it goes."""
    a = acc[0]["rows"]
    worst_row(acc, scratch.cells, SCANNED, grid[0]["rows"], width)
    for s in range(width):
        a[SCAN_LOSS, s] = min(a[SCAN_LOSS, s], a[CAPPED, s])
    together = grid[0]["together"]
    listed = together == OFFSETS and terms[0]["set"] >= 0
    if together == CORRELATION or together == ALONE or (together == OFFSETS and not listed):
        _note_worst(acc, grid, width)
    if together == ALONE or (together == OFFSETS and not listed):
        _require(acc, rows, grid, SCAN_LOSS, FLOOR_MAINTENANCE, FLOOR_INITIAL, multiplier, width)
    elif listed:
        list_rows(scratch.cells, terms[0]["rate"], grid[0]["rows"], width)
        for s in range(width):
            a[LIST_LOSSES, s] += a[SCAN_LOSS, s]
            a[LIST_MAINTENANCE, s] += a[FLOOR_MAINTENANCE, s]
            a[LIST_INITIAL, s] += a[FLOOR_INITIAL, s]
    else:
        store = scratch.store
        scratch.group_of[place] = group
        for s in range(width):
            store[place, LOSS, s] = a[SCAN_LOSS, s]
            store[place, SCANNED_LOSS, s] = a[SCAN_LOSS, s]
            store[place, ROW, s] = a[SCAN_ROW, s]
            store[place, LEAST_MAINTENANCE, s] = a[FLOOR_MAINTENANCE, s]
            store[place, LEAST_INITIAL, s] = a[FLOOR_INITIAL, s]
            store[place, LEFT, s] = store[place, DELTAS, s]


@kernel
def _credit(store: Floats, credit: Records, one: int, two: int, width: int) -> None:
    """Spreads between two groups: what is left of their deltas falls, and their losses by that share of what the scan gave. `credit` is one."""
    terms = credit[0]
    for s in range(width):
        d = store[one, LEFT, s]
        e = store[two, LEFT, s]
        fits = d * e > 0.0 if terms["same_side"] != 0 else d * e < 0.0
        fits = fits and min(abs(store[one, DELTAS, s]), abs(store[two, DELTAS, s])) >= LEAST_DELTA
        n = min(abs(d) / terms["first_ratio"], abs(e) / terms["second_ratio"]) if fits else 0.0
        if n > 0.0:
            store[one, LOSS, s] -= terms["rate"] * n * terms["first_ratio"] / abs(store[one, DELTAS, s]) * store[one, SCANNED_LOSS, s]
            store[two, LOSS, s] -= terms["rate"] * n * terms["second_ratio"] / abs(store[two, DELTAS, s]) * store[two, SCANNED_LOSS, s]
            store[one, LEFT, s] -= np.copysign(n * terms["first_ratio"], d)
            store[two, LEFT, s] -= np.copysign(n * terms["second_ratio"], e)


@kernel
def _end_pool(acc: Records, rows: Floats, grid: Records, scratch: ScanScratch, rho: Floats, count: int, multiplier: float, width: int) -> None:
    """Groups that came together by credits one by one; by correlation as one."""
    a = acc[0]["rows"]
    store = scratch.store
    if grid[0]["together"] != CORRELATION:
        for g in range(count):
            for s in range(width):
                a[SCAN_LOSS, s] = max(0.0, store[g, LOSS, s])
                a[SCAN_ROW, s] = store[g, ROW, s]
                a[FLOOR_MAINTENANCE, s] = store[g, LEAST_MAINTENANCE, s]
                a[FLOOR_INITIAL, s] = store[g, LEAST_INITIAL, s]
            _note_worst(acc, grid, width)
            _require(acc, rows, grid, SCAN_LOSS, FLOOR_MAINTENANCE, FLOOR_INITIAL, multiplier, width)
        return
    clear(acc, SCAN_LOSS, width)
    clear(acc, FLOOR_MAINTENANCE, width)
    clear(acc, FLOOR_INITIAL, width)
    for g in range(count):
        for h in range(count):
            r = rho[scratch.group_of[g], scratch.group_of[h]]
            for s in range(width):
                a[SCAN_LOSS, s] += r * store[g, LOSS, s] * store[h, LOSS, s]
        for s in range(width):
            a[FLOOR_MAINTENANCE, s] += store[g, LEAST_MAINTENANCE, s]
            a[FLOOR_INITIAL, s] += store[g, LEAST_INITIAL, s]
    for s in range(width):
        a[SCAN_LOSS, s] = np.sqrt(max(0.0, a[SCAN_LOSS, s]))
    _require(acc, rows, grid, SCAN_LOSS, FLOOR_MAINTENANCE, FLOOR_INITIAL, multiplier, width)


@kernel
def run_scan(
    acc: Records,
    rows: Floats,
    scans: ScanTables,
    scratch: ScanScratch,
    block: int,
    codes: Records,
    i: int,
    cursor: Counters,
    values: Records,
    tokens: Records,
    changes: Records,
    width: int,
) -> None:
    """Instruction i of a portfolio model. `cursor` [RULE_LISTS + 1] says which entry of each list is next, and last which model is open."""
    a = acc[0]["rows"]
    operation = codes[i]["operation"]
    count = codes[i]["count"]
    x = codes[i]["x"]
    y = codes[i]["y"]
    if operation == POOL_OPEN:
        cursor[RULE_LISTS] = count
        return
    model = cursor[RULE_LISTS]
    grid = scans.grids[model : model + 1]
    columns = grid[0]["columns"]
    if operation == SCAN:
        clear_cells(scratch.cells, SCANNED, grid[0]["rows"] * width)
        for s in range(width):
            a[CAPPED, s] = np.inf
            a[FLOOR_MAINTENANCE, s] = 0.0
            a[FLOOR_INITIAL, s] = 0.0
        if grid[0]["together"] > OFFSETS:
            for s in range(width):
                scratch.store[int(x), DELTAS, s] = 0.0
        elif y != 0.0:
            clear_cells(scratch.cells, LISTED, grid[0]["rows"] * width)
            clear(acc, LIST_LOSSES, width)
            clear(acc, LIST_MAINTENANCE, width)
            clear(acc, LIST_INITIAL, width)
    elif operation == CHANGES:
        add_changes(scratch.cells, int(x), scans.changes[block], changes, cursor[MOVES], count, columns * width)
        cursor[MOVES] += count
    elif operation == HEDGE:
        _measure_tokens(acc, rows, tokens, cursor[TOKENS], count, width)
        cursor[TOKENS] += count
        add_moved(acc, scratch.cells, int(x), scans.shifts, int(y), columns, width)
    elif operation == EXPIRY_OPEN:
        clear_cells(scratch.cells, OPTIONS, columns * width)
        clear_cells(scratch.cells, OTHERS, columns * width)
        clear(acc, EXPIRY_VALUED, width)
    elif operation == EXPIRY_VALUE:
        add_values(acc, EXPIRY_VALUED, rows, values, cursor[VALUES], count, width)
        cursor[VALUES] += count
    elif operation == EXPIRY_CLOSE:
        close_expiry(acc, scratch.cells, rows, grid, scans.rules, scans.expiries[count : count + 1], width)
    elif operation == CAP:
        if x != 0.0:
            clear(acc, CAPPED, width)
        clear(acc, MEASURED, width)
        add_values(acc, MEASURED, rows, values, cursor[VALUES], count, width)
        cursor[VALUES] += count
        for s in range(width):
            a[CAPPED, s] += max(0.0, a[MEASURED, s])
    elif operation == FLOOR_OPEN:
        # What was required before stands aside in the rows of the floor.
        for s in range(width):
            a[FLOOR_MAINTENANCE, s] = a[NEED_MAINTENANCE, s]
            a[FLOOR_INITIAL, s] = a[NEED_INITIAL, s]
            a[NEED_MAINTENANCE, s] = 0.0
            a[NEED_INITIAL, s] = 0.0
    elif operation == FLOOR_CLOSE:
        for s in range(width):
            m = a[NEED_MAINTENANCE, s] + x
            j = a[NEED_INITIAL, s] + y
            a[NEED_MAINTENANCE, s] = a[FLOOR_MAINTENANCE, s]
            a[NEED_INITIAL, s] = a[FLOOR_INITIAL, s]
            a[FLOOR_MAINTENANCE, s] = m
            a[FLOOR_INITIAL, s] = j
    elif operation == SCALE_ADD_ONS:
        by_m = grid[0]["maintenance_factor_row"]
        by_i = grid[0]["initial_factor_row"]
        for s in range(width):
            a[NEED_MAINTENANCE, s] = rows[by_m, s] * (a[NEED_MAINTENANCE, s] + x)
            a[NEED_INITIAL, s] = rows[by_i, s] * (a[NEED_INITIAL, s] + y)
    elif operation == DELTA:
        clear(acc, MEASURED, width)
        add_values(acc, MEASURED, rows, values, cursor[VALUES], count, width)
        cursor[VALUES] += count
        for s in range(width):
            scratch.store[int(x), DELTAS, s] += a[MEASURED, s]
    elif operation == DELTA_HEDGE:
        _measure_tokens(acc, rows, tokens, cursor[TOKENS], count, width)
        cursor[TOKENS] += count
        for s in range(width):
            scratch.store[int(x), DELTAS, s] += a[MEASURED, s]
    elif operation == SCAN_END:
        _end_group(acc, rows, grid, scans.terms[model, count : count + 1], scratch, count, int(y), x, width)
    elif operation == LIST_END:
        worst_row(acc, scratch.cells, LISTED, grid[0]["rows"], width)
        for s in range(width):
            a[SCAN_LOSS, s] = min(a[SCAN_LOSS, s], a[LIST_LOSSES, s])
        _note_worst(acc, grid, width)
        _require(acc, rows, grid, SCAN_LOSS, LIST_MAINTENANCE, LIST_INITIAL, x, width)
    elif operation == CREDITED:
        _credit(scratch.store, scans.credits[count : count + 1], int(x), int(y), width)
    elif operation == POOL_END:
        k = max(0, scans.correlation_of[model])
        _end_pool(acc, rows, grid, scratch, scans.correlation[k], count, x, width)
