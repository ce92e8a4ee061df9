"""`on_missing: exclude`: accounts are dropped whole, listed, and only while they are few."""

from __future__ import annotations

import math

import pytest
from snapshot.books import book_of, small_book, write_tables

from stresstest.errors import StressTestError
from stresstest.snapshot.stage import load_block
from stresstest.snapshot.staging import stage

POSITION = ("account_id", "instrument_id", "quantity", "entry_price", "margin_mode", "isolated_margin", "leverage", "accrued_funding")
ALL = {"on_missing": "exclude", "max_excluded_accounts": 1.0, "max_excluded_notional": 1.0}


def quiet(_stage: str, _detail: str) -> None:
    return None


def test_a_bad_row_drops_its_account_whole(tmp_path, request_for):
    tables = small_book()
    tables["positions"][1]["quantity"] = math.nan
    book = book_of(request_for(write_tables(tmp_path / "s", tables), **ALL))
    d = book.dimensions
    assert book.excluded.rows() == [("A1", "O1", "positions.quantity: not a finite number")]
    assert d.accounts["account_id"].to_list() == ["A2", "B1"]
    assert d.owners.select("owner_id", "incomplete").rows() == [("O1", True), ("O2", False)]
    assert load_block(book, 0).account.tolist() == [0, 0, 1]
    notes = {row["check"]: row for row in book.quality.rows(named=True)}
    assert notes["excluded accounts"]["result"] == "warn"
    # A1: 2 * 50,000 (the NaN lot cannot be told) + 6,000 inverse; A2: 12,000 + 75,000; B1: 3 * 50,000 + 30
    share = 106_000 / (106_000 + 87_000 + 150_030)
    assert notes["excluded accounts"]["message"] == (
        f"1 account of 1 owner excluded: 33.3333% of accounts, {share:.4%} of gross notional; the notional of 1 excluded lot cannot be told. "
        "They are listed in the table excluded; Cover-N is a lower bound."
    )
    assert notes["rows of positions"]["message"] == "8 rows read: 5 used, 3 excluded."
    assert notes["rows of collateral"]["message"] == "5 rows read: 1 used, 4 excluded."
    assert notes["rows of accounts"]["message"] == "3 rows read: 2 used, 1 excluded."


def test_a_bad_asset_takes_its_instruments_and_everyone_who_holds_them(tmp_path, request_for):
    tables = small_book()
    tables["assets"][1]["price"] = -1.0  # ETH: A1 holds it as collateral and under ETH-INV, A2 holds ETH-SPOT
    book = book_of(request_for(write_tables(tmp_path / "s", tables), **ALL))
    assert book.dimensions.accounts["account_id"].to_list() == ["B1"]
    assert book.dimensions.assets["asset"].to_list() == ["BTC", "USD", "USDC", "WTI"]
    assert book.dimensions.instruments["instrument_id"].to_list() == ["BTC-CALL", "BTC-PERP", "WTI-FUT"]
    assert [row[0] for row in book.excluded.rows()] == ["A1", "A2"]
    assert "ETH" in book.excluded["reason"][1]


def test_several_causes_and_unknown_accounts(tmp_path, request_for):
    tables = small_book()
    tables["positions"].append({"account_id": "X", "instrument_id": "BTC-PERP", "quantity": 1.0})
    tables["instruments"][3]["margin_schedule"] = None  # WTI-FUT, held by B1
    book = book_of(request_for(write_tables(tmp_path / "s", tables), **ALL))
    assert [row[:2] for row in book.excluded.rows()] == [("B1", "O2"), ("X", "X")]
    assert book.dimensions.owners["owner_id"].to_list() == ["O1"]


def test_a_netting_group_across_owners_drops_all_its_accounts(tmp_path, request_for):
    tables = small_book()
    for row, group in zip(tables["accounts"], ["G", None, "G"], strict=True):
        row["netting_group"] = group
    book = book_of(request_for(write_tables(tmp_path / "s", tables), **ALL))
    assert [row[0] for row in book.excluded.rows()] == ["A1", "B1"]


@pytest.mark.parametrize(("changes", "path"), [
    ({"max_excluded_accounts": 0.3}, "max_excluded.accounts"), ({"max_excluded_notional": 0.3}, "max_excluded.gross_notional"),
])  # fmt: skip
def test_too_many_are_refused_after_all(changes, path, tmp_path, request_for):
    tables = small_book()
    tables["positions"][1]["quantity"] = math.nan
    with pytest.raises(StressTestError) as refused:
        stage(request_for(write_tables(tmp_path / "s", tables), **ALL | changes), quiet)
    assert [fault.path for fault in refused.value.faults] == [path, None]
    assert "allowed are 30.0000%" in refused.value.faults[0].what
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(("spoil", "row", "notional"), [
    # B1 holds nothing but the lot at hand and 10 WTI-FUT at -3 (30 dollars); A1 and A2 hold lots of 131,000 and 87,000.
    (lambda tables: tables["positions"][6].update(instrument_id="NEW"), None, 3 * 2_000.0 + 30.0),
    (lambda tables: tables["positions"][6].update(instrument_id="NEW", entry_price=None), None, None),
    (lambda tables: tables["positions"][6].update(quantity=math.nan), None, None),
    (lambda tables: tables["positions"][6].update(quantity=1e308), None, None),
    (lambda tables: tables["positions"][6].update(quantity=0.0, leverage=-1.0), None, 30.0),
    # A mark that is none: by entry, 1e6 barrels a contract; and an option on an asset without a price, whose premium says nothing.
    (lambda tables: tables["positions"][7].update(instrument_id="X-FUT"), {"mark_price": math.nan, "contract_size": 1e6}, 150_000.0 + 10 * 1.0 * 1e6),
    (lambda tables: tables["positions"][7].update(instrument_id="X-FUT"), {"mark_price": -1.0, "underlying": "BTC"}, 150_000.0 + 10.0),
    (lambda tables: tables["positions"][7].update(instrument_id="X-FUT"), {"mark_price": 1.0, "quote": "NONE"}, None),
    (lambda tables: tables["positions"][6].update(instrument_id="X-FUT"),
     {"kind": "option", "strike": 1.0, "option_type": "call", "underlying": "NONE", "mark_price": 1.0}, None),
])  # fmt: skip
def test_the_share_of_notional_is_bounded_or_the_snapshot_refused(spoil, row, notional, tmp_path, request_for):
    """An excluded lot never counts as nothing because its notional cannot be told."""
    tables = small_book()
    spoil(tables)
    if row is not None:
        tables["instruments"].append(tables["instruments"][3] | {"instrument_id": "X-FUT"} | row)
    snapshot = write_tables(tmp_path / "s", tables)
    if notional is None:
        assert stage(request_for(snapshot, **ALL), quiet).is_dir()  # no limit, nothing to tell
        with pytest.raises(StressTestError) as refused:
            stage(request_for(snapshot, **ALL | {"max_excluded_notional": 0.999}), quiet)
        assert refused.value.faults[0].path == "max_excluded.gross_notional"
        assert "cannot be told" in refused.value.faults[0].what
        return
    share = notional / (notional + 131_000.0 + 87_000.0)
    assert stage(request_for(snapshot, **ALL | {"max_excluded_notional": share + 1e-6}), quiet).is_dir()
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot, **ALL | {"max_excluded_notional": share - 1e-6}), quiet)
    assert f"{share:.4%} of gross notional" in refused.value.faults[0].what


def test_two_rows_of_one_instrument_tell_no_notional(tmp_path, request_for):
    tables = small_book()
    tables["instruments"].append(tables["instruments"][3] | {"mark_price": -1e-9})
    with pytest.raises(StressTestError) as refused:
        stage(request_for(write_tables(tmp_path / "s", tables), **ALL | {"max_excluded_notional": 0.9}), quiet)
    assert "the notional of 1 lot" in refused.value.faults[0].what


def test_bad_rows_that_nobody_holds_are_told(tmp_path, request_for):
    tables = small_book()
    tables["instruments"].append(tables["instruments"][3] | {"instrument_id": "BAD", "mark_price": math.nan})
    book = book_of(request_for(write_tables(tmp_path / "s", tables), on_missing="exclude"))
    assert book.excluded.rows() == []
    notes = {(row["check"], row["subject"]): row for row in book.quality.rows(named=True)}
    assert notes["rows of instruments", "instruments"]["message"] == "6 rows read: 5 used, 1 excluded."
    cause = notes["excluded for", "instruments.mark_price (finite)"]
    assert (cause["result"], cause["rows"]) == ("warn", 1)
    assert cause["message"] == "instruments.mark_price: not a finite number (1 row: BAD). Give a number: price at which the venue values it."


def test_every_cause_of_one_rule_is_told(tmp_path, request_for):
    """Two findings of the rule on collateral schedules: of what is posted, and of what a spot instrument is on."""
    tables = small_book()
    tables["assets"] += [{"asset": name, "price": 1.0} for name in ("GOLD", "TIN")]
    tables["collateral"].append({"account_id": "B1", "asset": "TIN", "quantity": 1.0})
    tables["instruments"][4]["underlying"] = "GOLD"
    book = book_of(request_for(write_tables(tmp_path / "s", tables), **ALL))
    (message,) = [row["message"] for row in book.quality.rows(named=True) if row["check"] == "excluded for"]
    assert "held as collateral, without" in message
    assert "underlying of a held spot instrument" in message


def test_what_is_told_does_not_depend_on_where_the_snapshot_lies_nor_on_its_files(tmp_path, request_for):
    tables = small_book()
    tables["positions"][7]["instrument_id"] = "NEW"
    tables["instruments"].append(tables["instruments"][3] | {"instrument_id": "BAD", "mark_price": math.nan})
    one = stage(request_for(write_tables(tmp_path / "s", tables), **ALL), quiet)
    names = [name for name in tables if name != "positions"]
    moved = write_tables(tmp_path / "elsewhere" / "t", {name: tables[name] for name in names})
    for number in range(2):
        write_tables(moved / "positions", {f"part-{number}": [{key: row.get(key) for key in POSITION} for row in tables["positions"][number::2]]})
    other = stage(request_for(moved, work="w2", **ALL), quiet)
    for name in ("quality.arrow", "excluded.arrow"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("spoil", [
    lambda tables: tables["positions"][0].update(account_id=None),
    lambda tables: tables["owners"].append({"owner_id": "O1", "assessment_cap": -1.0}),
    lambda tables: tables["assets"].append({"asset": "USD", "price": 2.0}),
    lambda tables: tables["assets"].append({"asset": None, "price": 2.0}),
    lambda tables: tables["instruments"][0].update(quote=None) or [row.pop("quote") for row in tables["instruments"]],
])  # fmt: skip
def test_what_cannot_be_pinned_on_an_account_is_refused(spoil, tmp_path, request_for):
    tables = small_book() | {"owners": [{"owner_id": "O2", "assessment_cap": 1.0}]}
    spoil(tables)
    with pytest.raises(StressTestError) as refused:
        stage(request_for(write_tables(tmp_path / "s", tables), **ALL), quiet)
    assert refused.value.exit_code == 3


def test_excluding_gives_the_bytes_of_a_book_without_them(tmp_path, request_for):
    tables = small_book()
    tables["collateral"][4]["asset"] = "XRP"
    excluded = stage(request_for(write_tables(tmp_path / "s", tables), **ALL), quiet)
    without = {name: [row for row in rows if row.get("account_id") != "B1"] for name, rows in small_book().items()}
    plain = stage(request_for(write_tables(tmp_path / "t", without), work="w2"), quiet)
    for name in ("blocks/000000.arrow", "accounts.arrow", "instruments.arrow", "pools.arrow", "locations.arrow"):
        assert (excluded / name).read_bytes() == (plain / name).read_bytes(), name


def test_nothing_wrong_excludes_nothing(tmp_path, request_for):
    book = book_of(request_for(write_tables(tmp_path / "s", small_book()), on_missing="exclude"))
    assert book.excluded.rows() == []
    assert "excluded accounts" not in book.quality["check"].to_list()
