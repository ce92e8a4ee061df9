"""Expanding the scenarios of a run into a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import polars as pl
import pytest
from generated.books import BookSpec

from stresstest.config import load_run
from stresstest.errors import Reason, StressTestError
from stresstest.runs.scenarios.expanding import expand, write_scenarios
from stresstest.scenarios.files import load_scenarios

pytestmark = pytest.mark.usefixtures("made_once")


def test_the_plain_book_moves_one_factor(run_file: Path, tmp_path: Path):
    done = expand(load_run(run_file), tmp_path / "new" / "factors.csv")
    assert (done.rows, done.scenarios) == (3, 3)
    assert done.file.read_text() == (
        "scenario_id,factor,part,base,value,absolute,relative\n"
        "base,spot:BTC,,100.0,100.0,0.0,0.0\n"
        "dip,spot:BTC,,100.0,95.0,-5.0,-0.050000000000000044\n"
        "crash,spot:BTC,,100.0,50.0,-50.0,-0.5\n"
    )


def test_chosen_scenarios_and_moved_factors_alone(run_file: Path, tmp_path: Path):
    done = expand(load_run(run_file), tmp_path / "f.parquet", ids=["crash"], which="moved")
    assert pl.read_parquet(done.file).select("scenario_id", "factor", "value").rows() == [("crash", "spot:BTC", 50.0)]


def test_a_generated_book_gives_the_same_bytes_again(book: BookSpec, tmp_path: Path):
    settings = load_run(book.run_file)
    files = [expand(settings, tmp_path / f"{name}.parquet", which="all").file for name in "ab"]
    assert files[0].read_bytes() == files[1].read_bytes()
    found = pl.read_parquet(files[0])
    assert not found.select("scenario_id", "factor", "part").is_duplicated().any()
    assert found["scenario_id"].unique(maintain_order=True).to_list() == ["base", *(each["id"] for each in book.scenarios)]


@pytest.mark.parametrize(("name", "ids", "words"), [
    ("factors.xlsx", (), "cannot be written as `.xlsx`"),
    ("there.csv", (), "the file cannot be written there"),
    ("folder.csv", (), "the file cannot be written there"),
    ("new.csv", ("crush",), "no scenario `crush`"),
    ("new.csv", ("crush", "dipp"), "2 scenarios are not there"),
])  # fmt: skip
def test_what_cannot_be_is_usage(run_file: Path, tmp_path: Path, name: str, ids: tuple[str, ...], words: str):
    (tmp_path / "there.csv").write_text("older")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(StressTestError) as caught:
        expand(load_run(run_file), tmp_path / name, ids=ids)
    assert caught.value.reason == Reason.USAGE
    assert words in caught.value.summary
    assert (tmp_path / "there.csv").read_text() == "older"


def test_force_replaces_a_file_and_never_a_folder(run_file: Path, tmp_path: Path):
    (tmp_path / "there.csv").write_text("older")
    (tmp_path / "folder.csv").mkdir()
    expand(load_run(run_file), tmp_path / "there.csv", force=True)
    assert (tmp_path / "there.csv").read_text().startswith("scenario_id,")
    with pytest.raises(StressTestError):
        expand(load_run(run_file), tmp_path / "folder.csv", force=True)


# ---------------------------------------------------------------- the scenarios themselves

FAMILY = """
version: 1
name: "a: family"
scenarios:
  - id: crash
    name: 'Oil "below" zero'
    family: historical
    decay: true
    horizon_days: 2.5
    grade: B
    source: "notes: of a desk"
    weight: 0.25
    shocks:
      - {factor: "spot:BTC", replace: -37.63, share: 0.1, source: "a close"}
      - {factor: "vol:*", where: {asset_class: crypto, tenor_days: [null, 90]}, relative: 0.1, term: {reference_days: 30, power: 0.3}}
      - {factor: "spot:*", relative: -0.3, mode: linear}
generators:
  - {kind: multiple, of: crash, by: [0.3333333333333333, 2]}
  - {kind: ladder, id: down, factor: "spot:BTC", relative: [-0.1, 1.0e-7]}
"""


@pytest.mark.parametrize("name", ["written.yaml", "written.parquet"])
def test_scenarios_written_out_read_back_as_they_are(tmp_path: Path, name: str) -> None:
    (tmp_path / "family.yaml").write_text(FAMILY, encoding="utf-8")
    done = write_scenarios([str(tmp_path / "family.yaml")], tmp_path / name)
    before, after = load_scenarios([tmp_path / "family.yaml"]), load_scenarios([done.file])
    assert done.scenarios == 6
    assert [dataclasses.replace(each, file=None, number=None, generator=None) for each in after] == [
        dataclasses.replace(each, file=None, number=None, generator=None) for each in before
    ]
    assert after.shocks.equals(before.shocks)
    with pytest.raises(StressTestError, match="cannot be written there"):
        write_scenarios([str(tmp_path / "family.yaml")], tmp_path / name)


def test_generators_from_history_need_a_book_to_be_written_out(tmp_path: Path) -> None:
    (tmp_path / "family.yaml").write_text("generators:\n  - {kind: historical, id: r}\n", encoding="utf-8")
    with pytest.raises(StressTestError) as caught:
        write_scenarios([str(tmp_path / "family.yaml")], tmp_path / "written.yaml")
    assert [(fault.what, fault.line) for fault in caught.value.faults] == [("needs the history of a snapshot", 2)]
