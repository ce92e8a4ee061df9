"""Reverse stress by plausibility on a book: the likeliest move that reaches a target, and the worst move that is still so likely."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Union

from stresstest.config import RunFile
from stresstest.errors import Reason, StressTestError
from stresstest.results.manifest import Manifest
from stresstest.results.plausible import Plausible
from stresstest.runs.console import Console, Logged
from stresstest.runs.planning import Plan
from stresstest.runs.reverse.asked import settings_of
from stresstest.runs.reverse.covariance import MoveTerms
from stresstest.runs.reverse.plausible_question import Question
from stresstest.runs.scenarios.expanding import SCENARIO_FORMATS, check_file, write_set
from stresstest.scenarios.scenario_set import ScenarioSet

if TYPE_CHECKING:
    from stresstest.runs.finished import FinishedRun

Base = Union[str, Path, RunFile, Plan, "FinishedRun"]


@dataclass(frozen=True)
class FoundMove:
    """What was found, and the move as a scenario set of one that can be written and run; None where the target was not reached, or is at base."""

    document: Plausible
    scenarios: ScenarioSet | None

    def write(self, out: str | Path, *, force: bool = False) -> Path:
        """Write the scenario found as an ordinary scenario file (`.yaml` or `.parquet`).

        Raises:
            StressTestError: usage, when there is nothing to write, or the file may not be replaced; environment, when it cannot be written.
        """
        out = Path(out).absolute()
        check_file(out, force, SCENARIO_FORMATS)
        if self.scenarios is None:
            raise StressTestError(Reason.USAGE, "there is no scenario to write", hint="The target was not reached, or is at base.")
        write_set(self.scenarios, out)
        return out


def likeliest_move(
    what: Base, target: str, asked: MoveTerms | None = None, *, snapshot: str | Path | None = None, console: Console | None = None
) -> FoundMove:
    """The move with the smallest Mahalanobis distance found at which the book, revalued in full, reaches the target.

    Args:
        what: a run file, settings, a plan; or a finished run or its folder, whose copies and snapshot are then meant. Its book must have a history.
        target: as for `reverse`.
        asked: covariance and reach.
        snapshot: where the snapshot is now.
        console: told of stages; default: the log.

    Raises:
        StressTestError: usage, for a target, account or factor that there is not; input data, where the history is missing, too short, or makes
            a singular covariance; every fault of margin file and snapshot.
    """
    settings, manifest = settings_of(what, snapshot)
    return answer(settings, target, "target", asked or MoveTerms(), manifest, console or Logged())


def worst_move(
    what: Base,
    target: str = "uncollateralised-loss",
    asked: MoveTerms | None = None,
    *,
    snapshot: str | Path | None = None,
    console: Console | None = None,
) -> FoundMove:
    """The move inside the ellipsoid of radius `asked.within` at which the target's figure is largest, of those found. See `likeliest_move`."""
    settings, manifest = settings_of(what, snapshot)
    return answer(settings, target, "worst", asked or MoveTerms(), manifest, console or Logged())


def answer(
    settings: RunFile, target: str, question: Literal["target", "worst"], asked: MoveTerms, manifest: Manifest | None, console: Console
) -> FoundMove:
    """`likeliest_move` or `worst_move` for settings; `manifest` of the finished run that they are of."""
    with Question(settings, target, question, asked, manifest, console) as put:
        return FoundMove(*(put.likeliest() if question == "target" else put.worst()))
