"""`stresstest doctor`: does this machine have everything."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import typer

from stresstest.cli.options import Debug, Json
from stresstest.cli.output import print_document, printable
from stresstest.errors import ExitCode

if TYPE_CHECKING:
    from stresstest.runs.installation import Finding

_WIDTH = 120
"""Of the lines where nobody says how wide they may be."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest doctor", short_help="Check whether this machine has everything.")(doctor)


def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Check Python, packages, the PDF's libraries, fonts, memory, temporary space and the cache of compiled kernels.

    warn: a run works all the same; fail: none does, and the exit code is 4.
    """
    del debug
    from stresstest.runs.installation import examine

    findings = examine()
    good = all(finding.status != "fail" for finding in findings)
    if as_json:
        print_document("doctor", {"good": good, "checks": [finding.document() for finding in findings]})
    else:
        width = shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stdout.isatty() else _WIDTH
        print("\n".join(_lines(findings, width)))
    if not good:
        raise typer.Exit(ExitCode.ENVIRONMENT)


def _lines(findings: Sequence[Finding], width: int) -> Iterator[str]:
    """A table of status, check and finding, what mends it below, and the count at the end."""
    name = max(len(finding.name) for finding in findings)
    for finding in findings:
        first = f"{finding.status:4}  {finding.name:{name}}  "
        for mark, text in ((first, finding.found), (f"{'':{len(first)}}mend: ", finding.mend)):
            if text:
                lines = textwrap.wrap(printable(text), max(40, width - len(first)), break_long_words=False, break_on_hyphens=False)
                yield mark + f"\n{'':{len(first)}}".join(lines)
    counts = Counter(finding.status for finding in findings)
    yield f"{counts['ok']} ok, {counts['warn']} warn, {counts['fail']} fail"
