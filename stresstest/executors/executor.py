"""What every executor promises, and the bounded in-order loop they share."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import Protocol, Self, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

IN_FLIGHT_PER_WORKER = 2
"""Items handed out ahead of the one whose result is next: enough to keep workers busy, bounded so that results cannot pile up."""


class Executor(Protocol):
    """Applies a pure function to items, several at a time.

    Use it as a context manager: leaving it frees its workers. Whatever the kind and number of workers, results come in
    the order of the items, so that merging them in that order gives the same bytes.
    """

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of `items`.

        At most `IN_FLIGHT_PER_WORKER * workers` items are in flight. An exception of `function` is raised when its
        result is due; items not yet started are then dropped, as they are when the caller stops iterating or is interrupted.
        """
        ...

    def close(self) -> None:
        """Drop what has not started, wait for what has, free the workers."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *exception: object) -> None: ...


def in_order(submit: Callable[[Item], Future[Result]], items: Iterable[Item], in_flight: int) -> Iterator[Result]:
    """Submit items, keep at most `in_flight` outstanding, give results in the order of the items."""
    outstanding: deque[Future[Result]] = deque()
    try:
        for item in items:
            if len(outstanding) == in_flight:
                yield outstanding.popleft().result()
            outstanding.append(submit(item))
        while outstanding:
            yield outstanding.popleft().result()
    finally:
        # Reached early on an error, an interrupt or an abandoned iteration: what has not started must not start.
        for future in outstanding:
            future.cancel()
