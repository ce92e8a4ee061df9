from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.snapshot.frames import Snapshot, read_snapshot

MOMENT = datetime(2026, 11, 13, 21, tzinfo=UTC)
TABLES = {
    "assets": pl.DataFrame({"asset": ["BTC", "USD"], "price": [100.0, 1.0], "tags": [["major"], None], "own": [1, 2]}),
    "instruments": pl.DataFrame({"instrument_id": ["P"], "kind": ["perpetual"], "underlying": ["BTC"], "quote": ["USD"], "mark_price": [100.0]}),
    "collateral": pl.DataFrame({"account_id": ["a"], "asset": ["USD"], "quantity": [5.0]}),
    "positions": pl.DataFrame({"account_id": ["a", "b"], "instrument_id": ["P", "P"], "quantity": [1.0, -1.0]}),
}


def test_what_is_written_is_read_again(tmp_path: Path):
    folder = Snapshot(TABLES, MOMENT, "USD").write(tmp_path / "deep" / "book")
    again = read_snapshot(folder)
    assert (again.as_of, again.reporting_currency) == (MOMENT, "USD")
    assert list(again) == ["positions", "collateral", "instruments", "assets"]
    for name, frame in again.items():
        assert_frame_equal(frame, TABLES[name])
    assert repr(again).startswith("<Snapshot as of 2026-11-13T21:00:00+00:00 in USD; positions: 2 rows, ")
    with pytest.raises(StressTestError, match="cannot be written there"):
        again.write(folder)


def test_a_changed_copy_leaves_the_original():
    snapshot = Snapshot(TABLES, MOMENT, "USD")
    changed = snapshot.replace(positions=TABLES["positions"].head(1), owners=pl.DataFrame({"owner_id": ["a"]}))
    assert (changed["positions"].height, snapshot["positions"].height) == (1, 2)
    assert "owners" in changed
    assert "owners" not in snapshot
    assert (changed.as_of, changed.reporting_currency) == (MOMENT, "USD")
    with pytest.raises(TypeError):
        snapshot.tables["positions"] = TABLES["positions"]  # type: ignore[index]


def test_what_is_no_table_is_named():
    with pytest.raises(StressTestError) as caught:
        Snapshot({"postions": TABLES["positions"], "assets": TABLES["assets"].lazy()})  # type: ignore[dict-item]
    assert caught.value.reason is Reason.USAGE
    assert [fault.what for fault in caught.value.faults] == ["`postions` is no table of a snapshot", "is a LazyFrame, not a Polars DataFrame"]
    assert "positions" in caught.value.faults[0].hint


def test_a_partitioned_table_has_the_keys_of_its_folders(tmp_path: Path):
    folder = Snapshot(TABLES).write(tmp_path / "book")
    (folder / "positions.parquet").unlink()
    for key, quantity in (("a%2F1", 1.0), ("b", -2.0), ("__HIVE_DEFAULT_PARTITION__", 3.0)):
        (folder / "positions" / f"account_id={key}").mkdir(parents=True)
        frame = pl.DataFrame({"instrument_id": ["P"], "quantity": [quantity]} | ({"leverage": [2.0]} if key == "b" else {}))
        frame.write_parquet(folder / "positions" / f"account_id={key}" / "part.parquet")
    rows = read_snapshot(folder)["positions"].sort("quantity").select("account_id", "instrument_id", "quantity", "leverage").rows()
    assert rows == [("b", "P", -2.0, 2.0), ("a/1", "P", 1.0, None), (None, "P", 3.0, None)]


def test_damage_and_absence_are_refused_at_once(tmp_path: Path):
    folder = Snapshot(TABLES).write(tmp_path / "book")
    (folder / "instruments.parquet").unlink()
    bytes_of = bytearray((folder / "assets.parquet").read_bytes())
    (folder / "assets.parquet").write_bytes(bytes_of[: len(bytes_of) // 2])
    with pytest.raises(StressTestError) as caught:
        read_snapshot(folder)
    assert caught.value.exit_code == ExitCode.INPUT_REFUSED
    assert sorted(str(fault.table) for fault in caught.value.faults) == ["assets", "instruments"]


def test_files_are_those_that_the_snapshot_describes(tmp_path: Path):
    folder = Snapshot(TABLES).write(tmp_path / "book")
    digest = sha256((folder / "assets.parquet").read_bytes()).hexdigest()
    (folder / "snapshot.json").write_text(json.dumps({"sha256": {"assets.parquet": digest, "positions.parquet": digest}}))
    with pytest.raises(StressTestError) as caught:
        read_snapshot(folder)
    assert [fault.table for fault in caught.value.faults] == ["positions"]


def test_there_must_be_a_folder(tmp_path: Path):
    with pytest.raises(StressTestError) as caught:
        read_snapshot(tmp_path / "none")
    assert caught.value.faults[0].what == "no such folder"
