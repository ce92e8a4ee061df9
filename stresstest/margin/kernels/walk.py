"""Run a pool's program over one block of scenarios: lanes are scenarios, sums over holdings keep their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.fold import (
    BANDS, COLLATERAL, CONSTANT, GROUP, GROUP_END, INSTRUCTIONS, LEGS, MEASURE, NEEDS, NET, NETS, OUTSIDE, PNL, REQUIREMENT, STEPS, STEPS_AT, TOKEN,
    TOKEN_END, TOKEN_ROW, TOKENS, VALUE, VALUES,
)
from stresstest.margin.kernels.jit import kernel, part
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


@part
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


@part
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


@part
def _add_row(target: Floats, row: Floats, factor: float, width: int) -> None:
    for s in range(width):
        target[s] += factor * row[s]


@part
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


@part
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


@part
def _token_end(acc: Floats, rows: Floats, terms: Records, bands: Floats, shocked: bool, measured: bool, width: int) -> None:
    """Haircuts on the net balance of one token; its rows are in TOKEN_HELD, its P&L in TOKEN_PNL, what weights took off in WEIGHED_*.

    Three balances are kept: of the rows alone after initial haircuts (K), and of rows and P&L for maintenance and for initial.
    """
    held = acc[TOKEN_HELD]
    pnl = acc[TOKEN_PNL]
    net = acc[MEASURED]
    for which in range(3):
        target = acc[KEPT_BEHIND if which == 0 else MAINTENANCE if which == 1 else INITIAL]
        weighed = acc[WEIGHED_MAINTENANCE if which == 1 else WEIGHED_INITIAL]
        liability = terms[0]["liability_maintenance"] if which == 1 else terms[0]["liability_initial"] if which == 2 else 0.0
        with_pnl = 0.0 if which == 0 else 1.0
        with_weighed = 1.0 if measured and which > 0 else 0.0
        for s in range(width):
            net[s] = held[s] + with_pnl * pnl[s]
        if with_weighed > 0.0:
            for s in range(width):
                net[s] += weighed[s]
        if liability > 0.0:
            for s in range(width):
                target[s] += liability * min(0.0, net[s])
        for s in range(width):
            net[s] = max(0.0, net[s])
        _keep_positive(
            target, net, rows, terms, bands, MAINTENANCE_HAIRCUT if which == 1 else INITIAL_HAIRCUT, shocked, acc[SCRATCH], width,
        )


@part
def _weigh(target: Floats, pnl: Floats, weight: float, cap: float, behind: bool, width: int) -> None:
    """One position's P&L: positive times weight, at most the cap. `behind` a haircut the target holds only what the weight takes off."""
    if behind:
        for s in range(width):
            gain = max(0.0, pnl[s])
            target[s] += min(weight * gain, cap) - gain
    else:
        for s in range(width):
            target[s] += min(weight * max(0.0, pnl[s]), cap) + min(0.0, pnl[s])


@part
def _net(
    acc: Floats, gm: int, gi: int, rows: Floats, entry: Records, legs: Records, leg: int, schedules: Records, pieces: Floats, models: Records,
    width: int,
) -> None:
    """T(|L - H|) + spread_rate * min(L, H), initially at least |L - H| / leverage; L, H: positive and negative nets per expiry. `entry` is one net."""
    long = acc[LONG]
    short = acc[SHORT]
    netted = acc[NETTED]
    maintenance = acc[gm]
    initial = acc[gi]
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
            row = rows[legs[i]["row"]]
            quantity = legs[i]["quantity"]
            for s in range(width):
                netted[s] += quantity * row[s]
            i += 1
        for s in range(width):
            long[s] += max(0.0, netted[s])
            short[s] += max(0.0, -netted[s])
    m_spread = models[entry[0]["model"]]["maintenance_spread"]
    i_spread = models[entry[0]["model"]]["initial_spread"]
    leverage = entry[0]["leverage"]
    least = 1.0 / leverage if leverage > 0.0 else 0.0
    for s in range(width):
        net = abs(long[s] - short[s])
        matched = min(long[s], short[s])
        m = 0.0
        j = 0.0
        for k in range(terms["first"], terms["first"] + terms["count"]):
            if net >= pieces[k, START]:
                m = pieces[k, MAINTENANCE_SLOPE] * net + pieces[k, MAINTENANCE_CONSTANT]
                j = pieces[k, INITIAL_SLOPE] * net + pieces[k, INITIAL_CONSTANT]
        maintenance[s] += (m + m_spread * matched) * multiplier
        initial[s] += max(j + i_spread * matched, least * net) * multiplier


@part
def walk(
    acc: Floats, constants: Floats, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64], codes: Records, values: Records, needs: Records,
    steps: Records, tokens: Records, nets: Records, legs: Records, rows: Floats, schedules: Records, pieces: Floats, assets: Records, bands: Floats,
    models: Records, weight_row: Codes, asset_plain: Flags, weight_unit: Flags, to: npt.NDArray[np.int64], by: Floats, width: int,
) -> None:
    """Fill the accumulators and the constants [KEPT_BEHIND, by accumulator] of one pool for one block of lanes.

    `first`, `last` [7] delimit the pool's share of the program; `rows`, `asset_plain`, `weight_unit` are those of the block;
    `to`, `by` [3] are scratch.
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
    kept = KEPT
    for i in range(first[INSTRUCTIONS], last[INSTRUCTIONS]):
        operation = codes[i]["operation"]
        count = codes[i]["count"]
        x = codes[i]["x"]
        y = codes[i]["y"]
        # Most instructions end in adding multiples of one row to a few accumulators, or in closing a token: one place for each.
        adds = 0
        closes = False
        source = acc[MEASURED]
        if operation == VALUE or operation == OUTSIDE:
            if operation == OUTSIDE:
                _clear(acc[MEASURED], width)
            _add_values(acc[MEASURED if operation == OUTSIDE else target], rows, values, at_value, count, width)
            at_value += count
            if operation == OUTSIDE:
                adds = 3 if x != 0.0 or y != 0.0 else 1
                to[0], by[0] = APART, 1.0
                to[1], by[1] = MAINTENANCE, x
                to[2], by[2] = INITIAL, y
                constants[MAINTENANCE] += x * outside
                constants[INITIAL] += y * outside
        elif operation == REQUIREMENT:
            _add_needs(acc[gm], acc[gi], rows, needs, at_need, count, width)
            at_need += count
        elif operation == STEPS or operation == BANDS:
            bands_of_token = operation == BANDS
            if not (bands_of_token and shocked):
                _add_steps(
                    acc[MAINTENANCE if bands_of_token else gm], acc[KEPT if bands_of_token else gi], rows, steps, at_step, count, width,
                )
            at_step += count
        elif operation == COLLATERAL:
            source = rows[tokens[at_token]["row"]]
            amount = tokens[at_token]["amount"]
            shocked = not asset_plain[count]
            kept = KEPT if amount >= 0.0 else INITIAL
            to[0], by[0] = HELD, amount
            if shocked:
                _clear(acc[TOKEN_HELD], width)
                _clear(acc[TOKEN_PNL], width)
                to[1], by[1] = TOKEN_HELD, amount
                adds = 2
                measured = False
                closes = True
            else:
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
            shocked = not asset_plain[count]
            simple = assets[count]["trivial"] != 0 and not shocked and y == 0.0
            measured = False
            target = DIRECT if simple else TOKEN_PNL
            if not simple:
                _clear(acc[TOKEN_PNL], width)
                _clear(acc[TOKEN_HELD], width)
        elif operation == TOKEN_ROW:
            source = rows[tokens[at_token]["row"]]
            amount = tokens[at_token]["amount"]
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
                source = acc[TOKEN_PNL]
                for s in range(width):
                    source[s] += x
                to[0], by[0] = APART, 1.0
                adds = 1
                closes = True
                simple = True
        elif operation == MEASURE:
            saved = target
            target = MEASURED
            _clear(acc[MEASURED], width)
        elif operation == PNL:
            target = saved
            for s in range(width):
                source[s] += x
            if not simple and not measured:
                _clear(acc[WEIGHED_MAINTENANCE], width)
                _clear(acc[WEIGHED_INITIAL], width)
                measured = True
            for which in range(2):
                into = acc[(MAINTENANCE if which == 0 else INITIAL) if simple else WEIGHED_MAINTENANCE if which == 0 else WEIGHED_INITIAL]
                weight = models[count]["maintenance_weight"] if which == 0 else models[count]["initial_weight"]
                cap = models[count]["maintenance_cap"] if which == 0 else models[count]["initial_cap"]
                _weigh(into, source, weight, cap, not simple, width)
            to[0], by[0] = APART if simple else TOKEN_PNL, 1.0
            adds = 1
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
                weights = rows[weight_row[count]]
                for which in range(2):
                    need = acc[NEED_MAINTENANCE if which == 0 else NEED_INITIAL]
                    group = acc[GROUP_MAINTENANCE if which == 0 else GROUP_INITIAL]
                    constant = x if which == 0 else y
                    for s in range(width):
                        need[s] += weights[s] * (group[s] + constant)
                gm = NEED_MAINTENANCE
                gi = NEED_INITIAL
        elif operation == NET:
            for n in range(at_net, at_net + count):
                _net(acc, gm, gi, rows, nets[n : n + 1], legs, at_leg, schedules, pieces, models, width)
                at_leg += nets[n]["legs"]
            at_net += count
        for k in range(adds):
            _add_row(acc[to[k]], source, by[k], width)
        if closes:
            _token_end(acc, rows, assets[count : count + 1], bands, shocked, measured, width)
