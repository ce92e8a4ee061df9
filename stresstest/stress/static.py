"""The static stress: every account of the book under every scenario, block by block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.executors import Executor
from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.scenario_set import Scenario
from stresstest.snapshot.book import Book
from stresstest.stress.blocks import BlockResult, Sink, Task, blocks_a_group, holdings_of_block, run_group
from stresstest.stress.evaluation import dense_rows
from stresstest.stress.held import held_by_model
from stresstest.stress.holders import Holders, holders_of
from stresstest.stress.limits import limits_of
from stresstest.stress.merge import Merger
from stresstest.stress.rows import Keep, account_frame, names_of
from stresstest.stress.totals import owner_scenario, scenario_summary
from stresstest.stress.weighted.draws import DrawSums, joined_sums
from stresstest.stress.weighted.families import Family, weighted_families
from stresstest.valuation.unit_values import UnitValues

WORST_ACCOUNTS = 50
"""Accounts whose every scenario is in `detail`."""


@dataclass(frozen=True)
class StressResult:
    """Tables that fit in memory; `account_summary`, `account_scenario` and `pool_scenario` went to the sink part by part.

    `detail` holds all scenarios of the worst accounts, in order of account; `worst_accounts` names them, worst first. `extended`: positions that
    some scenario takes beyond a schedule's `max_notional`: `schedule, rows, notional` (at base, reporting currency). `compiled` and `holders` are
    what the book was stressed with, for a second look at it. `draws`: sums of accounts over the `families` of scenarios with a weight.
    """

    scenario_summary: pl.DataFrame
    owner_scenario: pl.DataFrame
    detail: pl.DataFrame
    worst_accounts: tuple[str, ...]
    extended: pl.DataFrame
    compiled: Compiled
    holders: Holders
    families: tuple[Family, ...]
    draws: DrawSums


def headline_flags(scenarios: tuple[Scenario, ...]) -> npt.NDArray[np.bool_]:
    """Which scenarios count for the headline; base never does."""
    return np.array([scenario.headline and number > 0 for number, scenario in enumerate(scenarios)], dtype=np.bool_)


def static_stress(
    book: Book,
    resolved: Resolved,
    scenarios: tuple[Scenario, ...],
    rulebook: Rulebook,
    units: UnitValues,
    executor: Executor,
    *,
    keep: Keep,
    folder: Path,
    sink: Sink,
    on_progress: Callable[[int, int], None] | None = None,
) -> StressResult:
    """Stress the book. `scenarios` are in file order with base first, as in `resolved`.

    `folder` keeps the totals of finished blocks: a run of the same plan finds and reuses them. `sink` writes parts of
    the large tables; it is called by the executor's workers. `on_progress(done, all)` is called after every block.
    """
    compiled = compile_tables(book.dimensions, resolved, units, rulebook, headline_flags(scenarios), held=held_by_model(book, rulebook))
    holders = holders_of(book.dimensions, compiled.models)
    families = weighted_families(scenarios)
    task = Task(
        book,
        compiled,
        holders,
        limits_of(rulebook, book.dimensions),
        names_of(book.dimensions, resolved.ids, compiled.grid_rows),
        keep,
        folder,
        sink,
        families,
    )
    merger = Merger(compiled.lanes.used, compiled.lanes.width, holders.slots)
    results: list[BlockResult] = []
    groups = range(-(-book.blocks // blocks_a_group(book.blocks)))
    for number, result in enumerate(chain.from_iterable(executor.map(partial(run_group, task), groups))):
        first_owner, last_owner, first_account = (int(value) for value in result.reach.ends)
        after = first_account + len(result.reach.excess)
        merger.add(result.totals, result.edges, first_owner, last_owner, after < len(holders.owner) and holders.owner[after] == last_owner)
        results.append(result if number == 0 else _slim(result, results[0]))
        if on_progress is not None:
            on_progress(number + 1, book.blocks)
    totals = merger.result()
    excess = np.concatenate([result.reach.excess for result in results])
    worst = np.argsort(excess, kind="stable")[:WORST_ACCOUNTS]
    starts = np.array([int(result.reach.ends[2]) for result in results])
    return StressResult(
        scenario_summary(compiled.lanes, totals, scenarios, book.dimensions),
        owner_scenario(compiled.lanes, totals, scenarios, book.dimensions),
        _detail(task, worst, starts),
        tuple(book.dimensions.accounts["account_id"][int(code)] for code in worst),
        _extended(results, compiled),
        compiled,
        holders,
        families,
        joined_sums([result.draws for result in results]),
    )


def _slim(result: BlockResult, first: BlockResult) -> BlockResult:
    """Totals are merged already: keep only what the end needs, so that memory does not grow with the number of blocks."""
    return BlockResult(first.totals, first.edges, result.reach, result.limits, result.draws)


def _detail(task: Task, accounts: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]) -> pl.DataFrame:
    """All scenarios of some accounts: a dense second pass over them alone."""
    codes = np.sort(accounts)
    home = np.searchsorted(starts, codes, side="right") - 1
    frames = []
    for number in np.unique(home).tolist():
        block = holdings_of_block(task, number).select(codes[home == number] - starts[number])
        frames += [account_frame(task.names, rows, base) for rows, base in dense_rows(task.compiled, task.holders, block)]
    return pl.concat(frames)


def _extended(results: list[BlockResult], compiled: Compiled) -> pl.DataFrame:
    rows = np.sum([result.limits.extended for result in results], axis=0)
    notional = np.sum([result.limits.notional for result in results], axis=0)
    return pl.DataFrame(
        {"schedule": compiled.schedules, "rows": rows, "notional": notional}, schema={"schedule": pl.String, "rows": pl.Int64, "notional": pl.Float64}
    ).filter(pl.col("rows") > 0)
