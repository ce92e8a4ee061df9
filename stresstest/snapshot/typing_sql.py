"""From a file's column types to the types of `tables`, in SQL: casts that lose nothing, defaults filled in."""

from __future__ import annotations

import re

import duckdb

from stresstest.errors import Fault
from stresstest.snapshot.sources import Source, literal
from stresstest.tables import Column, Table, Type

_SMALL_INTEGERS = "TINYINT|SMALLINT|INTEGER|UTINYINT|USMALLINT|UINTEGER"
_LARGE_INTEGERS = "BIGINT|UBIGINT|HUGEINT|UHUGEINT"
_ACCEPTED: dict[Type, str] = {
    "float": rf"{_SMALL_INTEGERS}|{_LARGE_INTEGERS}|FLOAT|DOUBLE|DECIMAL\(.*\)",
    "integer": f"{_SMALL_INTEGERS}|{_LARGE_INTEGERS}",
    "string": r"VARCHAR|ENUM\(.*\)|UUID",
    "boolean": "BOOLEAN",
    "timestamp": r"TIMESTAMP(_S|_MS|_NS)?|TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
    "string list": r"(VARCHAR|ENUM\(.*\))\[\]",
}
_SQL: dict[Type, str] = {
    "float": "DOUBLE", "integer": "BIGINT", "string": "VARCHAR", "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP", "date": "DATE", "string list": "VARCHAR[]",
}  # fmt: skip
_HINTS: dict[Type, str] = {
    "float": "Store numbers as double, decimal or integer.",
    "integer": "Store whole numbers as integer.",
    "string": "Store it as text (UTF-8), plain or dictionary-encoded.",
    "boolean": "Store true and false as boolean.",
    "timestamp": "Store a timestamp, with a zone or in UTC.",
    "date": "Store a date.",
    "string list": "Store a list of texts.",
}
_EMPTY = '"NULL"'
"""DuckDB's name for a column whose writer knew no type because every value is null: as good as absent."""
_EXACT_INTEGERS = 2**53


def column_types(connection: duckdb.DuckDBPyConnection, source: Source, own: frozenset[str]) -> dict[str, str]:
    """DuckDB's type of every column of the table that `tables` knows, by exact name; all-null columns count as absent."""
    relation = connection.sql(f"SELECT * FROM {source.scan()}")
    names = (own | source.hive_keys) & set(source.table.names)
    types = {name: str(kind) for name, kind in zip(relation.columns, relation.types, strict=True)}
    return {name: types[name] for name in source.table.names if name in names and types.get(name, _EMPTY) != _EMPTY}


def column_faults(source: Source, types: dict[str, str], own: frozenset[str]) -> list[Fault]:
    """Required columns that are missing, and columns of a wrong type."""
    table, faults = source.table, []
    for column in table.columns:
        if column.name not in types:
            if column.required:
                similar = [name for name in sorted(own) if name.lower() == column.name]
                if column.name in own:
                    what, hint = "every value is null", f"Give its values: {column.doc}."
                else:
                    what = "the column is missing"
                    hint = f"Rename {similar[0]}, which the file has: names are case-sensitive." if similar else f"Add it: {column.doc}."
                faults.append(Fault(what, hint, file=source.shown, table=table.name, column=column.name, rule="required column"))
        elif not re.fullmatch(_ACCEPTED[column.type], types[column.name]):
            faults.append(
                Fault(
                    f"has type {types[column.name]}, not {column.type}",
                    _HINTS[column.type], file=source.shown, table=table.name, column=column.name, rule="type",
                )
            )  # fmt: skip
    return faults


def typed_select(source: Source, types: dict[str, str]) -> str:
    """A query with every column of the table in its own type, defaults in place of nulls and of absent columns."""
    expressions = [f"{_expression(column, types)} AS {column.name}" for column in source.table.columns]
    expressions += [f"{_inexact(name)} AS {inexact_name(name)}" for name in large_integers(source.table, types)]
    return f"SELECT {', '.join(expressions)} FROM {source.scan()}"


def empty_select(table: Table) -> str:
    """The same query for an optional table that is not there: no rows."""
    return f"SELECT {', '.join(f'{_expression(column, {})} AS {column.name}' for column in table.columns)} WHERE false"


def large_integers(table: Table, types: dict[str, str]) -> list[str]:
    """Float columns stored as integers so wide that a double may not hold them."""
    return [column.name for column in table.columns if column.type == "float" and re.fullmatch(_LARGE_INTEGERS, types.get(column.name, ""))]


def inexact_name(column: str) -> str:
    """Name of the extra column that is true where `column` does not survive the way into a double."""
    return f"{column}_inexact"


def _inexact(name: str) -> str:
    column = f'"{name}"'
    there_and_back = f"CAST(CAST({column} AS DOUBLE) AS HUGEINT) <> CAST({column} AS HUGEINT)"
    return f"coalesce({column} NOT BETWEEN -{_EXACT_INTEGERS} AND {_EXACT_INTEGERS} AND {there_and_back}, false)"


def default_value(column: Column) -> str:
    """SQL for the default of a column, null where it has none."""
    value = "NULL" if column.default is None else literal(column.default) if isinstance(column.default, str) else repr(column.default)
    return f"CAST({value} AS {_SQL[column.type]})"


def _expression(column: Column, types: dict[str, str]) -> str:
    if column.name not in types:
        return default_value(column)
    value = f'CAST("{column.name}" AS {_SQL[column.type]})'
    return value if column.default is None else f"coalesce({value}, {default_value(column)})"
