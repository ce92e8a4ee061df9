"""Which pools are below their maintenance requirement, in which lanes, and what every pool is worth.

A cascade asks this of the whole book after every round, of those that were not liquidated yet. As in `excess`, an *item* is a pool and a block of
lanes; nothing is reduced, and only breaches are written.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]

BREACH = np.dtype([("item", np.int32), ("lane", np.int32), ("equity", np.float64), ("balance", np.float64), ("requirement", np.float64)])
"""A breach: item and lane; equity, margin balance and maintenance requirement there, reporting currency."""


class Lines(NamedTuple):
    """[pools]: tolerance of the test, reporting currency; whether equality is a breach (where something is required)."""

    tolerance: Floats
    equality: Flags


@kernel
def _breaches(
    found: Records,
    written: Longs,
    equity: Floats,
    pools: Longs,
    blocks: Longs,
    live: Flags,
    tolerance: Floats,
    equality: Flags,
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
    asset_plain: Flags,
    weight_unit: Flags,
    given: Floats,
    acc: Records,
    constants: Floats,
    token_balances: Floats,
    padded: Longs,
) -> None:
    a = acc[0]["rows"]
    keeps = equity.shape[0] > 0
    for item in range(len(pools)):
        block = blocks[item]
        width = padded[block]
        pool = pools[item]
        wanted = 0
        for s in range(width):
            wanted += 1 if live[item, s] else 0
        if wanted == 0 and not keeps:
            continue
        special = walk(
            acc,
            constants,
            starts,
            pool,
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
        # In the order of `figures`, so that what nothing has moved is the same to the last bit.
        position = constants[DIRECT] + constants[APART]
        balance = constants[MAINTENANCE] + constants[DIRECT]
        need = constants[NEED_MAINTENANCE]
        if special:
            for s in range(width):
                a[KEPT_BEHIND, s] = ((a[DIRECT, s] + a[APART, s]) + position) + a[HELD, s]
        else:
            for s in range(width):
                a[KEPT_BEHIND, s] = (a[DIRECT, s] + position) + a[HELD, s]
        if keeps:
            for s in range(width):
                equity[item, s] = a[KEPT_BEHIND, s]
        if wanted == 0:
            continue
        near = 0
        for s in range(width):
            b = a[MAINTENANCE, s] + (a[DIRECT, s] + balance)
            r = a[NEED_MAINTENANCE, s] + need
            a[MAINTENANCE, s] = b
            a[NEED_MAINTENANCE, s] = r
            near += 1 if r - b >= -tolerance[pool] else 0
        if near == 0:
            continue
        for s in range(width):
            gap = a[NEED_MAINTENANCE, s] - a[MAINTENANCE, s]
            beyond = gap > tolerance[pool] or (equality[pool] and gap >= -tolerance[pool] and a[NEED_MAINTENANCE, s] > 0.0)
            if beyond and live[item, s]:
                at = written[0]
                if at < len(found):
                    found[at]["item"] = item
                    found[at]["lane"] = s
                    found[at]["equity"] = a[KEPT_BEHIND, s]
                    found[at]["balance"] = a[MAINTENANCE, s]
                    found[at]["requirement"] = a[NEED_MAINTENANCE, s]
                written[0] = at + 1


def breaches(
    program: Program,
    tables: Tables,
    given: Floats,
    padded: Longs,
    lines: Lines,
    pools: Longs,
    blocks: Longs,
    live: Flags,
    *,
    with_equity: bool = False,
) -> tuple[Records, Floats]:
    """The breaches of items in their live lanes, in order of item and lane; and, if asked, the equity of all, f64[items, width] (else no rows).

    Args:
        program: of the pools.
        tables: with the rows of every block of lanes.
        given: what rules require (see `given`).
        padded: lanes of every block.
        lines: of the pools, when they breach.
        pools: of each item, by place in the program.
        blocks: of each item, the block of lanes.
        live: bool[items, width], the lanes that are asked about; those that only fill a block are none.
        with_equity: lanes that are not live have an equity too, those behind a block's `padded` hold nothing.
    """
    width = tables.values.shape[2]
    equity = np.zeros((len(pools) if with_equity else 0, width))
    room = 1024 + len(pools)
    while True:
        found = np.zeros(room, dtype=BREACH)
        written = np.zeros(1, dtype=np.int64)
        _breaches(
            found,
            written,
            equity,
            pools,
            blocks,
            live,
            lines.tolerance,
            lines.equality,
            *program,
            *tables.walked(),
            given,
            accumulators(),
            np.zeros(KEPT_BEHIND + 1),
            np.zeros((max(1, program.token_balances()), 2, width)),
            padded,
        )
        if written[0] <= room:
            return found[: written[0]], equity
        room = int(written[0])
