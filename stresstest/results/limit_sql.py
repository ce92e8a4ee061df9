"""SQL of limits: one SELECT over the result tables of a run, and nothing else.

What a run file says is run as SQL, so it is held in three ways, none of which relies on another.

1. It is parsed, never pasted: exactly one SELECT; its tables are result tables, `resources` or its own common table expressions; no table functions
   (which read files) but `range`, `generate_series` and `unnest`; nothing that differs from one evaluation to the next (clock, random numbers).
2. The database is in memory and has only the tables, each handed over as an Arrow dataset, so it needs no file; access to anything outside is off,
   and the configuration locked.
3. Time and memory are bounded.

One thread and the order of rows of the files: sums are the same bits every time.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset as ds

from stresstest.results.read_only_sql import locked_database
from stresstest.results.store import arrow_schema, files_of
from stresstest.tables import Column, Table

SECONDS = 30.0
"""That one limit may take; the built-in ones take a tenth of a second on a million positions."""
MEMORY = 1 << 30
"""Bytes that evaluation may take, if the run allows that much."""
MOST_ROWS = 2_000_000
"""Rows that a SELECT may give: one an account of a very large book."""

RESOURCES = Table(
    "resources",
    "What stands behind a default, in reporting currency: one row, null where the run states no resources.",
    tuple(Column(name, "float", "", "reporting currency") for name in ("insurance_fund", "skin_in_the_game", "default_fund", "total")),
)

_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest"})
_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE", "VALUES_NODE"})
_CHANGING_WORDS = frozenset(
    {
        "current_date",
        "current_time",
        "current_timestamp",
        "localtime",
        "localtimestamp",
        "current_user",
        "session_user",
        "current_setting",
        "getvariable",
    }
)
"""What reads the clock or the session without being a function in the parse tree, or is called constant by one of the supported releases."""
_NUMBERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT", "FLOAT", "DOUBLE"}
)  # fmt: skip


class QueryRefusedError(Exception):
    """A SELECT that may not be run or cannot be: what it does wrong, with the verb first, and how to mend it."""

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint
        super().__init__(what)


@dataclass(frozen=True)
class Measured:
    """The worst value that a SELECT gave and what it is about, as far as there is one; `reason` says why it is not known, or not of all rows.

    `lacking`: it was computed, and the tables hold nothing that it could be.
    """

    value: float | None
    subject: str | None = None
    reason: str | None = None
    lacking: bool = False


@dataclass(frozen=True)
class _Names:
    """Names in lower case after FROM: all that are `read`, and without those of common table expressions what must be there."""

    read: frozenset[str]
    needed: frozenset[str]


def tables_of(queries: Sequence[str]) -> frozenset[str]:
    """What queries read, tables and common table expressions (which may have the name of a table), in lower case as SQL takes them.

    Raises:
        QueryRefusedError: one is no single SELECT, or reads anything but tables.
    """
    with _locked({}) as connection:
        return frozenset().union(*(_parsed(connection, query).read for query in queries))


def check_queries(queries: Sequence[str], tables: Sequence[Table], others: Sequence[str] = ()) -> list[QueryRefusedError | None]:
    """Prepare queries against empty tables: that each may be run, that its columns are there, and that it gives a number, or subject and number.

    Args:
        queries: the SELECTs.
        tables: those that the run will have; `resources` is there besides.
        others: names of result tables that this run will not have, which a refusal then says.

    Returns:
        For each query what is wrong with it and how to mend it; None where nothing is.
    """
    frames = {table.name: ds.dataset(arrow_schema(table).empty_table()) for table in (*tables, RESOURCES)}
    found: list[QueryRefusedError | None] = []
    with _locked(frames) as connection:
        for query in queries:
            try:
                _prepare(connection, query, sorted(frames), others)
            except QueryRefusedError as error:
                found.append(error)
            else:
                found.append(None)
    return found


def _prepare(connection: duckdb.DuckDBPyConnection, query: str, tables: Sequence[str], others: Sequence[str]) -> None:
    unknown = sorted(_parsed(connection, query).needed - {name.lower() for name in tables})
    if unknown:
        what = f"reads {unknown[0]}, which {'this run does not make' if unknown[0] in others else 'is no result table'}"
        raise QueryRefusedError(what, f"Tables of this run: {', '.join(tables)}.")
    try:
        relation = connection.sql(query)
    except duckdb.Error as error:
        raise QueryRefusedError(f"cannot be prepared: {_first_line(error)}", "`stresstest schema TABLE` has the columns of a table.") from error
    _check_columns(relation)


def measure_all(
    queries: Sequence[str], folder: Path, resources: Mapping[str, float] | None, worse: Sequence[str], max_memory: int | None = None
) -> list[Measured]:
    """What each query gives on the result tables of a folder.

    Args:
        queries: SELECTs that `check_query` accepted.
        folder: the result folder; tables are read as far as they are asked.
        resources: what the columns of `resources` hold; None: nothing is stated.
        worse: for each query `above` or `below`: whether the largest or the smallest of several rows is kept.
        max_memory: bytes that the run may take; a quarter of it, at most `MEMORY`, is for limits.
    """
    wanted = tables_of(queries)
    frames: dict[str, Any] = {}
    for name in sorted(wanted - {RESOURCES.name}):
        if files := files_of(folder, name):
            frames[name] = ds.dataset([str(file) for file in files], format="parquet")
    row = [{column.name: None if resources is None else resources[column.name] for column in RESOURCES.columns}]
    frames[RESOURCES.name] = ds.dataset(pl.DataFrame(row, schema={column.name: pl.Float64 for column in RESOURCES.columns}).to_arrow())
    memory = MEMORY if max_memory is None else min(MEMORY, max_memory // 4)
    with _locked(frames, memory) as connection:
        return [_measured(connection, query, side == "above", frames.keys()) for query, side in zip(queries, worse, strict=True)]


def _locked(frames: Mapping[str, Any], memory: int = MEMORY) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """A database in memory with these tables, that can reach nothing else."""
    return locked_database(frames, threads=1, memory_limit=f"{max(64, memory >> 20)}MiB")


def _measured(connection: duckdb.DuckDBPyConnection, query: str, largest: bool, tables: Any) -> Measured:
    absent = sorted(_parsed(connection, query).needed - set(tables))
    if absent:
        return Measured(None, reason=f"the run has no table {', '.join(absent)}")
    timer = threading.Timer(SECONDS, connection.interrupt)
    timer.start()
    try:
        relation = connection.sql(query)
        _check_columns(relation)
        rows: pl.DataFrame = relation.limit(MOST_ROWS + 1).pl()
    except duckdb.InterruptException:
        return Measured(None, reason=f"it took longer than {SECONDS:g} s")
    except (duckdb.Error, QueryRefusedError) as error:
        return Measured(None, reason=f"it could not be computed: {_first_line(error)}")
    finally:
        timer.cancel()
    return worst_of(rows, largest)


def worst_of(rows: pl.DataFrame, largest: bool) -> Measured:
    """The worst of the rows (value, or subject and value): the largest or the smallest; of equal ones the first subject in order of text.

    A row without a finite value is never taken for a good one: the reason says how many there are.
    """
    if rows.height > MOST_ROWS:
        return Measured(None, reason=f"it gave more than {MOST_ROWS:,} rows")
    if not rows.height:
        return Measured(None, reason="it gave no row", lacking=True)
    if rows.width == 1 and rows.height > 1:
        return Measured(None, reason=f"it gave {rows.height:,} rows, and no subject to tell them apart")
    values = rows.to_series(rows.width - 1).cast(pl.Float64)
    subjects = rows.to_series(0).cast(pl.String) if rows.width == 2 else pl.Series([None], dtype=pl.String)
    found = pl.DataFrame({"subject": subjects, "value": values})
    finite = found.filter(pl.col("value").is_finite()).sort("value", "subject", descending=[largest, False], nulls_last=True)
    missing = found.filter(~pl.col("value").is_finite().fill_null(False)).sort("subject", nulls_last=True)
    value, subject = (None, None) if not finite.height else (float(finite["value"][0]), finite["subject"][0])
    return Measured(value, subject, _missing(missing, found.height), lacking=value is None)


def _missing(missing: pl.DataFrame, total: int) -> str | None:
    if not missing.height:
        return None
    value, subject = missing["value"][0], missing["subject"][0]
    what = "null" if value is None else "not a number" if math.isnan(value) else "infinite"
    if total == 1:
        return f"the value{'' if subject is None else f' of {subject}'} is {what}"
    return f"{missing.height:,} of {total:,} rows have no finite value" + ("" if subject is None else f", the first {subject}: {what}")


def _check_columns(relation: Any) -> None:
    types = [str(each) for each in relation.types]
    if len(types) not in (1, 2):
        raise QueryRefusedError(f"gives {len(types)} columns", "Select one number, or a subject and a number.")
    if types[-1] not in _NUMBERS and not types[-1].startswith("DECIMAL"):
        which = "the column" if len(types) == 1 else "the second column"
        raise QueryRefusedError(
            f"gives no number: {which} is {types[-1]}", "Select a number as the last column, after its subject where there is one."
        )
    if len(types) == 2 and not (types[0] in ("VARCHAR", "DATE", "BOOLEAN") or types[0] in _NUMBERS):
        raise QueryRefusedError(f"gives a subject that is no text: {types[0]}", "Select text, for example account_id, before the number.")


def _parsed(connection: duckdb.DuckDBPyConnection, query: str) -> _Names:
    """The tables that the query reads, once it is known to be one SELECT over tables that gives the same every time."""
    mend = "Write one SELECT over the result tables."
    try:
        statements = connection.extract_statements(query)
        if len(statements) != 1:
            raise QueryRefusedError("is empty" if not statements else f"has {len(statements)} statements", mend)
        kind = str(statements[0].type).rpartition(".")[2]
        if kind != "SELECT":
            raise QueryRefusedError(f"is no SELECT but {kind}", mend)
        text = connection.sql("SELECT json_serialize_sql($query)", params={"query": query}).fetchall()[0][0]
    except duckdb.Error as error:
        raise QueryRefusedError(f"cannot be parsed: {_first_line(error)}", mend) from error
    try:
        tree = json.loads(text)
    except RecursionError:
        raise QueryRefusedError("is nested too deeply", "Write it with fewer levels.") from None
    if tree["error"]:
        raise QueryRefusedError(f"cannot be parsed as a SELECT: {tree['error_message']}", mend)
    return _tables_read(list(_nodes(tree["statements"])))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """All objects of a parse tree; without recursion, whatever its depth."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def _tables_read(nodes: Sequence[dict[str, Any]]) -> _Names:
    own = {str(entry["key"]).lower() for node in nodes if isinstance(cte := node.get("cte_map"), dict) for entry in cte.get("map", ())}
    own |= {str(node["cte_name"]).lower() for node in nodes if node.get("cte_name")}
    read = set()
    for node in nodes:
        kind = str(node.get("type", ""))
        if kind.endswith("_NODE") and kind not in _QUERIES:
            raise QueryRefusedError(
                f"has a part that is no SELECT but {kind.removesuffix('_NODE').lower()}", "Write one SELECT over the result tables."
            )
        if node.get("sample") is not None:
            raise QueryRefusedError("takes a sample, which differs from time to time", "Select all rows.")
        if kind == "SHOW_REF":
            raise QueryRefusedError("describes a table", "Select from it; `stresstest schema TABLE` describes it.")
        if kind == "TABLE_FUNCTION":
            _check_table_function(node)
        if kind == "BASE_TABLE":
            name = str(node.get("table_name", ""))
            path = (node.get("qualified_name") or {}).get("path") or [name]
            if node.get("schema_name") or node.get("catalog_name") or len(path) != 1:
                raise QueryRefusedError(f"names a table with its schema: {name}", "Name result tables alone, as `stresstest schema` does.")
            read.add(name.lower())
        _check_words(node)
    return _Names(frozenset(read), frozenset(read - own))


def _check_table_function(node: Mapping[str, Any]) -> None:
    name = str(node.get("function", {}).get("function_name", "a table function")).lower()
    if name not in _TABLE_FUNCTIONS:
        raise QueryRefusedError(f"calls {name}: limits read result tables, no files and nothing else", "Select from the result tables alone.")


def _check_words(node: Mapping[str, Any]) -> None:
    function = str(node.get("function_name", "")).lower()
    names = list(node.get("column_names") or [])
    word = str(names[0]).lower() if len(names) == 1 else ""
    if function in _changing() or function in _CHANGING_WORDS or word in _CHANGING_WORDS:
        what = f"uses {function or word}, which is not the same every time it is evaluated"
        raise QueryRefusedError(what, "Use figures of the result tables alone.")


@lru_cache(maxsize=1)
def _changing() -> frozenset[str]:
    """The functions that may give something else next time, as the database itself tells."""
    with closing(duckdb.connect(":memory:", config={"threads": 1})) as connection:
        query = "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
        return frozenset(name for (name,) in connection.sql(query).fetchall()) - {"error", "stats", "vector_type"}


def _first_line(error: Exception) -> str:
    """What the database says of a mistake, as a part of a sentence."""
    line = next(iter(str(error).strip().splitlines()), type(error).__name__).strip()
    what = line.partition(" Error: ")[2] or line
    return (what if what[1:2].isupper() else what[:1].lower() + what[1:]).rstrip(".!")
