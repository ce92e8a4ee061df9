"""SQL over tables in memory that can read nothing else and write nothing: no file, no network, no setting, no variable of this program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import duckdb
import polars as pl

from stresstest.errors import Fault, Reason, StressTestError

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET python_enable_replacements = false",  # a variable of this program is no table
)
_LOCKS = ("SET enable_external_access = false", "SET lock_configuration = true")


@contextmanager
def locked_database(tables: Mapping[str, Any], **config: str | int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory with these tables (Arrow tables or datasets), from which nothing outside can be reached and which stays so.

    Args:
        tables: by the names that SQL has for them.
        config: settings of the database, as `threads` and `memory_limit`.
    """
    with closing(duckdb.connect(":memory:", config=dict(config))) as connection:
        for setting in _SETTINGS:
            connection.execute(setting)
        for name, table in tables.items():
            connection.register(name, table)
        for setting in _LOCKS:
            connection.execute(setting)
        yield connection


def select(sql: str, tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """What one SELECT (or DESCRIBE, SHOW, SUMMARIZE) gives over these tables.

    Raises:
        StressTestError: usage, when it is not exactly one such statement, or cannot be run; what the database says is the fault.
    """
    with locked_database({name: table.to_arrow() for name, table in tables.items()}) as connection:
        try:
            statements = connection.extract_statements(sql)
            kinds = [str(each.type).rpartition(".")[2] for each in statements]
            if kinds != ["SELECT"]:
                what = "holds no statement" if not kinds else f"must be one SELECT, not {' and '.join(kinds)}"
                raise _refused(what, f"Write one SELECT over {', '.join(sorted(tables))}.")
            found: pl.DataFrame = connection.sql(sql).pl()
        except duckdb.Error as error:
            message = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".!")
            raise _refused(message, f"Tables: {', '.join(sorted(tables))}; `DESCRIBE runs` lists the columns of one.") from error
        return found


def _refused(what: str, hint: str) -> StressTestError:
    return StressTestError(Reason.USAGE, "the SQL cannot be run", [Fault(what, hint, path="--sql")])
