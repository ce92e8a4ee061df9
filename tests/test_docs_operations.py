"""docs/operations.md: its units, cron line and exit codes are what they say; its console commands are run by test_readme."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer
from runs.plain_book import write_plain_book

from stresstest.cli.main import app
from stresstest.cli.settings import OF_THE_COMMAND
from stresstest.config import ENVIRONMENT_PREFIX, NOTIFY_VARIABLE, RunFile, scalar_keys
from stresstest.errors import ExitCode
from stresstest.runs.operators.metrics import METRICS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
INI = re.compile(r"^```ini\n# /etc/systemd/system/(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CRONTAB = re.compile(r"^```crontab\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_exit_codes_are_those_of_the_program():
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [int(code) for code in ExitCode]


def test_variables_are_known():
    known = {ENVIRONMENT_PREFIX + key.upper().replace(".", "_") for key in scalar_keys(RunFile)} | OF_THE_COMMAND | {NOTIFY_VARIABLE}
    named = set(re.findall(r"STRESSTEST_[A-Z_]+[A-Z]", PAGE)) - {"STRESSTEST_KEPE"}
    assert named
    assert named <= known


def words_of_jobs() -> list[list[str]]:
    (crontab,) = CRONTAB.findall(PAGE)
    jobs = [line.split(None, 5)[5] for line in crontab.splitlines() if re.match(r"[\d*]", line)]
    jobs += re.findall(r"^ExecStart=(.*)$", PAGE, re.MULTILINE)
    jobs = [re.sub(r"\$\([^)]*\)", "today", job) for job in jobs]
    return [shlex.split(job.partition("bin/stresstest ")[2].partition(" >")[0]) for job in jobs]


@pytest.mark.parametrize("words", words_of_jobs(), ids=" ".join)
def test_scheduled_commands_exist(words: list[str]):
    command: Any = typer.main.get_command(app)
    known = {name for parameter in command.commands[words[0]].params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert [word for word in words if word.startswith("-") and word not in known] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_units_are_understood_by_systemd(tmp_path: Path):
    units = dict(INI.findall(PAGE))
    assert units.keys() == {"stresstest.service", "stresstest.timer"}
    # The alert is the reader's own, and program and user are not on this machine.
    units["risk-alert.service"] = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
    units["stresstest.service"] = units["stresstest.service"].replace("/opt/stresstest/bin/stresstest", "/bin/true").replace("User=stress\n", "")
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", *(str(tmp_path / name) for name in units)], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or line.startswith(("stresstest.", "risk-alert."))] == []
    when = re.search(r"^OnCalendar=(.*)$", PAGE, re.MULTILINE)
    assert when
    assert subprocess.run(["systemd-analyze", "calendar", when[1]], capture_output=True, check=False, timeout=60).returncode == 0


def test_every_metric_is_in_the_table_with_its_labels():
    rows = re.findall(r"^\| `(stresstest_\w+)` \| (.*?)\| (.*) \|$", PAGE, re.MULTILINE)
    assert [(name, tuple(re.findall(r"`(\w+)`", labels)), doc) for name, labels, doc in rows] == [(m.name, m.labels, m.doc) for m in METRICS]
    alerts = re.search(r"^```promql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert alerts
    assert set(re.findall(r"stresstest_\w+", alerts[1])) <= {metric.name for metric in METRICS}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """What the page calls `/`: a book with today's snapshot, a program, and the folders that are written to."""
    run_file = write_plain_book(tmp_path / "srv" / "stress", 3)
    run_file.write_text(run_file.read_text() + "book: plain\nhistory: history\n")
    today = tmp_path / "srv" / "stress" / "snapshots" / f"{datetime.now(UTC):%Y-%m-%d}"
    shutil.copytree(run_file.parent / "snapshot", today)
    for folder in ("var/log/stress", "var/lib/node_exporter/textfile", "opt/stresstest/bin", "home"):
        (tmp_path / folder).mkdir(parents=True)
    # A program of its own, which needs nothing of the environment to find the package.
    program = tmp_path / "opt" / "stresstest" / "bin" / "stresstest"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from stresstest.cli.main import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -c {shlex.quote(code)} "$@"\n')
    program.chmod(0o755)
    return tmp_path


def placed(text: str, place: Path) -> str:
    return re.sub(r"(?<![\w.])/(srv|opt|var)/", rf"{place}/\1/", text)


def carried_out(command: str, variables: list[str], folder: Path, place: Path) -> subprocess.CompletedProcess[str]:
    """A command as a scheduler starts it: a plain shell, and no variables but its own."""
    bare = [f"HOME={place}/home", "LOGNAME=stress", "SHELL=/bin/sh", "PATH=/usr/bin:/bin"]
    words = ["env", "-i", *bare, *variables, "/bin/sh", "-c", command]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def test_the_line_of_cron_and_the_unit_do_what_the_page_says(place: Path):
    (crontab,) = CRONTAB.findall(PAGE)
    lines = placed(crontab, place).splitlines()
    job = next(line.split(None, 5)[5] for line in lines if re.match(r"[\d*]", line)).replace("\\%", "%")
    done = carried_out(job, [line for line in lines if re.match(r"[A-Z_]+=", line)], place / "home", place)
    # What cron would mail: the one line that says why; the book has an owner in default.
    assert (done.returncode, done.stdout) == (5, "")
    assert [line for line in done.stderr.splitlines() if not line.startswith("compiling")] == [
        "exit 5 (--fail-on red): RED, owners default in 1 of 2 headline scenarios, most (3) in Half gone"
    ]
    metrics = place / "var" / "lib" / "node_exporter" / "textfile" / "stress.prom"
    assert 'stresstest_last_run_exit_code{book="plain"} 5.0' in metrics.read_text()
    log = place / "var" / "log" / "stress" / "stress.jsonl"
    assert '"exit_code": 5' in log.read_text().splitlines()[-1]

    unit = placed(dict(INI.findall(PAGE))["stresstest.service"], place)
    variables, (start,) = re.findall(r"^Environment=(.*)$", unit, re.MULTILINE), re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    (folder,) = re.findall(r"^WorkingDirectory=(.*)$", unit, re.MULTILINE)
    tomorrow = place / "srv" / "stress" / "snapshot"
    (tomorrow / "snapshot.json").write_text('{"as_of": "2026-11-20T16:00:00Z", "reporting_currency": "USD"}')
    (tomorrow / "positions.parquet").unlink()
    done = carried_out(start, variables, Path(folder), place)
    assert done.returncode == 3
    assert "the table is missing" in done.stderr
    assert 'stresstest_last_run_exit_code{book="plain"} 3.0' in metrics.read_text()
    assert 'stresstest_light{book="plain"} 2.0' in metrics.read_text()
