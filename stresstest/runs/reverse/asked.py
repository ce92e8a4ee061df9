"""What a reverse stress test is asked about: the settings and the book that are meant, staged and checked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from stresstest.config import RunFile, keyword_overrides, load_run
from stresstest.errors import Reason, StressTestError
from stresstest.executors import make_executor
from stresstest.margin.rulebook import Rulebook
from stresstest.results.documents import read_document
from stresstest.results.inputs import FOLDER, RUN, changed_documents
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest
from stresstest.runs.console import Console
from stresstest.runs.explaining import same_inputs
from stresstest.runs.installation import kernels_to_compile
from stresstest.runs.planning import Plan, scenarios_on
from stresstest.runs.staging import documents_and_book, workers
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, SHOCKS, ScenarioSet
from stresstest.snapshot.book import Book
from stresstest.stress.limits import check_limits
from stresstest.stress.reverse.measuring import Measurer
from stresstest.valuation.value import value_instruments

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun

_VALUES_AT_ONCE = 2_000_000
_MOST_AT_ONCE = 2_000
"""Scenarios that the book is looked at in at once, and the values of instruments and assets that this may make: bounds memory, by the book alone."""


def settings_of(what: str | Path | RunFile | Plan | FinishedRun, snapshot: str | Path | None) -> tuple[RunFile, Manifest | None]:
    """The settings that are meant, and of a finished run its manifest."""
    overrides = keyword_overrides({"snapshot": snapshot})
    if isinstance(what, Plan):
        what = what.settings
    if isinstance(what, RunFile):
        return what if snapshot is None else what.model_copy(update={"snapshot": str(Path(snapshot).absolute())}), None
    path = Path(what) if isinstance(what, (str, Path)) else what.folder
    if not path.is_dir():
        return load_run(path, overrides), None
    return load_run(path / FOLDER / RUN, overrides), manifest_of(path)


def manifest_of(folder: Path) -> Manifest:
    """The manifest of a finished run whose copies of documents are as the run left them.

    Raises:
        StressTestError: input data, when it is no finished run or was changed.
    """
    manifest = read_document(Manifest, folder / MANIFEST)
    if faults := changed_documents(folder, manifest.documents):
        raise StressTestError(Reason.INPUT_DATA, "the result folder is not as its run left it", faults)
    return manifest


def at_once(book: Book) -> int:
    """How many scenarios a book is looked at in at once."""
    values = book.dimensions.instruments.height + book.dimensions.assets.height
    return min(_MOST_AT_ONCE, max(32, _VALUES_AT_ONCE // max(values, 1)))


def check_ready(book: Book, rulebook: Rulebook, settings: RunFile, manifest: Manifest | None, console: Console) -> None:
    """Refuse a snapshot that is not that of the finished run meant, or that the rules cannot be applied to at base; say what must be compiled.

    Raises:
        StressTestError: input data, with the tables that changed, or what is beyond the limits of a schedule.
    """
    if manifest is not None:
        same_inputs(book, manifest, settings)
    base, _ = resolve(ScenarioSet((BASE,), pl.DataFrame(schema=SHOCKS)), book.dimensions, rulebook.margin_names())
    check_limits(book, base, value_instruments(book.dimensions, base), rulebook)
    wait = kernels_to_compile()
    if wait is not None:
        console.announce(wait)


@contextmanager
def staged(settings: RunFile, manifest: Manifest | None, console: Console) -> Iterator[tuple[Book, Rulebook, ScenarioSet, Measurer]]:
    """The book of a run, staged for as long as the context lasts, with its rules and scenarios, and somebody to look at it."""
    with tempfile.TemporaryDirectory(prefix="stresstest-reverse-") as folder:
        scenarios, rulebook, book = documents_and_book(settings, console, Path(folder))
        check_ready(book, rulebook, settings, manifest, console)
        scenarios = scenarios_on(book, settings, scenarios)
        with make_executor(settings.executor, workers(settings), Path(folder)) as executor:
            yield book, rulebook, scenarios, Measurer(book, rulebook, executor)
