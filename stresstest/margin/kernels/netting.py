"""The requirement of an underlying netted across instruments, over lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import LONG, NEED_INITIAL, NEED_MAINTENANCE, NETTED, SHORT
from stresstest.margin.kernels.jit import part
from stresstest.margin.kernels.loops import add_row, clear
from stresstest.margin.kernels.tables import INITIAL_CONSTANT, INITIAL_SLOPE, MAINTENANCE_CONSTANT, MAINTENANCE_SLOPE, START

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@part
def add_net(
    acc: Records, rows: Floats, entry: Records, legs: Records, leg: int, schedules: Records, pieces: Floats, models: Records, width: int
) -> None:
    """T(|L - H|) + spread_rate * min(L, H), initially at least |L - H| / leverage; L, H: nets per expiry of either sign. `entry` is one net."""
    a = acc[0]["rows"]
    multiplier = entry[0]["multiplier"]
    terms = schedules[entry[0]["schedule"]]
    clear(acc, LONG, width)
    clear(acc, SHORT, width)
    i = leg
    last = leg + entry[0]["legs"]
    while i < last:
        clear(acc, NETTED, width)
        expiry = legs[i]["key"]
        while i < last and legs[i]["key"] == expiry:
            add_row(acc, NETTED, rows, legs[i]["row"], legs[i]["quantity"], width)
            i += 1
        for s in range(width):
            a[LONG, s] += max(0.0, a[NETTED, s])
            a[SHORT, s] += max(0.0, -a[NETTED, s])
    m_spread = models[entry[0]["model"]]["maintenance_spread"]
    i_spread = models[entry[0]["model"]]["initial_spread"]
    leverage = entry[0]["leverage"]
    least = 1.0 / leverage if leverage > 0.0 else 0.0
    for s in range(width):
        net = abs(a[LONG, s] - a[SHORT, s])
        matched = min(a[LONG, s], a[SHORT, s])
        m = 0.0
        j = 0.0
        for k in range(terms["first"], terms["first"] + terms["count"]):
            if net >= pieces[k, START]:
                m = pieces[k, MAINTENANCE_SLOPE] * net + pieces[k, MAINTENANCE_CONSTANT]
                j = pieces[k, INITIAL_SLOPE] * net + pieces[k, INITIAL_CONSTANT]
        a[NEED_MAINTENANCE, s] += (m + m_spread * matched) * multiplier
        a[NEED_INITIAL, s] += max(j + i_spread * matched, least * net) * multiplier
