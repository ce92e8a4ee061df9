"""`stresstest demo`: the shipped sample book, from snapshot to report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.options import Debug, Json, LogFile, Quiet, Verbose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest demo --out my-first-run")(demo)


def demo(
    out: Annotated[Path, typer.Option("--out", help="Result folder; replaced when it holds an earlier demo.")] = Path("runs/demo"),
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Run the shipped sample book and say where the report is."""
    del debug
    from stresstest.cli.narration import narration
    from stresstest.cli.run import carry_out
    from stresstest.config import load_run
    from stresstest.runs.sample import RUN_FILE, sample_folder

    with narration("demo", quiet, verbose, log_file) as narrator:
        run_file = sample_folder() / RUN_FILE
        carry_out(load_run(run_file, {"history": None}), out, None, narrator, dry_run=False, force=True, as_json=as_json, quiet=quiet)
