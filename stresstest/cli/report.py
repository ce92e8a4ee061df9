"""`stresstest report`: the reports of a finished run, made again without the snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.options import Debug, Json, LogFile, Quiet, Verbose
from stresstest.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest report runs/demo --formats html --out review", short_help="Make the reports of a finished run again.")(
        report
    )


def report(
    folder: Annotated[Path, typer.Argument(help="Result folder of a run.", metavar="RUN")],
    formats: Annotated[str, typer.Option("--formats", help="Reports to make: html, pdf, with commas between.")] = "html,pdf",
    out: Annotated[Path | None, typer.Option("--out", help="Write the reports into this folder and leave the run as it is.")] = None,
    templates: Annotated[Path | None, typer.Option("--templates", help="Folder of templates that take the place of shipped ones.")] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=1.0, max=86_400.0, help="Seconds that the reports may take; default: 120.")
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Make the reports of a finished run again, from its folder alone: with another layout, in another format, after an update."""
    del debug
    from stresstest.cli.faults import print_error
    from stresstest.cli.narration import narration
    from stresstest.cli.output import command_line, print_document
    from stresstest.runs.reporting import report_again

    with narration("report", quiet, verbose, log_file) as narrator:
        made = report_again(folder, _formats(formats), out, templates, narrator, command=command_line(), timeout=timeout)
        code = made.lacking.exit_code if made.lacking else ExitCode.DONE
        narrator.figures = {"result_id": made.result_id, "reports": [str(file) for file in made.reports]}
        if as_json:
            print_document("report", {"folder": str(folder.resolve()), **narrator.figures, "exit_code": int(code)})
        else:
            print("\n".join(map(str, made.reports)))
        if made.lacking:
            narrator.refuse(made.lacking)
            print_error(made.lacking)
        raise typer.Exit(code)


def _formats(text: str) -> tuple[str, ...]:
    from stresstest.runs.reporting import REPORTS

    formats = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    for each in formats:
        if each == "json":
            raise typer.BadParameter("json is no report: summary.json is in every result folder. Give html, pdf or both.", param_hint="--formats")
        if each not in REPORTS:
            raise typer.BadParameter(f"{each!r} is none of {', '.join(REPORTS)}.", param_hint="--formats")
    if not formats:
        raise typer.BadParameter(f"names no report. Give {' or '.join(REPORTS)}, or both with a comma between.", param_hint="--formats")
    return formats
