from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from runs.plain_book import write_plain_book

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run file of a plain book of three accounts; nothing is written into its folder."""
    return write_plain_book(tmp_path_factory.mktemp("plain") / "book", 3)


@pytest.fixture
def stresstest(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """The command, in this process (its imports are paid once), in an empty folder, without a terminal, as under cron.

    After a finished run: a first one would say that it compiles kernels.
    """
    del finished
    from stresstest.cli.main import main

    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)}

    def call(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        arguments = [str(word) for word in words]
        with monkeypatch.context() as patched:
            for name in [name for name in os.environ if name.startswith("STRESSTEST_")]:
                patched.delenv(name)
            for name, value in environment.items():
                patched.setenv(name, value)
            patched.setattr("sys.argv", ["stresstest", *arguments])
            capfd.readouterr()
            with pytest.raises(SystemExit) as ended:
                main(arguments)
        told = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code, told.out, told.err)

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def finished(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the plain book."""
    from stresstest.config import load_run
    from stresstest.runs.pipeline import execute
    from stresstest.runs.planning import plan

    return execute(plan(load_run(run_file), tmp_path_factory.mktemp("finished") / "out")).folder
