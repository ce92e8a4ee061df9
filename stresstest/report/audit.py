"""The audit page: what a third party needs to repeat the run, without file-system paths and user names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from stresstest.report.formats import MISSING, count, moment, shown
from stresstest.report.parts import Cell, Column, Fact, Row, TableView
from stresstest.report.view import Audit
from stresstest.results.identity import Identity

_HASHED = (("scenarios", "Scenarios"), ("margin", "Margin rules"))

_PATH_END = re.compile(r"[^/\\]+(?=[/\\]*$)")


def without_path(token: str) -> str:
    """The last part of a path or address, without the query that may hold a key; text without a separator is kept.

    >>> without_path("--out=/home/jo/runs/today"), without_path("s3://bucket/day/run.yaml?key=1"), without_path("demo")
    ('--out=today', 'run.yaml', 'demo')
    """
    flag, equals, value = token.rpartition("=") if token.startswith("-") or "://" not in token else ("", "", token)
    bare = value.split("?", 1)[0] if "://" in value else value
    if "/" in bare or "\\" in bare or bare.startswith("~"):
        end = _PATH_END.search(bare)
        bare = end.group() if end else "."
    return f"{flag}{equals}{bare}"


def printable_command(command: str | Sequence[str] | None) -> str:
    """The command line with every path reduced to its last part; the program's own path too."""
    if not command:
        return MISSING
    try:
        tokens = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError:  # an unclosed quote: the words are all that can be told
        tokens = str(command).split()
    return shown(" ".join(shlex.quote(without_path(token)) for token in tokens))


def audit_view(identity: Identity, document: str, audit: Mapping[str, Any]) -> Audit:
    """The audit page of a run.

    `document` is the text of its `result.json`; `audit` holds `inputs` (table, rows, bytes, sha256), `versions`, `command`, `seed` and
    `previous`, as the manifest does.
    """
    columns = (
        Column("#", "number", 3),
        Column("Input", "text", 14),
        Column("Rows", "number", 10),
        Column("Size", "number", 12, "bytes"),
        Column("SHA-256", "text", 64),
    )
    rows = tuple(
        Row(
            (
                Cell(count(place), float(place)),
                _name(entry.get("table")),
                _whole(entry.get("rows")),
                _whole(entry.get("bytes")),
                _name(entry.get("sha256")),
            )
        )
        for place, entry in enumerate(audit.get("inputs") or (), 1)
    )
    seed = audit.get("seed")
    versions = tuple((shown(str(name)), shown(str(version))) for name, version in sorted((audit.get("versions") or {}).items()))
    return Audit(
        result_id=shown(identity.result_id),
        command=printable_command(audit.get("command")),
        details=(
            Fact("Code", f"{shown(identity.code_version)}, SHA-256 {shown(identity.code)}"),
            *(Fact(label, f"SHA-256 {shown(str(identity.specification[key]))}") for key, label in _HASHED if key in identity.specification),
            Fact("Seed", "none: nothing is drawn at random" if seed is None else shown(str(seed))),
            *_previous(audit.get("previous")),
        ),
        inputs=TableView("inputs", "Inputs", columns, rows, "No input was recorded."),
        tables=_tables(identity),
        versions=versions,
        document=document,
    )


def _previous(noted: Mapping[str, Any] | None) -> tuple[Fact, ...]:
    """The run of the book before this one: who verifies the chain of manifests finds its hash on paper, too."""
    if not noted:
        return ()
    vouched = f", its manifest SHA-256 {shown(str(noted['manifest_sha256']))}" if noted.get("manifest_sha256") else ""
    return (Fact("Previous run", f"as of {moment(str(noted['as_of']))}, result {shown(str(noted['result_id']))}{vouched}"),)


def _tables(identity: Identity) -> TableView:
    """Hashes of the result tables: whoever holds the run's folder can see that they are those of this report."""
    columns = (Column("Result table", "text", 26), Column("SHA-256", "text", 60))
    rows = tuple(Row((_name(name), _name(digest))) for name, digest in sorted(identity.tables.items()))
    return TableView("tables", "Result tables", columns, rows, "No table was recorded.")


def _name(value: object) -> Cell:
    text = MISSING if value is None else shown(without_path(str(value)))
    return Cell(text, text.casefold())


def _whole(value: float | None) -> Cell:
    return Cell(count(value), float("-inf") if value is None else float(value))
