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
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.tables import BAND_START, INITIAL_HAIRCUT, MAINTENANCE_HAIRCUT, QUANTITY

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


@kernel
def _keep_positive(acc: Floats, target: int, rows: Floats, terms: Records, bands: Floats, column: int, shocked: bool, width: int) -> None:
    """target += sum over bands of (1 - h) * (part of max(0, MEASURED) * ratio inside the band); `terms` is one asset, `column` picks its haircut."""
    first = terms[0]["band_first"]
    count = terms[0]["band_count"]
    unit = terms[0]["threshold_row"]
    ratio = terms[0]["ratio_row"]
    scale = terms[0]["haircut_scale_row"]
    shift = terms[0]["haircut_shift_row"]
    by_quantity = terms[0]["band_basis"] == QUANTITY
    before = 0.0
    for k in range(first, first + count):
        start = bands[k, BAND_START]
        last = k + 1 == first + count
        end = np.inf if last else bands[k + 1, BAND_START]
        keep = 1.0 - bands[k, column]
        if not shocked:
            if unit < 0:
                # A band as a hinge: what it keeps more than the one before, of what is above its start. Edges rise, so the first band
                # that no lane reaches is the last looked at.
                above = 0
                for s in range(width):
                    above += 1 if acc[MEASURED, s] > start else 0
                if above == 0:
                    break
                more = keep - before
                before = keep
                for s in range(width):
                    acc[target, s] += more * max(0.0, acc[MEASURED, s] - start)
            else:
                for s in range(width):
                    # The last band has no end, also where a unit is worth nothing: infinity times zero is not a number.
                    limit = np.inf if last else end * rows[unit, s]
                    acc[target, s] += keep * max(0.0, min(acc[MEASURED, s], limit) - start * rows[unit, s])
            continue
        for s in range(width):
            acc[SCRATCH, s] = 1.0 - min(1.0, max(0.0, rows[scale, s] * (1.0 - keep) + rows[shift, s]))
        if unit < 0:
            for s in range(width):
                acc[target, s] += acc[SCRATCH, s] * max(0.0, min(acc[MEASURED, s] * rows[ratio, s], end) - start)
        else:
            for s in range(width):
                # Thresholds in units of the token are worth price * ratio each: the ratio then scales the whole part.
                balance_times = 1.0 if by_quantity else rows[ratio, s]
                part_times = rows[ratio, s] if by_quantity else 1.0
                limit = np.inf if last else end * rows[unit, s]
                acc[target, s] += acc[SCRATCH, s] * (max(0.0, min(acc[MEASURED, s] * balance_times, limit) - start * rows[unit, s]) * part_times)


@kernel
def close_token(acc: Floats, rows: Floats, terms: Records, bands: Floats, shocked: bool, measured: bool, width: int) -> None:
    """Haircuts on the net balance of one token; its rows are in TOKEN_HELD, its P&L in TOKEN_PNL, what weights took off in WEIGHED_*.

    Three balances are kept: of the rows alone after initial haircuts (K), and of rows and P&L for maintenance and for initial.
    """
    for which in range(3):
        target = KEPT_BEHIND if which == 0 else MAINTENANCE if which == 1 else INITIAL
        weighed = WEIGHED_MAINTENANCE if which == 1 else WEIGHED_INITIAL
        liability = terms[0]["liability_maintenance"] if which == 1 else terms[0]["liability_initial"] if which == 2 else 0.0
        with_pnl = 0.0 if which == 0 else 1.0
        for s in range(width):
            acc[MEASURED, s] = acc[TOKEN_HELD, s] + with_pnl * acc[TOKEN_PNL, s]
        if measured and which > 0:
            for s in range(width):
                acc[MEASURED, s] += acc[weighed, s]
        for s in range(width):
            acc[target, s] += liability * min(0.0, acc[MEASURED, s])
            acc[MEASURED, s] = max(0.0, acc[MEASURED, s])
        _keep_positive(acc, target, rows, terms, bands, MAINTENANCE_HAIRCUT if which == 1 else INITIAL_HAIRCUT, shocked, width)


@kernel
def weigh(acc: Floats, target: int, weight: float, cap: float, behind: bool, width: int) -> None:
    """The P&L in MEASURED: positive times weight, at most the cap. `behind` a haircut the target holds only what the weight takes off."""
    if behind:
        for s in range(width):
            gain = max(0.0, acc[MEASURED, s])
            acc[target, s] += min(weight * gain, cap) - gain
    else:
        for s in range(width):
            acc[target, s] += min(weight * max(0.0, acc[MEASURED, s]), cap) + min(0.0, acc[MEASURED, s])
