"""Flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Debug = Annotated[bool, typer.Option("--debug", envvar="STRESSTEST_DEBUG", help="Show the traceback of an error.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say what every stage does and how long it takes.")]
Snapshot = Annotated[Path | None, typer.Option("--snapshot", envvar="STRESSTEST_SNAPSHOT", help="Folder of the snapshot.")]
