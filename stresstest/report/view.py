"""The report as values: what every page shows, already worded and rounded, beside the raw numbers that charts and sorting need.

HTML, PDF and charts are made from these and from nothing else, so they cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass

from stresstest.report.parts import (
    Cell,
    Charts,
    Definition,
    Fact,
    Figure,
    Histogram,
    Light,
    Matrix,
    OverTime,
    PairedBars,
    PricePath,
    Step,
    TableView,
    Utilisation,
)


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
class DistancePage:
    """How far accounts are from their lines: by distance (chart of accounts), and by price of the most `crowded` factor (chart of notional)."""

    summary: str
    distribution: PairedBars
    crowded: str
    by_level: PairedBars
    levels: TableView
    accounts: TableView
    scenarios: TableView


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
class FamilyCharts:
    """A family of weighted scenarios in two charts: the book's loss, and accounts by how probable their liquidation and default is.

    Their names are those of the drawings; a chart that is None would show nothing.
    """

    about: str
    loss_chart: str
    loss: Histogram | None
    accounts_chart: str
    accounts: PairedBars


@dataclass(frozen=True)
class DrawsPage:
    """What scenarios with a weight say together: the book's losses, accounts that may fail, owners that may lose."""

    summary: str
    charts: tuple[FamilyCharts, ...]
    book: TableView
    accounts: TableView
    owners: TableView


@dataclass(frozen=True)
class CascadePage:
    """The liquidation cascade by scenario, and round by round in `scenario`: the worst headline scenario, empty where nobody is liquidated."""

    scenario: str
    summary: str
    figures: tuple[Figure, ...]
    losses: PairedBars
    path: PricePath | None
    scenarios: TableView
    rounds: TableView
    prices: TableView
    sensitivity: TableView
    parameters: TableView


@dataclass(frozen=True)
class ContagionPage:
    """Who infects whom in `scenario`, and the same book under isolated margin."""

    scenario: str
    summary: str
    matrix: Matrix | None
    spills: TableView
    assets: TableView
    isolated: TableView


@dataclass(frozen=True)
class WaterfallPage:
    """Who pays what accounts are below zero after the cascade, in `scenario`; without steps there is nothing to pay."""

    scenario: str
    summary: str
    figures: tuple[Figure, ...]
    steps: tuple[Step, ...]
    layers: TableView
    scenarios: TableView
    rules: TableView
    payers: TableView


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
    distance: DistancePage | None
    """None where the run was not asked for distances."""
    draws: DrawsPage | None
    """None where no scenario has a weight."""
    cascade: CascadePage | None
    """None where the run was not asked for a cascade, as are `contagion` and `waterfall`."""
    contagion: ContagionPage | None
    waterfall: WaterfallPage | None
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
