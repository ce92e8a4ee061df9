"""The copies of what a run was asked are part of its result: reports show shocks from them, and `explain` works from them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from stresstest.results.inputs import changed_documents, document_hashes


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
