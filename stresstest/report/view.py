"""The report as values: what every page shows, already worded and rounded, beside the raw numbers that charts and sorting need.

HTML, PDF and charts are made from these and from nothing else, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "status"]
Tone = Literal["", "zero", "negative", "ok", "call", "liquidation", "default", "pass", "warn", "fail"]


@dataclass(frozen=True)
class Column:
    """A column of a printed table: `unit` stands in the header, `width` is its share in percent, `group` a heading over neighbours."""

    label: str
    kind: Kind
    width: float
    unit: str = ""
    group: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell: `text` is shown, `order` is what sorting compares, `full` the unshortened text, `below` a second, smaller line."""

    text: str
    order: float | str
    tone: Tone = ""
    full: str = ""
    below: str = ""


@dataclass(frozen=True)
class Row:
    """A row; one that is not `printed` is on screen only, so that the PDF stays short; a `fixed` one stays on top when sorting."""

    cells: tuple[Cell, ...]
    printed: bool = True
    fixed: bool = False


@dataclass(frozen=True)
class TableView:
    """A table: when it has no rows, `empty` says what was checked; `notes` say what it leaves out."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A headline figure: what, how much, of what unit, and the fact that explains it."""

    label: str
    value: str
    unit: str
    note: str
    tone: Tone = ""


@dataclass(frozen=True)
class Definition:
    """A measure, its formula in words, and what it is for."""

    term: str
    formula: str
    meaning: str


@dataclass(frozen=True)
class Light:
    """The status light with the rule that sets it, the reasons that set it here, and the sentence and detail that answer first."""

    colour: Literal["red", "amber", "green"]
    sentence: str
    detail: str
    rule: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class SeverityBar:
    """A headline scenario in the severity chart: amounts in reporting currency."""

    scenario: str
    margin_shortfall: float
    cover_1: float
    cover_2: float


@dataclass(frozen=True)
class HeatMap:
    """Margin balance over maintenance margin, accounts by scenarios: 1 = where liquidation starts, None where nothing is required.

    Where a pool falls short: 1 - margin shortfall / maintenance margin, since the surplus of another pool does not cover it.
    """

    accounts: tuple[str, ...]
    scenarios: tuple[str, ...]
    ratios: tuple[tuple[float | None, ...], ...]
    in_default: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True)
class ChartData:
    """The raw numbers of the charts; `scope` says which scenarios the bars are, `resources` is None where the run states none."""

    bars: tuple[SeverityBar, ...]
    scope: str
    resources: float | None
    heat_map: HeatMap | None


@dataclass(frozen=True)
class Audit:
    """What a third party needs to repeat the run: no file-system paths and no user names."""

    result_id: str
    command: str
    details: tuple[tuple[str, str], ...]
    inputs: TableView
    versions: tuple[tuple[str, str], ...]
    document: str
    """The text of the run's `result.json`, which every report carries whole."""


@dataclass(frozen=True)
class ReportFacts:
    """Everything a report shows."""

    title: str
    as_of: str
    created: str
    """The snapshot's moment in ISO 8601: the documents' date, since the clock must not change their bytes."""
    currency: str
    short_id: str
    scope: str
    light: Light
    figures: tuple[Figure, ...]
    charts: ChartData
    scenarios: TableView
    accounts: TableView
    definitions: tuple[Definition, ...]
    owners: TableView
    quality: TableView
    quality_summary: str
    audit: Audit
