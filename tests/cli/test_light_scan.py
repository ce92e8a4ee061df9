"""What completion and the telling of run files from scenario files read without reading the YAML."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stresstest.cli.light_scan import SHIPPED, run_file_of, scenario_ids
from stresstest.scenarios.files import load_scenarios

ROOT = Path(__file__).parents[2]

BLOCK = """version: 1
name: "a set, id: not_this"   # id: nor_this
scenarios:
  - id: first
    name: one
    shocks:
      - {factor: "spot:BTC", relative: -0.1}
  # - id: commented_out
  - name: two
    id: 'second'
  - {id: third_3.x-y, shocks: [{factor: "spot:BTC", relative: -0.1}]}
generators:
  - {kind: grid, id: btc}
"""


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(("name", "text", "ids"), [
    ("block.yaml", BLOCK, ["first", "second", "third_3.x-y"]),
    ("flow.yaml", "{version: 1, scenarios: [{id: a, shocks: []}, {shocks: [], id: b}]}", ["a", "b"]),
    ("set.json", json.dumps({"version": 1, "scenarios": [{"id": "a"}, {"id": "b"}]}), ["a", "b"]),
    ("pretty.json", json.dumps({"scenarios": [{"name": "id: x", "id": "a"}], "version": 1}, indent=1), ["a"]),
    ("empty.yaml", "", []),
    ("other.yaml", "version: 1\n", []),
    ("broken.yaml", "scenarios: [{id: a, shocks: [\n", ["a"]),
])  # fmt: skip
def test_ids_of_a_scenario_file(tmp_path: Path, name: str, text: str, ids: list[str]):
    assert scenario_ids(written(tmp_path, name, text)) == ids


@pytest.mark.parametrize("file", [ROOT / "sample_data" / "scenarios.yaml", *sorted(SHIPPED.glob("*.yaml"))], ids=lambda file: file.name)
def test_they_are_those_that_the_files_have(file: Path):
    assert scenario_ids(file) == list(load_scenarios([file]).ids[1:])


def test_ids_of_a_parquet_set(tmp_path: Path):
    load_scenarios([ROOT / "sample_data" / "scenarios.yaml"]).frame().write_parquet(tmp_path / "set.parquet")
    assert scenario_ids(tmp_path / "set.parquet")[:2] == ["black_thursday_2020_close", "black_thursday_2020_intraday"]


@pytest.mark.parametrize("listed", ["[one.yaml, 'two.yaml']", '\n  - one.yaml\n  - "two.yaml"  # the second', "\n- one.yaml\n- two.yaml"])
def test_ids_of_a_run_file_are_those_of_its_scenario_files(tmp_path: Path, listed: str):
    written(tmp_path, "one.yaml", "scenarios: [{id: a}]")
    written(tmp_path, "two.yaml", "scenarios: [{id: b}]")
    run = written(tmp_path, "run.yaml", f"version: 1\nsnapshot: here\nscenarios: {listed}\nmargin: margin.yaml\n")
    assert run_file_of(run) == run
    assert scenario_ids(run) == ["a", "b"]


def test_a_run_file_may_name_one_file_and_libraries(tmp_path: Path):
    written(tmp_path, "one.yaml", "scenarios: [{id: a}]")
    assert scenario_ids(written(tmp_path, "run.yaml", "snapshot: here\nscenarios: one.yaml\n")) == ["a"]
    library = min(SHIPPED.glob("*.yaml"))
    ids = scenario_ids(written(tmp_path, "run.yaml", f"snapshot: here\nscenarios: [library:{library.stem}]\n"))
    assert ids == scenario_ids(library) == scenario_ids(Path(f"library:{library.stem}"))


def test_a_result_folder_means_its_copy_of_the_run_file(finished: Path):
    assert run_file_of(finished) == finished / "inputs" / "run.json"
    assert scenario_ids(finished) == ["dip", "crash"]


def test_what_is_no_run_file(tmp_path: Path):
    assert run_file_of(written(tmp_path, "set.yaml", BLOCK)) is None
    assert run_file_of(tmp_path) is None
    assert run_file_of(tmp_path / "nothing.yaml") is None
    assert run_file_of(tmp_path / "nothing.parquet") is None
    assert scenario_ids(tmp_path / "nothing.yaml") == scenario_ids(tmp_path / "nothing.parquet") == []
