"""From the accumulators of a pool to its figures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import APART, DIRECT, HELD, INITIAL, KEPT, KEPT_BEHIND, MAINTENANCE, NEED_INITIAL, NEED_MAINTENANCE, SUMS
from stresstest.margin.kernels.jit import kernel, part

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.int8]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

# Figures of a pool or an account, in this order everywhere below.
POSITIONS, COLLATERAL, INITIAL_BALANCE, BALANCE, INITIAL_MARGIN, MAINTENANCE_MARGIN = 0, 1, 2, 3, 4, 5
INITIAL_SHORTFALL, MARGIN_SHORTFALL, LOSS, STRESS_LOSS = 6, 7, 8, 9
OK, CALL, LIQUIDATION, DEFAULT = 0, 1, 2, 3
SHORT, BREACHED, STRESSED, WORSE = 1, 2, 4, 8
"""What a pool's lanes hold, as bits: a shortfall or a loss, a status other than ok, a stress loss over margin, an excess at or below a bar."""


@part
def _finish(acc: Records, constants: Floats, special: bool, base: Floats, pool: int, raw: bool, bar: float, counts: Counters, width: int) -> None:
    """Everything but shortfalls in one pass over the accumulators, and its sums; `special` is a literal, so that each caller gets its own loop."""
    a = acc[0]["rows"]
    constant = constants[DIRECT] + constants[APART]
    still = constants[KEPT]
    m_need = constants[NEED_MAINTENANCE]
    m_constant = constants[MAINTENANCE] + constants[DIRECT]
    i_need = constants[NEED_INITIAL]
    i_constant = (constants[INITIAL] + still) + constants[DIRECT]
    start = base[pool, 0]
    margin = base[pool, 1]
    # Without collateral at base k is one: then zero times anything plus one.
    inverse = 1.0 / base[pool, 2] if base[pool, 2] > 0.0 else 0.0
    least = 0.0 if base[pool, 2] > 0.0 else 1.0
    floor = -np.inf if raw else 0.0
    stressed = 0
    short = 0
    worse = 0
    for s in range(width):
        direct = a[DIRECT, s]
        kept = a[KEPT, s]
        position = direct
        initial_balance = kept
        if special:
            position += a[APART, s]
            initial_balance += a[INITIAL, s]
            kept += a[KEPT_BEHIND, s]
        held = a[HELD, s]
        position += constant
        balance = a[MAINTENANCE, s] + (direct + m_constant)
        need = a[NEED_MAINTENANCE, s] + m_need
        initial_balance += direct + i_constant
        initial_need = a[NEED_INITIAL, s] + i_need
        loss = (start - position) - min(1.0, max(least, (kept + still) * inverse)) * margin
        stressed += 1 if loss > 0.0 else 0
        short += 1 if need > balance or initial_need > initial_balance or position + held < 0.0 else 0
        worse += 1 if balance - need <= bar else 0
        a[POSITIONS, s] = position
        a[INITIAL_BALANCE, s] = initial_balance
        a[BALANCE, s] = balance
        a[INITIAL_MARGIN, s] = initial_need
        a[MAINTENANCE_MARGIN, s] = need
        a[STRESS_LOSS, s] = max(floor, loss)
        a[SUMS + POSITIONS, s] += position
        a[SUMS + COLLATERAL, s] += held
        a[SUMS + INITIAL_BALANCE, s] += initial_balance
        a[SUMS + BALANCE, s] += balance
        a[SUMS + INITIAL_MARGIN, s] += initial_need
        a[SUMS + MAINTENANCE_MARGIN, s] += need
    counts[0] = stressed
    counts[1] = short
    counts[2] = worse


@kernel
def finish_pool(
    acc: Records,
    constants: Floats,
    special: bool,
    status: Bytes,
    base: Floats,
    pool: int,
    is_base: bool,
    raw: bool,
    tolerance: float,
    equality: bool,
    stale: bool,
    bar: float,
    counts: Counters,
    width: int,
) -> int:
    """Turn a pool's accumulators into its figures, in place; returns which of SHORT, BREACHED, STRESSED, WORSE occur.

    `base` [pools, 4] takes or gives position value, initial margin, K and collateral value at base. With `raw` the row STRESS_LOSS
    may be negative (a netting group adds first). Without SHORT the shortfall rows are zero (`stale`: the pool before left something
    in them); without BREACHED the status is not filled: every lane is ok. WORSE: some balance less requirement is at or below `bar`.
    The first six figures are added to SUMS. Lanes are counted (`counts` [3] is scratch), not compared in turn: counts vectorise,
    running maxima do not.
    """
    a = acc[0]["rows"]
    if is_base:
        positions = a[DIRECT, 0] + (constants[DIRECT] + constants[APART])
        kept = a[KEPT, 0] + constants[KEPT]
        if special:
            positions = (a[DIRECT, 0] + a[APART, 0]) + (constants[DIRECT] + constants[APART])
            kept = (a[KEPT, 0] + a[KEPT_BEHIND, 0]) + constants[KEPT]
        base[pool, 0] = positions
        base[pool, 1] = a[NEED_INITIAL, 0] + constants[NEED_INITIAL]
        base[pool, 2] = kept
        base[pool, 3] = a[HELD, 0]
    if special:
        _finish(acc, constants, True, base, pool, raw, bar, counts, width)
    else:
        _finish(acc, constants, False, base, pool, raw, bar, counts, width)
    found = (STRESSED if counts[0] > 0 else 0) | (SHORT if counts[1] > 0 else 0) | (WORSE if counts[2] > 0 else 0)
    if counts[1] > 0:
        for s in range(width):
            a[MARGIN_SHORTFALL, s] = max(0.0, a[MAINTENANCE_MARGIN, s] - a[BALANCE, s])
            a[INITIAL_SHORTFALL, s] = max(0.0, a[INITIAL_MARGIN, s] - a[INITIAL_BALANCE, s])
            a[LOSS, s] = max(0.0, -(a[POSITIONS, s] + a[COLLATERAL, s]))
    elif stale:
        for s in range(width):
            a[MARGIN_SHORTFALL, s] = 0.0
            a[INITIAL_SHORTFALL, s] = 0.0
            a[LOSS, s] = 0.0
    if counts[1] > 0 or equality:
        breached = 0
        for s in range(width):
            code = OK
            gap = a[INITIAL_MARGIN, s] - a[INITIAL_BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and a[INITIAL_MARGIN, s] > 0.0):
                code = CALL
            gap = a[MAINTENANCE_MARGIN, s] - a[BALANCE, s]
            if gap > tolerance or (equality and gap >= -tolerance and a[MAINTENANCE_MARGIN, s] > 0.0):
                code = LIQUIDATION
            if a[LOSS, s] > tolerance:
                code = DEFAULT
            status[s] = code
            breached += 1 if code != OK else 0
        if breached > 0:
            found |= BREACHED
    return found
