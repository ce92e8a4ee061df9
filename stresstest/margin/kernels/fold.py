"""Fold the holdings of each pool, once, into a short program that `walk` runs over every block of scenarios.

For a holding that follows one row r, requirement and haircut are piecewise linear in n = |q|*r. Over the range that the scenarios span only
few pieces are live: the first gives a slope and a constant, each further one a step at its lower edge. What no scenario reaches costs nothing,
and what all scenarios have passed costs no more than the first piece.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.balances import fold_outside, fold_token, fold_values, joined_token
from stresstest.margin.kernels.fold_orders import fold_orders, kept_slot
from stresstest.margin.kernels.jit import kernel, part
from stresstest.margin.kernels.program import (
    CONSTANT,
    GAP,
    GROUP,
    GROUP_END,
    INSTRUCTIONS,
    LISTS,
    MOST_PIECES,
    NEEDS,
    NET,
    NETS,
    OUTSIDE,
    REQUIREMENT,
    RULED,
    STEPS,
    STEPS_AT,
    VALUE,
    VALUES,
    Holdings,
    Program,
    write_code,
)
from stresstest.margin.kernels.requirements import fold_group, weight_of
from stresstest.margin.kernels.schedules import OWN_TIERS
from stresstest.margin.kernels.tables import IN_REPORTING_CURRENCY, SPOT, Tables

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


@part
def _mark_joint(codes: Records, values: Records, first: int, last: int, entry: int) -> None:
    """Say of each VALUE among codes [first, last) whether its entries, which begin at `entry`, carry needs."""
    for k in range(first, last):
        operation = codes[k]["operation"]
        if operation != VALUE and operation != OUTSIDE and operation != GAP:
            continue
        count = codes[k]["count"]
        for n in range(entry, entry + count):
            if values[n]["maintenance"] != 0.0 or values[n]["initial"] != 0.0:
                codes[k]["y"] = 1.0
        entry += count


@kernel
def _fold_all(
    starts: npt.NDArray[np.int64],
    codes: Records,
    values: Records,
    needs: Records,
    steps: Records,
    tokens: Records,
    nets: Records,
    legs: Records,
    markets: Records,
    position_first: Counters,
    positions: Records,
    collateral_first: Counters,
    collateral: Records,
    model_of: Codes,
    multiplier_of: Floats,
    orders: Records,
    instruments: Records,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    bands: Floats,
    holding_row: Codes,
    models: Records,
    weights: Codes,
    span: Floats,
    strategies: Records,
    strategy_legs: Records,
    at: Counters,
    own: Floats,
    constants: Floats,
    joined: Codes,
    entry_of: Codes,
    weight_of_position: Codes,
    distinct_weights: Codes,
    distinct_tokens: Codes,
    kept: Codes,
) -> None:
    pools = len(model_of)
    ruled = 0
    for pool in range(pools):
        for k in range(LISTS):
            starts[pool, k] = at[k]
        first = position_first[pool]
        last = position_first[pool + 1]
        c_first = collateral_first[pool]
        c_last = collateral_first[pool + 1]
        model = model_of[pool]
        weighted = models[model]["weighted_pnl"] != 0
        into_value = models[model]["into_value"] != 0
        # What each position joins and weighs, and the distinct ones in order of appearance.
        found = 0
        found_tokens = 0
        kept_count = 0
        ordering = models[model]["worst_side"] != 0
        for p in range(first, last):
            token = joined_token(instruments, positions, p, into_value)
            weight = weight_of(instruments, assets, models, weights, strategies, strategy_legs, model, positions, p)
            if ordering and positions[p]["order"] > 0:
                instrument = instruments[positions[p]["instrument"]]
                if instrument["kind"] == SPOT:
                    for leg in range(2):
                        traded = instrument["underlying"] if leg == 0 else instrument["settle"]
                        if kept_slot(kept, kept_count, traded) < 0:
                            kept[kept_count] = traded
                            kept_count += 1
                else:
                    # Its sides are compared by themselves.
                    weight = -1
            joined[p] = token
            entry_of[p] = -1
            weight_of_position[p] = weight
            known = token < 0
            for k in range(found_tokens):
                known = known or distinct_tokens[k] == token
            if not known:
                distinct_tokens[found_tokens] = token
                found_tokens += 1
            known = weight < 0
            for k in range(found):
                known = known or distinct_weights[k] == weight
            if not known:
                distinct_weights[found] = weight
                found += 1
        for k in range(kept_count):
            if kept_slot(distinct_tokens, found_tokens, kept[k]) < 0:
                distinct_tokens[found_tokens] = kept[k]
                found_tokens += 1
        # Then the collateral that nothing joins.
        joined_tokens = found_tokens
        for c in range(c_first, c_last):
            token = collateral[c]["asset"]
            known = c > c_first and collateral[c - 1]["asset"] == token
            for k in range(joined_tokens):
                known = known or distinct_tokens[k] == token
            if not known:
                distinct_tokens[found_tokens] = token
                found_tokens += 1
        # The first group of requirements is open while values are added: those of its needs that follow their position's row are added with them.
        if found > 0 and distinct_weights[0] > 0:
            write_code(codes, at, GROUP, distinct_weights[0], 0.0, 0.0)
        valued = at[INSTRUCTIONS]
        constant = fold_values(codes, values, at, span, instruments, models, positions, joined, entry_of, first, last, -1, model, weighted)
        if constant != 0.0:
            write_code(codes, at, CONSTANT, 0, constant, 0.0)
        fold_outside(codes, values, at, span, instruments, models, positions, entry_of, first, last, model)
        for k in range(found_tokens):
            fold_token(
                codes,
                values,
                tokens,
                steps,
                at,
                span,
                instruments,
                models,
                assets,
                bands,
                holding_row,
                positions,
                joined,
                entry_of,
                first,
                last,
                collateral,
                c_first,
                c_last,
                distinct_tokens[k],
                k < joined_tokens,
                kept_slot(kept, kept_count, distinct_tokens[k]),
                model,
                weighted,
            )
        for g in range(found):
            weight = distinct_weights[g]
            constants[0] = 0.0
            constants[1] = 0.0
            need = at[NEEDS]
            step = at[STEPS_AT]
            net = at[NETS]
            if g == 1:
                for p in range(first, last):
                    entry_of[p] = -1
            fold_group(
                values,
                needs,
                steps,
                nets,
                legs,
                at,
                span,
                instruments,
                schedules,
                pieces,
                assets,
                models,
                own,
                model,
                multiplier_of[pool],
                positions,
                weight_of_position,
                entry_of,
                first,
                last,
                weight,
                constants,
            )
            if g == 0:
                _mark_joint(codes, values, valued, at[INSTRUCTIONS], starts[pool, VALUES])
            elif weight > 0:
                write_code(codes, at, GROUP, weight, 0.0, 0.0)
            if at[NEEDS] > need:
                write_code(codes, at, REQUIREMENT, at[NEEDS] - need, 0.0, 0.0)
            if at[STEPS_AT] > step:
                write_code(codes, at, STEPS, at[STEPS_AT] - step, 0.0, 0.0)
            if at[NETS] > net:
                write_code(codes, at, NET, at[NETS] - net, 0.0, 0.0)
            write_code(codes, at, GROUP_END, weight, constants[0], constants[1])
        if models[model]["ruled"] != 0:
            weight = int(weights[IN_REPORTING_CURRENCY, model, weights.shape[2] - 1])
            if weight > 0:
                write_code(codes, at, GROUP, weight, 0.0, 0.0)
            write_code(codes, at, RULED, ruled, 0.0, 0.0)
            write_code(codes, at, GROUP_END, weight, 0.0, 0.0)
            ruled += 1
        if ordering:
            fold_orders(
                codes, values, needs, steps, markets, at, span, instruments, schedules, pieces, assets, models, weights, own, model,
                multiplier_of[pool], positions, orders, first, last, kept, kept_count, constants,
            )  # fmt: skip
    for k in range(LISTS):
        starts[pools, k] = at[k]


def fold(program: Program, tables: Tables, holdings: Holdings) -> None:
    """Write the program of every pool of a block."""
    most = len(holdings.positions) + 1
    _fold_all(
        *program,
        *holdings,
        tables.instruments,
        tables.schedules,
        tables.pieces,
        tables.assets,
        tables.bands,
        tables.holding_row,
        tables.models,
        tables.weights,
        tables.span,
        tables.strategies,
        tables.strategy_legs,
        np.zeros(LISTS, dtype=np.int64),
        np.empty((MOST_PIECES + OWN_TIERS + int(tables.schedules["count"].max(initial=0)), 5)),
        np.zeros(2),
        np.empty(most, dtype=np.int32),
        np.empty(most, dtype=np.int32),
        np.empty(most, dtype=np.int32),
        np.empty(most, dtype=np.int32),
        np.empty(most + len(holdings.collateral) + 2 * len(holdings.orders), dtype=np.int32),
        np.empty(2 * len(holdings.orders) + 1, dtype=np.int32),
    )
