"""Order books from a file: what is read, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from stress.cascade.impact_book import cascade, dimensions, states

from stresstest.errors import Reason, StressTestError
from stresstest.stress.cascade.market.depth_table import read_depth_table
from stresstest.stress.cascade.market.prices import market_of

TEXT = "asset,side,price,quantity\nBTC,bid,96,10\nBTC,ask,102,5\nBTC,bid,90,30\n"
BOOK = dimensions(BTC={"price": 100.0}, ETH={"price": 10.0})


def texts(caught: pytest.ExceptionInfo[StressTestError], folder: Path) -> list[str]:
    assert caught.value.reason is Reason.CONFIGURATION
    return [fault.text().replace(f"{folder}/", "") for fault in caught.value.faults]


def test_csv_and_parquet_say_the_same(tmp_path: Path):
    (tmp_path / "books.csv").write_text(TEXT)
    table = read_depth_table(tmp_path / "books.csv")
    assert table.rows() == [("BTC", "bid", 96.0, 10.0), ("BTC", "ask", 102.0, 5.0), ("BTC", "bid", 90.0, 30.0)]
    table.with_columns(venue=pl.lit("x")).write_parquet(tmp_path / "books.parquet")
    assert read_depth_table(tmp_path / "books.parquet").equals(table)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "asset,side,price\nBTC,bid,1\n",
            ["table.csv, depth table.quantity: the column is missing. A depth table has asset, side, price, quantity."],
        ),
        ("asset,side,price,quantity\nBTC,bid,x,1\n", ["table.csv, depth table.price: holds String, not numbers"]),
        (
            "asset,side,price,quantity\nBTC,buy,1,1\n,bid,1,0\nBTC,ask,NaN,\n",
            [
                "table.csv, depth table.asset: is null (1 row: None). Every level is of an asset.",
                "table.csv, depth table.side: is none of bid, ask (1 row: BTC)",
                "table.csv, depth table.price: is no finite number (1 row: BTC)",
                "table.csv, depth table.quantity: is not above zero (2 rows: None, BTC)",
            ],
        ),
    ],
    ids=["column", "type", "rows"],
)
def test_what_is_no_depth_table_is_refused(tmp_path: Path, text: str, told: list[str]):
    (tmp_path / "table.csv").write_text(text)
    with pytest.raises(StressTestError) as caught:
        read_depth_table(tmp_path / "table.csv")
    assert texts(caught, tmp_path) == told


def test_files_that_cannot_be_read_are_refused(tmp_path: Path):
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    for name, words in (("none.csv", "no such file"), ("none.parquet", "no such file"), ("torn.parquet", "cannot be read: ")):
        with pytest.raises(StressTestError) as caught:
            read_depth_table(tmp_path / name)
        assert texts(caught, tmp_path)[0].startswith(f"{name}: {words}")


def test_levels_that_do_not_fit_the_snapshot_are_refused():
    rows: list[tuple[Any, ...]] = [
        ("BTX", "bid", 1.0, 1.0), ("BTC", "bid", 101.0, 1.0), ("BTC", "ask", 99.0, 1.0), ("ETH", "bid", -1.0, 1.0),
    ]  # fmt: skip
    table = pl.DataFrame(rows, schema=["asset", "side", "price", "quantity"], orient="row")
    with pytest.raises(StressTestError) as caught:
        market_of(cascade({"kind": "depth_table", "table": "t.csv"}), BOOK, states(BOOK), {"t.csv": table})
    moment = "Levels are those of the snapshot's moment."
    assert texts(caught, Path()) == [
        "t.csv, depth table.asset: no asset of the snapshot is called so (BTX). Did you mean `BTC`?",
        f"t.csv, depth table.price: the best bid, 101, is above the snapshot price, 100 (BTC). {moment}",
        f"t.csv, depth table.price: the best ask, 99, is below the snapshot price, 100 (BTC). {moment}",
        "t.csv, depth table.side: has no ask: what a purchase would do is left open (ETH). Add one.",
        "t.csv, depth table.price: a level at zero or below (ETH). Only assets with `may_be_negative` can have a price of zero or below.",
    ]
