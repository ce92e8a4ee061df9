from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from results.tables_for_tests import account_summary, scenario_summary

from stresstest.results.identity import identity, recomputed_id
from stresstest.results.manifest import peak_memory, table_records, without_secrets
from stresstest.results.store import write_table
from stresstest.snapshot.book import InputFile
from stresstest.tables import ACCOUNT_SUMMARY, SCENARIO_SUMMARY

INPUTS = (InputFile("positions", "/data/positions.parquet", 3, 100, "aa"), InputFile("assets", "/data/assets.parquet", 2, 50, "bb"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_table(account_summary({"account_id": "a"}), ACCOUNT_SUMMARY, tmp_path / "account_summary.parquet")
    write_table(scenario_summary(), SCENARIO_SUMMARY, tmp_path / "scenario_summary.parquet")
    return tmp_path


def test_the_id_is_a_hash_that_anybody_can_compute_again(folder: Path):
    stated = identity({"keep": "all"}, INPUTS, "0.1.0", folder)
    parts = {key: value for key, value in stated.model_dump(mode="json").items() if key not in ("schema_version", "result_id")}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    assert stated.result_id == hashlib.sha256(text.encode()).hexdigest() == recomputed_id(stated)
    assert stated.inputs == {"assets": "bb", "positions": "aa"}
    assert set(stated.tables) == {"account_summary", "scenario_summary"}


def test_paths_rows_and_order_of_inputs_do_not_change_it(folder: Path):
    moved = tuple(InputFile(file.table, f"/elsewhere/{file.table}", file.rows, file.bytes, file.sha256) for file in reversed(INPUTS))
    assert identity({}, INPUTS, "0.1.0", folder) == identity({}, moved, "0.1.0", folder)


@pytest.mark.parametrize("change", ["specification", "input", "version", "table"])
def test_everything_that_changes_figures_changes_it(folder: Path, change: str):
    before = identity({"keep": "all"}, INPUTS, "0.1.0", folder).result_id
    if change == "table":
        write_table(account_summary({"account_id": "b"}), ACCOUNT_SUMMARY, folder / "account_summary.parquet")
    inputs = (InputFile("positions", "", 3, 100, "ab"), INPUTS[1]) if change == "input" else INPUTS
    specification = {"keep": "worst"} if change == "specification" else {"keep": "all"}
    after = identity(specification, inputs, "0.2.0" if change == "version" else "0.1.0", folder).result_id
    assert after != before


def test_an_altered_identity_is_noticed(folder: Path):
    stated = identity({"keep": "all"}, INPUTS, "0.1.0", folder)
    assert recomputed_id(stated.model_copy(update={"specification": {"keep": "worst"}})) != stated.result_id


def test_table_records_count_rows_and_files(folder: Path):
    records = table_records(folder, {})
    assert {name: (record.rows, record.files) for name, record in records.items()} == {"account_summary": (1, 1), "scenario_summary": (1, 1)}


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("/data/day", "/data/day"),
        ("s3://bucket/day", "s3://bucket/day"),
        ("https://jo:key@venue.example:8443/day?sig=abc#x", "https://venue.example:8443/day"),
    ],
)
def test_secrets_of_an_address_are_not_recorded(location: str, shown: str):
    assert without_secrets(location) == shown


def test_peak_memory_is_in_bytes():
    assert 10_000_000 < peak_memory() < 1_000_000_000_000
