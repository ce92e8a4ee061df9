"""Add-on lines of a model: fold the positions of a pool into nets, and measure over lanes those whose size no single row gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import LONG, NEED_INITIAL, NEED_MAINTENANCE, NETTED, SHORT
from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.loops import add_row, clear
from stresstest.margin.kernels.program import LEGS, MEASURES
from stresstest.margin.kernels.schedules import write_need
from stresstest.margin.kernels.tables import ADD_ON_INITIAL, ADD_ON_MAINTENANCE, ADD_ON_START, BOTH_SIDES, AddOns

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@part
def _measured(add_ons: AddOns, positions: Records, line: int, p: int) -> bool:
    """Whether a line measures position p. Nets are asked for their side only when they are whole."""
    quantity = positions[p]["quantity"]
    if add_ons.row[line, positions[p]["instrument"] % len(add_ons.group)] < 0 or quantity == 0.0:
        return False
    return bool(add_ons.lines[line]["by_position"] == 0 or quantity * add_ons.lines[line]["side"] >= 0.0)


@part
def _gather(legs: Records, start: int, add_ons: AddOns, slot: Codes, positions: Records, line: int, first: int, last: int) -> int:
    """Write what a line measures of positions [first, last) as legs from `start` on, the legs of a net side by side; returns how many.

    `slot` holds -1 for every key, before and after.
    """
    # First how many legs each net has, then where each begins: the time grows with the positions, not with their square.
    for p in range(first, last):
        if _measured(add_ons, positions, line, p):
            net = add_ons.key[line, positions[p]["instrument"] % len(add_ons.group)]
            slot[net] = max(slot[net], 0) + 1
    count = 0
    for p in range(first, last):
        if not _measured(add_ons, positions, line, p):
            continue
        code = positions[p]["instrument"] % len(add_ons.group)
        net = add_ons.key[line, code]
        if slot[net] > 0:
            # The net is met for the first time: from now on its slot says, below -1, where its next leg goes.
            begin = start + count
            count += slot[net]
            slot[net] = -2 - begin
        leg = legs[-2 - slot[net]]
        slot[net] -= 1
        leg["row"] = add_ons.row[line, code]
        leg["quantity"] = positions[p]["quantity"] * add_ons.factor[line, code]
        leg["key"] = net
    for k in range(start, start + count):
        slot[legs[k]["key"]] = -1
    return count


@part
def _write_measure(measures: Records, at: Counters, line: int, legs: int, scale: float, maintenance: float, initial: float) -> None:
    entry = measures[at[MEASURES]]
    entry["line"] = line
    entry["legs"] = legs
    entry["scale"] = scale
    entry["maintenance"] = maintenance
    entry["initial"] = initial
    at[MEASURES] += 1


@kernel
def fold_add_ons(
    values: Records,
    needs: Records,
    measures: Records,
    legs: Records,
    at: Counters,
    span: Floats,
    add_ons: AddOns,
    slot: Codes,
    positions: Records,
    first: int,
    last: int,
    first_line: int,
    last_line: int,
    role: int,
    maintenance: float,
    initial: float,
    constants: Floats,
) -> None:
    """Add-on lines [first_line, last_line) on positions [first, last), which are sorted by risk group: entries of needs and of measures, constants.

    Only the lines of one role (floors are of one risk group: call it group by group for them).
    `maintenance`, `initial` multiply every line. A net whose legs all follow one row, which is never negative, has the size |sum of
    quantities| * row and becomes a need; what is left is measured in lanes (`add_measure`).
    """
    for line in range(first_line, last_line):
        terms = add_ons.lines[line]
        if terms["role"] != role:
            continue
        tiers = terms["tier_count"] > 0
        hedged = terms["hedged"] != 0
        side = BOTH_SIDES if terms["by_position"] != 0 else terms["side"]
        begin = first
        while begin < last:
            end = last
            if hedged:
                # What is hedged is so within its risk group.
                own = add_ons.group[positions[begin]["instrument"] % len(add_ons.group)]
                end = begin + 1
                while end < last and add_ons.group[positions[end]["instrument"] % len(add_ons.group)] == own:
                    end += 1
            start = at[LEGS]
            count = _gather(legs, start, add_ons, slot, positions, line, begin, end)
            kept = start
            k = start
            while k < start + count:
                net = legs[k]["key"]
                leg_row = legs[k]["row"]
                quantity = 0.0
                single = not tiers and not hedged and terms["depeg_row"] < 0 and span[leg_row, 0] >= 0.0
                stop = k
                while stop < start + count and legs[stop]["key"] == net:
                    single = single and legs[stop]["row"] == leg_row
                    quantity += legs[stop]["quantity"]
                    stop += 1
                if single:
                    if quantity * side > 0.0 or (side == BOTH_SIDES and quantity != 0.0):
                        m = abs(quantity) * terms["maintenance"] * maintenance
                        i = abs(quantity) * terms["initial"] * initial
                        write_need(values, -1, needs, at, span, leg_row, m, i, constants)
                    k = stop
                    continue
                before = kept
                while k < stop:
                    legs[kept] = legs[k]
                    kept += 1
                    k += 1
                if tiers and not hedged:
                    # Tiers are of every net by itself.
                    _write_measure(measures, at, line, kept - before, add_ons.scale[line, net], maintenance, initial)
            if kept > start and (hedged or not tiers):
                _write_measure(measures, at, line, kept - start, add_ons.scale[line, legs[start]["key"]], maintenance, initial)
            at[LEGS] = kept
            begin = end


@part
def add_measure(acc: Records, rows: Floats, entry: Records, legs: Records, leg: int, add_ons: AddOns, width: int) -> None:
    """Add to NEED_* what a line asks for its nets: their sizes, of one side or both, or what is hedged of them, by rate or in tiers.

    `entry` is one measure, whose legs begin at `leg`, net by net.
    """
    a = acc[0]["rows"]
    terms = add_ons.lines[entry[0]["line"]]
    clear(acc, LONG, width)
    clear(acc, SHORT, width)
    k = leg
    last = leg + entry[0]["legs"]
    while k < last:
        clear(acc, NETTED, width)
        net = legs[k]["key"]
        while k < last and legs[k]["key"] == net:
            add_row(acc, NETTED, rows, legs[k]["row"], legs[k]["quantity"], width)
            k += 1
        for s in range(width):
            a[LONG, s] += max(0.0, a[NETTED, s])
            a[SHORT, s] += max(0.0, -a[NETTED, s])
    # The side of positions was asked when they were gathered: what a delta's sign says is not their side.
    side = BOTH_SIDES if terms["by_position"] != 0 else terms["side"]
    if terms["hedged"] != 0:
        for s in range(width):
            a[NETTED, s] = min(a[LONG, s], a[SHORT, s])
    else:
        long = 0.0 if side < 0 else 1.0
        short = 0.0 if side > 0 else 1.0
        for s in range(width):
            a[NETTED, s] = long * a[LONG, s] + short * a[SHORT, s]
    if terms["tier_count"] > 0:
        # Each tier adds what its rate is above that of the tier below, on all above its start.
        clear(acc, LONG, width)
        clear(acc, SHORT, width)
        m_before = 0.0
        i_before = 0.0
        for tier in range(terms["tier_first"], terms["tier_first"] + terms["tier_count"]):
            start = add_ons.tiers[tier, ADD_ON_START] * entry[0]["scale"]
            m = add_ons.tiers[tier, ADD_ON_MAINTENANCE] - m_before
            i = add_ons.tiers[tier, ADD_ON_INITIAL] - i_before
            m_before = add_ons.tiers[tier, ADD_ON_MAINTENANCE]
            i_before = add_ons.tiers[tier, ADD_ON_INITIAL]
            for s in range(width):
                above = max(0.0, a[NETTED, s] - start)
                a[LONG, s] += m * above
                a[SHORT, s] += i * above
    else:
        for s in range(width):
            a[LONG, s] = terms["maintenance"] * a[NETTED, s]
            a[SHORT, s] = terms["initial"] * a[NETTED, s]
    if terms["depeg_row"] >= 0:
        depeg = terms["depeg_row"]
        for s in range(width):
            a[LONG, s] *= rows[depeg, s]
            a[SHORT, s] *= rows[depeg, s]
    m_times = entry[0]["maintenance"]
    i_times = entry[0]["initial"]
    for s in range(width):
        a[NEED_MAINTENANCE, s] += m_times * a[LONG, s]
        a[NEED_INITIAL, s] += i_times * a[SHORT, s]
