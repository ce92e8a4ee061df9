"""What tests in every folder may ask for."""

from __future__ import annotations

import gc
import json
import pickle
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from compiled_once import compiled_once
from made_once import staged_once as books_staged_once
from made_once import written_once as tables_written_once


@pytest.fixture(scope="session", autouse=True)
def kernels() -> Iterator[None]:
    """The compiled kernels, which several test processes share."""
    with compiled_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Processes that tests start can be interrupted: a script that starts the tests in its background has that ignored, and they inherit it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Long YAML documents are parsed once by a process, and copies handed out: the shipped libraries and the sample are read by dozens of tests, and
    parsing took a tenth of the suite's time. What comes out follows from the text alone."""
    from stresstest.documents import reading

    known: dict[str, bytes] = {}

    class Once(reading._Builder):
        def __init__(self, text: str) -> None:
            super().__init__(text)
            self.text = text

        def document(self) -> tuple[Any, reading._Mark]:
            if self.text not in known:
                parsed = super().document()
                if len(self.text) < 100 or self.repeats:
                    return parsed
                known[self.text] = pickle.dumps(parsed)
            found: tuple[Any, reading._Mark] = pickle.loads(known[self.text])
            return found

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reading, "_Builder", Once)
        yield


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


@pytest.fixture(scope="session")
def kept_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `made_once` keeps what it has."""
    return tmp_path_factory.mktemp("made_once")


@pytest.fixture(scope="module")
def staged_once(read_here: None, kept_of_tests: Path) -> Iterator[None]:
    """As `read_here`; a book that is staged again is copied."""
    with books_staged_once(kept_of_tests):
        yield


@pytest.fixture(scope="module")
def made_once(staged_once: None, kept_of_tests: Path) -> Iterator[None]:
    """As `staged_once`; the tables that only a report of the same run needs are copied too."""
    with tables_written_once(kept_of_tests):
        yield


def _draw_here(patched: pytest.MonkeyPatch) -> None:
    """Reports are drawn and laid out in this process: for tests of what is around them.

    Each would start a process that loads its libraries for longer than a small report takes. What runs in it is the same
    (`tests/cli/test_report.py` compares the bytes), and tests/report has the processes.
    """
    from stresstest.report import html_child, pdf, render

    @contextmanager
    def here(module: str) -> Iterator[str]:
        yield module

    def ask(module: str, asked: Mapping[str, Any], timeout: float, document: str) -> str:
        told = json.loads(json.dumps(asked))
        gc.disable()  # as the processes do
        try:
            return html_child.answer(told) if module == html_child.__name__ else pdf.lay_out(lambda: told) or ""
        finally:
            gc.enable()

    for room in (render, pdf):
        patched.setattr(room, "child", here)
        patched.setattr(room, "ask", ask)


@pytest.fixture
def drawn_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reports of a test, but not those of its fixtures."""
    _draw_here(monkeypatch)


@pytest.fixture(scope="module")
def all_drawn_here() -> Iterator[None]:
    """The reports of a module with its fixtures."""
    with pytest.MonkeyPatch.context() as patched:
        _draw_here(patched)
        yield
