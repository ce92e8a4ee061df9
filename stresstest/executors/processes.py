"""Processes of this machine, spawned (never forked: Polars deadlocks in a forked child).

This module is imported by every worker before anything heavy is, so it imports nothing but the standard library.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from multiprocessing import connection
from pathlib import Path
from typing import Any, Self

from stresstest.errors import Reason, StressTestError
from stresstest.executors.executor import IN_FLIGHT_PER_WORKER, Item, Result, in_order

ONE_THREAD_EACH = ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Read by the libraries when they are imported: workers are the parallelism, so each library gets one thread."""


class ProcessExecutor:
    """`workers` spawned processes; functions, items and results must be picklable.

    A function may carry large tables (as a `functools.partial`): it is pickled once a `map`, into a file below `folder`, and loaded once a worker.
    """

    def __init__(self, workers: int, folder: Path | None = None) -> None:
        if workers < 1:
            raise ValueError("an executor needs at least one worker")
        self._workers = workers
        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_start_worker)
        self._folder = tempfile.TemporaryDirectory(prefix="stresstest-functions-", dir=folder)
        self._functions = 0

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of `items`; see `Executor.map`.

        Raises:
            StressTestError: environment, when a worker dies (most often: killed for want of memory).
        """
        self._functions += 1
        path = Path(self._folder.name, f"{self._functions}.pickle")
        path.write_bytes(pickle.dumps(function, protocol=pickle.HIGHEST_PROTOCOL))
        try:
            yield from in_order(lambda item: self._pool.submit(_apply, str(path), item), items, IN_FLIGHT_PER_WORKER * self._workers)
        except BrokenProcessPool as error:
            raise StressTestError(
                Reason.ENVIRONMENT,
                "a worker process died before it finished its block",
                hint="Most often the system killed it for want of memory: use fewer (--threads) or --executor threads. Finished blocks are kept.",
            ) from error
        finally:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Drop what has not started, wait for what has, end the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _start_worker() -> None:
    """Prepare a worker: one thread a library, Ctrl-C left to the parent, and an end when the parent is gone."""
    os.environ.update(dict.fromkeys(ONE_THREAD_EACH, "1"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@lru_cache(maxsize=1)
def _function(path: str) -> Callable[[Any], Any]:
    loaded: Callable[[Any], Any] = pickle.loads(Path(path).read_bytes())  # noqa: S301 - written by our own parent process in a private folder
    return loaded


def _apply(path: str, item: Any) -> Any:
    return _function(path)(item)
