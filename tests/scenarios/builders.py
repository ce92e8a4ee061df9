"""Small books for the tests of scenarios, as literal tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from stresstest.snapshot.book import Dimensions

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)

ASSET_COLUMNS: dict[str, Any] = {
    "asset": pl.String, "price": pl.Float64, "price_currency": pl.String, "asset_class": pl.String, "tags": pl.List(pl.String), "rate": pl.Float64,
    "duration": pl.Float64, "convexity": pl.Float64, "may_be_negative": pl.Boolean, "depth": pl.Float64,
}  # fmt: skip
INSTRUMENT_COLUMNS: dict[str, Any] = {
    "instrument_id": pl.String, "kind": pl.String, "underlying": pl.String, "quote": pl.String, "settle": pl.String, "payoff": pl.String,
    "mark_price": pl.Float64, "expiry": pl.Datetime("us", "UTC"), "strike": pl.Float64, "option_type": pl.String, "forward": pl.Float64,
    "settlement_averaging_seconds": pl.Float64, "settled_average": pl.Float64,
    "risk_group": pl.String, "underlying_code": pl.Int32, "quote_code": pl.Int32, "settle_code": pl.Int32,
}  # fmt: skip


def in_days(days: float) -> datetime:
    """That many days after `AS_OF`."""
    return AS_OF + timedelta(days=days)


def book(assets: dict[str, dict[str, Any]], instruments: dict[str, dict[str, Any]] | None = None, locations: tuple[str, ...] = ()) -> Dimensions:
    """Dimensions of assets and instruments by name; USD, the reporting currency, is added."""
    terms = {"USD": {"price": 1.0, "asset_class": "cash"}, **assets}
    names = sorted(terms)
    plain = {"price": 1.0, "price_currency": "USD", "rate": 0.0, "may_be_negative": False}
    code = {name: number for number, name in enumerate(names)}
    rows = []
    for name in sorted(instruments or {}):
        row = {
            "instrument_id": name,
            "kind": "future",
            "quote": "USD",
            "settle": "USD",
            "payoff": "linear",
            "mark_price": 1.0,
            **(instruments or {})[name],
        }
        row.setdefault("risk_group", row["underlying"])
        rows.append(row | {f"{role}_code": code[row[role]] for role in ("underlying", "quote", "settle")})
    empty = pl.DataFrame()
    return Dimensions(
        as_of=AS_OF,
        reporting_currency="USD",
        assets=pl.DataFrame([{**plain, "asset": name, **terms[name]} for name in names], schema=ASSET_COLUMNS),
        instruments=pl.DataFrame(rows, schema=INSTRUMENT_COLUMNS),
        owners=empty,
        accounts=empty,
        pools=empty,
        locations=pl.DataFrame({"location": sorted(locations)}, schema={"location": pl.String}),
    )
