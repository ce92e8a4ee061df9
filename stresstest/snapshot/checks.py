"""Conditions on rows, compiled from `tables` to SQL, and the faults where they do not hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import duckdb

from stresstest.errors import SHOWN_KEYS, Fault
from stresstest.snapshot.sources import literal
from stresstest.snapshot.typing_sql import inexact_name, large_integers
from stresstest.tables import Table

KEYS: dict[str, tuple[str, ...]] = {
    "accounts": ("account_id",), "owners": ("owner_id",), "positions": ("account_id", "instrument_id"), "collateral": ("account_id", "asset"),
    "instruments": ("instrument_id",), "assets": ("asset",), "orders": ("account_id", "instrument_id"), "history": ("date", "factor"),
}  # fmt: skip
"""What names a row of each table to its reader."""

Blame = Literal["account_id", "instrument_id", "asset"]
BLAMED: dict[str, Blame] = {
    "accounts": "account_id", "positions": "account_id", "collateral": "account_id", "orders": "account_id",
    "instruments": "instrument_id", "assets": "asset",
}  # fmt: skip
"""Whom `on_missing: exclude` drops for a bad row of a table; other tables' faults always refuse."""


@dataclass(frozen=True)
class Check:
    """One condition: `bad` is SQL, true on rows that break it and never null."""

    column: str
    rule: str
    what: str
    hint: str
    bad: str


@dataclass(frozen=True)
class Finding:
    """A fault, and whom it can be pinned on: `blamed` is a query of the values of `blame`; without it the fault refuses."""

    fault: Fault
    blame: Blame | None = None
    blamed: str = ""


def table_checks(table: Table, types: dict[str, str]) -> list[Check]:
    """The checks that `tables` states for the columns that a file has: nulls, finite numbers, choices, rules."""
    checks: list[Check] = []
    for column in table.columns:
        name = column.name
        if name not in types:
            continue
        if not column.nullable:
            checks.append(Check(name, "not null", "null where a value is needed", f"Give a value: {column.doc}.", f"({name} IS NULL)"))
        if column.type == "float":
            hint = "Leave unknown values null." if column.nullable else f"Give a number: {column.doc}."
            checks.append(Check(name, "finite", "not a finite number", hint, f"coalesce(NOT isfinite({name}), false)"))
        if column.choices:
            among = ", ".join(literal(choice) for choice in column.choices)
            hint = f"One of {', '.join(column.choices)}."
            checks.append(Check(name, "choices", "a value that is not among its choices", hint, f"coalesce({name} NOT IN ({among}), false)"))
    for name in large_integers(table, types):
        hint = "Store it in smaller units, as decimal or double."
        checks.append(Check(name, "exact", "an integer too large for a double", hint, inexact_name(name)))
    checks += [
        Check(rule.column, rule.name, f"breaks the rule: {rule.name}", rule.hint, f"coalesce(NOT ({rule.sql}), false)") for rule in table.rules
    ]
    return checks


def mask(checks: list[Check]) -> str:
    """One integer a row, bit k set where check k is broken: zero on a good row."""
    assert len(checks) < 63
    bits = [f"(CASE WHEN {check.bad} THEN {1 << bit} ELSE 0 END)" for bit, check in enumerate(checks)]
    kind = "UTINYINT" if len(checks) <= 8 else "USMALLINT" if len(checks) <= 16 else "UBIGINT"
    return f"CAST({' | '.join(bits) or '0'} AS {kind})"


def key_text(table: str) -> str:
    """SQL for the text that names a row in a fault."""
    return " || ' / ' || ".join(f"coalesce(CAST({column} AS VARCHAR), 'null')" for column in KEYS[table])


def find(connection: duckdb.DuckDBPyConnection, relation: str, table: str, file: str, checks: list[Check]) -> list[Finding]:
    """The findings of `checks` on the rows of `relation`: one pass that counts, then one for the keys of each broken check."""
    if not checks:
        return []
    counts = connection.sql(f"SELECT {', '.join(f'count_if({check.bad})' for check in checks)} FROM {relation}").fetchall()[0]
    return [
        finding(connection, relation, table, file, check, int(rows))
        for check, rows in zip(checks, counts, strict=True) if rows
    ]  # fmt: skip


def finding(connection: duckdb.DuckDBPyConnection, relation: str, table: str, file: str, check: Check, rows: int) -> Finding:
    """The fault of one broken check with its first keys, in the order of the keys, whatever the order of rows."""
    bad = f"FROM {relation} WHERE {check.bad}"
    keys = connection.sql(f"SELECT DISTINCT {key_text(table)} AS key {bad} ORDER BY key LIMIT {SHOWN_KEYS}").fetchall()
    fault = Fault(
        check.what, check.hint, file=file, table=table, column=check.column, rule=check.rule, rows=rows, keys=tuple(str(key) for (key,) in keys),
    )  # fmt: skip
    blame = BLAMED.get(table)
    return Finding(fault, blame, f"SELECT DISTINCT {blame} {bad}") if blame else Finding(fault)


def duplicates(connection: duckdb.DuckDBPyConnection, relation: str, table: Table, file: str) -> list[Finding]:
    """Keys that occur more than once; the rows are all rows that carry such a key."""
    if not table.key:
        return []
    columns = ", ".join(table.key)
    twice = f"(SELECT {columns}, count(*) AS times FROM {relation} WHERE {table.key[0]} IS NOT NULL GROUP BY ALL HAVING count(*) > 1)"
    rows = connection.sql(f"SELECT CAST(sum(times) AS BIGINT) FROM {twice}").fetchall()[0][0]
    if not rows:
        return []
    check = Check(table.key[0], "unique key", f"the same {' and '.join(table.key)} more than once", "Keep one row of each.", "true")
    return [finding(connection, twice, table.name, file, check, int(rows))]
