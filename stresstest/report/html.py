"""The report as one HTML file that loads nothing: fonts, style, script and charts are inside.

Everything that came from data passes through Jinja's autoescape; only the shipped (or the user's own) style sheet and script, the font
rules and the SVG of our charts are put in as they are.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, TemplateError, TemplateSyntaxError
from markupsafe import Markup, escape

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.report.charts.bars import STACK_COLOURS, paired_bars, stacked_bars, utilisation_bars
from stresstest.report.charts.heat_map import HEAT_STEPS, heat_map_chart
from stresstest.report.charts.histogram import histogram_chart
from stresstest.report.charts.lines import lines_chart
from stresstest.report.charts.matrix import matrix_chart
from stresstest.report.charts.price_path import price_path_chart
from stresstest.report.charts.style import ACCENT, ACCENT_LIGHT, LOSS, svg
from stresstest.report.charts.waterfall import waterfall_chart
from stresstest.report.formats import HALF_A_CENT
from stresstest.report.parts import Column, PairedBars
from stresstest.report.resources import font_faces, templates_folder
from stresstest.report.view import ChangesPage, FamilyCharts, ReportFacts, TrendPage

if TYPE_CHECKING:
    import altair as alt

_HASH = re.compile("[0-9a-f]{64}")
_CHART = re.compile("<!--chart ([a-z0-9_-]+)-->")


@dataclass(frozen=True)
class Head:
    """A cell of the first header row: one column, or a heading over `span` neighbours of one group."""

    column: Column
    index: int
    group: str
    span: int


@dataclass(frozen=True)
class Section:
    """A section of the report, for the contents and, in `short`, the links on top."""

    name: str
    title: str
    short: str


CHARTS = (
    "cover",
    "utilisation",
    "requirement",
    "shortfall",
    "loss",
    "status",
    "heat_map",
    "assets",
    "locations",
    "segments",
    "leverage",
    "margin_ratio",
    "draws_loss_0",
    "draws_accounts_0",
    "draws_loss_1",
    "draws_accounts_1",
    "funding_scenarios",
    "funding_currencies",
    "distances",
    "levels",
    "cascade_losses",
    "price_path",
    "contagion",
    "waterfall",
    "attribution",
    "models",
    "model_shortfalls",
    "isolated_shortfalls",
    "isolated_losses",
    "change_cover",
    "change_shortfall",
    "trend_cover",
    "trend_shortfall",
    "trend_status",
    "trend_checks",
)
"""The charts that a report may have, beside those of the account pages."""
BY_SCENARIO = ("requirement", "shortfall", "loss", "status")
"""The charts that have a page of their own."""


def sections(facts: ReportFacts, charts: Mapping[str, Markup | None]) -> tuple[Section, ...]:
    """The sections that this report has, in order; `charts` are those that are drawn."""
    chosen = (
        ("summary", "Summary", "Summary", True),
        ("limits", "Limits", "Limits", facts.limits is not None),
        ("changes", facts.changes.title if facts.changes else "", "Changes", facts.changes is not None),
        ("charts", "Requirement, balance and losses by scenario", "Charts", any(charts[name] for name in BY_SCENARIO)),
        ("scenarios", facts.scenarios.caption, "Scenarios", True),
        ("accounts", facts.accounts.caption, "Worst accounts", True),
        ("heat-map", "Worst accounts by scenario", "Heat map", charts["heat_map"] is not None),
        ("owners", "Cover-N and owners", "Owners", True),
        ("segments", "Segments", "Segments", True),
        ("attribution", "Why it changed: attribution", "Attribution", facts.attribution is not None),
        ("collateral", "Collateral and wrong-way risk", "Collateral", True),
        ("statistics", "Concentration and liquidity of positions", "Concentration", True),
        ("funding", "Liquidity", "Liquidity", facts.funding is not None),
        ("distance", "Distance to liquidation and default", "Distance", facts.distance is not None),
        ("draws", "Weighted scenarios", "Weighted scenarios", facts.draws is not None),
        ("cascade", "Liquidation cascade", "Cascade", facts.cascade is not None),
        ("contagion", "Contagion", "Contagion", facts.contagion is not None),
        ("waterfall", "Who pays: the default waterfall", "Who pays", facts.waterfall is not None),
        ("margin-rules", "Margin rules compared", "Margin rules", facts.margin_rules is not None),
        ("isolation", "Cross margin and isolated", "Cross and isolated", facts.isolation is not None),
        ("account-pages", "The worst accounts one by one", "Account pages", bool(facts.account_pages) or facts.collateral is None),
        ("trend", "Trend", "Trend", facts.trend is not None),
        ("quality", "Data quality and reconciliation", "Data quality", True),
        ("sources", facts.sources.caption, "Sources", bool(facts.sources.rows)),
        ("methodology", "Methodology", "Methodology", True),
        ("audit", "Audit", "Audit", True),
    )
    return tuple(Section(name, title, short) for name, title, short, there in chosen if there)


def heads(columns: Sequence[Column]) -> list[Head]:
    """The first header row: neighbours of one group share a cell."""
    found: list[Head] = []
    for index, column in enumerate(columns):
        if column.group and found and found[-1].group == column.group:
            found[-1] = Head(found[-1].column, found[-1].index, column.group, found[-1].span + 1)
        else:
            found.append(Head(column, index, column.group, 1))
    return found


def _share(width: float, columns: Sequence[Column]) -> str:
    """The width of a column as percent of the table, whatever the widths add up to."""
    return f"{100 * width / sum(column.width for column in columns):.2f}"


def _gap(columns: Sequence[Column], index: int) -> str:
    """The class that keeps text off the right-aligned figures of the column before it."""
    return " gap" if index and columns[index].kind != "number" and columns[index - 1].kind == "number" else ""


def _classes(columns: Sequence[Column]) -> list[str]:
    """The classes of the cells of each column, once for all rows."""
    return [f"{column.kind}{' name' if index == 1 else ''}{_gap(columns, index)}" for index, column in enumerate(columns)]


def _breakable(text: str) -> Markup:
    """Text that may break after underscores, as identifiers are wont to be longer than their column; a hash in its middle."""
    if "_" not in text and len(text) != 64:  # nearly all of thousands of cells
        return escape(text)
    if _HASH.fullmatch(text):
        return Markup('<span class="hash">{}<wbr>{}</span>').format(text[:32], text[32:])
    return Markup("_<wbr>").join(text.split("_"))


def _json_address(document: str) -> str:
    """A JSON document as an address that holds it whole."""
    return f"data:application/json;base64,{base64.b64encode(document.encode()).decode('ascii')}"


def _order(value: float | str) -> str:
    """A sort key as JavaScript reads it; the infinities stand for missing figures."""
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(value)


def _composed(facts: ReportFacts) -> Iterator[tuple[str, alt.LayerChart, str]]:
    """Name, chart and label of every chart that shows something other than zeros."""
    data, collateral, segments = facts.charts, facts.collateral, facts.segments
    by_scenario = "by scenario; figures in the scenario table"
    bars: list[tuple[str, PairedBars, str]] = [
        ("cover", data.cover, f"Cover-1 and Cover-2 {by_scenario}"),
        ("requirement", data.requirement, f"Maintenance requirement against margin balance {by_scenario}"),
        ("shortfall", data.shortfall, f"Margin shortfall and initial shortfall {by_scenario}"),
        ("loss", data.loss, f"Uncollateralised loss and stress loss over margin {by_scenario}"),
    ]
    if collateral is not None:
        bars.append(("assets", collateral.by_asset, "Deposits by asset; figures in the table"))
        bars.append(("locations", collateral.by_location, "Deposits by location; figures in the table"))
    if segments is not None:
        bars.append(("segments", segments.chart, "Shortfall by segment; figures in the table"))
    if facts.statistics is not None:
        bars.append(("leverage", facts.statistics.leverage, "Accounts by leverage, at base and in their worst headline scenario"))
        bars.append(("margin_ratio", facts.statistics.margin_ratio, "Accounts by margin ratio, at base and in their worst headline scenario"))
    bars += [(each.accounts_chart, each.accounts, f"Accounts by probability: {each.about}") for each in _family_charts(facts)]
    if facts.funding is not None:
        bars.append(("funding_scenarios", facts.funding.by_scenario, f"Cash to find, and what of it cannot be paid, {by_scenario}"))
        bars.append(("funding_currencies", facts.funding.by_currency, "Variation margin by currency of settlement; figures in the table"))
    if facts.distance is not None:
        bars.append(("distances", facts.distance.distribution, "Accounts by distance to liquidation and default; figures in the chart"))
        bars.append(("levels", facts.distance.by_level, f"Notional liquidated by move of {facts.distance.crowded}; figures in the table"))
    if facts.margin_rules is not None:
        bars.append(("models", facts.margin_rules.requirement, "Requirement at base by margin model; figures in the table"))
        bars.append(("model_shortfalls", facts.margin_rules.shortfall, "Shortfall in its worst scenario by margin model; figures in the table"))
    if facts.isolation is not None:
        bars.append(("isolated_shortfalls", facts.isolation.shortfall, f"Margin shortfall, cross and isolated, {by_scenario}"))
        bars.append(("isolated_losses", facts.isolation.loss, f"Uncollateralised loss, cross and isolated, {by_scenario}"))
    for name, pairs, label in bars:
        alone = name in ("assets", "locations", "segments") and len(pairs.pairs) < 2  # one bar says less than its row in the table
        if not alone and any(abs(value) >= HALF_A_CENT for pair in pairs.pairs for value in (pair.narrow, pair.wide)):
            yield name, paired_bars(pairs), label
    if facts.limits is not None and facts.limits.utilisation:
        yield "utilisation", utilisation_bars(facts.limits.utilisation), "How much of each limit is used; figures in the table"
    if any(any(stack.counts) for stack in data.status.stacks):
        yield "status", stacked_bars(data.status), f"Accounts by status {by_scenario}"
    if data.heat_map is not None:
        yield "heat_map", heat_map_chart(data.heat_map), "Margin balance as percent of maintenance margin, accounts by scenarios"
    yield from _cascade_composed(facts)
    if facts.changes is not None:
        yield from changes_composed(facts.changes)
    yield from _histograms(facts)
    if facts.trend is not None:
        yield from _trend_composed(facts.trend)
    yield from _waterfalls(facts)


def _cascade_composed(facts: ReportFacts) -> Iterator[tuple[str, alt.LayerChart, str]]:
    """The charts of the cascade."""
    if facts.cascade is not None and facts.cascade.losses.pairs:
        yield "cascade_losses", paired_bars(facts.cascade.losses), "Loss by feedback, and with that of the shock, by scenario; figures in the table"
    if facts.cascade is not None and facts.cascade.path is not None:
        yield "price_path", price_path_chart(facts.cascade.path), "Prices after every round as a share of the shocked price; figures in the table"
    if facts.contagion is not None and facts.contagion.matrix is not None:
        yield "contagion", matrix_chart(facts.contagion.matrix), "Losses of survivors by asset lost in and asset sold; figures in the table"
    if facts.waterfall is not None and facts.waterfall.steps:
        yield "waterfall", waterfall_chart(facts.waterfall.steps, worse_when_rising=True), "What each layer pays of the loss; figures in the table"


def _family_charts(facts: ReportFacts) -> tuple[FamilyCharts, ...]:
    return () if facts.draws is None else facts.draws.charts


def _histograms(facts: ReportFacts) -> Iterator[tuple[str, alt.LayerChart, str]]:
    for family in _family_charts(facts):
        if family.loss is not None:
            yield family.loss_chart, histogram_chart(family.loss), f"Probability of the book's loss: {family.about}; figures in the table"


def _waterfalls(facts: ReportFacts) -> Iterator[tuple[str, alt.LayerChart, str]]:
    """The charts of the attribution and of the pages of accounts."""
    if facts.attribution is not None:
        yield "attribution", waterfall_chart(facts.attribution.steps), "Balance less requirement from base to the scenario; figures in the table"
    for page in facts.account_pages:
        yield f"account-{page.rank}", waterfall_chart(page.steps), "From equity at base to excess or shortfall, step by step"


def changes_composed(page: ChangesPage) -> Iterator[tuple[str, alt.LayerChart, str]]:
    """The charts of the page of changes: of a loss, more is worse."""
    for each in page.waterfalls:
        if each.steps:
            yield each.chart, waterfall_chart(each.steps, worse_when_rising=True), f"{each.caption}, change step by step; figures in the table"


def _trend_composed(page: TrendPage) -> Iterator[tuple[str, alt.LayerChart, str]]:
    for name, lines, label in (
        ("trend_cover", page.cover, "Cover-1, Cover-2 and resources over time"),
        ("trend_shortfall", page.shortfall, "Margin shortfall in the worst scenario over time"),
        ("trend_status", page.status, "Accounts in liquidation and default in the worst scenario over time"),
        ("trend_checks", page.checks, "Data checks with a warning over time"),
    ):
        if lines is not None:
            yield name, lines_chart(lines), f"{label}; figures in the table"


def render_html(facts: ReportFacts, templates: Path | None = None) -> str:
    """The report as HTML; the same facts give the same text.

    Args:
        facts: the view model.
        templates: a folder whose files take the place of shipped ones of the same name (see `resources.templates_folder`).

    Raises:
        StressTestError: environment, when the shipped templates are missing; configuration, when a user's template has a fault.
    """
    environment = environment_of(templates)
    # Charts are drawn in a thread while the next is composed and the template is filled in; they take their places at the end.
    with ThreadPoolExecutor(1) as drawing, _faults_of_the_user(templates):
        drawn = {name: drawing.submit(svg, chart, label) for name, chart, label in _composed(facts)}
        charts = dict.fromkeys(CHARTS) | {name: Markup(f"<!--chart {name}-->") for name in drawn}  # noqa: S704  (our own names)
        text = environment.get_template("report.html.j2").render(
            facts=facts,
            sections=sections(facts, charts),
            charts=charts,
            fonts=Markup(font_faces()),  # noqa: S704  (our own)
            style=source(environment, "report.css"),
            script=source(environment, "report.js"),
            palette=PALETTE,
        )
        # Data is escaped, so it holds no such place; every name in a chart went through Vega as text, which it escapes too.
        return _CHART.sub(lambda found: drawn[found[1]].result(), text)


PALETTE = {"first": ACCENT, "second": ACCENT_LIGHT, "loss": LOSS, "steps": HEAT_STEPS, "stack": STACK_COLOURS}
"""Colours that legends name."""


def environment_of(templates: Path | None) -> Environment:
    """What templates are filled in with; `templates`: a folder that takes the place of shipped files."""
    folders = [templates_folder()] if templates is None else [templates, templates_folder()]
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(heads=heads, share=_share, order=_order, gap=_gap, classes=_classes, breakable=_breakable, json_address=_json_address)
    return environment


def source(environment: Environment, name: str) -> Markup:
    """A style sheet or script as it is."""
    assert environment.loader is not None
    return Markup(environment.loader.get_source(environment, name)[0])  # noqa: S704  (style and script are ours or the user's own, never data)


@contextmanager
def _faults_of_the_user(templates: Path | None) -> Iterator[None]:
    """Faults of a user's templates are told as such; those of ours are not."""
    try:
        yield
    except TemplateError as error:
        if templates is None:
            raise
        at = error if isinstance(error, TemplateSyntaxError) else None
        fault = Fault(
            f"{type(error).__name__}: {error.message or error}",
            "Compare it with the shipped template of the same name.",
            file=str(templates / (at.name or "") if at else templates),
            line=at.lineno if at else None,
        )
        raise StressTestError(Reason.CONFIGURATION, "a template of the report has a fault", [fault]) from error
