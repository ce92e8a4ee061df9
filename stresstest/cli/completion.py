"""Tab completion of scenario ids, files and presets: read from what stands on the command line already, without imports that take long."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import typer

BASE = "base"

_KEPT = "_STRESSTEST_COMPLETION_KEEPS"
"""The part of the last word that bash keeps as it is."""


def with_whole_words(environment: Mapping[str, str]) -> dict[str, str]:
    """What to change in the environment in which bash asks for completions.

    Bash makes three words of `library:crisis`. Here they are one again, so that it is known what it belongs to; of the word that is
    completed only the end, to which bash adds what it is offered.

    >>> asked = {"_STRESSTEST_COMPLETE": "complete_bash", "COMP_WORDS": "stresstest run a.yaml --scenarios library : cr", "COMP_CWORD": "6"}
    >>> list(with_whole_words(asked).values())
    ['stresstest\\nrun\\na.yaml\\n--scenarios\\ncr', '4', 'library:']
    """
    text, current = environment.get("COMP_WORDS", ""), environment.get("COMP_CWORD", "")
    if environment.get("_STRESSTEST_COMPLETE") != "complete_bash" or not current.isdecimal():
        return {}
    words = text.split("\n") if "\n" in text else text.split()
    words = [*words, ""][: int(current) + 1]  # a word that is not begun yet may be left out
    whole: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        if whole and ":" in (before, word):
            whole[-1] += word
        else:
            whole.append(word)
    end = "" if words[-1] == ":" else words[-1]
    return {"COMP_WORDS": "\n".join([*whole[:-1], end]), "COMP_CWORD": str(len(whole) - 1), _KEPT: whole[-1].removesuffix(end)}


def complete_scenario_file(incomplete: str) -> list[str]:
    """The shipped libraries that begin like the word typed so far, and the files beside them; without a library it is left to the shell."""
    from stresstest.cli.light_scan import LIBRARY, SHIPPED

    libraries = [f"{LIBRARY}{file.stem}" for file in sorted(SHIPPED.glob("*.yaml"))]
    kept = os.environ.get(_KEPT, "")
    found = [each for each in libraries if each.startswith(kept + incomplete)]
    if not found:
        return []
    files = sorted(f"{each.name}{'/' if each.is_dir() else ''}" for each in Path().glob("*") if not each.name.startswith("."))
    return [each.removeprefix(kept) for each in (*found, *files) if each.startswith(kept + incomplete)]


def complete_preset(incomplete: str) -> list[str]:
    """The shipped margin models that begin like the word typed so far."""
    from stresstest.cli.light_scan import PRESETS

    return sorted(file.stem for file in PRESETS.glob("*.yaml") if file.stem.startswith(incomplete))


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
    return [Path(each) for each in words]
