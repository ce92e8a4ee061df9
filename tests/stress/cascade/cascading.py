"""Cascades of books of a few rows, asked of the engine itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stress.small_book import Row, write_run

from stresstest.config import load_run
from stresstest.config.cascade import Cascade
from stresstest.executors.threads import ThreadExecutor
from stresstest.margin.rulebook import Rulebook
from stresstest.runs.planning import plan
from stresstest.runs.staging import stage
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.stress.cascade.engine import run_cascade
from stresstest.stress.cascade.market.prices import market_of
from stresstest.stress.cascade.outcome import AccountsPart, Outcome
from stresstest.valuation.unit_values import UnitValues
from stresstest.valuation.value import value_instruments


@dataclass(frozen=True)
class Staged:
    """A book ready for cascades."""

    book: Book
    rulebook: Rulebook
    resolved: Resolved
    units: UnitValues

    def asset(self, name: str) -> int:
        return self.book.dimensions.assets["asset"].to_list().index(name)


@dataclass(frozen=True)
class Cascaded:
    """The outcome with accounts by name: equity at the end [scenarios], and what they are below zero."""

    staged: Staged
    outcome: Outcome
    parts: tuple[AccountsPart, ...]

    def of_accounts(self, figure: str, scenario: int) -> dict[str, Any]:
        names = self.staged.book.dimensions.accounts["account_id"].to_list()
        found = {}
        for part in self.parts:
            at = np.flatnonzero(part.scenarios == scenario)
            if len(at):
                values = getattr(part, figure)[:, at[0]]
                found.update(zip(names[part.first : part.first + len(values)], values.tolist(), strict=True))
        return found

    def price(self, name: str, scenario: int) -> float:
        place = self.outcome.scenarios.tolist().index(scenario)
        return float(self.outcome.prices_final[self.staged.asset(name), place])


def staged(folder: Path, tables: dict[str, list[Row]], scenarios: list[Row], margin: Row | None = None) -> Staged:
    """Write a book as a user would, and stage it."""
    return staged_run(write_run(folder, {name: rows for name, rows in tables.items() if rows}, scenarios, margin), folder)


def staged_run(file: Path, folder: Path) -> Staged:
    """The book of a run file, staged in a folder below another."""
    planned = plan(load_run(file, {}), folder / "out")
    work = folder / "work"
    work.mkdir()
    book = stage(planned.settings, planned.rulebook, work, ours=True)
    resolved, _ = resolve(planned.scenarios, book.dimensions, planned.rulebook.margin_names())
    return Staged(book, planned.rulebook, resolved, value_instruments(book.dimensions, resolved))


def cascaded(of: Staged, terms: Row, *, scenarios: Sequence[int] | None = None, log: bool = False, workers: int = 1) -> Cascaded:
    """Run the engine."""
    cascade = Cascade.model_validate(terms)
    parts: list[AccountsPart] = []
    with ThreadExecutor(workers) as executor:
        outcome = run_cascade(
            of.book, of.resolved, of.units, of.rulebook, cascade, market_of(cascade, of.book.dimensions, of.resolved), executor,
            scenarios=scenarios, log=log, on_accounts=parts.append,
        )  # fmt: skip
    return Cascaded(of, outcome, tuple(parts))
