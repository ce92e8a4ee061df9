"""The page of changes as a document of its own: what `diff --html` writes."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from markupsafe import Markup

from stresstest.report.answer import Names
from stresstest.report.changes import changes_page, compared_runs
from stresstest.report.charts.style import svg
from stresstest.report.formats import moment, named, shown
from stresstest.report.html import PALETTE, changes_composed, environment_of, source
from stresstest.report.resources import font_faces
from stresstest.report.view import ChangesPage
from stresstest.results.changes import Changes


@dataclass(frozen=True)
class DifferenceFacts:
    """Everything the document shows."""

    title: str
    as_of: str
    currency: str
    compared: str
    page: ChangesPage


def difference_html(changes: Changes, accounts: pl.DataFrame, names: Names) -> str:
    """One HTML file that loads nothing; the same differences give the same text.

    Args:
        changes: what `diff` found.
        accounts: the table `changed_accounts`.
        names: display names of the later run's scenarios by id.
    """
    page = changes_page(changes, accounts, {key: named(name, key) for key, name in names.items()})
    facts = DifferenceFacts(
        title=shown(changes.after.name or "Stress test") + f": {page.title[:1].lower()}{page.title[1:]}",
        as_of=moment(changes.after.as_of),
        currency=shown(changes.reporting_currency),
        compared=compared_runs(changes),
        page=page,
    )
    environment = environment_of(None)
    drawn = {name: Markup(svg(chart, label)) for name, chart, label in changes_composed(page)}  # noqa: S704  (drawn by us)
    return environment.get_template("difference.html.j2").render(
        facts=facts,
        charts={each.chart: drawn.get(each.chart) for each in page.waterfalls},
        fonts=Markup(font_faces()),  # noqa: S704  (our own)
        style=source(environment, "report.css"),
        script=source(environment, "report.js"),
        palette=PALETTE,
    )
