from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pytest

from stresstest.errors import Reason, StressTestError
from stresstest.results.read_only_sql import locked_database, select

TABLES = {"runs": pl.DataFrame({"book": ["a", "b"], "cover": [1.5, None]})}


def test_a_select_over_the_tables():
    assert select("SELECT book, cover * 2 AS twice FROM runs ORDER BY book", TABLES).rows() == [("a", 3.0), ("b", None)]
    assert select("DESCRIBE runs", TABLES)["column_name"].to_list() == ["book", "cover"]
    assert select("WITH r AS (FROM runs) SELECT count(*) FROM r;", TABLES).item() == 2


@pytest.mark.parametrize("sql", [
    "SELECT * FROM '{file}'", "SELECT * FROM read_csv('{file}')", "SELECT * FROM read_text('{file}')", "SELECT * FROM glob('/*')",
    "COPY runs TO '{file}.csv'", "EXPORT DATABASE '{file}'", "ATTACH '{file}.db'", "CREATE TABLE t AS SELECT 1", "INSERT INTO runs VALUES ('c', 1)",
    "DELETE FROM runs", "DROP VIEW runs", "INSTALL httpfs", "LOAD httpfs", "SET threads = 1", "SET enable_external_access = true", "PRAGMA version",
    "SELECT * FROM 'https://example.org/x.parquet'", "SELECT 1; SELECT 2", "SELECT * FROM TABLES", "SELECT * FROM nothing", "SELECT FROM WHERE", "",
    "-- a remark",
])  # fmt: skip
def test_nothing_else_can_be_reached(tmp_path: Path, sql: str):
    file = tmp_path / "secret.csv"
    file.write_text("secret\n1\n")
    with pytest.raises(StressTestError) as caught:
        select(sql.format(file=file), TABLES)
    assert caught.value.reason is Reason.USAGE
    assert "secret\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == [file]


def test_the_database_stays_locked():
    with locked_database({"runs": TABLES["runs"].to_arrow()}, threads=1) as connection:
        for statement in ("SET enable_external_access = true", "RESET lock_configuration", "SET python_enable_replacements = true"):
            with pytest.raises(duckdb.Error, match="locked"):
                connection.execute(statement)
