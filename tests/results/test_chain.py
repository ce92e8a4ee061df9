"""Runs that note the run before them: three nights, each in the history of the last."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from results.history_case import FRIDAY, NIGHT, written_run

from stresstest.results.chain import Link, chain_of
from stresstest.results.documents import read_document
from stresstest.results.manifest import Manifest, sealed_sha256


def note(folder: Path, before: Path, *, hashed: bool = True) -> None:
    """Let the manifest of a run note the run before it, as the pipeline does."""
    earlier = read_document(Manifest, before / "manifest.json")
    as_of = json.loads((before / "result.json").read_text())["specification"]["as_of"]
    noted = {
        "result_id": earlier.result_id, "as_of": as_of, "folder": f"../{before.name}",
        "manifest_sha256": sealed_sha256(before / "manifest.json") if hashed else None,
    }  # fmt: skip
    rewrite(folder, previous=noted)


def rewrite(folder: Path, **changes: Any) -> None:
    content = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(content | changes))


@pytest.fixture
def nights(tmp_path: Path) -> list[Path]:
    """Three runs of one book, oldest first."""
    made = [written_run(tmp_path / f"night{day}", FRIDAY + timedelta(days=day), finished=FRIDAY + timedelta(days=day) + NIGHT) for day in range(3)]
    note(made[1], made[0])
    note(made[2], made[1])
    return made


def chain(folder: Path) -> list[tuple[str, str]]:
    return [(Path(each.folder).name, each.state) for each in links(folder)]


def links(folder: Path) -> tuple[Link, ...]:
    return chain_of(folder, read_document(Manifest, folder / "manifest.json"))


def test_every_manifest_is_the_one_that_the_next_run_noted(nights: list[Path]):
    assert chain(nights[2]) == [("night1", "intact"), ("night0", "intact")]
    assert chain(nights[0]) == []


def test_reports_made_again_are_no_change(nights: list[Path]):
    content = json.loads((nights[1] / "manifest.json").read_text())
    again = {"finished": "2026-12-01T00:00:00Z", "command": [], "version": "2", "code": "c"}
    rewrite(nights[1], reports=content["reports"] | {"report.html": "9" * 64}, rendered=again)
    assert chain(nights[2]) == [("night1", "intact"), ("night0", "intact")]


def test_a_manifest_that_was_changed_breaks_the_chain_and_ends_it(nights: list[Path]):
    rewrite(nights[1], peak_memory=1)
    assert chain(nights[2]) == [("night1", "changed")]
    assert links(nights[2])[0].broken


def test_a_changed_summary_breaks_it_too(nights: list[Path]):
    content = json.loads((nights[0] / "manifest.json").read_text())
    rewrite(nights[0], reports=content["reports"] | {"summary.json": "0" * 64})
    assert chain(nights[2]) == [("night1", "intact"), ("night0", "changed")]


def test_a_result_that_was_replaced_is_named(nights: list[Path]):
    shutil.rmtree(nights[1])
    other = written_run(nights[1], FRIDAY + timedelta(days=1), shortfall=7.0, finished=FRIDAY + timedelta(days=5))
    (found,) = links(nights[2])
    assert (found.state, found.broken) == ("replaced", True)
    assert read_document(Manifest, other / "manifest.json").result_id[:12] in found.what


def test_a_folder_that_is_gone_ends_the_chain_and_is_no_breach(nights: list[Path]):
    shutil.rmtree(nights[0])
    found = links(nights[2])
    assert chain(nights[2]) == [("night1", "intact"), ("night0", "missing")]
    assert not any(each.broken for each in found)


def test_folders_may_be_moved_together(nights: list[Path], tmp_path: Path):
    archive = tmp_path / "archive"
    archive.mkdir()
    moved = [each.rename(archive / each.name) for each in nights]
    assert chain(moved[2]) == [("night1", "intact"), ("night0", "intact")]


def test_what_is_no_manifest_is_told(nights: list[Path]):
    (nights[1] / "manifest.json").write_text("{}")
    assert chain(nights[2]) == [("night1", "unreadable")]


def test_a_hash_that_was_not_noted_vouches_for_nothing_and_the_chain_goes_on(nights: list[Path]):
    note(nights[2], nights[1], hashed=False)
    assert chain(nights[2]) == [("night1", "not noted"), ("night0", "intact")]


def test_a_chain_that_leads_forward_in_time_ends(nights: list[Path]):
    note(nights[0], nights[2])
    note(nights[1], nights[0], hashed=False)
    note(nights[2], nights[1], hashed=False)
    assert chain(nights[2]) == [("night1", "not noted"), ("night0", "changed")]
