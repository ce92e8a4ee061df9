#!/usr/bin/env python3
"""Write the reference of docs/notebook.md: every public name of the package, from signatures and docstrings.

It stands between `<!-- generated: reference -->` and `<!-- end of reference -->`. Run it after a change of a public name;
tests/test_library.py fails while the page is not current.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import BaseModel

import stresstest
from stresstest.runs.calls import Settings

PAGE = Path(__file__).with_name("notebook.md")
PART = re.compile(r"(<!-- generated: reference -->\n).*?(<!-- end of reference -->)", re.DOTALL)

FUNCTIONS = (
    "plan",
    "run",
    "open_run",
    "compare",
    "diff",
    "verify",
    "reverse",
    "frontier",
    "breach_grid",
    "likeliest_move",
    "worst_move",
    "validate",
    "read_snapshot",
    "read_document",
)
CLASSES = (
    "FinishedRun",
    "Charts",
    "Explanation",
    "Plan",
    "Checked",
    "Difference",
    "Verification",
    "Reversed",
    "FrontierReport",
    "GridReport",
    "MoveTerms",
    "FoundMove",
    "Snapshot",
    "StressTestError",
    "Fault",
    "Reason",
    "Console",
)
WIDTH = 110


def signature(call: Callable[..., Any], name: str) -> str:
    """The call as it is written, annotations as in the source; one parameter a line where it is long."""
    parameters, starred = [], False
    for each in inspect.signature(call).parameters.values():
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and not starred:
            parameters.append("*")
            starred = True
        default = "" if each.default is each.empty else f" = {getattr(each.default, '__name__', repr(each.default))}"
        prefix = "**" if each.kind is each.VAR_KEYWORD else ""
        parameters.append(f"{prefix}{each.name}: {each.annotation}{default}")
    answer = inspect.signature(call).return_annotation
    line = f"{name}({', '.join(parameters)}) -> {answer}"
    return line if len(line) <= WIDTH else f"{name}(\n" + "".join(f"    {each},\n" for each in parameters) + f") -> {answer}"


def joined(text: str) -> str:
    """A paragraph on one line."""
    return " ".join(text.split())


def sections(call: object) -> dict[str, str]:
    """The parts of a docstring by heading: `` (what it does), `Args`, `Raises`."""
    found, name = {"": ""}, ""
    for line in (inspect.getdoc(call) or "").splitlines():
        heading = re.fullmatch(r"(Args|Raises):", line)
        if heading:
            name = heading[1]
            found[name] = ""
        else:
            found[name] += line + "\n"
    return found


def entries(text: str) -> list[tuple[str, str]]:
    """The `name: what` entries of a section."""
    parts = re.split(r"^ {4}(?=\S)", text, flags=re.MULTILINE)[1:]
    return [(part.partition(":")[0], joined(part.partition(":")[2])) for part in parts]


def paragraphs(text: str) -> str:
    """What a docstring says before its sections, without its examples."""
    kept = [joined(each) for each in re.split(r"\n\s*\n", text) if each.strip() and not each.lstrip().startswith(">>>")]
    return "\n\n".join(kept)


def function(name: str) -> str:
    """The entry of one function."""
    call = getattr(stresstest, name)
    said = sections(call)
    parts = [f"### `stresstest.{name}`", f"```text\n{signature(call, name)}\n```", paragraphs(said[""])]
    parts.append("\n".join(f"- `{argument}`: {what}" for argument, what in entries(said.get("Args", ""))))
    parts.append("\n".join(f"Raises `{error}`: {what}" for error, what in entries(said.get("Raises", ""))))
    return "\n\n".join(part for part in parts if part)


def member(name: str, value: object) -> str | None:
    """A row of the table of a class; None for what is not public."""
    if name.startswith("_"):
        return None
    if isinstance(value, (property, cached_property)):
        getter = value.fget if isinstance(value, property) else value.func
        assert getter is not None
        return f"| `{name}` | `{cell(getter.__annotations__['return'])}` | {cell(paragraphs(sections(value)['']))} |"
    if inspect.isfunction(value):
        raises = "".join(f" Raises: {what}" for _, what in entries(sections(value).get("Raises", "")))
        written = re.sub(r"\s+", " ", signature(value, name)).replace("( ", "(").replace(", )", ")")
        call, _, answer = written.rpartition(" -> ")
        return f"| `{cell(call)}` | `{cell(answer)}` | {cell(joined(paragraphs(sections(value)[''])) + raises)} |"
    return None


def cell(text: str) -> str:
    """Text for a Markdown table."""
    return joined(text).replace("|", "\\|")


def class_(name: str) -> str:
    """The entry of one class: what it is, its fields, properties and methods."""
    kind = getattr(stresstest, name)
    lines = [f"### `stresstest.{name}`", "", paragraphs(sections(kind)[""]), ""]
    rows = []
    if dataclasses.is_dataclass(kind):
        rows = [f"| `{each.name}` | `{cell(str(each.type))}` | |" for each in dataclasses.fields(kind) if each.repr]
    if issubclass(kind, BaseModel):
        rows = [f"| `{name}` | `{cell(kind.__annotations__[name])}` | |" for name in kind.model_fields]
    rows += [row for key, value in vars(kind).items() if (row := member(key, value)) is not None]
    if name == "Reason":
        rows = [f"| `{each.name}` | | exit code {int(each.exit_code)} of the command line |" for each in kind]
    return "\n".join([*lines, *(["| name | type | what |", "|---|---|---|", *rows] if rows else [])]).strip()


def settings() -> str:
    """The keywords that are keys of the run file."""
    hints = get_type_hints(Settings, include_extras=True)
    names = ", ".join(f"`{name}`" for name in hints)
    return f"### Keywords that are keys of the run file\n\n{paragraphs(sections(Settings)[''])}\n\n{names}."


def reference() -> str:
    """All entries."""
    return "\n\n".join([*map(function, FUNCTIONS), settings(), *map(class_, CLASSES)])


def current(page: str) -> str:
    """The page with its reference renewed."""
    made = reference()
    return PART.sub(lambda match: f"{match[1]}\n{made}\n\n{match[2]}", page)


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
