"""Cascades of random books, order by order, beside a naive calculation that shares nothing with the package (`tests/oracle/cascade.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated.cascades import make_cascade
from stress.cascade.against import compare
from stress.cascade.books import Book
from stress.cascade.cascading import cascaded, staged


@pytest.mark.parametrize("seed", [0, 1, 3, 6, 8, 9])
def test_cascades_of_random_books(seed: int, tmp_path: Path) -> None:
    assert differences(seed, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 20))
def test_cascades_of_many_random_books(seed: int, tmp_path: Path) -> None:
    assert differences(seed, tmp_path) == []


def differences(seed: int, folder: Path) -> list[str]:
    """What engine and reference disagree about, in both scenarios of the book of a seed."""
    spec = make_cascade(seed)
    book = Book(spec["tables"], spec["scenarios"], spec["cascade"], spec["margin"])
    found = cascaded(staged(folder, book.tables, book.scenarios, book.margin), book.cascade, log=True)
    return [line for number in range(len(book.scenarios)) for line in compare(found, 1 + number, book.reference(number))]
