"""The requirement of an underlying netted across instruments, over lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import LONG, NETTED, SHORT
from stresstest.margin.kernels.jit import part
from stresstest.margin.kernels.loops import clear
from stresstest.margin.kernels.tables import INITIAL_CONSTANT, INITIAL_SLOPE, MAINTENANCE_CONSTANT, MAINTENANCE_SLOPE, START

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@part
def add_net(
    acc: Floats,
    gm: int,
    gi: int,
    rows: Floats,
    entry: Records,
    legs: Records,
    leg: int,
    schedules: Records,
    pieces: Floats,
    models: Records,
    width: int,
) -> None:
    """T(|L - H|) + spread_rate * min(L, H), initially at least |L - H| / leverage; L, H: nets per expiry of either sign. `entry` is one net."""
    long = acc[LONG]
    short = acc[SHORT]
    netted = acc[NETTED]
    maintenance = acc[gm]
    initial = acc[gi]
    multiplier = entry[0]["multiplier"]
    terms = schedules[entry[0]["schedule"]]
    clear(long, width)
    clear(short, width)
    i = leg
    last = leg + entry[0]["legs"]
    while i < last:
        clear(netted, width)
        expiry = legs[i]["expiry"]
        while i < last and legs[i]["expiry"] == expiry:
            row = rows[legs[i]["row"]]
            quantity = legs[i]["quantity"]
            for s in range(width):
                netted[s] += quantity * row[s]
            i += 1
        for s in range(width):
            long[s] += max(0.0, netted[s])
            short[s] += max(0.0, -netted[s])
    m_spread = models[entry[0]["model"]]["maintenance_spread"]
    i_spread = models[entry[0]["model"]]["initial_spread"]
    leverage = entry[0]["leverage"]
    least = 1.0 / leverage if leverage > 0.0 else 0.0
    for s in range(width):
        net = abs(long[s] - short[s])
        matched = min(long[s], short[s])
        m = 0.0
        j = 0.0
        for k in range(terms["first"], terms["first"] + terms["count"]):
            if net >= pieces[k, START]:
                m = pieces[k, MAINTENANCE_SLOPE] * net + pieces[k, MAINTENANCE_CONSTANT]
                j = pieces[k, INITIAL_SLOPE] * net + pieces[k, INITIAL_CONSTANT]
        maintenance[s] += (m + m_spread * matched) * multiplier
        initial[s] += max(j + i_spread * matched, least * net) * multiplier
