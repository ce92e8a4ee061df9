from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
from generated.books import BookSpec
from runs.plain_book import write_plain_book

from stresstest.config import load_run
from stresstest.errors import ExitCode, StressTestError
from stresstest.runs.checking import validate

pytestmark = pytest.mark.usefixtures("staged_once")


def test_a_good_run_is_valid_and_its_rows_are_counted(book: BookSpec):
    checked = validate(load_run(book.run_file))
    assert checked.tables == {name: len(rows) for name, rows in book.tables.items()}
    assert checked.lines()[0].startswith("valid: as of 2026-03-31T16:00:00+00:00")
    assert checked.document()["scenarios"] == len(book.scenarios) + 1


def test_one_account_is_told_as_one(tmp_path: Path):
    checked = validate(load_run(write_plain_book(tmp_path, 1)))
    assert checked.lines()[0].endswith(", 1 account with 1 position, 2 scenarios and base")


def test_faults_of_snapshot_and_scenarios_come_together(book: BookSpec, tmp_path: Path):
    shutil.copytree(book.snapshot, tmp_path / "snapshot")
    positions = next(iter(sorted((tmp_path / "snapshot").glob("positions*"))))
    file = positions if positions.is_file() else next(iter(sorted(positions.glob("*.parquet"))))
    pl.read_parquet(file).with_columns(instrument_id=pl.lit("NONE")).write_parquet(file)
    scenarios = tmp_path / "scenarios.yaml"
    scenarios.write_text("version: 1\nscenarios: [{id: crash, shocks: [{factor: 'spot:BTC'}]}]\n")
    with pytest.raises(StressTestError) as caught:
        validate(load_run(book.run_file, {"snapshot": str(tmp_path / "snapshot"), "scenarios": [str(scenarios)]}))
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert {fault.table for fault in caught.value.faults} >= {None, "positions"}


def test_a_scenario_that_cannot_be_on_this_book_is_refused(book: BookSpec, tmp_path: Path):
    scenarios = tmp_path / "scenarios.yaml"
    scenarios.write_text("version: 1\nscenarios: [{id: gone, shocks: [{factor: 'spot:BTC', relative: -1.5}]}]\n")
    with pytest.raises(StressTestError) as caught:
        validate(load_run(book.run_file, {"scenarios": [str(scenarios)]}))
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert "gone" in " ".join(fault.text() for fault in caught.value.faults)
