"""Look at a staged book in any scenarios: its totals, or one account, without tables."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import numpy.typing as npt

from stresstest.executors import Executor
from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.kernels.figures import LOSS, MARGIN_SHORTFALL
from stresstest.margin.kernels.totals import Edges, Totals
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.evaluation import dense_rows, evaluate_block
from stresstest.stress.held import held_by_model
from stresstest.stress.holders import Holders, block_holdings, holders_of
from stresstest.stress.merge import Merger
from stresstest.stress.reverse.targets import AccountStates, BookStates
from stresstest.valuation.value import value_instruments


@dataclass(frozen=True)
class _Task:
    book: Book
    compiled: Compiled
    holders: Holders


@dataclass(frozen=True)
class Measurer:
    """A staged book that is asked again and again. No scenario of it is a headline scenario: nothing here is about the worst of several."""

    book: Book
    rulebook: Rulebook
    executor: Executor

    @cached_property
    def _held(self) -> dict[str, npt.NDArray[np.int32]]:
        return held_by_model(self.book, self.rulebook)

    def _task(self, scenarios: ScenarioSet) -> _Task:
        dimensions = self.book.dimensions
        resolved, _ = resolve(scenarios, dimensions, self.rulebook.margin_names())
        units = value_instruments(dimensions, resolved)
        headline = np.zeros(len(scenarios), dtype=np.bool_)
        compiled = compile_tables(dimensions, resolved, units, self.rulebook, headline, held=self._held)
        return _Task(self.book, compiled, holders_of(dimensions, compiled.models))

    def whole_book(
        self, scenarios: ScenarioSet, on_block: Callable[[int], object] = lambda _: None, owners: npt.NDArray[np.int32] | None = None
    ) -> BookStates:
        """The book in every scenario, base first; `owners`: as if there were only these (by code)."""
        task = self._task(scenarios)
        compiled, owner = task.compiled, task.holders.owner
        merger = Merger(compiled.lanes.used, compiled.lanes.width, task.holders.slots)
        blocks = range(self.book.blocks) if owners is None else self._homes(owners, owner)
        for totals, edges, first, last in self.executor.map(partial(_totals_of_block, task, owners), blocks):
            merger.add(totals, edges, int(owner[first]), int(owner[last]), task.holders.open_ends(first, last)[1])
            on_block(1)
        found, unpack = merger.result(), compiled.lanes.unpack
        counts = found.statuses.copy()
        counts[:, 0] += found.all_ok[:, np.newaxis]
        return BookStates(
            accounts=np.asarray(unpack(np.moveaxis(counts, 0, -2)), dtype=np.int64),
            uncollateralised_loss=np.asarray(unpack(found.figures[:, LOSS]), dtype=np.float64),
            owner_loss=np.asarray(unpack(np.moveaxis(found.top_loss[:, 0], 0, -2)), dtype=np.float64),
            owner=np.asarray(unpack(np.moveaxis(found.top_owner[:, 0], 0, -2)), dtype=np.int32),
        )

    def account(self, code: int, scenarios: ScenarioSet) -> AccountStates:
        """One account (by its code) in every scenario, base first: the rest of the book is not computed."""
        task = self._task(scenarios)
        block = block_holdings(load_block(self.book, self._home(code)), task.holders, task.compiled)
        alone = block.select(np.flatnonzero(block.accounts.code == code))
        # Rows come in order of scenario, in one chunk or several.
        rows = [rows for rows, _ in dense_rows(task.compiled, task.holders, alone)]
        figures = np.concatenate([each.figures for each in rows])
        return AccountStates(figures[:, MARGIN_SHORTFALL], figures[:, LOSS], np.concatenate([each.status for each in rows]))

    @cached_property
    def _last(self) -> list[int]:
        """Last account of every block: every account has a pool, and blocks hold whole accounts in order."""
        return [int(load_block(self.book, number).account[-1]) for number in range(self.book.blocks)]

    def _home(self, code: int) -> int:
        """The block that an account is in."""
        return bisect_left(self._last, code)

    def _homes(self, owners: npt.NDArray[np.int32], owner: npt.NDArray[np.int32]) -> list[int]:
        """The blocks that accounts of owners are in."""
        return sorted({self._home(int(code)) for code in np.flatnonzero(np.isin(owner, owners))})


def _totals_of_block(task: _Task, owners: npt.NDArray[np.int32] | None, number: int) -> tuple[Totals, Edges, int, int]:
    """Totals and edges of a block, and its first and last account."""
    block = block_holdings(load_block(task.book, number), task.holders, task.compiled)
    if owners is not None:
        block = block.select(np.flatnonzero(np.isin(block.accounts.owner, owners)))
    first, last = int(block.accounts.code[0]), int(block.accounts.code[-1])
    found = evaluate_block(task.compiled, task.holders, block, open_ends=task.holders.open_ends(first, last))
    return found.totals, found.edges, first, last
