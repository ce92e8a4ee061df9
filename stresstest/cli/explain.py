"""`stresstest explain`: how the figures of one account in one scenario come about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.options import Debug, Json, Quiet, Snapshot, Verbose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest explain runs/demo --account A0001 --scenario crash")(explain)


def explain(
    folder: Annotated[Path, typer.Argument(help="Result folder of a run.", metavar="RUN")],
    account: Annotated[str, typer.Option("--account", help="The account.")],
    scenario: Annotated[str, typer.Option("--scenario", help="The scenario.")],
    snapshot: Snapshot = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> None:
    """Derive the figures of an account in a scenario again, holding by holding, and set them beside the run's own."""
    del debug
    from stresstest.cli.output import print_document
    from stresstest.cli.terminal import Terminal
    from stresstest.runs import explain_run

    explained = explain_run(folder, account, scenario, None if snapshot is None else str(snapshot), Terminal(quiet, verbose))
    if as_json:
        print_document("explanation", explained.document())
    else:
        print(explained.text())
