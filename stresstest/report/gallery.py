"""The charts of the report one by one, as Altair objects: for notebooks, and to be changed or saved by their own methods."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from stresstest.errors import Reason, StressTestError
from stresstest.report import charts
from stresstest.report.facts import facts
from stresstest.report.view import ReportFacts
from stresstest.results.documents import read_document
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest

if TYPE_CHECKING:
    import altair as alt

TITLE_HEIGHT = 58
"""Room for the title and two lines below it, in pixels."""


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
    def shortfall(self) -> alt.LayerChart:
        """Margin shortfall of the most severe headline scenarios, in reporting currency."""
        data = self._facts.charts
        return self._alone(charts.shortfall_chart(data.bars), "Margin shortfall", f"In {self._facts.currency}; {data.scope}")

    @cached_property
    def cover(self) -> alt.LayerChart:
        """Cover-1 and Cover-2 (stress loss over margin) of the most severe headline scenarios against resources, in reporting currency."""
        data = self._facts.charts
        what = f"In {self._facts.currency}; dark: the largest owner, light: the second; {data.scope}"
        return self._alone(charts.cover_chart(data.bars, data.resources), "Cover-2, stress loss over margin", what)

    @cached_property
    def heat_map(self) -> alt.LayerChart:
        """Margin balance as percent of maintenance margin, worst accounts by scenarios; an account in default is framed.

        Raises:
            StressTestError: usage, when the run has no scenario but base.
        """
        heat_map = self._facts.charts.heat_map
        if heat_map is None:
            raise StressTestError(Reason.USAGE, "there is no heat map of this run: it has no scenario but base", hint="Run it with a scenario.")
        return self._alone(
            charts.heat_map_chart(heat_map), "Margin balance over maintenance margin", "In percent; below 100 is short; framed: in default"
        )

    def _alone(self, chart: alt.LayerChart, title: str, what: str) -> alt.LayerChart:
        """The chart with the title that the page around it gives in the report."""
        import altair as alt

        top = chart.padding["top"]
        drawn: alt.LayerChart = chart.properties(
            background=charts.PAPER,
            padding={**chart.padding, "top": top + TITLE_HEIGHT},
            title=alt.TitleParams(
                title, subtitle=[what, f"As of {self._facts.as_of}"], anchor="start", frame="bounds", offset=12, fontSize=14, subtitleFontSize=11.5,
                color=charts.INK, subtitleColor=charts.MUTED,
            ),
        )  # fmt: skip
        return drawn
