"""Misspelt columns and tables are ignored, and told."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from snapshot.books import book_of, small_book, write_tables

from stresstest.snapshot.misnamed import absence_notes, closest, column_notes, default_notes, table_notes
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


def columns_of(name, *without, extra=()):
    """The columns of a table, some of them absent, some more there."""
    (table,) = (each for each in INPUT_TABLES if each.name == name)
    return {name: frozenset(table.names) - frozenset(without) | frozenset(extra)}


@pytest.mark.parametrize(
    ("table", "absent", "there", "warns"),
    [
        ("positions", "entry_price", "avg_price", True), ("instruments", "contract_size", "multiplier", True),
        ("accounts", "owner_id", "entity", True),
        ("collateral", "location", "custodian", False), ("owners", "default_fund_contribution", "paid_in", False),
    ],
)  # fmt: skip
def test_a_telling_column_under_another_name(table, absent, there, warns):
    (note,) = default_notes(columns_of(table, absent, extra=(there,)), {})
    assert (note.check, note.subject, note.warns) == ("columns", table, warns)
    assert note.message.startswith(f"Not known and ignored: {there}. Optional and absent, default taken: {absent}.")
    assert (f"If one of the ignored columns is {absent}, rename it" in note.message) == warns


def test_ignored_columns_or_absent_ones_alone_are_nothing_to_warn_of():
    (ignored,) = default_notes(columns_of("positions", extra=("desk", "trader")), {})
    assert (ignored.warns, ignored.message, ignored.value) == (False, "Not known and ignored: desk, trader.", 2.0)
    (absent,) = default_notes(columns_of("positions", "entry_price", "leverage"), {})
    assert (absent.warns, absent.message) == (False, "Optional and absent, default taken: entry_price, leverage.")
    assert default_notes(columns_of("positions"), {}) == []
    (of_history,) = default_notes(columns_of("history", extra=("desk",)), {})
    assert (of_history.warns, of_history.message) == (False, "Not known and ignored: desk.")


def test_one_slip_is_told_once():
    columns = columns_of("positions", "entry_price", extra=("entry_px", "desk"))
    assert [note.warns for note in column_notes(columns) + default_notes(columns, {})] == [True, False]


def test_a_key_of_folders_is_no_renamed_column():
    columns = columns_of("positions", "entry_price", extra=("day",))
    (note,) = default_notes(columns, {"positions": frozenset({"day"})})
    assert (note.warns, note.message) == (False, "Optional and absent, default taken: entry_price.")


def test_of_many_ignored_columns_some_are_named():
    (note,) = default_notes(columns_of("positions", extra=[f"x{number:02}" for number in range(14)]), {})
    assert note.message.endswith("x10, x11 and 2 more.")


def quality_of(request_for, snapshot):
    rows = book_of(request_for(snapshot)).quality.rows(named=True)
    return {(row["check"], row["subject"]): row for row in rows}


def test_a_staged_book_with_renamed_columns(tmp_path, request_for):
    tables = renamed(renamed(small_book(), "positions", "entry_price", "avg_price"), "collateral", "location", "custodian")
    rows = quality_of(request_for, write_tables(tmp_path / "s", tables))
    assert rows["columns", "positions"]["result"] == "warn"
    assert rows["columns", "collateral"]["result"] == "pass"
    assert rows["columns", "accounts"]["result"] == "pass"
    assert ("collateral table", "collateral") not in rows


def test_a_book_without_collateral(tmp_path, request_for):
    tables = small_book()
    tables["balances"] = tables.pop("collateral")
    rows = quality_of(request_for, write_tables(tmp_path / "s", tables))
    note = rows["collateral table", "collateral"]
    assert (note["result"], note["rows"]) == ("warn", 6)  # of eight lots two are isolated
    assert note["message"] == (
        "No collateral table: every account is valued without collateral (isolated margins apart). Not known and ignored: balances."
    )


def test_isolated_positions_need_no_collateral(tmp_path, request_for):
    tables = small_book()
    del tables["collateral"]
    tables["positions"] = [row for row in tables["positions"] if row.get("margin_mode") == "isolated"]
    assert ("collateral table", "collateral") not in quality_of(request_for, write_tables(tmp_path / "s", tables))
