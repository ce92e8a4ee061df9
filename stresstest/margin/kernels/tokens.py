"""The balance of a token over lanes: weights of P&L, haircuts in bands, liability weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import (
    APART,
    DIRECT,
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
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.tables import BAND_START, INITIAL_HAIRCUT, MAINTENANCE_HAIRCUT, QUANTITY

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@kernel
def keep_positive(acc: Records, target: int, rows: Floats, terms: Records, bands: Floats, column: int, shocked: bool, width: int) -> None:
    """target += sum over bands of (1 - h) * (part of max(0, MEASURED) * ratio inside the band); `terms` is one asset, `column` picks its haircut."""
    a = acc[0]["rows"]
    first = terms[0]["band_first"]
    count = terms[0]["band_count"]
    unit = terms[0]["threshold_row"]
    ratio = terms[0]["ratio_row"]
    scale = terms[0]["haircut_scale_row"]
    shift = terms[0]["haircut_shift_row"]
    by_quantity = terms[0]["band_basis"] == QUANTITY
    if terms[0]["capped"] != 0:
        # Its haircut is one in every state, and the band before it ends there.
        count -= 1
    for k in range(first, first + count):
        start = bands[k, BAND_START]
        last = k + 1 == first + terms[0]["band_count"]
        end = np.inf if last else bands[k + 1, BAND_START]
        keep = 1.0 - bands[k, column]
        if not shocked:
            if unit < 0:
                for s in range(width):
                    a[target, s] += keep * max(0.0, min(a[MEASURED, s], end) - start)
            else:
                for s in range(width):
                    # The last band has no end, also where a unit is worth nothing: infinity times zero is not a number.
                    limit = np.inf if last else end * rows[unit, s]
                    a[target, s] += keep * max(0.0, min(a[MEASURED, s], limit) - start * rows[unit, s])
            continue
        for s in range(width):
            a[SCRATCH, s] = 1.0 - min(1.0, max(0.0, rows[scale, s] * (1.0 - keep) + rows[shift, s]))
        if unit < 0:
            for s in range(width):
                a[target, s] += a[SCRATCH, s] * max(0.0, min(a[MEASURED, s] * rows[ratio, s], end) - start)
        else:
            for s in range(width):
                # Thresholds in units of the token are worth price * ratio each: the ratio then scales the whole part.
                balance_times = 1.0 if by_quantity else rows[ratio, s]
                part_times = rows[ratio, s] if by_quantity else 1.0
                limit = np.inf if last else end * rows[unit, s]
                a[target, s] += a[SCRATCH, s] * (max(0.0, min(a[MEASURED, s] * balance_times, limit) - start * rows[unit, s]) * part_times)


@kernel
def _close_unshocked(acc: Records, terms: Records, bands: Floats, x: float, width: int) -> None:
    """`close_token` where no haircut is shocked, thresholds are fixed and P&L has no weights: all three balances in one pass.

    A band is then a hinge: what it keeps more than the one before, of what is above its start. Starts rise, so the first band that no
    lane reaches is the last looked at.
    """
    a = acc[0]["rows"]
    first = terms[0]["band_first"]
    last = first + terms[0]["band_count"]
    debt_m = terms[0]["liability_maintenance"]
    debt_i = terms[0]["liability_initial"]
    start = bands[first, BAND_START]
    m = 1.0 - bands[first, MAINTENANCE_HAIRCUT]
    i = 1.0 - bands[first, INITIAL_HAIRCUT]
    following = bands[first + 1, BAND_START] if first + 1 < last else np.inf
    above = 0
    for s in range(width):
        pnl = a[DIRECT, s] + x
        held = a[TOKEN_HELD, s]
        both = held + pnl
        a[DIRECT, s] = 0.0
        a[APART, s] += pnl
        a[MEASURED, s] = both
        a[KEPT_BEHIND, s] += i * max(0.0, held - start)
        a[MAINTENANCE, s] += m * max(0.0, both - start) + debt_m * min(0.0, both)
        a[INITIAL, s] += i * max(0.0, both - start) + debt_i * min(0.0, both)
        above += 1 if max(held, both) > following else 0
    for k in range(first + 1, last):
        if above == 0:
            break
        start = following
        following = bands[k + 1, BAND_START] if k + 1 < last else np.inf
        m = bands[k - 1, MAINTENANCE_HAIRCUT] - bands[k, MAINTENANCE_HAIRCUT]
        i = bands[k - 1, INITIAL_HAIRCUT] - bands[k, INITIAL_HAIRCUT]
        above = 0
        for s in range(width):
            held = a[TOKEN_HELD, s]
            both = a[MEASURED, s]
            a[KEPT_BEHIND, s] += i * max(0.0, held - start)
            a[MAINTENANCE, s] += m * max(0.0, both - start)
            a[INITIAL, s] += i * max(0.0, both - start)
            above += 1 if max(held, both) > following else 0


@kernel
def close_token(acc: Records, rows: Floats, terms: Records, bands: Floats, x: float, shocked: bool, measured: bool, width: int) -> None:
    """Haircuts on the net balance of one token; its rows are in TOKEN_HELD, its P&L in DIRECT (but for the constant x; left at zero), what
    weights took off in WEIGHED_*.

    Three balances are kept: of the rows alone after initial haircuts (K), and of rows and P&L for maintenance and for initial.
    """
    if not shocked and not measured and terms[0]["threshold_row"] < 0:
        _close_unshocked(acc, terms, bands, x, width)
        return
    a = acc[0]["rows"]
    for s in range(width):
        pnl = a[DIRECT, s] + x
        a[DIRECT, s] = 0.0
        a[TOKEN_PNL, s] = pnl
        a[APART, s] += pnl
    for which in range(3):
        target = KEPT_BEHIND if which == 0 else MAINTENANCE if which == 1 else INITIAL
        weighed = WEIGHED_MAINTENANCE if which == 1 else WEIGHED_INITIAL
        liability = terms[0]["liability_maintenance"] if which == 1 else terms[0]["liability_initial"] if which == 2 else 0.0
        with_pnl = 0.0 if which == 0 else 1.0
        for s in range(width):
            a[MEASURED, s] = a[TOKEN_HELD, s] + with_pnl * a[TOKEN_PNL, s]
        if measured and which > 0:
            for s in range(width):
                a[MEASURED, s] += a[weighed, s]
        for s in range(width):
            a[target, s] += liability * min(0.0, a[MEASURED, s])
            a[MEASURED, s] = max(0.0, a[MEASURED, s])
        keep_positive(acc, target, rows, terms, bands, MAINTENANCE_HAIRCUT if which == 1 else INITIAL_HAIRCUT, shocked, width)


@kernel
def weigh(acc: Records, target: int, weight: float, cap: float, behind: bool, gap: bool, width: int) -> None:
    """The P&L in MEASURED: positive times weight, at most the cap. `behind` a haircut the target holds only what the weight takes off.

    `gap`: what conservative marks add to it is in SCRATCH, and weighed with it.
    """
    a = acc[0]["rows"]
    if gap:
        less = 1.0 if behind else 0.0
        for s in range(width):
            both = a[MEASURED, s] + a[SCRATCH, s]
            a[target, s] += min(weight * max(0.0, both), cap) + min(0.0, both) - less * a[MEASURED, s]
    elif behind:
        for s in range(width):
            gain = max(0.0, a[MEASURED, s])
            a[target, s] += min(weight * gain, cap) - gain
    else:
        for s in range(width):
            a[target, s] += min(weight * max(0.0, a[MEASURED, s]), cap) + min(0.0, a[MEASURED, s])
