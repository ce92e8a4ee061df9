from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from stresstest.margin.explain import holdings_of
from stresstest.snapshot.blocks import block_path, write_block
from stresstest.snapshot.book import Book, Dimensions

# account of every pool, block by block: accounts 1 and 3 have an isolated pool each
BLOCKS = ([0, 1, 1], [2], [3, 3, 4])


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """Five accounts in three blocks; pool p holds instrument p (p contracts) and asset 0 (10*p units, at location p - 1)."""
    (tmp_path / "blocks").mkdir()
    first = 0
    for number, accounts in enumerate(BLOCKS):
        count = len(accounts)
        local, pools = np.arange(count, dtype=np.int32), np.arange(first, first + count, dtype=np.int32)
        arrays = {
            "position_pool": local, "instrument": pools, "quantity": pools * 1.0, "cost": pools * 2.0,
            "funding": pools * 3.0, "leverage": pools * 4.0,
            "collateral_pool": local, "asset": pools * 0, "location": pools - 1, "amount": pools * 10.0,
        }  # fmt: skip
        write_block(block_path(tmp_path, number), number, first, np.array(accounts, dtype=np.int32), arrays)
        first += count
    names = pl.DataFrame({"account_id": [f"A{code}" for code in range(5)]})
    nothing = pl.DataFrame()
    dimensions = Dimensions(datetime(2026, 11, 20, tzinfo=UTC), "USD", nothing, nothing, nothing, names, nothing, nothing)
    return Book(dimensions, tmp_path, len(BLOCKS), (), nothing, nothing, lots=first, positions=first)


@pytest.mark.parametrize(
    ("accounts", "pools"),
    [([0], [0]), ([1], [1, 2]), ([2], [3]), ([4], [6]), ([4, 1, 1], [1, 2, 6]), ([0, 1, 2, 3, 4], [0, 1, 2, 3, 4, 5, 6]), ([], [])],
)
def test_pools_and_rows_of_the_accounts_asked_for(book: Book, accounts: list[int], pools: list[int]) -> None:
    holdings = holdings_of(book, accounts)
    assert holdings.pools["pool"].to_list() == pools
    assert set(holdings.pools["account"]) == set(accounts)
    assert holdings.positions.rows() == [(pool, pool, pool, 2 * pool, 3 * pool, 4 * pool) for pool in pools]
    assert holdings.collateral.rows() == [(pool, 0, pool - 1, 10 * pool) for pool in pools]


def test_only_the_blocks_needed_are_read(book: Book) -> None:
    block_path(book.folder, 0).unlink()
    assert holdings_of(book, [4]).pools["pool"].to_list() == [6]


@pytest.mark.parametrize("code", [-1, 5])
def test_an_unknown_account_is_refused(book: Book, code: int) -> None:
    with pytest.raises(IndexError, match=f"no account with code {code}"):
        holdings_of(book, [0, code])
