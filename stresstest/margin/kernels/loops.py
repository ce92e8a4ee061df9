"""The loops over lanes that everything else is made of; lanes are scenarios, sums over entries keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel, part

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@kernel
def clear(row: Floats, width: int) -> None:
    """Set the lanes to zero."""
    for s in range(width):
        row[s] = 0.0


@kernel
def accumulate(target: Floats, row: Floats, width: int) -> None:
    """Add the row to target."""
    for s in range(width):
        target[s] += row[s]


@part
def add_row(target: Floats, row: Floats, factor: float, width: int) -> None:
    """Add a multiple of the row to target."""
    for s in range(width):
        target[s] += factor * row[s]


@part
def add_values(target: Floats, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """target += sum of factor * row, in the order of the entries; several at a time so that the target is read less often."""
    i = first
    last = first + count
    while i + 4 <= last:
        r0 = rows[entries[i]["row"]]
        r1 = rows[entries[i + 1]["row"]]
        r2 = rows[entries[i + 2]["row"]]
        r3 = rows[entries[i + 3]["row"]]
        a0 = entries[i]["factor"]
        a1 = entries[i + 1]["factor"]
        a2 = entries[i + 2]["factor"]
        a3 = entries[i + 3]["factor"]
        for s in range(width):
            target[s] = (((target[s] + a0 * r0[s]) + a1 * r1[s]) + a2 * r2[s]) + a3 * r3[s]
        i += 4
    while i + 2 <= last:
        r0 = rows[entries[i]["row"]]
        r1 = rows[entries[i + 1]["row"]]
        a0 = entries[i]["factor"]
        a1 = entries[i + 1]["factor"]
        for s in range(width):
            target[s] = (target[s] + a0 * r0[s]) + a1 * r1[s]
        i += 2
    if i < last:
        r0 = rows[entries[i]["row"]]
        a0 = entries[i]["factor"]
        for s in range(width):
            target[s] = target[s] + a0 * r0[s]


@part
def add_needs(maintenance: Floats, initial: Floats, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """The same for both requirements at once."""
    i = first
    last = first + count
    while i + 4 <= last:
        r0 = rows[entries[i]["row"]]
        r1 = rows[entries[i + 1]["row"]]
        r2 = rows[entries[i + 2]["row"]]
        r3 = rows[entries[i + 3]["row"]]
        a0 = entries[i]["maintenance"]
        a1 = entries[i + 1]["maintenance"]
        a2 = entries[i + 2]["maintenance"]
        a3 = entries[i + 3]["maintenance"]
        for s in range(width):
            maintenance[s] = (((maintenance[s] + a0 * r0[s]) + a1 * r1[s]) + a2 * r2[s]) + a3 * r3[s]
        a0 = entries[i]["initial"]
        a1 = entries[i + 1]["initial"]
        a2 = entries[i + 2]["initial"]
        a3 = entries[i + 3]["initial"]
        for s in range(width):
            initial[s] = (((initial[s] + a0 * r0[s]) + a1 * r1[s]) + a2 * r2[s]) + a3 * r3[s]
        i += 4
    while i < last:
        r0 = rows[entries[i]["row"]]
        a0 = entries[i]["maintenance"]
        a1 = entries[i]["initial"]
        for s in range(width):
            maintenance[s] = maintenance[s] + a0 * r0[s]
            initial[s] = initial[s] + a1 * r0[s]
        i += 1


@part
def add_steps(maintenance: Floats, initial: Floats, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """Beyond each threshold another slope and constant, for the maintenance and the initial target."""
    for i in range(first, first + count):
        entry = entries[i]
        row = rows[entry["row"]]
        quantity = entry["quantity"]
        threshold = entry["threshold"]
        a = entry["maintenance_slope"]
        b = entry["maintenance_constant"]
        for s in range(width):
            n = quantity * row[s]
            maintenance[s] += a * n + b if n >= threshold else 0.0
        a = entry["initial_slope"]
        b = entry["initial_constant"]
        for s in range(width):
            n = quantity * row[s]
            initial[s] += a * n + b if n >= threshold else 0.0
