"""What tests in every folder may ask for."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Processes that tests start can be interrupted: a script that starts the tests in its background has that ignored, and they inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="module")
def read_here() -> Iterator[None]:
    """The runs of a module read their snapshots in this process: for many small books whose figures are the point.

    The start of a reading process takes longer than such a book. What runs in it is the same, and most other tests have it.
    """
    from stresstest.snapshot.book import Book
    from stresstest.snapshot.request import StageRequest
    from stresstest.snapshot.stage import open_book
    from stresstest.snapshot.staging import stage

    def here(request: StageRequest) -> Book:
        return open_book(stage(request, lambda _stage, _detail: None))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("stresstest.runs.staging.stage_snapshot", here)
        yield
