"""`stresstest run`: one stress test, from run file to report."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import stresstest
from stresstest.cli.completion import complete_scenario_file
from stresstest.cli.options import Debug, Force, Formats, Json, LogFile, Margin, Out, Quiet, Sets, Snapshot, Threads, Verbose
from stresstest.errors import ExitCode

if TYPE_CHECKING:
    from stresstest.cli.narration import Narrator
    from stresstest.config import RunFile
    from stresstest.runs.finished import FinishedRun
    from stresstest.runs.operators.watch import Watch
    from stresstest.runs.planning import Plan

FailOn = Literal["amber", "red"]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest run run.yaml --out results/today --fail-on red")(run)


def run(
    run_file: Annotated[Path, typer.Argument(help="The run file.", metavar="RUN.yaml")],
    out: Out = None,
    snapshot: Snapshot = None,
    scenarios: Annotated[
        list[Path] | None,
        typer.Option("--scenarios", autocompletion=complete_scenario_file, help="Scenario file, or library:NAME; may be given several times."),
    ] = None,
    margin: Margin = None,
    margin_model: Annotated[
        str | None, typer.Option("--margin-model", help="Model of the margin file, or a preset, for every account, whatever the snapshot names.")
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Moment of the snapshot, for example 2026-11-19T16:00:00Z.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Title of the report.")] = None,
    book: Annotated[str | None, typer.Option("--book", help="What the series of runs is about; default: the name.")] = None,
    metrics: Annotated[str | None, typer.Option("--metrics", help="Text file (.prom) for the node exporter: how the run ended.")] = None,
    history: Annotated[str | None, typer.Option("--history", help="Folder of earlier runs to add this one to; null: none.")] = None,
    reporting_currency: Annotated[str | None, typer.Option("--reporting-currency", help="Asset that figures are in, for example USD.")] = None,
    keep: Annotated[str | None, typer.Option("--keep", help="Account rows to store: all, breaches or worst.")] = None,
    against: Annotated[
        str | None, typer.Option("--against", help="Earlier run to compare with: previous (of the book, in the history) or a result folder.")
    ] = None,
    formats: Formats = None,
    on_missing: Annotated[str | None, typer.Option("--on-missing", help="Accounts with missing data: refuse or exclude.")] = None,
    max_price_age: Annotated[str | None, typer.Option("--max-price-age", help="Warn of older prices; for example 15m.")] = None,
    funding: Annotated[
        bool | None, typer.Option("--funding/--no-funding", help="Hold variation margin against liquid collateral; default: with a report's tables.")
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", envvar="STRESSTEST_FAIL_ON", help="Exit 5 (before 4) when the light is at least this.")
    ] = None,
    threads: Threads = None,
    max_memory: Annotated[str | None, typer.Option("--max-memory", help="Memory for reading the snapshot, for example 4GB.")] = None,
    executor: Annotated[str | None, typer.Option("--executor", help="threads or processes.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of what is drawn at random (nothing in this version).")] = None,
    sets: Sets = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done, and do nothing.")] = False,
    force: Force = False,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Run a stress test and write its result folder."""
    del debug
    from stresstest.cli.narration import narration
    from stresstest.cli.watching import watched

    flags: dict[str, Any] = {
        "snapshot": snapshot,
        "scenarios": scenarios or None,
        "margin": margin,
        "margin_model": margin_model,
        "as_of": as_of,
        "name": name,
        "book": book,
        "history": history,
        "against": against,
        "metrics": metrics,
        "reporting_currency": reporting_currency,
        "keep": keep,
        "output.formats": formats,
        "on_missing": on_missing,
        "max_price_age": max_price_age,
        "funding": funding,
        "threads": threads,
        "max_memory": max_memory,
        "executor": executor,
        "seed": seed,
    }
    flags = {key: [str(each) for each in value] if isinstance(value, list) else value for key, value in flags.items()}
    flags = {key: str(value) if isinstance(value, Path) else value for key, value in flags.items()}
    with narration("run", quiet, verbose, log_file) as narrator:
        settings, watch = watched(run_file, flags, sets or [], narrator, tells=not dry_run)
        carry_out(settings, out, fail_on, narrator, dry_run=dry_run, force=force, as_json=as_json, quiet=quiet, watch=watch)


def carry_out(
    settings: RunFile,
    out: Path | None,
    fail_on: FailOn | None,
    narrator: Narrator,
    *,
    dry_run: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
    watch: Watch | None = None,
) -> None:
    """Plan, run, print the answer, and leave with 5 where `fail_on` asks for it. `watch` learns of the result."""
    use_threads(settings.threads)
    from stresstest.cli.answer import answer_text, breach_text, report_files
    from stresstest.cli.faults import print_error
    from stresstest.cli.output import print_document, printable
    from stresstest.results.light import LIGHTS

    planned = stresstest.plan(settings)
    planned = planned.into(out or planned.target)
    if dry_run:
        if as_json:
            print_document("plan", planned.document())
        else:
            print("\n".join(map(printable, planned.lines())))
        return
    outcome = run_plan(planned, narrator, force=force)
    if watch is not None:
        watch.outcome = outcome
    summary, folder = outcome.summary, outcome.folder
    breached = fail_on is not None and LIGHTS.index(summary.status.light) >= LIGHTS.index(fail_on)
    # A breach is more urgent news than a PDF that could not be made.
    code = ExitCode.LIMIT_BREACHED if breached else outcome.lacking.exit_code if outcome.lacking else ExitCode.DONE
    narrator.figures = {"result_id": summary.result_id, "folder": str(folder), "light": summary.status.light, "repeated": outcome.repeated}
    if as_json:
        content = {
            "folder": str(folder),
            "reports": report_files(folder),
            "exit_code": int(code),
            "repeated": outcome.repeated,
            "summary": summary.model_dump(mode="json"),
        }
        print_document("run", content)
    else:
        if not quiet:
            sys.stderr.write(answer_text(summary, folder))
        print(folder)
    if quiet and breached and fail_on is not None:
        sys.stderr.write(breach_text(summary, fail_on))
    if outcome.lacking:
        narrator.refuse(outcome.lacking)
        print_error(outcome.lacking)
    raise typer.Exit(code)


def run_plan(planned: Plan, narrator: Narrator, *, force: bool) -> FinishedRun:
    """Run a plan, and say so where its folder held the result already."""
    from stresstest.cli.output import command_line

    outcome = stresstest.run(planned, force=force, console=narrator, command=command_line())
    if outcome.repeated:
        narrator.announce(f"already complete: the folder holds this very result, {outcome.summary.result_id[:12]} (--force runs again)")
    return outcome


def use_threads(threads: int | None) -> None:
    """Before Polars is imported, which reads it once."""
    if threads is not None:
        os.environ.setdefault("POLARS_MAX_THREADS", str(threads))
