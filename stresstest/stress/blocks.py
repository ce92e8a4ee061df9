"""One block of the book as a task: evaluate it, write its rows, leave its totals where a resumed run finds them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.figures import BALANCE, MAINTENANCE_MARGIN, MARGIN_SHORTFALL
from stresstest.margin.kernels.totals import Edges, Totals
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.evaluation import evaluate_block
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings
from stresstest.stress.limits import BlockLimits, Limits, block_limits
from stresstest.stress.rows import WORST, WORST_HEADLINE, Keep, Names, account_frames, pool_frames, summary_frame
from stresstest.tables import ACCOUNT_SCENARIO, ACCOUNT_SUMMARY, POOL_SCENARIO, Table

Sink = Callable[[Table, int, pl.DataFrame], object]
"""Writes part `number` of a table; parts in order of number are the table in order."""

PARTS_PER_BLOCK = 10_000


@dataclass(frozen=True)
class Task:
    """Everything a block needs; picklable, shared by all blocks of a run. Finished blocks leave their totals in `folder`."""

    book: Book
    compiled: Compiled
    holders: Holders
    limits: Limits
    names: Names
    keep: Keep
    folder: Path
    sink: Sink


class Reach(NamedTuple):
    """[accounts] of a block: less the margin shortfall, without one balance less requirement, in the worst headline scenario.

    Without a headline scenario that of all, else at base.

    `ends`: first owner, last owner, first account.
    """

    excess: npt.NDArray[np.float64]
    ends: npt.NDArray[np.int64]


@dataclass(frozen=True)
class BlockResult:
    """What one block gives to the merge; its rows are already written."""

    totals: Totals
    edges: Edges
    reach: Reach
    limits: BlockLimits


_PARTS: dict[str, Any] = {"totals": Totals, "edges": Edges, "reach": Reach, "limits": BlockLimits}


def run_block(task: Task, number: int) -> BlockResult:
    """Evaluate block `number` and write its rows, or read its totals if an earlier run of the same plan finished it."""
    path = task.folder / f"block-{number:06d}.npz"
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            return BlockResult(**{name: kind(*(stored[f"{name}.{field}"] for field in kind._fields)) for name, kind in _PARTS.items()})
    result = _evaluate(task, number)
    # Rows first, totals last and renamed into place: a block with totals is complete.
    arrays = {f"{name}.{field}": value for name in _PARTS for field, value in getattr(result, name)._asdict().items()}
    partial = path.with_suffix(".part")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
    partial.replace(path)
    return result


def holdings_of_block(task: Task, number: int) -> BlockHoldings:
    """The block's holdings as kernel arrays."""
    return block_holdings(load_block(task.book, number), task.holders, task.compiled)


def _evaluate(task: Task, number: int) -> BlockResult:
    block = holdings_of_block(task, number)
    accounts, owner = block.accounts, task.holders.owner
    first, last = int(accounts.code[0]), int(accounts.code[-1])
    open_ends = (first > 0 and owner[first - 1] == owner[first], last + 1 < len(owner) and owner[last + 1] == owner[last])
    breaches = task.keep == "breaches"
    evaluated = evaluate_block(
        task.compiled, task.holders, block, open_ends=open_ends, room=8 * len(accounts.code) + 4096 if breaches else 0, keep_breaches=breaches
    )
    kept = evaluated.kept
    part = number * PARTS_PER_BLOCK
    gross = np.add.reduceat(block.gross, accounts.first_pool[:-1])
    task.sink(ACCOUNT_SUMMARY, part, summary_frame(task.names, first, kept, gross))
    pool_parts = 0
    for chunk, frame in enumerate(account_frames(task.compiled, task.holders, task.names, block, evaluated, task.keep)):
        task.sink(ACCOUNT_SCENARIO, part + chunk, frame)
        for pools in pool_frames(task.compiled, task.holders, task.names, block, frame.select("account_id", "scenario_id")):
            task.sink(POOL_SCENARIO, part + pool_parts, pools)
            pool_parts += 1
    which = np.where(kept.scenario[:, WORST_HEADLINE] >= 0, WORST_HEADLINE, np.where(kept.scenario[:, WORST] >= 0, WORST, 0))
    figures = kept.figures[np.arange(len(which)), which]
    short = figures[:, MARGIN_SHORTFALL]
    reach = Reach(np.where(short > 0.0, -short, figures[:, BALANCE] - figures[:, MAINTENANCE_MARGIN]), np.array([owner[first], owner[last], first]))
    return BlockResult(evaluated.totals, evaluated.edges, reach, block_limits(task.limits, task.compiled, block))
