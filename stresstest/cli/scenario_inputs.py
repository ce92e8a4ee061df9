"""What the commands of `scenarios` are given: a run, or scenario files with or without a book."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stresstest.cli.completion import complete_scenario_file

if TYPE_CHECKING:
    from stresstest.config import RunFile
    from stresstest.scenarios.scenario_set import ScenarioSet

Given = Annotated[
    list[str],
    typer.Argument(
        autocompletion=complete_scenario_file,
        help="A run file (or the folder of a finished run), and then, if its own are not meant, scenario files; or scenario files alone.",
        metavar="RUN.yaml|FILE...",
    ),
]
Margin = Annotated[str | None, typer.Option("--margin", help="Margin file; a run file names its own.")]
AsOf = Annotated[str | None, typer.Option("--as-of", help="Moment of the snapshot, for example 2026-11-19T16:00:00Z.")]


def settings_of(given: Sequence[str], snapshot: str | None, margin: str | None, as_of: str | None, sets: Sequence[str]) -> RunFile | None:
    """The run that is meant: a run file with everything applied, or scenario files on a snapshot; None for scenario files without one.

    Raises:
        StressTestError: usage, when a run file is not the first or a snapshot comes without margin file; every fault of the settings.
    """
    from stresstest.cli.light_scan import run_file_of
    from stresstest.cli.settings import laid_over
    from stresstest.config import load_run, settings_with
    from stresstest.errors import Fault, Reason, StressTestError

    runs = [run_file_of(Path(each)) for each in given]
    if any(runs[1:]):
        faults = [Fault("is a run file, and not the first", "Name the run file first, then scenario files.", file=each)
                  for each, run in zip(given[1:], runs[1:], strict=True) if run is not None]  # fmt: skip
        raise StressTestError(Reason.USAGE, "one run at a time", faults)
    files = list(given) if runs[0] is None else list(given[1:])
    overrides = laid_over({"snapshot": snapshot, "margin": margin, "as_of": as_of, "scenarios": files or None}, sets)
    if runs[0] is not None:
        return load_run(runs[0], overrides)
    there = {"snapshot", "margin"} & overrides.keys()
    if len(there) == 1:
        (key,) = there
        other = "margin file" if key == "snapshot" else "snapshot"
        hint = "Schedules and models of a snapshot are those of a margin file: give both, or name a run file."
        raise StressTestError(Reason.USAGE, f"{overrides[key].origin} names a {key} without a {other}", hint=hint)
    return settings_with(overrides) if there else None


def scenarios_of(given: Sequence[str]) -> ScenarioSet:
    """The scenarios of a run, with the headline that it chooses, or those of scenario files; without those that generators make of a history.

    Raises:
        StressTestError: usage, when a run file is not the first; every fault of the settings and of the scenarios.
    """
    from stresstest.cli.light_scan import run_file_of
    from stresstest.runs.planning import load_scenarios_of
    from stresstest.scenarios.files import load_scenarios

    # Scenario files alone are the same whatever snapshot the environment names.
    settings = settings_of(given, None, None, None, []) if any(run_file_of(Path(each)) for each in given) else None
    return load_scenarios(given) if settings is None else load_scenarios_of(settings)
