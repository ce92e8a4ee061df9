"""Fold the options and shares of a pool under a strategy model: what covers, pairs and stays naked depends on quantities, never on prices.

Recognised legs become instructions LESSER and GREATER, whose entries say in `part` which sum they belong to; what is left becomes ordinary
requirement entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.program import ALONE, CALLS, GREATER, LESSER, NEEDS, PREMIUMS, PUTS, REQUIREMENT, TOGETHER, write_code
from stresstest.margin.kernels.schedules import write_need
from stresstest.margin.kernels.strategy_tables import CALL, NO_LEG, PAIRS, PUT, SHARES

Floats = npt.NDArray[np.float64]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

WORK = np.dtype([("leg", np.int32), ("short", np.int32), ("long", np.int32), ("spare", np.int32), ("left", np.float64), ("units", np.float64)])
"""Scratch of a pool: its legs by rank with the signed units that are left, and beside them the pairs (places of a short and a long leg, units)."""


@kernel
def _write(needs: Records, at: Counters, row: int, into: int, maintenance: float, initial: float) -> None:
    entry = needs[at[NEEDS]]
    entry["row"] = row
    entry["part"] = into
    entry["maintenance"] = maintenance
    entry["initial"] = initial
    at[NEEDS] += 1


@kernel
def _write_naked(needs: Records, at: Counters, leg: Records, into: int, contracts: float) -> None:
    """What naked short contracts need besides their value."""
    _write(needs, at, leg[0]["maintenance_row"], into, contracts, 0.0)
    _write(needs, at, leg[0]["initial_row"], into, 0.0, contracts)


@kernel
def _write_pair(needs: Records, at: Counters, short: Records, long: Records, units: float) -> None:
    """The legs of a pair apart, and together but for their loss."""
    sold = units / short[0]["size"]
    bought = units / long[0]["size"]
    _write_naked(needs, at, short, ALONE, sold)
    _write(needs, at, long[0]["value_row"], ALONE, bought * long[0]["long_maintenance"], bought * long[0]["long_initial"])
    _write(needs, at, long[0]["value_row"], TOGETHER, bought, bought)
    _write(needs, at, short[0]["value_row"], TOGETHER, -sold, -sold)


@kernel
def _payoff(leg: Records, settled: float) -> float:
    """Of one unit of an option at settlement."""
    strike = leg[0]["strike"]
    return float(max(0.0, settled - strike) if leg[0]["kind"] == CALL else max(0.0, strike - settled))


@kernel
def _net_equal_legs(codes: Records, needs: Records, at: Counters, legs: Records, work: Records, first: int, last: int, multiplier: float) -> None:
    """Long and short legs of the same terms cancel, whatever instruments they are in; they stand beside each other."""
    for s in range(first, last):
        if work[s]["left"] >= 0.0:
            continue
        short = legs[work[s]["leg"] : work[s]["leg"] + 1]
        for k in range(first, last):
            long = legs[work[k]["leg"] : work[k]["leg"] + 1]
            same = long[0]["kind"] == short[0]["kind"] and long[0]["expiry"] == short[0]["expiry"] and long[0]["strike"] == short[0]["strike"]
            if work[k]["left"] > 0.0 and work[s]["left"] < 0.0 and same:
                units = min(work[k]["left"], -work[s]["left"])
                work[k]["left"] -= units
                work[s]["left"] += units
                before = at[NEEDS]
                _write_pair(needs, at, short, long, units * multiplier)
                write_code(codes, at, LESSER, at[NEEDS] - before, 0.0, 0.0)


@kernel
def _cover(legs: Records, work: Records, first: int, last: int, shares: float) -> float:
    """Long shares cover short calls, short shares short puts, in the order of rank; returns the shares that are left."""
    for k in range(first, last):
        left = work[k]["left"]
        kind = legs[work[k]["leg"]]["kind"]
        if left < 0.0 and ((kind == CALL and shares > 0.0) or (kind == PUT and shares < 0.0)):
            units = min(-left, abs(shares))
            work[k]["left"] += units
            shares += -units if shares > 0.0 else units
    return shares


@kernel
def _pair(legs: Records, work: Records, first: int, last: int) -> int:
    """Shorts by rank with longs of the same type that expire no earlier, nearest expiry first; returns the number of pairs."""
    pairs = 0
    for s in range(first, last):
        short = legs[work[s]["leg"]]
        for k in range(first, last):
            if work[s]["left"] >= 0.0:
                break
            long = legs[work[k]["leg"]]
            if work[k]["left"] <= 0.0 or long["kind"] != short["kind"] or long["expiry"] < short["expiry"]:
                continue
            units = min(work[k]["left"], -work[s]["left"])
            work[k]["left"] -= units
            work[s]["left"] += units
            work[pairs]["short"] = s
            work[pairs]["long"] = k
            work[pairs]["units"] = units
            pairs += 1
    return pairs


@kernel
def _pairs_at(legs: Records, work: Records, first: int, last: int, settled: float) -> float:
    """Payoff of pairs [first, last) at a settlement price."""
    total = 0.0
    for k in range(first, last):
        short = work[work[k]["short"]]["leg"]
        long = work[work[k]["long"]]["leg"]
        total += work[k]["units"] * (_payoff(legs[long : long + 1], settled) - _payoff(legs[short : short + 1], settled))
    return total


@kernel
def _write_spreads(codes: Records, needs: Records, at: Counters, legs: Records, work: Records, pairs: int, multiplier: float) -> None:
    """The pairs whose shorts expire together are one spread: its legs apart, or its largest loss, whichever is less."""
    begin = 0
    while begin < pairs:
        expiry = legs[work[work[begin]["short"]]["leg"]]["expiry"]
        end = begin
        while end < pairs and legs[work[work[end]["short"]]["leg"]]["expiry"] == expiry:
            end += 1
        before = at[NEEDS]
        lowest = min(0.0, _pairs_at(legs, work, begin, end, 0.0))
        for k in range(begin, end):
            short = work[work[k]["short"]]["leg"]
            long = work[work[k]["long"]]["leg"]
            lowest = min(lowest, _pairs_at(legs, work, begin, end, legs[short]["strike"]))
            lowest = min(lowest, _pairs_at(legs, work, begin, end, legs[long]["strike"]))
            _write_pair(needs, at, legs[short : short + 1], legs[long : long + 1], work[k]["units"] * multiplier)
        row = legs[work[work[begin]["short"]]["leg"]]["strike_row"]
        _write(needs, at, row, TOGETHER, -lowest * multiplier, -lowest * multiplier)
        write_code(codes, at, LESSER, at[NEEDS] - before, 0.0, 0.0)
        begin = end


@kernel
def _write_strangles(codes: Records, needs: Records, at: Counters, legs: Records, work: Records, first: int, last: int, multiplier: float) -> None:
    """Short calls and short puts that are left, each in the order of rank: the one that needs more with its value counts."""
    c = first
    p = first
    while True:
        while c < last and not (work[c]["left"] < 0.0 and legs[work[c]["leg"]]["kind"] == CALL):
            c += 1
        while p < last and not (work[p]["left"] < 0.0 and legs[work[p]["leg"]]["kind"] == PUT):
            p += 1
        if c >= last or p >= last:
            break
        units = min(-work[c]["left"], -work[p]["left"])
        work[c]["left"] += units
        work[p]["left"] += units
        before = at[NEEDS]
        call = legs[work[c]["leg"] : work[c]["leg"] + 1]
        put = legs[work[p]["leg"] : work[p]["leg"] + 1]
        calls = units * multiplier / call[0]["size"]
        puts = units * multiplier / put[0]["size"]
        _write_naked(needs, at, call, CALLS, calls)
        _write_naked(needs, at, put, PUTS, puts)
        _write(needs, at, call[0]["value_row"], PREMIUMS, calls, calls)
        _write(needs, at, put[0]["value_row"], PREMIUMS, -puts, -puts)
        write_code(codes, at, GREATER, at[NEEDS] - before, 0.0, 0.0)


@kernel
def _legs_at(legs: Records, work: Records, first: int, last: int, settled: float) -> float:
    """Payoff of legs [first, last) at a settlement price."""
    total = 0.0
    for k in range(first, last):
        total += work[k]["left"] * _payoff(legs[work[k]["leg"] : work[k]["leg"] + 1], settled)
    return total


@kernel
def _write_expiries(
    codes: Records, needs: Records, at: Counters, legs: Records, work: Records, first: int, last: int, strategy: Records, multiplier: float
) -> None:
    """All legs of an expiry: apart, or the largest loss over settlement with what calls sold without others need, whichever is less."""
    begin = first
    while begin < last:
        expiry = legs[work[begin]["leg"]]["expiry"]
        end = begin
        sold = False
        calls = 0.0
        while end < last and legs[work[end]["leg"]]["expiry"] == expiry:
            sold = sold or work[end]["left"] < 0.0
            if legs[work[end]["leg"]]["kind"] == CALL:
                calls += work[end]["left"]
            end += 1
        if sold:
            before = at[NEEDS]
            lowest = min(0.0, _legs_at(legs, work, begin, end, 0.0))
            for k in range(begin, end):
                leg = legs[work[k]["leg"] : work[k]["leg"] + 1]
                lowest = min(lowest, _legs_at(legs, work, begin, end, leg[0]["strike"]))
                contracts = work[k]["left"] * multiplier / leg[0]["size"]
                if contracts < 0.0:
                    _write_naked(needs, at, leg, ALONE, -contracts)
                else:
                    _write(needs, at, leg[0]["value_row"], ALONE, contracts * leg[0]["long_maintenance"], contracts * leg[0]["long_initial"])
                _write(needs, at, leg[0]["value_row"], TOGETHER, contracts, contracts)
            head = legs[work[begin]["leg"]]
            _write(needs, at, head["strike_row"], TOGETHER, -lowest * multiplier, -lowest * multiplier)
            if calls < 0.0:
                unpaired = -calls * multiplier
                m = strategy[0]["unpaired_maintenance"]
                i = strategy[0]["unpaired_initial"]
                _write(needs, at, head["forward_row"], TOGETHER, unpaired * m, unpaired * i)
            write_code(codes, at, LESSER, at[NEEDS] - before, 0.0, 0.0)
            for k in range(begin, end):
                work[k]["left"] = 0.0
        begin = end


@kernel
def _gather(legs: Records, work: Records, instruments: Records, positions: Records, first: int, last: int, offset: int) -> int:
    """The legs of a pool by rank; returns how many."""
    count = 0
    for p in range(first, last):
        code = offset + instruments[positions[p]["instrument"]]["code"]
        if legs[code]["kind"] == NO_LEG or positions[p]["quantity"] == 0.0:
            continue
        k = count
        while k > 0 and legs[work[k - 1]["leg"]]["rank"] > legs[code]["rank"]:
            work[k]["leg"] = work[k - 1]["leg"]
            work[k]["left"] = work[k - 1]["left"]
            k -= 1
        work[k]["leg"] = code
        work[k]["left"] = positions[p]["quantity"] * legs[code]["size"]
        count += 1
    return count


@kernel
def fold_strategy(
    codes: Records,
    values: Records,
    needs: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    positions: Records,
    strategy: Records,
    legs: Records,
    work: Records,
    first: int,
    last: int,
    multiplier: float,
    constants: Floats,
) -> None:
    """The requirement of the options and shares among positions [first, last) under the model of the one record `strategy`."""
    count = _gather(legs, work, instruments, positions, first, last, strategy[0]["first"])
    shares = 0.0
    underlying = -1
    begin = 0
    while begin < count:
        head = legs[work[begin]["leg"]]
        if head["underlying"] != underlying:
            underlying = head["underlying"]
            shares = 0.0
        end = begin + 1
        if head["kind"] == SHARES:
            shares += work[begin]["left"]
        else:
            while end < count and legs[work[end]["leg"]]["kind"] != SHARES and legs[work[end]["leg"]]["group"] == head["group"]:
                end += 1
            if strategy[0]["recognition"] == PAIRS:
                _net_equal_legs(codes, needs, at, legs, work, begin, end, multiplier)
                shares = _cover(legs, work, begin, end, shares)
                _write_spreads(codes, needs, at, legs, work, _pair(legs, work, begin, end), multiplier)
                _write_strangles(codes, needs, at, legs, work, begin, end, multiplier)
            else:
                _write_expiries(codes, needs, at, legs, work, begin, end, strategy, multiplier)
        begin = end
    before = at[NEEDS]
    for k in range(count):
        leg = legs[work[k]["leg"]]
        contracts = work[k]["left"] * multiplier / leg["size"]
        if contracts > 0.0:
            m = contracts * leg["long_maintenance"]
            i = contracts * leg["long_initial"]
            write_need(values, -1, needs, at, span, leg["value_row"], m, i, constants)
        elif contracts < 0.0 and leg["kind"] == SHARES:
            m = -contracts * strategy[0]["short_maintenance"]
            i = -contracts * strategy[0]["short_initial"]
            write_need(values, -1, needs, at, span, leg["value_row"], m, i, constants)
        elif contracts < 0.0:
            write_need(values, -1, needs, at, span, leg["maintenance_row"], -contracts, 0.0, constants)
            write_need(values, -1, needs, at, span, leg["initial_row"], 0.0, -contracts, constants)
    if at[NEEDS] > before:
        write_code(codes, at, REQUIREMENT, at[NEEDS] - before, 0.0, 0.0)
