"""The loops over lanes that everything else is made of; lanes are scenarios, sums over entries keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel

Floats = npt.NDArray[np.float64]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@kernel
def clear(acc: Floats, row: int, width: int) -> None:
    """Set a row to zero."""
    for s in range(width):
        acc[row, s] = 0.0


@kernel
def add_row(acc: Floats, target: int, rows: Floats, row: int, factor: float, width: int) -> None:
    """Add a multiple of a row to an accumulator."""
    for s in range(width):
        acc[target, s] += factor * rows[row, s]


@kernel
def add_values(acc: Floats, target: int, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """target += sum of factor * row, in the order of the entries; several at a time so that the target is read less often."""
    i = first
    last = first + count
    while i + 4 <= last:
        r0 = entries[i]["row"]
        r1 = entries[i + 1]["row"]
        r2 = entries[i + 2]["row"]
        r3 = entries[i + 3]["row"]
        a0 = entries[i]["factor"]
        a1 = entries[i + 1]["factor"]
        a2 = entries[i + 2]["factor"]
        a3 = entries[i + 3]["factor"]
        for s in range(width):
            acc[target, s] = (((acc[target, s] + a0 * rows[r0, s]) + a1 * rows[r1, s]) + a2 * rows[r2, s]) + a3 * rows[r3, s]
        i += 4
    while i + 2 <= last:
        r0 = entries[i]["row"]
        r1 = entries[i + 1]["row"]
        a0 = entries[i]["factor"]
        a1 = entries[i + 1]["factor"]
        for s in range(width):
            acc[target, s] = (acc[target, s] + a0 * rows[r0, s]) + a1 * rows[r1, s]
        i += 2
    if i < last:
        add_row(acc, target, rows, entries[i]["row"], entries[i]["factor"], width)


@kernel
def add_needs(acc: Floats, gm: int, gi: int, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """The same for both requirements at once. Three rows and two targets are what the compiler still finds free of overlap."""
    i = first
    last = first + count
    while i + 3 <= last:
        r0 = entries[i]["row"]
        r1 = entries[i + 1]["row"]
        r2 = entries[i + 2]["row"]
        a0 = entries[i]["maintenance"]
        a1 = entries[i + 1]["maintenance"]
        a2 = entries[i + 2]["maintenance"]
        b0 = entries[i]["initial"]
        b1 = entries[i + 1]["initial"]
        b2 = entries[i + 2]["initial"]
        for s in range(width):
            acc[gm, s] = ((acc[gm, s] + a0 * rows[r0, s]) + a1 * rows[r1, s]) + a2 * rows[r2, s]
            acc[gi, s] = ((acc[gi, s] + b0 * rows[r0, s]) + b1 * rows[r1, s]) + b2 * rows[r2, s]
        i += 3
    while i < last:
        r0 = entries[i]["row"]
        a0 = entries[i]["maintenance"]
        b0 = entries[i]["initial"]
        for s in range(width):
            acc[gm, s] += a0 * rows[r0, s]
            acc[gi, s] += b0 * rows[r0, s]
        i += 1


@kernel
def add_row_thrice(acc: Floats, to: Counters, by: Floats, rows: Floats, row: int, width: int) -> None:
    """Add three multiples of one row to three accumulators: the row is read once."""
    t0 = to[0]
    t1 = to[1]
    t2 = to[2]
    a0 = by[0]
    a1 = by[1]
    a2 = by[2]
    for s in range(width):
        acc[t0, s] += a0 * rows[row, s]
        acc[t1, s] += a1 * rows[row, s]
        acc[t2, s] += a2 * rows[row, s]


@kernel
def add_steps(acc: Floats, gm: int, gi: int, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """Beyond each threshold another slope and constant, for the maintenance and the initial target."""
    for i in range(first, first + count):
        row = entries[i]["row"]
        quantity = entries[i]["quantity"]
        threshold = entries[i]["threshold"]
        a = entries[i]["maintenance_slope"]
        b = entries[i]["maintenance_constant"]
        c = entries[i]["initial_slope"]
        d = entries[i]["initial_constant"]
        for s in range(width):
            n = quantity * rows[row, s]
            acc[gm, s] += a * n + b if n >= threshold else 0.0
            acc[gi, s] += c * n + d if n >= threshold else 0.0
