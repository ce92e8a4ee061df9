"""The loops over the cells of a grid: columns (or rows) of lanes, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import EXPIRY_VALUED, MEASURED, SCAN_LOSS, SCAN_ROW
from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.scan_tables import ABSOLUTE, LISTED, LOSSES, OPTIONS, OTHERS, SCANNED

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@kernel
def clear_cells(cells: Records, which: int, count: int) -> None:
    """Set the first cells of a set to zero."""
    c = cells[0]["cells"]
    for k in range(count):
        c[which, k] = 0.0


@kernel
def add_changes(cells: Records, which: int, changes: Floats, entries: Records, first: int, count: int, length: int) -> None:
    """Cells += sum of factor * change, in the order of the entries; eight at a time so that the cells are read less often."""
    c = cells[0]["cells"]
    i = first
    last = first + count
    while i + 8 <= last:
        r0 = entries[i]["entry"]
        r1 = entries[i + 1]["entry"]
        r2 = entries[i + 2]["entry"]
        r3 = entries[i + 3]["entry"]
        r4 = entries[i + 4]["entry"]
        r5 = entries[i + 5]["entry"]
        r6 = entries[i + 6]["entry"]
        r7 = entries[i + 7]["entry"]
        f0 = entries[i]["factor"]
        f1 = entries[i + 1]["factor"]
        f2 = entries[i + 2]["factor"]
        f3 = entries[i + 3]["factor"]
        f4 = entries[i + 4]["factor"]
        f5 = entries[i + 5]["factor"]
        f6 = entries[i + 6]["factor"]
        f7 = entries[i + 7]["factor"]
        for k in range(length):
            half = (((c[which, k] + f0 * changes[r0, k]) + f1 * changes[r1, k]) + f2 * changes[r2, k]) + f3 * changes[r3, k]
            c[which, k] = (((half + f4 * changes[r4, k]) + f5 * changes[r5, k]) + f6 * changes[r6, k]) + f7 * changes[r7, k]
        i += 8
    while i + 2 <= last:
        r0 = entries[i]["entry"]
        r1 = entries[i + 1]["entry"]
        f0 = entries[i]["factor"]
        f1 = entries[i + 1]["factor"]
        for k in range(length):
            c[which, k] = (c[which, k] + f0 * changes[r0, k]) + f1 * changes[r1, k]
        i += 2
    while i < last:
        r0 = entries[i]["entry"]
        f0 = entries[i]["factor"]
        for k in range(length):
            c[which, k] += f0 * changes[r0, k]
        i += 1


@part
def _unsigned(start: int, count: int) -> tuple[np.uint64, np.uint64, np.uint64]:
    """Zero, a number of lanes and where they begin, unsigned: of a signed sum the compiler must ask whether it counts from the end."""
    return np.uint64(0), np.uint64(count), np.uint64(start)


@kernel
def add_moved(acc: Records, cells: Records, which: int, shifts: Floats, moves: int, columns: int, width: int) -> None:
    """Cells += the value in MEASURED times the relative move in every column."""
    a = acc[0]["rows"]
    c = cells[0]["cells"]
    for column in range(columns):
        zero, lanes, start = _unsigned(column * width, width)
        move = shifts[moves, column]
        if move != 0.0:
            for s in range(zero, lanes):
                c[which, start + s] += move * a[MEASURED, s]


@kernel
def close_expiry(acc: Records, cells: Records, rows: Floats, grid: Records, rules: Records, expiry: Records, width: int) -> None:
    """The rows of a group += weight * h(P) of the open expiry: P from its columns, discounted, the worse of two. `grid`, `expiry` are one each."""
    a = acc[0]["rows"]
    c = cells[0]["cells"]
    years = expiry[0]["years_row"]
    positive = expiry[0]["positive_row"]
    negative = expiry[0]["negative_row"]
    for row in range(grid[0]["rows"]):
        rule = rules[grid[0]["first_rule"] + row]
        zero, lanes, one = _unsigned(rule["first_column"] * width, width)
        two = np.uint64((rule["first_column"] + rule["columns"] - 1) * width)
        here = np.uint64(row * width)
        mode = rule["expiries"]
        weight = rule["weight"]
        slope = rule["weight_per_year"]
        discounted = rule["discounted"] != 0
        for s in range(zero, lanes):
            value = a[EXPIRY_VALUED, s]
            p = c[OPTIONS, one + s]
            q = c[OPTIONS, two + s]
            if discounted:
                v = value + p
                p = v * (rows[positive, s] if v > 0.0 else rows[negative, s]) - value
                v = value + q
                q = v * (rows[positive, s] if v > 0.0 else rows[negative, s]) - value
            p = min(p + c[OTHERS, one + s], q + c[OTHERS, two + s])
            if mode == LOSSES:
                p = min(0.0, p)
            elif mode == ABSOLUTE:
                p = -abs(p)
            c[SCANNED, here + s] += (weight + slope * rows[years, s]) * p


@kernel
def worst_row(acc: Records, cells: Records, which: int, count: int, width: int) -> None:
    """SCAN_LOSS = max(0, - smallest P of the rows), SCAN_ROW = the first row that gives it."""
    a = acc[0]["rows"]
    c = cells[0]["cells"]
    for s in range(width):
        a[SCAN_LOSS, s] = -c[which, s]
        a[SCAN_ROW, s] = 0.0
    for row in range(1, count):
        zero, lanes, start = _unsigned(row * width, width)
        number = float(row)
        for s in range(zero, lanes):
            loss = -c[which, start + s]
            known = a[SCAN_LOSS, s]
            first = a[SCAN_ROW, s]
            a[SCAN_ROW, s] = number if loss > known else first
            a[SCAN_LOSS, s] = max(known, loss)
    for s in range(width):
        a[SCAN_LOSS, s] = max(0.0, a[SCAN_LOSS, s])


@kernel
def list_rows(cells: Records, rate: float, count: int, width: int) -> None:
    """The rows of a list of groups += those of the open group, gains times the rate."""
    c = cells[0]["cells"]
    for row in range(count):
        zero, lanes, start = _unsigned(row * width, width)
        for s in range(zero, lanes):
            p = c[SCANNED, start + s]
            c[LISTED, start + s] += p if p < 0.0 else rate * p
