"""`stresstest compare-margins`: the same book under several margin models, and cross margin against isolated."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stresstest
from stresstest.cli.options import Debug, Force, Formats, Json, LogFile, Margin, Out, Quiet, Sets, Snapshot, Threads, Verbose
from stresstest.errors import ExitCode

if TYPE_CHECKING:
    from stresstest.config import RunFile


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: stresstest compare-margins run.yaml --models default,professional --out results/models",
        short_help="Compare margin models, and cross margin with isolated.",
    )(compare_margins)


def compare_margins(
    run_file: Annotated[Path, typer.Argument(help="The run file.", metavar="RUN.yaml")],
    models: Annotated[
        str | None,
        typer.Option(
            "--models",
            help="Models of the margin file, or presets, with commas between; default: those of the run file, else all of the margin file.",
            metavar="A,B,C",
        ),
    ] = None,
    isolated: Annotated[bool, typer.Option("--isolated/--no-isolated", help="Also set every cross position on its own.")] = True,
    out: Out = None,
    snapshot: Snapshot = None,
    margin: Margin = None,
    margin_model: Annotated[
        str | None, typer.Option("--margin-model", help="Model of every account to compare with, in place of what the snapshot names.")
    ] = None,
    formats: Formats = None,
    threads: Threads = None,
    sets: Sets = None,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Run a stress test under the book's own margin rules and under other ones, and show who falls short under one and not under another.

    Every account is put under each model in turn; and every cross position into a margin pool of its own, to see what netting saves and
    which single positions take a whole account down. The result folder is that of a run with the tables and report pages of the comparison.
    """
    del debug
    from stresstest.cli.narration import narration
    from stresstest.cli.run import run_plan, use_threads
    from stresstest.cli.settings import load

    flags: dict[str, Any] = {
        "compare.models": models,
        "compare.isolated": isolated,
        "snapshot": snapshot,
        "margin": None if margin is None else str(margin),
        "margin_model": margin_model,
        "output.formats": formats,
        "threads": threads,
    }
    with narration("compare-margins", quiet, verbose, log_file) as narrator:
        settings = load(run_file, flags, sets or [])
        use_threads(settings.threads)
        from stresstest.cli.answer import report_files
        from stresstest.cli.comparison_view import comparison_text
        from stresstest.cli.faults import print_error
        from stresstest.cli.output import print_document
        from stresstest.results.comparison import comparison_of

        settings = _all_models(settings)
        planned = stresstest.plan(settings)
        outcome = run_plan(planned.into(out or planned.target), narrator, force=force)
        summary, folder = outcome.summary, outcome.folder
        comparison = comparison_of(folder, settings.compare.models)
        assert comparison is not None
        code = outcome.lacking.exit_code if outcome.lacking else ExitCode.DONE
        narrator.figures = {"result_id": summary.result_id, "folder": str(folder), "repeated": outcome.repeated}
        if as_json:
            content = {
                "folder": str(folder),
                "reports": report_files(folder),
                "exit_code": int(code),
                "repeated": outcome.repeated,
                "result_id": summary.result_id,
                "reporting_currency": summary.run.reporting_currency,
                "comparison": comparison.model_dump(mode="json"),
            }
            print_document("comparison", content)
        else:
            if not quiet:
                sys.stderr.write(comparison_text(comparison, summary.run.reporting_currency))
            print(folder)
        if outcome.lacking:
            narrator.refuse(outcome.lacking)
            print_error(outcome.lacking)
    raise typer.Exit(code)


def _all_models(settings: RunFile) -> RunFile:
    """The settings as they are, or with every model of the margin file where none is named."""
    if settings.compare.models:
        return settings
    from stresstest.margin.rulebook import load_rulebook

    models = tuple(load_rulebook(settings.margin).models)
    return settings.model_copy(update={"compare": settings.compare.model_copy(update={"models": models})})
