"""`stresstest validate`: everything wrong with snapshot, scenarios and margin file, at once, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import stresstest
from stresstest.cli.options import Debug, Json, LogFile, Quiet, Sets, Snapshot, Verbose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest validate run.yaml --json", short_help="Check all inputs of a run, compute nothing.")(validate)


def validate(
    run_file: Annotated[Path, typer.Argument(help="The run file.", metavar="RUN.yaml")],
    snapshot: Snapshot = None,
    sets: Sets = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Check run file, snapshot, scenarios and margin file without computing anything."""
    del debug
    from stresstest.cli.faults import error_document, print_error
    from stresstest.cli.narration import narration
    from stresstest.cli.output import print_document, printable
    from stresstest.cli.settings import load
    from stresstest.errors import StressTestError
    from stresstest.runs.operators.watch import check_operators

    with narration("validate", quiet, verbose, log_file) as narrator:
        try:
            settings = load(run_file, {"snapshot": snapshot}, sets or [])
            check_operators(settings)
            checked = stresstest.validate(settings, console=narrator)
        except StressTestError as error:
            if not as_json:
                raise
            print_document("validation", {"valid": False, **error_document(error)})
            print_error(error)
            narrator.refuse(error)
            raise typer.Exit(error.exit_code) from None
        narrator.figures = {"accounts": checked.accounts, "positions": checked.positions, "scenarios": checked.scenarios}
        if as_json:
            print_document("validation", {"valid": True, **checked.document()})
        elif not quiet:
            print("\n".join(map(printable, checked.lines())))
