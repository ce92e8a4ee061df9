"""What a pool is above its two lines: margin balance less requirement, and equity, in lanes of its own choice.

Root finding asks for other states of every pool. So an *item* is a pool and the block of lanes that it is looked at in, and nothing is reduced.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import APART, DIRECT, HELD, KEPT_BEHIND, MAINTENANCE, NEED_MAINTENANCE, accumulators
from stresstest.margin.kernels.jit import kernel
from stresstest.margin.kernels.program import Program
from stresstest.margin.kernels.tables import Tables
from stresstest.margin.kernels.walk import walk

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

EXCESS, EQUITY = 0, 1
"""Second axis of the figures."""


@kernel
def _excess(
    found: Floats,
    pools: Longs,
    blocks: Longs,
    starts: Longs,
    codes: Records,
    value_entries: Records,
    needs: Records,
    steps: Records,
    tokens: Records,
    nets: Records,
    legs: Records,
    markets: Records,
    values: Floats,
    schedules: Records,
    pieces: Floats,
    assets: Records,
    bands: Floats,
    models: Records,
    weight_row: Codes,
    asset_plain: npt.NDArray[np.bool_],
    weight_unit: npt.NDArray[np.bool_],
    given: Floats,
    acc: Records,
    constants: Floats,
    token_balances: Floats,
    padded: Longs,
) -> None:
    a = acc[0]["rows"]
    for item in range(len(pools)):
        block = blocks[item]
        width = padded[block]
        special = walk(
            acc,
            constants,
            starts,
            pools[item],
            codes,
            value_entries,
            needs,
            steps,
            tokens,
            nets,
            legs,
            markets,
            values[block],
            schedules,
            pieces,
            assets,
            bands,
            models,
            weight_row,
            asset_plain[block],
            weight_unit[block],
            given[block],
            token_balances,
            width,
        )
        # As in `figures`: what is not in the balances as it is counts for equity alone.
        position = constants[DIRECT] + constants[APART]
        balance = constants[MAINTENANCE] + constants[DIRECT]
        need = constants[NEED_MAINTENANCE]
        for s in range(width):
            found[item, EXCESS, s] = (a[MAINTENANCE, s] + (a[DIRECT, s] + balance)) - (a[NEED_MAINTENANCE, s] + need)
            found[item, EQUITY, s] = (a[DIRECT, s] + position) + a[HELD, s]
        if special:
            for s in range(width):
                found[item, EQUITY, s] += a[APART, s]


def excess(program: Program, tables: Tables, given: Floats, padded: Longs, pools: Longs, blocks: Longs) -> Floats:
    """The two figures of items, f64[items, 2, width], reporting currency; lanes behind a block's `padded` hold nothing.

    Args:
        program: of the pools.
        tables: with the rows of every block of lanes.
        given: what rules require (see `given`).
        padded: lanes of every block.
        pools: of each item, by place in the program.
        blocks: of each item, the block of lanes.
    """
    found = np.zeros((len(pools), 2, tables.values.shape[2]))
    _excess(
        found,
        pools,
        blocks,
        *program,
        *tables.walked(),
        given,
        accumulators(),
        np.zeros(KEPT_BEHIND + 1),
        np.zeros((max(1, program.token_balances()), 2, tables.values.shape[2])),
        padded,
    )
    return found
