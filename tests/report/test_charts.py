"""Charts: colours with numbers, names as text, the same bytes for the same facts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from generated.finished_runs import HOSTILE

from stresstest.report.charts.bars import paired_bars, stacked_bars, utilisation_bars
from stresstest.report.charts.heat_map import heat_colours, heat_map_chart, heat_text
from stresstest.report.charts.style import svg
from stresstest.report.charts.waterfall import waterfall_chart
from stresstest.report.parts import HeatMap, Pair, PairedBars, Stack, StackedBars, Step, Utilisation

BARS = PairedBars(tuple(Pair(f"{name[:30]} {place}", 1e6, 3e6 / (place + 1)) for place, name in enumerate(HOSTILE)), "Cover-1", "Cover-2")
LIMITED = replace(BARS, limit=1.2e6, limit_name="resources")
STEPS = (
    Step("Equity at base", 2_000_000.0, total=True),
    Step("Positions, BTC", -3_500_000.0),
    Step("Collateral", 100_000.0),
    Step("Equity in the scenario", -1_400_000.0, total=True),
)
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
    assert svg(paired_bars(LIMITED), "x") == svg(paired_bars(LIMITED), "x")
    assert svg(waterfall_chart(STEPS), "x") == svg(waterfall_chart(STEPS), "x")
    assert svg(heat_map_chart(HEAT), "x") == svg(heat_map_chart(HEAT), "x")


def test_text_is_text_in_the_shipped_font_and_names_stay_text() -> None:
    markup = svg(paired_bars(BARS), 'a "label" <&>')
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
    markup = svg(paired_bars(PairedBars(tuple(Pair(name, 1.0, 1.0) for name in names), "a", "b")), "x")
    assert "\\u0000" in markup
    assert "\\uffff" in markup
    assert "\\ud800" in markup


def test_no_web_address_and_no_reference(venue_html: str) -> None:
    assert "http" not in svg(heat_map_chart(HEAT), "x")
    assert not re.search(r"(?:src|href)=\"(?!#|data:application/json;)", venue_html)


def test_the_limit_is_told_in_words() -> None:
    assert ">resources 1.2m</text>" in svg(paired_bars(LIMITED), "x")
    assert "resources" not in svg(paired_bars(BARS), "x")


def rectangles(markup: str) -> list[tuple[str, float, float]]:
    """Fill, left edge and width of the bars, in the order of drawing."""
    shapes = re.findall(r'<path[^>]* d="M(-?[\d.]+),[-\d.]+h(-?[\d.]+)v[^"]*"[^>]* fill="(#[0-9a-f]{6})"', markup)
    return [(fill, float(left), float(width)) for left, width, fill in shapes]


def test_bars_are_as_long_as_their_amounts() -> None:
    found = rectangles(svg(paired_bars(PairedBars((Pair("a", 50.0, 100.0), Pair("b", 0.0, -100.0)), "narrow", "wide"), width=200), "x"))
    # from -100 to 100 over 200 pixels: zero is in the middle
    assert [(left, width) for fill, left, width in found if fill == "#8db5d3"] == [(100, 100), (0, 100)]
    assert [(left, width) for fill, left, width in found if fill == "#1d5a8c"] == [(100, 50), (100, 0)]


def test_counts_of_each_kind_stand_one_after_the_other_and_in_columns() -> None:
    markup = svg(stacked_bars(StackedBars((Stack("a", (2, 1, 1)), Stack("b", (0, 0, 2))), ("call", "liquidation", "default")), width=100), "x")
    assert [(left, width) for _, left, width in rectangles(markup)] == [(0, 50), (50, 25), (75, 25), (0, 50)]
    assert all(f">{word}</text>" in markup for word in ("call", "liquidation", "default", "a", "b", "2", "1", "0"))


def test_a_waterfall_goes_from_total_to_total_and_says_its_signs() -> None:
    markup = svg(waterfall_chart(STEPS, width=350), "x")
    # from -1.5m to 2m over 350 pixels, so 10,000 a pixel
    assert [(left, width) for _, left, width in rectangles(markup)] == [(150, 200), (0, 350), (0, 10), (10, 140)]
    assert all(f">{text}</text>" in markup for text in ("2.0m", "\N{MINUS SIGN}3.5m", "+100.0k", "\N{MINUS SIGN}1.4m"))


USED = (
    Utilisation("Fund", 1.24, 0.8, "Red", "fail"),
    Utilisation("Far beyond", 146.0, None, "Red", "fail"),
    Utilisation("<b>Calm", 0.0, 0.5, "Green", "pass"),
)


def test_utilisation_is_drawn_with_figure_and_word_and_cut_where_it_is_far_beyond() -> None:
    drawn = svg(utilisation_bars(USED), "limits")
    assert drawn == svg(utilisation_bars(USED), "limits")
    texts = re.findall(r">([^<>]+)</text>", drawn)
    assert {"124\xa0%", "14,600\xa0%", "0", "Red", "Green", "›"} <= set(texts) | {"0"}
    assert "&lt;b&gt;Calm" in drawn
    assert texts.count("›") == 1
    widths = [float(width) for width in re.findall(r'd="M0,[\d.]+h([\d.]+)v', drawn)]
    assert not widths or max(widths) <= 360


def test_without_a_breach_the_red_line_is_the_end() -> None:
    drawn = svg(utilisation_bars(USED[2:]), "limits")
    assert ">red</text>" in drawn
    assert "›" not in drawn
