"""What the sample venue follows and takes as collateral: literal levels and terms, and the assets table of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
CALENDAR_DAYS_ROOT = 19.1
"""Square root of 365: annual vol to daily."""


@dataclass(frozen=True)
class Underlying:
    """One followed asset: spot level, terms, and what its options and futures are priced with."""

    asset: str
    price: float
    vol: float
    asset_class: str
    schedule: str
    """Margin schedule of its perpetuals and futures."""
    net_schedule: str
    """Margin schedule of its net, for models that net by underlying."""
    tags: tuple[str, ...] = ()
    currency: str = "USD"
    carry: float = 0.0
    contract: float = 1.0
    """Contract size of its future or USDT perpetual, in units."""
    step: float = 1.0
    """Smallest quantity, in contracts."""
    popularity: float = 1.0
    risk_group: str | None = None
    daily_volume: float = 1e8


def _coin(
    asset: str, price: float, vol: float, schedule: str, step: float, popularity: float, *tags: str, contract: float = 1.0, volume: float = 2e8
) -> Underlying:
    return Underlying(asset, price, vol, "crypto", schedule, schedule, tags, "USD", 0.055, contract, step, popularity, None, volume)


# fmt: off
COINS = (
    _coin("BTC", 95_240.0, 0.44, "majors", 0.001, 30, "major", volume=3.8e10),
    _coin("ETH", 3_318.0, 0.60, "majors", 0.01, 22, "major", volume=1.9e10),
    _coin("SOL", 152.6, 0.74, "large_coins", 0.1, 11, "layer1", volume=5e9),
    _coin("XRP", 1.487, 0.72, "large_coins", 10, 6, "payment", volume=3e9),
    _coin("BNB", 684.0, 0.52, "large_coins", 0.01, 4, "layer1", volume=1.5e9),
    _coin("DOGE", 0.1412, 0.88, "large_coins", 100, 5, "meme", volume=1.4e9),
    _coin("ADA", 0.4265, 0.82, "large_coins", 10, 2.5, "layer1", volume=6e8),
    _coin("TRX", 0.2874, 0.48, "large_coins", 10, 1.5, "layer1", volume=5e8),
    _coin("LINK", 14.62, 0.84, "large_coins", 0.1, 2.5, "defi", volume=6e8),
    _coin("AVAX", 16.93, 0.86, "large_coins", 0.1, 2, "layer1", volume=4e8),
    _coin("LTC", 88.4, 0.66, "large_coins", 0.01, 2, "payment", volume=5e8),
    _coin("BCH", 472.0, 0.68, "large_coins", 0.01, 1.5, "payment", volume=4e8),
    _coin("DOT", 2.71, 0.86, "alt_coins", 1, 1.2, "layer1", volume=2e8),
    _coin("XLM", 0.2463, 0.80, "alt_coins", 10, 1, "payment", volume=2e8),
    _coin("TON", 1.894, 0.80, "alt_coins", 1, 1.2, "layer1", volume=2e8),
    _coin("SUI", 1.978, 0.96, "alt_coins", 1, 2, "layer1", volume=7e8),
    _coin("APT", 3.06, 0.96, "alt_coins", 1, 1, "layer1", volume=2e8),
    _coin("NEAR", 2.34, 0.96, "alt_coins", 1, 1, "layer1", volume=2e8),
    _coin("ATOM", 2.88, 0.84, "alt_coins", 1, 0.8, "layer1", volume=1.2e8),
    _coin("FIL", 1.83, 0.92, "alt_coins", 1, 0.8, "storage", volume=1.5e8),
    _coin("UNI", 6.91, 0.92, "alt_coins", 0.1, 1.2, "defi", volume=3e8),
    _coin("AAVE", 182.0, 0.88, "alt_coins", 0.01, 1.2, "defi", volume=3e8),
    _coin("INJ", 6.42, 1.00, "alt_coins", 0.1, 0.8, "defi", volume=1e8),
    _coin("ARB", 0.2487, 1.00, "alt_coins", 10, 1, "layer2", volume=1.5e8),
    _coin("OP", 0.3912, 1.02, "alt_coins", 10, 0.8, "layer2", volume=1.2e8),
    _coin("TIA", 0.9640, 1.10, "alt_coins", 1, 0.7, "layer1", volume=8e7),
    _coin("SEI", 0.1698, 1.05, "alt_coins", 10, 0.7, "layer1", volume=8e7),
    _coin("HYPE", 37.8, 1.02, "alt_coins", 0.1, 2.5, "defi", volume=5e8),
    _coin("PEPE", 5.713e-06, 1.15, "alt_coins", 1, 1.8, "meme", contract=1_000_000.0, volume=6e8),
    _coin("WIF", 0.4871, 1.20, "alt_coins", 1, 1.2, "meme", volume=1.5e8),
)

INDICES = (
    Underlying("SPX", 6_912.5, 0.165, "equity", "index_us", "net_index", ("index", "us"), carry=0.024, contract=50, popularity=8, daily_volume=4e11),
    Underlying("NDX", 25_480.0, 0.215, "equity", "index_us", "net_index", ("index", "us"), carry=0.029, contract=20, popularity=6, daily_volume=2e11),
    Underlying("RUT", 2_486.0, 0.225, "equity", "index_us", "net_index", ("index", "us"), carry=0.023, contract=50, popularity=2, daily_volume=3e10),
    Underlying("MXEF", 1_398.0, 0.180, "equity", "index_us", "net_index", ("index", "emerging"), "USD", 0.012, 50, popularity=1, daily_volume=5e9),
    Underlying("SX5E", 5_768.0, 0.170, "equity", "index_eu", "index_eu", ("index", "europe"), "EUR", 0.004, 10, popularity=3, daily_volume=5e10),
    Underlying("DAX", 24_310.0, 0.172, "equity", "index_eu", "index_eu", ("index", "europe"), "EUR", 0.018, 5, popularity=2.5, daily_volume=2e10),
    Underlying("NKY", 51_240.0, 0.235, "equity", "index_jp", "net_index", ("index", "japan"), "JPY", 0.001, 100, popularity=2, daily_volume=2e10),
)


def _commodity(
    asset: str, price: float, vol: float, schedule: str, contract: float, popularity: float, *tags: str,
    carry: float = 0.0, group: str | None = None, volume: float = 5e9,
) -> Underlying:
    return Underlying(asset, price, vol, "commodity", schedule, "net_commodity", tags, "USD", carry, contract, 1, popularity, group, volume)


COMMODITIES = (
    _commodity("XAU", 4_148.0, 0.19, "gold", 100, 4, "metal", carry=0.036, volume=6e10),
    _commodity("XAG", 52.35, 0.36, "silver", 5_000, 2, "metal", carry=0.036, volume=1e10),
    _commodity("XPT", 1_548.0, 0.34, "platinum", 50, 0.8, "metal", carry=0.030, volume=2e9),
    _commodity("HG", 5.042, 0.26, "copper", 25_000, 1.2, "metal", "industrial", carry=0.020, volume=8e9),
    _commodity("WTI-Z26", 61.84, 0.38, "wti", 1_000, 0.7, "energy", group="WTI", volume=6e9),
    _commodity("WTI-F27", 61.42, 0.37, "wti", 1_000, 3.0, "energy", group="WTI", volume=2e10),
    _commodity("WTI-G27", 61.15, 0.36, "wti", 1_000, 1.5, "energy", group="WTI", volume=8e9),
    _commodity("WTI-H27", 60.98, 0.35, "wti", 1_000, 1.0, "energy", group="WTI", volume=6e9),
    _commodity("BRN-F27", 65.37, 0.36, "brent", 1_000, 2.0, "energy", group="BRN", volume=2e10),
    _commodity("BRN-G27", 65.02, 0.35, "brent", 1_000, 1.0, "energy", group="BRN", volume=1e10),
    _commodity("NG-Z26", 4.213, 0.62, "natural_gas", 10_000, 1.2, "energy", "gas", group="NG", volume=4e9),
    _commodity("NG-F27", 4.468, 0.58, "natural_gas", 10_000, 1.0, "energy", "gas", group="NG", volume=3e9),
    _commodity("ZC", 4.345, 0.27, "grains", 5_000, 1.0, "grain", carry=0.05, volume=4e9),
    _commodity("ZW", 5.387, 0.30, "grains", 5_000, 0.8, "grain", carry=0.06, volume=3e9),
    _commodity("ZS", 11.34, 0.21, "grains", 5_000, 0.8, "grain", carry=0.03, volume=5e9),
)

CURRENCIES = (
    Underlying("EUR", 1.1624, 0.072, "cash", "fx_standard", "net_fx", (), carry=0.017, contract=125_000, popularity=4, daily_volume=3e10),
    Underlying("GBP", 1.3158, 0.076, "fx", "fx_standard", "net_fx", ("g10",), carry=-0.001, contract=62_500, popularity=2, daily_volume=1e10),
    Underlying("JPY", 0.006478, 0.098, "cash", "fx_yen", "net_fx", (), carry=0.029, contract=12_500_000, popularity=3, daily_volume=2e10),
    Underlying("CHF", 1.2586, 0.078, "fx", "fx_standard", "net_fx", ("g10",), carry=0.036, contract=125_000, popularity=1, daily_volume=5e9),
    Underlying("AUD", 0.6537, 0.094, "fx", "fx_small", "net_fx", ("g10",), carry=0.001, contract=100_000, popularity=1.2, daily_volume=8e9),
    Underlying("CAD", 0.7131, 0.062, "fx", "fx_small", "net_fx", ("g10",), carry=0.013, contract=100_000, popularity=1, daily_volume=6e9),
    Underlying("NZD", 0.5679, 0.098, "fx", "fx_small", "net_fx", ("g10",), carry=0.012, contract=100_000, popularity=0.6, daily_volume=2e9),
    Underlying("MXN", 0.05452, 0.112, "fx", "fx_peso", "net_fx", ("emerging",), carry=-0.034, contract=500_000, popularity=0.8, daily_volume=2e9),
)

UNDERLYINGS = (*COINS, *INDICES, *COMMODITIES, *CURRENCIES)
BY_ASSET = {u.asset: u for u in UNDERLYINGS}

# What can be posted: asset -> (haircut schedule, smallest unit).
COLLATERAL_ASSETS: dict[str, tuple[str, float]] = {
    "USD": ("cash_usd", 0.01), "EUR": ("cash_eur", 0.01), "JPY": ("cash_jpy", 1.0),
    "USDC": ("stable_prime", 0.01), "USDT": ("stable_second", 0.01), "USDE": ("stable_synthetic", 0.01),
    "BTC": ("btc", 0.0001), "ETH": ("eth", 0.001), "SOL": ("large_coin", 0.01), "XRP": ("large_coin", 1.0), "BNB": ("large_coin", 0.01),
    "STETH": ("staked_coin", 0.001), "JITOSOL": ("staked_coin", 0.01),
    "UST-BILL-FEB27": ("bill", 100.0), "UST-NOTE-NOV28": ("note", 100.0),
}

# asset, price, price currency, class, tags, rate, duration, convexity, daily volume, daily vol
_OTHER_ASSETS: tuple[tuple[str, float, str, str, tuple[str, ...], float, float | None, float | None, float, float], ...] = (
    ("USD", 1.0, "USD", "cash", (), 0.0362, None, None, 1e12, 0.0),
    ("USDC", 0.9999, "USD", "stablecoin", ("stablecoin",), 0.0385, None, None, 1.2e10, 0.0004),
    ("USDT", 0.9996, "USD", "stablecoin", ("stablecoin",), 0.0410, None, None, 8e10, 0.0004),
    ("USDE", 0.9989, "USD", "stablecoin", ("stablecoin", "synthetic"), 0.0560, None, None, 2e8, 0.0012),
    ("STETH", 0.9994, "ETH", "staked", ("staked",), 0.0, None, None, 6e7, 0.0008),
    ("JITOSOL", 1.2463, "SOL", "staked", ("staked",), 0.0, None, None, 2e7, 0.0010),
    ("UST-BILL-FEB27", 0.99061, "USD", "rates", ("government",), 0.0371, 0.26, 0.07, 5e9, 0.0002),
    ("UST-NOTE-NOV28", 1.00214, "USD", "rates", ("government",), 0.0355, 1.91, 4.70, 2e10, 0.0012),
)
_RATES = {"EUR": 0.0193, "JPY": 0.0072}

# One day later, Friday 13 November 2026: simple returns; anything not named moves with its group.
_NEXT_DAY = {
    "BTC": -0.0262, "ETH": -0.0385, "SOL": -0.0451, "XRP": -0.0408, "BNB": -0.0216, "HYPE": 0.0313, "WIF": -0.1090, "PEPE": -0.0824,
    "SPX": -0.0084, "NDX": -0.0131, "RUT": -0.0102, "MXEF": -0.0049, "SX5E": -0.0067, "DAX": -0.0058, "NKY": -0.0144,
    "XAU": 0.0061, "XAG": 0.0083, "XPT": 0.0012, "HG": -0.0119, "ZC": 0.0041, "ZW": -0.0075, "ZS": 0.0018,
    "WTI-Z26": -0.0236, "WTI-F27": -0.0214, "WTI-G27": -0.0199, "WTI-H27": -0.0187, "BRN-F27": -0.0192, "BRN-G27": -0.0181,
    "NG-Z26": 0.0344, "NG-F27": 0.0262,
    "EUR": 0.0019, "GBP": -0.0011, "JPY": 0.0053, "CHF": 0.0037, "AUD": -0.0042, "CAD": -0.0016, "NZD": -0.0038, "MXN": -0.0064,
    "USDT": 0.0001, "USDE": -0.0006, "STETH": -0.0003, "UST-BILL-FEB27": 0.0001, "UST-NOTE-NOV28": 0.0008,
}
NEXT_DAY_VOL = {"crypto": 1.06, "equity": 1.09, "commodity": 1.02}


def significant(values: Floats, digits: int) -> Floats:
    """Values rounded to so many significant digits (so that the last bits of exp and log do not decide the bytes of a file)."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in np.asarray(values).ravel()]).reshape(np.shape(values))
# fmt: on


def assets(day: int, as_of: datetime, rng: np.random.Generator) -> pl.DataFrame:
    """The assets table of day 0 or 1, without the pool totals that only the collateral knows."""
    rows = []
    for u in UNDERLYINGS:
        haircut = COLLATERAL_ASSETS.get(u.asset, (None, 0.0))[0]
        negative = u.asset == "WTI-Z26"
        terms = (u.asset_class, haircut, u.net_schedule, list(u.tags), _RATES.get(u.asset, 0.0), None, None, negative)
        rows.append((u.asset, u.price, u.currency, *terms, u.daily_volume, u.vol / CALENDAR_DAYS_ROOT))
    for asset, price, currency, asset_class, tags, rate, duration, convexity, volume, daily_vol in _OTHER_ASSETS:
        terms = (asset_class, COLLATERAL_ASSETS[asset][0], None, list(tags), rate, duration, convexity, False)
        rows.append((asset, price, currency, *terms, volume, daily_vol))
    floats = ("price", "rate", "duration", "convexity", "daily_volume", "daily_vol")
    columns = ("asset", "price", "price_currency", "asset_class", "collateral_schedule", "margin_schedule", "tags")
    columns += ("rate", "duration", "convexity", "may_be_negative", "daily_volume", "daily_vol")
    special = {"tags": pl.List(pl.String()), "may_be_negative": pl.Boolean()}
    schema = {name: special.get(name, pl.Float64() if name in floats else pl.String()) for name in columns}
    table = pl.DataFrame(rows, orient="row", schema=schema)
    noise = rng.normal(0.0, 0.006, table.height)
    prices = table["price"].to_numpy().copy()
    if day:
        for place, (asset, asset_class) in enumerate(zip(table["asset"], table["asset_class"], strict=True)):
            move = _NEXT_DAY.get(asset, -0.048 + noise[place] * 3 if asset_class == "crypto" else 0.0)
            prices[place] *= 1.0 + move
    prices = significant(prices, 6)
    return table.with_columns(
        pl.Series("price", prices),
        pl.Series("daily_vol", significant(table["daily_vol"].to_numpy(), 3)),
        pl.Series("depth", significant(table["daily_volume"].to_numpy() * 2.5, 3)),
        pl.Series("price_time", [as_of - timedelta(seconds=2)] * table.height, dtype=pl.Datetime("us", "UTC")),
    ).sort("asset")


def reporting_values(table: pl.DataFrame) -> dict[str, float]:
    """X of every asset in US dollars: its price times X of its price currency."""
    price = dict(zip(table["asset"], table["price"], strict=True))
    currency = dict(zip(table["asset"], table["price_currency"], strict=True))
    values: dict[str, float] = {}
    for asset in price:
        value, name = 1.0, asset
        while name != "USD":
            value, name = value * price[name], currency[name]
        values[asset] = value
    return values
