"""The open DuckDB of one staging: its settings, the tables it reads as views, and what is left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb

from stresstest.errors import Fault
from stresstest.snapshot.request import StageRequest
from stresstest.snapshot.sources import Source, literal
from stresstest.snapshot.typing_sql import empty_select, typed_select
from stresstest.tables import INPUT_TABLES

# A query of ours that is wrong is our fault, not the file's: these are never taken for damage.
OUR_MISTAKES = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.SyntaxException)

_DUCKDB_SHARE = 0.5
"""Of `max_memory`; the rest is for coded rows on their way to the blocks."""


class UnreadableTableError(Exception):
    """DuckDB could not read a table; the fault says which and why."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.what)


@dataclass(frozen=True)
class LeftOut:
    """With `on_missing: exclude`: reference rows that are dropped and accounts that are excluded, each with its reason."""

    assets: dict[str, str] = field(default_factory=dict)
    instruments: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Session:
    """What every step of the reading shares. `types` holds, per table, DuckDB's types of the columns that are there."""

    connection: duckdb.DuckDBPyConnection
    request: StageRequest
    sources: dict[str, Source]
    types: dict[str, dict[str, str]]
    as_of: datetime
    currency: str
    tell: Callable[[str, str], None]

    @property
    def threads(self) -> int:
        """Worker threads of the staging."""
        return self.request.threads or os.cpu_count() or 1

    def file(self, table: str) -> str:
        """The path of a table as the user knows it."""
        return self.sources[table].shown if table in self.sources else table

    def has(self, table: str, *columns: str) -> bool:
        """Whether the table is there with at least one of the columns (without columns: whether it is there)."""
        return table in self.types and (not columns or any(column in self.types[table] for column in columns))

    def count(self, query: str) -> int:
        """The one integer that a query gives."""
        return int(self.connection.sql(query).fetchall()[0][0] or 0)

    def texts(self, query: str) -> list[str | None]:
        """The one text column that a query gives."""
        return [row[0] for row in self.connection.sql(query).fetchall()]

    @contextmanager
    def reading(self, table: str) -> Iterator[None]:
        """Name the table that is being read, to the watching process and in the fault if DuckDB cannot read it."""
        self.tell("reading", self.file(table))
        try:
            yield
        except OUR_MISTAKES:
            raise
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise UnreadableTableError(unreadable(table, self.file(table), error)) from None


def unreadable(table: str, file: str, error: Exception) -> Fault:
    """The fault of a file that a reader gave up on."""
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return Fault(f"the file cannot be read: {reason}", "Export it again from its source.", file=file, table=table, rule="readable file")


def open_connection(request: StageRequest, scratch: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory database that spills into `scratch` and fetches no extensions."""
    connection = duckdb.connect()
    scratch.mkdir(parents=True, exist_ok=True)
    settings = {
        "temp_directory": literal(str(scratch)), "TimeZone": "'UTC'", "preserve_insertion_order": "false",
        "autoinstall_known_extensions": "false", "enable_progress_bar": "false",
    }  # fmt: skip
    if request.threads is not None:
        settings["threads"] = str(request.threads)
    if request.max_memory is not None:
        settings["memory_limit"] = f"'{max(64, int(request.max_memory * _DUCKDB_SHARE / 2**20))}MiB'"
    for name, value in settings.items():
        connection.execute(f"SET {name} = {value}")
    return connection


def register_views(session: Session, left_out: LeftOut) -> None:
    """`raw_TABLE` for every input table, in its own types, defaults filled in, without what is left out."""
    dropped = {
        "assets": ("asset", left_out.assets), "instruments": ("instrument_id", left_out.instruments),
        "accounts": ("account_id", left_out.accounts), "positions": ("account_id", left_out.accounts),
        "collateral": ("account_id", left_out.accounts), "orders": ("account_id", left_out.accounts),
    }  # fmt: skip
    for table in INPUT_TABLES:
        name = table.name
        select = typed_select(session.sources[name], session.types[name]) if name in session.types else empty_select(table)
        key, out = dropped.get(name, ("", {}))
        if out:
            list_table(session, f"out_{name}", out)
            select = f"SELECT * FROM ({select}) AS there ANTI JOIN out_{name} ON there.{key} = out_{name}.item"
        session.connection.execute(f"CREATE OR REPLACE TEMP VIEW raw_{name} AS {select}")


def list_table(session: Session, name: str, items: Iterable[str]) -> None:
    """A temporary table of one text column `item`."""
    values = sorted(items)
    session.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} (item VARCHAR)")
    if values:
        session.connection.execute(f"INSERT INTO {name} SELECT unnest($items)", {"items": values})


def quoted(items: Iterable[str]) -> str:
    """The texts as an SQL list for IN; a list that holds nothing where there are none."""
    return ", ".join(literal(item) for item in sorted(items)) or "NULL"
