"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Debug = Annotated[bool, typer.Option("--debug", envvar="STRESSTEST_DEBUG", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what every stage does and how long it takes.")]
# Text, not a path: a path would make `s3:/` of `s3://`.
Snapshot = Annotated[str | None, typer.Option("--snapshot", envvar="STRESSTEST_SNAPSHOT", metavar="DIR", help="Folder or address of the snapshot.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any key of the run file: a.b=c; may be given several times.")]
LogFile = Annotated[
    Path | None, typer.Option("--log-file", envvar="STRESSTEST_LOG_FILE", help="Append to this file what happens, as JSON, one object a line.")
]
Margin = Annotated[Path | None, typer.Option("--margin", help="Margin file.")]
Out = Annotated[Path | None, typer.Option("--out", envvar="STRESSTEST_OUT", help="Write the result folder as this folder itself.")]
Formats = Annotated[str | None, typer.Option("--formats", help="Reports to write: html, pdf, json, with commas between.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads or worker processes; default: all cores.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing result folder.")]
