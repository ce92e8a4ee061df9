"""`stresstest reverse`: how far scenarios or factors must go until a target is hit."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.completion import complete_scenario
from stresstest.cli.options import Debug, Json, LogFile, Quiet, Sets, Snapshot, Threads, Verbose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: stresstest reverse sample_data/run.yaml --target cover-2 --out found.yaml",
        short_help="Find the smallest shock at which a target is hit.",
    )(reverse)


def reverse(
    given: Annotated[Path, typer.Argument(help="A run file, or the folder of a finished run.", metavar="RUN.yaml|RUN")],
    target: Annotated[
        str,
        typer.Option(
            "--target",
            help="shortfall:ACCOUNT, default:ACCOUNT, accounts-in-shortfall:NUMBER, accounts-in-default:NUMBER, cover-1 or cover-2 (above the "
            "resources), uncollateralised-loss (above the insurance fund); the last three with :AMOUNT for another amount.",
        ),
    ],
    along: Annotated[
        list[str] | None,
        typer.Option(
            "--along",
            autocompletion=complete_scenario,
            help="A scenario, or a factor: spot:BTC, spot:BTC:up, spot:BTC:down; may be given several times. Default: every headline scenario.",
        ),
    ] = None,
    most: Annotated[
        float | None, typer.Option("--most", help="How far to look; default: 5 multiples of a scenario, -1 and +4 (-100 %, +400 %) of a factor.")
    ] = None,
    tolerance: Annotated[float, typer.Option("--tolerance", help="How closely the answer is found, relative.")] = 1e-9,
    out: Annotated[Path | None, typer.Option("--out", help="Write the scenarios found as an ordinary scenario file: .yaml or .parquet.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    snapshot: Snapshot = None,
    sets: Sets = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Find the smallest multiple of a scenario, or shift of a factor, at which a target is hit, and write it as a scenario."""
    del debug
    from stresstest.cli.narration import narration

    with narration("reverse", quiet, verbose, log_file) as narrator:
        from stresstest.cli.light_scan import RUN_COPY
        from stresstest.cli.output import print_document
        from stresstest.cli.reverse_view import reverse_text
        from stresstest.cli.run import use_threads
        from stresstest.cli.settings import load
        from stresstest.runs.reversing import manifest_of, reverse_run
        from stresstest.runs.scenarios.expanding import SCENARIO_FORMATS, check_file

        use_threads(threads)
        if out is not None:
            check_file(out, force, SCENARIO_FORMATS)
        manifest = manifest_of(given) if given.is_dir() else None
        settings = load(given / RUN_COPY if given.is_dir() else given, {"snapshot": snapshot, "threads": threads}, sets or [])
        found = reverse_run(settings, target, along or [], most, tolerance, manifest, narrator)
        report = found.report
        if out is not None and len(found.scenarios) > 1:
            report = report.model_copy(update={"file": str(found.write(out, force=force))})
        narrator.figures = {"reached": sum(each.outcome == "reached" for each in report.answers), "computed": report.computed}
        if as_json:
            print_document("reverse", report.model_dump(mode="json"))
            return
        print(reverse_text(report), end="")
        if out is not None and report.file is None and not quiet:
            sys.stderr.write(f"no scenario found: {out} was not written\n")
