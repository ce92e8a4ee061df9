"""Small books and states for the tests of valuation, written as literal tables."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

AS_OF = datetime(2026, 1, 1, tzinfo=UTC)


def in_years(years: float) -> datetime:
    """The moment that many years of 365 days after `AS_OF`."""
    return AS_OF + timedelta(days=365 * years)


def book(assets: dict[str, dict[str, Any]], instruments: list[dict[str, Any]], as_of: datetime = AS_OF) -> Dimensions:
    """Dimensions of assets (name -> terms; USD is added) and instruments (terms; defaults as in `tables`)."""
    names = sorted({"USD", *assets})
    terms = {"USD": {"price": 1.0}, **assets}
    asset_rows = [{"asset": n, "price": 1.0, "price_currency": "USD", "rate": 0.0, "may_be_negative": False, **terms[n]} for n in names]
    asset_schema = {"asset": pl.String, "price": pl.Float64, "price_currency": pl.String, "rate": pl.Float64, "may_be_negative": pl.Boolean}
    code = {n: i for i, n in enumerate(names)}
    rows = []
    for given in sorted(instruments, key=lambda row: str(row["instrument_id"])):
        row = {
            "payoff": "linear",
            "contract_size": 1.0,
            "exercise": "european",
            "vol_type": "lognormal",
            "premium_style": "paid",
            "quote": "USD",
            "settle": given.get("quote", "USD"),
            "kind": "future",
            **given,
        }
        rows.append(row | {f"{role}_code": code[row[role]] for role in ("underlying", "quote", "settle")})
    schema: dict[str, Any] = {
        "instrument_id": pl.String,
        "kind": pl.String,
        "underlying": pl.String,
        "quote": pl.String,
        "settle": pl.String,
        "payoff": pl.String,
        "contract_size": pl.Float64,
        "mark_price": pl.Float64,
        "expiry": pl.Datetime("us", "UTC"),
        "strike": pl.Float64,
        "option_type": pl.String,
        "exercise": pl.String,
        "implied_vol": pl.Float64,
        "vol_type": pl.String,
        "forward": pl.Float64,
        "settlement_averaging_seconds": pl.Float64,
        "settled_average": pl.Float64,
        "premium_style": pl.String,
        "underlying_code": pl.Int32,
        "quote_code": pl.Int32,
        "settle_code": pl.Int32,
    }
    empty = pl.DataFrame()
    return Dimensions(
        as_of=as_of,
        reporting_currency="USD",
        assets=pl.DataFrame(asset_rows, schema=asset_schema),
        instruments=pl.DataFrame(rows, schema=schema),
        owners=empty,
        accounts=empty,
        pools=empty,
        locations=empty,
    )


def states(dimensions: Dimensions, *scenarios: dict[str, Any]) -> Resolved:
    """Base and then the scenarios: `spot` and `rate` {asset: stressed figure}, `basis` {id: figure}, `vol` {id or "*": (scale, shift)},
    `elapsed_years`. X is worked out along the price currencies."""
    all_of = ({}, *scenarios)
    assets, ids = dimensions.assets["asset"].to_list(), dimensions.instruments["instrument_id"].to_list()
    option_codes = np.flatnonzero((dimensions.instruments["kind"] == "option").to_numpy()).astype(np.int32)
    spot = np.array([[s.get("spot", {}).get(a, p) for s in all_of] for a, p in dimensions.assets.select("asset", "price").iter_rows()], dtype=float)
    rate = np.array([[s.get("rate", {}).get(a, r) for s in all_of] for a, r in dimensions.assets.select("asset", "rate").iter_rows()], dtype=float)
    value = spot.copy()
    parent = dimensions.assets["price_currency"].to_list()
    for code, asset in enumerate(assets):
        above = asset
        while above != dimensions.reporting_currency:
            above = parent[assets.index(above)]
            value[code] = value[code] * spot[assets.index(above)]
    vols = np.array([[s.get("vol", {}).get(ids[c], s.get("vol", {}).get("*", (1.0, 0.0))) for s in all_of] for c in option_codes], dtype=float)
    vols = vols.reshape(len(option_codes), len(all_of), 2)
    ones = np.ones_like(spot)
    return Resolved(
        ids=("base", *(f"s{i}" for i in range(1, len(all_of)))),
        spot=spot,
        value=value,
        rate=rate,
        basis=np.array([[s.get("basis", {}).get(i, 0.0) for s in all_of] for i in ids], dtype=float).reshape(len(ids), len(all_of)),
        option_codes=option_codes,
        vol_scale=vols[:, :, 0].copy(),
        vol_shift=vols[:, :, 1].copy(),
        collateral_ratio=ones,
        haircut_scale=ones,
        haircut_shift=np.zeros_like(spot),
        holding_rows={},
        margin_rate={},
        depth={},
        elapsed_years=np.array([s.get("elapsed_years", 0.0) for s in all_of], dtype=float),
    )


CRYPTO = {"BTC": {"price": 50_000.0}, "ETH": {"price": 2_000.0}, "USDC": {"price": 1.0}}
"""Assets that most books here hold."""

OPTION = {"kind": "option", "underlying": "BTC", "strike": 50_000.0, "option_type": "call", "expiry": in_years(0.5)}
"""A European call on BTC at the money, half a year to expiry; the tests add what they are about."""


AMERICAN_PUT = {"option_type": "put", "exercise": "american"}


def position_value(unit: UnitValues, row: int, state: int, quantity: float, cost: float) -> float:
    """Value of a netted position of `quantity` contracts and `cost` in one state, reporting currency."""
    return float(quantity * unit.value_slope[row, state] + cost * unit.cost_slope[row, state])


def black(forward: float, strike: float, deviation: float, sign: float) -> float:
    """Black-76 as the textbooks have it, with the error function of the standard library."""

    def cdf(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2.0))

    d1 = math.log(forward / strike) / deviation + deviation / 2.0
    return sign * (forward * cdf(sign * d1) - strike * cdf(sign * (d1 - deviation)))


def mixed_book() -> Dimensions:
    """One of everything, some of it awkward."""
    coin = {
        "instrument_id": "07",
        "kind": "option",
        "payoff": "inverse",
        "underlying": "ETH",
        "quote": "ETH",
        "strike": 2_100.0,
        "option_type": "put",
        "expiry": in_years(0.3),
        "mark_price": 0.11,
    }
    oil = {
        "instrument_id": "09",
        "kind": "option",
        "underlying": "WTI",
        "strike": 20.0,
        "option_type": "call",
        "expiry": in_years(0.2),
        "mark_price": 1.7,
        "vol_type": "normal",
        "premium_style": "margined",
    }
    assets = {
        **CRYPTO,
        "WTI": {"price": 18.31, "may_be_negative": True},
        "EUR": {"price": 1.1, "rate": 0.02},
        "DAX": {"price": 18_000.0, "price_currency": "EUR"},
        "USD": {"price": 1.0, "rate": 0.04},
    }
    return book(
        assets,
        [
            {"instrument_id": "01", "underlying": "BTC", "mark_price": 50_123.45, "expiry": in_years(0.5)},
            {
                "instrument_id": "02",
                "kind": "perpetual",
                "underlying": "ETH",
                "payoff": "inverse",
                "settle": "ETH",
                "mark_price": 2_001.3,
                "contract_size": 10.0,
            },
            {"instrument_id": "03", "underlying": "ETH", "payoff": "quanto", "settle": "BTC", "mark_price": 1_999.7, "contract_size": 1e-6},
            {"instrument_id": "04", "kind": "spot", "underlying": "BTC", "quote": "USDC", "mark_price": 49_990.1},
            {"instrument_id": "05", "underlying": "WTI", "mark_price": 18.37, "contract_size": 1_000.0, "expiry": in_years(0.1)},
            {"instrument_id": "06", "underlying": "DAX", "quote": "EUR", "mark_price": 18_111.0, "contract_size": 25.0},
            coin,
            {**OPTION, "instrument_id": "08", "mark_price": 8_765.4},
            oil,
            {**OPTION, "instrument_id": "10", "strike": 20_000.0, "mark_price": 29_000.0},
            {**OPTION, **AMERICAN_PUT, "instrument_id": "11", "mark_price": 7_400.0},
            {**OPTION, **AMERICAN_PUT, "instrument_id": "12", "strike": 80_000.0, "mark_price": 30_000.0},
            {**coin, "instrument_id": "13", "exercise": "american"},
            {**oil, "instrument_id": "14", "exercise": "american", "premium_style": "paid", "mark_price": 1.6},
        ],
    )


SHOCKS = (
    {"spot": {"BTC": 31_000.0, "ETH": 900.0, "WTI": -37.63, "USDC": 0.93, "EUR": 0.9}, "vol": {"*": (1.8, 0.01)}, "rate": {"USD": 0.01, "EUR": 0.03}},
    {"basis": {f"{i:02d}": -0.01 * i for i in range(1, 15)}},
    {"elapsed_years": 0.25},
    {"spot": {"BTC": 99_999.0}, "vol": {"*": (0.0, 0.0)}},
)
