"""What `scenarios lint` reports, as one JSON document."""

from __future__ import annotations

from typing import Any, Literal

from stresstest.results.documents import Document
from stresstest.scenarios.findings import FindingKind, Severity


class Part(Document):
    """A part of what a scenario leaves as it is: an underlying or an instrument, with the gross notional in it."""

    name: str
    notional: float
    share: float


class UnshockedPart(Document):
    """What a scenario leaves as it is: base gross notional in reporting currency, its share of the book's, and the largest parts of it."""

    notional: float
    share: float
    instruments: int
    largest_underlyings: tuple[Part, ...]
    largest_instruments: tuple[Part, ...]


class ScenarioLint(Document):
    """A scenario on the book. `any_book`: its file is written for books in general. `clamped`: values brought into their range, by factor
    type; null without a book."""

    id: str
    name: str
    family: str
    headline: bool
    any_book: bool
    shocks: int
    findings: int
    unshocked: UnshockedPart | None
    clamped: dict[str, int] | None


class FindingLint(Document):
    """A finding. `shock`: place of the shock in the scenario, from 1; null: it is about the whole scenario."""

    kind: FindingKind
    severity: Severity
    scenario_id: str
    shock: int | None
    factor: str | None
    where: dict[str, Any] | None
    message: str
    file: str | None
    line: int | None


class BookLint(Document):
    """The book that the scenarios were looked at on. `gross_notional`: at base, in reporting currency."""

    as_of: str
    reporting_currency: str
    instruments: int
    gross_notional: float


class LintReport(Document):
    """The whole report, scenarios in file order without the base; `book` null: looked at without one."""

    schema_version: Literal[1] = 1
    kind: Literal["lint"] = "lint"
    book: BookLint | None
    scenarios: tuple[ScenarioLint, ...]
    findings: tuple[FindingLint, ...]
    warnings: int
    infos: int

    def at_least(self, severity: Severity) -> bool:
        """Whether there is a finding that is as bad."""
        return self.warnings > 0 or (severity == "info" and self.infos > 0)
