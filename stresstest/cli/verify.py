"""`stresstest verify`: a finished run computed again, and compared."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.options import Debug, Json, LogFile, Quiet, Snapshot, Threads, Verbose
from stresstest.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: stresstest verify runs/demo --snapshot archive/2026-11-13",
        short_help="Compute a finished run again and compare every table.",
    )(verify)


def verify(
    folder: Annotated[Path, typer.Argument(help="Result folder of a run.", metavar="RUN")],
    snapshot: Snapshot = None,
    threads: Threads = None,
    chain: Annotated[bool, typer.Option("--chain", help="Also follow the manifests of earlier runs of the book, each noted by the next.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Check that a finished run can be trusted: its folder unchanged, its inputs unchanged, and every table the same when computed again.

    Tables must be the same bit for bit; on another operating system, processor or with other versions of packages figures may differ by 1e-12,
    relative, and it says so. The first difference is named. Leaves with 3 where the run cannot be verified.
    """
    del debug
    from stresstest.cli.narration import narration
    from stresstest.cli.output import print_document, printable
    from stresstest.cli.run import use_threads

    use_threads(threads)
    with narration("verify", quiet, verbose, log_file) as narrator:
        from stresstest.runs.verifying import verify as computed_again

        found = computed_again(folder, snapshot=snapshot, threads=threads, chain=chain, console=narrator)
        code = ExitCode.DONE if found.verified else ExitCode.INPUT_REFUSED
        narrator.figures = {"result_id": found.result_id, "verified": found.verified}
        if as_json:
            print_document("verification", {"folder": str(folder.resolve()), **found.model_dump(mode="json"), "exit_code": int(code)})
        elif not quiet:
            print("\n".join(map(printable, found.lines())))
        if not found.verified and quiet:
            sys.stderr.write(printable(next(found.lines())) + "\n")
        raise typer.Exit(code)
