"""What `stresstest reverse --grid` found, as one JSON document."""

from __future__ import annotations

from typing import Literal

from stresstest.results.documents import Document
from stresstest.runs.reverse.report import ReverseTarget


class GridAxis(Document):
    """An axis: shifts of a factor (`shift_type`), or multiples of a scenario (null)."""

    along: str
    kind: Literal["scenario", "factor"]
    shift_type: Literal["relative", "absolute"] | None
    values: tuple[float, ...]


class ContourPoint(Document):
    """At a value of the first axis, where along the second, from its first value on, the target is first hit: `right`, not yet at `left` (the same:
    at the first value already; null: nowhere on the axis). `jump`: the figure leaps from one to the other."""

    at: float
    left: float | None
    right: float | None
    figure_left: float | None
    figure_right: float | None
    jump: bool | None


class GridReport(Document):
    """`hit` and `figures`: a row a value of the first axis, in it an entry a value of the second; `contour`: an entry a value of the first.

    `tolerance`: how closely the contour is found, as a share of the way along the axis; `computed`: scenarios that the book (or the account) was
    looked at in.
    """

    schema_version: Literal[1] = 1
    kind: Literal["reverse-grid"] = "reverse-grid"
    as_of: str
    reporting_currency: str
    target: ReverseTarget
    first: GridAxis
    second: GridAxis
    hit: tuple[tuple[bool, ...], ...]
    figures: tuple[tuple[float, ...], ...]
    contour: tuple[ContourPoint, ...]
    tolerance: float
    computed: int
