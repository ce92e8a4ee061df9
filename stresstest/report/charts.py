"""The charts of the report, as Altair objects and as SVG.

Every text and mark is placed by us and the layout is fixed (`autosize: none`), so the drawing does not depend on which fonts a machine
can measure: the same facts give the same SVG bytes. Colours are safe for colour-blind readers and every mark carries its number.
"""

from __future__ import annotations

import html
import math
import re
from typing import TYPE_CHECKING, Any

from stresstest.report.formats import MINUS, MISSING, money, shown, width_in_ems
from stresstest.report.resources import FONT_FAMILIES
from stresstest.report.view import HeatMap, SeverityBar

if TYPE_CHECKING:  # altair takes a third of a second to import: only who draws pays
    import altair as alt

INK, MUTED, RULE, PAPER = "#17212b", "#56626f", "#c9d1d9", "#fefefe"
"""Text and lines; the style sheet maps exactly these to its own colours, so charts follow light and dark."""
ACCENT, ACCENT_LIGHT, ALARM = "#1d5a8c", "#8db5d3", "#b8400e"
CELL_INK, COVERED_INK = "#131c25", "#131c26"
"""Text in pale cells of the heat map: short ones keep their colours in the dark, covered ones turn dark with the page, so their inks differ."""

HEAT_STEPS: tuple[tuple[float, str, str, str], ...] = (
    (0.0, "#8f2d00", "#ffffff", "below 0"),
    (0.5, "#c65911", "#ffffff", "0\N{EN DASH}50"),
    (0.8, "#ec9a55", CELL_INK, "50\N{EN DASH}80"),
    (1.0, "#f9d5ae", CELL_INK, "80\N{EN DASH}100"),
    (1.2, "#bcd3e4", COVERED_INK, "100\N{EN DASH}120"),
    (1.5, "#d3e2ed", COVERED_INK, "120\N{EN DASH}150"),
    (2.0, "#e6eef4", COVERED_INK, "150\N{EN DASH}200"),
    (float("inf"), "#f3f6f9", COVERED_INK, "200 and more"),
)
"""Steps of the heat map: upper edge of margin balance over maintenance margin, fill, text, label in percent.

Orange is short, blue is covered, and both fade with distance from where it hurts, so that the eye goes to the shortfalls.
"""
_HEAT_NOTHING = (PAPER, MUTED)

_FONT = ", ".join((*FONT_FAMILIES, "sans-serif"))

_IN_TAG = r"(?=[^<>]*>)"  # names are escaped, so only tags end in >
_NOISE = re.compile(rf' (role|aria-[a-z]+|font-family)="[^"]*"{_IN_TAG}')
_MORE_DECIMALS = re.compile(rf"(\d\.\d\d)\d+{_IN_TAG}")

BAR_LABEL, ACCOUNT_LABEL, SCENARIO_LABEL = 24.0, 23.0, 17.4
"""Room for names beside bars, heat map rows and above its columns, in ems."""

_ROW = 21
_CELL_WIDTH, _CELL_HEIGHT, _LABEL_SIZE = 36, 19, 11


def heat_colours(ratio: float | None) -> tuple[str, str]:
    """Fill and text colour of a ratio; values beyond the last step take its colour."""
    if ratio is None:
        return _HEAT_NOTHING
    return next((fill, ink) for edge, fill, ink, _ in HEAT_STEPS if ratio < edge or edge == float("inf"))


def heat_text(ratio: float | None) -> str:
    """A ratio as whole percent; beyond 999 it is cut, since only the sign and size matter there."""
    if ratio is None:
        return MISSING
    whole = round(ratio * 100)
    # 99.6 % is short: rounding must not lift it to the 100 at which an account is safe.
    whole = 99 if whole == 100 and ratio < 1 else whole
    if abs(whole) > 999:
        return ">999" if whole > 0 else f"<{MINUS}999"
    return f"{MINUS}{-whole}" if whole < 0 else str(whole)


def _data(rows: list[dict[str, Any]]) -> alt.InlineData:
    """Rows of a chart, text made safe once more: one character that XML does not allow aborts the process inside the drawing library."""
    import altair as alt

    return alt.InlineData(values=[{key: shown(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows])


def _finished(layers: list[Any], width: int, height: int, padding: dict[str, int]) -> alt.LayerChart:
    import altair as alt

    chart = alt.LayerChart(layer=layers, width=width, height=height, padding=padding, autosize=alt.AutoSizeParams(type="none"))
    finished: alt.LayerChart = chart.configure(font=_FONT, background="transparent", aria=False).configure_view(stroke=None)
    return finished


def shortfall_chart(bars: tuple[SeverityBar, ...], width: int = 240) -> alt.LayerChart:
    """Margin shortfall by headline scenario, worst on top, the amount printed at the end of each bar (reporting currency)."""
    import altair as alt

    rows = [
        {"place": place, "name": bar.scenario, "amount": bar.margin_shortfall, "text": money(bar.margin_shortfall)} for place, bar in enumerate(bars)
    ]
    top = max((bar.margin_shortfall for bar in bars), default=0.0) or 1.0
    y = alt.Y("place:O", axis=None, scale=alt.Scale(paddingInner=0.3, paddingOuter=0.15))
    x = alt.X("amount:Q", axis=None, scale=alt.Scale(domain=[0, top], nice=False))
    base = alt.Chart(_data(rows))
    return _finished(
        [
            base.mark_bar(color=ACCENT).encode(x=x, y=y),
            base.mark_text(align="right", baseline="middle", fontSize=11.5, color=INK).encode(x=alt.value(-10), y=y, text="name:N"),
            base.mark_text(align="left", baseline="middle", dx=6, fontSize=11.5, color=INK).encode(x=x, y=y, text="text:N"),
            base.mark_rule(color=RULE).encode(x=alt.value(0), y=alt.value(0), y2=alt.value(_ROW * len(bars))),
        ],
        width,
        _ROW * len(bars),
        {"left": 290, "right": 72, "top": 26, "bottom": 4},
    )


def cover_chart(bars: tuple[SeverityBar, ...], resources: float | None, width: int = 240) -> alt.LayerChart:
    """Cover-2 (stress loss over margin) by headline scenario: the largest owner dark, the second light, resources as a line (reporting currency)."""
    import altair as alt

    rows = [
        {
            "place": place,
            "name": bar.scenario,
            "first": bar.cover_1,
            "both": bar.cover_2,
            "text": money(bar.cover_2),
            "colour": ALARM if resources is not None and bar.cover_2 > resources else INK,
        }
        for place, bar in enumerate(bars)
    ]
    top = max([*(bar.cover_2 for bar in bars), resources or 0.0], default=0.0) or 1.0
    scale = alt.Scale(domain=[0, top], nice=False)
    y = alt.Y("place:O", axis=None, scale=alt.Scale(paddingInner=0.3, paddingOuter=0.15))
    base = alt.Chart(_data(rows))
    height = _ROW * len(bars)
    layers: list[Any] = [
        base.mark_bar(color=ACCENT_LIGHT).encode(x=alt.X("first:Q", axis=None, scale=scale), x2="both:Q", y=y),
        base.mark_bar(color=ACCENT).encode(x=alt.X("first:Q", axis=None, scale=scale), y=y),
        base.mark_rule(color=RULE).encode(x=alt.value(0), y=alt.value(0), y2=alt.value(height)),
        base.mark_text(align="right", baseline="middle", fontSize=11.5, color=INK).encode(x=alt.value(-10), y=y, text="name:N"),
        base.mark_text(align="left", baseline="middle", dx=6, fontSize=11.5).encode(
            x=alt.X("both:Q", axis=None, scale=scale), y=y, text="text:N", color=alt.Color("colour:N", scale=None, legend=None)
        ),
    ]
    if resources is not None:
        line = alt.Chart(_data([{"resources": resources, "text": f"resources {money(resources)}"}]))
        x = alt.X("resources:Q", axis=None, scale=scale)
        layers.append(line.mark_rule(color=ALARM, strokeWidth=1.5, strokeDash=[4, 3]).encode(x=x, y=alt.value(-4), y2=alt.value(height)))
        layers.append(
            line.mark_text(align="center", baseline="bottom", fontSize=11.5, fontWeight=600, color=ALARM).encode(x=x, y=alt.value(-8), text="text:N")
        )
    return _finished(layers, width, height, {"left": 290, "right": 72, "top": 26, "bottom": 4})


def heat_map_chart(heat_map: HeatMap) -> alt.LayerChart:
    """Margin balance as percent of maintenance margin, accounts by scenarios; an account in default is framed and its number bold."""
    import altair as alt

    cells = []
    for row, account in enumerate(heat_map.accounts):
        for column in range(len(heat_map.scenarios)):
            ratio, default = heat_map.ratios[row][column], heat_map.in_default[row][column]
            fill, ink = heat_colours(ratio)
            cells.append({"row": row, "column": column, "text": heat_text(ratio), "fill": fill, "ink": ink, "default": default, "account": account})
    accounts = [{"row": row, "text": text} for row, text in enumerate(heat_map.accounts)]
    scenarios = [{"column": column, "text": text} for column, text in enumerate(heat_map.scenarios)]
    x = alt.X("column:O", axis=None, scale=alt.Scale(paddingInner=0.05, paddingOuter=0))
    y = alt.Y("row:O", axis=None, scale=alt.Scale(paddingInner=0.08, paddingOuter=0))
    grid = alt.Chart(_data(cells))
    fill_colour = alt.Color("fill:N", scale=None, legend=None)
    ink_colour = alt.Color("ink:N", scale=None, legend=None)
    left = 16 + round(_LABEL_SIZE * max(map(width_in_ems, heat_map.accounts)))
    top = round(_LABEL_SIZE * max(map(width_in_ems, heat_map.scenarios)) * math.sin(math.pi / 4))  # names stand at 45 degrees
    width, height = _CELL_WIDTH * len(scenarios), _CELL_HEIGHT * len(accounts)
    return _finished(
        [
            grid.mark_rect().encode(x=x, y=y, color=fill_colour),
            grid.transform_filter("datum.default").mark_rect(filled=False, stroke=INK, strokeWidth=1.4).encode(x=x, y=y),
            grid.transform_filter("!datum.default").mark_text(baseline="middle", fontSize=10.5).encode(x=x, y=y, text="text:N", color=ink_colour),
            grid.transform_filter("datum.default")
            .mark_text(baseline="middle", fontSize=10.5, fontWeight=600)
            .encode(x=x, y=y, text="text:N", color=ink_colour),
            alt.Chart(_data(accounts))
            .mark_text(align="right", baseline="middle", fontSize=_LABEL_SIZE, color=INK)
            .encode(x=alt.value(-8), y=y, text="text:N"),
            alt.Chart(_data(scenarios))
            .mark_text(align="left", baseline="middle", angle=315, fontSize=_LABEL_SIZE, color=INK)
            .encode(x=x, y=alt.value(-8), text="text:N"),
        ],
        width,
        height,
        {"left": left, "right": top + 12, "top": top + 20, "bottom": 4},
    )


def svg(chart: alt.LayerChart, label: str) -> str:
    """The chart as SVG markup to stand inside HTML, with real text; `label` tells it to who cannot see it."""
    import vl_convert

    markup: str = vl_convert.vegalite_to_svg(chart.to_dict())
    head, _, body = markup.partition(">")
    # Namespaces are implied inside HTML; without them the report holds no web address at all. The font is said once.
    head = re.sub(r' (xmlns(:xlink)?|version)="[^"]*"', "", head)
    head = head.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" font-family="{_FONT}" ', 1)
    return head + ">" + _MORE_DECIMALS.sub(r"\1", _NOISE.sub("", body))
