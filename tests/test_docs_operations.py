"""docs/operations.md: its units, cron line and exit codes are what they say; its console commands are run by test_readme."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer

from stresstest.cli.main import app
from stresstest.cli.settings import OF_THE_COMMAND
from stresstest.config import ENVIRONMENT_PREFIX, RunFile, scalar_keys
from stresstest.errors import ExitCode

PAGE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text(encoding="utf-8")
INI = re.compile(r"^```ini\n# /etc/systemd/system/(\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CRONTAB = re.compile(r"^```crontab\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_exit_codes_are_those_of_the_program():
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)] == [int(code) for code in ExitCode]


def test_variables_are_known():
    known = {ENVIRONMENT_PREFIX + key.upper().replace(".", "_") for key in scalar_keys(RunFile)} | OF_THE_COMMAND
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
