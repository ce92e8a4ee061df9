"""What a run compares itself with, where its settings ask for it: the book under other margin models, and positions on their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from stresstest.executors import Executor
from stresstest.results.store import PartWriter, finish_parts, write_table
from stresstest.runs.console import Advance
from stresstest.runs.planning import Plan
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.tables import (
    ISOLATION,
    ISOLATION_POSITIONS,
    ISOLATION_SUMMARY,
    MARGIN_COMPARISON,
    MARGIN_COMPARISON_SCENARIO,
    MARGIN_COMPARISON_SUMMARY,
)
from stresstest.valuation.unit_values import UnitValues

if TYPE_CHECKING:  # the kernels take long to import, and a refused snapshot does not wait for them
    from stresstest.stress.static import StressResult


def write_comparisons(
    plan: Plan,
    book: Book,
    resolved: Resolved,
    units: UnitValues,
    stressed: StressResult,
    executor: Executor,
    parts: Path,
    result: Path,
    stage: Callable[[str, int], AbstractContextManager[Advance]],
) -> None:
    """Write the tables of `compare.models` and of `compare.isolated`, as far as the plan asks for them.

    Args:
        plan: the run.
        book: its staged snapshot.
        resolved: factor values of every scenario.
        units: unit values of every instrument.
        stressed: the book under its own rules.
        executor: on which blocks are mapped.
        parts: folder for parts of the large tables; those that an interrupted run left are written again.
        result: the result folder.
        stage: opens a stage of so many steps.
    """
    from stresstest.stress.comparison import compare_models
    from stresstest.stress.isolation import isolate

    asked, scenarios = plan.settings.compare, plan.scenarios
    sink = PartWriter(parts, scenarios.ids)
    if asked.models:
        with stage("comparison of models", book.blocks) as advance:
            totals = compare_models(
                book,
                resolved,
                scenarios.scenarios,
                plan.rulebook,
                units,
                stressed,
                executor,
                asked.models,
                keep=plan.settings.keep,
                sink=sink,
                on_progress=lambda _done, _blocks: advance(1),
            )
        write_table(totals, MARGIN_COMPARISON_SUMMARY, result / f"{MARGIN_COMPARISON_SUMMARY.name}.parquet", scenarios.ids)
        finish_parts(parts, result, MARGIN_COMPARISON)
        finish_parts(parts, result, MARGIN_COMPARISON_SCENARIO)
    if asked.isolated:
        with stage("positions on their own", book.blocks) as advance:
            totals = isolate(book, resolved.ids, scenarios.scenarios, stressed, executor, sink=sink, on_progress=lambda _done, _blocks: advance(1))
        write_table(totals, ISOLATION_SUMMARY, result / f"{ISOLATION_SUMMARY.name}.parquet", scenarios.ids)
        finish_parts(parts, result, ISOLATION)
        finish_parts(parts, result, ISOLATION_POSITIONS)
