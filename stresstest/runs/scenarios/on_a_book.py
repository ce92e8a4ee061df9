"""Scenarios on a book, for commands that look at what they do to factors and compute no margin."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stresstest.config import RunFile
from stresstest.margin.rulebook import Rulebook
from stresstest.runs.console import Console
from stresstest.runs.planning import scenarios_on
from stresstest.runs.staging import documents_and_book
from stresstest.scenarios.notices import Notice
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.scenario_set import ScenarioSet, only
from stresstest.snapshot.book import Book


@dataclass(frozen=True)
class OnABook:
    """Scenarios resolved against a staged book, with the margin file that its schedules come from."""

    scenarios: ScenarioSet
    rulebook: Rulebook
    book: Book
    resolved: Resolved
    notices: tuple[Notice, ...]


@contextmanager
def on_a_book(settings: RunFile, console: Console, ids: Collection[str] = ()) -> Iterator[OnABook]:
    """The scenarios of a run on its book, which is staged in a temporary folder for as long as the context lasts.

    Args:
        settings: the run file.
        console: told of the stages.
        ids: scenarios to look at, besides the base; none: all.

    Raises:
        StressTestError: every fault of scenarios, margin file and snapshot; scenarios that cannot be on this book; ids that are none.
    """
    with tempfile.TemporaryDirectory(prefix="stresstest-scenarios-") as folder:
        scenarios, rulebook, book = documents_and_book(
            settings, console, Path(folder), look=lambda stated: None if stated.pending else only(stated, ids)
        )
        with console.stage("scenarios on the book"):
            whole = scenarios_on(book, settings, scenarios)
            chosen = only(whole, ids) if ids else whole
            resolved, notices = resolve(chosen, book.dimensions, rulebook.margin_names())
        yield OnABook(chosen, rulebook, book, resolved, notices)
