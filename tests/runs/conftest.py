from __future__ import annotations

from pathlib import Path

import pytest
from generated.books import BookSpec, write_book
from runs.plain_book import write_plain_book


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> BookSpec:
    """A small book with isolated pools, written once; tests write beside it and never into it."""
    return write_book(tmp_path_factory.mktemp("book") / "book", seed=3)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A result folder that does not exist yet, in a folder of its own."""
    return tmp_path / "out"


@pytest.fixture(scope="session")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run file of a plain book of three accounts; nothing is written into its folder."""
    return write_plain_book(tmp_path_factory.mktemp("plain") / "book", 3)
