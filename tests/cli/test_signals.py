"""Real signals at several moments: a run that is ended leaves a work folder or a whole result, nothing else, and the same command finishes it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stresstest.cli.terminal import Terminal
from stresstest.errors import ExitCode
from stresstest.results.integrity import intact

SAID = "interrupted: nothing half-written was left; the same command takes up where it stopped\n"
STAGES = ("snapshot", "scenarios", "valuation", "stress", "breakdown", "results", "report")


@pytest.fixture
def ended_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, signal.Signals, float], None]:
    """Has this process send itself a signal, so many seconds after a stage begins."""
    plain = Terminal.stage

    def arm(wanted: str, number: signal.Signals, delay: float) -> None:
        @contextmanager
        def stage(self: Terminal, name: str, total: int | None = None) -> Iterator[object]:
            with plain(self, name, total) as advance:
                if name == wanted:
                    threading.Timer(delay, os.kill, (os.getpid(), number)).start() if delay else os.kill(os.getpid(), number)
                yield advance

        monkeypatch.setattr(Terminal, "stage", stage)

    return arm


@pytest.mark.parametrize(
    ("number", "delay", "stages"),
    [(signal.SIGINT, 0.0, STAGES), (signal.SIGTERM, 0.02, ("snapshot", "stress", "results", "report")), (signal.SIGHUP, 0.005, ("stress",))],
    ids=["int", "term", "hup"],
)
def test_a_run_ended_in_stage_after_stage_is_finished_by_the_last(
    stresstest, finished: Path, run_file: Path, tmp_path: Path, monkeypatch, ended_in, request: pytest.FixtureRequest,
    number: signal.Signals, delay: float, stages: tuple[str, ...],
):  # fmt: skip
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    words = ["run", run_file, "--out", "runs/out", "--formats", "html,pdf"]
    children = set(children_of(os.getpid()))
    for stage in stages:
        ended_in(stage, number, delay)  # where a stage is shorter than the delay, the signal comes in a later one
        done = stresstest(*words)
        assert done.returncode == ExitCode.INTERRUPTED, (stage, done.stderr)
        assert done.stderr == SAID
        assert set(children_of(os.getpid())) <= children, stage
        assert all(name.startswith(".out.work-") for name in names_in(tmp_path / "runs"))
        assert list((tmp_path / "temporary").iterdir()) == []
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    request.getfixturevalue("drawn_here")
    done = stresstest(*words, "-v")
    assert done.returncode == 0
    if "results" in stages:
        assert "takes up an interrupted run: blocks finished 1 of 1\n" in done.stderr
    assert names_in(tmp_path / "runs") == ["out"]
    assert intact(tmp_path / "runs" / "out")[1].result_id == intact(finished)[1].result_id


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def children_of(process: int) -> list[int]:
    """Ids of the living children of a process; none where the system does not tell."""
    tasks = Path(f"/proc/{process}/task")
    return [int(each) for file in tasks.glob("*/children") for each in file.read_text().split()] if tasks.exists() else []


def test_a_signal_after_the_last_step_leaves_a_whole_result_and_the_next_run_tidies_up(stresstest, run_file: Path, tmp_path: Path, monkeypatch):
    from stresstest.runs import pipeline

    def ended(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    plain = pipeline.publish
    monkeypatch.setattr(pipeline, "publish", lambda work, target: (plain(work, target), ended()))
    assert stresstest("run", run_file, "--out", "out").returncode == ExitCode.INTERRUPTED
    assert intact(tmp_path / "out")
    assert len(list(tmp_path.glob(".out.work-*"))) == 1
    done = stresstest("run", run_file, "--out", "out")
    assert (done.returncode, done.stderr.partition(":")[0]) == (0, "already complete")
    assert names_in(tmp_path) == ["out"]


@pytest.mark.parametrize("words", ["validate {run}", "explain {out} --account a000001", "scenarios lint {run}"])
def test_a_command_that_only_looks_leaves_nothing(
    stresstest, finished: Path, run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ended_in, words: str
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended_in("snapshot", signal.SIGTERM, 0.005)
    done = stresstest(*words.format(run=run_file, out=finished).split(), "-q")
    assert (done.returncode, done.stdout, done.stderr) == (ExitCode.INTERRUPTED, "", SAID)
    assert names_in(tmp_path) == []


def test_a_report_that_is_ended_leaves_the_run_as_it_was(stresstest, finished: Path, tmp_path: Path, monkeypatch, ended_in):
    shutil.copytree(finished, tmp_path / "run")
    kept = {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()}
    ended_in("report", signal.SIGTERM, 0.0)
    assert stresstest("report", "run").returncode == ExitCode.INTERRUPTED
    assert {file: file.read_bytes() for file in (tmp_path / "run").rglob("*") if file.is_file()} == kept
    assert names_in(tmp_path) == ["run"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_reader_that_goes_first_when_a_service_manager_ends_all_is_an_interruption(stresstest, run_file, tmp_path, monkeypatch, number):
    # Not a damaged file, and no reason to throw work away.
    from stresstest.snapshot import stage

    reader = [sys.executable, "-c", f"import os, sys; sys.stdin.buffer.read(8); os.kill(os.getpid(), {int(number)})"]
    monkeypatch.setattr(stage.stage_snapshot, "__defaults__", (None, reader))
    done = stresstest("run", run_file, "--out", "out", "--json")
    assert (done.returncode, json.loads(done.stdout)["reason"]) == (ExitCode.INTERRUPTED, "interrupted")


STRESSTEST = "from stresstest.cli.main import main; main()"
IGNORING = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "


def alive_with(mark: str) -> list[int]:
    """Processes whose environment holds the mark."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"MARK={mark}\0".encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, ExitCode.INTERRUPTED), (signal.SIGKILL, -signal.SIGKILL)])
def test_worker_processes_end_with_their_run(run_file: Path, tmp_path: Path, number: signal.Signals, code: int):
    mark = f"{tmp_path.name}-{number}"
    words = ["run", str(run_file), "--out", "out", "--executor", "processes", "--threads", "2", "--log-file", "log.jsonl"]
    process = subprocess.Popen(
        [sys.executable, "-c", STRESSTEST, *words], cwd=tmp_path, env={**os.environ, "MARK": mark}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while len(alive_with(mark)) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)  # itself and two more: workers, or the reader of the snapshot and what it starts
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    while alive_with(mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert alive_with(mark) == []
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_run_under_nohup_outlives_its_terminal(run_file: Path, tmp_path: Path):
    words = ["run", str(run_file), "--out", "out", "--formats", "json", "-q", "--log-file", "log.jsonl"]
    process = subprocess.Popen([sys.executable, "-c", IGNORING + STRESSTEST, *words], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (tmp_path / "log.jsonl").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGHUP)
    assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == ExitCode.DONE
