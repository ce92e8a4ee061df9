"""`reverse`: what would it take? The smallest multiple of a scenario, or shift of a factor, at which a target is hit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stresstest.config import RunFile
from stresstest.errors import Reason, StressTestError
from stresstest.results.manifest import Manifest
from stresstest.runs.console import Console, Logged
from stresstest.runs.explaining import account_code
from stresstest.runs.planning import Plan
from stresstest.runs.reverse.answers import Reversed, told
from stresstest.runs.reverse.asked import at_once, settings_of, staged
from stresstest.runs.writing import resources_of
from stresstest.snapshot.book import Book
from stresstest.stress.reverse.directions import Direction, directions_of, scenarios_at, within_the_book
from stresstest.stress.reverse.measuring import Measurer
from stresstest.stress.reverse.search import TOLERANCE, Reading, first_crossings, scan_points
from stresstest.stress.reverse.targets import Target, account_readings, book_readings, parse_target

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun


Point = tuple[Direction, float]


def reverse(
    what: str | Path | RunFile | Plan | FinishedRun,
    target: str,
    *,
    along: str | Sequence[str] = (),
    most: float | None = None,
    tolerance: float = TOLERANCE,
    snapshot: str | Path | None = None,
    console: Console | None = None,
) -> Reversed:
    """How far scenarios or factors must go until a target is hit: the first crossing on the way out, bracketed and refined.

    Args:
        what: a run file, settings, a plan; or a finished run or its folder, whose copies and snapshot are then meant.
        target: `shortfall:ACCOUNT`, `default:ACCOUNT`, `accounts-in-shortfall:NUMBER`, `accounts-in-default:NUMBER`, `cover-1`, `cover-2` (above the
            resources), `uncollateralised-loss` (above the insurance fund); the last three also with `:AMOUNT`.
        along: scenario ids, factors (`spot:BTC`, both ways), `spot:BTC:up`, `spot:BTC:down`; default: every headline scenario.
        most: how far is looked; default: 5 multiples of a scenario, -100 % and +400 % of a factor.
        tolerance: width of the bracket that the answer is known to, relative.
        snapshot: where the snapshot is now.
        console: told of stages; default: the log.

    Raises:
        StressTestError: usage, for an unknown target, account, scenario or factor; every fault of the run's files; input data, when the
            snapshot is not the one of a finished run.
    """
    settings, manifest = settings_of(what, snapshot)
    words = [along] if isinstance(along, str) else list(along)
    return reverse_run(settings, target, words, most, tolerance, manifest, console or Logged())


def reverse_run(
    settings: RunFile, target: str, along: Sequence[str], most: float | None, tolerance: float, manifest: Manifest | None, console: Console
) -> Reversed:
    """`reverse` for settings; `manifest` of the finished run that they are of."""
    wanted = parse_target(target)
    check_numbers(most, tolerance)
    with staged(settings, manifest, console) as (book, rulebook, scenarios, measurer):
        stated = resources_of(settings, book.default_fund)
        wanted = wanted.settled(None if stated is None else stated.total, settings.resources.insurance_fund)
        code = None if wanted.account is None else account_code(book, wanted.account)
        with console.stage("directions"):
            directions = within_the_book(directions_of(along, scenarios, most), book.dimensions, rulebook)
        asker = Asker(measurer, book, wanted, code, console)
        scans = [scan_points(each.end, [1.0] if each.kind == "scenario" else []) for each in directions]
        crossings = first_crossings(
            scans, lambda asked: asker.readings([(directions[number], size) for number, size in asked]), least=wanted.least_jump, tolerance=tolerance
        )
        with console.stage("story"):
            return told(target, wanted, tolerance, directions, crossings, book, rulebook, asker.computed)


def check_numbers(most: float | None, tolerance: float) -> None:
    """Refuse an end or a tolerance that no search can have.

    Raises:
        StressTestError: usage.
    """
    if most is not None and not 0.0 < most < np.inf:
        raise StressTestError(Reason.USAGE, f"`most` must be above zero, not {most:g}", hint="It is how far is looked: 5 multiples, 0.5 of a factor.")
    if not 1e-12 <= tolerance <= 0.1:
        raise StressTestError(Reason.USAGE, f"a tolerance of {tolerance:g} is no use", hint="Give one between 1e-12 and 0.1; default: 1e-9.")


class Asker:
    """Asks a book for a target's readings at points of directions, as many at once as memory allows; counts what was computed."""

    def __init__(self, measurer: Measurer, book: Book, target: Target, code: int | None, console: Console) -> None:
        self._measurer, self._target, self._code, self._console = measurer, target, code, console
        self._blocks = 1 if code is not None else book.blocks
        self._at_once = at_once(book)
        self.computed = 0

    def readings(self, points: Sequence[Point]) -> list[Reading]:
        """The readings at points, in order."""
        batches = [points[first : first + self._at_once] for first in range(0, len(points), self._at_once)]
        self.computed += len(points)
        with self._console.stage(f"{len(points):,} scenarios", self._blocks * len(batches)) as advance:
            return [reading for batch in batches for reading in self._batch(batch, advance)]

    def _batch(self, points: Sequence[Point], advance: Callable[[int], object]) -> list[Reading]:
        scenarios = scenarios_at(points)
        if self._code is None:
            return book_readings(self._target, self._measurer.whole_book(scenarios, advance))[1:]
        found = account_readings(self._target, self._measurer.account(self._code, scenarios))[1:]
        advance(1)
        return found
