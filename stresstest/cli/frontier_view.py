"""What `stresstest reverse --frontier` prints for people."""

from __future__ import annotations

from stresstest.cli.figures import NOTHING, money_of
from stresstest.cli.output import shortened, text_table
from stresstest.runs.reverse.frontier_report import FrontierDirection, FrontierReport

LISTED_NAMES = 3


def frontier_text(report: FrontierReport) -> str:
    """Multiples by number of defaults, for prefunded and for all resources; then the losses of every direction that exhausts anything."""
    money = money_of([report.prefunded, report.assessments])
    currency = report.reporting_currency
    parts = [
        f"The smallest shock at which so many defaults exhaust the prefunded resources of {money(report.prefunded)} {currency}:",
        _smallest(report, total=False),
    ]
    if report.assessments:
        parts += [
            f"and these with the assessments of the other owners, of {money(report.assessments)} {currency} from all:",
            _smallest(report, total=True),
        ]
    else:
        parts += ["No owner can be called for an assessment (`owners.assessment_cap`): the prefunded resources are all there are."]
    for each in report.directions:
        if each.surface and each.frontier[-1].prefunded.at is not None:
            parts += [f"{shortened(each.along)}: losses of the largest owners together ({currency})", _surface(each)]
    return "\n\n".join(parts) + "\n"


def _at(direction: FrontierDirection, at: float | None) -> str:
    if at is None:
        return NOTHING
    return f"{at:.6g}" if direction.kind == "scenario" else f"{at:+.6g}"


def _smallest(report: FrontierReport, *, total: bool) -> str:
    rows = []
    for each in report.directions:
        points = [point.total if total else point.prefunded for point in each.frontier]
        rows.append((shortened(each.along), *(_at(each, point.at) for point in points), f"searched to {_at(each, each.searched_to)}"))
    counts = len(report.directions[0].frontier)
    header = ("along", *(f"{count} default{'' if count == 1 else 's'}" for count in range(1, counts + 1)), "")
    return text_table(header, rows, frozenset(range(1, counts + 1)))


def _surface(direction: FrontierDirection) -> str:
    money = money_of([loss for point in direction.surface for loss in point.losses])
    rows = []
    for point in direction.surface:
        fewest = point.smallest_set
        names = NOTHING if fewest is None else ", ".join(shortened(name) for name in fewest[:LISTED_NAMES])
        more = f" and {len(fewest) - LISTED_NAMES} more" if fewest is not None and len(fewest) > LISTED_NAMES else ""
        rows.append((_at(direction, point.at), *map(money, point.losses), names + more))
    counts = len(direction.surface[0].losses)
    header = ("multiple" if direction.kind == "scenario" else "shift", *(f"largest {count}" for count in range(1, counts + 1)), "fewest that exhaust")
    return text_table(header, rows, frozenset(range(counts + 1)))
