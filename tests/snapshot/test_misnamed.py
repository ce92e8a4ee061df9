"""Misspelt columns and tables are ignored, and told."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from snapshot.books import small_book, write_tables

from stresstest.snapshot.misnamed import absence_notes, closest, column_notes, table_notes
from stresstest.snapshot.stage import stage_snapshot
from stresstest.tables import INPUT_TABLES

SAMPLE = Path(__file__).parents[2] / "sample_data"


def renamed(tables, table, old, new):
    for row in tables[table]:
        if old in row:
            row[new] = row.pop(old)
    return tables


def found(request_for, snapshot, **changes):
    rows = stage_snapshot(request_for(snapshot, **changes)).quality.rows(named=True)
    return {(row["check"], row["subject"]): row for row in rows if row["check"] in ("unknown column", "unknown table", "optional tables")}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("entry_px", "entry_price"), ("entryPrice", "entry_price"), ("ENTRY_PRICE", "entry_price"), ("entry_prise", "entry_price"),
        ("pool", "pool_id"), ("leverages", "leverage"), ("acrued_funding", "accrued_funding"),
        ("entry_time", None), ("desk", None), ("", None), ("id", None), ("trade_id", None),
    ],
)  # fmt: skip
def test_what_is_close(name, meant):
    assert closest(name, ("entry_price", "pool_id", "leverage", "accrued_funding")) == meant


def test_only_absent_columns_are_meant():
    assert [note.subject for note in column_notes({"positions": frozenset({"entry_px", "entry_price", "desk"})})] == []
    (note,) = column_notes({"positions": frozenset({"entry_px", "desk"})})
    assert (note.check, note.subject, note.warns) == ("unknown column", "positions.entry_px", True)
    assert note.message == "Column entry_px is not known and was ignored; did you mean entry_price, which is absent?"


def test_all_columns_of_the_contract_by_their_names_are_nothing_to_warn_of():
    assert column_notes({table.name: frozenset(table.names) for table in INPUT_TABLES}) == []


@pytest.mark.parametrize("table", INPUT_TABLES, ids=lambda table: table.name)
def test_required_columns_alone_are_nothing_to_warn_of(table):
    assert column_notes({table.name: frozenset(column.name for column in table.columns if column.required)}) == []


def test_files_and_folders_that_are_no_tables(tmp_path):
    tables = small_book()
    write_tables(tmp_path, {"collaterals": tables["collateral"], "order": tables["collateral"], "trades": tables["collateral"], "_owners": []})
    write_tables(tmp_path / "Accounts" / "day=1", {"a": tables["accounts"]})
    write_tables(tmp_path / "collaterals", {"a": tables["collateral"]})
    (tmp_path / "owner").mkdir()
    (tmp_path / "owners.csv").touch()
    (tmp_path / "owners.PARQUET").touch()
    notes = table_notes(tmp_path, ("positions", "orders"))
    assert {note.subject: note.message for note in notes} == {
        "Accounts": "Accounts is no known table and was ignored; did you mean accounts, which is absent?",
        "collaterals": "collaterals is no known table and was ignored; did you mean collateral, which is absent?",
        "owners.PARQUET": "owners.PARQUET is no known table and was ignored; did you mean owners.parquet, which is absent?",
    }
    assert all(note.warns for note in notes)


def test_absent_optional_tables_are_one_row():
    (note,) = absence_notes(("positions", "collateral"))
    assert (note.warns, note.message) == (False, "No such table: accounts, owners; default taken.")
    assert absence_notes(("accounts", "owners", "collateral")) == []


def test_a_staged_book_tells_of_both(tmp_path, request_for):
    tables = renamed(small_book(), "positions", "entry_price", "entry_px")
    tables["collaterals"] = tables.pop("collateral")
    rows = found(request_for, write_tables(tmp_path / "s", tables))
    assert {key: row["result"] for key, row in rows.items()} == {
        ("unknown column", "positions.entry_px"): "warn", ("unknown table", "collaterals"): "warn", ("optional tables", "snapshot"): "pass",
    }  # fmt: skip
    assert rows["optional tables", "snapshot"]["message"] == "No such table: owners, collateral; default taken."
    assert not any(str(tmp_path) in row["message"] for row in rows.values())


def test_the_same_rows_in_other_files_give_the_same_rows(tmp_path, request_for):
    tables = renamed(small_book(), "accounts", "max_leverage", "maxLeverage")
    one = found(request_for, write_tables(tmp_path / "one", tables), work="w1")
    accounts = tables.pop("accounts")
    write_tables(tmp_path / "many", tables)
    write_tables(tmp_path / "many" / "accounts", {"a": accounts[:1], "b": accounts[1:]})
    many = found(request_for, tmp_path / "many", work="w2")
    assert one == many
    assert ("unknown column", "accounts.maxLeverage") in one


def test_a_key_of_folders_is_a_column(tmp_path, request_for):
    tables = small_book()
    for row in tables["accounts"]:
        del row["max_leverage"]
    accounts = tables.pop("accounts")
    write_tables(tmp_path / "s", tables)
    write_tables(tmp_path / "s" / "accounts" / "segments=retail", {"a": accounts})
    assert ("unknown column", "accounts.segments") in found(request_for, tmp_path / "s")


@pytest.mark.parametrize("day", ["2026-11-12", "2026-11-13"])
def test_the_sample_has_no_slip(day):
    columns = {path.stem: frozenset(pq.read_schema(path).names) for path in (SAMPLE / day).glob("*.parquet")}
    assert columns
    assert column_notes(columns) + table_notes(SAMPLE / day, columns) + absence_notes(columns) == []
