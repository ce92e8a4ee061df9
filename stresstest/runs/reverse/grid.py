"""`reverse --grid`: two things together, and where the one must stand for a target to be hit at each value of the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from stresstest.config import RunFile
from stresstest.results.manifest import Manifest
from stresstest.runs.console import Console, Logged
from stresstest.runs.explaining import account_code
from stresstest.runs.planning import Plan
from stresstest.runs.reverse.answers import target_document
from stresstest.runs.reverse.asked import settings_of, staged
from stresstest.runs.reverse.grid_report import ContourPoint, GridAxis, GridReport
from stresstest.runs.reverse.searching import Asker, check_numbers
from stresstest.runs.writing import resources_of
from stresstest.stress.reverse.grids import Axis, axis_of, cell, check_axes
from stresstest.stress.reverse.search import Crossing, Reading, first_crossings
from stresstest.stress.reverse.targets import parse_target

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun

TOLERANCE = 1e-6
"""How closely a contour is found unless asked otherwise, as a share of the way along the axis."""


def breach_grid(
    what: str | Path | RunFile | Plan | FinishedRun,
    target: str,
    first: str,
    second: str,
    *,
    tolerance: float = TOLERANCE,
    snapshot: str | Path | None = None,
    console: Console | None = None,
) -> GridReport:
    """Whether a target is hit in every cell of a grid of two axes, and the contour: the first place along the second axis, per value of the first.

    Every row is scanned at the values of the second axis, and the bracket of the first hit is narrowed as along any direction: what is hit and
    missed again between two values is not seen.

    Args:
        what: as for `reverse`.
        target: as for `reverse`.
        first: an axis, FACTOR=FIRST:LAST:NUMBER (`spot:BTC=-0.5:0.5:21`, shifts) or SCENARIO=FIRST:LAST:NUMBER (`crash=0:3:13`, multiples).
        second: the other, along which the contour is found.
        tolerance: width of the last bracket, as a share of the way along the axis.
        snapshot: as for `reverse`.
        console: as for `reverse`.

    Raises:
        StressTestError: as `reverse`; usage, for axes that cannot be read or shock the same; scenario, for one that goes to a price of zero or below.
    """
    settings, manifest = settings_of(what, snapshot)
    return grid_run(settings, target, (first, second), tolerance, manifest, console or Logged())


def grid_run(settings: RunFile, target: str, grid: tuple[str, str], tolerance: float, manifest: Manifest | None, console: Console) -> GridReport:
    """`breach_grid` for settings; `manifest` of the finished run that they are of."""
    wanted = parse_target(target)
    check_numbers(None, tolerance)
    with staged(settings, manifest, console) as (book, rulebook, scenarios, measurer):
        stated = resources_of(settings, book.default_fund)
        wanted = wanted.settled(None if stated is None else stated.total, settings.resources.insurance_fund)
        code = None if wanted.account is None else account_code(book, wanted.account)
        first, second = axes = [axis_of(text, scenarios) for text in grid]
        check_axes(axes, book.dimensions, rulebook)
        asker = Asker(measurer, book, wanted, code, console)
        cells: list[Reading] = []

        def measure(asked: Sequence[tuple[int, float]]) -> list[Reading]:
            found = asker.readings([(cell(axes, first.values[row], second.value(share)), 1.0) for row, share in asked])
            # The first round is the scan: all cells, row by row.
            cells.extend(() if cells else found)
            return found

        width = len(second.values)
        shares = [step / (width - 1) for step in range(width)]
        crossings = first_crossings([shares] * len(first.values), measure, least=wanted.least_jump, tolerance=tolerance)
        rows = [cells[begin : begin + width] for begin in range(0, len(cells), width)]
        return GridReport(
            as_of=book.dimensions.as_of.isoformat(),
            reporting_currency=book.dimensions.reporting_currency,
            target=target_document(target, wanted),
            first=_axis(first),
            second=_axis(second),
            hit=tuple(tuple(each.hit for each in row) for row in rows),
            figures=tuple(tuple(each.figure for each in row) for row in rows),
            contour=tuple(_point(at, crossing, second) for at, crossing in zip(first.values, crossings, strict=True)),
            tolerance=tolerance,
            computed=asker.computed,
        )


def _axis(axis: Axis) -> GridAxis:
    factor = axis.up.kind == "factor"
    return GridAxis(along=axis.label, kind=axis.up.kind, shift_type=axis.up.shift if factor else None, values=axis.values)


def _point(at: float, crossing: Crossing | None, axis: Axis) -> ContourPoint:
    if crossing is None:
        return ContourPoint(at=at, left=None, right=None, figure_left=None, figure_right=None, jump=None)
    return ContourPoint(
        at=at,
        left=axis.value(crossing.left),
        right=axis.value(crossing.right),
        figure_left=crossing.left_figure,
        figure_right=crossing.right_figure,
        jump=crossing.jump,
    )
