"""Run the kernels on holdings: the reduced pass over a block, and the dense pass over a few accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.accumulators import FIGURES, RECORDED
from stresstest.margin.kernels.fold import fold
from stresstest.margin.kernels.given import nothing_given
from stresstest.margin.kernels.program import Program, empty_program
from stresstest.margin.kernels.reduce import evaluate
from stresstest.margin.kernels.rules import required_by_rules
from stresstest.margin.kernels.totals import MOMENTS, TOP, Draws, Edges, Kept, Rows, Totals
from stresstest.stress.holders import BlockHoldings, Holders

Floats = npt.NDArray[np.float64]

DENSE_ROWS = 400_000
"""Rows of a dense chunk: about 40 MB of figures, whatever the number of scenarios."""


class RowArrays(NamedTuple):
    """Rows kept: `holder` (account code, or pool code), `scenario`, `figures` [rows, RECORDED], `status`."""

    holder: npt.NDArray[np.int32]
    scenario: npt.NDArray[np.int32]
    figures: Floats
    status: npt.NDArray[np.int8]


@dataclass(frozen=True)
class Evaluated:
    """What one pass over some accounts gave; `rows` is None where there was not room for them."""

    totals: Totals
    edges: Edges
    kept: Kept
    rows: RowArrays | None
    draws: Floats
    """[accounts, families, MOMENTS], see `totals.Draws`."""


def folded(compiled: Compiled, block: BlockHoldings) -> Program:
    """The program of every pool of a block."""
    holdings = block.holdings
    program = empty_program(
        len(holdings.model), len(holdings.positions), len(holdings.collateral), compiled.most_tiers, compiled.most_bands, len(holdings.orders)
    )
    fold(program, compiled.tables, holdings)
    return program


def given_by_rules(compiled: Compiled, block: BlockHoldings) -> Floats:
    """What rules require of the pools of a block."""
    lanes = compiled.lanes
    if not compiled.tables.models["ruled"][block.holdings.model].any():
        return nothing_given(lanes.blocks, lanes.width)
    return required_by_rules(compiled.tables, block.holdings, lanes.padded)


def no_totals(blocks: int, width: int) -> Totals:
    """Totals before any account."""
    return Totals(
        figures=np.zeros((blocks, FIGURES, width)),
        statuses=np.zeros((blocks, 4, width), dtype=np.int64),
        all_ok=np.zeros(blocks, dtype=np.int64),
        newly=np.zeros((blocks, width), dtype=np.int64),
        owners_in_default=np.zeros((blocks, width), dtype=np.int64),
        top_loss=np.zeros((blocks, 2, TOP, width)),
        top_owner=np.full((blocks, 2, TOP, width), -1, dtype=np.int32),
        largest=np.zeros((blocks, width)),
        largest_account=np.full((blocks, width), -1, dtype=np.int32),
    )


def evaluate_block(
    compiled: Compiled,
    holders: Holders,
    block: BlockHoldings,
    *,
    open_ends: tuple[bool, bool] = (False, False),
    room: int = 0,
    keep_all: bool = False,
    keep_breaches: bool = False,
    pool_rows: bool = False,
    weights: Floats | None = None,
) -> Evaluated:
    """One pass over all scenarios. `open_ends`: the first or last owner continues beyond the block; `room`: rows that may be kept.

    `weights` [families, blocks, width]: probabilities of the lanes that have one (see `totals.Draws`).
    """
    lanes = compiled.lanes
    accounts, pools = len(block.accounts.code), len(block.gross)
    blocks, width, slots = lanes.blocks, lanes.width, holders.slots
    totals = no_totals(blocks, width)
    edges = Edges(
        loss=np.zeros((2, 2, blocks, width)), default=np.zeros((2, blocks, width), dtype=np.bool_), netting=np.zeros((2, slots, 3, blocks, width))
    )
    kept = Kept(
        figures=np.zeros((accounts, 3, RECORDED)),
        status=np.zeros((accounts, 3), dtype=np.int8),
        scenario=np.full((accounts, 3), -1, dtype=np.int32),
        pool_base=np.zeros((pools, 4)),
    )
    rows = Rows(
        holder=np.empty(room, dtype=np.int32),
        scenario=np.empty(room, dtype=np.int32),
        figures=np.empty((room, RECORDED)),
        status=np.empty(room, dtype=np.int8),
        written=np.zeros(1, dtype=np.int64),
    )
    weights = np.zeros((0, blocks, width)) if weights is None else weights
    draws = Draws(weights, np.any(weights, axis=2), np.zeros((accounts, len(weights), MOMENTS)))
    evaluate(
        folded(compiled, block),
        compiled.tables,
        given_by_rules(compiled, block),
        block.accounts,
        lanes.scenario,
        lanes.used,
        lanes.padded,
        lanes.headline,
        open_ends[0],
        open_ends[1],
        slots,
        totals,
        edges,
        kept,
        rows,
        draws,
        keep_all,
        keep_breaches,
        pool_rows,
    )
    count = int(rows.written[0])
    if count > room:
        return Evaluated(totals, edges, kept, None, draws.sums)
    order = np.lexsort((rows.scenario[:count], rows.holder[:count]))
    return Evaluated(
        totals,
        edges,
        kept,
        RowArrays(rows.holder[:count][order], rows.scenario[:count][order], rows.figures[:count][order], rows.status[:count][order]),
        draws.sums,
    )


def dense_rows(
    compiled: Compiled, holders: Holders, block: BlockHoldings, *, breaches_only: bool = False, pool_rows: bool = False
) -> Iterator[tuple[RowArrays, Floats]]:
    """Rows of all accounts of a block, chunk by chunk, in order of account (or pool) and scenario, with their base figures.

    The second value is [rows, 2]: position and collateral value at base of each row's account (or pool).
    """
    scenarios = int(compiled.lanes.used.sum())
    first, count = 0, len(block.accounts.code)
    while first < count:
        most = max(1, DENSE_ROWS // scenarios)
        last = first + 1
        while last < count and block.accounts.first_pool[last + 1] - block.accounts.first_pool[first] <= most:
            last += 1
        part = block.select(np.arange(first, last))
        evaluated = evaluate_block(
            compiled, holders, part, room=len(part.gross) * scenarios, keep_all=not breaches_only, keep_breaches=breaches_only, pool_rows=pool_rows
        )
        assert evaluated.rows is not None
        if pool_rows:
            base = evaluated.kept.pool_base[evaluated.rows.holder][:, [0, 3]]
            yield evaluated.rows._replace(holder=part.pool[evaluated.rows.holder]), base
        else:
            base = evaluated.kept.figures[np.searchsorted(part.accounts.code, evaluated.rows.holder), 0, :2]
            yield evaluated.rows, base
        first = last
