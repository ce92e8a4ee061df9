"""From the accumulators of a pool to its figures."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import APART, DIRECT, HELD, INITIAL, KEPT, KEPT_BEHIND, MAINTENANCE, NEED_INITIAL, NEED_MAINTENANCE
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.loops import clear

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.int8]

# Figures of a pool or an account, in this order everywhere below.
POSITIONS, COLLATERAL, INITIAL_BALANCE, BALANCE, INITIAL_MARGIN, MAINTENANCE_MARGIN = 0, 1, 2, 3, 4, 5
INITIAL_SHORTFALL, MARGIN_SHORTFALL, LOSS, STRESS_LOSS = 6, 7, 8, 9
OK, CALL, LIQUIDATION, DEFAULT = 0, 1, 2, 3
SHORT, BREACHED, STRESSED = 1, 2, 4
"""What a pool's lanes hold, as bits: a shortfall or a loss, a status other than ok, a stress loss over margin."""


@kernel
def finish_pool(
    acc: Floats,
    constants: Floats,
    special: bool,
    status: Bytes,
    base: Floats,
    pool: int,
    is_base: bool,
    raw: bool,
    tolerance: float,
    equality: bool,
    stale: int,
    width: int,
) -> int:
    """Turn a pool's accumulators into its figures, in place; returns which of SHORT, BREACHED, STRESSED occur.

    `base` [pools, 4] takes or gives position value, initial margin, K and collateral value at base. With `raw` the row
    STRESS_LOSS is filled and may be negative (a netting group adds first). Without SHORT the shortfall rows are zero, without
    STRESSED that row is (`stale`: what the pool before left in them); without BREACHED the status is not filled: every lane is
    ok. Lanes are counted, not compared in turn: counts vectorise, running maxima do not.
    """
    positions = DIRECT
    kept = KEPT
    constant = constants[DIRECT] + constants[APART]
    if special:
        positions = APART
        kept = KEPT_BEHIND
        for s in range(width):
            acc[APART, s] += acc[DIRECT, s]
            acc[KEPT_BEHIND, s] += acc[KEPT, s]
    still = constants[KEPT]
    if is_base:
        base[pool, 0] = acc[positions, 0] + constant
        base[pool, 1] = acc[NEED_INITIAL, 0] + constants[NEED_INITIAL]
        base[pool, 2] = acc[kept, 0] + still
        base[pool, 3] = acc[HELD, 0]
    start = base[pool, 0]
    margin = base[pool, 1]
    # Without collateral at base k is one: then zero times anything plus one.
    inverse = 1.0 / base[pool, 2] if base[pool, 2] > 0.0 else 0.0
    least = 0.0 if base[pool, 2] > 0.0 else 1.0
    stressed = 0
    short = 0
    for s in range(width):
        value = acc[positions, s] + constant
        stressed += 1 if (start - value) - min(1.0, max(least, (acc[kept, s] + still) * inverse)) * margin > 0.0 else 0
        short += 1 if value + acc[HELD, s] < 0.0 else 0
    found = STRESSED if stressed > 0 else 0
    if raw or stressed > 0:
        floor = -np.inf if raw else 0.0
        for s in range(width):
            value = (start - (acc[positions, s] + constant)) - min(1.0, max(least, (acc[kept, s] + still) * inverse)) * margin
            acc[STRESS_LOSS, s] = max(floor, value)
    elif stale & STRESSED:
        clear(acc, STRESS_LOSS, width)
    m_need = constants[NEED_MAINTENANCE]
    m_constant = constants[MAINTENANCE] + constants[DIRECT]
    i_need = constants[NEED_INITIAL]
    i_constant = (constants[INITIAL] + still) + constants[DIRECT]
    for s in range(width):
        acc[BALANCE, s] += acc[DIRECT, s] + m_constant
        acc[MAINTENANCE_MARGIN, s] += m_need
        short += 1 if acc[MAINTENANCE_MARGIN, s] > acc[BALANCE, s] else 0
    if special:
        for s in range(width):
            acc[KEPT, s] += acc[INITIAL, s]
    for s in range(width):
        acc[INITIAL_BALANCE, s] += acc[DIRECT, s] + i_constant
        acc[INITIAL_MARGIN, s] += i_need
        short += 1 if acc[INITIAL_MARGIN, s] > acc[INITIAL_BALANCE, s] else 0
    for s in range(width):
        acc[POSITIONS, s] = acc[positions, s] + constant
    if short == 0 and stale & SHORT:
        clear(acc, INITIAL_SHORTFALL, width)
        clear(acc, MARGIN_SHORTFALL, width)
        clear(acc, LOSS, width)
    if short > 0:
        found |= SHORT
        for s in range(width):
            acc[MARGIN_SHORTFALL, s] = max(0.0, acc[MAINTENANCE_MARGIN, s] - acc[BALANCE, s])
        for s in range(width):
            acc[INITIAL_SHORTFALL, s] = max(0.0, acc[INITIAL_MARGIN, s] - acc[INITIAL_BALANCE, s])
        for s in range(width):
            acc[LOSS, s] = max(0.0, -(acc[POSITIONS, s] + acc[COLLATERAL, s]))
    if short > 0 or equality:
        breached = 0
        for s in range(width):
            code = OK
            gap = acc[INITIAL_MARGIN, s] - acc[INITIAL_BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and acc[INITIAL_MARGIN, s] > 0.0):
                code = CALL
            gap = acc[MAINTENANCE_MARGIN, s] - acc[BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and acc[MAINTENANCE_MARGIN, s] > 0.0):
                code = LIQUIDATION
            if acc[LOSS, s] > tolerance:
                code = DEFAULT
            status[s] = code
            breached += 1 if code != OK else 0
        if breached > 0:
            found |= BREACHED
    return found
