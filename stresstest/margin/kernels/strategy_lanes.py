"""What recognised legs need together, over lanes: the lesser of two sums, and of two shorts the one that needs more."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import LONG, MEASURED, NEED_INITIAL, NEED_MAINTENANCE, NETTED, SCRATCH, SHORT
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.loops import clear
from stresstest.margin.kernels.program import ALONE, CALLS, PREMIUMS

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@kernel
def add_lesser(acc: Records, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """NEED_* += min(sum of the entries ALONE, max(0, sum of those TOGETHER))."""
    a = acc[0]["rows"]
    clear(acc, NETTED, width)
    clear(acc, LONG, width)
    clear(acc, SHORT, width)
    clear(acc, SCRATCH, width)
    for k in range(first, first + count):
        row = entries[k]["row"]
        m = entries[k]["maintenance"]
        i = entries[k]["initial"]
        maintenance = NETTED if entries[k]["part"] == ALONE else SHORT
        initial = LONG if entries[k]["part"] == ALONE else SCRATCH
        for s in range(width):
            a[maintenance, s] += m * rows[row, s]
            a[initial, s] += i * rows[row, s]
    for s in range(width):
        a[NEED_MAINTENANCE, s] += min(a[NETTED, s], max(0.0, a[SHORT, s]))
        a[NEED_INITIAL, s] += min(a[LONG, s], max(0.0, a[SCRATCH, s]))


@kernel
def add_greater(acc: Records, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """NEED_* += sum of CALLS where that plus PREMIUMS (value of the calls less that of the puts) is at least that of PUTS, else sum of PUTS."""
    a = acc[0]["rows"]
    clear(acc, NETTED, width)
    clear(acc, LONG, width)
    clear(acc, SHORT, width)
    clear(acc, SCRATCH, width)
    clear(acc, MEASURED, width)
    for k in range(first, first + count):
        row = entries[k]["row"]
        m = entries[k]["maintenance"]
        i = entries[k]["initial"]
        if entries[k]["part"] == PREMIUMS:
            for s in range(width):
                a[MEASURED, s] += m * rows[row, s]
            continue
        maintenance = NETTED if entries[k]["part"] == CALLS else SHORT
        initial = LONG if entries[k]["part"] == CALLS else SCRATCH
        for s in range(width):
            a[maintenance, s] += m * rows[row, s]
            a[initial, s] += i * rows[row, s]
    for s in range(width):
        a[NEED_MAINTENANCE, s] += a[NETTED, s] if a[NETTED, s] + a[MEASURED, s] >= a[SHORT, s] else a[SHORT, s]
        a[NEED_INITIAL, s] += a[LONG, s] if a[LONG, s] + a[MEASURED, s] >= a[SCRATCH, s] else a[SCRATCH, s]
