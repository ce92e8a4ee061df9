"""Marks far from their underlying and entries far from the mark are told."""

from __future__ import annotations

import pytest
from snapshot.books import book_of, small_book, write_tables


def notes(tmp_path, request_for, tables):
    rows = book_of(request_for(write_tables(tmp_path / "s", tables))).quality.rows(named=True)
    return {row["check"]: row for row in rows if row["check"] in ("mark against underlying", "entry against mark")}


def test_a_sound_book(tmp_path, request_for):
    # Compared: BTC-PERP and ETH-SPOT; not the inverse contract, the option, and the future at a negative price.
    (note,) = notes(tmp_path, request_for, small_book()).values()
    assert (note["result"], note["rows"], note["value"], note["tolerance"], note["notional"]) == ("pass", 0, 1.0, 5.0, 0.0)
    assert note["message"] == "0 of 2 marks of linear instruments more than a factor of 5 from the underlying's price."


@pytest.mark.parametrize(("mark", "warns"), [(10_000.0, False), (9_999.0, True), (250_000.0, False), (250_001.0, True)])
def test_a_mark_far_from_its_underlying(mark, warns, tmp_path, request_for):
    tables = small_book()
    tables["instruments"][0]["mark_price"] = mark  # BTC stands at 50,000
    note = notes(tmp_path, request_for, tables)["mark against underlying"]
    assert (note["result"], note["rows"]) == (("warn", 1) if warns else ("pass", 0))
    # A1 2 less 0.5, A2 1.5 isolated: three contracts in two pools
    assert note["notional"] == pytest.approx(3.0 * mark if warns else 0.0)
    assert ("BTC-PERP" in note["message"]) == warns


def test_marks_compare_in_the_quote_asset(tmp_path, request_for):
    tables = small_book()
    tables["assets"].append({"asset": "JPY", "price": 0.01, "price_currency": None, "collateral_schedule": "dollars"})
    tables["instruments"][0] |= {"quote": "JPY", "mark_price": 5_100_000.0}
    for row in tables["positions"]:
        if row["instrument_id"] == "BTC-PERP":
            row["entry_price"] = None
    note = notes(tmp_path, request_for, tables)["mark against underlying"]
    assert (note["result"], note["value"]) == ("pass", pytest.approx(1.02))


def test_entries_far_from_the_mark(tmp_path, request_for):
    tables = small_book()
    tables["positions"][0]["entry_price"] = 49.0  # thousands of dollars, of 50,000: 2 contracts
    tables["positions"][2]["entry_price"] = 60_001.0  # an inverse contract at 3,000: 6,000 contracts of one dollar
    tables["positions"][4]["entry_price"] = 2_500.0  # a twentieth, and no less
    note = notes(tmp_path, request_for, tables)["entry against mark"]
    assert (note["result"], note["rows"], note["tolerance"]) == ("warn", 2, 20.0)
    assert note["value"] == pytest.approx(50_000.0 / 49.0)
    assert note["notional"] == pytest.approx(2.0 * 50_000.0 + 6_000.0)
    assert note["message"] == (
        "2 lots of 2 instruments entered at more than a factor of 20 from the mark: BTC-PERP (0.00098 times), ETH-INV (20 times)."
    )


def test_premiums_and_spot_may_have_moved_far(tmp_path, request_for):
    tables = small_book()
    tables["positions"][3]["entry_price"] = 1.0  # ETH-SPOT, at 3,000
    tables["positions"][6]["entry_price"] = 1.0  # BTC-CALL, at 2,500
    assert "entry against mark" not in notes(tmp_path, request_for, tables)
