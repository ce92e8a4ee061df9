"""Bars by scenario (or asset, or segment): names on the left, figures in columns on the right, so that every bar can be read as a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from stresstest.report.charts.style import (
    ACCENT,
    ACCENT_LIGHT,
    ALARM,
    INK,
    LOSS,
    MUTED,
    PAPER,
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
from stresstest.report.formats import count, money, percent
from stresstest.report.parts import PairedBars, StackedBars, Tone, Utilisation

if TYPE_CHECKING:
    import altair as alt

NAME_EMS = 21.5
"""Room for names beside bars, in ems."""

STACK_COLOURS = (ACCENT_LIGHT, LOSS, ALARM)
"""Mild, worse, worst."""

_LEFT, _COLUMN, _ROW, _TOP = 264, 60, 17, 24
_WIDTH = 180


def _place(row: int, inset: float) -> dict[str, float]:
    """Where the bar of a row is, in pixels from the top: `inset` is left free above and below."""
    return {"middle": (row + 0.5) * _ROW, "top": row * _ROW + inset, "bottom": (row + 1) * _ROW - inset}


def _names(source: alt.Chart, y: alt.Y) -> alt.Chart:

    text: alt.Chart = source.mark_text(align="right", baseline="middle", fontSize=TEXT_SIZE, color=INK).encode(x=x_at(-10), y=y, text=words("name"))
    return text


def _columns(source: alt.Chart, heads: Sequence[str], y: alt.Y, width: int) -> list[alt.Chart]:
    """Right-aligned columns of figures, each with its head; the first is the one that counts."""

    layers = []
    for number, head in enumerate(heads):
        x = x_at(width + _COLUMN * (number + 1))
        ink = MUTED if number else INK
        layers.append(
            source.mark_text(align="right", baseline="middle", fontSize=TEXT_SIZE, color=ink).encode(x=x, y=y, text=words(f"text_{number}"))
        )
        title = named_rows("once").mark_text(align="right", baseline="alphabetic", fontSize=10.5, color=MUTED, text=head)
        layers.append(title.encode(x=x, y=y_at(-7)))
    return layers


def paired_bars(data: PairedBars, width: int = _WIDTH) -> alt.LayerChart:
    """A narrow dark bar inside a wide light one for every name, in the order given (reporting currency); a dashed line where there is a limit."""
    import altair as alt

    written = count if data.whole else money
    rows = [
        {
            "name": pair.name,
            **_place(place, 2.5),
            "inner_top": place * _ROW + 5.5,
            "inner_bottom": (place + 1) * _ROW - 5.5,
            "zero": 0.0,
            "narrow": pair.narrow,
            "wide": pair.wide,
            "text_0": written(pair.narrow),
            "text_1": written(pair.wide),
        }
        for place, pair in enumerate(data.pairs)
    ]
    ends = [0.0, *(value for pair in data.pairs for value in (pair.narrow, pair.wide)), *([] if data.limit is None else [data.limit])]
    low, high = min(ends), max(ends)
    height = _ROW * len(rows)
    scale = (low, high)
    source, once = named_rows("rows"), named_rows("once")
    layers: list[Any] = [
        source.mark_rect(color=ACCENT_LIGHT).encode(
            x=along("zero", scale), x2=alt.X2(field="wide"), y=down("top", height), y2=alt.Y2(field="bottom")
        ),
        source.mark_rect(color=ACCENT).encode(
            x=along("zero", scale), x2=alt.X2(field="narrow"), y=down("inner_top", height), y2=alt.Y2(field="inner_bottom")
        ),
        once.mark_rule(color=RULE).encode(x=along("zero", scale), y=y_at(0), y2=y2_at(height)),
        _names(source, down("middle", height)),
        *_columns(source, (data.narrow, data.wide), down("middle", height), width),
    ]
    if data.limit is not None:
        line = once.mark_rule(color=ALARM, strokeWidth=1.5, strokeDash=[4, 3])
        side: Literal["right", "left"] = "right" if data.limit > (low + high) / 2 else "left"
        word = once.mark_text(align=side, baseline="alphabetic", fontSize=10.5, fontWeight=600, color=ALARM)
        layers.append(line.encode(x=along("limit", scale), y=y_at(-3), y2=y2_at(height)))
        layers.append(word.encode(x=along("limit", scale), y=y_at(-7), text=words("limit_text")))
    said = {"zero": 0.0} if data.limit is None else {"zero": 0.0, "limit": data.limit, "limit_text": f"{data.limit_name} {money(data.limit)}"}
    return drawing({"rows": rows, "once": [said]}, layers, width, height, {"left": _LEFT, "right": 2 * _COLUMN + 4, "top": _TOP, "bottom": 2})


def stacked_bars(data: StackedBars, width: int = _WIDTH - _COLUMN) -> alt.LayerChart:
    """Counts of up to three kinds one after the other for every name, in the order given."""
    import altair as alt

    rows, parts = [], []
    for place, stack in enumerate(data.stacks):
        rows.append({"name": stack.name, **_place(place, 2.5), **{f"text_{number}": count(value) for number, value in enumerate(stack.counts)}})
        start = 0
        for number, value in enumerate(stack.counts):
            if value:
                parts.append({**_place(place, 2.5), "from": start, "to": start + value, "colour": STACK_COLOURS[number]})
            start += value
    scale = (0.0, float(max((sum(stack.counts) for stack in data.stacks), default=0)))
    height = _ROW * len(rows)
    source = named_rows("rows")
    colour = coloured("colour")
    layers: list[Any] = [
        named_rows("parts")
        .mark_rect()
        .encode(x=along("from", scale), x2=alt.X2(field="to"), y=down("top", height), y2=alt.Y2(field="bottom"), color=colour),
        named_rows("once").mark_rule(color=RULE).encode(x=x_at(0), y=y_at(0), y2=y2_at(height)),
        _names(source, down("middle", height)),
        *_columns(source, data.kinds, down("middle", height), width),
    ]
    padding = {"left": _LEFT, "right": len(data.kinds) * _COLUMN + 4, "top": _TOP, "bottom": 2}
    return drawing({"rows": rows, "parts": parts, "once": [{}]}, layers, width, height, padding)


MOST_USED = 2.0
"""Utilisation at which a bar ends: what is far beyond would flatten all others, and its figure says how far."""

_CUT = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_STATUS_COLOURS: dict[Tone, str] = {"fail": ALARM, "warn": LOSS, "pass": ACCENT_LIGHT}


def utilisation_bars(data: Sequence[Utilisation], width: int = 2 * _WIDTH) -> alt.LayerChart:
    """A bar for every limit against its red threshold, a dashed line at 100 %; a short line where amber begins, an open end where a bar is cut."""
    import altair as alt

    most = min(MOST_USED, max(1.0, *(each.used for each in data)))
    rows = [
        {
            "name": each.name,
            **_place(place, 3.0),
            "zero": 0.0,
            "used": min(each.used, most),
            "colour": _STATUS_COLOURS.get(each.tone, ACCENT_LIGHT),
            "text_0": percent(each.used),
            "text_1": each.word,
        }
        for place, each in enumerate(data)
    ]
    ticks = [{"amber": each.amber, **_place(place, 1.0)} for place, each in enumerate(data) if each.amber is not None and 0 < each.amber <= most]
    cut = [{"end": most, **_place(place, 3.0), "sign": _CUT} for place, each in enumerate(data) if each.used > most]
    scale, height = (0.0, most), _ROW * len(rows)
    source, once = named_rows("rows"), named_rows("once")
    layers: list[Any] = [
        source.mark_rect().encode(
            x=along("zero", scale), x2=alt.X2(field="used"), y=down("top", height), y2=alt.Y2(field="bottom"), color=coloured("colour")
        ),
        named_rows("ticks").mark_rule(color=INK, strokeWidth=1.2).encode(x=along("amber", scale), y=down("top", height), y2=alt.Y2(field="bottom")),
        named_rows("cut")
        .mark_text(align="right", baseline="middle", fontSize=TEXT_SIZE, color=PAPER, dx=-4)
        .encode(x=along("end", scale), y=down("middle", height), text=words("sign")),
        once.mark_rule(color=RULE).encode(x=along("zero", scale), y=y_at(0), y2=y2_at(height)),
        once.mark_rule(color=ALARM, strokeWidth=1.5, strokeDash=[4, 3]).encode(x=along("one", scale), y=y_at(-3), y2=y2_at(height)),
        once.mark_text(align="right" if most < 1.5 else "center", baseline="alphabetic", fontSize=10.5, fontWeight=600, color=ALARM).encode(
            x=along("one", scale), y=y_at(-7), text=words("one_text")
        ),
        _names(source, down("middle", height)),
        *_columns(source, ("used", "status"), down("middle", height), width),
    ]
    said = {"zero": 0.0, "one": 1.0, "one_text": "red"}
    padding = {"left": _LEFT, "right": 2 * _COLUMN + 4, "top": _TOP, "bottom": 2}
    return drawing({"rows": rows, "ticks": ticks, "cut": cut, "once": [said]}, layers, width, height, padding)
