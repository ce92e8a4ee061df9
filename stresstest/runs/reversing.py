"""`reverse`: what would it take? The smallest multiple of a scenario, or shift of a factor, at which a target is hit."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from stresstest.config import RunFile, keyword_overrides, load_run
from stresstest.errors import Reason, StressTestError
from stresstest.executors import make_executor
from stresstest.margin.rulebook import Rulebook
from stresstest.results.documents import read_document
from stresstest.results.inputs import FOLDER, RUN, changed_documents
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest
from stresstest.runs.console import Console, Logged
from stresstest.runs.explaining import account_code, same_inputs
from stresstest.runs.installation import kernels_to_compile
from stresstest.runs.planning import Plan, attempt, load_documents, merged, scenarios_on
from stresstest.runs.reverse_report import (
    Answer,
    LargestMove,
    NearestEvent,
    Outcome,
    PlausibilityDocument,
    ReverseReport,
    ReverseTarget,
    Side,
    StoryDocument,
)
from stresstest.runs.scenarios.expanding import SCENARIO_FORMATS, check_file, write_set
from stresstest.runs.staging import stage, workers
from stresstest.runs.writing import resources_of
from stresstest.scenarios.factors import split_factor
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, SHOCKS, ScenarioSet, only
from stresstest.snapshot.book import Book, Dimensions
from stresstest.stress.limits import check_limits
from stresstest.stress.reverse.directions import Direction, directions_of, scenarios_at, split_name, within_the_book
from stresstest.stress.reverse.measuring import Measurer
from stresstest.stress.reverse.search import TOLERANCE, Crossing, Reading, first_crossings, scan_points
from stresstest.stress.reverse.story import Story, Storyteller
from stresstest.stress.reverse.targets import FIGURES, Target, account_readings, book_readings, parse_target
from stresstest.valuation.value import value_instruments

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun

LIBRARY = "library:crisis"
_VALUES_AT_ONCE = 2_000_000
_MOST_AT_ONCE = 2_000
"""Scenarios that the book is looked at in at once, and the values of instruments and assets that this may make: bounds memory, by the book alone."""

Point = tuple[Direction, float]


@dataclass(frozen=True)
class Reversed:
    """What a reverse stress test found: the document `report`, and the `scenarios` found as an ordinary set, in the order of the answers."""

    report: ReverseReport
    scenarios: ScenarioSet

    def __repr__(self) -> str:
        reached = sum(each.outcome == "reached" for each in self.report.answers)
        return f"<Reversed {self.report.target.text}: reached along {reached} of {len(self.report.answers)} directions>"

    @property
    def table(self) -> pl.DataFrame:
        """The answers as a table: a row a direction."""
        rows = [
            {
                "along": each.along,
                "outcome": each.outcome,
                "multiple": each.multiple,
                "shift": each.shift,
                "searched_to": each.searched_to,
                "left": each.left and each.left.at,
                "figure_left": each.left and each.left.figure,
                "right": each.right and each.right.at,
                "figure_right": each.right and each.right.figure,
                "jump": each.jump,
            }
            for each in self.report.answers
        ]
        numbers = ("multiple", "shift", "searched_to", "left", "figure_left", "right", "figure_right")
        schema = {"along": pl.String, "outcome": pl.String, **dict.fromkeys(numbers, pl.Float64), "jump": pl.Boolean}
        return pl.DataFrame(rows, schema=schema)

    def write(self, out: str | Path, *, force: bool = False) -> Path:
        """Write the scenarios found as an ordinary scenario file (`.yaml` or `.parquet`), which `run` hits the target with.

        Raises:
            StressTestError: usage, when there is nothing to write, or the file may not be replaced; environment, when it cannot be written.
        """
        out = Path(out).absolute()
        check_file(out, force, SCENARIO_FORMATS)
        if len(self.scenarios) == 1:
            raise StressTestError(Reason.USAGE, "there is no scenario to write", hint="The target was reached along no direction.")
        write_set(self.scenarios, out)
        return out


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


def settings_of(what: str | Path | RunFile | Plan | FinishedRun, snapshot: str | Path | None) -> tuple[RunFile, Manifest | None]:
    """The settings that are meant, and of a finished run its manifest."""
    overrides = keyword_overrides({"snapshot": snapshot})
    if isinstance(what, Plan):
        what = what.settings
    if isinstance(what, RunFile):
        return what if snapshot is None else what.model_copy(update={"snapshot": str(Path(snapshot).absolute())}), None
    path = Path(what) if isinstance(what, (str, Path)) else what.folder
    if not path.is_dir():
        return load_run(path, overrides), None
    return load_run(path / FOLDER / RUN, overrides), manifest_of(path)


def manifest_of(folder: Path) -> Manifest:
    """The manifest of a finished run whose copies of documents are as the run left them.

    Raises:
        StressTestError: input data, when it is no finished run or was changed.
    """
    manifest = read_document(Manifest, folder / MANIFEST)
    if faults := changed_documents(folder, manifest.documents):
        raise StressTestError(Reason.INPUT_DATA, "the result folder is not as its run left it", faults)
    return manifest


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
            return _told(target, wanted, tolerance, directions, crossings, book, rulebook, asker.computed)


def check_numbers(most: float | None, tolerance: float) -> None:
    """Refuse an end or a tolerance that no search can have.

    Raises:
        StressTestError: usage.
    """
    if most is not None and not 0.0 < most < np.inf:
        raise StressTestError(Reason.USAGE, f"`most` must be above zero, not {most:g}", hint="It is how far is looked: 5 multiples, 0.5 of a factor.")
    if not 1e-12 <= tolerance <= 0.1:
        raise StressTestError(Reason.USAGE, f"a tolerance of {tolerance:g} is no use", hint="Give one between 1e-12 and 0.1; default: 1e-9.")


def at_once(book: Book) -> int:
    """How many scenarios a book is looked at in at once."""
    values = book.dimensions.instruments.height + book.dimensions.assets.height
    return min(_MOST_AT_ONCE, max(32, _VALUES_AT_ONCE // max(values, 1)))


@contextmanager
def staged(settings: RunFile, manifest: Manifest | None, console: Console) -> Iterator[tuple[Book, Rulebook, ScenarioSet, Measurer]]:
    """The book of a run, staged for as long as the context lasts, with its rules and scenarios, and somebody to look at it."""
    refusals: list[StressTestError] = []
    with console.stage("documents"):
        scenarios, rulebook = load_documents(settings, refusals)
    with tempfile.TemporaryDirectory(prefix="stresstest-reverse-") as folder:
        book = None
        if rulebook is not None:
            with console.stage("snapshot"):
                book = attempt(lambda: stage(settings, rulebook, Path(folder)), refusals)
        if book is None or scenarios is None or rulebook is None or refusals:
            raise merged(refusals)
        if manifest is not None:
            same_inputs(book, manifest, settings)
        scenarios = scenarios_on(book, settings, scenarios)
        base, _ = resolve(only(scenarios, []), book.dimensions, rulebook.margin_names())
        check_limits(book, base, value_instruments(book.dimensions, base), rulebook)
        wait = kernels_to_compile()
        if wait is not None:
            console.announce(wait)
        with make_executor(settings.executor, workers(settings), Path(folder)) as executor:
            yield book, rulebook, scenarios, Measurer(book, rulebook, executor)


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


def _told(
    text: str,
    target: Target,
    tolerance: float,
    directions: Sequence[Direction],
    crossings: Sequence[Crossing | None],
    book: Book,
    rulebook: Rulebook,
    computed: int,
) -> Reversed:
    """Answers in order, and the scenarios found with their stories."""

    def rank(pair: tuple[Direction, Crossing | None]) -> tuple[bool, bool, float, str]:
        direction, crossing = pair
        return direction.kind == "factor", crossing is None, 0.0 if crossing is None else crossing.right, direction.label

    ordered = sorted(zip(directions, crossings, strict=True), key=rank)
    found = [(direction, crossing) for direction, crossing in ordered if crossing is not None and not crossing.at_base]
    ids, stories, scenarios = _stories(target, found, book, rulebook)
    report = ReverseReport(
        as_of=book.dimensions.as_of.isoformat(),
        reporting_currency=book.dimensions.reporting_currency,
        target=ReverseTarget(
            text=text,
            words=target.words(),
            account=target.account,
            threshold=target.threshold,
            figure=FIGURES[target.kind],
            unit="accounts" if target.counts else "reporting currency",
        ),
        tolerance=tolerance,
        computed=computed,
        answers=tuple(
            _answer(direction, crossing, ids.get(direction.label), stories.get(direction.label), book.dimensions) for direction, crossing in ordered
        ),
    )
    return Reversed(report, scenarios)


def _stories(
    target: Target, found: Sequence[tuple[Direction, Crossing]], book: Book, rulebook: Rulebook
) -> tuple[dict[str, str], dict[str, Story], ScenarioSet]:
    """Ids and stories by direction, and the scenarios found as an ordinary set."""
    if not found:
        return {}, {}, ScenarioSet((BASE,), pl.DataFrame(schema=SHOCKS), "reverse")
    made = scenarios_at([(direction, crossing.right) for direction, crossing in found])
    resolved, _ = resolve(made, book.dimensions, rulebook.margin_names())
    teller = Storyteller(book, rulebook, events_of(book, rulebook))
    any_book = any(each.any_book for each in made.scenarios)
    ids: dict[str, str] = {}
    stories: dict[str, Story] = {}
    scenarios = [BASE]
    for number, (direction, crossing) in enumerate(found, start=1):
        story = teller.story(direction.scenario, resolved, number)
        name = _id(f"reverse.{target.kind}.{direction.label}", set(ids.values()))
        far = direction.words(crossing.right)
        how = "jumps there" if crossing.jump else "is reached"
        source = f"smallest shock along {direction.label} at which {target.words()} ({far}; the figure {how}); {story.words()}"
        # A scenario written for any book may shock what is the reporting currency here, which an ordinary one may not.
        scenarios.append(replace(made.scenarios[number], id=name, name=far, family="reverse", source=source, weight=None, any_book=any_book))
        ids[direction.label], stories[direction.label] = name, story
    return ids, stories, replace(made, scenarios=tuple(scenarios), name=f"reverse: {target.kind}")


def events_of(book: Book, rulebook: Rulebook) -> ScenarioSet:
    """The library of historical events, without those that cannot be applied to the book."""
    events = load_scenarios([LIBRARY])

    def applies(ids: Sequence[str]) -> bool:
        try:
            resolve(only(events, ids), book.dimensions, rulebook.margin_names())
        except StressTestError:
            return False
        return True

    return events if applies(events.ids) else only(events, [each for each in events.ids if applies([each])])


def _id(text: str, taken: set[str]) -> str:
    """A scenario id made of a text, that none of the others has."""
    plain = re.sub(r"[^a-z0-9_.-]", "_", text.lower())
    number, found = 1, plain
    while found in taken:
        number += 1
        found = f"{plain}_{number}"
    return found


def _answer(direction: Direction, crossing: Crossing | None, scenario_id: str | None, story: Story | None, dimensions: Dimensions) -> Answer:
    factor = direction.kind == "factor"
    outcome: Outcome = "not reachable" if crossing is None else "at base" if crossing.at_base else "reached"
    right = None if crossing is None else direction.sign * crossing.right + 0.0
    sides = (None, None) if crossing is None else tuple(
        Side(at=direction.sign * at + 0.0, level=_level(direction, at, dimensions), figure=figure)
        for at, figure in ((crossing.left, crossing.left_figure), (crossing.right, crossing.right_figure))
    )  # fmt: skip
    return Answer(
        along=direction.label,
        kind=direction.kind,
        name=direction.scenario.name,
        outcome=outcome,
        searched_to=direction.sign * direction.end,
        stopped=direction.stopped,
        multiple=None if factor else right,
        shift=right if factor else None,
        shift_type=direction.shift if factor else None,
        left=sides[0],
        right=sides[1],
        jump=None if crossing is None else crossing.jump,
        scenario_id=scenario_id,
        story=None if story is None else _story(story),
    )


def _level(direction: Direction, size: float, dimensions: Dimensions) -> float | None:
    """The price at a point of a direction that is one price."""
    if direction.kind != "factor":
        return None
    kind, name = split_factor(split_name(direction.label))
    at = dimensions.assets["asset"].index_of(name) if kind == "spot" else None
    return None if at is None else float(dimensions.assets["price"][at]) * (1.0 + direction.sign * size)


def _story(story: Story) -> StoryDocument:
    nearest, far = story.nearest, story.plausibility
    return StoryDocument(
        moved=story.moved,
        largest_moves=tuple(LargestMove(asset=move.asset, change=move.change) for move in story.moves),
        nearest_event=None if nearest is None else NearestEvent(**vars(nearest)),
        plausibility=None if far is None else PlausibilityDocument(**vars(far)),
        why_no_plausibility=story.why_no_plausibility,
    )
