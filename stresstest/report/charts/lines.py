"""Figures over time: a line each, named at its end with its newest value; where windows begin, and where the peak is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from stresstest.report.charts.style import ACCENT, ALARM, INK, LOSS, MUTED, RULE, TEXT_SIZE, down, drawing, named_rows, words, y_at
from stresstest.report.formats import HALF_A_CENT, count, money
from stresstest.report.parts import OverTime

if TYPE_CHECKING:
    import altair as alt

_WIDTH, _HEIGHT = 380, 110
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 136, 22, 20
_LINE_GAP = 13.0
"""Pixels that names at the ends of lines keep from each other."""
_DOTS, _CROWDED = 40, 120
"""Moments up to which each has a dot, and up to which lines are as wide as elsewhere."""

_STYLES = ((ACCENT, 1.8, (1, 0)), (LOSS, 1.8, (6, 2)), (MUTED, 1.2, (2, 2)))
"""Colour, width and dashes of the first, second and third line: told apart by dashes as well."""
_LIMIT = (ALARM, 1.5, (4, 3))
_STEPS = (1.0, 1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)


def lines_chart(data: OverTime) -> alt.LayerChart:
    """The lines over at least two moments; gaps where a value is None. Every place is worked out here, in pixels."""
    import altair as alt

    start = data.days[0]
    largest = max((value for line in data.lines for value in line.values if value is not None), default=0.0)
    write = money if data.amounts else count
    top = axis_end(largest, whole=not data.amounts)

    def x(day: float) -> float:
        return _WIDTH * (day - start) / -start

    def y(value: float) -> float:
        return _HEIGHT * (1.0 - value / top)

    layers: list[Any] = []
    datasets: dict[str, list[dict[str, Any]]] = {
        "ticks": [{"y": y(part * top), "text": write(part * top), "from": 0.0, "to": float(_WIDTH)} for part in (0.0, 0.5, 1.0)],
        "dates": [{"x": x(data.days[place]), "text": data.dates[place]} for place in _spread(data.days)],
        "windows": [{"x": x(-days), "top": 0.0, "bottom": float(_HEIGHT), "text": f"{days} d"} for days in data.windows if -days > start],
        "ends": _ends(data, y, write),
        "peak": [{"x": x(data.days[data.peak]), "y": y(data.lines[0].values[data.peak] or 0.0)}] if data.peak is not None else [],
    }
    across, below = _across, down
    layers.append(named_rows("ticks").mark_rule(color=RULE).encode(x=across("from"), x2=alt.X2(field="to"), y=below("y", _HEIGHT)))
    layers.append(_text("ticks", "right", MUTED, dx=-6).encode(y=below("y", _HEIGHT), x=across("from"), text=words("text")))
    layers.append(
        named_rows("windows")
        .mark_rule(color=MUTED, strokeWidth=0.8, strokeDash=[2, 3])
        .encode(x=across("x"), y=below("top", _HEIGHT), y2=alt.Y2(field="bottom"))
    )
    layers.append(_text("windows", "left", MUTED, dx=2, dy=-8).encode(x=across("x"), y=below("top", _HEIGHT), text=words("text")))
    layers.append(_text("dates", "center", MUTED, dy=_HEIGHT + 13).encode(x=across("x"), y=y_at(0), text=words("text")))
    for number, line in enumerate(data.lines):
        colour, width, dash = _LIMIT if line.limit else _STYLES[number]
        parts = _parts([(x(day), y(value)) if value is not None else None for day, value in zip(data.days, line.values, strict=True)])
        for part, points in enumerate(parts):
            name = f"line_{number}_{part}"
            datasets[name] = [{"x": left, "y": high, "place": place} for place, (left, high) in enumerate(points)]
            drawn = named_rows(name).mark_line(color=colour, strokeWidth=width if len(data.days) <= _CROWDED else 1.1, strokeDash=list(dash))
            encoded = {"x": across("x"), "y": below("y", _HEIGHT)}
            if len(points) > 1:
                layers.append(drawn.encode(**encoded, order=alt.Order(field="place", type="quantitative")))
            if not line.limit and (len(data.days) <= _DOTS or len(points) == 1):
                layers.append(named_rows(name).mark_point(color=colour, filled=True, size=14, opacity=1).encode(**encoded))
    layers.append(named_rows("peak").mark_point(color=INK, shape="diamond", size=70, strokeWidth=1.6).encode(x=across("x"), y=below("y", _HEIGHT)))
    layers.append(_text("ends", "left", INK, dx=8).encode(x=across("x"), y=below("y", _HEIGHT), text=words("text")))
    return drawing(datasets, layers, _WIDTH, _HEIGHT, {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM})


def _across(field: str) -> alt.X:
    """Position from the left in pixels."""
    import altair as alt

    return alt.X(field=field, type="quantitative", axis=None, scale=alt.Scale(domain=[0, _WIDTH], range=[0, _WIDTH], nice=False, zero=False))


def _text(source: str, align: Literal["left", "center", "right"], colour: str, dx: float = 0, dy: float = 0) -> Any:
    return named_rows(source).mark_text(align=align, baseline="middle", fontSize=TEXT_SIZE - 1, color=colour, dx=dx, dy=dy)


def axis_end(value: float, *, whole: bool) -> float:
    """The end of the axis: the least of 1, 1.2, 1.6, 2, 3, 4, 5, 6 and 8 times a power of ten that reaches the value; the half of a count is whole.

    >>> axis_end(106.6e6, whole=False), axis_end(7.0, whole=True), axis_end(0.0, whole=True)
    (120000000.0, 8.0, 2.0)
    """
    if whole and value <= 10.0:
        return max(2.0, 2.0 * math.ceil(value / 2.0))
    if value < HALF_A_CENT:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in _STEPS if step * power >= value), 10.0 * power)


def _spread(days: Sequence[float]) -> list[int]:
    """Places of the moments whose dates are written: the first, the last, and one in the middle where there is room."""
    middle = min(range(len(days)), key=lambda place: abs(days[place] - days[0] / 2))
    room = 0.25 < days[middle] / days[0] < 0.75
    return [0, middle, len(days) - 1] if room else [0, len(days) - 1]


def _parts(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The stretches of a line between its gaps."""
    parts: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            parts.append([])
        else:
            parts[-1].append(point)
    return [part for part in parts if part]


def _ends(data: OverTime, y: Any, write: Any) -> list[dict[str, Any]]:
    """Names and newest values beside the ends of the lines, from top to bottom, kept apart."""
    known = [(line, line.values[-1]) for line in data.lines if line.values[-1] is not None]
    placed: list[dict[str, Any]] = []
    for line, value in sorted(known, key=lambda each: -(each[1] or 0.0)):
        high = y(value)
        if placed:
            high = max(high, placed[-1]["y"] + _LINE_GAP)
        placed.append({"x": float(_WIDTH), "y": high, "text": f"{line.name} {write(value)}"})
    lowest = float(_HEIGHT)
    for row in reversed(placed):  # below the axis are the dates
        row["y"] = min(row["y"], lowest)
        lowest = row["y"] - _LINE_GAP
    return placed
