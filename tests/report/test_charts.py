"""Charts: colours with numbers, names as text, the same bytes for the same facts."""

from __future__ import annotations

import re

import pytest
from generated.finished_runs import HOSTILE

from stresstest.report.charts import cover_chart, heat_colours, heat_map_chart, heat_text, shortfall_chart, svg
from stresstest.report.view import HeatMap, SeverityBar

BARS = tuple(SeverityBar(f"{name[:30]} {place}", 3e6 / (place + 1), 1e6, 1.5e6) for place, name in enumerate(HOSTILE))
HEAT = HeatMap(("A<b>", "B&"), ("Base", "Crash"), ((1.5, -0.25), (None, 12.0)), ((False, True), (False, False)))


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(1.0, "100"), (0.999, "99"), (1.004, "100"), (0.0, "0"), (-2.3, "−230"), (9.99, "999"), (10.0, ">999"), (-11.0, "<−999"), (None, "—")],
)
def test_a_ratio_below_one_never_reads_as_covered(ratio: float | None, text: str) -> None:
    assert heat_text(ratio) == text


def test_short_and_covered_differ_in_hue_and_steps_are_clamped() -> None:
    assert heat_colours(0.9999) != heat_colours(1.0)
    assert heat_colours(-1e9) == heat_colours(-0.01)
    assert heat_colours(1e9) == heat_colours(2.0) == heat_colours(float("inf"))


def test_same_bytes_for_the_same_facts() -> None:
    assert svg(cover_chart(BARS, 1.2e6), "x") == svg(cover_chart(BARS, 1.2e6), "x")
    assert svg(heat_map_chart(HEAT), "x") == svg(heat_map_chart(HEAT), "x")


def test_text_is_text_in_the_shipped_font_and_names_stay_text() -> None:
    markup = svg(shortfall_chart(BARS), 'a "label" <&>')
    assert 'font-family="Inter, Inter Extended, Inter Greek, sans-serif"' in markup
    assert 'aria-label="a &quot;label&quot; &lt;&amp;&gt;"' in markup
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in markup
    assert "<script" not in markup
    assert "<img" not in markup
    assert set(re.findall(r"<(\w+)", markup)) <= {"svg", "g", "path", "text", "line", "rect"}
    assert "3.0m" in markup


def test_no_character_of_a_name_can_end_the_process() -> None:
    # The drawing library aborts (SIGABRT) on text that is not XML: every code point of the first plane goes through it here.
    names = ["".join(map(chr, range(first, first + 2048))) for first in range(0, 0x10000, 2048)]
    markup = svg(shortfall_chart(tuple(SeverityBar(name, 1.0, 1.0, 1.0) for name in names)), "x")
    assert "\\u0000" in markup
    assert "\\uffff" in markup
    assert "\\ud800" in markup


def test_no_web_address_and_no_reference(venue_html: str) -> None:
    assert "http" not in svg(heat_map_chart(HEAT), "x")
    assert not re.search(r"(?:src|href)=\"(?!#|data:application/json;)", venue_html)


def test_resources_line_and_excess_are_told_in_words() -> None:
    markup = svg(cover_chart(BARS, 1.2e6), "x")
    assert "resources 1.2m" in markup
    assert "resources" not in svg(cover_chart(BARS, None), "x")
