from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from generated import finished_runs
from hypothesis import given, settings
from hypothesis import strategies as st

from stresstest.report.charts.lines import axis_end, lines_chart
from stresstest.report.charts.style import svg
from stresstest.report.facts import facts
from stresstest.report.html import render_html
from stresstest.report.parts import OverTime, Row, TableView, TimeLine
from stresstest.report.trend import LISTED_CHANGES, PRINTED_RUNS, trend_page
from stresstest.report.view import TrendPage
from stresstest.results.store import polars_schema, write_table
from stresstest.tables import TREND

FRIDAY = datetime(2026, 11, 13, 21, tzinfo=UTC)
DAY = timedelta(days=1)
PLAIN: dict[str, Any] = {"string": "x", "float": 0.0, "integer": 0, "string list": []}


def trend(*runs: dict[str, Any]) -> pl.DataFrame:
    """A trend of a run a day, the last on Friday, with these figures and otherwise zeros."""
    plain = {column.name: PLAIN.get(column.type) for column in TREND.columns} | {"book": "Meridian", "light": "green"}
    rows = [plain | {"as_of": FRIDAY - (len(runs) - 1 - place) * DAY} | run for place, run in enumerate(runs)]
    return pl.DataFrame(rows, schema=polars_schema(TREND))


def covered(amount: float | None, resources: float | None = 90e6, **others: Any) -> dict[str, Any]:
    half = None if amount is None else amount / 2
    cover = {"cover_1_stress_loss_over_margin": half, "cover_2_stress_loss_over_margin": amount, "resources": resources}
    return cover | {"cover_2_scenario_id_stress_loss_over_margin": "crash"} | others


def page_of(*runs: dict[str, Any]) -> TrendPage:
    page = trend_page(trend(*runs), {"crash": "The crash"}, "USD")
    assert page is not None
    return page


def texts(table: TableView, row: int) -> list[str]:
    return [cell.text for cell in table.rows[row].cells]


def found(table: TableView, label: str) -> Row:
    (row,) = [row for row in table.rows if row.cells[0].text == label]
    return row


def test_a_run_without_a_history_has_no_page():
    assert trend_page(None, {}, "USD") is None


def test_a_run_alone_says_that_there_is_no_earlier_one():
    page = page_of(covered(1.0))
    assert page.summary == "There is no earlier run of Meridian in the history, in the twelve months before this one: nothing to compare with."
    assert (page.figures, page.disclosures, page.cover) == ((), (), None)


def test_what_is_said_first():
    page = page_of(covered(60e6), covered(95e6), covered(70e6, None))
    assert page.summary == (
        "3 moments of Meridian since 2026-11-11, this run the newest. Cover-2 by stress loss over margin is USD 70.0m; its peak of twelve months is "
        "95.0m on 2026-11-12 (The crash), its mean 75.0m. It was above the resources of its run on 1 of 3 days; 1 of them state no resources."
    )
    assert "no headline scenario" in page_of(covered(60e6), covered(None)).summary


def test_peaks_means_and_counters():
    page = page_of(covered(60e6, worst_accounts_default=3), covered(95e6, worst_accounts_default=4), covered(70e6))
    amounts, counts = page.figures
    assert [cell.text for cell in found(amounts, "Cover-2, stress loss over margin").cells][1:5] == ["70,000", "95,000", "2026-11-12", "75,000"]
    assert amounts.columns[1].unit == "USD k"
    assert [cell.text for cell in found(counts, "Accounts in default, worst scenario").cells][1:5] == ["0", "4", "2026-11-12", "2.3"]
    assert [cell.text for cell in found(counts, "Cover-2 over resources, %").cells][1:4] == ["77.8", "105.6", "2026-11-12"]
    disclosed, series = page.disclosures
    assert texts(disclosed, 1)[:1] + texts(disclosed, 1)[2:] == ["4.4.7", "70,000", "95,000", "2026-11-12", "The crash", "75,000", "1", "3", "5,000"]
    assert texts(disclosed, 0)[7:] == ["0", "3", "—"]
    assert [row.cells[0].text for row in series.rows] == [f"2026-11-{day} 21:00" for day in (13, 12, 11)]


def test_on_paper_the_newest_runs_are_listed():
    page = page_of(*[covered(1e6)] * (PRINTED_RUNS + 3))
    assert [row.printed for row in page.disclosures[1].rows] == [True] * PRINTED_RUNS + [False] * 3


def test_changes_of_what_is_asked_are_told():
    runs = [covered(1.0, scenarios_sha256=scenarios, margin_sha256=margin) for scenarios, margin in (("a", "m"), ("b", "m"), ("b", "n"), ("c", "n"))]
    assert page_of(*runs).notes == ("Scenarios changed with the run of 2026-11-13, 2026-11-11.", "Margin rules changed with the run of 2026-11-12.")
    (told,) = page_of(*[covered(1.0, code_version=str(place)) for place in range(LISTED_CHANGES + 3)]).notes
    assert told.endswith("2026-11-10 and 2 times before.")


def test_charts_are_of_what_there_is():
    page = page_of(covered(60e6, None, checks_warn=1), covered(None, None), covered(70e6, None))
    assert page.cover is not None
    assert [line.name for line in page.cover.lines] == ["Cover-2", "Cover-1"]  # no run states resources
    assert page.cover.lines[0].values == (60e6, None, 70e6)
    assert (page.cover.days, page.cover.peak) == ((-2.0, -1.0, 0.0), 2)
    assert page.shortfall is None
    assert page.status is None
    assert page.checks is not None
    assert page.checks.peak == 0


def over_time(*lines: Sequence[float | None], amounts: bool = True, peak: int | None = None) -> OverTime:
    length = len(lines[0])
    days = tuple(float(place - length + 1) for place in range(length))
    return OverTime(
        days, tuple(f"day {abs(day):.0f}" for day in days), tuple(TimeLine(f"l{n}", tuple(v)) for n, v in enumerate(lines)), amounts, peak, (2,)
    )


def test_a_chart_names_its_lines_with_their_newest_values():
    markup = svg(lines_chart(over_time((1e6, 2e6, 4e6), (3e6, None, 1e6), peak=2)), "label")
    assert sorted(re.findall(r">([^<>]+)</text>", markup)) == ["0", "2.0m", "4.0m", "day 0", "day 1", "day 2", "l0 4.0m", "l1 1.0m"]


def test_the_same_series_is_the_same_drawing():
    data = over_time((1.0, 2.0, 4.0), (3.0, None, 1.0), peak=2)
    assert svg(lines_chart(data), "label") == svg(lines_chart(data), "label")


def ends(data: OverTime) -> list[dict[str, Any]]:
    return list(lines_chart(data).to_dict(validate=False)["datasets"]["ends"])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1e9), min_size=3, max_size=3))
def test_names_at_the_ends_of_lines_never_lie_on_each_other(values: list[float]):
    placed = ends(over_time(*((0.0, value) for value in values)))
    assert len(placed) == 3
    assert all(below["y"] - above["y"] >= 12.999 for above, below in pairwise(placed))
    assert all(0 <= row["y"] <= 110 for row in placed)


@given(st.floats(0, 1e15), st.booleans())
def test_the_axis_reaches_every_value_and_wastes_little(value: float, whole: bool):
    value = float(round(value)) if whole else value
    top = axis_end(value, whole=whole)
    assert top >= value
    if whole:
        assert (top / 2).is_integer()
    if value > (10 if whole else 0.01):
        assert top <= value * 1.6


def test_a_name_stands_where_its_line_ends_unless_another_is_there():
    placed = ends(over_time((0.0, 10.0), (0.0, 5.0), (0.0, 0.0)))
    assert [(row["text"], row["y"]) for row in placed] == [("l0 10", 0.0), ("l1 5", 55.0), ("l2 0", 110.0)]
    assert [row["y"] for row in ends(over_time((0.0, 10.0), (0.0, 0.0), (0.0, 0.0)))] == [0.0, 97.0, 110.0]


def test_a_line_with_a_gap_is_drawn_in_its_parts():
    datasets = lines_chart(over_time((1.0, 2.0, None, 4.0, 5.0))).to_dict(validate=False)["datasets"]
    lines = {name: [row["x"] for row in rows] for name, rows in datasets.items() if name.startswith("line_")}
    assert lines == {"line_0_0": [0.0, 95.0], "line_0_1": [285.0, 380.0]}
    assert [row["y"] for row in datasets["line_0_0"]] == [pytest.approx(110 * (1 - 1 / 5)), pytest.approx(110 * (1 - 2 / 5))]


def test_the_page_in_the_report(tmp_path: Path, venue: Path):
    folder = shutil.copytree(venue, tmp_path / "run")
    hostile = "<script>alert(1)</script>"
    write_table(trend(covered(60e6, book=hostile), covered(95e6, book=hostile)), TREND, folder / "trend.parquet")
    page = facts(folder, finished_runs.AUDIT)
    text = render_html(page)
    section = text[text.index('<section id="trend"') :].partition("</section>")[0]
    assert hostile not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in section
    assert section.count("<svg") == 1  # of the charts only that of Cover-N has something to show
    assert '<a href="#trend">Trend</a>' in text


def test_a_report_without_a_history_has_no_such_section(venue_html: str):
    assert 'id="trend"' not in venue_html
