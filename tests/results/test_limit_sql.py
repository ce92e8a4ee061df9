"""The SQL of limits reads result tables, and can do nothing else."""

from __future__ import annotations

import socket
from pathlib import Path

import duckdb
import polars as pl
import pytest
from results.tables_for_tests import account_summary, scenario_summary

from stresstest.config.built_in_limits import BUILT_INS
from stresstest.results import limit_sql
from stresstest.results.limit_sql import Measured, check_queries, measure_all, tables_of, worst_of
from stresstest.results.store import write_table
from stresstest.tables import ACCOUNT_SUMMARY, ISOLATION_TABLES, RESULT_TABLES, SCENARIO_SUMMARY

TABLES = tuple(table for table in RESULT_TABLES if table not in ISOLATION_TABLES)


def refusal(query: str) -> str | None:
    (found,) = check_queries([query], TABLES, [table.name for table in ISOLATION_TABLES])
    return None if found is None else found.what


@pytest.mark.parametrize(
    "query",
    [
        "SELECT max(margin_shortfall) FROM account_scenario",
        "SELECT account_id, equity FROM ACCOUNT_SUMMARY -- whose equity\n;",
        "WITH big AS (SELECT * FROM account_summary WHERE gross_notional > 1e6) SELECT count(*) FROM big",
        "FROM resources SELECT total",
        "SELECT headline, sum(margin_shortfall) FROM scenario_summary GROUP BY ALL",
        "SELECT a.account_id, max(a.equity - d.equity) FROM account_summary a JOIN detail d USING (account_id) GROUP BY 1",
        "SELECT max(x) FROM (VALUES (1), (2)) AS list(x)",
        "SELECT count(*) FROM range(3)",
        "SELECT 1.5::DECIMAL(10, 2)",
    ],
)
def test_a_select_over_result_tables_is_taken(query: str):
    assert refusal(query) is None


def test_every_built_in_can_be_prepared():
    queries = [each.query() for each in BUILT_INS.values()]
    assert check_queries(queries, RESULT_TABLES) == [None] * len(queries)
    assert check_queries([each.query(basis="uncollateralised_loss", top=10) for each in BUILT_INS.values()], RESULT_TABLES) == [None] * len(queries)


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("SELECT count(*) FROM read_csv('/etc/passwd')", "calls read_csv"),
        ("SELECT count(*) FROM read_text('/etc/passwd')", "calls read_text"),
        ("SELECT (SELECT count(*) FROM read_parquet('x.parquet'))", "calls read_parquet"),
        ("SELECT count(*) FROM glob('*')", "calls glob"),
        ("SELECT count(*) FROM query('SELECT 1')", "calls query"),
        ("SELECT count(*) FROM duckdb_secrets()", "calls duckdb_secrets"),
        ("SELECT count(*) FROM '/etc/passwd.csv'", "reads /etc/passwd.csv, which is no result table"),
        ("SELECT count(*) FROM 'https://example.com/x.parquet'", "reads https://example.com/x.parquet, which is no result table"),
        ("SELECT count(*) FROM duckdb_settings", "reads duckdb_settings, which is no result table"),
        ("SELECT count(*) FROM information_schema.tables", "names a table with its schema"),
        ("COPY account_summary TO 'out.csv'", "is no SELECT but COPY"),
        ("ATTACH 'x.db'", "is no SELECT but ATTACH"),
        ("INSTALL httpfs", "is no SELECT but LOAD"),
        ("LOAD httpfs", "is no SELECT but LOAD"),
        ("SET enable_external_access = true", "is no SELECT but SET"),
        ("CREATE TABLE x AS SELECT 1", "is no SELECT but CREATE"),
        ("INSERT INTO resources VALUES (1, 1, 1, 1)", "is no SELECT but INSERT"),
        ("DELETE FROM resources", "is no SELECT but DELETE"),
        ("EXPORT DATABASE 'x'", "is no SELECT but EXPORT"),
        ("SELECT 1; SELECT 2", "has 2 statements"),
        ("SELECT 1; COPY resources TO 'out.csv'", "has 2 statements"),
        ("  ", "is empty"),
        ("DESCRIBE account_summary", "describes a table"),
        ("SELECT random()", "uses random"),
        ("SELECT CURRENT_DATE - DATE '2026-01-01'", "uses current_date"),
        ("SELECT epoch(now())", "uses now"),
        ("SELECT current_setting('threads')", "uses current_setting"),
        ("SELECT max(equity) FROM account_summary USING SAMPLE 10%", "takes a sample"),
        ("SELECT getenv('HOME')", "cannot be prepared"),
        ("SELECT count(*) FROM isolation", "reads isolation, which this run does not make"),
        ("SELECT count(*) FROM accounts", "reads accounts, which is no result table"),
        ("SELECT max(equty) FROM account_summary", 'cannot be prepared: referenced column "equty" not found'),
        ("SELECT equity, account_id FROM account_summary", "gives no number: the second column is VARCHAR"),
        ("SELECT account_id FROM account_summary", "gives no number: the column is VARCHAR"),
        ("SELECT headline FROM scenario_summary", "gives no number: the column is BOOLEAN"),
        ("SELECT 1, 2, 3", "gives 3 columns"),
        ("SELECT ?", "cannot be prepared"),
        ("SELEC 1", "cannot be parsed"),
    ],
)
def test_anything_else_is_refused_with_the_reason(query: str, what: str):
    found = refusal(query)
    assert found is not None
    assert found.startswith(what)


def test_pragmas_and_statements_that_change_data_inside_a_select_are_refused():
    # Releases of the database differ in what they call these.
    assert refusal("PRAGMA database_list") is not None
    assert refusal("WITH gone AS (DELETE FROM resources RETURNING total) SELECT total FROM gone") is not None
    assert refusal("PIVOT resources ON total USING sum(total)") is not None


@pytest.mark.parametrize(
    "query",
    [
        "SELECT count(*) FROM read_csv('{file}')",
        "SELECT count(*) FROM '{file}'",
        "COPY resources TO '{folder}/out.csv'",
        "COPY resources TO '{file}'",
        "ATTACH '{folder}/x.db'",
        "EXPORT DATABASE '{folder}/out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET enable_external_access",
        "PRAGMA enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET python_enable_replacements = true",
        "SELECT count(*) FROM a_frame_of_this_program",
        "SELECT count(*) FROM duckdb_secrets()",
        "SELECT count(*) FROM 'http://127.0.0.1:{port}/x.parquet'",
    ],
)
def test_the_database_itself_lets_nothing_out_even_without_the_parser(query: str, tmp_path: Path):
    file = tmp_path / "secret.csv"
    file.write_text("a\n1\n")
    a_frame_of_this_program = pl.DataFrame({"a": [1]})
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        text = query.format(file=file, folder=tmp_path, port=server.getsockname()[1])
        with limit_sql._locked({}) as connection, pytest.raises(duckdb.Error):
            connection.sql(text).fetchall()
        with pytest.raises(TimeoutError):
            server.accept()
    assert a_frame_of_this_program.height == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secret.csv"]
    assert file.read_text() == "a\n1\n"


def test_tables_that_a_query_reads():
    assert tables_of(["WITH a AS (SELECT * FROM Detail) SELECT count(*) FROM a, resources", "SELECT 1"]) == {"a", "detail", "resources"}


def test_a_common_table_expression_hides_neither_a_table_nor_a_file(folder: Path, tmp_path: Path):
    inside = "SELECT (WITH account_summary AS (SELECT 1 AS x) SELECT x FROM account_summary) + (SELECT count(*) FROM account_summary)"
    assert refusal(inside) is None
    assert measured(folder, inside) == Measured(4.0)  # 1 and the three accounts
    file = tmp_path / "x.csv"
    file.write_text("a\n1\n")
    found = refusal(f'SELECT (WITH "{file}" AS (SELECT 1 AS x) SELECT x FROM "{file}") + (SELECT count(*) FROM "{file}")')
    assert found is not None
    assert found.startswith("cannot be prepared")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two tables of a run, in a folder whose name would be a pattern if it were one."""
    folder = tmp_path / "a[1]*"
    ids = ("base", "dip", "crash")
    write_table(
        scenario_summary({"scenario_id": "dip", "margin_shortfall": 5.0}, {"scenario_id": "crash", "margin_shortfall": 80.0}),
        SCENARIO_SUMMARY, folder / "scenario_summary.parquet", ids,
    )  # fmt: skip
    accounts = account_summary({"account_id": "a", "equity": 4.0}, {"account_id": "b", "equity": -1.0}, {"account_id": "c", "equity": 4.0})
    write_table(accounts, ACCOUNT_SUMMARY, folder / "account_summary.parquet", ids)
    return folder


def measured(folder: Path, query: str, worse: str = "above", resources: dict[str, float] | None = None) -> Measured:
    return measure_all([query], folder, resources, [worse])[0]


def test_the_worst_row_is_named(folder: Path):
    accounts = "SELECT account_id, equity FROM account_summary"
    assert measured(folder, "SELECT scenario_id, margin_shortfall FROM scenario_summary") == Measured(80.0, "crash")
    assert measured(folder, accounts) == Measured(4.0, "a")  # of equal ones the first
    assert measured(folder, accounts, "below") == Measured(-1.0, "b")
    assert measured(folder, "SELECT sum(equity) FROM account_summary -- all\n;") == Measured(7.0)


def test_resources_are_a_table_of_one_row(folder: Path):
    stated = {"insurance_fund": 1.0, "skin_in_the_game": 2.0, "default_fund": 3.0, "total": 6.0}
    assert measured(folder, "SELECT total - default_fund FROM resources", resources=stated) == Measured(3.0)
    assert measured(folder, "SELECT total FROM resources") == Measured(None, None, "the value is null", lacking=True)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT equity FROM account_summary WHERE false", Measured(None, None, "it gave no row", lacking=True)),
        ("SELECT equity FROM account_summary", Measured(None, None, "it gave 3 rows, and no subject to tell them apart")),
        ("SELECT 'nan'::DOUBLE", Measured(None, None, "the value is not a number", lacking=True)),
        ("SELECT 'x', 'inf'::DOUBLE", Measured(None, None, "the value of x is infinite", lacking=True)),
        (
            "SELECT account_id, CASE WHEN equity > 0 THEN equity END FROM account_summary",
            Measured(4.0, "a", "1 of 3 rows have no finite value, the first b: null"),
        ),
        ("SELECT scenario_id, loss FROM owner_scenario", Measured(None, None, "the run has no table owner_scenario")),
        ("SELECT account_id::DOUBLE FROM account_summary", Measured(None, None, "it could not be computed: could not convert string 'a' to DOUBLE")),
    ],
)
def test_what_is_no_finite_number_is_never_taken_for_one(folder: Path, query: str, found: Measured):
    got = measured(folder, query)
    assert (got.value, got.subject, got.lacking) == (found.value, found.subject, found.lacking)
    assert got.reason is not None
    assert got.reason.startswith(found.reason or "")


def test_time_and_memory_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limit_sql, "SECONDS", 0.2)
    monkeypatch.setattr(limit_sql, "MOST_ROWS", 10)
    endless = "SELECT sum(a.range * b.range) FROM range(1000000) AS a, range(1000000) AS b"
    wide = "SELECT len(list(a.range)) FROM range(100000000) AS a"
    many = "SELECT range::VARCHAR, range FROM range(11)"
    found = measure_all([endless, wide, many, "SELECT 1"], folder, None, ["above"] * 4, max_memory=4 << 26)
    assert found[0].reason == "it took longer than 0.2 s"
    assert found[1].value is None
    assert found[2].reason == "it gave more than 10 rows"
    assert found[3] == Measured(1.0)  # and the next one is none the worse


def test_the_worst_of_rows_does_not_depend_on_their_order():
    rows = pl.DataFrame({"subject": ["c", "a", None, "b"], "value": [2, 2, 1, None]})
    for order in (rows, rows.reverse()):
        assert worst_of(order, largest=True) == Measured(2.0, "a", "1 of 4 rows have no finite value, the first b: null")
        assert worst_of(order, largest=False).value == 1.0
