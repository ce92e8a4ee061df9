"""The tables of funding, where a run makes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from stresstest.config import RunFile
from stresstest.executors import Executor
from stresstest.results.store import write_table
from stresstest.runs.planning import Plan
from stresstest.snapshot.book import Book
from stresstest.tables import FUNDING, FUNDING_OWNERS, FUNDING_SUMMARY

if TYPE_CHECKING:  # the kernels take long to import, and a refused snapshot does not wait for them
    from stresstest.stress.static import StressResult


def makes_funding(settings: RunFile, report_tables: bool) -> bool:
    """Whether a run makes the tables: as `funding` says, and where it says nothing with the tables that a report needs."""
    return report_tables if settings.funding is None else settings.funding


def write_funding(
    plan: Plan, book: Book, stressed: StressResult, executor: Executor, result: Path, on_progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the tables into the result folder.

    Args:
        plan: the run.
        book: its staged snapshot.
        stressed: the first pass over it.
        executor: on which blocks are mapped.
        result: the result folder.
        on_progress: `on_progress(done, all)` is called after every block.
    """
    from stresstest.stress.funding import fund

    found = fund(book, stressed, executor, on_progress)
    for table, frame in ((FUNDING, found.funding), (FUNDING_SUMMARY, found.funding_summary), (FUNDING_OWNERS, found.funding_owners)):
        write_table(frame, table, result / f"{table.name}.parquet", plan.scenarios.ids)
