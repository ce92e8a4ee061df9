"""Prices round by round: from what the shock leaves to where sales take them, each as a share of the shocked price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stresstest.report.charts.style import ACCENT, INK, LOSS, MUTED, RULE, TEXT_SIZE, down, drawing, named_rows, words, y_at
from stresstest.report.formats import percent
from stresstest.report.parts import PricePath

if TYPE_CHECKING:
    import altair as alt

_WIDTH, _HEIGHT = 380, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 136, 12, 34
_LINE_GAP = 13.0
"""Pixels that names at the ends of lines keep from each other."""
_MOST_TICKS = 12
"""Rounds that are numbered at most."""
_STYLES = ((ACCENT, 1.8, (1, 0)), (LOSS, 1.8, (6, 2)), (MUTED, 1.5, (2, 2)), (INK, 1.2, (8, 2, 2, 2)))
"""Colour, width and dashes of each line: told apart by dashes as well."""
MOST_LINES = len(_STYLES)


def price_path_chart(data: PricePath) -> alt.LayerChart:
    """One line an asset over rounds, 0 = the shocked price; every place is worked out here, in pixels."""
    import altair as alt

    rounds = len(data.lines[0].values) - 1
    values = [value for line in data.lines for value in line.values]
    low, high = _ends(min(values), max(values))

    def x(number: int) -> float:
        return _WIDTH * number / max(rounds, 1)

    def y(value: float) -> float:
        return _HEIGHT * (high - value) / (high - low)

    def across(field: str) -> alt.X:
        return alt.X(field=field, type="quantitative", axis=None, scale=alt.Scale(domain=[0, _WIDTH], range=[0, _WIDTH], nice=False, zero=False))

    step = max(1, -(-rounds // _MOST_TICKS))
    datasets: dict[str, list[dict[str, Any]]] = {
        "ticks": [
            {"y": y(value), "text": percent(value, 0 if high - low > 0.05 else 1), "from": 0.0, "to": float(_WIDTH)}
            for value in (low, (low + high) / 2.0, high)
        ],
        "rounds": [{"x": x(number), "text": "shock" if number == 0 else str(number)} for number in range(0, rounds + 1, step)],
        "axis": [{"x": _WIDTH / 2.0, "text": "after round"}],
        "ends": _names(data, y),
    }
    layers: list[Any] = [
        named_rows("ticks").mark_rule(color=RULE).encode(x=across("from"), x2=alt.X2(field="to"), y=down("y", _HEIGHT)),
        _text("ticks", "right", MUTED, dx=-6).encode(y=down("y", _HEIGHT), x=across("from"), text=words("text")),
        _text("rounds", "center", MUTED, dy=_HEIGHT + 13).encode(x=across("x"), y=y_at(0), text=words("text")),
        _text("axis", "center", MUTED, dy=_HEIGHT + 27).encode(x=across("x"), y=y_at(0), text=words("text")),
    ]
    for number, line in enumerate(data.lines):
        colour, width, dash = _STYLES[number]
        name = f"line_{number}"
        datasets[name] = [{"x": x(place), "y": y(value), "place": place} for place, value in enumerate(line.values)]
        encoded = {"x": across("x"), "y": down("y", _HEIGHT)}
        drawn = named_rows(name).mark_line(color=colour, strokeWidth=width, strokeDash=list(dash))
        layers.append(drawn.encode(**encoded, order=alt.Order(field="place", type="quantitative")))
        layers.append(named_rows(name).mark_point(color=colour, filled=True, size=14, opacity=1).encode(**encoded))
    layers.append(_text("ends", "left", INK, dx=8).encode(x=across("x"), y=down("y", _HEIGHT), text=words("text")))
    return drawing(datasets, layers, _WIDTH, _HEIGHT, {"left": _LEFT, "right": _RIGHT, "top": _TOP, "bottom": _BOTTOM})


def _text(source: str, align: Any, colour: str, dx: float = 0, dy: float = 0) -> Any:
    return named_rows(source).mark_text(align=align, baseline="middle", fontSize=TEXT_SIZE - 1, color=colour, dx=dx, dy=dy)


def _ends(least: float, most: float) -> tuple[float, float]:
    """Whole tenths (of small moves hundredths) around all prices."""
    step = 0.1 if most - least > 0.05 else 0.01
    low, high = least // step * step, -(-most // step) * step
    return low, high if high - low >= step / 2.0 else low + step


def _names(data: PricePath, y: Any) -> list[dict[str, Any]]:
    """Names and last values beside the ends of the lines, from top to bottom, kept apart."""
    placed: list[dict[str, Any]] = []
    for line in sorted(data.lines, key=lambda each: -each.values[-1]):
        high = y(line.values[-1])
        if placed:
            high = max(high, placed[-1]["y"] + _LINE_GAP)
        placed.append({"x": float(_WIDTH), "y": high, "text": f"{line.name} {percent(line.values[-1], 1)}"})
    lowest = float(_HEIGHT) + 4.0
    for row in reversed(placed):
        row["y"] = min(row["y"], lowest)
        lowest = row["y"] - _LINE_GAP
    return placed
