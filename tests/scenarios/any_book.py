"""A book with one asset of every class and name that the shipped scenarios look for, and books that have hardly any of them."""

from __future__ import annotations

from typing import Any

from scenarios.builders import in_days

ASSETS: dict[str, dict[str, Any]] = {
    "SPX": {"price": 5_000.0, "asset_class": "equity", "tags": ["index", "us"]},
    "NDX": {"price": 20_000.0, "asset_class": "equity", "tags": ["index", "us"]},
    "ACME": {"price": 50.0, "asset_class": "equity", "tags": ["us"]},
    "CHIP": {"price": 80.0, "asset_class": "equity", "tags": ["us", "tech"]},
    "SX5E": {"price": 5_000.0, "price_currency": "EUR", "asset_class": "equity", "tags": ["index", "europe"]},
    "DAX": {"price": 20_000.0, "price_currency": "EUR", "asset_class": "equity", "tags": ["europe"]},
    "NKY": {"price": 40_000.0, "price_currency": "JPY", "asset_class": "equity", "tags": ["japan"]},
    "MXEF": {"price": 1_000.0, "asset_class": "equity", "tags": ["emerging"]},
    "WTI-M": {"price": 60.0, "asset_class": "commodity", "tags": ["energy"], "may_be_negative": True},
    "WTI-N": {"price": 61.0, "asset_class": "commodity", "tags": ["energy"]},
    "BRENT": {"price": 65.0, "asset_class": "commodity", "tags": ["energy"]},
    "NG": {"price": 4.0, "asset_class": "commodity", "tags": ["energy", "gas"]},
    "XAU": {"price": 4_000.0, "asset_class": "commodity", "tags": ["metal"]},
    "XAG": {"price": 50.0, "asset_class": "commodity", "tags": ["metal"]},
    "XPT": {"price": 1_500.0, "asset_class": "commodity", "tags": ["metal"]},
    "HG": {"price": 5.0, "asset_class": "commodity", "tags": ["metal", "industrial"]},
    "PAXG": {"price": 4_000.0, "asset_class": "crypto"},
    "EUR": {"price": 1.25, "asset_class": "cash"},
    "JPY": {"price": 0.008, "asset_class": "cash"},
    "GBP": {"price": 1.5, "asset_class": "fx"},
    "CHF": {"price": 1.2, "asset_class": "fx"},
    "MXN": {"price": 0.05, "asset_class": "fx", "tags": ["emerging"]},
    "NOTE": {"price": 1.0, "asset_class": "rates", "duration": 5.0, "rate": 0.03},
    "BTC": {"price": 90_000.0, "asset_class": "crypto", "tags": ["major"]},
    "ETH": {"price": 3_000.0, "asset_class": "crypto", "tags": ["major"]},
    "DOGE": {"price": 0.1, "asset_class": "crypto", "tags": ["meme"]},
    "SOL": {"price": 150.0, "asset_class": "crypto"},
    "STETH": {"price": 1.0, "price_currency": "ETH", "asset_class": "staked", "tags": ["staked"]},
    "USDC": {"price": 1.0, "asset_class": "stablecoin", "tags": ["stablecoin"]},
    "USDT": {"price": 1.0, "asset_class": "crypto"},
    "USDE": {"price": 1.0, "asset_class": "stablecoin", "tags": ["stablecoin", "synthetic"]},
    "USTC": {"price": 1.0, "asset_class": "crypto"},
}
"""USDT and USTC are classed as coins and not tagged, as some venues' tables have it."""


def _option(underlying: str, strike: float, **more: Any) -> dict[str, Any]:
    return {"kind": "option", "underlying": underlying, "strike": strike, "option_type": "put", "expiry": in_days(30), **more}


INSTRUMENTS: dict[str, dict[str, Any]] = {
    "BTC-PERP": {"kind": "perpetual", "underlying": "BTC"},
    "WTI-M-F": {"underlying": "WTI-M", "risk_group": "WTI", "expiry": in_days(5)},
    "WTI-N-F": {"underlying": "WTI-N", "risk_group": "WTI", "expiry": in_days(35)},
    "BRENT-F": {"underlying": "BRENT", "expiry": in_days(35)},
    "BTC-P": _option("BTC", 60_000.0),
    "SPX-P": _option("SPX", 4_000.0),
    "DAX-P": _option("DAX", 20_000.0, quote="EUR"),
    "XAU-P": _option("XAU", 3_900.0),
}

LOCATIONS = ("bank-a", "bridge-b", "cold-wallet", "My Custodian")
