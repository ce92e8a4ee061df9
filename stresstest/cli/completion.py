"""Tab completion of scenario ids: read from what stands on the command line already, without importing anything that takes long."""

from __future__ import annotations

from pathlib import Path

import typer

BASE = "base"


def complete_scenario(context: typer.Context, incomplete: str) -> list[str]:
    """The ids that begin like the word typed so far, out of the files or the result folder named before it."""
    from stresstest.cli.light_scan import run_file_of, scenario_ids

    paths = _paths(context)
    # Scenario files behind a run file are meant instead of its own.
    meant = paths[1:] if len(paths) > 1 and run_file_of(paths[0]) else paths
    ids = [BASE, *(each for path in meant for each in scenario_ids(path))]
    return [each for each in dict.fromkeys(ids) if each.startswith(incomplete)]


def _paths(context: typer.Context) -> list[Path]:
    """Arguments before the option; the parser leaves them unassigned where it stops at an option whose value is still to come."""
    given = [value for name in ("files", "given", "folder") if (value := context.params.get(name)) is not None]
    words = [str(each) for value in given for each in (value if isinstance(value, (list, tuple)) else [value])] or context.args
    joined: list[str] = []
    for word in words:
        # Bash makes three words of `library:crisis`.
        if joined and (word == ":" or joined[-1].endswith(":")):
            joined[-1] += word
        else:
            joined.append(word)
    return [Path(each) for each in joined]
