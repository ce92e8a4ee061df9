"""Fold one requirement by a schedule: piecewise linear in a notional, only the pieces that scenarios reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.program import NEEDS, write_step
from stresstest.margin.kernels.tables import DEDUCTION, INITIAL_CONSTANT, INITIAL_SLOPE, MAINTENANCE_CONSTANT, MAINTENANCE_SLOPE, MARGINAL, START

Floats = npt.NDArray[np.float64]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@part
def write_need(
    values: Records, own_entry: int, needs: Records, at: Counters, span: Floats, row: int, maintenance: float, initial: float, constants: Floats
) -> None:
    """An entry of the requirement that follows one row; its constant where the row does not move.

    It joins the entry of its position's value (`own_entry`, -1 for none) if that follows the same row.
    """
    if span[row, 0] == span[row, 1]:
        constants[0] += maintenance * span[row, 0]
        constants[1] += initial * span[row, 0]
        return
    if own_entry >= 0 and values[own_entry]["row"] == row:
        values[own_entry]["maintenance"] += maintenance
        values[own_entry]["initial"] += initial
        return
    entry = needs[at[NEEDS]]
    entry["row"] = row
    entry["maintenance"] = maintenance
    entry["initial"] = initial
    at[NEEDS] += 1


@part
def _requirement(
    values: Records,
    own_entry: int,
    needs: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    row: int,
    quantity: float,
    pieces: Floats,
    first: int,
    count: int,
    leverage: float,
    multiplier: float,
    constants: Floats,
) -> None:
    """Entries of one piecewise requirement R(n), n = quantity * row: slope of the first live piece, steps for the others, constants.

    `pieces[first : first + count]` are start, maintenance slope and constant, initial slope and constant. With `leverage` the initial
    requirement is at least n / leverage, which splits a piece where the two lines cross.
    """
    low = quantity * span[row, 0]
    high = quantity * span[row, 1]
    least = 1.0 / leverage if leverage > 0.0 else 0.0
    begun = False
    m_slope = m_constant = i_slope = i_constant = 0.0
    for k in range(first, first + count):
        start = pieces[k, START]
        end = pieces[k + 1, START] if k + 1 < first + count else np.inf
        if end <= low:
            continue
        if start > high:
            break
        slope = pieces[k, INITIAL_SLOPE]
        constant = pieces[k, INITIAL_CONSTANT]
        begin = max(start, low)
        # With leverage: where the two lines cross, if inside the piece. A division for nothing would be a third of the work.
        cross = constant / (least - slope) if least > 0.0 and slope != least else end
        if not begin < cross < end:
            cross = end
        edge = begin
        while True:
            right = cross if edge < cross else end
            by_leverage = False
            if least > 0.0:
                # Which line is higher in this half is asked at its middle, where they differ.
                middle = 0.5 * (edge + right) if right < np.inf else 2.0 * abs(edge) + 1.0
                by_leverage = least * middle > slope * middle + constant
            new_slope = least if by_leverage else slope
            new_constant = 0.0 if by_leverage else constant
            if not begun:
                write_need(
                    values,
                    own_entry,
                    needs,
                    at,
                    span,
                    row,
                    pieces[k, MAINTENANCE_SLOPE] * quantity * multiplier,
                    new_slope * quantity * multiplier,
                    constants,
                )
                constants[0] += pieces[k, MAINTENANCE_CONSTANT] * multiplier
                constants[1] += new_constant * multiplier
                begun = True
            else:
                write_step(
                    steps,
                    at,
                    row,
                    quantity,
                    edge,
                    (pieces[k, MAINTENANCE_SLOPE] - m_slope) * multiplier,
                    (pieces[k, MAINTENANCE_CONSTANT] - m_constant) * multiplier,
                    (new_slope - i_slope) * multiplier,
                    (new_constant - i_constant) * multiplier,
                )
            m_slope = pieces[k, MAINTENANCE_SLOPE]
            m_constant = pieces[k, MAINTENANCE_CONSTANT]
            i_slope = new_slope
            i_constant = new_constant
            if right >= end or right > high:
                break
            edge = right


@part
def _contract_pieces(schedules: Records, pieces: Floats, schedule: int, contracts: float, own: Floats) -> int:
    """Pieces, as a function of the notional n, of a requirement that depends on the number of contracts; returns how many."""
    terms = schedules[schedule]
    own[0, START] = 0.0
    own[0, MAINTENANCE_SLOPE] = 0.0
    own[0, MAINTENANCE_CONSTANT] = 0.0
    own[0, INITIAL_SLOPE] = 0.0
    own[0, INITIAL_CONSTANT] = 0.0
    if terms["by_amount"]:
        own[0, MAINTENANCE_CONSTANT] = terms["maintenance_amount"] * contracts
        own[0, INITIAL_CONSTANT] = terms["initial_amount"] * contracts
        return 1
    tier = terms["first"]
    for k in range(terms["first"], terms["first"] + terms["count"]):
        if pieces[k, START] <= contracts:
            tier = k
    m_rate = pieces[tier, MAINTENANCE_SLOPE]
    i_rate = pieces[tier, INITIAL_SLOPE]
    if terms["convention"] == MARGINAL:
        # Sum over tiers of rate * contracts inside, per contract; the constants of the pieces hold what lower tiers gave.
        own[0, MAINTENANCE_SLOPE] = m_rate + pieces[tier, MAINTENANCE_CONSTANT] / contracts
        own[0, INITIAL_SLOPE] = i_rate + pieces[tier, INITIAL_CONSTANT] / contracts
        return 1
    if terms["convention"] != DEDUCTION:
        own[0, MAINTENANCE_SLOPE] = m_rate
        own[0, INITIAL_SLOPE] = i_rate
        return 1
    # max(0, rate * n - deduction), for both margins: zero up to n = deduction / rate.
    m_zero = -pieces[tier, MAINTENANCE_CONSTANT] / m_rate if m_rate > 0.0 else np.inf
    i_zero = -pieces[tier, INITIAL_CONSTANT] / i_rate if i_rate > 0.0 else np.inf
    low = min(m_zero, i_zero)
    high = max(m_zero, i_zero)
    count = 1
    if 0.0 < low < np.inf:
        own[1, START] = low
        count = 2
    if max(low, 0.0) < high < np.inf:
        own[count, START] = high
        count += 1
    for k in range(count):
        start = own[k, START]
        own[k, MAINTENANCE_SLOPE] = m_rate if start >= m_zero else 0.0
        own[k, MAINTENANCE_CONSTANT] = pieces[tier, MAINTENANCE_CONSTANT] if start >= m_zero else 0.0
        own[k, INITIAL_SLOPE] = i_rate if start >= i_zero else 0.0
        own[k, INITIAL_CONSTANT] = pieces[tier, INITIAL_CONSTANT] if start >= i_zero else 0.0
    return count


@kernel
def fold_by_schedule(
    values: Records,
    own_entry: int,
    needs: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    schedules: Records,
    pieces: Floats,
    own: Floats,
    schedule: int,
    row: int,
    quantity: float,
    leverage: float,
    multiplier: float,
    constants: Floats,
) -> None:
    """The requirement of one notional (quantity * row) by a schedule, whatever its basis and convention; at least notional / leverage initially."""
    terms = schedules[schedule]
    used = pieces
    first = terms["first"]
    count = terms["count"]
    if terms["by_amount"] or terms["by_contracts"]:
        count = _contract_pieces(schedules, pieces, schedule, quantity, own)
        used = own
        first = 0
    _requirement(values, own_entry, needs, steps, at, span, row, quantity, used, first, count, leverage, multiplier, constants)
