"""Run a pool's program over one block of scenarios."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import (
    APART,
    DIRECT,
    GROUP_INITIAL,
    GROUP_MAINTENANCE,
    HELD,
    INITIAL,
    KEPT,
    KEPT_BEHIND,
    MAINTENANCE,
    MEASURED,
    NEED_INITIAL,
    NEED_MAINTENANCE,
    TOKEN_HELD,
    TOKEN_PNL,
    WEIGHED_INITIAL,
    WEIGHED_MAINTENANCE,
)
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.loops import add_needs, add_row, add_row_thrice, add_steps, add_values, clear
from stresstest.margin.kernels.netting import add_net
from stresstest.margin.kernels.program import (
    BANDS,
    COLLATERAL,
    CONSTANT,
    GROUP,
    GROUP_END,
    INSTRUCTIONS,
    LEGS,
    MEASURE,
    NEEDS,
    NET,
    NETS,
    OUTSIDE,
    PNL,
    REQUIREMENT,
    STEPS,
    STEPS_AT,
    TOKEN,
    TOKEN_END,
    TOKEN_ROW,
    TOKENS,
    VALUE,
    VALUES,
)
from stresstest.margin.kernels.tokens import close_token, weigh

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]


@kernel
def walk(
    acc: Floats,
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
    rows: Floats,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    bands: Floats,
    models: Records,
    weight_row: Codes,
    asset_plain: Flags,
    weight_unit: Flags,
    to: npt.NDArray[np.int64],
    by: Floats,
    width: int,
) -> bool:
    """Fill the accumulators and the constants [KEPT_BEHIND, by accumulator] of one pool for one block of lanes.

    `starts` delimits each pool's share of the program; `rows`, `asset_plain`, `weight_unit` are those of the block;
    `to`, `by` [3] are scratch. Returns whether the pool used APART, INITIAL and KEPT_BEHIND.
    """
    at_value = starts[pool, VALUES]
    at_need = starts[pool, NEEDS]
    at_step = starts[pool, STEPS_AT]
    at_token = starts[pool, TOKENS]
    at_net = starts[pool, NETS]
    at_leg = starts[pool, LEGS]
    for row in range(NEED_MAINTENANCE + 1):
        clear(acc, row, width)
    for k in range(len(constants)):
        constants[k] = 0.0
    target = DIRECT
    saved = DIRECT
    gm = NEED_MAINTENANCE
    gi = NEED_INITIAL
    simple = True
    shocked = False
    measured = False
    special = False
    outside = 0.0
    amount = 0.0
    for i in range(starts[pool, INSTRUCTIONS], starts[pool + 1, INSTRUCTIONS]):
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
            clear(acc, APART, width)
            clear(acc, INITIAL, width)
            clear(acc, KEPT_BEHIND, width)
        # Most instructions end in adding multiples of one row to a few accumulators, or in closing a token: one place for each.
        adds = 0
        closes = False
        source = -1
        if operation == VALUE or operation == OUTSIDE:
            if operation == OUTSIDE:
                clear(acc, MEASURED, width)
            add_values(acc, MEASURED if operation == OUTSIDE else target, rows, values, at_value, count, width)
            at_value += count
            if operation == OUTSIDE:
                adds = 3 if x != 0.0 or y != 0.0 else 1
                to[0], by[0] = APART, 1.0
                to[1], by[1] = MAINTENANCE, x
                to[2], by[2] = INITIAL, y
                constants[MAINTENANCE] += x * outside
                constants[INITIAL] += y * outside
        elif operation == REQUIREMENT:
            add_needs(acc, gm, gi, rows, needs, at_need, count, width)
            at_need += count
        elif operation == STEPS or operation == BANDS:
            of_token = operation == BANDS
            if not (of_token and shocked):
                add_steps(acc, MAINTENANCE if of_token else gm, KEPT if of_token else gi, rows, steps, at_step, count, width)
            at_step += count
        elif operation == COLLATERAL:
            source = tokens[at_token]["row"]
            to[0], by[0] = HELD, amount
            if shocked:
                clear(acc, TOKEN_HELD, width)
                clear(acc, TOKEN_PNL, width)
                to[1], by[1] = TOKEN_HELD, amount
                adds = 2
                measured = False
                closes = True
            else:
                kept = KEPT if amount >= 0.0 else INITIAL
                to[1], by[1] = MAINTENANCE, tokens[at_token]["maintenance"]
                to[2], by[2] = kept, tokens[at_token]["initial"]
                adds = 3
                constants[MAINTENANCE] += x
                constants[kept] += y
            at_token += 1
        elif operation == CONSTANT:
            constants[DIRECT] += x
            constants[APART] += y
            outside = y
        elif operation == TOKEN:
            measured = False
            target = DIRECT if simple else TOKEN_PNL
            if not simple:
                clear(acc, TOKEN_PNL, width)
                clear(acc, TOKEN_HELD, width)
        elif operation == TOKEN_ROW:
            source = tokens[at_token]["row"]
            at_token += 1
            to[0], by[0] = HELD, amount
            if simple:
                # The only row of its token: the sign of the balance is known.
                to[1], by[1] = MAINTENANCE, amount
                to[2], by[2] = KEPT if amount >= 0.0 else INITIAL, amount
                adds = 3
            else:
                to[1], by[1] = TOKEN_HELD, amount
                adds = 2
        elif operation == TOKEN_END:
            target = DIRECT
            if simple:
                constants[DIRECT] += x
            else:
                for s in range(width):
                    acc[TOKEN_PNL, s] += x
                    acc[APART, s] += acc[TOKEN_PNL, s]
                closes = True
                simple = True
        elif operation == MEASURE:
            saved = target
            target = MEASURED
            clear(acc, MEASURED, width)
        elif operation == PNL:
            target = saved
            for s in range(width):
                acc[MEASURED, s] += x
            if not simple and not measured:
                clear(acc, WEIGHED_MAINTENANCE, width)
                clear(acc, WEIGHED_INITIAL, width)
                measured = True
            for which in range(2):
                plainly = MAINTENANCE if which == 0 else INITIAL
                behind = WEIGHED_MAINTENANCE if which == 0 else WEIGHED_INITIAL
                weight = models[count]["maintenance_weight"] if which == 0 else models[count]["initial_weight"]
                cap = models[count]["maintenance_cap"] if which == 0 else models[count]["initial_cap"]
                weigh(acc, plainly if simple else behind, weight, cap, not simple, width)
            to[0], by[0] = APART if simple else TOKEN_PNL, 1.0
            adds = 1
        elif operation == GROUP:
            if not weight_unit[count]:
                gm = GROUP_MAINTENANCE
                gi = GROUP_INITIAL
                clear(acc, gm, width)
                clear(acc, gi, width)
        elif operation == GROUP_END:
            if gm == NEED_MAINTENANCE:
                constants[NEED_MAINTENANCE] += x
                constants[NEED_INITIAL] += y
            else:
                row = weight_row[count]
                for s in range(width):
                    acc[NEED_MAINTENANCE, s] += rows[row, s] * (acc[GROUP_MAINTENANCE, s] + x)
                    acc[NEED_INITIAL, s] += rows[row, s] * (acc[GROUP_INITIAL, s] + y)
                gm = NEED_MAINTENANCE
                gi = NEED_INITIAL
        elif operation == NET:
            for n in range(at_net, at_net + count):
                add_net(acc, gm, gi, rows, nets[n : n + 1], legs, at_leg, schedules, pieces, models, width)
                at_leg += nets[n]["legs"]
            at_net += count
        if adds == 3 and source >= 0:
            add_row_thrice(acc, to, by, rows, source, width)
            adds = 0
        for k in range(adds):
            if source >= 0:
                add_row(acc, to[k], rows, source, by[k], width)
            else:
                add_row(acc, to[k], acc, MEASURED, by[k], width)
        if closes:
            close_token(acc, rows, assets[count : count + 1], bands, shocked, measured, width)
    return special
