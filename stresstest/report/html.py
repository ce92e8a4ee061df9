"""The report as one HTML file that loads nothing: fonts, style, script and charts are inside.

Everything that came from data passes through Jinja's autoescape; only the shipped (or the user's own) style sheet and script, the font
rules and the SVG of our charts are put in as they are.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stresstest.report import charts
from stresstest.report.formats import HALF_A_CENT, plural_count
from stresstest.report.resources import font_faces, templates_folder
from stresstest.report.view import Column, ReportFacts

if TYPE_CHECKING:
    import altair as alt


@dataclass(frozen=True)
class Head:
    """A cell of the first header row: one column, or a heading over `span` neighbours of one group."""

    column: Column
    index: int
    group: str
    span: int


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


def _breakable(text: str) -> Markup:
    """Text that may break after underscores, as identifiers are wont to be longer than their column."""
    return Markup("_<wbr>").join(text.split("_"))


def _json_address(document: str) -> str:
    """A JSON document as an address that holds it whole."""
    return f"data:application/json;base64,{base64.b64encode(document.encode()).decode('ascii')}"


def _order(value: float | str) -> str:
    """A sort key as JavaScript reads it; the infinities stand for missing figures."""
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return str(value)


def _drawn(facts: ReportFacts) -> dict[str, Markup | None]:
    """The charts as SVG; one that would show nothing but zeros is not drawn."""
    data = facts.charts

    def drawn(chart: alt.LayerChart, label: str) -> Markup:
        return Markup(charts.svg(chart, label))  # noqa: S704  (safe: every name went through Vega as text, which it escapes)

    return {
        "shortfall": drawn(charts.shortfall_chart(data.bars), "Margin shortfall by headline scenario; figures in the scenario table")
        if any(bar.margin_shortfall >= HALF_A_CENT for bar in data.bars)
        else None,
        "cover": drawn(charts.cover_chart(data.bars, data.resources), "Cover-2 by headline scenario; figures in the scenario table")
        if any(bar.cover_2 >= HALF_A_CENT for bar in data.bars)
        else None,
        "heat_map": drawn(charts.heat_map_chart(data.heat_map), "Margin balance as percent of maintenance margin, accounts by scenarios")
        if data.heat_map is not None
        else None,
    }


def render_html(facts: ReportFacts, templates: Path | None = None) -> str:
    """The report as HTML; the same facts give the same text.

    Args:
        facts: the view model.
        templates: a folder whose files take the place of shipped ones of the same name (`report.html.j2`, `parts.html.j2`,
            `report.css`, `report.js`).

    Raises:
        StressTestError: (environment) when the shipped templates are missing.
        jinja2.TemplateError: when a user's template is wrong.
    """
    folders = [templates_folder()] if templates is None else [templates, templates_folder()]
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(heads=heads, share=_share, order=_order, gap=_gap, breakable=_breakable, json_address=_json_address)

    def source(name: str) -> Markup:
        assert environment.loader is not None
        return Markup(environment.loader.get_source(environment, name)[0])  # noqa: S704  (style and script are ours or the user's own, never data)

    heat_map = facts.charts.heat_map
    return environment.get_template("report.html.j2").render(
        facts=facts,
        charts=_drawn(facts),
        fonts=Markup(font_faces()),  # noqa: S704  (our own)
        style=source("report.css"),
        script=source("report.js"),
        palette={"first": charts.ACCENT, "second": charts.ACCENT_LIGHT, "steps": charts.HEAT_STEPS},
        heat_scope=""
        if heat_map is None
        else f"{plural_count(len(heat_map.accounts), 'worst account')}, base and {plural_count(len(heat_map.scenarios) - 1, 'scenario')} by severity",
    )
