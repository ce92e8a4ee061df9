"""The copies of what a run was asked are part of its result: reports show shocks from them, and `explain` works from them."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from stresstest.config import Notify, RunFile, load_run
from stresstest.config.impact import TableImpact
from stresstest.margin.rulebook import Rulebook
from stresstest.results.inputs import changed_documents, copy_documents, document_hashes, write_run
from stresstest.scenarios.scenario_set import SHOCKS, ScenarioSet


def kept(folder: Path) -> Path:
    inputs = folder / "inputs"
    (inputs / "scenarios").mkdir(parents=True)
    (inputs / "run.json").write_text("{}\n")
    (inputs / "scenarios" / "01-house.yaml").write_text("version: 1\n")
    (inputs / "snapshot").mkdir()
    (inputs / "snapshot" / "assets.parquet").write_text("hashed as an input table")
    return inputs


def test_every_copy_has_a_hash_and_the_snapshot_has_its_own(tmp_path: Path) -> None:
    kept(tmp_path)
    assert document_hashes(tmp_path) == {
        "run.json": hashlib.sha256(b"{}\n").hexdigest(),
        "scenarios/01-house.yaml": hashlib.sha256(b"version: 1\n").hexdigest(),
    }


def test_a_copy_that_changed_or_went_is_named(tmp_path: Path) -> None:
    inputs = kept(tmp_path)
    stated = document_hashes(tmp_path)
    assert changed_documents(tmp_path, stated) == []
    (inputs / "scenarios" / "01-house.yaml").write_text("version: 1\nname: other\n")
    (inputs / "run.json").unlink()
    assert [(fault.file, fault.what) for fault in changed_documents(tmp_path, stated)] == [
        (str(inputs / "run.json"), "is missing"),
        (str(inputs / "scenarios" / "01-house.yaml"), "was changed after the run: its SHA-256 is not that of the manifest"),
    ]


def test_a_run_that_stated_no_hashes_is_taken_as_it_is(tmp_path: Path) -> None:
    kept(tmp_path)
    assert changed_documents(tmp_path, {}) == []


AROUND = ("version: 1\nbook: plain\n", "output: {folder: runs}\n")
ADDRESS = "slack://tokenA/tokenB"


@pytest.mark.parametrize(
    "block",
    [
        f"notify: {ADDRESS}\n",
        f"notify: [{ADDRESS}]  # a remark\n",
        f"notify:\n- {ADDRESS}\n- json://other\n",
        f"notify:\n  # older: {ADDRESS}/old\n\n  urls:\n    - {ADDRESS}\n# and: {ADDRESS}/new\n  on: red\n",
        f'"notify":\n  urls: "{ADDRESS}"\n',
        f"notify: {{urls: [\n  {ADDRESS},\n  json://b], on: red}}\r\n",
    ],
)
def test_the_copy_of_a_run_file_is_without_addresses_and_otherwise_the_same(tmp_path: Path, block: str) -> None:
    for before, after in (AROUND, (AROUND[0], ""), ("", AROUND[1])):
        (tmp_path / "run.yaml").write_bytes((before + block + after).encode())
        copied = copy_of(tmp_path, ADDRESS)
        assert copied == f"{before}# notify: left out, addresses are secrets\n{after}"


def test_a_run_file_whose_addresses_cannot_be_cut_out_is_not_copied(tmp_path: Path) -> None:
    for text in (f'{{"version": 1, "notify": "{ADDRESS}"}}', f"version: 1  # {ADDRESS}\n"):
        (tmp_path / "run.yaml").write_text(text)
        assert copy_of(tmp_path, ADDRESS) is None
    (tmp_path / "run.yaml").write_text("version: 1\n")
    assert copy_of(tmp_path, ADDRESS) == "version: 1\n"


def copy_of(folder: Path, address: str) -> str | None:
    settings = RunFile(snapshot="s", scenarios=(), margin=str(folder / "margin.yaml"), notify=Notify(urls=(address,)))
    (folder / "margin.yaml").write_text("version: 1\n")
    result = folder / "result"
    shutil.rmtree(result, ignore_errors=True)
    result.mkdir()
    copy_documents(result, settings, Rulebook(version=1), folder / "run.yaml")
    copied = result / "inputs" / "run.yaml"
    return copied.read_bytes().decode() if copied.is_file() else None


def test_depth_tables_are_kept_and_the_copy_of_the_run_file_names_the_copies(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "order books.csv").write_text(f"asset,side,price,quantity\n{folder},bid,1,1\n")
    (tmp_path / "margin.yaml").write_text("version: 1\n")
    impact = [{"kind": "depth_table", "table": str(tmp_path / folder / "order books.csv"), "assets": [folder]} for folder in ("a", "b")]
    given = {"snapshot": "s", "scenarios": [], "margin": str(tmp_path / "margin.yaml"), "cascade": {"impact": [*impact, {"kind": "none"}]}}
    settings = RunFile.model_validate(given)
    result = tmp_path / "result"
    result.mkdir()
    copy_documents(result, settings, Rulebook(version=1), None)
    empty = ScenarioSet((), pl.DataFrame(schema=SHOCKS))
    write_run(result, settings, empty, pl.DataFrame(), datetime(2026, 1, 1, tzinfo=UTC), "USD")
    assert (result / "inputs" / "depth" / "02" / "order books.csv").read_text() == "asset,side,price,quantity\nb,bid,1,1\n"
    assert "depth/01/order books.csv" in document_hashes(result)
    again = load_run(result / "inputs" / "run.json")
    assert again.cascade is not None
    tables = [each.table for each in again.cascade.impact if isinstance(each, TableImpact)]
    assert tables == [str(result / "inputs" / "depth" / number / "order books.csv") for number in ("01", "02")]
