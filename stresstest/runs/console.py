"""What a run tells its surroundings while it works; the terminal itself is injected by the command line."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Protocol

Advance = Callable[[int], None]
"""Say that so many more units of the stage are done."""


def utc_now() -> datetime:
    """The clock of a run; tests pass their own."""
    return datetime.now(UTC)


class Console(Protocol):
    """Somebody who listens to a run."""

    def note(self, text: str) -> None:
        """Something worth knowing that needs no action."""

    def announce(self, text: str) -> None:
        """Why nothing will be seen for a while; also for a log that nobody watches."""

    def warn(self, text: str) -> None:
        """Something to look at; the run goes on."""

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Advance]:
        """A stage of the run, of `total` units where that is known."""
        ...


class Logged:
    """Tells a logger: what there is to see as warnings, which are shown where nobody set up logging; notes and stages as information."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("stresstest")

    def note(self, text: str) -> None:
        """As information."""
        self._logger.info("%s", text)

    def announce(self, text: str) -> None:
        """As a warning: nobody should wait without knowing why."""
        self._logger.warning("%s", text)

    def warn(self, text: str) -> None:
        """As a warning."""
        self._logger.warning("%s", text)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """Say how long it took."""
        del total
        started = time.perf_counter()
        yield lambda _: None
        self._logger.info("%s took %.3f s", name, time.perf_counter() - started)


class Silent:
    """Listens to nothing: the console of a program that calls the pipeline itself."""

    def note(self, text: str) -> None:
        """Drop it."""

    def announce(self, text: str) -> None:
        """Drop it."""

    def warn(self, text: str) -> None:
        """Drop it."""

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        """Count nothing."""
        del name, total
        yield lambda _: None
