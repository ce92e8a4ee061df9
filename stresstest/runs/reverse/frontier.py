"""`reverse --frontier`: shock multiple by number of defaulting owners until prefunded, then all resources are exhausted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stresstest.config import RunFile
from stresstest.errors import Reason, StressTestError
from stresstest.results.manifest import Manifest
from stresstest.runs.console import Console, Logged
from stresstest.runs.planning import Plan
from stresstest.runs.reverse.asked import at_once, settings_of, staged
from stresstest.runs.reverse.frontier_report import Exhausted, FrontierDirection, FrontierPoint, FrontierReport, SurfacePoint
from stresstest.runs.reverse.searching import Point, check_numbers
from stresstest.runs.writing import resources_of
from stresstest.snapshot.book import Book
from stresstest.stress.reverse.directions import Direction, directions_of, scenarios_at, within_the_book
from stresstest.stress.reverse.frontier import MOST_OWNERS, Behind, LargestLosses
from stresstest.stress.reverse.measuring import Measurer
from stresstest.stress.reverse.search import TOLERANCE, Crossing, Reading, first_crossings, scan_points
from stresstest.stress.tolerance import TOLERANCE as CENT

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun

MULTIPLES = (0.5, 5.0, 10)
"""First, last and number of the points of the surface."""


def frontier(
    what: str | Path | RunFile | Plan | FinishedRun,
    *,
    along: str | Sequence[str] = (),
    multiples: tuple[float, float, int] = MULTIPLES,
    most: float | None = None,
    tolerance: float = TOLERANCE,
    snapshot: str | Path | None = None,
    console: Console | None = None,
) -> FrontierReport:
    """The coverage frontier: per direction and number of defaults (the owners with the largest losses) the smallest multiple that exhausts the
    prefunded resources, and these with the assessments of all others.

    Args:
        what: as for `reverse`.
        along: as for `reverse`.
        multiples: first, last and number of the points at which losses are also listed.
        most: as for `reverse`.
        tolerance: as for `reverse`.
        snapshot: as for `reverse`.
        console: as for `reverse`.

    Raises:
        StressTestError: as `reverse`; usage, where the run states no resources.
    """
    settings, manifest = settings_of(what, snapshot)
    words = [along] if isinstance(along, str) else list(along)
    return frontier_run(settings, words, multiples, most, tolerance, manifest, console or Logged())


def frontier_run(
    settings: RunFile,
    along: Sequence[str],
    multiples: tuple[float, float, int],
    most: float | None,
    tolerance: float,
    manifest: Manifest | None,
    console: Console,
) -> FrontierReport:
    """`frontier` for settings; `manifest` of the finished run that they are of.

    Raises:
        StressTestError: see `frontier`.
    """
    check_numbers(most, tolerance)
    first, last, count = multiples
    if not (0.0 < first <= last < np.inf and 1 <= count <= 1_000):
        hint = "FIRST:LAST:NUMBER, with 0 < FIRST <= LAST and at most 1,000 of them: 0.5:5:10."
        raise StressTestError(Reason.USAGE, f"no multiples: {first:g}:{last:g}:{count}", hint=hint)
    with staged(settings, manifest, console) as (book, rulebook, scenarios, measurer):
        behind = _behind(settings, book)
        with console.stage("directions"):
            directions = within_the_book(directions_of(along, scenarios, most), book.dimensions, rulebook)
        looker = _Looker(measurer, book, console)
        questions = [(direction, count, total) for direction in directions for count in range(1, MOST_OWNERS + 1) for total in (False, True)]

        def measure(asked: Sequence[tuple[int, float]]) -> list[Reading]:
            found = looker.losses([(questions[number][0], size) for number, size in asked])
            return [behind.reading(each, questions[number][1], total=questions[number][2]) for each, (number, _) in zip(found, asked, strict=True)]

        scans = [scan_points(direction.end, [1.0] if direction.kind == "scenario" else []) for direction, _, _ in questions]
        crossings = first_crossings(scans, measure, least=CENT, tolerance=tolerance)
        names = book.dimensions.owners["owner_id"].to_list()
        made = []
        for number, direction in enumerate(directions):
            mine = crossings[number * 2 * MOST_OWNERS : (number + 1) * 2 * MOST_OWNERS]
            ends = looker.losses([(direction, each.right) for each in mine if each is not None])
            made.append(_direction(direction, mine, ends, looker.surface(direction, multiples), behind, names))
        return FrontierReport(
            as_of=book.dimensions.as_of.isoformat(),
            reporting_currency=book.dimensions.reporting_currency,
            prefunded=behind.prefunded,
            assessments=behind.assessments,
            tolerance=tolerance,
            computed=looker.computed,
            directions=tuple(made),
        )


def _behind(settings: RunFile, book: Book) -> Behind:
    stated = resources_of(settings, book.default_fund)
    if stated is None or stated.total <= 0.0:
        hint = "State `resources` in the run file (--set resources.insurance_fund=1000000), or contributions in the owners table."
        raise StressTestError(Reason.USAGE, "the run states no resources that could be exhausted", hint=hint)
    caps = enumerate(book.dimensions.owners["assessment_cap"].to_list())
    return Behind(stated.total, book.assessments, {code: cap for code, cap in caps if cap})


class _Looker:
    """Largest owner losses at points of directions; what was looked at is remembered, since many questions share their scan."""

    def __init__(self, measurer: Measurer, book: Book, console: Console) -> None:
        self._measurer, self._blocks, self._console = measurer, book.blocks, console
        self._at_once = at_once(book)
        self._known: dict[tuple[str, float], LargestLosses] = {}

    @property
    def computed(self) -> int:
        """Scenarios that the book was looked at in."""
        return len(self._known)

    def losses(self, points: Sequence[Point]) -> list[LargestLosses]:
        """The largest losses at points, in order."""
        new = list({(direction.label, size): (direction, size) for direction, size in points if (direction.label, size) not in self._known}.values())
        batches = [new[first : first + self._at_once] for first in range(0, len(new), self._at_once)]
        if new:
            with self._console.stage(f"{len(new):,} scenarios", self._blocks * len(batches)) as advance:
                for batch in batches:
                    states = self._measurer.whole_book(scenarios_at(batch), advance)
                    for place, (direction, size) in enumerate(batch, start=1):
                        losing = states.owner_loss[:, place] > 0.0
                        losses, owners = states.owner_loss[losing, place], states.owner[losing, place]
                        self._known[direction.label, size] = LargestLosses(tuple(losses.tolist()), tuple(owners.tolist()))
        return [self._known[direction.label, size] for direction, size in points]

    def surface(self, direction: Direction, multiples: tuple[float, float, int]) -> list[tuple[float, LargestLosses]]:
        """Losses at evenly spaced points, as far as the direction goes."""
        sizes = [size for size in np.linspace(*multiples).tolist() if size <= direction.end]
        return list(zip(sizes, self.losses([(direction, size) for size in sizes]), strict=True))


def _direction(
    direction: Direction,
    crossings: Sequence[Crossing | None],
    ends: Sequence[LargestLosses],
    surface: Sequence[tuple[float, LargestLosses]],
    behind: Behind,
    names: Sequence[str],
) -> FrontierDirection:
    there = iter(ends)
    exhausted = []
    for number, crossing in enumerate(crossings):
        owners = () if crossing is None else next(there).defaulting(number // 2 + 1)
        exhausted.append(
            Exhausted(
                at=None if crossing is None else direction.sign * crossing.right + 0.0,
                loss=None if crossing is None else crossing.right_figure,
                owners=tuple(names[owner] for owner in owners),
            )
        )
    points = []
    for size, found in surface:
        fewest = behind.smallest_set(found)
        points.append(
            SurfacePoint(
                at=direction.sign * size,
                losses=tuple(found.of_the_largest(count) for count in range(1, MOST_OWNERS + 1)),
                smallest_set=None if fewest is None else tuple(names[owner] for owner in fewest),
            )
        )
    return FrontierDirection(
        along=direction.label,
        kind=direction.kind,
        name=direction.scenario.name,
        searched_to=direction.sign * direction.end,
        stopped=direction.stopped,
        frontier=tuple(FrontierPoint(defaults=k + 1, prefunded=exhausted[2 * k], total=exhausted[2 * k + 1]) for k in range(MOST_OWNERS)),
        surface=tuple(points),
    )
