"""The charts of the report one by one, as Altair objects: for notebooks, and to be changed or saved by their own methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stresstest.errors import Reason, StressTestError
from stresstest.report.charts.bars import paired_bars, stacked_bars
from stresstest.report.charts.heat_map import heat_map_chart
from stresstest.report.charts.lines import lines_chart
from stresstest.report.charts.style import INK, MUTED, PAPER
from stresstest.report.charts.waterfall import waterfall_chart
from stresstest.report.facts import facts
from stresstest.report.formats import width_in_ems
from stresstest.report.parts import PairedBars
from stresstest.report.view import ReportFacts
from stresstest.results.documents import read_document
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest

if TYPE_CHECKING:
    import altair as alt

MARGIN, TITLE_SIZE, LINE_SIZE, LINE_HEIGHT = 14, 14, 11.5, 14
"""Of the title and the lines below it, in pixels."""


@dataclass(frozen=True)
class Charts:
    """The charts of a finished run, each drawn when it is first asked for.

    They say themselves what they show, in what unit and as of when, and stand on paper of their own, since a notebook may be dark.
    """

    folder: Path

    @cached_property
    def _facts(self) -> ReportFacts:
        return facts(self.folder, read_document(Manifest, self.folder / MANIFEST).model_dump(mode="json"))

    @cached_property
    def cover(self) -> alt.LayerChart:
        """Cover-1 and Cover-2 (stress loss over margin) of the most severe headline scenarios against resources, in reporting currency."""
        data = self._facts.charts
        return self._bars(data.cover, "Cover-2, stress loss over margin", "dark: the largest owner, light: the two largest", data.cover_scope)

    @cached_property
    def requirement(self) -> alt.LayerChart:
        """Maintenance requirement and margin balance of all accounts, at base and in the most severe headline scenarios."""
        data = self._facts.charts
        return self._bars(data.requirement, "Requirement and balance", "dark: maintenance requirement, light: margin balance", data.scope)

    @cached_property
    def shortfall(self) -> alt.LayerChart:
        """Margin shortfall and initial shortfall of all accounts, at base and in the most severe headline scenarios."""
        data = self._facts.charts
        return self._bars(data.shortfall, "Shortfall", "dark: maintenance, light: initial", data.scope)

    @cached_property
    def loss(self) -> alt.LayerChart:
        """Uncollateralised loss and stress loss over margin of all accounts, at base and in the most severe headline scenarios."""
        data = self._facts.charts
        return self._bars(data.loss, "Losses", "dark: uncollateralised loss, light: stress loss over margin", data.scope)

    @cached_property
    def status(self) -> alt.LayerChart:
        """Accounts with a margin call, in liquidation and in default, at base and in the most severe headline scenarios."""
        data = self._facts.charts
        if not data.status.stacks:
            raise _nothing("no headline scenario")
        return self._alone(stacked_bars(data.status), "Accounts by status", f"In accounts: call, liquidation, default; {data.scope}")

    @cached_property
    def heat_map(self) -> alt.LayerChart:
        """Margin balance as percent of maintenance margin, worst accounts by scenarios; an account in default is framed.

        Raises:
            StressTestError: usage, when the run has no scenario but base.
        """
        heat_map = self._facts.charts.heat_map
        if heat_map is None:
            raise _nothing("no scenario but base")
        return self._alone(heat_map_chart(heat_map), "Margin balance over maintenance margin", "In percent; below 100 is short; framed: in default")

    @cached_property
    def collateral(self) -> alt.LayerChart:
        """Deposits of the largest assets: value at base, and what they count for after haircuts in the worst headline scenario.

        Raises:
            StressTestError: usage, when the run has not computed it.
        """
        page = self._facts.collateral
        if page is None:
            raise _nothing("no summary of its collateral")
        return self._bars(page.by_asset, "Deposits by asset", "dark: counts after haircut, light: value at base", page.scenario)

    @cached_property
    def segments(self) -> alt.LayerChart:
        """Margin shortfall and initial shortfall by segment in the worst headline scenario.

        Raises:
            StressTestError: usage, when the run has not computed it.
        """
        page = self._facts.segments
        if page is None:
            raise _nothing("no summary of its segments")
        return self._bars(page.chart, "Shortfall by segment", "dark: maintenance, light: initial", page.scenario)

    @cached_property
    def trend(self) -> alt.LayerChart:
        """Cover-1 and Cover-2 (stress loss over margin) of the book over twelve months against the resources of each run, with the peak of Cover-2.

        Raises:
            StressTestError: usage, when the run looked back on no earlier one.
        """
        page = self._facts.trend
        if page is None or page.cover is None:
            hint = "Run it with a `history` that has earlier runs of the book."
            raise StressTestError(Reason.USAGE, "there is no such chart of this run: it knows of no earlier one", hint=hint)
        what = f"In {self._facts.currency}; diamond: the peak of Cover-2; dashed uprights: where 30, 90 and 250 days begin"
        return self._alone(lines_chart(page.cover), "Cover-1 and Cover-2 over time, stress loss over margin", what)

    def waterfall(self, account_id: str) -> alt.LayerChart:
        """From equity at base to excess or shortfall of one of the worst accounts, in its own worst headline scenario.

        Raises:
            StressTestError: usage, when the account is not one of those that the run takes apart.
        """
        for page in self._facts.account_pages:
            if page.account_id == account_id:
                return self._alone(waterfall_chart(page.steps), page.title, f"In {self._facts.currency}; {page.about}")
        known = ", ".join(page.account_id for page in self._facts.account_pages)
        raise StressTestError(Reason.USAGE, f"no waterfall of the account {account_id!r} in this run", hint=f"It has those of: {known or 'none'}.")

    def _bars(self, data: PairedBars, title: str, legend: str, scope: str) -> alt.LayerChart:
        if not data.pairs:
            raise _nothing("no headline scenario")
        return self._alone(paired_bars(data), title, f"In {self._facts.currency}; {legend}; {scope}")

    def _alone(self, chart: alt.LayerChart, title: str, what: str) -> alt.LayerChart:
        """The chart with the title that the page around it gives in the report."""
        import altair as alt

        around = chart.padding
        lines = [*_lines(what, (around["left"] + chart.width + around["right"] - 2 * MARGIN) / LINE_SIZE), f"As of {self._facts.as_of}"]
        drawn: alt.LayerChart = chart.properties(
            background=PAPER,
            padding={
                **around,
                "top": around["top"] + TITLE_SIZE + LINE_HEIGHT * len(lines) + 2 * MARGIN,
                "right": around["right"] + MARGIN,
                "bottom": MARGIN,
            },
            title=alt.TitleParams(
                title, subtitle=lines, anchor="start", frame="group", dx=MARGIN - around["left"], offset=MARGIN, fontSize=TITLE_SIZE,
                subtitleFontSize=LINE_SIZE, subtitleLineHeight=LINE_HEIGHT, color=INK, subtitleColor=MUTED,
            ),
        )  # fmt: skip
        return drawn


def _lines(text: str, ems: float) -> list[str]:
    """The text in lines that are no wider than this, a longer word alone in its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if width_in_ems(longer) <= ems or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _nothing(lacks: str) -> StressTestError:
    return StressTestError(Reason.USAGE, f"there is no such chart of this run: it has {lacks}", hint="Run it with a headline scenario.")
