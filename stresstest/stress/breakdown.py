"""A second look at the book, at base and in the worst headline scenario: by segment, by collateral, by owner.

Which scenario is worst is known only when every block is done, and nothing of size accounts x scenarios is kept; so the blocks are evaluated
once more, in these few scenarios alone. Every figure of an account has the same bits as in the first pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.executors import Executor
from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.accumulators import FIGURES, RECORDED
from stresstest.margin.kernels.figures import MARGIN_SHORTFALL, POSITIONS
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.collateral import CollateralSums, block_collateral, collateral_summary, kept_by_pool
from stresstest.stress.evaluation import evaluate_block
from stresstest.stress.headline import BASES, cover_scenario, worst_headline
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings
from stresstest.stress.owners import OwnerSums, block_owners, closed, joined, owner_summary
from stresstest.stress.segments import SegmentSums, block_segments, segment_summary, segments_of
from stresstest.stress.selected import row_values, selected
from stresstest.stress.static import StressResult
from stresstest.stress.tolerance import RELATIVE_TOLERANCE, TOLERANCE

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Breakdown:
    """The tables of those names. Where no scenario is headline, they show the base alone."""

    collateral_summary: pl.DataFrame
    segment_summary: pl.DataFrame
    owner_summary: pl.DataFrame


@dataclass(frozen=True)
class _Task:
    """What a block needs: the chosen scenarios' tables and rows (base first, then the worst, if any), segments, owners wanted in any case."""

    book: Book
    compiled: Compiled
    rows: tuple[Floats, ...]
    holders: Holders
    segment: Codes
    owners: Codes
    states: int
    """How many of the chosen scenarios segments and collateral are shown in: base, and the worst headline scenario if there is one."""


@dataclass(frozen=True)
class _Part:
    """What one block gives. Its first and last owner may go on in other blocks and stay `open`; of the others only those to be shown are kept."""

    collateral: CollateralSums
    segments: SegmentSums
    owners: OwnerSums
    open: OwnerSums


def break_down(
    book: Book, resolved: Resolved, stressed: StressResult, executor: Executor, on_progress: Callable[[int, int], None] | None = None
) -> Breakdown:
    """Look at the book again in the scenarios that matter most.

    Args:
        book: the staged snapshot.
        resolved: factor values of every scenario.
        stressed: the first pass, whose totals name the worst headline scenario, those that set Cover-1 and Cover-2, and the largest losers.
        executor: on which blocks are mapped.
        on_progress: `on_progress(done, all)` is called after every block.
    """
    totals = stressed.scenario_summary
    worst = worst_headline(totals)
    covers = [cover_scenario(totals, n, basis) for basis in BASES for n in (1, 2)]
    chosen = list(dict.fromkeys(name for name in (resolved.ids[0], worst, *covers) if name is not None))
    positions = [resolved.ids.index(name) for name in chosen]
    narrow = selected(stressed.compiled, positions)
    rows = tuple(row_values(narrow, state) for state in range(len(chosen)))
    segments = segments_of(book.dimensions.accounts)
    largest = _largest(stressed.owner_scenario, book.dimensions.owners["owner_id"], chosen)
    owners = np.unique(np.concatenate(largest))
    states = 1 if worst is None else 2
    task = _Task(book, narrow, rows, stressed.holders, segments.code, owners, states)
    parts = []
    for number, part in enumerate(executor.map(partial(_block, task), range(book.blocks))):
        parts.append(part)
        if on_progress is not None:
            on_progress(number + 1, book.blocks)
    found = _all_owners(parts, task)
    judged = states - 1
    listed = np.stack([np.isin(found.owner, each) for each in largest], axis=1)
    listed[:, judged] |= found.default[:, judged]
    if worst is not None:
        listed[:, 0] = False
    return Breakdown(
        collateral_summary([part.collateral for part in parts], book.dimensions, resolved, narrow.tables, rows[:states], positions[:states]),
        segment_summary([part.segments for part in parts], segments.names, chosen[:states]),
        owner_summary(found, listed, book.dimensions, chosen),
    )


def _largest(owner_scenario: pl.DataFrame, owner_ids: pl.Series, scenarios: Sequence[str]) -> list[Codes]:
    """Codes of the largest losers of each scenario, in either basis, ascending."""
    codes = owner_scenario.with_columns(code=owner_ids.search_sorted(owner_scenario["owner_id"]))
    return [np.unique(codes.filter(pl.col("scenario_id") == name)["code"].to_numpy()).astype(np.int32) for name in scenarios]


def _block(task: _Task, number: int) -> _Part:
    block = block_holdings(load_block(task.book, number), task.holders, task.compiled)
    pools, every = len(block.gross), len(task.rows)
    found = evaluate_block(task.compiled, task.holders, block, room=pools * every, keep_all=True, pool_rows=True).rows
    assert found is not None
    # Rows are sorted by pool and scenario.
    figures, status = found.figures.reshape(pools, every, RECORDED)[..., :FIGURES], found.status.reshape(pools, every)
    accounts = block.accounts
    shown = _of_accounts(np.add, figures[:, : task.states], block), _of_accounts(np.maximum, status[:, : task.states], block)
    tolerance = np.maximum(TOLERANCE, RELATIVE_TOLERANCE * _of_accounts(np.add, block.gross, block))
    stressed = shown[0][:, -1]
    # By more than a status test forgives: what is hedged moves by rounding alone.
    losing = stressed[:, POSITIONS] - shown[0][:, 0, POSITIONS] < -tolerance
    short = stressed[:, MARGIN_SHORTFALL] > tolerance
    account = np.repeat(np.arange(len(accounts.code)), np.diff(accounts.first_pool))
    owners = block_owners(block, figures, status, _kept(task, block))
    ends = np.isin(owners.owner, owners.owner[[0, -1]])
    return _Part(
        block_collateral(
            task.compiled.tables,
            task.rows[: task.states],
            block.holdings,
            account,
            losing,
            short,
            task.compiled.views.assets,
            task.book.dimensions.locations.height,
        ),
        block_segments(task.segment[accounts.code], *shown, tolerance),
        _shown(closed(owners.only(~ends)), task),
        owners.only(ends),
    )


def _of_accounts(add: np.ufunc, values: npt.NDArray[Any], block: BlockHoldings) -> npt.NDArray[Any]:
    """Pools' values [pools, ...] brought together by account, one pool after the other as the kernels do (`reduceat` takes another order)."""
    first = block.accounts.first_pool
    if len(first) - 1 == len(values):
        return values
    found = np.zeros((len(first) - 1, *values.shape[1:]), dtype=values.dtype)
    add.at(found, np.repeat(np.arange(len(found)), np.diff(first)), values)
    return found


def _kept(task: _Task, block: BlockHoldings) -> Floats:
    """K of every pool in every scenario, where anybody nets; zeros elsewhere, which nobody looks at."""
    if not block.accounts.netting.any():
        return np.zeros((len(block.gross), len(task.rows)))
    return np.stack([kept_by_pool(task.compiled.tables, rows, block.holdings) for rows in task.rows], axis=1)


def _shown(found: OwnerSums, task: _Task) -> OwnerSums:
    """Owners in default in the worst scenario, and those wanted in any case."""
    return found.only(found.default[:, task.states - 1] | np.isin(found.owner, task.owners))


def _all_owners(parts: Sequence[_Part], task: _Task) -> OwnerSums:
    """The owners of all blocks; no owner is both open and closed."""
    return joined([*(part.owners for part in parts), _shown(closed(joined([part.open for part in parts])), task)])
