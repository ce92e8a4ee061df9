from __future__ import annotations

import json
from pathlib import Path

import pytest

from stresstest.errors import ExitCode

pytestmark = pytest.mark.usefixtures("made_once")


def test_what_init_writes_is_valid_and_runs_as_it_is(stresstest, tmp_path: Path):
    done = stresstest("init", "my-book")
    assert (done.returncode, done.stdout) == (0, "my-book/run.yaml\n")
    assert (
        done.stderr.splitlines()[0]
        == "written: my-book/run.yaml, my-book/margin.yaml, my-book/scenarios.yaml, my-book/snapshot, my-book/snapshot.sql"
    )
    assert "Next: stresstest validate my-book/run.yaml" in done.stderr
    assert stresstest("validate", "my-book/run.yaml").returncode == 0
    ran = stresstest("run", "my-book/run.yaml", "--out", "out", "--formats", "json", "--fail-on", "red")
    # The example has a bridge that fails: Beta Capital, whose collateral is there, defaults.
    assert ran.returncode == ExitCode.LIMIT_BREACHED
    assert "beta-1" in ran.stderr


def test_for_a_snapshot_it_names_what_is_open(stresstest, run_file: Path):
    snapshot = run_file.parent / "snapshot"
    content = json.loads(stresstest("init", "mine", "--from-snapshot", snapshot, "--json", "-q").stdout)
    assert (content["schema_version"], content["kind"], content["run_file"]) == (1, "init", "mine/run.yaml")
    assert content["files"] == ["mine/run.yaml", "mine/margin.yaml", "mine/scenarios.yaml"]
    assert {each["file"] for each in content["open"]} == {"run.yaml", "margin.yaml", "scenarios.yaml"}
    assert stresstest("validate", "mine/run.yaml").returncode == 0
    assert not any(run_file.parent.glob("mine*"))


def test_it_overwrites_nothing_unless_forced(stresstest, run_file: Path, tmp_path: Path):
    snapshot = run_file.parent / "snapshot"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "margin.yaml").write_text("precious")
    refused = stresstest("init", "mine", "--from-snapshot", snapshot)
    assert refused.returncode == ExitCode.CONFIGURATION
    assert "mine/margin.yaml: is there already" in refused.stderr
    assert "--force" in refused.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["margin.yaml"]
    assert stresstest("init", "mine", "--from-snapshot", snapshot, "--force").returncode == 0
    assert "precious" not in (tmp_path / "mine" / "margin.yaml").read_text()


def test_a_place_that_cannot_be_written_is_no_bug(stresstest, tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    refused = stresstest("init", "file/mine")
    assert refused.returncode == ExitCode.ENVIRONMENT
    assert "the files cannot be written" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("words", [["init"], ["init", "a", "b"]])
def test_wrong_words_are_usage(stresstest, words: list[str]):
    assert stresstest(*words).returncode == ExitCode.CONFIGURATION
