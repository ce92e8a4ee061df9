"""A literal small book, and how it is written as Parquet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from stresstest.snapshot.book import Book
from stresstest.snapshot.request import StageRequest
from stresstest.snapshot.stage import open_book
from stresstest.snapshot.staging import stage

AS_OF = datetime(2026, 1, 14, 8, tzinfo=UTC)
LATER = datetime(2026, 3, 27, 8, tzinfo=UTC)
Rows = list[dict[str, Any]]
Tables = dict[str, Rows]


def small_book() -> Tables:
    """Three accounts of two owners; every kind of instrument; one isolated position of two lots; a borrow."""
    return {
        "accounts": [
            {"account_id": "A1", "owner_id": "O1", "max_leverage": None},
            {"account_id": "A2", "owner_id": "O1", "max_leverage": 20.0},
            {"account_id": "B1", "owner_id": "O2", "max_leverage": None},
        ],
        "assets": [
            {"asset": "BTC", "price": 50_000.0, "price_currency": None, "asset_class": "crypto", "collateral_schedule": "coins",
             "may_be_negative": False},
            {"asset": "ETH", "price": 3_000.0, "price_currency": "USDC", "asset_class": "crypto", "collateral_schedule": "coins",
             "may_be_negative": None},
            {"asset": "USDC", "price": 1.0, "price_currency": None, "asset_class": "cash", "collateral_schedule": "dollars",
             "may_be_negative": None},
            {"asset": "WTI", "price": -3.0, "price_currency": None, "asset_class": "commodity", "collateral_schedule": None, "may_be_negative": True},
        ],
        "instruments": [
            {"instrument_id": "BTC-PERP", "kind": "perpetual", "underlying": "BTC", "quote": "USDC", "mark_price": 50_000.0,
             "margin_schedule": "majors"},
            {"instrument_id": "ETH-INV", "kind": "perpetual", "underlying": "ETH", "quote": "USDC", "settle": "ETH", "payoff": "inverse",
             "mark_price": 3_000.0, "margin_schedule": "majors"},
            {"instrument_id": "BTC-CALL", "kind": "option", "underlying": "BTC", "quote": "USDC", "mark_price": 2_500.0, "strike": 55_000.0,
             "option_type": "call", "expiry": LATER, "implied_vol": 0.6, "margin_schedule": "majors"},
            {"instrument_id": "WTI-FUT", "kind": "future", "underlying": "WTI", "quote": "USD", "mark_price": -3.0, "expiry": LATER,
             "margin_schedule": "majors"},
            {"instrument_id": "ETH-SPOT", "kind": "spot", "underlying": "ETH", "quote": "USDC", "mark_price": 3_000.0},
        ],
        "positions": [
            {"account_id": "A1", "instrument_id": "BTC-PERP", "quantity": 2.0, "entry_price": 49_000.0},
            {"account_id": "A1", "instrument_id": "BTC-PERP", "quantity": -0.5, "entry_price": None, "accrued_funding": 3.0, "leverage": 10.0},
            {"account_id": "A1", "instrument_id": "ETH-INV", "quantity": -6_000.0, "entry_price": 2_000.0},
            {"account_id": "A2", "instrument_id": "ETH-SPOT", "quantity": 4.0},
            {"account_id": "A2", "instrument_id": "BTC-PERP", "quantity": 1.0, "margin_mode": "isolated", "isolated_margin": 700.0},
            {"account_id": "A2", "instrument_id": "BTC-PERP", "quantity": 0.5, "margin_mode": "isolated", "isolated_margin": 300.0, "leverage": 50.0},
            {"account_id": "B1", "instrument_id": "BTC-CALL", "quantity": -3.0, "entry_price": 2_000.0},
            {"account_id": "B1", "instrument_id": "WTI-FUT", "quantity": 10.0, "entry_price": 1.0},
        ],
        "collateral": [
            {"account_id": "A1", "asset": "USDC", "quantity": 10_000.0, "location": "bank"},
            {"account_id": "A1", "asset": "USDC", "quantity": 5_000.0, "location": "bank"},
            {"account_id": "A1", "asset": "USDC", "quantity": -2_000.0, "location": "bank"},
            {"account_id": "A1", "asset": "ETH", "quantity": 1.5, "location": None},
            {"account_id": "B1", "asset": "USD", "quantity": 90_000.0, "location": "vault"},
        ],
    }  # fmt: skip


_TYPES = {
    "max_leverage": pa.float64(), "price_currency": pa.string(), "collateral_schedule": pa.string(), "may_be_negative": pa.bool_(),
    "expiry": pa.timestamp("us", "UTC"), "location": pa.string(), "pool_id": pa.string(),
    "netting_group": pa.string(), "tags": pa.list_(pa.string()),
}  # fmt: skip


def as_table(rows: Rows) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows], _TYPES.get(name)) for name in names})


def write_tables(folder: Path, tables: Tables, **options: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        pq.write_table(as_table(rows), folder / f"{name}.parquet", **options)
    return folder


def book_of(request: StageRequest) -> Book:
    """The staged book, read in this process: the start of a reading process takes longer than a small book."""
    return open_book(stage(request, lambda _stage, _detail: None))
