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
    """One cell: `text` is shown, `order` is what sorting compares, `full` the unshortened text, `below` a second, smaller line.

    `on_screen` is a third line, which paper has no room for.
    """

    text: str
    order: float | str
    tone: Tone = ""
    full: str = ""
    below: str = ""
    on_screen: str = ""


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
class Fact:
    """A label and what is to be said under it."""

    label: str
    text: str


# ---------------------------------------------------------------- charts: raw amounts in reporting currency, names as they are drawn


@dataclass(frozen=True)
class Pair:
    """Two amounts of one name, of which the narrow one counts and the wide one is what it is seen against."""

    name: str
    narrow: float
    wide: float


@dataclass(frozen=True)
class PairedBars:
    """Pairs in order; `narrow` and `wide` head their columns of figures, `limit` is drawn as a line where there is one. `whole`: counts, no money."""

    pairs: tuple[Pair, ...]
    narrow: str
    wide: str
    limit: float | None = None
    limit_name: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Stack:
    """Counts of one name, mild to worst."""

    name: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class StackedBars:
    """Stacks in order; `kinds` head their columns of figures."""

    stacks: tuple[Stack, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Utilisation:
    """How much of a limit is used, 1 = at its red threshold; `amber` is where that threshold is on the same scale, `word` and `tone` its status."""

    name: str
    used: float
    amber: float | None
    word: str
    tone: Tone


@dataclass(frozen=True)
class Step:
    """A step of a waterfall: a change of that amount, or a `total` reached."""

    label: str
    amount: float
    total: bool = False


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
class TimeLine:
    """A figure at every moment of a series, None where it is not known; a `limit` is what others are held against."""

    name: str
    values: tuple[float | None, ...]
    limit: bool = False


@dataclass(frozen=True)
class OverTime:
    """Lines over the same moments: `days` before the newest (0 = the newest, others below zero) with their `dates`; amounts in reporting currency,
    or else counts. `peak`: the moment whose peak of the first line is marked; `windows`: days before the newest that are marked."""

    days: tuple[float, ...]
    dates: tuple[str, ...]
    lines: tuple[TimeLine, ...]
    amounts: bool
    peak: int | None
    windows: tuple[int, ...]


@dataclass(frozen=True)
class Charts:
    """The charts by scenario, without bars where no scenario counts, and the heat map; `scope` says which scenarios they show."""

    scope: str
    cover_scope: str
    cover: PairedBars
    requirement: PairedBars
    shortfall: PairedBars
    loss: PairedBars
    status: StackedBars
    heat_map: HeatMap | None
    heat_scope: str


# ---------------------------------------------------------------- pages


@dataclass(frozen=True)
class LimitsPage:
    """Limits by status, worst first; `measures` says what each measures, with its SQL."""

    summary: str
    utilisation: tuple[Utilisation, ...]
    table: TableView
    measures: TableView


@dataclass(frozen=True)
class OwnersPage:
    """Who makes Cover-N, and who is in default in the worst headline scenario."""

    covers: tuple[TableView, ...]
    in_default: TableView
    notes: tuple[str, ...]


@dataclass(frozen=True)
class CollateralPage:
    """Collateral by asset and location; `scenario` is the worst headline scenario, whose figures stand beside those at base."""

    scenario: str
    summary: str
    by_asset: PairedBars
    by_location: PairedBars
    table: TableView


@dataclass(frozen=True)
class SegmentsPage:
    """Segments at base and in the worst headline scenario."""

    scenario: str
    chart: PairedBars
    table: TableView


@dataclass(frozen=True)
class StatisticsPage:
    """How accounts are spread, how few owners hold what, and how long it takes to close it; charts count accounts."""

    summary: str
    leverage: PairedBars
    margin_ratio: PairedBars
    spread: TableView
    underlyings: TableView
    owners: TableView
    accounts: TableView


@dataclass(frozen=True)
class FundingPage:
    """Variation margin, in the headline scenario that asks for most cash (`scenario`) and by scenario."""

    scenario: str
    summary: str
    figures: tuple[Figure, ...]
    by_currency: PairedBars
    by_scenario: PairedBars
    currencies: TableView
    sales: TableView
    owners: TableView
    scenarios: TableView


@dataclass(frozen=True)
class MarginRulesPage:
    """The book under several margin models; the first of each is the book's own. Shortfalls are those of each model's worst scenario."""

    summary: str
    requirement: PairedBars
    shortfall: PairedBars
    models: TableView
    scenarios: TableView
    accounts: TableView


@dataclass(frozen=True)
class ChangeWaterfall:
    """How a figure changed, step by step from zero; without steps it did not change. `chart` names the drawing."""

    chart: str
    caption: str
    scope: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class ChangesPage:
    """What changed since an earlier run; without one, `empty` says why there is nothing to compare with."""

    title: str
    empty: str = ""
    summary: str = ""
    figures: tuple[Figure, ...] = ()
    waterfalls: tuple[ChangeWaterfall, ...] = ()
    tables: tuple[TableView, ...] = ()
    notes: tuple[str, ...] = ()
    accounts: tuple[TableView, ...] = ()


@dataclass(frozen=True)
class IsolationPage:
    """Cross pools against the same pools with every position on its own; charts by scenario."""

    figures: tuple[Figure, ...]
    shortfall: PairedBars
    loss: PairedBars
    scenarios: TableView
    accounts: TableView
    positions: TableView


@dataclass(frozen=True)
class TrendPage:
    """This run among those of twelve months; without an earlier one `summary` says so, and there is nothing else. A chart of zeros is None."""

    summary: str
    notes: tuple[str, ...]
    figures: tuple[TableView, ...]
    """Peaks and means of amounts, and of counts."""
    disclosures: tuple[TableView, ...]
    """Counters of public disclosures, and the series."""
    cover: OverTime | None
    shortfall: OverTime | None
    status: OverTime | None
    checks: OverTime | None


@dataclass(frozen=True)
class AttributionPage:
    """Why balance less requirement changed: of the book in the worst headline scenario, and of the worst accounts in their own."""

    scenario: str
    summary: str
    steps: tuple[Step, ...]
    lines: TableView
    accounts: TableView


@dataclass(frozen=True)
class AccountPage:
    """One of the worst accounts in its own worst scenario: figures, waterfall, holdings."""

    rank: int
    account_id: str
    title: str
    about: str
    status: Cell
    figures: tuple[Figure, ...]
    steps: tuple[Step, ...]
    holdings: TableView
    why: str = ""
    """What its balance less requirement changed by; empty where the run did not attribute it."""


@dataclass(frozen=True)
class QualityPage:
    """Data quality: what was counted and reconciled, and every check."""

    summary: str
    rows: TableView
    reconciliation: TableView
    checks: TableView


@dataclass(frozen=True)
class Audit:
    """What a third party needs to repeat the run: no file-system paths and no user names."""

    result_id: str
    command: str
    details: tuple[Fact, ...]
    inputs: TableView
    tables: TableView
    versions: tuple[tuple[str, str], ...]
    document: str
    """The text of the run's `result.json`, which every report carries whole."""


@dataclass(frozen=True)
class ReportFacts:
    """Everything a report shows. A page that is None was not computed by the run."""

    title: str
    """At most two lines of the cover; `full_title` is all of it."""
    full_title: str
    as_of: str
    created: str
    """The snapshot's moment in ISO 8601: the documents' date, since the clock must not change their bytes."""
    currency: str
    short_id: str
    cover: tuple[Fact, ...]
    scope: str
    light: Light
    figures: tuple[Figure, ...]
    drivers: tuple[Fact, ...]
    limits: LimitsPage | None
    """None where the run file sets none."""
    charts: Charts
    scenarios: TableView
    sources: TableView
    """Empty where no scenario states a source."""
    accounts: TableView
    definitions: tuple[Definition, ...]
    owners: OwnersPage
    collateral: CollateralPage | None
    segments: SegmentsPage | None
    attribution: AttributionPage | None
    """None where the run did not attribute anything."""
    statistics: StatisticsPage | None
    funding: FundingPage | None
    margin_rules: MarginRulesPage | None
    """None where the run was not asked to compare, as is `isolation`; nothing stands in place of the two."""
    isolation: IsolationPage | None
    changes: ChangesPage | None
    """None where the run was not set against an earlier one; `since` is its sentence for the first page."""
    since: str
    account_pages: tuple[AccountPage, ...]
    trend: TrendPage | None
    """None where the run has no history."""
    absent: str
    """What stands in place of a page that is None."""
    quality: QualityPage
    methods: tuple[Fact, ...]
    """How this run was asked to compute: its own settings, beside the formulas that hold for every run."""
    audit: Audit
