"""Progress is for people at a terminal: with a real (pseudo) terminal on stderr, and without one."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

STRESSTEST = "from stresstest.cli.main import main; main()"
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STAGES = ("snapshot", "scenarios", "valuation", "stress", "results")


def at_a_terminal(folder: Path, *words: object) -> tuple[int, str, str]:
    """Exit code, stdout (a pipe), and what a terminal on stderr was sent."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40"}
    process = subprocess.Popen(
        [sys.executable, "-c", STRESSTEST, *map(str, words)], cwd=folder, env=environment, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs
    )
    os.close(theirs)
    sent = b""
    try:
        while chunk := os.read(ours, 65_536):
            sent += chunk
    except OSError:
        pass  # Linux says EIO where the last writer has gone
    os.close(ours)
    printed, _ = process.communicate(timeout=60)
    return process.returncode, printed.decode(), sent.decode()


@pytest.mark.slow
def test_a_terminal_sees_progress_and_is_left_with_the_answer(run_file: Path, tmp_path: Path):
    code, printed, sent = at_a_terminal(tmp_path, "run", run_file, "--out", "out")
    assert (code, printed) == (0, f"{tmp_path / 'out'}\n")
    assert all(stage in sent for stage in STAGES)
    assert ESCAPE.search(sent)
    assert "\x1b[?25h" in sent[sent.rindex("\x1b[?25l") :], "the cursor is shown again"
    answer = ESCAPE.sub("", sent[sent.rindex("\x1b[?25h") :])
    assert "RED  An owner defaults in 1 of 2 headline scenarios." in answer
    assert not any(f"{stage} " in answer.splitlines()[0] for stage in STAGES)


@pytest.mark.slow
def test_quiet_leaves_a_terminal_alone(run_file: Path, tmp_path: Path):
    assert at_a_terminal(tmp_path, "run", run_file, "--out", "out", "-q") == (0, f"{tmp_path / 'out'}\n", "")


@pytest.mark.parametrize(
    "command",
    [
        "run {run} --out out",
        "run {run} --out out -v",
        "validate {run} -v",
        "explain {out} --account a000001 -v",
        "report {out} --out r --formats html",
    ],
)
@pytest.mark.usefixtures("drawn_here")
def test_without_a_terminal_no_bar_is_drawn(stresstest, run_file: Path, finished: Path, command: str):
    done = stresstest(*command.format(run=run_file, out=finished).split())
    assert done.returncode == 0
    assert not {sign for sign in done.stdout + done.stderr if not sign.isprintable()} - {"\n"}
    told = [line for line in done.stderr.splitlines() if re.fullmatch(r"[a-z ]+: [0-9.]+ s", line)]
    assert bool(told) == command.endswith("-v")


@pytest.mark.parametrize(
    "command", ["run {run} --out out", "validate {run}", "explain {out} --account a000001", "report {out} --out r --formats html"]
)
@pytest.mark.usefixtures("drawn_here")
def test_quiet_under_cron_says_nothing_beside_the_data(stresstest, run_file: Path, finished: Path, command: str):
    done = stresstest(*command.format(run=run_file, out=finished).split(), "-q")
    assert (done.returncode, done.stderr) == (0, "")
