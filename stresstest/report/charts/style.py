"""What all charts share: colours, the font, rows of data, and the way to SVG.

Every text and mark is placed by us and the layout is fixed (`autosize: none`), so the drawing does not depend on which fonts a machine
can measure: the same facts give the same SVG bytes. Colours are safe for colour-blind readers and every mark carries its number.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from stresstest.report.formats import shown
from stresstest.report.resources import FONT_FAMILIES

if TYPE_CHECKING:  # altair takes a third of a second to import: only who draws pays
    import altair as alt

INK, MUTED, RULE, PAPER = "#17212b", "#56626f", "#c9d1d9", "#fefefe"
"""Text and lines; the style sheet maps exactly these to its own colours, so charts follow light and dark."""
ACCENT, ACCENT_LIGHT, ALARM = "#1d5a8c", "#8db5d3", "#b8400e"
"""The figure that counts, what it is held against, and what is beyond a limit."""

LOSS = "#e08a3c"
"""A step down, or the second of three stages."""

TEXT_SIZE = 11.5

_FONT = ", ".join((*FONT_FAMILIES, "sans-serif"))
_IN_TAG = r"(?=[^<>]*>)"  # names are escaped, so only tags end in >
_NOISE = re.compile(rf' (role|aria-[a-z]+|font-family)="[^"]*"{_IN_TAG}')
_MORE_DECIMALS = re.compile(rf"(\d\.\d\d)\d+{_IN_TAG}")

Rows = Sequence[Mapping[str, Any]]


def drawing(data: Mapping[str, Rows], layers: list[Any], width: int, height: int, padding: Mapping[str, int]) -> alt.LayerChart:
    """A chart of layers that name their rows in `data`; sizes in pixels.

    Text is made safe once more here: one character that XML does not allow aborts the process inside the drawing library.
    """
    import altair as alt

    return alt.LayerChart(
        layer=layers,
        datasets={
            name: [{key: shown(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows]
            for name, rows in data.items()
        },
        width=width,
        height=height,
        padding=dict(padding),
        autosize=alt.AutoSizeParams(type="none"),
        config=alt.Config(font=_FONT, background="transparent", aria=False, view=alt.ViewConfig(stroke=None)),
    )


def named_rows(name: str) -> alt.Chart:
    """A layer's source: rows that the chart holds under this name, once for all layers."""
    import altair as alt

    return alt.Chart(alt.NamedData(name))


def along(field: str, ends: tuple[float, float]) -> alt.X:
    """Position along the axis of amounts, from `ends[0]` to `ends[1]` over the width."""
    import altair as alt

    low, high = ends
    return alt.X(
        field=field, type="quantitative", axis=None, scale=alt.Scale(domain=[low, high if high > low else low + 1.0], nice=False, zero=False)
    )


def down(field: str, height: int) -> alt.Y:
    """Position from the top in pixels."""
    import altair as alt

    return alt.Y(field=field, type="quantitative", axis=None, scale=alt.Scale(domain=[0, height], range=[0, height], nice=False, zero=False))


def x_at(pixels: float) -> alt.XValue:
    """A place that is the same for all rows, in pixels from the left."""
    import altair as alt

    return alt.XValue(pixels)  # type: ignore[no-untyped-call]  # altair leaves its channels' constructors without a return type


def y_at(pixels: float) -> alt.YValue:
    """A place that is the same for all rows, in pixels from the top."""
    import altair as alt

    return alt.YValue(pixels)  # type: ignore[no-untyped-call]  # as above


def y2_at(pixels: float) -> alt.Y2Value:
    """The other end of a line, in pixels from the top."""
    import altair as alt

    return alt.Y2Value(pixels)  # type: ignore[no-untyped-call]  # as above


def words(field: str) -> alt.Text:
    """The text to set; channels are spelled out, as Altair takes milliseconds to read each short form."""
    import altair as alt

    return alt.Text(field=field, type="nominal")


def coloured(field: str) -> alt.Color:
    """A colour that the rows name."""
    import altair as alt

    return alt.Color(field=field, type="nominal", scale=None, legend=None)


def warm_up() -> None:
    """Start the engine of the drawing library, so that the first chart does not wait for it."""
    import vl_convert

    vl_convert.vegalite_to_svg({"mark": "point", "data": {"values": []}})


def svg(chart: alt.LayerChart, label: str) -> str:
    """The chart as SVG markup to stand inside HTML, with real text; `label` tells it to who cannot see it."""
    import vl_convert

    markup: str = vl_convert.vegalite_to_svg(chart.to_dict(validate=False))
    head, _, body = markup.partition(">")
    # Namespaces are implied inside HTML; without them the report holds no web address at all. The font is said once.
    head = re.sub(r' (xmlns(:xlink)?|version)="[^"]*"', "", head)
    head = head.replace("<svg ", f'<svg role="img" aria-label="{html.escape(label)}" font-family="{_FONT}" ', 1)
    return head + ">" + _MORE_DECIMALS.sub(r"\1", _NOISE.sub("", body))
