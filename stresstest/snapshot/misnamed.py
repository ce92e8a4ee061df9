"""Columns and tables that are not known, and those that are absent: a slip of the pen that would silently change figures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from stresstest.snapshot.quality import Note
from stresstest.snapshot.session import Session
from stresstest.tables import INPUT_TABLES, Table

_CUTOFF = 0.8
"""Least similarity of two names that are taken for one: a letter or two of a usual name; `entry_time` is not `entry_price`."""

_SPELT_OUT = {"px": "price", "ccy": "currency", "qty": "quantity", "acct": "account", "mult": "multiplier", "volatility": "vol"}
_SUFFIXES = (".parquet", ".parq", ".pq")

_TELLING = {"accounts": "owner_id", "positions": "entry_price", "instruments": "contract_size"}
"""Optional columns that most books have under some name, and whose default is another P&L, another size or other owners."""

_SHOWN_NAMES = 12
"""Of the ignored columns of a table: an export may have hundreds."""


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


def default_notes(columns: Mapping[str, frozenset[str]], folder_keys: Mapping[str, frozenset[str]]) -> list[Note]:
    """One row for each table: which of its columns were ignored, and which optional ones are absent, so that their default was taken.

    A warning where columns were ignored and a telling one is absent, unless `column_notes` has said which was meant: `avg_price`
    for `entry_price` is no slip that its letters give away. No row for a table with every column and no other, none for one not used yet.

    Args:
        columns: as of `column_notes`.
        folder_keys: those of them that are keys of folders named `key=value`; they divide a table, and are nobody's renamed column.
    """
    notes: list[Note] = []
    for table in INPUT_TABLES:
        if table.not_used_yet or table.name not in columns:
            continue
        there = columns[table.name]
        absent = [column.name for column in table.columns if column.name not in there and not column.required and not column.not_used_yet]
        ignored = sorted(there.difference(table.names, folder_keys.get(table.name, frozenset())))
        meant = {name: closest(name, [each for each in table.names if each not in there]) for name in ignored}
        telling = _TELLING.get(table.name)
        warns = telling in absent and telling not in meant.values() and None in meant.values()
        parts = [f"Not known and ignored: {_listed(ignored)}."] if ignored else []
        parts += [f"Optional and absent, default taken: {', '.join(absent)}."] if absent else []
        parts += [f"If one of the ignored columns is {telling}, rename it: figures depend on it."] if warns else []
        if parts:
            notes.append(Note("columns", table.name, warns, 0, " ".join(parts), float(len(ignored))))
    return notes


def collateral_note(session: Session, unknown: Iterable[str]) -> list[Note]:
    """A warning where there is no collateral table, unless every position is isolated and so brings its own margin.

    Args:
        unknown: Parquet files and folders beside the tables that are no table; one of them may be the missing one.
    """
    if session.has("collateral"):
        return []
    cross = session.count("SELECT count(*) FROM raw_positions WHERE margin_mode <> 'isolated'")
    if not cross:
        return []
    names = sorted(unknown)
    message = "No collateral table: every account is valued without collateral (isolated margins apart)."
    message += f" Not known and ignored: {_listed(names)}." if names else ""
    return [Note("collateral table", "collateral", True, cross, message)]


def unknown_tables(folder: Path) -> list[str]:
    """Names of the Parquet files and folders of them in a local snapshot that are no table."""
    known = {table.name for table in INPUT_TABLES}
    names = {path.name.removesuffix(".parquet") for path in folder.iterdir() if not path.name.startswith((".", "_")) and _holds_parquet(path)}
    return sorted(names - known)


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
    """One row that names the optional tables that are absent, of those that figures depend on; none if all are there.

    A book without open orders has no table of them, and one whose scenarios need no history none of it, which is nothing to tell.
    """
    known = {*there, "orders", "history"}
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


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {len(names) - _SHOWN_NAMES:,} more" if len(names) > _SHOWN_NAMES else "")


def _plain(name: str) -> str:
    words = [_SPELT_OUT.get(word, word) for word in re.split(r"[^a-z0-9]+", name.casefold())]
    return "".join(words[:-1] if len(words) > 1 and words[-1] == "id" else words)


def _stem(path: Path) -> str:
    return path.stem if path.suffix.lower() in _SUFFIXES else path.name


def _holds_parquet(path: Path) -> bool:
    if path.is_dir():
        return any(each.suffix.lower() in _SUFFIXES for each in path.rglob("*"))
    return path.suffix.lower() in _SUFFIXES
