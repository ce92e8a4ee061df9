"""Columns and tables that are not known and look like one that is absent: a slip of the pen that would silently change figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from stresstest.snapshot.quality import Note
from stresstest.tables import INPUT_TABLES, Table

_CUTOFF = 0.8
"""Least similarity of two names that are taken for one: a letter or two of a usual name; `entry_time` is not `entry_price`."""

_SPELT_OUT = {"px": "price", "ccy": "currency", "qty": "quantity", "acct": "account", "mult": "multiplier", "volatility": "vol"}
_SUFFIXES = (".parquet", ".parq", ".pq")


def column_notes(columns: Mapping[str, frozenset[str]]) -> list[Note]:
    """A warning for every column that is not known and close to an absent one of its table.

    Args:
        columns: names of the columns of every table that is there, of all its files and folders together, so that
            the same rows in other files give the same notes.
    """
    notes: list[Note] = []
    for table in INPUT_TABLES:
        there = columns.get(table.name, frozenset())
        absent = [name for name in table.names if name not in there]
        for name in sorted(there.difference(table.names)):
            if meant := closest(name, absent):
                message = f"Column {name} is not known and was ignored; did you mean {meant}, which is absent?"
                notes.append(Note("unknown column", f"{table.name}.{name}", True, 0, message))
    return notes


def table_notes(folder: Path, there: Iterable[str]) -> list[Note]:
    """A warning for every Parquet file or folder of them in a snapshot that is no table and close to an absent one.

    Args:
        folder: the snapshot, local.
        there: names of the tables that were read.
    """
    known = set(there)
    absent = [table.name for table in INPUT_TABLES if table.name not in known]
    notes: dict[str, Note] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".parquet")
        meant = None if name in known or name.startswith((".", "_")) else closest(_stem(path), absent)
        if meant and _holds_parquet(path):
            # Of a file and a folder of one name one note is enough; `collateral.PARQUET` has only its ending wrong.
            message = f"{name} is no known table and was ignored; did you mean {meant}{'.parquet' if _stem(path) == meant else ''}, which is absent?"
            notes[name] = Note("unknown table", name, True, 0, message)
    return list(notes.values())


def absence_notes(there: Iterable[str], tables: tuple[Table, ...] = INPUT_TABLES) -> list[Note]:
    """One row that names the optional tables that are absent, of those that figures depend on; none if all are there."""
    known = set(there)
    absent = [table.name for table in tables if table.optional and not table.not_used_yet and table.name not in known]
    message = f"No such table: {', '.join(absent)}; default taken."
    return [Note("optional tables", "snapshot", False, 0, message, float(len(absent)))] if absent else []


def closest(name: str, absent: Iterable[str]) -> str | None:
    """The absent name that this one is most likely meant to be; null if none is close.

    Case, underscores and a final `id` do not count, and usual abbreviations are spelt out.
    """
    plain = {_plain(each): each for each in absent}
    found = get_close_matches(_plain(name), plain, n=1, cutoff=_CUTOFF)
    return plain[found[0]] if found else None


def _plain(name: str) -> str:
    words = [_SPELT_OUT.get(word, word) for word in re.split(r"[^a-z0-9]+", name.casefold())]
    return "".join(words[:-1] if len(words) > 1 and words[-1] == "id" else words)


def _stem(path: Path) -> str:
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name


def _holds_parquet(path: Path) -> bool:
    if path.is_dir():
        return any(each.suffix.lower() in _SUFFIXES for each in path.rglob("*"))
    return path.suffix.lower() in _SUFFIXES
