"""`stresstest init`: the first run, margin and scenario file of a new user."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from stresstest.cli.options import Debug, Json, Quiet

if TYPE_CHECKING:
    from stresstest.runs.onboarding.start import Started


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest init my-book --from-snapshot snapshots/2026-11-13", short_help="Write first files to start from.")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.", metavar="DIR")],
    from_snapshot: Annotated[
        str | None, typer.Option("--from-snapshot", metavar="SNAPSHOT", help="Write them for what this snapshot holds; default: for an example.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a commented run file, margin file and scenario file that run as they are.

    With --from-snapshot for the schedules, models, classes and currencies of that snapshot; without it for a small example
    snapshot, which is written too, with the SQL that makes it. Guesses are marked "set this" and listed.
    """
    del debug
    from stresstest.cli.output import print_document
    from stresstest.runs.onboarding.start import start

    started = start(folder, from_snapshot, force=force)
    if not quiet:
        sys.stderr.write(_told(started))
    if as_json:
        print_document("init", started.document())
    else:
        print(started.run_file)


def _told(started: Started) -> str:
    from stresstest.cli.output import printable

    lines = [f"written: {', '.join(map(str, started.files))}"]
    if started.open:
        lines.append('Yours to set (in the files marked "set this"):')
        width = max(len(each.file) for each in started.open)
        lines += [f"  {each.file:{width}}  {each.what}" for each in started.open]
    lines.append(f"Next: stresstest validate {started.run_file}")
    lines.append(f"Then: stresstest run {started.run_file} --out {started.folder / 'results' / 'first'}")
    return "".join(printable(line) + "\n" for line in lines)
