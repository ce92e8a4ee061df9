"""Fold the requirements of a pool: which positions share a weight, which are netted, what options need."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.program import LEGS, NETS
from stresstest.margin.kernels.schedules import fold_by_schedule, write_need
from stresstest.margin.kernels.strategy_tables import NO_LEG
from stresstest.margin.kernels.tables import IN_REPORTING_CURRENCY, IN_SCHEDULE_CURRENCY, MARGINED_OPTION, PAID_OPTION, SPOT

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@kernel
def is_leg(instruments: Records, models: Records, strategies: Records, strategy_legs: Records, model: int, positions: Records, p: int) -> bool:
    """Whether a strategy model recognises position p: options, and spot positions where it has rates for shares."""
    strategy = models[model]["strategy"]
    if strategy < 0:
        return False
    return bool(strategy_legs[strategies[strategy]["first"] + instruments[positions[p]["instrument"]]["code"]]["kind"] != NO_LEG)


@kernel
def weight_of(
    instruments: Records,
    assets: Records,
    models: Records,
    weights: Codes,
    strategies: Records,
    strategy_legs: Records,
    model: int,
    positions: Records,
    p: int,
) -> int:
    """Weight of the requirement of position p, or -1 if it needs none (long paid options, spot without schedule, what rules require)."""
    if models[model]["scanned"] != 0 or is_leg(instruments, models, strategies, strategy_legs, model, positions, p):
        return -1
    return weight_of_quantity(instruments, assets, models, weights, model, positions[p]["instrument"], positions[p]["quantity"])


@kernel
def weight_of_quantity(instruments: Records, assets: Records, models: Records, weights: Codes, model: int, code: int, quantity: float) -> int:
    """Weight of what a schedule asks for a quantity of an instrument, or -1 if it asks nothing."""
    instrument = instruments[code]
    kind = instrument["kind"]
    schedule = instrument["schedule"]
    if quantity == 0.0:
        return -1
    if kind == PAID_OPTION or kind == MARGINED_OPTION:
        if quantity > 0.0:
            return int(weights[IN_REPORTING_CURRENCY, model, schedule]) if kind == MARGINED_OPTION else -1
        if instrument["short_maintenance_row"] >= 0:
            return int(weights[IN_REPORTING_CURRENCY, model, schedule])
        return int(weights[IN_SCHEDULE_CURRENCY, model, schedule])
    if kind == SPOT and schedule < 0:
        return -1
    if models[model]["net_by_underlying"]:
        return int(weights[IN_SCHEDULE_CURRENCY, model, assets[instrument["underlying"]]["schedule"]])
    return int(weights[IN_SCHEDULE_CURRENCY, model, schedule])


@part
def _option_need(
    values: Records,
    own_entry: int,
    needs: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    schedules: Records,
    pieces: Floats,
    models: Records,
    own: Floats,
    model: int,
    multiplier: float,
    code: int,
    signed: float,
    constants: Floats,
) -> None:
    instrument = instruments[code]
    quantity = abs(signed)
    if signed > 0.0:
        m = quantity * (1.0 - models[model]["maintenance_credit"]) * multiplier
        i = quantity * (1.0 - models[model]["initial_credit"]) * multiplier
        write_need(values, own_entry, needs, at, span, instrument["value_row"], m, i, constants)
    elif instrument["short_maintenance_row"] >= 0:
        write_need(values, own_entry, needs, at, span, instrument["short_maintenance_row"], quantity * multiplier, 0.0, constants)
        write_need(values, own_entry, needs, at, span, instrument["short_initial_row"], 0.0, quantity * multiplier, constants)
    else:
        fold_by_schedule(
            values,
            own_entry,
            needs,
            steps,
            at,
            span,
            instruments,
            schedules,
            pieces,
            own,
            code,
            instrument["schedule"],
            instrument["notional_row"],
            quantity,
            0.0,
            multiplier,
            multiplier,
            constants,
        )


@part
def _notional_row(instruments: Records, schedules: Records, models: Records, model: int, code: int, quantity: float, conservative: bool) -> int:
    """The row of the unit notional of a position at conservative prices or at plain ones; plain where open interest sets the rate."""
    instrument = instruments[code]
    if not conservative or schedules[instrument["schedule"]]["by_interest"] != 0:
        return int(instrument["notional_row"])
    if models[model]["conservative_marks"] == 0:
        return int(instrument["high_notional_row"])
    return int(instrument["long_notional_row"]) if quantity > 0.0 else int(instrument["short_notional_row"])


@part
def _fold_notional(
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
    code: int,
    schedule: int,
    row: int,
    initial_row: int,
    quantity: float,
    leverage: float,
    multiplier: float,
    constants: Floats,
) -> None:
    """What a schedule asks for the notional of a position, in maintenance by one row and in initial by another, or both by the same."""
    same = row == initial_row
    for initial in range(1 if same else 2):
        called = same or initial == 1
        fold_by_schedule(
            values,
            own_entry,
            needs,
            steps,
            at,
            span,
            instruments,
            schedules,
            pieces,
            own,
            code,
            schedule,
            row if initial == 0 else initial_row,
            quantity,
            leverage if called else 0.0,
            multiplier if initial == 0 else 0.0,
            multiplier if called else 0.0,
            constants,
        )


@part
def fold_quantity(
    values: Records,
    needs: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    schedules: Records,
    pieces: Floats,
    models: Records,
    own: Floats,
    model: int,
    multiplier: float,
    code: int,
    quantity: float,
    leverage: float,
    constants: Floats,
) -> None:
    """What a schedule asks for a quantity of an instrument that nothing nets with."""
    instrument = instruments[code]
    if instrument["kind"] == PAID_OPTION or instrument["kind"] == MARGINED_OPTION:
        _option_need(values, -1, needs, steps, at, span, instruments, schedules, pieces, models, own, model, multiplier, code, quantity, constants)
    else:
        row = _notional_row(instruments, schedules, models, model, code, quantity, models[model]["conservative_maintenance"] != 0)
        initial_row = _notional_row(instruments, schedules, models, model, code, quantity, models[model]["conservative_initial"] != 0)
        _fold_notional(
            values,
            -1,
            needs,
            steps,
            at,
            span,
            instruments,
            schedules,
            pieces,
            own,
            code,
            instrument["schedule"],
            row,
            initial_row,
            abs(quantity),
            leverage,
            multiplier,
            constants,
        )


@part
def _gather_legs(legs: Records, start: int, instruments: Records, positions: Records, first: int, last: int, p: int) -> tuple[int, float]:
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
        while k > start and legs[k - 1]["key"] > instrument["expiry"]:
            legs[k] = legs[k - 1]
            k -= 1
        legs[k]["row"] = instrument["net_notional_row"]
        legs[k]["quantity"] = position["quantity"]
        legs[k]["key"] = instrument["expiry"]
        if position["leverage"] > 0.0 and (leverage == 0.0 or position["leverage"] < leverage):
            leverage = position["leverage"]
        count += 1
    return count, leverage


@part
def fold_group(
    values: Records,
    needs: Records,
    steps: Records,
    nets: Records,
    legs: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    models: Records,
    own: Floats,
    model: int,
    multiplier: float,
    positions: Records,
    weight_of_position: Codes,
    entry_of: Codes,
    first: int,
    last: int,
    weight: int,
    constants: Floats,
) -> None:
    """The requirements of a pool that share a weight; `weight_of_position` [positions] says which each has.

    `entry_of` [positions]: the entry of the value of each, which its need joins if it follows the same row; -1 for none.
    """
    netting = models[model]["net_by_underlying"] != 0
    for p in range(first, last):
        if weight_of_position[p] != weight:
            continue
        position = positions[p]
        instrument = instruments[position["instrument"]]
        kind = instrument["kind"]
        quantity = abs(position["quantity"])
        if kind == PAID_OPTION or kind == MARGINED_OPTION:
            _option_need(
                values, entry_of[p], needs, steps, at, span, instruments, schedules, pieces, models, own, model, multiplier,
                position["instrument"], position["quantity"], constants,
            )  # fmt: skip
            continue
        count = 1
        schedule = instrument["schedule"]
        row = _notional_row(
            instruments, schedules, models, model, position["instrument"], position["quantity"], models[model]["conservative_maintenance"] != 0
        )
        initial_row = _notional_row(
            instruments, schedules, models, model, position["instrument"], position["quantity"], models[model]["conservative_initial"] != 0
        )
        leverage = position["leverage"]
        if netting:
            count, leverage = _gather_legs(legs, at[LEGS], instruments, positions, first, last, p)
            schedule = assets[instrument["underlying"]]["schedule"]
            row = instrument["net_notional_row"]
            initial_row = row
        if count == 1:
            _fold_notional(
                values,
                entry_of[p],
                needs,
                steps,
                at,
                span,
                instruments,
                schedules,
                pieces,
                own,
                position["instrument"],
                schedule,
                row,
                initial_row,
                quantity,
                leverage,
                multiplier,
                constants,
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
