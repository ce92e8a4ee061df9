"""How an amount is spread: a bar for every bucket, as high as it is probable, the worst part in a colour of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stresstest.report.charts.style import ACCENT, ALARM, INK, LOSS, MUTED, RULE, TEXT_SIZE, down, drawing, named_rows, words, x_at, y_at
from stresstest.report.formats import money, number
from stresstest.report.parts import Histogram

if TYPE_CHECKING:
    import altair as alt

_WIDTH, _HEIGHT = 430, 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 30, 38, 22
_GAP = 0.5
"""Pixels left free on either side of a bar."""
_LABELS = 6
"""Buckets whose edges are written, at most."""
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def histogram_chart(data: Histogram) -> alt.LayerChart:
    """Bars over at least one bucket, and a line at every mark. Every place is worked out here, in pixels."""
    import altair as alt

    edges = [data.buckets[0].lower, *(bucket.upper for bucket in data.buckets)]
    first, last = edges[0], edges[-1]
    highest = max(bucket.probability for bucket in data.buckets)
    step = nice_step(highest / 4)
    top = step * math.ceil(highest / step - 1e-9)

    def x(value: float) -> float:
        return _WIDTH * (value - first) / (last - first)

    def y(share: float) -> float:
        return _HEIGHT * (1.0 - share / top)

    every = -(-len(edges) // _LABELS)
    decimals = 0 if step >= 0.01 else 1 if step >= 0.001 else 2
    datasets: dict[str, list[dict[str, Any]]] = {
        "ticks": [
            {"y": y(k * step), "text": f"{number(100 * k * step, decimals)} %", "from": 0.0, "to": float(_WIDTH)}
            for k in range(round(top / step) + 1)
        ],
        "edges": [{"x": x(edge), "text": money(edge)} for edge in edges[::every]],
        "bars": [
            {"from": x(each.lower) + _GAP, "to": x(each.upper) - _GAP, "top": y(each.probability), "cut": y(each.worst), "bottom": float(_HEIGHT)}
            for each in data.buckets
        ],
    }
    across, below = _across, down
    layers: list[Any] = [
        named_rows("ticks").mark_rule(color=RULE).encode(x=across("from"), x2=alt.X2(field="to"), y=below("y", _HEIGHT)),
        _text("ticks", "right", MUTED).encode(x=x_at(-6), y=below("y", _HEIGHT), text=words("text")),
        _text("edges", "center", MUTED).encode(x=across("x"), y=y_at(_HEIGHT + 13), text=words("text")),
        _bars(ACCENT, "top", "bottom"),
        _bars(LOSS, "cut", "bottom"),
    ]
    before = bool(data.marks) and x(data.marks[-1].amount) > _WIDTH / 2
    for place, mark in enumerate(data.marks):
        # Each text on a line of its own, on the side where there is room, and none across the line of another mark.
        rank = place if before else len(data.marks) - 1 - place
        align, shift, lift = "right" if before else "left", -3 if before else 3, -11 - 13 * rank
        source = named_rows(f"mark_{place}")
        datasets[f"mark_{place}"] = [{"x": x(mark.amount), "text": f"{mark.name} {money(mark.amount)}", "top": lift + 6.0, "bottom": float(_HEIGHT)}]
        layers.append(
            source.mark_rule(color=ALARM if mark.worst else INK, strokeWidth=1.4, strokeDash=[4, 3] if mark.worst else [2, 2]).encode(
                x=across("x"), y=below("top", _HEIGHT), y2=alt.Y2(field="bottom")
            )
        )
        layers.append(_text(f"mark_{place}", align, INK, dx=shift).encode(x=across("x"), y=y_at(lift), text=words("text")))
    return drawing(datasets, layers, _WIDTH, _HEIGHT, {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM})


def nice_step(value: float) -> float:
    """The least of 1, 2, 2.5 and 5 times a power of ten that is not below the value.

    >>> nice_step(0.03), nice_step(2_100.0), nice_step(25.0)
    (0.05, 2500.0, 25.0)
    """
    power = 10.0 ** math.floor(math.log10(value))
    return next((round(step * power, 12) for step in _STEPS if step * power >= value * (1.0 - 1e-9)), 10.0 * power)


def _bars(colour: str, top: str, bottom: str) -> Any:
    import altair as alt

    return named_rows("bars").mark_rect(color=colour).encode(x=_across("from"), x2=alt.X2(field="to"), y=down(top, _HEIGHT), y2=alt.Y2(field=bottom))


def _across(field: str) -> alt.X:
    """Position from the left in pixels."""
    import altair as alt

    return alt.X(field=field, type="quantitative", axis=None, scale=alt.Scale(domain=[0, _WIDTH], range=[0, _WIDTH], nice=False, zero=False))


def _text(source: str, align: Any, colour: str, dx: float = 0) -> Any:
    return named_rows(source).mark_text(align=align, baseline="middle", fontSize=TEXT_SIZE - 1, color=colour, dx=dx)
