"""`stresstest validate`: everything wrong with snapshot, scenarios and margin file, at once, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.options import Debug, Json, Quiet, Snapshot, Verbose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest validate run.yaml --json", short_help="Check all inputs of a run, compute nothing.")(validate)


def validate(
    run_file: Annotated[Path, typer.Argument(help="The run file.", metavar="RUN.yaml")],
    snapshot: Snapshot = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="Any key of the run file: a.b=c.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Check run file, snapshot, scenarios and margin file without computing anything."""
    del debug
    from stresstest.cli.faults import error_document, print_error
    from stresstest.cli.output import print_document, printable
    from stresstest.cli.settings import load
    from stresstest.cli.terminal import Terminal
    from stresstest.errors import StressTestError
    from stresstest.runs.checking import validate as check

    try:
        checked = check(load(run_file, {"snapshot": None if snapshot is None else str(snapshot)}, sets or []), Terminal(quiet, verbose))
    except StressTestError as error:
        if not as_json:
            raise
        print_document("validation", {"valid": False, **error_document(error)})
        print_error(error)
        raise typer.Exit(error.exit_code) from None
    if as_json:
        print_document("validation", {"valid": True, **checked.document()})
    elif not quiet:
        print("\n".join(map(printable, checked.lines())))
