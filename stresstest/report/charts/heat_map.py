"""The heat map: the worst accounts by the most severe scenarios, every cell with its number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stresstest.report.charts.style import INK, MUTED, PAPER, coloured, drawing, named_rows, words, x_at, y_at
from stresstest.report.formats import MINUS, MISSING, width_in_ems
from stresstest.report.parts import HeatMap

if TYPE_CHECKING:
    import altair as alt

CELL_INK, COVERED_INK = "#131c25", "#131c26"
"""Text in pale cells: short ones keep their colours in the dark, covered ones turn dark with the page, so their inks differ."""

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
_NOTHING = (PAPER, MUTED)

ACCOUNT_EMS, SCENARIO_EMS = 23.0, 17.4
"""Room for names of rows and, above them, of columns, in ems."""

_CELL_WIDTH, _CELL_HEIGHT, _LABEL_SIZE = 36, 19, 11


def heat_colours(ratio: float | None) -> tuple[str, str]:
    """Fill and text colour of a ratio; values beyond the last step take its colour."""
    if ratio is None:
        return _NOTHING
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


def heat_map_chart(heat_map: HeatMap) -> alt.LayerChart:
    """Margin balance as percent of maintenance margin, accounts by scenarios; an account in default is framed and its number bold."""
    import altair as alt

    cells = []
    for row in range(len(heat_map.accounts)):
        for column in range(len(heat_map.scenarios)):
            ratio, default = heat_map.ratios[row][column], heat_map.in_default[row][column]
            fill, ink = heat_colours(ratio)
            cells.append({"row": row, "column": column, "text": heat_text(ratio), "fill": fill, "ink": ink, "default": default})
    accounts = [{"row": row, "text": text} for row, text in enumerate(heat_map.accounts)]
    scenarios = [{"column": column, "text": text} for column, text in enumerate(heat_map.scenarios)]
    x = alt.X(field="column", type="ordinal", axis=None, scale=alt.Scale(paddingInner=0.05, paddingOuter=0))
    y = alt.Y(field="row", type="ordinal", axis=None, scale=alt.Scale(paddingInner=0.08, paddingOuter=0))
    calm, failed = (named_rows("cells").transform_filter(f"{sign}datum.default") for sign in ("!", ""))
    ink_colour = coloured("ink")
    left = 16 + round(_LABEL_SIZE * max(map(width_in_ems, heat_map.accounts)))
    top = round(_LABEL_SIZE * max(map(width_in_ems, heat_map.scenarios)) * math.sin(math.pi / 4))  # names stand at 45 degrees
    names: dict[str, Any] = {"baseline": "middle", "fontSize": _LABEL_SIZE, "color": INK}
    layers = [
        named_rows("cells").mark_rect().encode(x=x, y=y, color=coloured("fill")),
        failed.mark_rect(filled=False, stroke=INK, strokeWidth=1.4).encode(x=x, y=y),
        calm.mark_text(baseline="middle", fontSize=10.5).encode(x=x, y=y, text=words("text"), color=ink_colour),
        failed.mark_text(baseline="middle", fontSize=10.5, fontWeight=600).encode(x=x, y=y, text=words("text"), color=ink_colour),
        named_rows("accounts").mark_text(align="right", **names).encode(x=x_at(-8), y=y, text=words("text")),
        named_rows("scenarios").mark_text(align="left", angle=315, **names).encode(x=x, y=y_at(-8), text=words("text")),
    ]
    return drawing(
        {"cells": cells, "accounts": accounts, "scenarios": scenarios},
        layers,
        _CELL_WIDTH * len(scenarios),
        _CELL_HEIGHT * len(accounts),
        {"left": left, "right": top + 12, "top": top + 20, "bottom": 4},
    )
