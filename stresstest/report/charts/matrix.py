"""Amounts from one thing to another as shaded cells, each with its number."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stresstest.report.charts.heat_map import CELL_INK, COVERED_INK
from stresstest.report.charts.style import INK, MUTED, PAPER, coloured, drawing, named_rows, words, x_at, y_at
from stresstest.report.formats import HALF_A_CENT, money, width_in_ems
from stresstest.report.parts import Matrix

if TYPE_CHECKING:
    import altair as alt

MATRIX_STEPS: tuple[tuple[float, str, str], ...] = (
    (0.01, "#f3f6f9", COVERED_INK),
    (0.1, "#f9d5ae", CELL_INK),
    (0.4, "#ec9a55", CELL_INK),
    (0.8, "#c65911", "#ffffff"),
    (math.inf, "#8f2d00", "#ffffff"),
)
"""Upper edge of an amount over the largest of the matrix, fill and ink; colours of the heat map, so that they follow light and dark as there."""
NAME_EMS = 12.0
"""Room for names of rows, in ems."""

_CELL_WIDTH, _CELL_HEIGHT, _LABEL_SIZE = 58, 20, 11


def matrix_chart(data: Matrix) -> alt.LayerChart:
    """Rows by columns; the darker, the nearer to the largest amount. An amount of nothing is left empty."""
    import altair as alt

    largest = max((value for line in data.amounts for value in line), default=0.0)
    cells = []
    for row, line in enumerate(data.amounts):
        for column, value in enumerate(line):
            nothing = value < HALF_A_CENT
            fill, ink = next((fill, ink) for edge, fill, ink in MATRIX_STEPS if value <= edge * largest or edge == math.inf)
            cells.append(
                {
                    "row": row,
                    "column": column,
                    "text": "" if nothing else money(value),
                    "fill": PAPER if nothing else fill,
                    "ink": MUTED if nothing else ink,
                }
            )
    x = alt.X(field="column", type="ordinal", axis=None, scale=alt.Scale(paddingInner=0.04, paddingOuter=0))
    y = alt.Y(field="row", type="ordinal", axis=None, scale=alt.Scale(paddingInner=0.08, paddingOuter=0))
    left = 16 + round(_LABEL_SIZE * max(map(width_in_ems, data.rows)))
    top = round(_LABEL_SIZE * max(map(width_in_ems, data.columns)) * math.sin(math.pi / 4))  # names stand at 45 degrees
    names: dict[str, Any] = {"baseline": "middle", "fontSize": _LABEL_SIZE, "color": INK}
    layers = [
        named_rows("cells").mark_rect().encode(x=x, y=y, color=coloured("fill")),
        named_rows("cells").mark_text(baseline="middle", fontSize=10.5).encode(x=x, y=y, text=words("text"), color=coloured("ink")),
        named_rows("rows").mark_text(align="right", **names).encode(x=x_at(-8), y=y, text=words("text")),
        named_rows("columns").mark_text(align="left", angle=315, **names).encode(x=x, y=y_at(-8), text=words("text")),
    ]
    return drawing(
        {
            "cells": cells,
            "rows": [{"row": row, "text": text} for row, text in enumerate(data.rows)],
            "columns": [{"column": column, "text": text} for column, text in enumerate(data.columns)],
        },
        layers,
        _CELL_WIDTH * len(data.columns),
        _CELL_HEIGHT * len(data.rows),
        {"left": left, "right": top + 12, "top": top + 20, "bottom": 4},
    )
