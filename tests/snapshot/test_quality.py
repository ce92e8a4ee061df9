"""What data quality says of a snapshot that passed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from snapshot.books import AS_OF, book_of, small_book, write_tables

from stresstest import tables as contract


def notes(tmp_path, request_for, tables, **changes):
    book = book_of(request_for(write_tables(tmp_path / "s", tables), **changes))
    assert book.quality.columns == list(contract.DATA_QUALITY.names)
    assert book.quality.select("check", "subject").is_unique().all()
    return {row["check"]: row for row in book.quality.rows(named=True)}


def test_a_clean_book_warns_of_nothing(tmp_path, request_for):
    found = notes(tmp_path, request_for, small_book())
    assert {row["result"] for row in found.values()} == {"pass"}
    assert found["rows of positions"]["message"] == "8 rows read: 8 used, 0 excluded."
    assert found["file integrity"]["message"] == "No table carries checksums or stated digests in all its files: damage could go unnoticed."


def test_old_and_future_prices(tmp_path, request_for):
    tables = small_book()
    tables["instruments"][0]["price_time"] = AS_OF - timedelta(hours=2)  # BTC-PERP, 1.5 + 1.5 contracts held
    tables["instruments"][4]["price_time"] = AS_OF - timedelta(minutes=5)
    tables["assets"][3]["price_time"] = AS_OF + timedelta(seconds=30)  # WTI, under 10 futures at -3
    found = notes(tmp_path, request_for, tables, max_price_age_seconds=3_600.0)
    old = found["price age of instruments"]
    assert (old["result"], old["severity"], old["rows"], old["value"], old["tolerance"]) == ("warn", "warning", 1, 7_200.0, 3_600.0)
    assert old["notional"] == pytest.approx(3.0 * 50_000.0)
    assert "BTC-PERP" in old["message"]
    assert found["price age of assets"]["result"] == "pass"
    assert (found["price time of assets"]["result"], found["price time of assets"]["notional"]) == ("warn", pytest.approx(30.0))
    missing = found["price without time of assets"]
    assert (missing["result"], missing["rows"], missing["value"], missing["tolerance"]) == ("warn", 3, 3.0, 3_600.0)
    assert missing["message"] == "3 prices of assets (of 4) without price_time, so their age is not known: BTC, ETH, USDC."


def test_an_age_that_cannot_be_told_is_told(tmp_path, request_for):
    tables = small_book()
    found = notes(tmp_path, request_for, tables, max_price_age_seconds=3_600.0)
    assert [found[f"price without time of {name}"]["rows"] for name in ("assets", "instruments")] == [4, 5]
    assert found["price age of instruments"]["rows"] == 0


def test_a_stale_asset_touches_what_is_quoted_settled_and_posted_in_it(tmp_path, request_for):
    tables = small_book()
    for row in tables["assets"]:
        row["price_time"] = AS_OF - timedelta(hours=2 if row["asset"] == "USDC" else 0)
    found = notes(tmp_path, request_for, tables, max_price_age_seconds=3_600.0)["price age of assets"]
    # BTC-PERP 3 * 50,000 (A1 long 2 less 0.5, A2 1.5), ETH-INV 6,000, BTC-CALL 3 * 50,000, ETH-SPOT 4 * 3,000; balances 18,000
    assert found["notional"] == pytest.approx(150_000.0 + 6_000.0 + 150_000.0 + 12_000.0 + 18_000.0)


def test_things_worth_a_look(tmp_path, request_for):
    tables = small_book()
    tables["instruments"][1]["settle"] = "USDC"
    tables["accounts"] += [{"account_id": "C1"}, {"account_id": "C2"}]
    tables["collateral"].append({"account_id": "C2", "asset": "USD", "quantity": 1.0})
    tables["orders"] = [{"account_id": "A1", "instrument_id": "BTC-PERP", "side": "buy", "quantity": 1.0, "price": 1.0}]
    found = notes(tmp_path, request_for, tables)
    assert (found["inverse settlement"]["result"], found["inverse settlement"]["rows"]) == ("warn", 1)
    assert (found["orders"]["result"], found["orders"]["rows"]) == ("warn", 1)
    assert (found["accounts without holdings"]["result"], found["accounts without holdings"]["rows"]) == ("pass", 1)
    assert found["collateral without positions"]["rows"] == 1


def test_a_column_that_only_some_files_have(tmp_path, request_for):
    tables = small_book()
    first = [{name: value for name, value in row.items() if name != "max_leverage"} for row in tables["accounts"][:1]]
    snapshot = tmp_path / "s"
    write_tables(snapshot / "accounts", {"a": first, "b": tables.pop("accounts")[1:]})
    found = notes(tmp_path, request_for, tables)
    assert found["columns of files"]["subject"] == "accounts.max_leverage"
    assert found["columns of files"]["message"].startswith("1 of 2 files of accounts")
