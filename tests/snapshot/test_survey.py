from __future__ import annotations

import json
from pathlib import Path

import pytest
from snapshot.books import LATER, small_book, write_tables

from stresstest.errors import Reason, StressTestError
from stresstest.snapshot.survey import survey


@pytest.fixture
def book(tmp_path: Path) -> Path:
    return write_tables(tmp_path / "book", small_book())


def test_what_is_held_and_what_it_is_held_for(book: Path):
    found = survey(str(book))
    assert (found.accounts, found.positions) == (3, 8)
    used = {row["asset"]: {use for use in ("held", "settles", "pays", "underlies") if row[use]} for row in found.assets.iter_rows(named=True)}
    # USDC: collateral, isolated margin; ETH: collateral, a spot position, and ETH-INV settles in it. A paid option pays no P&L.
    assert used == {"BTC": {"underlies"}, "ETH": {"held", "settles", "pays", "underlies"}, "USDC": {"held", "settles", "pays"}, "WTI": {"underlies"}}
    assert found.locations == ("bank", "vault")
    assert found.first_expiry == LATER


def test_instruments_by_schedule_kind_and_underlying(book: Path):
    rows = survey(str(book)).instruments.select("margin_schedule", "kind", "underlying", "positions", "gross").rows()
    # BTC-PERP: (2 + 0.5 + 1 + 0.5) * 50,000; ETH-INV: 6,000 contracts of a dollar; BTC-CALL: 3 * 50,000; WTI: 10 * |-3|.
    assert rows == [
        ("majors", "future", "WTI", 1, 30.0),
        ("majors", "option", "BTC", 1, 150_000.0),
        ("majors", "perpetual", "BTC", 4, 200_000.0),
        ("majors", "perpetual", "ETH", 1, 6_000.0),
        (None, "spot", "ETH", 1, 12_000.0),
    ]


def test_what_nothing_beside_the_snapshot_can_make_good(tmp_path: Path):
    tables = small_book()
    tables["instruments"][0]["margin_schedule"] = None
    tables["instruments"][1]["margin_schedule"] = None
    tables["assets"][1]["margin_schedule"] = "nets"  # ETH
    for row in tables["accounts"]:
        row["margin_model"] = "own" if row["account_id"] == "A1" else "default"
    found = survey(str(write_tables(tmp_path / "book", tables)))
    assert found.unscheduled == ("BTC-PERP",)
    # A1 holds ETH-INV, which has no schedule while its underlying has one.
    assert found.models.rows() == [("default", 2, False), ("own", 1, True)]
    assert found.unlisted == ("USD",)


def test_without_an_accounts_table_everybody_has_the_default_model(tmp_path: Path):
    tables = small_book()
    del tables["accounts"]
    found = survey(str(write_tables(tmp_path / "book", tables)))
    assert found.accounts == 3
    assert [model for model, *_ in found.models.rows()] == ["default"]


def test_what_the_snapshot_states_is_taken(book: Path):
    assert (survey(str(book)).as_of, survey(str(book)).reporting_currency) == (None, None)
    (book / "snapshot.json").write_text(json.dumps({"as_of": "2026-01-14T08:00:00Z", "reporting_currency": "USD"}))
    found = survey(str(book))
    assert found.as_of is not None
    assert (found.as_of.isoformat(), found.reporting_currency) == ("2026-01-14T08:00:00+00:00", "USD")


def test_everything_unreadable_is_told_at_once(book: Path):
    (book / "positions.parquet").write_bytes(b"PAR1 and no more PAR1")
    (book / "assets.parquet").unlink()
    with pytest.raises(StressTestError) as refused:
        survey(str(book))
    assert refused.value.reason is Reason.INPUT_DATA
    assert sorted(fault.table or "" for fault in refused.value.faults) == ["assets", "positions"]


def test_a_column_that_is_missing_is_told(tmp_path: Path):
    tables = small_book()
    for row in tables["instruments"]:
        del row["kind"]
    with pytest.raises(StressTestError) as refused:
        survey(str(write_tables(tmp_path / "book", tables)))
    assert [fault.column for fault in refused.value.faults] == ["kind"]
