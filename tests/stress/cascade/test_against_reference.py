"""Cascades of random books, order by order, beside a naive calculation that shares nothing with the package (`tests/oracle/cascade.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated.cascades import make_cascade
from stress.cascade.against import compare
from stress.cascade.books import Book
from stress.cascade.cascading import cascaded, staged

from stresstest.snapshot import blocks
from stresstest.stress.cascade import batch, engine


@pytest.mark.parametrize("seed", [0, 1, 3, 6, 8, 9])
def test_cascades_of_random_books(seed: int, tmp_path: Path) -> None:
    assert differences(seed, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_cascades_of_many_random_books(seed: int, tmp_path: Path) -> None:
    assert differences(seed, tmp_path) == []


@pytest.mark.parametrize("seed", [3, 5])
def test_books_in_many_blocks(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pools a block, two scenarios at a time, three pools liquidated together at most, on two threads."""
    monkeypatch.setattr(blocks, "BLOCK_POOLS", 2)
    monkeypatch.setattr(engine, "POOL_STATES", 20)
    monkeypatch.setattr(batch, "PAIRS", 3)
    assert differences(seed, tmp_path, workers=2) == []


def differences(seed: int, folder: Path, workers: int = 1) -> list[str]:
    """What engine and reference disagree about, in both scenarios of the book of a seed."""
    spec = make_cascade(seed)
    book = Book(spec["tables"], spec["scenarios"], spec["cascade"], spec["margin"])
    found = cascaded(staged(folder, book.tables, book.scenarios, book.margin), book.cascade, log=True, workers=workers)
    return [line for number in range(len(book.scenarios)) for line in compare(found, 1 + number, book.reference(number))]
