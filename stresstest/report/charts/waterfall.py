"""A waterfall: from one total to the next by the steps between, which add up exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stresstest.report.charts.style import (
    ACCENT,
    ACCENT_LIGHT,
    ALARM,
    INK,
    LOSS,
    RULE,
    TEXT_SIZE,
    along,
    coloured,
    down,
    drawing,
    named_rows,
    words,
    x_at,
    y2_at,
    y_at,
)
from stresstest.report.formats import money
from stresstest.report.parts import Step

if TYPE_CHECKING:
    import altair as alt

STEP_EMS = 17.0
"""Room for the names of steps, in ems."""

_LEFT, _COLUMN, _ROW, _WIDTH = 206, 62, 17, 250


def waterfall_chart(steps: tuple[Step, ...], width: int = _WIDTH, *, worse_when_rising: bool = False) -> alt.LayerChart:
    """Totals from zero, changes from where the step before ended (reporting currency); the last total stands out when it is below zero.

    With `worse_when_rising` the amounts are those of a loss: what rises has the colour of losses, no total stands out, and all carry a sign.
    """
    import altair as alt

    rows: list[dict[str, Any]] = []
    level = 0.0
    for place, step in enumerate(steps):
        start, level = (0.0, step.amount) if step.total else (level, level + step.amount)
        short = step.total and place == len(steps) - 1 and step.amount < 0 and not worse_when_rising
        worse = step.amount > 0 if worse_when_rising else step.amount < 0
        rows.append(
            {
                "name": step.label,
                "total": step.total,
                "top": place * _ROW + 2.5,
                "bottom": (place + 1) * _ROW - 2.5,
                "middle": (place + 0.5) * _ROW,
                "next": (place + 1.5) * _ROW,
                "from": start,
                "to": level,
                "text": money(step.amount) if step.total and not worse_when_rising else signed_money(step.amount),
                "colour": ALARM if short else ACCENT if step.total else LOSS if worse else ACCENT_LIGHT,
                "ink": ALARM if short else INK,
            }
        )
    ends = [0.0, *(row["to"] for row in rows)]
    scale, height = (min(ends), max(ends)), _ROW * len(rows)
    source, colour, ink = named_rows("rows"), coloured("colour"), coloured("ink")
    middle = down("middle", height)
    layers: list[Any] = [
        named_rows("joints").mark_rule(color=RULE).encode(x=along("to", scale), y=middle, y2=alt.Y2(field="next")),
        source.mark_rect().encode(x=along("from", scale), x2=alt.X2(field="to"), y=down("top", height), y2=alt.Y2(field="bottom"), color=colour),
        named_rows("once").mark_rule(color=RULE).encode(x=along("zero", scale), y=y_at(0), y2=y2_at(height)),
    ]
    for total, weight in ((True, 600), (False, 400)):
        chosen = source.transform_filter("datum.total" if total else "!datum.total")
        style: dict[str, Any] = {"align": "right", "baseline": "middle", "fontSize": TEXT_SIZE, "fontWeight": weight}
        layers.append(chosen.mark_text(**style).encode(x=x_at(-10), y=middle, text=words("name"), color=ink))
        layers.append(chosen.mark_text(**style).encode(x=x_at(width + _COLUMN), y=middle, text=words("text"), color=ink))
    data = {"rows": rows, "joints": rows[:-1], "once": [{"zero": 0.0}]}
    return drawing(data, layers, width, height, {"left": _LEFT, "right": _COLUMN + 4, "top": 2, "bottom": 2})


def signed_money(value: float) -> str:
    """A change: with its sign, also when it is a gain."""
    text = money(value)
    return f"+{text}" if value > 0 and text[0].isdigit() and text != "0" else text
