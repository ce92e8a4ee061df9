from __future__ import annotations

from pathlib import Path

import pytest
from generated.books import BookSpec

from stresstest.config import load_run
from stresstest.errors import ExitCode, StressTestError
from stresstest.runs.planning import plan


def test_a_plan_says_what_would_be_done(book: BookSpec, out: Path):
    content = plan(load_run(book.run_file), out).document()
    rows = {each["table"]: each["rows"] for each in content["tables"]}
    assert rows == {name: len(rows) for name, rows in book.tables.items()}
    assert content["scenarios"] == len(book.scenarios) + 1
    assert (content["folder"], content["resumes"], content["blocks"]) == (str(out), False, 1)
    text = "\n".join(plan(load_run(book.run_file), out).lines())
    assert f"positions   {rows['positions']:,} rows" in text
    assert not out.exists()


def test_without_out_the_folder_says_moment_and_question(book: BookSpec):
    name = plan(load_run(book.run_file)).target.name
    assert name.startswith("2026-03-31T1600Z_")
    assert plan(load_run(book.run_file, {"threads": 1})).target.name == name
    assert plan(load_run(book.run_file, {"keep": "worst"})).target.name != name


def test_layout_of_the_files_is_no_part_of_the_question(book: BookSpec, tmp_path: Path, out: Path):
    copy = tmp_path / "copy.yaml"
    copy.write_text("# a comment\n" + (book.folder / "scenarios.yaml").read_text())
    assert plan(load_run(book.run_file, {"scenarios": [str(copy)]}), out).hash == plan(load_run(book.run_file), out).hash


def test_faults_of_scenarios_and_margin_file_come_together(book: BookSpec, tmp_path: Path):
    scenarios, margin = tmp_path / "scenarios.yaml", tmp_path / "margin.yaml"
    scenarios.write_text("version: 1\nscenarios: [{id: A B, shocks: []}]\n")
    margin.write_text("version: 1\nmodels: {x: {kind: magic}}\n")
    with pytest.raises(StressTestError) as caught:
        plan(load_run(book.run_file, {"scenarios": [str(scenarios)], "margin": str(margin)}))
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert {fault.file for fault in caught.value.faults} == {str(scenarios), str(margin)}


def test_depth_tables_are_read_before_anything_is_computed(book: BookSpec, tmp_path: Path):
    (tmp_path / "books.csv").write_text("asset,side,price\nBTC,bid,1\n")
    impact = [{"kind": "depth_table", "table": str(tmp_path / name), "assets": [name]} for name in ("books.csv", "none.csv")]
    with pytest.raises(StressTestError) as caught:
        plan(load_run(book.run_file, {"cascade": {"impact": impact}}))
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    told = {fault.file: fault.what for fault in caught.value.faults}
    assert told[str(tmp_path / "books.csv")] == "the column is missing"
    assert told[str(tmp_path / "none.csv")] == "no such file"


def test_a_snapshot_that_is_not_there_is_said_by_the_dry_run(book: BookSpec, tmp_path: Path):
    with pytest.raises(StressTestError) as caught:
        plan(load_run(book.run_file, {"snapshot": str(tmp_path / "none")})).document()
    assert caught.value.exit_code == ExitCode.INPUT_REFUSED
