"""What was found along directions, as a document and as scenarios that tell their story."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.runs.reverse.report import (
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
from stresstest.scenarios.factors import split_factor
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, SHOCKS, ScenarioSet, only
from stresstest.snapshot.book import Book, Dimensions
from stresstest.stress.reverse.directions import Direction, scenarios_at, split_name
from stresstest.stress.reverse.search import Crossing
from stresstest.stress.reverse.story import Story, Storyteller
from stresstest.stress.reverse.targets import FIGURES, Target

LIBRARY = "library:crisis"


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


def told(
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
        target=target_document(text, target),
        tolerance=tolerance,
        computed=computed,
        answers=tuple(
            _answer(direction, crossing, ids.get(direction.label), stories.get(direction.label), book.dimensions) for direction, crossing in ordered
        ),
    )
    return Reversed(report, scenarios)


def target_document(text: str, target: Target) -> ReverseTarget:
    """A target, settled, as documents name it."""
    return ReverseTarget(
        text=text,
        words=target.words(),
        account=target.account,
        threshold=target.threshold,
        figure=FIGURES[target.kind],
        unit="accounts" if target.counts else "reporting currency",
    )


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
        of = f".{target.account}" if target.account else ""  # so that the files of two accounts can be run together
        name = _id(f"reverse.{target.kind}{of}.{direction.label}", set(ids.values()))
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
    plain = re.sub(r"[^a-z0-9_.-]", "_", text.lower().replace("*", "all"))
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
