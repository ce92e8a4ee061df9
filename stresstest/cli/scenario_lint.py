"""`stresstest scenarios lint`: what scenarios do to a book, and what in them is allowed and hardly meant."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from stresstest.cli.options import Debug, Json, LogFile, Quiet, Sets, Snapshot, Verbose
from stresstest.cli.scenario_inputs import AsOf, Given, Margin, settings_of
from stresstest.errors import ExitCode

FailOn = Literal["warning", "info"]


def lint(
    given: Given,
    snapshot: Snapshot = None,
    margin: Margin = None,
    as_of: AsOf = None,
    sets: Sets = None,
    max_unshocked: Annotated[
        float | None,
        typer.Option(
            "--max-unshocked", min=0.0, max=1.0, help="Share of gross notional above which a headline scenario that leaves it gets a warning."
        ),
    ] = None,
    fail_on: Annotated[FailOn | None, typer.Option("--fail-on", help="Exit 5 when there is a finding that is at least this.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Say what scenarios leave unshocked, and which shocks and scenarios do nothing or the same as others."""
    del debug
    from stresstest.cli.lint_view import lint_text, verdict
    from stresstest.cli.narration import narration
    from stresstest.cli.output import print_document
    from stresstest.runs.scenarios.linting import lint as lint_on_a_book
    from stresstest.runs.scenarios.linting import lint_files

    with narration("scenarios lint", quiet, verbose, log_file) as narrator:
        settings = settings_of(given, snapshot, margin, as_of, sets or [])
        if settings is None and max_unshocked is not None:
            raise typer.BadParameter("needs a book: name a run file, or give --snapshot and --margin", param_hint="--max-unshocked")
        report = lint_files(given) if settings is None else lint_on_a_book(settings, narrator, max_unshocked)
        narrator.figures = {"scenarios": len(report.scenarios), "warnings": report.warnings, "infos": report.infos}
        failed = fail_on is not None and report.at_least(fail_on)
        if as_json:
            print_document("lint", report.model_dump(mode="json"))
        elif not quiet:
            sys.stderr.write(lint_text(report, everything=verbose))
        if failed and (quiet or as_json):
            sys.stderr.write(f"exit 5 (--fail-on {fail_on}): {verdict(report)}\n")
        if failed:
            raise typer.Exit(ExitCode.LIMIT_BREACHED)
