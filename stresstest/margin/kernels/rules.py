"""What rules require beyond margin schedules: strategies, grids of portfolio models, add-on lines; pool by pool, over all lanes.

Rules have a program of their own, folded and run before the pools are walked, and only where some account's model has any: the walk takes in
what they require. So the kernels of books without rules neither carry them nor are compiled with them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import NEED_INITIAL, NEED_MAINTENANCE, WORST_LOSS, WORST_ROW, accumulators
from stresstest.margin.kernels.add_ons import add_measure, fold_add_ons
from stresstest.margin.kernels.fold_scan import fold_scan
from stresstest.margin.kernels.given import INITIAL, LOSS, MAINTENANCE, WORST
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.loops import add_needs, clear
from stresstest.margin.kernels.program import (
    CHANGE_ENTRY,
    CODE,
    CONSTANT,
    INSTRUCTIONS,
    LEG_ENTRY,
    LEGS,
    LESSER,
    MEASURE_ENTRY,
    MEASURES,
    MEASURES_ADDED,
    NEED_ENTRY,
    NEEDS,
    POOL_OPEN,
    REQUIREMENT,
    RULE_LISTS,
    TOKEN_ENTRY,
    VALUE_ENTRY,
    Holdings,
    write_code,
)
from stresstest.margin.kernels.scan import run_scan
from stresstest.margin.kernels.scan_tables import ScanScratch, ScanTables, scan_scratch
from stresstest.margin.kernels.strategies import WORK, fold_strategy
from stresstest.margin.kernels.strategy_lanes import add_greater, add_lesser
from stresstest.margin.kernels.tables import ADDED, AddOns, Tables

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counters = npt.NDArray[np.int64]
Records = npt.NDArray[Any]


class RuleProgram(NamedTuple):
    """Instructions and their entries; `first` i64[pools with rules + 1, 10] holds where each pool's share of each list begins."""

    first: Counters
    codes: Records
    values: Records
    needs: Records
    tokens: Records
    legs: Records
    measures: Records
    changes: Records


def _empty(pools: int, positions: int, collateral: int, lines: int) -> RuleProgram:
    """Room for the largest program; `lines`: most add-on lines of a model."""
    return RuleProgram(
        first=np.zeros((pools + 1, RULE_LISTS), dtype=np.int64),
        codes=np.empty(24 * pools + 16 * positions + 10 * collateral + 16, CODE),
        values=np.empty(5 * positions + 8, VALUE_ENTRY),
        needs=np.empty((9 + 2 * lines) * positions + 8, NEED_ENTRY),
        tokens=np.empty(2 * collateral + 8, TOKEN_ENTRY),
        legs=np.empty(lines * positions + 8, LEG_ENTRY),
        measures=np.empty(lines * positions + 8, MEASURE_ENTRY),
        changes=np.empty(3 * positions + collateral + 8, CHANGE_ENTRY),
    )


@kernel
def _fold(
    starts: Counters,
    codes: Records,
    values: Records,
    needs: Records,
    tokens: Records,
    legs: Records,
    measures: Records,
    changes: Records,
    position_first: Counters,
    positions: Records,
    collateral_first: Counters,
    collateral: Records,
    model_of: Codes,
    multiplier_of: Floats,
    instruments: Records,
    assets: Records,
    holding_row: Codes,
    models: Records,
    span: Floats,
    add_ons: AddOns,
    strategies: Records,
    strategy_legs: Records,
    scans: ScanTables,
    at: Counters,
    constants: Floats,
    seen: Codes,
    slot: Codes,
    work: Records,
) -> None:
    """Write the program of every pool whose model has rules."""
    ruled = 0
    for pool in range(len(model_of)):
        model = model_of[pool]
        if models[model]["ruled"] == 0:
            continue
        for k in range(RULE_LISTS):
            starts[ruled, k] = at[k]
        first = position_first[pool]
        last = position_first[pool + 1]
        multiplier = multiplier_of[pool]
        if models[model]["scanned"] != 0:
            # First of all: it multiplies what add-on lines before it required.
            fold_scan(
                codes,
                values,
                tokens,
                changes,
                at,
                instruments,
                assets,
                holding_row,
                scans,
                positions,
                first,
                last,
                collateral,
                collateral_first[pool],
                collateral_first[pool + 1],
                model,
                multiplier,
                seen,
                needs,
                measures,
                legs,
                span,
                add_ons,
                slot,
                constants,
            )
        constants[0] = 0.0
        constants[1] = 0.0
        strategy = models[model]["strategy"]
        if strategy >= 0:
            terms = strategies[strategy : strategy + 1]
            fold_strategy(codes, values, needs, at, span, instruments, positions, terms, strategy_legs, work, first, last, multiplier, constants)
        need = at[NEEDS]
        measure = at[MEASURES]
        line = add_ons.first[model]
        end = add_ons.first[model + 1]
        fold_add_ons(
            values, needs, measures, legs, at, span, add_ons, slot, positions, first, last, line, end, ADDED, multiplier, multiplier, constants
        )
        if at[NEEDS] > need:
            write_code(codes, at, REQUIREMENT, at[NEEDS] - need, 0.0, 0.0)
        if at[MEASURES] > measure:
            write_code(codes, at, MEASURES_ADDED, at[MEASURES] - measure, 0.0, 0.0)
        write_code(codes, at, CONSTANT, 0, constants[0], constants[1])
        ruled += 1
    for k in range(RULE_LISTS):
        starts[ruled, k] = at[k]


@kernel
def _run(
    given: Floats,
    starts: Counters,
    codes: Records,
    values: Records,
    needs: Records,
    tokens: Records,
    legs: Records,
    measures: Records,
    changes: Records,
    rows: Floats,
    add_ons: AddOns,
    scans: ScanTables,
    padded: Counters,
    acc: Records,
    scratch: ScanScratch,
    cursor: Counters,
) -> None:
    """Fill `given` [blocks, pools, 2 or 4, width], block by block: the changes of a block stay near the cores."""
    a = acc[0]["rows"]
    for block in range(given.shape[0]):
        width = padded[block]
        rows_here = rows[block]
        for pool in range(given.shape[1]):
            clear(acc, NEED_MAINTENANCE, width)
            clear(acc, NEED_INITIAL, width)
            clear(acc, WORST_ROW, width)
            clear(acc, WORST_LOSS, width)
            for k in range(RULE_LISTS):
                cursor[k] = starts[pool, k]
            for i in range(starts[pool, INSTRUCTIONS], starts[pool + 1, INSTRUCTIONS]):
                operation = codes[i]["operation"]
                count = codes[i]["count"]
                if operation >= POOL_OPEN:
                    run_scan(acc, rows_here, scans, scratch, block, codes, i, cursor, values, tokens, changes, width)
                elif operation == CONSTANT:
                    for s in range(width):
                        a[NEED_MAINTENANCE, s] += codes[i]["x"]
                        a[NEED_INITIAL, s] += codes[i]["y"]
                elif operation == MEASURES_ADDED:
                    for n in range(cursor[MEASURES], cursor[MEASURES] + count):
                        add_measure(acc, rows_here, measures[n : n + 1], legs, cursor[LEGS], add_ons, width)
                        cursor[LEGS] += measures[n]["legs"]
                    cursor[MEASURES] += count
                else:
                    if operation == REQUIREMENT:
                        add_needs(acc, rows_here, needs, cursor[NEEDS], count, width)
                    elif operation == LESSER:
                        add_lesser(acc, rows_here, needs, cursor[NEEDS], count, width)
                    else:
                        add_greater(acc, rows_here, needs, cursor[NEEDS], count, width)
                    cursor[NEEDS] += count
            for s in range(width):
                given[block, pool, MAINTENANCE, s] = a[NEED_MAINTENANCE, s]
                given[block, pool, INITIAL, s] = a[NEED_INITIAL, s]
            if given.shape[2] > WORST:
                for s in range(width):
                    given[block, pool, WORST, s] = a[WORST_ROW, s]
                    given[block, pool, LOSS, s] = a[WORST_LOSS, s]


def required_by_rules(tables: Tables, holdings: Holdings, padded: Counters) -> Floats:
    """What rules require of every pool whose model has any, in order: f64[blocks, pools with rules, 2 or 4, width], see `given`."""
    ruled = int((tables.models["ruled"][holdings.model] != 0).sum())
    most, collateral = len(holdings.positions) + 1, len(holdings.collateral)
    program = _empty(ruled, most, collateral, int(np.diff(tables.add_ons.first).max(initial=0)))
    _fold(
        *program,
        holdings.position_first,
        holdings.positions,
        holdings.collateral_first,
        holdings.collateral,
        holdings.model,
        holdings.multiplier,
        tables.instruments,
        tables.assets,
        tables.holding_row,
        tables.models,
        tables.span,
        tables.add_ons,
        tables.strategies,
        tables.strategy_legs,
        tables.scans,
        np.zeros(RULE_LISTS, dtype=np.int64),
        np.zeros(2),
        np.empty(most + collateral, dtype=np.int32),
        np.full(len(tables.add_ons.group), -1, dtype=np.int32),
        np.empty(most, dtype=WORK),
    )
    blocks, _, width = tables.values.shape
    given = np.zeros((blocks, ruled, LOSS + 1 if tables.models["scanned"].any() else WORST, width))
    _run(
        given,
        *program,
        tables.values,
        tables.add_ons,
        tables.scans,
        padded,
        accumulators(),
        scan_scratch(tables.scans.terms.shape[1], width),
        np.zeros(RULE_LISTS + 1, dtype=np.int64),
    )
    return given
