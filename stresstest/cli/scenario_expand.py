"""`stresstest scenarios expand`: what every factor is worth in every scenario, or the scenarios themselves, as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from stresstest.cli.completion import complete_scenario
from stresstest.cli.options import Debug, Json, LogFile, Quiet, Sets, Snapshot, Verbose
from stresstest.cli.scenario_inputs import AsOf, Given, Margin, settings_of
from stresstest.errors import counted

Factors = Literal["shocked", "moved", "all"]
What = Literal["factors", "scenarios"]


def expand(
    given: Given,
    out: Annotated[Path, typer.Option("--out", help="The file to write: .parquet or .csv; of scenarios .yaml or .parquet.")],
    what: Annotated[
        What, typer.Option("--as", help="Values of factors; or scenarios, with those that generators make, to be run again as they are.")
    ] = "factors",
    wanted: Annotated[
        list[str] | None, typer.Option("--id", autocompletion=complete_scenario, help="Only this scenario; may be given several times.")
    ] = None,
    factors: Annotated[
        Factors, typer.Option("--factors", help="Those that any scenario shocks, in all scenarios; those that a scenario moves; or all of the book.")
    ] = "shocked",
    snapshot: Snapshot = None,
    margin: Margin = None,
    as_of: AsOf = None,
    sets: Sets = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Write the value of every factor in every scenario: base, value, and the shift applied. Or write the scenarios themselves."""
    del debug
    from stresstest.cli.narration import narration
    from stresstest.cli.output import print_document
    from stresstest.errors import Reason, StressTestError
    from stresstest.runs.scenarios.expanding import expand as expand_to
    from stresstest.runs.scenarios.expanding import write_scenarios

    with narration("scenarios expand", quiet, verbose, log_file) as narrator:
        settings = settings_of(given, snapshot, margin, as_of, sets or [])
        if settings is None and what == "factors":
            hint = "Name a run file, or give --snapshot and --margin."
            raise StressTestError(Reason.USAGE, "factors have values on a book only, and none was named", hint=hint)
        if what == "scenarios":
            done = write_scenarios(settings or given, out, ids=wanted or (), force=force, console=narrator)
        else:
            assert settings is not None
            done = expand_to(settings, out, ids=wanted or (), which=factors, force=force, console=narrator)
        narrator.figures = {"rows": done.rows, "scenarios": done.scenarios}
        if as_json:
            print_document("expansion", {"file": str(done.file), "rows": done.rows, "scenarios": done.scenarios})
            return
        if not quiet:
            sys.stderr.write(f"{counted(done.rows, 'row' if what == 'factors' else 'shock')}, {counted(done.scenarios, 'scenario')} with the base\n")
        print(done.file)
