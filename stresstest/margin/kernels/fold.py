"""Fold the holdings of each pool, once, into a short program that `walk` runs over every block of scenarios.

For a holding that follows one row r, requirement and haircut are piecewise linear in n = |q|*r. Over the range that the scenarios span only
few pieces are live: the first gives a slope and a constant, each further one a step at its lower edge. What no scenario reaches costs nothing,
and what all scenarios have passed costs no more than the first piece.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.tables import (
    BAND_START, DEDUCTION, IN_REPORTING_CURRENCY, IN_SCHEDULE_CURRENCY, INITIAL_CONSTANT, INITIAL_HAIRCUT, INITIAL_SLOPE, MAINTENANCE_CONSTANT,
    MAINTENANCE_HAIRCUT, MAINTENANCE_SLOPE, MARGINAL, MARGINED_OPTION, PAID_OPTION, QUANTITY, SPOT, START, Tables,
)

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

# Instructions. `count` entries of the named list follow; `asset`, `weight` are codes in the same field.
VALUE = 0  # count value entries: target += factor * row
CONSTANT = 1  # x to position value in the balance, y to position value outside it
TOKEN = 2  # asset; y = 1: rows differ, never simple. Opens a token's net balance
TOKEN_ROW = 3  # one collateral entry of the open token
TOKEN_END = 4  # asset; x constant of its P&L. Applies haircuts to the net balance
COLLATERAL = 5  # asset; one collateral entry that nothing else joins; x, y constants of the folded bands
BANDS = 6  # count step entries on the balances, skipped where the haircuts of the last COLLATERAL are shocked
GROUP = 7  # weight; opens a group of requirements that share a weight
REQUIREMENT = 8  # count requirement entries: (maintenance, initial) += factors * row
STEPS = 9  # count step entries on the requirements
GROUP_END = 10  # weight; x, y constants
MEASURE = 11  # value entries now measure one position's P&L
PNL = 12  # model; x constant: weigh the measured P&L
OUTSIDE = 13  # count value entries outside the balance; x, y credits to the balances (maintenance, initial)
NET = 14  # one entry of `nets`


class Holdings(NamedTuple):
    """A block's netted holdings, sorted by pool; `*_first` [pools + 1] delimit them. `model`, `multiplier` [pools]."""

    position_first: npt.NDArray[np.int64]
    positions: Records
    collateral_first: npt.NDArray[np.int64]
    collateral: Records
    model: Codes
    multiplier: Floats


POSITION = np.dtype(
    [("instrument", np.int32), ("spare", np.int32), ("quantity", np.float64), ("cost", np.float64), ("funding", np.float64), ("leverage", np.float64)]
)
COLLATERAL_ROW = np.dtype([("asset", np.int32), ("location", np.int32), ("amount", np.float64)])

CODE = np.dtype([("operation", np.int32), ("count", np.int32), ("x", np.float64), ("y", np.float64)])
VALUE_ENTRY = np.dtype([("row", np.int32), ("spare", np.int32), ("factor", np.float64)])
NEED_ENTRY = np.dtype([("row", np.int32), ("spare", np.int32), ("maintenance", np.float64), ("initial", np.float64)])
STEP_ENTRY = np.dtype(
    [
        ("row", np.int32), ("spare", np.int32), ("quantity", np.float64), ("threshold", np.float64),
        ("maintenance_slope", np.float64), ("maintenance_constant", np.float64), ("initial_slope", np.float64), ("initial_constant", np.float64),
    ]
)
TOKEN_ENTRY = np.dtype([("row", np.int32), ("spare", np.int32), ("amount", np.float64), ("maintenance", np.float64), ("initial", np.float64)])
NET_ENTRY = np.dtype([("legs", np.int32), ("schedule", np.int32), ("model", np.int32), ("spare", np.int32), ("leverage", np.float64), ("multiplier", np.float64)])
LEG_ENTRY = np.dtype([("row", np.int32), ("spare", np.int32), ("quantity", np.float64), ("expiry", np.int64)])


class Program(NamedTuple):
    """Instructions and their entries; `first` i64[pools + 1, 7] holds where each pool's share of each list begins."""

    first: npt.NDArray[np.int64]
    codes: Records
    values: Records
    needs: Records
    steps: Records
    tokens: Records
    nets: Records
    legs: Records


INSTRUCTIONS, VALUES, NEEDS, STEPS_AT, TOKENS, NETS, LEGS = 0, 1, 2, 3, 4, 5, 6

MOST_PIECES = 64
"""Pieces of one requirement: tiers, plus pieces where a deduction reaches zero."""


def empty_program(pools: int, positions: int, collateral: int, most_tiers: int, most_bands: int) -> Program:
    """Room for the largest program that these holdings can give; untouched pages cost no memory."""
    return Program(
        first=np.zeros((pools + 1, 7), dtype=np.int64), codes=np.empty(12 * pools + 8 * positions + 6 * collateral + 16, CODE),
        values=np.empty(3 * positions + 8, VALUE_ENTRY), needs=np.empty(2 * positions + 8, NEED_ENTRY),
        steps=np.empty(positions * (2 * most_tiers + 4) + collateral * most_bands + 8, STEP_ENTRY), tokens=np.empty(collateral + 8, TOKEN_ENTRY),
        nets=np.empty(positions + 1, NET_ENTRY), legs=np.empty(positions + 1, LEG_ENTRY),
    )

@kernel
def _code(codes: Records, at: Counters, operation: int, count: int, x: float, y: float) -> None:
    entry = codes[at[INSTRUCTIONS]]
    entry["operation"] = operation
    entry["count"] = count
    entry["x"] = x
    entry["y"] = y
    at[INSTRUCTIONS] += 1


@kernel
def _value(values: Records, at: Counters, span: Floats, row: int, factor: float) -> float:
    """An entry for factor * row, or its constant where the row does not move."""
    if factor == 0.0:
        return 0.0
    if span[row, 0] == span[row, 1]:
        return factor * span[row, 0]
    entry = values[at[VALUES]]
    entry["row"] = row
    entry["factor"] = factor
    at[VALUES] += 1
    return 0.0


@part
def _position_value(values: Records, at: Counters, span: Floats, instruments: Records, positions: Records, p: int) -> float:
    """The value of position p: quantity * value slope + cost * cost slope + funding; returns the constant part."""
    position = positions[p]
    instrument = instruments[position["instrument"]]
    constant = _value(values, at, span, instrument["value_row"], position["quantity"])
    constant += _value(values, at, span, instrument["cost_row"], position["cost"] * instrument["cost_factor"])
    constant += _value(values, at, span, instrument["settle_row"], position["funding"])
    return constant


@part
def _need(needs: Records, at: Counters, span: Floats, row: int, maintenance: float, initial: float, constants: Floats) -> None:
    """An entry of the requirement that follows one row; its constant where the row does not move."""
    if span[row, 0] == span[row, 1]:
        constants[0] += maintenance * span[row, 0]
        constants[1] += initial * span[row, 0]
        return
    entry = needs[at[NEEDS]]
    entry["row"] = row
    entry["maintenance"] = maintenance
    entry["initial"] = initial
    at[NEEDS] += 1


@kernel
def _step(steps: Records, at: Counters, row: int, quantity: float, threshold: float, a: float, b: float, c: float, d: float) -> None:
    entry = steps[at[STEPS_AT]]
    entry["row"] = row
    entry["quantity"] = quantity
    entry["threshold"] = threshold
    entry["maintenance_slope"] = a
    entry["maintenance_constant"] = b
    entry["initial_slope"] = c
    entry["initial_constant"] = d
    at[STEPS_AT] += 1


@part
def _requirement(
    needs: Records, steps: Records, at: Counters, span: Floats, row: int, quantity: float, pieces: Floats, first: int, count: int, leverage: float,
    multiplier: float, constants: Floats,
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
        cross = constant / (least - slope) if slope != least else end
        if not begin < cross < end:
            cross = end
        edge = begin
        while True:
            # Which line is higher in this half is asked at its middle, where they differ.
            right = cross if edge < cross else end
            middle = 0.5 * (edge + right) if right < np.inf else 2.0 * abs(edge) + 1.0
            by_leverage = least * middle > slope * middle + constant
            new_slope = least if by_leverage else slope
            new_constant = 0.0 if by_leverage else constant
            if not begun:
                _need(needs, at, span, row, pieces[k, MAINTENANCE_SLOPE] * quantity * multiplier, new_slope * quantity * multiplier, constants)
                constants[0] += pieces[k, MAINTENANCE_CONSTANT] * multiplier
                constants[1] += new_constant * multiplier
                begun = True
            else:
                _step(
                    steps, at, row, quantity, edge,
                    (pieces[k, MAINTENANCE_SLOPE] - m_slope) * multiplier, (pieces[k, MAINTENANCE_CONSTANT] - m_constant) * multiplier,
                    (new_slope - i_slope) * multiplier, (new_constant - i_constant) * multiplier,
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
def _by_schedule(
    needs: Records, steps: Records, at: Counters, span: Floats, schedules: Records, pieces: Floats, own: Floats, schedule: int, row: int,
    quantity: float, leverage: float, multiplier: float, constants: Floats,
) -> None:
    terms = schedules[schedule]
    used = pieces
    first = terms["first"]
    count = terms["count"]
    if terms["by_amount"] or terms["by_contracts"]:
        count = _contract_pieces(schedules, pieces, schedule, quantity, own)
        used = own
        first = 0
    _requirement(needs, steps, at, span, row, quantity, used, first, count, leverage, multiplier, constants)


@kernel
def _weight_of(instruments: Records, assets: Records, models: Records, weights: Codes, model: int, positions: Records, p: int) -> int:
    """Weight of the requirement of position p, or -1 if it needs none (long paid options, spot without schedule)."""
    position = positions[p]
    instrument = instruments[position["instrument"]]
    kind = instrument["kind"]
    schedule = instrument["schedule"]
    quantity = position["quantity"]
    if quantity == 0.0:
        return -1
    if kind == PAID_OPTION or kind == MARGINED_OPTION:
        if quantity > 0.0:
            return weights[IN_REPORTING_CURRENCY, model, schedule] if kind == MARGINED_OPTION else -1
        if instrument["short_maintenance_row"] >= 0:
            return weights[IN_REPORTING_CURRENCY, model, schedule]
        return weights[IN_SCHEDULE_CURRENCY, model, schedule]
    if kind == SPOT and schedule < 0:
        return -1
    if models[model]["net_by_underlying"]:
        return weights[IN_SCHEDULE_CURRENCY, model, assets[instrument["underlying"]]["schedule"]]
    return weights[IN_SCHEDULE_CURRENCY, model, schedule]


@part
def _option_need(
    needs: Records, steps: Records, at: Counters, span: Floats, instruments: Records, schedules: Records, pieces: Floats, models: Records, own: Floats,
    model: int, multiplier: float, positions: Records, p: int, constants: Floats,
) -> None:
    position = positions[p]
    instrument = instruments[position["instrument"]]
    quantity = abs(position["quantity"])
    if position["quantity"] > 0.0:
        m = quantity * (1.0 - models[model]["maintenance_credit"]) * multiplier
        i = quantity * (1.0 - models[model]["initial_credit"]) * multiplier
        _need(needs, at, span, instrument["value_row"], m, i, constants)
    elif instrument["short_maintenance_row"] >= 0:
        _need(needs, at, span, instrument["short_maintenance_row"], quantity * multiplier, 0.0, constants)
        _need(needs, at, span, instrument["short_initial_row"], 0.0, quantity * multiplier, constants)
    else:
        _by_schedule(
            needs, steps, at, span, schedules, pieces, own, instrument["schedule"], instrument["notional_row"], quantity, 0.0, multiplier, constants,
        )


@part
def _gather_legs(
    legs: Records, start: int, instruments: Records, positions: Records, first: int, last: int, p: int,
) -> tuple[int, float]:
    """The positions netted with p, sorted by expiry; returns how many and the smallest leverage. None if p is not the first of them."""
    underlying = instruments[positions[p]["instrument"]]["underlying"]
    count = 0
    leverage = 0.0
    for q in range(first, last):
        position = positions[q]
        instrument = instruments[position["instrument"]]
        kind = instrument["kind"]
        if instrument["underlying"] != underlying or kind == PAID_OPTION or kind == MARGINED_OPTION or position["quantity"] == 0.0:
            continue
        if kind == SPOT and instrument["schedule"] < 0:
            continue
        if q < p:
            return 0, 0.0
        k = start + count
        while k > start and legs[k - 1]["expiry"] > instrument["expiry"]:
            legs[k] = legs[k - 1]
            k -= 1
        legs[k]["row"] = instrument["net_notional_row"]
        legs[k]["quantity"] = position["quantity"]
        legs[k]["expiry"] = instrument["expiry"]
        if position["leverage"] > 0.0 and (leverage == 0.0 or position["leverage"] < leverage):
            leverage = position["leverage"]
        count += 1
    return count, leverage


@part
def _fold_group(
    needs: Records, steps: Records, nets: Records, legs: Records, at: Counters, span: Floats, instruments: Records, schedules: Records, pieces: Floats,
    assets: Records, models: Records, weights: Codes, own: Floats, model: int, multiplier: float, positions: Records, first: int, last: int, weight: int,
    constants: Floats,
) -> None:
    """The requirements of a pool that share a weight."""
    netting = models[model]["net_by_underlying"] != 0
    for p in range(first, last):
        if _weight_of(instruments, assets, models, weights, model, positions, p) != weight:
            continue
        position = positions[p]
        instrument = instruments[position["instrument"]]
        kind = instrument["kind"]
        quantity = abs(position["quantity"])
        if kind == PAID_OPTION or kind == MARGINED_OPTION:
            _option_need(needs, steps, at, span, instruments, schedules, pieces, models, own, model, multiplier, positions, p, constants)
            continue
        if not netting:
            _by_schedule(
                needs, steps, at, span, schedules, pieces, own, instrument["schedule"], instrument["notional_row"], quantity, position["leverage"],
                multiplier, constants,
            )
            continue
        start = at[LEGS]
        count, leverage = _gather_legs(legs, start, instruments, positions, first, last, p)
        schedule = assets[instrument["underlying"]]["schedule"]
        if count == 1:
            _by_schedule(
                needs, steps, at, span, schedules, pieces, own, schedule, instrument["net_notional_row"], quantity, leverage, multiplier, constants,
            )
        elif count > 1:
            net = nets[at[NETS]]
            net["legs"] = count
            net["schedule"] = schedule
            net["model"] = model
            net["leverage"] = leverage
            net["multiplier"] = multiplier
            at[NETS] += 1
            at[LEGS] += count


@part
def _fold_bands(
    codes: Records, tokens: Records, steps: Records, at: Counters, span: Floats, assets: Records, bands: Floats, asset: int, quantity: float,
) -> None:
    """Collateral of one asset that nothing else joins: v = quantity * price, haircut folded to slopes, constants and steps."""
    terms = assets[asset]
    row = terms["price_row"]
    token = tokens[at[TOKENS]]
    at[TOKENS] += 1
    code = codes[at[INSTRUCTIONS]]
    _code(codes, at, COLLATERAL, asset, 0.0, 0.0)
    token["row"] = row
    token["amount"] = quantity
    if quantity < 0.0:
        token["maintenance"] = quantity * terms["liability_maintenance"]
        token["initial"] = quantity * terms["liability_initial"]
        return
    by_quantity = terms["band_basis"] == QUANTITY
    low = quantity if by_quantity else quantity * span[row, 0]
    high = quantity if by_quantity else quantity * span[row, 1]
    before = at[STEPS_AT]
    m_slope = i_slope = m_constant = i_constant = 0.0
    m_kept = i_kept = 0.0
    for k in range(terms["band_first"], terms["band_first"] + terms["band_count"]):
        start = bands[k, BAND_START]
        if start > high:
            break
        m = 1.0 - bands[k, MAINTENANCE_HAIRCUT] - m_kept
        i = 1.0 - bands[k, INITIAL_HAIRCUT] - i_kept
        m_kept = 1.0 - bands[k, MAINTENANCE_HAIRCUT]
        i_kept = 1.0 - bands[k, INITIAL_HAIRCUT]
        if start <= low:
            m_slope += m
            i_slope += i
            m_constant -= m * start
            i_constant -= i * start
        else:
            _step(steps, at, row, quantity, start, m, -m * start, i, -i * start)
    token["maintenance"] = m_slope * quantity
    token["initial"] = i_slope * quantity
    if by_quantity:
        # Thresholds are units of the token, worth the price each: the constants follow the price as well.
        token["maintenance"] += m_constant
        token["initial"] += i_constant
    else:
        code["x"] = m_constant
        code["y"] = i_constant
    if at[STEPS_AT] > before:
        _code(codes, at, BANDS, at[STEPS_AT] - before, 0.0, 0.0)


@kernel
def _joined_token(instruments: Records, positions: Records, p: int, into_value: bool) -> int:
    """The token whose balance the value of position p joins, or -1 if it joins none (paid options, P&L into value)."""
    instrument = instruments[positions[p]["instrument"]]
    kind = instrument["kind"]
    if kind == SPOT:
        return instrument["underlying"]
    if kind == PAID_OPTION or into_value:
        return -1
    return instrument["settle"]


@part
def _fold_values(
    codes: Records, values: Records, at: Counters, span: Floats, instruments: Records, positions: Records, first: int, last: int, token: int, model: int,
    weighted: bool, into_value: bool,
) -> float:
    """Value entries of the positions that join `token` (-1: none; long options apart); weighed P&L is measured position by position."""
    constant = 0.0
    before = at[VALUES]
    for p in range(first, last):
        kind = instruments[positions[p]["instrument"]]["kind"]
        if _joined_token(instruments, positions, p, into_value) != token or (weighted and kind != SPOT and kind != PAID_OPTION):
            continue
        if kind == PAID_OPTION and positions[p]["quantity"] >= 0.0:
            continue
        constant += _position_value(values, at, span, instruments, positions, p)
    if at[VALUES] > before:
        _code(codes, at, VALUE, at[VALUES] - before, 0.0, 0.0)
    if weighted:
        for p in range(first, last):
            kind = instruments[positions[p]["instrument"]]["kind"]
            if _joined_token(instruments, positions, p, into_value) != token or kind == SPOT or kind == PAID_OPTION:
                continue
            _code(codes, at, MEASURE, 0, 0.0, 0.0)
            before = at[VALUES]
            still = _position_value(values, at, span, instruments, positions, p)
            _code(codes, at, VALUE, at[VALUES] - before, 0.0, 0.0)
            _code(codes, at, PNL, model, still, 0.0)
    return constant


@part
def _fold_outside(
    codes: Records, values: Records, at: Counters, span: Floats, instruments: Records, models: Records, positions: Records, first: int, last: int,
    model: int,
) -> None:
    """Long paid options: equity in full, balances at `long_option_credit`."""
    before = at[VALUES]
    constant = 0.0
    for p in range(first, last):
        if instruments[positions[p]["instrument"]]["kind"] == PAID_OPTION and positions[p]["quantity"] > 0.0:
            constant += _position_value(values, at, span, instruments, positions, p)
    if at[VALUES] > before or constant != 0.0:
        _code(codes, at, CONSTANT, 0, 0.0, constant)
        _code(codes, at, OUTSIDE, at[VALUES] - before, models[model]["maintenance_credit"], models[model]["initial_credit"])


@part
def _fold_token(
    codes: Records, values: Records, tokens: Records, steps: Records, at: Counters, span: Floats, instruments: Records, assets: Records, bands: Floats,
    holding_row: Codes, positions: Records, first: int, last: int, collateral: Records, c_first: int, c_last: int, token: int, joined: bool, model: int,
    weighted: bool, into_value: bool,
) -> None:
    """One token of a pool: its collateral rows (sorted by asset) and, if any position joins it, their value."""
    price_row = assets[token]["price_row"]
    quantity = 0.0
    rows = 0
    plain = True
    for c in range(c_first, c_last):
        if collateral[c]["asset"] == token:
            rows += 1
            quantity += collateral[c]["amount"]
            # A holding share applies to positive rows only.
            if collateral[c]["amount"] > 0.0 and holding_row[token, collateral[c]["location"] + 1] != price_row:
                plain = False
    if not joined and plain and assets[token]["foldable"]:
        _fold_bands(codes, tokens, steps, at, span, assets, bands, token, quantity)
        return
    _code(codes, at, TOKEN, token, 0.0, 0.0 if plain else 1.0)
    constant = 0.0
    if joined:
        constant = _fold_values(codes, values, at, span, instruments, positions, first, last, token, model, weighted, into_value)
    before = at[TOKENS]
    if plain and rows > 0:
        tokens[before]["row"] = price_row
        tokens[before]["amount"] = quantity
        at[TOKENS] += 1
    elif rows > 0:
        for c in range(c_first, c_last):
            if collateral[c]["asset"] == token:
                entry = tokens[at[TOKENS]]
                positive = collateral[c]["amount"] > 0.0
                entry["row"] = holding_row[token, collateral[c]["location"] + 1] if positive else price_row
                entry["amount"] = collateral[c]["amount"]
                at[TOKENS] += 1
    for _ in range(at[TOKENS] - before):
        _code(codes, at, TOKEN_ROW, token, 0.0, 0.0)
    _code(codes, at, TOKEN_END, token, constant, 0.0)


@kernel
def _fold_all(
    starts: npt.NDArray[np.int64], codes: Records, values: Records, needs: Records, steps: Records, tokens: Records, nets: Records, legs: Records,
    position_first: Counters, positions: Records, collateral_first: Counters, collateral: Records, model_of: Codes, multiplier_of: Floats,
    instruments: Records, schedules: Records, pieces: Floats, assets: Records, bands: Floats, holding_row: Codes, models: Records, weights: Codes,
    span: Floats,
) -> None:
    at = np.zeros(7, dtype=np.int64)
    own = np.empty((MOST_PIECES, 5))
    constants = np.zeros(2)
    pools = len(model_of)
    found_weights = np.empty(len(positions) + 1, dtype=np.int32)
    for pool in range(pools):
        starts[pool] = at
        first = position_first[pool]
        last = position_first[pool + 1]
        c_first = collateral_first[pool]
        c_last = collateral_first[pool + 1]
        model = model_of[pool]
        weighted = models[model]["weighted_pnl"] != 0
        into_value = models[model]["into_value"] != 0
        constant = _fold_values(codes, values, at, span, instruments, positions, first, last, -1, model, weighted, into_value)
        if constant != 0.0:
            _code(codes, at, CONSTANT, 0, constant, 0.0)
        _fold_outside(codes, values, at, span, instruments, models, positions, first, last, model)
        # Tokens that positions join, each once, then the collateral that nothing joins.
        for p in range(first, last):
            token = _joined_token(instruments, positions, p, into_value)
            seen = token < 0
            for q in range(first, p):
                if seen:
                    break
                seen = _joined_token(instruments, positions, q, into_value) == token
            if not seen:
                _fold_token(
                    codes, values, tokens, steps, at, span, instruments, assets, bands, holding_row, positions, first, last, collateral, c_first, c_last,
                    token, True, model, weighted, into_value,
                )
        for c in range(c_first, c_last):
            token = collateral[c]["asset"]
            seen = c > c_first and collateral[c - 1]["asset"] == token
            for p in range(first, last):
                if seen:
                    break
                seen = _joined_token(instruments, positions, p, into_value) == token
            if not seen:
                _fold_token(
                    codes, values, tokens, steps, at, span, instruments, assets, bands, holding_row, positions, first, last, collateral, c_first, c_last,
                    token, False, model, weighted, into_value,
                )
        found = 0
        for p in range(first, last):
            weight = _weight_of(instruments, assets, models, weights, model, positions, p)
            known = weight < 0
            for g in range(found):
                known = known or found_weights[g] == weight
            if not known:
                found_weights[found] = weight
                found += 1
        for g in range(found):
            weight = found_weights[g]
            constants[0] = 0.0
            constants[1] = 0.0
            need = at[NEEDS]
            step = at[STEPS_AT]
            net = at[NETS]
            _fold_group(
                needs, steps, nets, legs, at, span, instruments, schedules, pieces, assets, models, weights, own, model, multiplier_of[pool], positions,
                first, last, weight, constants,
            )
            if weight > 0:
                _code(codes, at, GROUP, weight, 0.0, 0.0)
            if at[NEEDS] > need:
                _code(codes, at, REQUIREMENT, at[NEEDS] - need, 0.0, 0.0)
            if at[STEPS_AT] > step:
                _code(codes, at, STEPS, at[STEPS_AT] - step, 0.0, 0.0)
            if at[NETS] > net:
                _code(codes, at, NET, at[NETS] - net, 0.0, 0.0)
            _code(codes, at, GROUP_END, weight, constants[0], constants[1])
    starts[pools] = at


def fold(program: Program, tables: Tables, holdings: Holdings) -> None:
    """Write the program of every pool of a block."""
    _fold_all(
        *program, *holdings, tables.instruments, tables.schedules, tables.pieces, tables.assets, tables.bands, tables.holding_row, tables.models,
        tables.weights, tables.span,
    )
