"""Some blocks of the book as a task: evaluate them, write their rows, leave their totals where a resumed run finds them."""

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
from stresstest.stress.weighted.draws import DrawSums, lane_weights, of_accounts
from stresstest.stress.weighted.families import Family
from stresstest.tables import ACCOUNT_SCENARIO, ACCOUNT_SUMMARY, POOL_SCENARIO, Table

Sink = Callable[[Table, int, pl.DataFrame], object]
"""Writes part `number` of a table; parts in order of number are the table in order."""

PARTS_PER_BLOCK = 10_000


GROUPS = 64
"""Tasks that a large book is cut into at least: enough to keep workers busy to the end."""

MOST_BLOCKS_A_GROUP = 4
"""Blocks that one task evaluates at most: a row of a file of 32,768 took half as long to write as of one of 4,096."""

JOINED_ROWS = 65_536
"""Rows of joined frames from which a part is written."""


def blocks_a_group(blocks: int) -> int:
    """How many consecutive blocks are one task; by the size of the book alone, so that the parts of tables are the same on any machine."""
    return max(1, min(MOST_BLOCKS_A_GROUP, blocks // GROUPS))


def finished_blocks(folder: Path, blocks: int) -> int:
    """How many blocks an interrupted run has left finished in `folder`."""
    size = blocks_a_group(blocks)
    firsts = (int(path.stem.removeprefix("blocks-")) * size for path in folder.glob("blocks-*.npz"))
    return sum(min(size, blocks - first) for first in firsts)


@dataclass(frozen=True)
class Task:
    """Everything a block needs; picklable, shared by all blocks of a run. Finished groups leave their totals in `folder`."""

    book: Book
    compiled: Compiled
    holders: Holders
    limits: Limits
    names: Names
    keep: Keep
    folder: Path
    sink: Sink
    families: tuple[Family, ...] = ()


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
    draws: DrawSums


_PARTS: dict[str, Any] = {"totals": Totals, "edges": Edges, "reach": Reach, "limits": BlockLimits, "draws": DrawSums}


class _Parts:
    """Frames of a group of blocks on their way to the sink, joined to parts of some size."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting: dict[str, tuple[Table, int, list[pl.DataFrame]]] = {}

    def __call__(self, table: Table, number: int, frame: pl.DataFrame) -> None:
        """Add a frame; the part is named after the first frame in it."""
        _, _, frames = self._waiting.setdefault(table.name, (table, number, []))
        frames.append(frame)
        if sum(each.height for each in frames) >= JOINED_ROWS:
            self._write(table.name)

    def close(self) -> None:
        """Write what waits."""
        for name in list(self._waiting):
            self._write(name)

    def _write(self, name: str) -> None:
        table, number, frames = self._waiting.pop(name)
        self._sink(table, number, pl.concat(frames))


def run_group(task: Task, number: int) -> list[BlockResult]:
    """Evaluate the blocks of group `number` and write their rows, or read their totals if an earlier run of the same plan finished it."""
    path = task.folder / f"blocks-{number:06d}.npz"
    size = blocks_a_group(task.book.blocks)
    numbers = range(number * size, min((number + 1) * size, task.book.blocks))
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            return [
                BlockResult(**{name: kind(*(stored[f"{block}.{name}.{field}"] for field in kind._fields)) for name, kind in _PARTS.items()})
                for block in numbers
            ]
    parts = _Parts(task.sink)
    results = [_evaluate(task, block, parts) for block in numbers]
    parts.close()
    # Rows first, totals last and renamed into place: a group with totals is complete.
    arrays = {
        f"{block}.{name}.{field}": value
        for block, result in zip(numbers, results, strict=True)
        for name in _PARTS
        for field, value in getattr(result, name)._asdict().items()
    }
    partial = path.with_suffix(".part")
    with partial.open("wb") as stream:
        np.savez(stream, **arrays)
    partial.replace(path)
    return results


def holdings_of_block(task: Task, number: int) -> BlockHoldings:
    """The block's holdings as kernel arrays."""
    return block_holdings(load_block(task.book, number), task.holders, task.compiled)


def _evaluate(task: Task, number: int, sink: Sink) -> BlockResult:
    block = holdings_of_block(task, number)
    accounts, owner = block.accounts, task.holders.owner
    first, last = int(accounts.code[0]), int(accounts.code[-1])
    open_ends = task.holders.open_ends(first, last)
    breaches = task.keep == "breaches"
    evaluated = evaluate_block(
        task.compiled,
        task.holders,
        block,
        open_ends=open_ends,
        room=8 * len(accounts.code) + 4096 if breaches else 0,
        keep_breaches=breaches,
        weights=lane_weights(task.families, task.compiled.lanes),
    )
    kept = evaluated.kept
    part = number * PARTS_PER_BLOCK
    gross = np.add.reduceat(block.gross, accounts.first_pool[:-1])
    sink(ACCOUNT_SUMMARY, part, summary_frame(task.names, first, kept, gross))
    pool_parts = 0
    for chunk, frame in enumerate(account_frames(task.compiled, task.holders, task.names, block, evaluated, task.keep)):
        sink(ACCOUNT_SCENARIO, part + chunk, frame)
        for pools in pool_frames(task.compiled, task.holders, task.names, block, frame.select("account_id", "scenario_id")):
            sink(POOL_SCENARIO, part + pool_parts, pools)
            pool_parts += 1
    which = np.where(kept.scenario[:, WORST_HEADLINE] >= 0, WORST_HEADLINE, np.where(kept.scenario[:, WORST] >= 0, WORST, 0))
    figures = kept.figures[np.arange(len(which)), which]
    short = figures[:, MARGIN_SHORTFALL]
    reach = Reach(np.where(short > 0.0, -short, figures[:, BALANCE] - figures[:, MAINTENANCE_MARGIN]), np.array([owner[first], owner[last], first]))
    draws = of_accounts(accounts.code, evaluated.draws)
    return BlockResult(evaluated.totals, evaluated.edges, reach, block_limits(task.limits, task.compiled, block), draws)
