from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from runs.plain_book import write_plain_book

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run file of a plain book of three accounts; nothing is written into its folder."""
    return write_plain_book(tmp_path_factory.mktemp("plain") / "book", 3)


@pytest.fixture
def stresstest(tmp_path: Path) -> Command:
    """The command as a shell starts it, in an empty folder, under a bare environment like cron's."""
    kept = {name: os.environ[name] for name in ("PATH", "NUMBA_CACHE_DIR") if name in os.environ}

    def call(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from stresstest.cli.main import main; main()", *map(str, words)]
        return subprocess.run(command, cwd=tmp_path, env=kept | environment, capture_output=True, text=True, check=False, timeout=300)

    return call


@pytest.fixture(scope="session")
def finished(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the plain book."""
    from stresstest.config import load_run
    from stresstest.runs.pipeline import execute
    from stresstest.runs.planning import plan

    return execute(plan(load_run(run_file), tmp_path_factory.mktemp("finished") / "out")).folder
