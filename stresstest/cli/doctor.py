"""`stresstest doctor`: does this machine have everything."""

from __future__ import annotations

import typer

from stresstest.cli.options import Debug, Json
from stresstest.cli.output import print_document, printable
from stresstest.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest doctor", short_help="Check whether this machine has everything.")(doctor)


def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Check Python, packages, the PDF's libraries, memory, temporary space and the cache of compiled kernels."""
    del debug
    from stresstest.runs.installation import examine

    findings = examine()
    good = all(finding.good or not finding.required for finding in findings)
    if as_json:
        print_document("doctor", {"good": good, "checks": [vars(finding) for finding in findings]})
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            word = "ok" if finding.good else "MISSING" if finding.required else "note"
            typer.echo(f"{word:8}{finding.name:{width}}  {printable(finding.found)}")
            if finding.mend:
                typer.echo(f"{'':8}{'':{width}}  {finding.mend}")
    if not good:
        raise typer.Exit(ExitCode.ENVIRONMENT)
