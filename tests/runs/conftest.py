from __future__ import annotations

from pathlib import Path

import pytest
from generated.books import BookSpec, write_book


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> BookSpec:
    """A small book with isolated pools, written once; tests write beside it and never into it."""
    return write_book(tmp_path_factory.mktemp("book") / "book", seed=3)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A result folder that does not exist yet, in a folder of its own."""
    return tmp_path / "out"
