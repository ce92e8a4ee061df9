"""`stresstest explain`: how the figures of one account in one scenario come about."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.completion import complete_scenario
from stresstest.cli.options import Debug, Json, LogFile, Quiet, Snapshot, Verbose

WIDTH_OF_A_FILE = 140
"""Columns where stdout is no terminal: wide enough that no figure folds."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: stresstest explain runs/demo --account HF034-001 --scenario coin_rally",
        short_help="Show how the figures of an account come about.",
    )(explain)


def explain(
    folder: Annotated[Path, typer.Argument(help="Result folder of a run.", metavar="RUN")],
    account: Annotated[str, typer.Option("--account", help="The account.")],
    scenario: Annotated[
        str | None, typer.Option("--scenario", autocompletion=complete_scenario, help="The scenario; default: the account's worst headline scenario.")
    ] = None,
    snapshot: Snapshot = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Derive the figures of an account in a scenario again, holding by holding, and set them beside the run's own."""
    del debug
    from stresstest.cli.narration import narration
    from stresstest.cli.output import print_document
    from stresstest.runs.explaining import explain_run

    with narration("explain", quiet, verbose, log_file) as narrator:
        explained = explain_run(folder, account, scenario, snapshot, narrator)
    if as_json:
        print_document("explain", explained)
        return
    from rich.console import Console

    from stresstest.cli.explain_view import explain_view

    if sys.stdout.isatty():
        Console(highlight=False).print(explain_view(explained))
    else:
        text = StringIO()
        Console(file=text, width=WIDTH_OF_A_FILE, highlight=False).print(explain_view(explained))
        print("\n".join(line.rstrip() for line in text.getvalue().splitlines()))
