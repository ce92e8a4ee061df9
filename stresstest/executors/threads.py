"""Threads of this process: for functions that release the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Self

from stresstest.executors.executor import IN_FLIGHT_PER_WORKER, Item, Result, in_order


class ThreadExecutor:
    """`workers` threads. One worker runs in the calling thread, which keeps tracebacks and debuggers simple."""

    def __init__(self, workers: int) -> None:
        if workers < 1:
            raise ValueError("an executor needs at least one worker")
        self._workers = workers
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="block") if workers > 1 else None

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of `items`; see `Executor.map`."""
        pool = self._pool
        if pool is None:
            return map(function, items)
        return in_order(lambda item: pool.submit(function, item), items, IN_FLIGHT_PER_WORKER * self._workers)

    def close(self) -> None:
        """Drop what has not started, wait for what has."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
