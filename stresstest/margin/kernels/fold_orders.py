"""Fold the open orders of a pool: what each side of an instrument asks and loses once filled, and the spot markets with orders."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.program import (
    MARKETS,
    NEEDS,
    REQUIREMENT,
    SIDE_ASKED,
    SIDE_FILLED,
    SIDES,
    SIDES_END,
    SPOT_ORDERS,
    STEPS,
    STEPS_AT,
    write_code,
)
from stresstest.margin.kernels.requirements import fold_quantity, weight_of_quantity
from stresstest.margin.kernels.schedules import write_need
from stresstest.margin.kernels.tables import PAID_OPTION, SPOT

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@part
def _counted(quantity: float, credit: float) -> float:
    """How many of a paid option's contracts count in a margin balance."""
    return min(0.0, quantity) + credit * max(0.0, quantity)


@part
def _fold_fill(
    values: Records,
    needs: Records,
    at: Counters,
    span: Floats,
    instrument: Records,
    models: Records,
    model: int,
    quantity: float,
    filled: float,
    cost: float,
    constants: Floats,
) -> None:
    """What is lost by orders that are filled: `filled` contracts (below zero: sold) for `cost`, next to `quantity` held. `instrument`: one record."""
    terms = instrument[0]
    if terms["kind"] == PAID_OPTION:
        m_credit = models[model]["maintenance_credit"]
        i_credit = models[model]["initial_credit"]
        m = _counted(quantity, m_credit) - _counted(quantity + filled, m_credit)
        i = _counted(quantity, i_credit) - _counted(quantity + filled, i_credit)
        write_need(values, -1, needs, at, span, terms["value_row"], m, i, constants)
        write_need(values, -1, needs, at, span, terms["cost_row"], cost * terms["size"], cost * terms["size"], constants)
    else:
        paid = -cost * terms["cost_factor"]
        write_need(values, -1, needs, at, span, terms["value_row"], -filled, -filled, constants)
        write_need(values, -1, needs, at, span, terms["cost_row"], paid, paid, constants)


@part
def _fold_sides(
    codes: Records,
    values: Records,
    needs: Records,
    steps: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    models: Records,
    weights: Codes,
    own: Floats,
    model: int,
    multiplier: float,
    positions: Records,
    orders: Records,
    p: int,
    constants: Floats,
) -> None:
    """The requirement of position p: the worse of its two sides, each with what its fills lose."""
    position = positions[p]
    code = position["instrument"]
    order = orders[position["order"] - 1]
    held = position["quantity"]
    write_code(codes, at, SIDES, 0, 0.0, 0.0)
    for side in range(2):
        filled = order["bid_quantity"] if side == 0 else -order["ask_quantity"]
        cost = order["bid_cost"] if side == 0 else -order["ask_cost"]
        need = at[NEEDS]
        step = at[STEPS_AT]
        constants[0] = 0.0
        constants[1] = 0.0
        weight = weight_of_quantity(instruments, assets, models, weights, model, code, held + filled)
        if weight >= 0:
            fold_quantity(
                values, needs, steps, at, span, instruments, schedules, pieces, models, own, model, multiplier, code, held + filled,
                position["leverage"], constants,
            )  # fmt: skip
        if at[NEEDS] > need:
            write_code(codes, at, REQUIREMENT, at[NEEDS] - need, 0.0, 0.0)
        if at[STEPS_AT] > step:
            write_code(codes, at, STEPS, at[STEPS_AT] - step, 0.0, 0.0)
        write_code(codes, at, SIDE_ASKED, max(weight, 0), constants[0], constants[1])
        need = at[NEEDS]
        constants[0] = 0.0
        constants[1] = 0.0
        _fold_fill(values, needs, at, span, instruments[code : code + 1], models, model, held, filled, cost, constants)
        if at[NEEDS] > need:
            write_code(codes, at, REQUIREMENT, at[NEEDS] - need, 0.0, 0.0)
        write_code(codes, at, SIDE_FILLED, 0, constants[0], constants[1])
    count = order["orders"]
    write_code(codes, at, SIDES_END, 0, count * models[model]["maintenance_order"], count * models[model]["initial_order"])


@part
def kept_slot(kept: Codes, count: int, token: int) -> int:
    """Place of a token among those whose balances are kept, -1 if it is not."""
    for k in range(count):
        if kept[k] == token:
            return k
    return -1


@kernel
def fold_orders(
    codes: Records,
    values: Records,
    needs: Records,
    steps: Records,
    markets: Records,
    at: Counters,
    span: Floats,
    instruments: Records,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    models: Records,
    weights: Codes,
    own: Floats,
    model: int,
    multiplier: float,
    positions: Records,
    orders: Records,
    first: int,
    last: int,
    kept: Codes,
    kept_count: int,
    constants: Floats,
) -> None:
    """The open orders of a pool; `kept` holds the tokens whose balances the walk keeps, in the order of their slots."""
    before = at[MARKETS]
    m_amount = 0.0
    i_amount = 0.0
    for p in range(first, last):
        if positions[p]["order"] == 0:
            continue
        instrument = instruments[positions[p]["instrument"]]
        if instrument["kind"] != SPOT:
            _fold_sides(
                codes, values, needs, steps, at, span, instruments, schedules, pieces, assets, models, weights, own, model, multiplier, positions,
                orders, p, constants,
            )  # fmt: skip
            continue
        order = orders[positions[p]["order"] - 1]
        market = markets[at[MARKETS]]
        at[MARKETS] += 1
        market["base"] = instrument["underlying"]
        market["quote"] = instrument["settle"]
        market["base_slot"] = kept_slot(kept, kept_count, instrument["underlying"])
        market["quote_slot"] = kept_slot(kept, kept_count, instrument["settle"])
        market["base_row"] = assets[instrument["underlying"]]["price_row"]
        market["quote_row"] = assets[instrument["settle"]]["price_row"]
        market["cost_row"] = instrument["cost_row"]
        market["conservative"] = models[model]["conservative_maintenance"] + 2 * models[model]["conservative_initial"]
        market["bid_quantity"] = order["bid_quantity"] * instrument["size"]
        market["bid_cost"] = order["bid_cost"] * instrument["size"]
        market["ask_quantity"] = order["ask_quantity"] * instrument["size"]
        market["ask_cost"] = order["ask_cost"] * instrument["size"]
        market["reserved_base"] = order["reserved_underlying"]
        market["reserved_quote"] = order["reserved_settle"]
        m_amount += order["orders"] * models[model]["maintenance_order"]
        i_amount += order["orders"] * models[model]["initial_order"]
    if at[MARKETS] > before:
        write_code(codes, at, SPOT_ORDERS, at[MARKETS] - before, m_amount, i_amount)
