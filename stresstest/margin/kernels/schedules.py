"""Fold one requirement by a schedule: piecewise linear in a notional, only the pieces that scenarios reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.program import NEEDS, write_step
from stresstest.margin.kernels.scaling import scaled_pieces
from stresstest.margin.kernels.tables import (
    DEDUCTION,
    INITIAL_CONSTANT,
    INITIAL_SLOPE,
    MAINTENANCE_CONSTANT,
    MAINTENANCE_SLOPE,
    MARGINAL,
    NO_GROWTH,
    START,
)

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
    m_multiplier: float,
    i_multiplier: float,
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
                    pieces[k, MAINTENANCE_SLOPE] * quantity * m_multiplier,
                    new_slope * quantity * i_multiplier,
                    constants,
                )
                constants[0] += pieces[k, MAINTENANCE_CONSTANT] * m_multiplier
                constants[1] += new_constant * i_multiplier
                begun = True
            else:
                write_step(
                    steps,
                    at,
                    row,
                    quantity,
                    edge,
                    (pieces[k, MAINTENANCE_SLOPE] - m_slope) * m_multiplier,
                    (pieces[k, MAINTENANCE_CONSTANT] - m_constant) * m_multiplier,
                    (new_slope - i_slope) * i_multiplier,
                    (new_constant - i_constant) * i_multiplier,
                )
            m_slope = pieces[k, MAINTENANCE_SLOPE]
            m_constant = pieces[k, MAINTENANCE_CONSTANT]
            i_slope = new_slope
            i_constant = new_constant
            if right >= end or right > high:
                break
            edge = right


@part
def _contract_pieces(schedules: Records, pieces: Floats, first: int, schedule: int, contracts: float, own: Floats) -> int:
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
    tier = first
    for k in range(first, first + terms["count"]):
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


@part
def _by_open_interest(
    values: Records,
    own_entry: int,
    needs: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    instrument: Records,
    terms: Records,
    row: int,
    quantity: float,
    m_rate: float,
    i_rate: float,
    leverage: float,
    multiplier: float,
    constants: Floats,
) -> None:
    """Entries of one rate that open interest raises: initially max(r * n + (1 - r) * s * n, n / leverage), s the share of the rise in a lane.

    `interest_row` is s * n of one contract. Both it and n rise with the price, so the two lines cross at most once: hinges on either row.
    """
    rest = max(0.0, 1.0 - i_rate)
    least = 1.0 / leverage if leverage > 0.0 else 0.0
    slope = max(i_rate, least)
    write_need(values, own_entry, needs, at, span, row, m_rate * quantity * multiplier, slope * quantity * multiplier, constants)
    interest = int(instrument["interest_row"])
    if slope == i_rate:
        write_need(values, -1, needs, at, span, interest, 0.0, rest * quantity * multiplier, constants)
        return
    share = (least - i_rate) / rest if rest > 0.0 else 1.0
    if share < 1.0 and instrument["open_interest"] > 0.0:
        unit = (terms["interest_from"] + share * (terms["interest_to"] - terms["interest_from"])) / instrument["open_interest"]
        back = (i_rate - least) * multiplier
        write_step(steps, at, row, quantity, quantity * unit, 0.0, 0.0, back, -back * quantity * unit)
        write_step(steps, at, interest, quantity, quantity * share * unit, 0.0, 0.0, rest * multiplier, -rest * multiplier * quantity * share * unit)


OWN_TIERS = 4
"""Where a position's own tiers begin in the scratch of pieces, behind the pieces of what depends on contracts."""


@kernel
def fold_by_schedule(
    values: Records,
    own_entry: int,
    needs: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    schedules: Records,
    pieces: Floats,
    own: Floats,
    instrument: int,
    schedule: int,
    row: int,
    quantity: float,
    leverage: float,
    m_multiplier: float,
    i_multiplier: float,
    constants: Floats,
) -> None:
    """The requirement of one notional (quantity * row) by a schedule, whatever its basis and convention; at least notional / leverage initially.

    `instrument` is the position's, whose size and open interest the rates may follow.
    """
    terms = schedules[schedule]
    used = pieces
    first = terms["first"]
    count = terms["count"]
    if terms["growth"] != NO_GROWTH:
        scaled_pieces(schedules, pieces, schedule, quantity * instruments[instrument]["size_unit"], own, OWN_TIERS)
        used = own
        first = OWN_TIERS
    if terms["by_interest"]:
        m_rate = used[first, MAINTENANCE_SLOPE]
        i_rate = used[first, INITIAL_SLOPE]
        of = instruments[instrument]
        _by_open_interest(values, own_entry, needs, steps, at, span, of, terms, row, quantity, m_rate, i_rate, leverage, i_multiplier, constants)
        return
    if terms["by_amount"] or terms["by_contracts"]:
        count = _contract_pieces(schedules, used, first, schedule, quantity, own)
        used = own
        first = 0
    _requirement(values, own_entry, needs, steps, at, span, row, quantity, used, first, count, leverage, m_multiplier, i_multiplier, constants)
