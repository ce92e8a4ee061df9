"""Cascades of random books, order by order, beside a naive calculation that shares nothing with the package (`tests/oracle/cascade.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated.books import BookSpec, make_book, write
from generated.cascades import make_cascade
from generated.market import AS_OF
from generated.portfolios import with_portfolio_models
from generated.strategies import with_strategies
from oracle.cascade import cascade_of
from oracle.reading import Row, snapshot_of
from oracle.shocks import BASE
from stress.cascade.against import compare
from stress.cascade.books import Book
from stress.cascade.cascading import cascaded, staged, staged_run

from stresstest.snapshot import blocks
from stresstest.stress.cascade import batch, engine


@pytest.mark.parametrize("seed", [1, 3, 6, 8, 9])
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


SHALLOW: list[Row] = [
    {"impact": {"kind": "linear", "depth": 3e6}, "policy": "worst_first", "close_factor": 0.5},
    {"impact": {"kind": "square_root", "daily_vol": 0.04, "daily_volume": 1e6}, "fees": {"liquidation": 0.005, "collateral_bonus": 0.05}},
    {"impact": {"kind": "linear", "depth": 3e5}, "policy": "pro_rata", "fees": {"liquidation": 0.002, "option_spread": 0.02}},
]
"""By what a seed leaves when it is divided by three."""


@pytest.mark.parametrize("seed", [2, 4])
def test_books_of_every_kind(seed: int, tmp_path: Path) -> None:
    """The books of `tests/test_against_oracle.py`, in which far more can be found than those made for cascades have."""
    assert of_generated_book(make_book(tmp_path / "book", seed)) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2, 3, 4])
def test_more_books_of_every_kind(seed: int, tmp_path: Path) -> None:
    assert of_generated_book(make_book(tmp_path / "plain", 10 + seed)) == []
    assert of_generated_book(with_strategies(make_book(tmp_path / "strategies", seed))) == []
    assert of_generated_book(with_portfolio_models(make_book(tmp_path / "portfolios", seed))) == []


def of_generated_book(book: BookSpec) -> list[str]:
    """What engine and reference disagree about, in base and all scenarios of a book."""
    write(book)
    terms = SHALLOW[book.seed % 3]
    found = cascaded(staged_run(book.run_file, book.folder), terms, log=True)
    snapshot = snapshot_of(book.tables, AS_OF, book.reporting)
    references = [cascade_of(snapshot, book.margin, terms, scenario) for scenario in (BASE, *book.scenarios)]
    return [line for number, reference in enumerate(references) for line in compare(found, number, reference)]


def differences(seed: int, folder: Path, workers: int = 1) -> list[str]:
    """What engine and reference disagree about, in both scenarios of the book of a seed."""
    spec = make_cascade(seed)
    book = Book(spec["tables"], spec["scenarios"], spec["cascade"], spec["margin"])
    found = cascaded(staged(folder, book.tables, book.scenarios, book.margin), book.cascade, log=True, workers=workers)
    return [line for number in range(len(book.scenarios)) for line in compare(found, 1 + number, book.reference(number))]
