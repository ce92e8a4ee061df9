"""Run a pool's program over one block of scenarios."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import (
    APART,
    ASIDE,
    ASIDE_INITIAL,
    ASIDE_MAINTENANCE,
    DIRECT,
    HELD,
    INITIAL,
    KEPT,
    MAINTENANCE,
    MEASURED,
    NEED_INITIAL,
    NEED_MAINTENANCE,
    SCRATCH,
    TOKEN_HELD,
    WEIGHED_INITIAL,
    WEIGHED_MAINTENANCE,
)
from stresstest.margin.kernels.given import add_given
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.loops import (
    add_collateral,
    add_measured,
    add_needs,
    add_positions,
    add_row,
    add_steps,
    add_two_collaterals,
    add_values,
    clear,
    clear_pool,
    clear_special,
)
from stresstest.margin.kernels.netting import add_net
from stresstest.margin.kernels.order_lanes import add_spot_orders, close_sides, keep_balance, open_sides, side_asked, side_filled
from stresstest.margin.kernels.program import (
    BANDS,
    COLLATERAL,
    CONSTANT,
    GAP,
    GROUP,
    GROUP_END,
    INSTRUCTIONS,
    KEEP,
    LEGS,
    MARKETS,
    MEASURE,
    NEEDS,
    NET,
    NETS,
    OUTSIDE,
    PNL,
    REQUIREMENT,
    RULED,
    SIDE_ASKED,
    SIDE_FILLED,
    SIDES,
    SIDES_END,
    SPOT_ORDERS,
    STEPS,
    STEPS_AT,
    TOKEN,
    TOKEN_END,
    TOKEN_ROW,
    TOKENS,
    VALUE,
    VALUES,
)
from stresstest.margin.kernels.scaling import close_scaled_token
from stresstest.margin.kernels.tokens import close_token, weigh

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]


@kernel
def _set_aside(acc: Records, row: int, aside: int, fresh: bool, width: int) -> None:
    """Move what a row holds to another, which held nothing yet if `fresh`."""
    a = acc[0]["rows"]
    if fresh:
        clear(acc, aside, width)
    for s in range(width):
        a[aside, s] += a[row, s]
        a[row, s] = 0.0


@kernel
def _close_group(acc: Records, rows: Floats, weight: int, x: float, y: float, aside: bool, width: int) -> None:
    """NEED_* = weight * (NEED_* + constant) + what was there before the group."""
    a = acc[0]["rows"]
    for s in range(width):
        a[NEED_MAINTENANCE, s] = rows[weight, s] * (a[NEED_MAINTENANCE, s] + x)
        a[NEED_INITIAL, s] = rows[weight, s] * (a[NEED_INITIAL, s] + y)
    if aside:
        for s in range(width):
            a[NEED_MAINTENANCE, s] += a[ASIDE_MAINTENANCE, s]
            a[NEED_INITIAL, s] += a[ASIDE_INITIAL, s]


@kernel
def walk(
    acc: Records,
    constants: Floats,
    starts: npt.NDArray[np.int64],
    pool: int,
    codes: Records,
    values: Records,
    needs: Records,
    steps: Records,
    tokens: Records,
    nets: Records,
    legs: Records,
    markets: Records,
    rows: Floats,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    bands: Floats,
    models: Records,
    weight_row: Codes,
    asset_plain: Flags,
    weight_unit: Flags,
    given: Floats,
    kept: Floats,
    width: int,
) -> bool:
    """Fill the accumulators and the constants [KEPT_BEHIND, by accumulator] of one pool for one block of lanes.

    `starts` delimits each pool's share of the program; `rows`, `asset_plain`, `weight_unit` are those of the block, and `given` what rules require
    there. `kept` f64[slots, 2, width] has room for balances of tokens.
    Returns whether the pool used APART, INITIAL and KEPT_BEHIND.

    Value and P&L are always added to DIRECT and requirements to NEED_*, so that the loops over many rows are compiled for these
    alone: what was there before a token or a weighed group is opened is set aside until its end.
    """
    a = acc[0]["rows"]
    at_value = starts[pool, VALUES]
    at_need = starts[pool, NEEDS]
    at_step = starts[pool, STEPS_AT]
    at_token = starts[pool, TOKENS]
    at_net = starts[pool, NETS]
    at_leg = starts[pool, LEGS]
    at_market = starts[pool, MARKETS]
    clear_pool(acc, width)
    for k in range(len(constants)):
        constants[k] = 0.0
    simple = True  # the open token counts in full: no haircut, no liability weight
    shocked = False
    measuring = False
    measured = False
    special = False
    valued = False  # DIRECT holds something
    aside = False
    needed = False  # NEED_* hold something of an earlier group
    weighed = False
    held = False  # TOKEN_HELD holds something
    outside = 0.0
    amount = 0.0
    paired = False  # the second of two entries that were added together
    gap = False  # SCRATCH holds what conservative marks add to the measured P&L
    careful = 0  # conservative prices of the open token: 1 in maintenance, 2 in initial
    end = starts[pool + 1, INSTRUCTIONS]
    for i in range(starts[pool, INSTRUCTIONS], end):
        operation = codes[i]["operation"]
        count = codes[i]["count"]
        x = codes[i]["x"]
        y = codes[i]["y"]
        if operation == COLLATERAL or operation == TOKEN_ROW:
            amount = tokens[at_token]["amount"]
        if operation == COLLATERAL or operation == TOKEN:
            shocked = not asset_plain[count]
        if operation == TOKEN:
            simple = assets[count]["trivial"] != 0 and not shocked and y == 0.0
        uncommon = operation == OUTSIDE or operation == MEASURE or (operation == TOKEN and not simple)
        uncommon = uncommon or (operation == COLLATERAL and shocked) or ((operation == COLLATERAL or operation == TOKEN_ROW) and amount < 0.0)
        if uncommon and not special:
            special = True
            clear_special(acc, width)
        closes = False
        if operation == VALUE:
            if y != 0.0:
                add_positions(acc, rows, values, at_value, count, width)
            else:
                add_values(acc, MEASURED if measuring else DIRECT, rows, values, at_value, count, width)
            valued = valued or not measuring
            at_value += count
        elif operation == OUTSIDE:
            clear(acc, MEASURED, width)
            add_values(acc, MEASURED, rows, values, at_value, count, width)
            at_value += count
            add_measured(acc, MEASURED, APART, 1.0, width)
            if x != 0.0 or y != 0.0:
                add_measured(acc, MEASURED, MAINTENANCE, x, width)
                add_measured(acc, MEASURED, INITIAL, y, width)
            constants[MAINTENANCE] += x * outside
            constants[INITIAL] += y * outside
        elif operation == REQUIREMENT:
            add_needs(acc, rows, needs, at_need, count, width)
            at_need += count
        elif operation == STEPS:
            add_steps(acc, NEED_MAINTENANCE, NEED_INITIAL, rows, steps, at_step, count, width)
            at_step += count
        elif operation == BANDS:
            if not shocked:
                add_steps(acc, MAINTENANCE, KEPT, rows, steps, at_step, count, width)
            at_step += count
        elif operation == COLLATERAL:
            row = tokens[at_token]["row"]
            if shocked:
                if valued:
                    _set_aside(acc, DIRECT, ASIDE, not aside, width)
                    aside = True
                    valued = False
                clear(acc, TOKEN_HELD, width)
                add_row(acc, TOKEN_HELD, rows, row, amount, width)
                add_row(acc, HELD, rows, row, amount, width)
                x = 0.0
                measured = False
                closes = True
            elif amount >= 0.0:
                if paired:
                    paired = False
                elif (
                    i + 1 < end
                    and codes[i + 1]["operation"] == COLLATERAL
                    and asset_plain[codes[i + 1]["count"]]
                    and tokens[at_token + 1]["amount"] >= 0.0
                ):
                    add_two_collaterals(acc, rows, tokens, at_token, width)
                    paired = True
                else:
                    add_collateral(acc, rows, row, amount, tokens[at_token]["maintenance"], KEPT, tokens[at_token]["initial"], width)
                constants[MAINTENANCE] += x
                constants[KEPT] += y
            else:
                add_collateral(acc, rows, row, amount, tokens[at_token]["maintenance"], INITIAL, tokens[at_token]["initial"], width)
                constants[MAINTENANCE] += x
                constants[INITIAL] += y
            at_token += 1
        elif operation == CONSTANT:
            constants[DIRECT] += x
            constants[APART] += y
            outside = y
        elif operation == TOKEN:
            measured = False
            held = False
            if not simple and valued:
                _set_aside(acc, DIRECT, ASIDE, not aside, width)
                aside = True
                valued = False
        elif operation == TOKEN_ROW:
            row = tokens[at_token]["row"]
            at_token += 1
            if simple:
                # The only row of its token: the sign of the balance is known.
                add_collateral(acc, rows, row, amount, amount, KEPT if amount >= 0.0 else INITIAL, amount, width)
            else:
                if not held:
                    clear(acc, TOKEN_HELD, width)
                held = True
                for s in range(width):
                    worth = amount * rows[row, s]
                    a[TOKEN_HELD, s] += worth
                    a[HELD, s] += worth
        elif operation == TOKEN_END:
            if simple:
                constants[DIRECT] += x
            else:
                if not held:
                    clear(acc, TOKEN_HELD, width)
                closes = True
                careful = int(y)
                simple = True
        elif operation == MEASURE:
            measuring = True
            clear(acc, MEASURED, width)
        elif operation == GAP:
            gap = True
            clear(acc, SCRATCH, width)
            add_values(acc, SCRATCH, rows, values, at_value, count, width)
            at_value += count
            for s in range(width):
                a[SCRATCH, s] += x
        elif operation == PNL:
            measuring = False
            for s in range(width):
                a[MEASURED, s] += x
            if not simple and not measured:
                clear(acc, WEIGHED_MAINTENANCE, width)
                clear(acc, WEIGHED_INITIAL, width)
                measured = True
            for which in range(2):
                plainly = MAINTENANCE if which == 0 else INITIAL
                behind = WEIGHED_MAINTENANCE if which == 0 else WEIGHED_INITIAL
                weight = models[count]["maintenance_weight"] if which == 0 else models[count]["initial_weight"]
                cap = models[count]["maintenance_cap"] if which == 0 else models[count]["initial_cap"]
                asked = models[count]["conservative_maintenance"] if which == 0 else models[count]["conservative_initial"]
                weigh(acc, plainly if simple else behind, weight, cap, not simple, gap and asked != 0, width)
            gap = False
            add_measured(acc, MEASURED, APART if simple else DIRECT, 1.0, width)
        elif operation == GROUP:
            weighed = not weight_unit[count]
            if weighed and needed:
                _set_aside(acc, NEED_MAINTENANCE, ASIDE_MAINTENANCE, True, width)
                _set_aside(acc, NEED_INITIAL, ASIDE_INITIAL, True, width)
        elif operation == GROUP_END:
            if weighed:
                _close_group(acc, rows, weight_row[count], x, y, needed, width)
            else:
                constants[NEED_MAINTENANCE] += x
                constants[NEED_INITIAL] += y
            needed = True
            weighed = False
        elif operation == NET:
            for n in range(at_net, at_net + count):
                add_net(acc, rows, nets[n : n + 1], legs, at_leg, schedules, pieces, models, width)
                at_leg += nets[n]["legs"]
            at_net += count
        elif operation == RULED:
            add_given(acc, given, count, width)
        elif operation == KEEP:
            if not held:
                clear(acc, TOKEN_HELD, width)
                held = True
            keep_balance(acc, kept, count, x, measured, width)
        elif operation == SIDES:
            open_sides(acc, width)
        elif operation == SIDE_ASKED:
            side_asked(acc, rows, weight_row[count], x, y, width)
        elif operation == SIDE_FILLED:
            side_filled(acc, x, y, width)
        elif operation == SIDES_END:
            close_sides(acc, width)
            constants[NEED_MAINTENANCE] += x
            constants[NEED_INITIAL] += y
        elif operation == SPOT_ORDERS:
            add_spot_orders(acc, kept, rows, markets, at_market, at_market + count, assets, bands, asset_plain, width)
            constants[NEED_MAINTENANCE] += x
            constants[NEED_INITIAL] += y
            at_market += count
        if closes and operation == TOKEN_END and (assets[count]["scaled"] != 0 or careful != 0):
            close_scaled_token(acc, rows, assets[count : count + 1], bands, x, measured, careful % 2 == 1, careful >= 2, width)
            valued = False
            careful = 0
        elif closes:
            close_token(acc, rows, assets[count : count + 1], bands, x, shocked, measured, width)
            valued = False
    if aside:
        for s in range(width):
            a[DIRECT, s] += a[ASIDE, s]
    return special
