"""Tab completion of scenario ids: read from what stands on the command line already, without importing anything that takes long."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import typer

BASE = "base"


def complete_scenario(context: typer.Context, incomplete: str) -> list[str]:
    """The ids that begin like the word typed so far, out of the files or the result folder named before it."""
    from stresstest.cli.light_scan import scenario_ids

    ids = [BASE, *(each for path in _paths(context) for each in scenario_ids(path))]
    return [each for each in dict.fromkeys(ids) if each.startswith(incomplete)]


def _paths(context: typer.Context) -> Iterable[Path]:
    """Arguments before the option; the parser leaves them unassigned where it stops at an option whose value is still to come."""
    given = [value for name in ("files", "given", "folder") if (value := context.params.get(name)) is not None]
    words = [each for value in given for each in (value if isinstance(value, (list, tuple)) else [value])] or context.args
    return [Path(str(word)) for word in words]
