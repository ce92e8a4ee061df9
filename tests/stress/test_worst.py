"""Which scenario of an account is the worst: of several pools, surplus in one never hides what another is short of."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from generated.books import make_book, write
from stress.small_book import run

pytestmark = pytest.mark.usefixtures("staged_once")


def test_the_worst_scenario_has_the_largest_shortfall(tmp_path: Path) -> None:
    compared = isolated = 0
    for seed in (7, 11, 1_004, 1_021):
        book = make_book(tmp_path / f"book{seed}", seed)
        write(book)
        folder = run(book.run_file, tmp_path / f"out{seed}").folder
        rows = pl.read_parquet(folder / "account_scenario*").filter(pl.col("scenario_id") != "base")
        pools = pl.read_parquet(folder / "account_summary*").select("account_id", "pools", "worst_scenario_id", "worst_margin_shortfall")
        key = (
            pl.when(pl.col("margin_shortfall") > 0)
            .then(-pl.col("margin_shortfall"))
            .otherwise(pl.col("margin_balance") - pl.col("maintenance_margin"))
        )
        expected = rows.group_by("account_id").agg(
            pl.col("scenario_id").sort_by(key, maintain_order=True).first().alias("scenario"), pl.col("margin_shortfall").max().alias("short")
        )
        for row in pools.join(expected, on="account_id").iter_rows(named=True):
            assert row["worst_margin_shortfall"] == row["short"]
            compared += 1
            isolated += row["pools"] > 1
    assert compared > 10
    assert isolated > 2
