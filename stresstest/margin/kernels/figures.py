"""From the accumulators of a pool to its figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import APART, DIRECT, INITIAL, KEPT, KEPT_BEHIND, MAINTENANCE, NEED_INITIAL, NEED_MAINTENANCE
from stresstest.margin.kernels.jit import part

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.int8]

# Figures of a pool or an account, in this order everywhere below.
POSITIONS, COLLATERAL, INITIAL_BALANCE, BALANCE, INITIAL_MARGIN, MAINTENANCE_MARGIN = 0, 1, 2, 3, 4, 5
INITIAL_SHORTFALL, MARGIN_SHORTFALL, LOSS, STRESS_LOSS = 6, 7, 8, 9
OK, CALL, LIQUIDATION, DEFAULT = 0, 1, 2, 3
SHORT, BREACHED, STRESSED = 1, 2, 4
"""What a pool's lanes hold, as bits: a shortfall or a loss, a status other than ok, a stress loss over margin."""


@part
def finish_pool(
    figures: Floats, constants: Floats, status: Bytes, base: Floats, is_base: bool, tolerance: float, equality: bool, stale: bool, width: int
) -> int:
    """Turn a pool's accumulators into its figures, in place; returns which of SHORT, BREACHED, STRESSED occur.

    Without SHORT the shortfall rows are zero (`stale`: they are not yet); without BREACHED the status is not filled: every lane is ok.
    Lanes are counted, not compared in turn: counts vectorise, running maxima do not.
    """
    direct = figures[DIRECT]
    kept = figures[KEPT]
    behind = figures[KEPT_BEHIND]
    positions = figures[POSITIONS]
    collateral = figures[COLLATERAL]
    balance = figures[BALANCE]
    need = figures[MAINTENANCE_MARGIN]
    count = 0
    constant = constants[APART] + constants[DIRECT]
    for s in range(width):
        positions[s] += direct[s] + constant
        count += 1 if positions[s] + collateral[s] < 0.0 else 0
    if constants[NEED_MAINTENANCE] != 0.0:
        constant = constants[NEED_MAINTENANCE]
        for s in range(width):
            need[s] += constant
    constant = constants[MAINTENANCE] + constants[DIRECT]
    for s in range(width):
        balance[s] += direct[s] + constant
        count += 1 if need[s] > balance[s] else 0
    balance = figures[INITIAL_BALANCE]
    need = figures[INITIAL_MARGIN]
    if constants[NEED_INITIAL] != 0.0:
        constant = constants[NEED_INITIAL]
        for s in range(width):
            need[s] += constant
    constant = (constants[INITIAL] + constants[KEPT]) + constants[DIRECT]
    for s in range(width):
        balance[s] += (direct[s] + kept[s]) + constant
        count += 1 if need[s] > balance[s] else 0
    constant = constants[KEPT]
    if is_base:
        base[0] = positions[0]
        base[1] = need[0]
        base[2] = kept[0] + behind[0] + constant
        base[3] = collateral[0]
    start = base[0]
    margin = base[1]
    stress = figures[STRESS_LOSS]
    stressed = 0
    if base[2] > 0.0:
        inverse = 1.0 / base[2]
        for s in range(width):
            stress[s] = max(0.0, (start - positions[s]) - min(1.0, max(0.0, (kept[s] + behind[s] + constant) * inverse)) * margin)
            stressed += 1 if stress[s] > 0.0 else 0
    else:
        for s in range(width):
            stress[s] = max(0.0, (start - positions[s]) - margin)
            stressed += 1 if stress[s] > 0.0 else 0
    found = STRESSED if stressed > 0 else 0
    if count == 0 and stale:
        for k in (INITIAL_SHORTFALL, MARGIN_SHORTFALL, LOSS):
            row = figures[k]
            for s in range(width):
                row[s] = 0.0
    if count > 0:
        found |= SHORT
        for s in range(width):
            figures[MARGIN_SHORTFALL, s] = max(0.0, figures[MAINTENANCE_MARGIN, s] - figures[BALANCE, s])
        for s in range(width):
            figures[INITIAL_SHORTFALL, s] = max(0.0, figures[INITIAL_MARGIN, s] - figures[INITIAL_BALANCE, s])
        for s in range(width):
            figures[LOSS, s] = max(0.0, -(positions[s] + collateral[s]))
    if count > 0 or equality:
        for s in range(width):
            code = OK
            gap = figures[INITIAL_MARGIN, s] - figures[INITIAL_BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and figures[INITIAL_MARGIN, s] > 0.0):
                code = CALL
            gap = figures[MAINTENANCE_MARGIN, s] - figures[BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and figures[MAINTENANCE_MARGIN, s] > 0.0):
                code = LIQUIDATION
            if figures[LOSS, s] > tolerance:
                code = DEFAULT
            status[s] = code
            if code != OK:
                found |= BREACHED
    return found
