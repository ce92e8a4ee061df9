"""Everything wrong with a run's inputs, at once, without computing anything."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.config import RunFile
from stresstest.errors import counted
from stresstest.margin.nettable import check_nettable
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.scalable import check_scalable
from stresstest.margin.views import views_of
from stresstest.results.quality import Check, from_notices, quality_table
from stresstest.runs.cascade.market import market_on
from stresstest.runs.console import Console, Silent
from stresstest.runs.margin_checks import margin_checks
from stresstest.runs.planning import scenarios_on
from stresstest.runs.staging import documents_and_book
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.snapshot.book import Book
from stresstest.stress.limits import check_limits
from stresstest.valuation.value import value_instruments


@dataclass(frozen=True)
class Checked:
    """Inputs that a run would accept. `findings` has the columns of data_quality: what is worth a look all the same."""

    as_of: str
    reporting_currency: str
    tables: dict[str, int]
    accounts: int
    positions: int
    scenarios: int
    findings: pl.DataFrame

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return vars(self) | {"findings": self.findings.to_dicts()}

    def lines(self) -> tuple[str, ...]:
        """For a person: what was read, and every warning."""
        rows = ", ".join(f"{name} {count:,}" for name, count in self.tables.items())
        book = f"{counted(self.accounts, 'account')} with {counted(self.positions, 'position')}"
        lines = [f"valid: as of {self.as_of}, {book}, {counted(self.scenarios - 1, 'scenario')} and base", f"rows read: {rows}"]
        warnings = self.findings.filter(pl.col("result") != "pass")
        return (*lines, *(f"warning: {row['check']}, {row['subject']}: {row['message']}" for row in warnings.iter_rows(named=True)))


def validate(settings: RunFile, console: Console | None = None, *, ours: bool = False) -> Checked:
    """Check snapshot, scenarios and margin file of a run.

    Args:
        settings: the run file.
        console: told of stages.
        ours: see `staging.stage`.

    Raises:
        StressTestError: every fault of all of them; see `staging.documents_and_book`.
    """
    console = console or Silent()
    with tempfile.TemporaryDirectory(prefix="stresstest-validate-") as folder:
        scenarios, rulebook, book = documents_and_book(settings, console, Path(folder), ours=ours)
        with console.stage("scenarios on the book"):
            scenarios = scenarios_on(book, settings, scenarios)
            found = _on_the_book(book, scenarios, rulebook, settings)
        findings = quality_table(book, found)
    return Checked(
        book.dimensions.as_of.isoformat(),
        book.dimensions.reporting_currency,
        {file.table: file.rows for file in book.inputs},
        book.dimensions.accounts.height,
        book.positions,
        len(scenarios),
        findings,
    )


def _on_the_book(book: Book, scenarios: ScenarioSet, rulebook: Rulebook, settings: RunFile) -> list[Check]:
    for dimensions in (book.dimensions, *(book.dimensions.under_model(model) for model in settings.compare.models)):
        views = views_of(dimensions, rulebook)
        check_nettable(dimensions, rulebook, views)
        check_scalable(dimensions, rulebook, views)
    resolved, notices = resolve(scenarios, book.dimensions, rulebook.margin_names())
    check_limits(book, resolved, value_instruments(book.dimensions, resolved), rulebook)
    if settings.cascade is not None:
        market_on(settings, settings.cascade, book.dimensions, resolved)
    return [*from_notices(notices), *margin_checks(rulebook, book.dimensions, resolved)]
