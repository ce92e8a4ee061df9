"""The loops over lanes that everything else is made of; lanes are scenarios, sums over entries keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import APART, DIRECT, HELD, INITIAL, KEPT, KEPT_BEHIND, MAINTENANCE, NEED_INITIAL, NEED_MAINTENANCE
from stresstest.margin.kernels.jit import kernel

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@kernel
def clear(acc: Records, row: int, width: int) -> None:
    """Set a row to zero."""
    a = acc[0]["rows"]
    for s in range(width):
        a[row, s] = 0.0


@kernel
def clear_pool(acc: Records, width: int) -> None:
    """Set the accumulators that every pool uses to zero."""
    a = acc[0]["rows"]
    for s in range(width):
        a[DIRECT, s] = 0.0
        a[HELD, s] = 0.0
        a[KEPT, s] = 0.0
        a[MAINTENANCE, s] = 0.0
        a[NEED_INITIAL, s] = 0.0
        a[NEED_MAINTENANCE, s] = 0.0


@kernel
def clear_special(acc: Records, width: int) -> None:
    """Set the accumulators of value apart from the balances to zero."""
    a = acc[0]["rows"]
    for s in range(width):
        a[APART, s] = 0.0
        a[INITIAL, s] = 0.0
        a[KEPT_BEHIND, s] = 0.0


@kernel
def add_row(acc: Records, target: int, rows: Floats, row: int, factor: float, width: int) -> None:
    """Add a multiple of a row to an accumulator."""
    a = acc[0]["rows"]
    for s in range(width):
        a[target, s] += factor * rows[row, s]


@kernel
def add_measured(acc: Records, source: int, target: int, factor: float, width: int) -> None:
    """Add a multiple of one accumulator to another."""
    a = acc[0]["rows"]
    for s in range(width):
        a[target, s] += factor * a[source, s]


@kernel
def add_values(acc: Records, target: int, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """target += sum of factor * row, in the order of the entries; several at a time so that the target is read less often."""
    a = acc[0]["rows"]
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
            a[target, s] = (((a[target, s] + a0 * rows[r0, s]) + a1 * rows[r1, s]) + a2 * rows[r2, s]) + a3 * rows[r3, s]
        i += 4
    while i < last:
        add_row(acc, target, rows, entries[i]["row"], entries[i]["factor"], width)
        i += 1


@kernel
def add_positions(acc: Records, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """DIRECT, NEED_MAINTENANCE, NEED_INITIAL += factors * row, in the order of the entries: each row is read once for all three.

    Eight rows are as many as the compiler finds free of overlap with the accumulators; the loops for fewer take what is left.
    """
    a = acc[0]["rows"]
    i = first
    last = first + count
    while i + 8 <= last:
        r0 = entries[i]["row"]
        r1 = entries[i + 1]["row"]
        r2 = entries[i + 2]["row"]
        r3 = entries[i + 3]["row"]
        r4 = entries[i + 4]["row"]
        r5 = entries[i + 5]["row"]
        r6 = entries[i + 6]["row"]
        r7 = entries[i + 7]["row"]
        v0 = entries[i]["factor"]
        v1 = entries[i + 1]["factor"]
        v2 = entries[i + 2]["factor"]
        v3 = entries[i + 3]["factor"]
        v4 = entries[i + 4]["factor"]
        v5 = entries[i + 5]["factor"]
        v6 = entries[i + 6]["factor"]
        v7 = entries[i + 7]["factor"]
        m0 = entries[i]["maintenance"]
        m1 = entries[i + 1]["maintenance"]
        m2 = entries[i + 2]["maintenance"]
        m3 = entries[i + 3]["maintenance"]
        m4 = entries[i + 4]["maintenance"]
        m5 = entries[i + 5]["maintenance"]
        m6 = entries[i + 6]["maintenance"]
        m7 = entries[i + 7]["maintenance"]
        n0 = entries[i]["initial"]
        n1 = entries[i + 1]["initial"]
        n2 = entries[i + 2]["initial"]
        n3 = entries[i + 3]["initial"]
        n4 = entries[i + 4]["initial"]
        n5 = entries[i + 5]["initial"]
        n6 = entries[i + 6]["initial"]
        n7 = entries[i + 7]["initial"]
        for s in range(width):
            x0 = rows[r0, s]
            x1 = rows[r1, s]
            x2 = rows[r2, s]
            x3 = rows[r3, s]
            x4 = rows[r4, s]
            x5 = rows[r5, s]
            x6 = rows[r6, s]
            x7 = rows[r7, s]
            value = (((a[DIRECT, s] + v0 * x0) + v1 * x1) + v2 * x2) + v3 * x3
            a[DIRECT, s] = (((value + v4 * x4) + v5 * x5) + v6 * x6) + v7 * x7
            need = (((a[NEED_MAINTENANCE, s] + m0 * x0) + m1 * x1) + m2 * x2) + m3 * x3
            a[NEED_MAINTENANCE, s] = (((need + m4 * x4) + m5 * x5) + m6 * x6) + m7 * x7
            need = (((a[NEED_INITIAL, s] + n0 * x0) + n1 * x1) + n2 * x2) + n3 * x3
            a[NEED_INITIAL, s] = (((need + n4 * x4) + n5 * x5) + n6 * x6) + n7 * x7
        i += 8
    while i + 4 <= last:
        r0 = entries[i]["row"]
        r1 = entries[i + 1]["row"]
        r2 = entries[i + 2]["row"]
        r3 = entries[i + 3]["row"]
        v0 = entries[i]["factor"]
        v1 = entries[i + 1]["factor"]
        v2 = entries[i + 2]["factor"]
        v3 = entries[i + 3]["factor"]
        m0 = entries[i]["maintenance"]
        m1 = entries[i + 1]["maintenance"]
        m2 = entries[i + 2]["maintenance"]
        m3 = entries[i + 3]["maintenance"]
        n0 = entries[i]["initial"]
        n1 = entries[i + 1]["initial"]
        n2 = entries[i + 2]["initial"]
        n3 = entries[i + 3]["initial"]
        for s in range(width):
            x0 = rows[r0, s]
            x1 = rows[r1, s]
            x2 = rows[r2, s]
            x3 = rows[r3, s]
            a[DIRECT, s] = (((a[DIRECT, s] + v0 * x0) + v1 * x1) + v2 * x2) + v3 * x3
            a[NEED_MAINTENANCE, s] = (((a[NEED_MAINTENANCE, s] + m0 * x0) + m1 * x1) + m2 * x2) + m3 * x3
            a[NEED_INITIAL, s] = (((a[NEED_INITIAL, s] + n0 * x0) + n1 * x1) + n2 * x2) + n3 * x3
        i += 4
    while i + 2 <= last:
        r0 = entries[i]["row"]
        r1 = entries[i + 1]["row"]
        v0 = entries[i]["factor"]
        v1 = entries[i + 1]["factor"]
        m0 = entries[i]["maintenance"]
        m1 = entries[i + 1]["maintenance"]
        n0 = entries[i]["initial"]
        n1 = entries[i + 1]["initial"]
        for s in range(width):
            x0 = rows[r0, s]
            x1 = rows[r1, s]
            a[DIRECT, s] = (a[DIRECT, s] + v0 * x0) + v1 * x1
            a[NEED_MAINTENANCE, s] = (a[NEED_MAINTENANCE, s] + m0 * x0) + m1 * x1
            a[NEED_INITIAL, s] = (a[NEED_INITIAL, s] + n0 * x0) + n1 * x1
        i += 2
    if i < last:
        r0 = entries[i]["row"]
        v0 = entries[i]["factor"]
        m0 = entries[i]["maintenance"]
        n0 = entries[i]["initial"]
        for s in range(width):
            x0 = rows[r0, s]
            a[DIRECT, s] += v0 * x0
            a[NEED_MAINTENANCE, s] += m0 * x0
            a[NEED_INITIAL, s] += n0 * x0


@kernel
def add_needs(acc: Records, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """NEED_MAINTENANCE, NEED_INITIAL += factors * row, for needs that do not follow the row of their position's value."""
    a = acc[0]["rows"]
    i = first
    last = first + count
    while i + 4 <= last:
        r0 = entries[i]["row"]
        r1 = entries[i + 1]["row"]
        r2 = entries[i + 2]["row"]
        r3 = entries[i + 3]["row"]
        m0 = entries[i]["maintenance"]
        m1 = entries[i + 1]["maintenance"]
        m2 = entries[i + 2]["maintenance"]
        m3 = entries[i + 3]["maintenance"]
        n0 = entries[i]["initial"]
        n1 = entries[i + 1]["initial"]
        n2 = entries[i + 2]["initial"]
        n3 = entries[i + 3]["initial"]
        for s in range(width):
            x0 = rows[r0, s]
            x1 = rows[r1, s]
            x2 = rows[r2, s]
            x3 = rows[r3, s]
            a[NEED_MAINTENANCE, s] = (((a[NEED_MAINTENANCE, s] + m0 * x0) + m1 * x1) + m2 * x2) + m3 * x3
            a[NEED_INITIAL, s] = (((a[NEED_INITIAL, s] + n0 * x0) + n1 * x1) + n2 * x2) + n3 * x3
        i += 4
    while i < last:
        r0 = entries[i]["row"]
        m0 = entries[i]["maintenance"]
        n0 = entries[i]["initial"]
        for s in range(width):
            a[NEED_MAINTENANCE, s] += m0 * rows[r0, s]
            a[NEED_INITIAL, s] += n0 * rows[r0, s]
        i += 1


@kernel
def add_collateral(acc: Records, rows: Floats, row: int, amount: float, maintenance: float, kept: int, initial: float, width: int) -> None:
    """HELD, MAINTENANCE and the accumulator `kept` (KEPT of a deposit, INITIAL of a debt) += multiples of one row."""
    a = acc[0]["rows"]
    for s in range(width):
        x = rows[row, s]
        a[HELD, s] += amount * x
        a[MAINTENANCE, s] += maintenance * x
        a[kept, s] += initial * x


@kernel
def add_two_collaterals(acc: Records, rows: Floats, tokens: Records, first: int, width: int) -> None:
    """Two token entries of positive amounts at once: HELD, MAINTENANCE, KEPT += multiples of their rows."""
    a = acc[0]["rows"]
    r0 = tokens[first]["row"]
    r1 = tokens[first + 1]["row"]
    a0 = tokens[first]["amount"]
    a1 = tokens[first + 1]["amount"]
    m0 = tokens[first]["maintenance"]
    m1 = tokens[first + 1]["maintenance"]
    n0 = tokens[first]["initial"]
    n1 = tokens[first + 1]["initial"]
    for s in range(width):
        x0 = rows[r0, s]
        x1 = rows[r1, s]
        a[HELD, s] = (a[HELD, s] + a0 * x0) + a1 * x1
        a[MAINTENANCE, s] = (a[MAINTENANCE, s] + m0 * x0) + m1 * x1
        a[KEPT, s] = (a[KEPT, s] + n0 * x0) + n1 * x1


@kernel
def add_steps(acc: Records, gm: int, gi: int, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """Beyond each threshold another slope and constant, for the maintenance and the initial target; two entries at a time."""
    a = acc[0]["rows"]
    i = first
    last = first + count
    while i + 2 <= last:
        r0 = entries[i]["row"]
        q0 = entries[i]["quantity"]
        t0 = entries[i]["threshold"]
        a0 = entries[i]["maintenance_slope"]
        b0 = entries[i]["maintenance_constant"]
        c0 = entries[i]["initial_slope"]
        d0 = entries[i]["initial_constant"]
        r1 = entries[i + 1]["row"]
        q1 = entries[i + 1]["quantity"]
        t1 = entries[i + 1]["threshold"]
        a1 = entries[i + 1]["maintenance_slope"]
        b1 = entries[i + 1]["maintenance_constant"]
        c1 = entries[i + 1]["initial_slope"]
        d1 = entries[i + 1]["initial_constant"]
        for s in range(width):
            n0 = q0 * rows[r0, s]
            n1 = q1 * rows[r1, s]
            a[gm, s] = (a[gm, s] + (a0 * n0 + b0 if n0 >= t0 else 0.0)) + (a1 * n1 + b1 if n1 >= t1 else 0.0)
            a[gi, s] = (a[gi, s] + (c0 * n0 + d0 if n0 >= t0 else 0.0)) + (c1 * n1 + d1 if n1 >= t1 else 0.0)
        i += 2
    if i < last:
        r0 = entries[i]["row"]
        q0 = entries[i]["quantity"]
        t0 = entries[i]["threshold"]
        a0 = entries[i]["maintenance_slope"]
        b0 = entries[i]["maintenance_constant"]
        c0 = entries[i]["initial_slope"]
        d0 = entries[i]["initial_constant"]
        for s in range(width):
            n0 = q0 * rows[r0, s]
            a[gm, s] += a0 * n0 + b0 if n0 >= t0 else 0.0
            a[gi, s] += c0 * n0 + d0 if n0 >= t0 else 0.0
