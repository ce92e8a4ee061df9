"""Run a pool's program over one block of scenarios: lanes are scenarios, sums over holdings keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.fold import (
    BANDS, COLLATERAL, CONSTANT, GROUP, GROUP_END, INSTRUCTIONS, LEGS, MEASURE, NEEDS, NET, NETS, OUTSIDE, PNL, REQUIREMENT, STEPS, STEPS_AT, TOKEN,
    TOKEN_END, TOKEN_ROWS, TOKENS, VALUE, VALUES,
)
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.tables import (
    BAND_START, INITIAL_CONSTANT, INITIAL_HAIRCUT, INITIAL_SLOPE, MAINTENANCE_CONSTANT, MAINTENANCE_HAIRCUT, MAINTENANCE_SLOPE, QUANTITY, START,
)

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]

# Accumulators of a pool, one row of lanes each. The first ten become its figures in place (see `reduce`): few rows, so that they stay in the
# first-level cache.
APART = 0  # position value that is not in the balances as it is (long options, P&L behind a haircut)
HELD = 1  # balances at spot, unhaircut
INITIAL = 2  # initial margin balance besides DIRECT and KEPT
MAINTENANCE = 3  # margin balance besides DIRECT
NEED_INITIAL = 4
NEED_MAINTENANCE = 5
FIGURES = 10
DIRECT = 10  # position value that is in the balances as it is
KEPT = 11  # initial margin balance from positive collateral alone: also the K of `stress_loss_over_margin`
KEPT_BEHIND = 12  # K of tokens whose balance goes into INITIAL together with P&L
GROUP_MAINTENANCE = 13
GROUP_INITIAL = 14
TOKEN_HELD = 15
TOKEN_PNL = 16
WEIGHED_MAINTENANCE = 17
WEIGHED_INITIAL = 18
MEASURED = 19
NETTED = 20
LONG = 21
SHORT = 22
SCRATCH = 23
ACCUMULATORS = 24


@kernel
def _clear(row: Floats, width: int) -> None:
    for s in range(width):
        row[s] = 0.0


@kernel
def _add_values(target: Floats, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """target += sum of factor * row, in the order of the entries; several at a time so that the target is read less often."""
    i = first
    last = first + count
    while i + 4 <= last:
        r0 = rows[entries[i]["row"]]
        r1 = rows[entries[i + 1]["row"]]
        r2 = rows[entries[i + 2]["row"]]
        r3 = rows[entries[i + 3]["row"]]
        a0 = entries[i]["factor"]
        a1 = entries[i + 1]["factor"]
        a2 = entries[i + 2]["factor"]
        a3 = entries[i + 3]["factor"]
        for s in range(width):
            target[s] = (((target[s] + a0 * r0[s]) + a1 * r1[s]) + a2 * r2[s]) + a3 * r3[s]
        i += 4
    while i + 2 <= last:
        r0 = rows[entries[i]["row"]]
        r1 = rows[entries[i + 1]["row"]]
        a0 = entries[i]["factor"]
        a1 = entries[i + 1]["factor"]
        for s in range(width):
            target[s] = (target[s] + a0 * r0[s]) + a1 * r1[s]
        i += 2
    if i < last:
        r0 = rows[entries[i]["row"]]
        a0 = entries[i]["factor"]
        for s in range(width):
            target[s] = target[s] + a0 * r0[s]


@kernel
def _add_needs(maintenance: Floats, initial: Floats, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """The same for both requirements at once."""
    i = first
    last = first + count
    while i + 4 <= last:
        r0 = rows[entries[i]["row"]]
        r1 = rows[entries[i + 1]["row"]]
        r2 = rows[entries[i + 2]["row"]]
        r3 = rows[entries[i + 3]["row"]]
        a0 = entries[i]["maintenance"]
        a1 = entries[i + 1]["maintenance"]
        a2 = entries[i + 2]["maintenance"]
        a3 = entries[i + 3]["maintenance"]
        for s in range(width):
            maintenance[s] = (((maintenance[s] + a0 * r0[s]) + a1 * r1[s]) + a2 * r2[s]) + a3 * r3[s]
        a0 = entries[i]["initial"]
        a1 = entries[i + 1]["initial"]
        a2 = entries[i + 2]["initial"]
        a3 = entries[i + 3]["initial"]
        for s in range(width):
            initial[s] = (((initial[s] + a0 * r0[s]) + a1 * r1[s]) + a2 * r2[s]) + a3 * r3[s]
        i += 4
    while i < last:
        r0 = rows[entries[i]["row"]]
        a0 = entries[i]["maintenance"]
        a1 = entries[i]["initial"]
        for s in range(width):
            maintenance[s] = maintenance[s] + a0 * r0[s]
            initial[s] = initial[s] + a1 * r0[s]
        i += 1


@kernel
def _add_row(target: Floats, row: Floats, factor: float, width: int) -> None:
    for s in range(width):
        target[s] += factor * row[s]


@kernel
def _add_steps(maintenance: Floats, initial: Floats, rows: Floats, entries: Records, first: int, count: int, width: int) -> None:
    """Beyond each threshold another slope and constant, for the maintenance and the initial target."""
    for i in range(first, first + count):
        entry = entries[i]
        row = rows[entry["row"]]
        quantity = entry["quantity"]
        threshold = entry["threshold"]
        a = entry["maintenance_slope"]
        b = entry["maintenance_constant"]
        for s in range(width):
            n = quantity * row[s]
            maintenance[s] += a * n + b if n >= threshold else 0.0
        a = entry["initial_slope"]
        b = entry["initial_constant"]
        for s in range(width):
            n = quantity * row[s]
            initial[s] += a * n + b if n >= threshold else 0.0


@kernel
def _keep_positive(target: Floats, balance: Floats, rows: Floats, terms: Records, bands: Floats, column: int, shocked: bool, scratch: Floats, width: int) -> None:
    """target += sum over bands of (1 - h) * (part of max(0, balance) * ratio inside the band); `terms` is one asset, `column` picks its haircut."""
    first = terms[0]["band_first"]
    count = terms[0]["band_count"]
    moving = terms[0]["threshold_row"]
    ratio = rows[terms[0]["ratio_row"]]
    scale = rows[terms[0]["haircut_scale_row"]]
    shift = rows[terms[0]["haircut_shift_row"]]
    unit = rows[max(moving, 0)]
    by_quantity = terms[0]["band_basis"] == QUANTITY
    for k in range(first, first + count):
        start = bands[k, BAND_START]
        end = bands[k + 1, BAND_START] if k + 1 < first + count else np.inf
        haircut = bands[k, column]
        if not shocked:
            keep = 1.0 - haircut
            if moving < 0:
                for s in range(width):
                    target[s] += keep * max(0.0, min(balance[s], end) - start)
            else:
                for s in range(width):
                    target[s] += keep * max(0.0, min(balance[s], end * unit[s]) - start * unit[s])
            continue
        for s in range(width):
            scratch[s] = 1.0 - min(1.0, max(0.0, scale[s] * haircut + shift[s]))
        if moving < 0:
            for s in range(width):
                target[s] += scratch[s] * max(0.0, min(balance[s] * ratio[s], end) - start)
        elif by_quantity:
            # Thresholds are units of the token: worth price * ratio each. A ratio of zero times an infinite edge must not be NaN.
            for s in range(width):
                part = max(0.0, min(balance[s], end * unit[s]) - start * unit[s])
                target[s] += scratch[s] * (part * ratio[s])
        else:
            for s in range(width):
                target[s] += scratch[s] * max(0.0, min(balance[s] * ratio[s], end * unit[s]) - start * unit[s])


@kernel
def _keep(
    target: Floats, held: Floats, pnl: Floats, weighed: Floats, measured: bool, liability: float, rows: Floats, terms: Records, bands: Floats, column: int,
    shocked: bool, net: Floats, scratch: Floats, width: int,
) -> None:
    """target += a token's net balance after haircut or liability weight."""
    if measured:
        for s in range(width):
            net[s] = held[s] + pnl[s] + weighed[s]
    else:
        for s in range(width):
            net[s] = held[s] + pnl[s]
    for s in range(width):
        target[s] += liability * min(0.0, net[s])
    for s in range(width):
        net[s] = max(0.0, net[s])
    _keep_positive(target, net, rows, terms, bands, column, shocked, scratch, width)


@kernel
def _token_end(acc: Floats, rows: Floats, terms: Records, bands: Floats, constant: float, shocked: bool, measured: bool, width: int) -> None:
    """Haircuts on the net balance of one token; its rows are in TOKEN_HELD, its P&L in TOKEN_PNL, what weights took off in WEIGHED_*."""
    held = acc[TOKEN_HELD]
    pnl = acc[TOKEN_PNL]
    net = acc[MEASURED]
    scratch = acc[SCRATCH]
    for s in range(width):
        pnl[s] += constant
    total = acc[HELD]
    for s in range(width):
        total[s] += held[s]
    total = acc[APART]
    for s in range(width):
        total[s] += pnl[s]
    for s in range(width):
        net[s] = max(0.0, held[s])
    _keep_positive(acc[KEPT_BEHIND], net, rows, terms, bands, INITIAL_HAIRCUT, shocked, scratch, width)
    _keep(
        acc[MAINTENANCE], held, pnl, acc[WEIGHED_MAINTENANCE], measured, terms[0]["liability_maintenance"], rows, terms, bands, MAINTENANCE_HAIRCUT,
        shocked, net, scratch, width,
    )
    _keep(
        acc[INITIAL], held, pnl, acc[WEIGHED_INITIAL], measured, terms[0]["liability_initial"], rows, terms, bands, INITIAL_HAIRCUT,
        shocked, net, scratch, width,
    )


@kernel
def _weigh(target: Floats, pnl: Floats, weight: float, cap: float, behind: bool, width: int) -> None:
    """One position's P&L: positive times weight, at most the cap. `behind` a haircut the target holds only what the weight takes off."""
    if behind:
        for s in range(width):
            gain = max(0.0, pnl[s])
            target[s] += min(weight * gain, cap) - gain
    else:
        for s in range(width):
            target[s] += min(weight * max(0.0, pnl[s]), cap) + min(0.0, pnl[s])


@kernel
def _net(
    maintenance: Floats, initial: Floats, long: Floats, short: Floats, netted: Floats, rows: Floats, entry: Records, legs: Records, leg: int,
    schedules: Records, pieces: Floats, models: Records, width: int,
) -> None:
    """T(|L - H|) + spread_rate * min(L, H): L and H are the positive and negative nets per expiry. `entry` is one net."""
    multiplier = entry[0]["multiplier"]
    terms = schedules[entry[0]["schedule"]]
    _clear(long, width)
    _clear(short, width)
    i = leg
    last = leg + entry[0]["legs"]
    while i < last:
        _clear(netted, width)
        expiry = legs[i]["expiry"]
        while i < last and legs[i]["expiry"] == expiry:
            _add_row(netted, rows[legs[i]["row"]], legs[i]["quantity"], width)
            i += 1
        for s in range(width):
            long[s] += max(0.0, netted[s])
            short[s] += max(0.0, -netted[s])
    m_spread = models[entry[0]["model"]]["maintenance_spread"] * multiplier
    i_spread = models[entry[0]["model"]]["initial_spread"] * multiplier
    for s in range(width):
        matched = min(long[s], short[s])
        maintenance[s] += m_spread * matched
        initial[s] += i_spread * matched
    leverage = entry[0]["leverage"]
    least = 1.0 / leverage if leverage > 0.0 else 0.0
    for s in range(width):
        net = abs(long[s] - short[s])
        m = 0.0
        j = 0.0
        for k in range(terms["first"], terms["first"] + terms["count"]):
            if net >= pieces[k, START]:
                m = pieces[k, MAINTENANCE_SLOPE] * net + pieces[k, MAINTENANCE_CONSTANT]
                j = pieces[k, INITIAL_SLOPE] * net + pieces[k, INITIAL_CONSTANT]
        maintenance[s] += m * multiplier
        initial[s] += max(j, least * net) * multiplier


@kernel
def walk(
    acc: Floats, constants: Floats, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], codes: Records, values: Records, needs: Records,
    steps: Records, tokens: Records, nets: Records, legs: Records, rows: Floats, schedules: Records, pieces: Floats, assets: Records, bands: Floats,
    models: Records, weight_row: Codes, asset_plain: Flags, weight_unit: Flags, width: int,
) -> None:
    """Fill the accumulators and the constants [KEPT_BEHIND, by accumulator] of one pool for one block of lanes.

    `first`, `last` [7] delimit the pool's share of the program; `rows`, `asset_plain`, `weight_unit` are those of the block.
    """
    at_value = first[VALUES]
    at_need = first[NEEDS]
    at_step = first[STEPS_AT]
    at_token = first[TOKENS]
    at_net = first[NETS]
    at_leg = first[LEGS]
    for j in range(NEED_MAINTENANCE + 1):
        _clear(acc[j], width)
    for j in range(DIRECT, KEPT_BEHIND + 1):
        _clear(acc[j], width)
    constants[:] = 0.0
    target = DIRECT
    saved = DIRECT
    gm = NEED_MAINTENANCE
    gi = NEED_INITIAL
    simple = True
    shocked = False
    measured = False
    outside = 0.0
    for i in range(first[INSTRUCTIONS], last[INSTRUCTIONS]):
        operation = codes[i]["operation"]
        count = codes[i]["count"]
        x = codes[i]["x"]
        y = codes[i]["y"]
        if operation == VALUE:
            _add_values(acc[target], rows, values, at_value, count, width)
            at_value += count
        elif operation == REQUIREMENT:
            _add_needs(acc[gm], acc[gi], rows, needs, at_need, count, width)
            at_need += count
        elif operation == STEPS:
            _add_steps(acc[gm], acc[gi], rows, steps, at_step, count, width)
            at_step += count
        elif operation == COLLATERAL:
            row = rows[tokens[at_token]["row"]]
            amount = tokens[at_token]["amount"]
            shocked = not asset_plain[count]
            if shocked:
                _clear(acc[TOKEN_HELD], width)
                _clear(acc[TOKEN_PNL], width)
                _add_row(acc[TOKEN_HELD], row, amount, width)
                measured = False
                _token_end(acc, rows, assets[count : count + 1], bands, 0.0, shocked, measured, width)
            else:
                kept = KEPT if amount >= 0.0 else INITIAL
                _add_row(acc[HELD], row, amount, width)
                _add_row(acc[MAINTENANCE], row, tokens[at_token]["maintenance"], width)
                _add_row(acc[kept], row, tokens[at_token]["initial"], width)
                constants[MAINTENANCE] += x
                constants[kept] += y
            at_token += 1
        elif operation == BANDS:
            if not shocked:
                _add_steps(acc[MAINTENANCE], acc[KEPT], rows, steps, at_step, count, width)
            at_step += count
        elif operation == CONSTANT:
            constants[DIRECT] += x
            constants[APART] += y
            outside = y
        elif operation == TOKEN:
            shocked = not asset_plain[count]
            simple = assets[count]["trivial"] != 0 and not shocked and y == 0.0
            measured = False
            target = DIRECT if simple else TOKEN_PNL
            if not simple:
                _clear(acc[TOKEN_PNL], width)
                _clear(acc[TOKEN_HELD], width)
        elif operation == TOKEN_ROWS:
            if simple:
                # One row: the sign of the balance is known.
                row = rows[tokens[at_token]["row"]]
                amount = tokens[at_token]["amount"]
                kept = KEPT if amount >= 0.0 else INITIAL
                _add_row(acc[HELD], row, amount, width)
                _add_row(acc[MAINTENANCE], row, amount, width)
                _add_row(acc[kept], row, amount, width)
            else:
                for k in range(at_token, at_token + count):
                    _add_row(acc[TOKEN_HELD], rows[tokens[k]["row"]], tokens[k]["amount"], width)
            at_token += count
        elif operation == TOKEN_END:
            if simple:
                constants[DIRECT] += x
            else:
                _token_end(acc, rows, assets[count : count + 1], bands, x, shocked, measured, width)
            target = DIRECT
            simple = True
        elif operation == MEASURE:
            saved = target
            target = MEASURED
            _clear(acc[MEASURED], width)
        elif operation == PNL:
            target = saved
            pnl = acc[MEASURED]
            for s in range(width):
                pnl[s] += x
            if not simple and not measured:
                _clear(acc[WEIGHED_MAINTENANCE], width)
                _clear(acc[WEIGHED_INITIAL], width)
                measured = True
            to_maintenance = MAINTENANCE if simple else WEIGHED_MAINTENANCE
            to_initial = INITIAL if simple else WEIGHED_INITIAL
            _weigh(acc[to_maintenance], pnl, models[count]["maintenance_weight"], models[count]["maintenance_cap"], not simple, width)
            _weigh(acc[to_initial], pnl, models[count]["initial_weight"], models[count]["initial_cap"], not simple, width)
            _add_row(acc[APART if simple else TOKEN_PNL], pnl, 1.0, width)
        elif operation == OUTSIDE:
            _clear(acc[MEASURED], width)
            _add_values(acc[MEASURED], rows, values, at_value, count, width)
            at_value += count
            _add_row(acc[APART], acc[MEASURED], 1.0, width)
            if x != 0.0 or y != 0.0:
                _add_row(acc[MAINTENANCE], acc[MEASURED], x, width)
                _add_row(acc[INITIAL], acc[MEASURED], y, width)
                constants[MAINTENANCE] += x * outside
                constants[INITIAL] += y * outside
        elif operation == GROUP:
            if not weight_unit[count]:
                gm = GROUP_MAINTENANCE
                gi = GROUP_INITIAL
                _clear(acc[gm], width)
                _clear(acc[gi], width)
        elif operation == GROUP_END:
            if gm == NEED_MAINTENANCE:
                constants[NEED_MAINTENANCE] += x
                constants[NEED_INITIAL] += y
            else:
                weight = rows[weight_row[count]]
                need = acc[NEED_MAINTENANCE]
                group = acc[GROUP_MAINTENANCE]
                for s in range(width):
                    need[s] += weight[s] * (group[s] + x)
                need = acc[NEED_INITIAL]
                group = acc[GROUP_INITIAL]
                for s in range(width):
                    need[s] += weight[s] * (group[s] + y)
                gm = NEED_MAINTENANCE
                gi = NEED_INITIAL
        elif operation == NET:
            for n in range(at_net, at_net + count):
                _net(
                    acc[gm], acc[gi], acc[LONG], acc[SHORT], acc[NETTED], rows, nets[n : n + 1], legs, at_leg, schedules, pieces, models, width,
                )
                at_leg += nets[n]["legs"]
            at_net += count
