"""The balance of a token over lanes: weights of P&L, haircuts in bands, liability weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import (
    INITIAL,
    KEPT_BEHIND,
    MAINTENANCE,
    MEASURED,
    SCRATCH,
    TOKEN_HELD,
    TOKEN_PNL,
    WEIGHED_INITIAL,
    WEIGHED_MAINTENANCE,
)
from stresstest.margin.kernels.jit import part
from stresstest.margin.kernels.tables import BAND_START, INITIAL_HAIRCUT, MAINTENANCE_HAIRCUT, QUANTITY

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@part
def _keep_positive(
    target: Floats, balance: Floats, rows: Floats, terms: Records, bands: Floats, column: int, shocked: bool, scratch: Floats, width: int
) -> None:
    """target += sum over bands of (1 - h) * (part of max(0, balance) * ratio inside the band); `terms` is one asset, `column` picks its haircut."""
    first = terms[0]["band_first"]
    count = terms[0]["band_count"]
    moving = terms[0]["threshold_row"]
    ratio = rows[terms[0]["ratio_row"]]
    scale = rows[terms[0]["haircut_scale_row"]]
    shift = rows[terms[0]["haircut_shift_row"]]
    unit = rows[max(moving, 0)]
    by_quantity = terms[0]["band_basis"] == QUANTITY
    for k in range(first, first + count):
        start = bands[k, BAND_START]
        last = k + 1 == first + count
        end = np.inf if last else bands[k + 1, BAND_START]
        haircut = bands[k, column]
        if not shocked:
            keep = 1.0 - haircut
            if moving < 0:
                for s in range(width):
                    target[s] += keep * max(0.0, min(balance[s], end) - start)
            else:
                for s in range(width):
                    # The last band has no end, also where a unit is worth nothing: infinity times zero is not a number.
                    limit = np.inf if last else end * unit[s]
                    target[s] += keep * max(0.0, min(balance[s], limit) - start * unit[s])
            continue
        for s in range(width):
            scratch[s] = 1.0 - min(1.0, max(0.0, scale[s] * haircut + shift[s]))
        if moving < 0:
            for s in range(width):
                target[s] += scratch[s] * max(0.0, min(balance[s] * ratio[s], end) - start)
        elif by_quantity:
            # Thresholds are units of the token: worth price * ratio each.
            for s in range(width):
                limit = np.inf if last else end * unit[s]
                target[s] += scratch[s] * (max(0.0, min(balance[s], limit) - start * unit[s]) * ratio[s])
        else:
            for s in range(width):
                limit = np.inf if last else end * unit[s]
                target[s] += scratch[s] * max(0.0, min(balance[s] * ratio[s], limit) - start * unit[s])


@part
def close_token(acc: Floats, rows: Floats, terms: Records, bands: Floats, shocked: bool, measured: bool, width: int) -> None:
    """Haircuts on the net balance of one token; its rows are in TOKEN_HELD, its P&L in TOKEN_PNL, what weights took off in WEIGHED_*.

    Three balances are kept: of the rows alone after initial haircuts (K), and of rows and P&L for maintenance and for initial.
    """
    held = acc[TOKEN_HELD]
    pnl = acc[TOKEN_PNL]
    net = acc[MEASURED]
    for which in range(3):
        target = acc[KEPT_BEHIND if which == 0 else MAINTENANCE if which == 1 else INITIAL]
        weighed = acc[WEIGHED_MAINTENANCE if which == 1 else WEIGHED_INITIAL]
        liability = terms[0]["liability_maintenance"] if which == 1 else terms[0]["liability_initial"] if which == 2 else 0.0
        with_pnl = 0.0 if which == 0 else 1.0
        with_weighed = 1.0 if measured and which > 0 else 0.0
        for s in range(width):
            net[s] = held[s] + with_pnl * pnl[s]
        if with_weighed > 0.0:
            for s in range(width):
                net[s] += weighed[s]
        if liability > 0.0:
            for s in range(width):
                target[s] += liability * min(0.0, net[s])
        for s in range(width):
            net[s] = max(0.0, net[s])
        _keep_positive(target, net, rows, terms, bands, MAINTENANCE_HAIRCUT if which == 1 else INITIAL_HAIRCUT, shocked, acc[SCRATCH], width)


@part
def weigh(target: Floats, pnl: Floats, weight: float, cap: float, behind: bool, width: int) -> None:
    """One position's P&L: positive times weight, at most the cap. `behind` a haircut the target holds only what the weight takes off."""
    if behind:
        for s in range(width):
            gain = max(0.0, pnl[s])
            target[s] += min(weight * gain, cap) - gain
    else:
        for s in range(width):
            target[s] += min(weight * max(0.0, pnl[s]), cap) + min(0.0, pnl[s])
