from __future__ import annotations

import json
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.cli.log import LogFile
from stresstest.errors import ExitCode, StressTestError

pytestmark = pytest.mark.usefixtures("made_once")

KEYS = {"time", "level", "process", "command", "stage", "message", "figures"}


def lines(file: Path) -> list[dict[str, Any]]:
    """The lines of a log, each an object of its own with the seven keys."""
    found = [json.loads(line) for line in file.read_bytes().decode("ascii").splitlines()]
    for line in found:
        assert set(line) == KEYS
        assert datetime.fromisoformat(line["time"]).utcoffset() is not None
        assert line["level"] in ("info", "warning", "error")
    return found


def test_a_run_logs_its_stages_and_how_it_ended(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("run", run_file, "--out", "out", "-q", "--log-file", "log.jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    log = lines(tmp_path / "log.jsonl")
    assert {(line["command"], line["process"], line["level"]) for line in log} == {("run", os.getpid(), "info")}
    assert (log[0]["message"], log[0]["figures"]["words"][0]) == ("begins", "run")
    stages = [(line["stage"], line["message"]) for line in log if line["stage"]]
    assert stages[:4] == [("snapshot", "begins"), ("snapshot", "ends"), ("scenarios", "begins"), ("scenarios", "ends")]
    stress = [line["figures"] for line in log if line["stage"] == "stress"]
    assert (stress[0], stress[1]["units"]) == ({"units": 1}, 1)
    assert stress[1]["seconds"] >= 0
    last = log[-1]
    result_id = json.loads((tmp_path / "out" / "result.json").read_text())["result_id"]
    assert (last["message"], last["stage"]) == ("ends", None)
    assert last["figures"] == {"exit_code": 0, "result_id": result_id, "folder": str(tmp_path / "out"), "light": "red", "repeated": False}


@pytest.mark.usefixtures("drawn_here")
def test_a_second_command_appends_and_the_variable_names_the_file_too(stresstest, run_file: Path, tmp_path: Path):
    assert stresstest("validate", run_file, STRESSTEST_LOG_FILE="log.jsonl").returncode == 0
    assert stresstest("run", run_file, "--out", "out", "--fail-on", "red", STRESSTEST_LOG_FILE="log.jsonl").returncode == ExitCode.LIMIT_BREACHED
    assert stresstest("report", "out", "--formats", "html", STRESSTEST_LOG_FILE="log.jsonl").returncode == 0
    assert stresstest("explain", "out", "--account", "a000001", STRESSTEST_LOG_FILE="log.jsonl").returncode == 0
    last = [line for line in lines(tmp_path / "log.jsonl") if line["message"] == "ends" and line["stage"] is None]
    assert [(line["command"], line["level"], line["figures"]["exit_code"]) for line in last] == [
        ("validate", "info", 0), ("run", "error", 5), ("report", "info", 0), ("explain", "info", 0),
    ]  # fmt: skip


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize("command", ["run", "validate"])
def test_every_fault_of_a_refusal_is_a_line(stresstest, run_file: Path, tmp_path: Path, command: str, flags: list[str]):
    (tmp_path / "run.yaml").write_text(run_file.read_text() + "keap: all\nseed: x\n")
    assert stresstest(command, "run.yaml", "--log-file", "log.jsonl", *flags).returncode == ExitCode.CONFIGURATION
    errors = [line for line in lines(tmp_path / "log.jsonl") if line["level"] == "error"]
    assert errors[0]["message"] == "configuration: run.yaml has 2 faults"
    assert {(line["figures"]["path"], line["figures"]["file"]) for line in errors[1:3]} == {("keap", "run.yaml"), ("seed", "run.yaml")}
    assert errors[3]["figures"] == {"exit_code": ExitCode.CONFIGURATION}


def test_a_bug_and_an_interruption_are_logged(stresstest, run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from stresstest.runs import pipeline

    for error, code in ((ZeroDivisionError("division by zero"), ExitCode.INTERNAL), (KeyboardInterrupt(), ExitCode.INTERRUPTED)):

        def broken(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(pipeline, "resolve", broken)
            assert stresstest("run", run_file, "--out", "out", "--log-file", "log.jsonl").returncode == code
    told = [(line["stage"], line["message"]) for line in lines(tmp_path / "log.jsonl") if line["level"] == "error" or line["message"] == "broken off"]
    assert told == [
        ("scenarios", "broken off"), (None, "internal error: ZeroDivisionError: division by zero"), (None, "ends"),
        ("scenarios", "broken off"), (None, "interrupted"), (None, "ends"),
    ]  # fmt: skip


def test_names_from_data_cannot_break_a_line(stresstest, run_file: Path, tmp_path: Path):
    hostile = 'a"\n{"level": "info"}\u2028\x1b[2J\x9b'
    done = stresstest("run", run_file, "--out", "out", "--set", f"keep={hostile}", "--log-file", "log.jsonl")
    assert done.returncode == ExitCode.CONFIGURATION
    log = lines(tmp_path / "log.jsonl")
    assert log[0]["figures"]["words"][-3] == f"keep={hostile}"
    assert len(log) == 4


@given(
    st.text(), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_whatever_is_told_is_one_json_object_a_line(tmp_path_factory: pytest.TempPathFactory, message: str, figure: Any):
    file = tmp_path_factory.getbasetemp() / "any.jsonl"
    file.unlink(missing_ok=True)
    log = LogFile(file, "run")
    log.write("info", message, figures={message: figure})
    log.write("warning", message + os.fsdecode(b"\xff\xfe"), stage=message)
    log.close()
    assert [line["level"] for line in lines(file)] == ["info", "warning"]


def test_addresses_are_logged_without_their_keys(stresstest, run_file: Path, tmp_path: Path):
    secret = "https://jo:pass@127.0.0.1:9/day?sig=KEY#frag"
    done = stresstest("run", run_file, "--out", "out", "--snapshot", secret, "--set", f"margin={secret}", "--log-file", "log.jsonl", "--json")
    assert done.returncode != 0
    told = done.stdout + done.stderr + (tmp_path / "log.jsonl").read_text()
    assert "https://127.0.0.1:9/day" in told
    assert not any(word in told for word in ("pass@", "KEY", "frag"))


def test_a_log_that_cannot_be_written_is_told_before_anything_is_done(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("run", run_file, "--out", "out", "--log-file", "nowhere/log.jsonl")
    assert done.returncode == ExitCode.ENVIRONMENT
    assert "nowhere/log.jsonl: No such file or directory" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_disk_that_fills_up_costs_the_log_and_not_the_run(stresstest, run_file: Path, tmp_path: Path):
    done = stresstest("run", run_file, "--out", "out", "-q", "--log-file", "/dev/full")
    assert done.returncode == 0
    assert done.stderr == "warning: the log file /dev/full cannot be written any more: No space left on device\n"


def test_quiet_and_verbose_exclude_each_other(stresstest, run_file: Path):
    done = stresstest("run", run_file, "-q", "-v")
    assert done.returncode == ExitCode.CONFIGURATION
    assert "--quiet and --verbose exclude each other" in done.stderr


def test_refused_logs_name_the_file(tmp_path: Path):
    with pytest.raises(StressTestError) as caught:
        LogFile(tmp_path, "run")
    assert caught.value.faults[0].file == str(tmp_path)


@pytest.mark.usefixtures("drawn_here")
def test_keys_in_the_words_do_not_reach_the_manifest(stresstest, run_file: Path, tmp_path: Path):
    shutil.copytree(run_file.parent, tmp_path / "book")
    words = ["run", "book/run.yaml", "--out", "out", "--set", "name=https://jo:pass@venue.example/x?sig=KEY", "--formats", "html"]
    assert stresstest(*words).returncode == 0
    command = json.loads((tmp_path / "out" / "manifest.json").read_text())["command"]
    assert command == ["stresstest", *words[:5], "name=https://venue.example/x", *words[6:]]
