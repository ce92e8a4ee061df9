"""What `stresstest reverse --grid` prints for people."""

from __future__ import annotations

from stresstest.cli.figures import NOTHING, money
from stresstest.cli.output import printable, text_table
from stresstest.runs.reverse.grid_report import ContourPoint, GridAxis, GridReport

HIT, MISSED = "X", "."


def grid_text(report: GridReport) -> str:
    """A row a value of the first axis: which cells are hit, in the order of the second axis, and where it is hit first."""
    target = report.target
    accounts = target.unit == "accounts"
    currency = f" {report.reporting_currency}" if not accounts and target.threshold is not None else ""
    first, second = report.first, report.second
    unit = "accounts" if accounts else report.reporting_currency
    header = (first.along, f"{_at(second, second.values[0])} to {_at(second, second.values[-1])}", f"hit from {second.along}", f"there ({unit})", "")
    rows = [
        (
            _at(first, point.at),
            "".join(HIT if hit else MISSED for hit in row),
            NOTHING if point.right is None else _at(second, point.right),
            NOTHING if point.figure_right is None else f"{point.figure_right:,.0f}" if accounts else money(point.figure_right),
            _remark(point),
        )
        for row, point in zip(report.hit, report.contour, strict=True)
    ]
    head = f"Where {printable(target.words)}{currency}, {printable(first.along)} by {printable(second.along)} ({HIT} hit, {MISSED} not):"
    return f"{head}\n\n{text_table(header, rows, frozenset((0, 2, 3)))}\n"


def _at(axis: GridAxis, value: float) -> str:
    if axis.kind == "scenario":
        return f"{value:.6g}"
    return f"{100.0 * value:+.6g}%" if axis.shift_type == "relative" else f"{value:+.6g}"


def _remark(point: ContourPoint) -> str:
    if point.right is None:
        return "nowhere on the axis"
    if point.left == point.right:
        return "from its first value"
    return "jump" if point.jump else ""
