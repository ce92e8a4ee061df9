"""The first point along a direction at which a target is hit: scan outward, bracket, refine. Knows nothing of books."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

SCAN_POINTS = 64
"""Points of the scan outward. A target that is hit and missed again between two of them is not seen."""
POINTS_A_ROUND = 16
"""Points that a bracket is cut by in a round: one look at the book narrows it seventeen-fold."""
TOLERANCE = 1e-9
"""Width of the last bracket, as a share of the answer."""

_SMALLEST = 1e-6
"""Share of the way below which an answer's tolerance is that of this share: what is hit at once has no smallest size."""
_WIDER = 100.0
"""A jump shows when the figure moves as much over the last bracket as over one that many times as wide; what is smooth would move that much less."""


@dataclass(frozen=True)
class Reading:
    """What a target's figure is at a point, and whether the target is hit there."""

    figure: float
    hit: bool


@dataclass(frozen=True)
class Crossing:
    """Where a target is first hit: not at `left`, but at `right`. Both are zero where it is hit at base, without any shock.

    `jump`: the figure does not get there gradually: it is `left_figure` just before and `right_figure` just after.
    """

    left: float
    right: float
    left_figure: float
    right_figure: float
    jump: bool

    @property
    def at_base(self) -> bool:
        """Whether nothing needs to happen."""
        return self.right == 0.0


Measure = Callable[[Sequence[tuple[int, float]]], Sequence[Reading]]
"""Readings of questions (by number) at points of their directions, in order."""


def scan_points(end: float, also: Sequence[float] = ()) -> list[float]:
    """Points from 0 to `end`, `end * (k / SCAN_POINTS)^2`: denser near zero, where accounts break first; `also`: points to be among them."""
    points = {end * (number / SCAN_POINTS) ** 2 for number in range(SCAN_POINTS + 1)} | {each for each in also if 0.0 < each < end}
    return sorted(points)


@dataclass(frozen=True)
class _Bracket:
    left: float
    right: float
    before: Reading
    after: Reading

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def change(self) -> float:
        return abs(self.after.figure - self.before.figure)


def first_crossings(
    scans: Sequence[Sequence[float]], measure: Measure, *, least: float, tolerance: float = TOLERANCE, on_round: Callable[[int], object] | None = None
) -> list[Crossing | None]:
    """Where each of several questions is first answered with yes; None where it is not at any point of its scan.

    All questions are scanned together, then all brackets are narrowed together: a round is one look at the book. In a round the first of
    the points at which the target is hit counts, so that of several crossings inside a bracket that can be told apart the nearest is kept.

    Args:
        scans: per question the points of its scan, ascending from 0.
        measure: asked once a round.
        least: smallest change of a figure that may be called a jump.
        tolerance: width of the last bracket, as a share of its right end.
        on_round: told how many points a round has looked at.
    """
    told = on_round or (lambda _points: None)
    asked = [(number, point) for number, scan in enumerate(scans) for point in scan]
    readings = iter(measure(asked))
    told(len(asked))
    found: list[Crossing | None] = []
    open_: dict[int, list[_Bracket]] = {}
    for number, scan in enumerate(scans):
        first = _first([(point, next(readings)) for point in scan])
        found.append(first if isinstance(first, Crossing) else None)
        if isinstance(first, _Bracket):
            open_[number] = [first]
    while open_:
        inner = {number: _inside(brackets[-1], scans[number][-1], tolerance) for number, brackets in open_.items()}
        for number in [number for number, points in inner.items() if not points]:
            found[number] = _crossing(open_.pop(number), least)
        asked = [(number, point) for number in open_ for point in inner[number]]
        if not asked:
            break
        readings = iter(measure(asked))
        told(len(asked))
        for number, brackets in open_.items():
            last = brackets[-1]
            narrower = _first([(last.left, last.before), *((point, next(readings)) for point in inner[number]), (last.right, last.after)])
            assert isinstance(narrower, _Bracket)
            brackets.append(narrower)
    return found


def _first(points: Sequence[tuple[float, Reading]]) -> _Bracket | Crossing | None:
    """The first bracket of a scan; a crossing without width where the target is hit at its first point."""
    for number, (point, reading) in enumerate(points):
        if not reading.hit:
            continue
        if number == 0:
            return Crossing(point, point, reading.figure, reading.figure, jump=False)
        before, figure = points[number - 1]
        return _Bracket(before, point, figure, reading)
    return None


def _inside(bracket: _Bracket, end: float, tolerance: float) -> list[float]:
    """Points that cut a bracket; none where it is narrow enough, or holds no number any more."""
    if bracket.width <= tolerance * max(bracket.right, _SMALLEST * end):
        return []
    points = (bracket.left + bracket.width * number / (POINTS_A_ROUND + 1) for number in range(1, POINTS_A_ROUND + 1))
    return sorted({point for point in points if bracket.left < point < bracket.right})


def _crossing(brackets: Sequence[_Bracket], least: float) -> Crossing:
    last = brackets[-1]
    wider = next((each for each in reversed(brackets) if each.width >= _WIDER * last.width), brackets[0])
    jump = last.change > least and last.change > 0.5 * wider.change
    return Crossing(last.left, last.right, last.before.figure, last.after.figure, jump)
