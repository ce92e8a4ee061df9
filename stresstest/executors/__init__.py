"""Map a pure function over blocks: threads or processes, one protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from stresstest.executors.executor import Executor
from stresstest.executors.processes import ProcessExecutor
from stresstest.executors.threads import ThreadExecutor

Kind = Literal["threads", "processes"]

__all__ = ["Executor", "Kind", "ProcessExecutor", "ThreadExecutor", "make_executor"]


def make_executor(kind: Kind, workers: int, folder: Path | None = None) -> Executor:
    """The executor of that kind.

    Threads are the default: kernels release the interpreter lock, so threads use every core and share the tables
    without copies. Processes are for machines where one process may not use several cores.
    They are handed functions as files in `folder` (default: the system's place for temporary files); a process that is killed leaves
    those, so it should be a folder that somebody removes.
    """
    return ThreadExecutor(workers) if kind == "threads" else ProcessExecutor(workers, folder)
