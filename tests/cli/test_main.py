from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from stresstest import __version__
from stresstest.cli import main as entry
from stresstest.errors import ExitCode


def commands(group: Any, *above: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *above, name)
        else:
            yield " ".join([*above, name])


COMMANDS = sorted(commands(typer.main.get_command(entry.app)))
HEAVY = ("altair", "duckdb", "jinja2", "numba", "numpy", "polars", "pyarrow", "pydantic", "rich", "ruamel", "scipy", "weasyprint")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(stresstest, command: str):
    done = stresstest(*command.split(), "--help")
    assert done.returncode == 0
    assert f"Example: stresstest {command}" in " ".join(done.stdout.split())
    assert done.stderr == ""


def test_help_imports_nothing_heavy():
    code = f"""
import sys
from stresstest.cli.main import main
def imported_by(command):
    try:
        main([*command.split(), "--help"])
    except SystemExit:
        return {{name for name in {HEAVY!r} if name in sys.modules}}
print(*imported_by(""), file=sys.stderr)
# Typer itself looks at the types of a command's flags with pydantic; that is quick.
print(*[(command, found) for command in {COMMANDS!r} if (found := imported_by(command) - {{"pydantic"}})], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "\n\n"


@pytest.mark.parametrize("group", [[], ["scenarios"], ["margins"], ["history"]])
def test_the_help_of_a_group_says_of_every_command_one_short_whole_sentence(stresstest, group: list[str]):
    listed = stresstest(*group, "--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(listed) == len({command.split()[len(group)] for command in COMMANDS if command.split()[: len(group)] == group})
    assert all(line.endswith(".") and not line.endswith("..") and len(line) < 80 for line in listed)


def test_the_version_is_the_packages(stresstest):
    assert stresstest("--version").stdout == f"stresstest {__version__}\n"


@pytest.mark.parametrize(
    "words", [["nonsense"], ["run"], ["run", "x.yaml", "--nope"], ["schema", "nope"], ["run", "x.yaml", "--fail-on", "blue"], []]
)
def test_wrong_words_are_usage_and_say_where_help_is(stresstest, words: list[str]):
    done = stresstest(*words)
    assert done.returncode == ExitCode.CONFIGURATION
    assert done.stdout == ""
    assert "--help" in done.stderr
    assert "Traceback" not in done.stderr
    if words:
        content = json.loads(stresstest(*words, "--json").stdout)
        assert (content["kind"], content["reason"], content["exit_code"]) == ("error", "usage", ExitCode.CONFIGURATION)


def test_a_bug_is_one_line_and_a_traceback_only_with_debug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def broken(*words: object, **options: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(entry, "app", broken)
    with pytest.raises(SystemExit) as ended:
        entry.main(["run", "x.yaml"])
    assert ended.value.code == ExitCode.INTERNAL
    assert "internal error: ZeroDivisionError: division by zero" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        entry.main(["run", "x.yaml", "--json"])
    content = json.loads(capsys.readouterr().out)
    assert (content["reason"], content["exit_code"], content["summary"]) == ("internal error", 1, "ZeroDivisionError: division by zero")
    with pytest.raises(ZeroDivisionError):
        entry.main(["run", "x.yaml", "--debug"])


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def interrupted(*words: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry, "app", interrupted)
    with pytest.raises(SystemExit) as ended:
        entry.main(["run", "x.yaml"])
    assert ended.value.code == ExitCode.INTERRUPTED
    assert capsys.readouterr().err.startswith("interrupted: nothing half-written was left")


IMPORTING = """
import os, signal, sys, types
sys.path.insert(0, sys.argv.pop(1))
from stresstest.cli import main
def command(*words, **options):
    import slow_module
    print(slow_module.LOADED, file=sys.stderr)
    while True:
        pass
main.app = command
main.main(["run", "x.yaml", "--json"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_import_is_finished_before_a_signal_interrupts(tmp_path: Path, number: signal.Signals):
    signalled = f"import os\nos.kill(os.getpid(), {int(number)})\nimport duckdb, time\ntime.sleep(0.1)\nLOADED = 'loaded whole'\n"
    (tmp_path / "slow_module.py").write_text(signalled)
    done = subprocess.run([sys.executable, "-c", IMPORTING, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, json.loads(done.stdout)["reason"]) == (ExitCode.INTERRUPTED, "interrupted")
    # The signal may fall between the words and the end of their line.
    loaded, interrupted, _ = done.stderr.partition("interrupted: nothing half-written was left")
    assert loaded.strip() == "loaded whole"
    assert interrupted


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_terminated_run_leaves_no_result_and_the_next_one_finishes(run_file: Path, tmp_path: Path, number: signal.Signals, stresstest):
    command = [sys.executable, "-c", "from stresstest.cli.main import main; main()", "run", str(run_file), "--out", "out", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(tmp_path.glob(".out.work-*/book")) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, number)
    printed, told = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, told
    assert told == "interrupted: nothing half-written was left; the same command takes up where it stopped\n"
    content = json.loads(printed)
    assert (content["kind"], content["reason"], content["exit_code"]) == ("error", "interrupted", ExitCode.INTERRUPTED)
    assert not (tmp_path / "out").exists()
    assert stresstest("run", run_file, "--out", "out").returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
@pytest.mark.parametrize("words", ["schema exit-codes", "schema summary --json"])  # the first is written at the very end
def test_a_full_disk_is_told_as_such(words: str):
    command = f"{sys.executable} -c 'from stresstest.cli.main import main; main()' {words} > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == ExitCode.ENVIRONMENT
    assert done.stderr == (
        "environment: the output cannot be written\n"
        "  - standard output, or a temporary file: No space left on device. Free space there, or write to another place.\n"
    )


def test_an_error_of_the_disk_names_the_file_and_any_other_is_a_bug(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    for number, code, text in (
        (errno.ENOSPC, ExitCode.ENVIRONMENT, "/data/part: No space left on device"),
        (errno.EINVAL, ExitCode.INTERNAL, "internal error: OSError: [Errno 22]"),
    ):

        def broken(*words: object, number: int = number, **options: object) -> None:
            raise OSError(number, os.strerror(number), "/data/part")

        monkeypatch.setattr(entry, "app", broken)
        with pytest.raises(SystemExit) as ended:
            entry.main(["run", "x.yaml"])
        assert ended.value.code == code
        assert text in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -c 'from stresstest.cli.main import main; main()' schema summary | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
