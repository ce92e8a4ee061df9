"""Assets, listed instruments and their marks: what trades on the sample venue, and at what price.

Every price follows from a few literal figures: spot levels, a carry per asset, a vol surface per underlying. Options are
priced with Black-76 (crude oil: Bachelier) on the forward the tool itself would use, so that each mark equals the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr

Floats = npt.NDArray[np.float64]
YEAR_SECONDS = 31_536_000.0


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
    return Underlying(
        asset, price, vol, "crypto", schedule, schedule, tags, carry=0.055, contract=contract, step=step, popularity=popularity, daily_volume=volume
    )


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
    Underlying(
        "MXEF", 1_398.0, 0.180, "equity", "index_us", "net_index", ("index", "emerging"), carry=0.012, contract=50, popularity=1, daily_volume=5e9
    ),
    Underlying("SX5E", 5_768.0, 0.170, "equity", "index_eu", "index_eu", ("index", "europe"), "EUR", 0.004, 10, popularity=3, daily_volume=5e10),
    Underlying("DAX", 24_310.0, 0.172, "equity", "index_eu", "index_eu", ("index", "europe"), "EUR", 0.018, 5, popularity=2.5, daily_volume=2e10),
    Underlying("NKY", 51_240.0, 0.235, "equity", "index_jp", "net_index", ("index", "japan"), "JPY", 0.001, 100, popularity=2, daily_volume=2e10),
)

COMMODITIES = (
    Underlying("XAU", 4_148.0, 0.19, "commodity", "gold", "net_commodity", ("metal",), carry=0.036, contract=100, popularity=4, daily_volume=6e10),
    Underlying("XAG", 52.35, 0.36, "commodity", "silver", "net_commodity", ("metal",), carry=0.036, contract=5_000, popularity=2, daily_volume=1e10),
    Underlying(
        "XPT", 1_548.0, 0.34, "commodity", "platinum", "net_commodity", ("metal",), carry=0.030, contract=50, popularity=0.8, daily_volume=2e9
    ),
    Underlying(
        "HG",
        5.042,
        0.26,
        "commodity",
        "copper",
        "net_commodity",
        ("metal", "industrial"),
        carry=0.020,
        contract=25_000,
        popularity=1.2,
        daily_volume=8e9,
    ),
    Underlying(
        "WTI-Z26", 61.84, 0.38, "commodity", "wti", "net_commodity", ("energy",), contract=1_000, popularity=0.7, risk_group="WTI", daily_volume=6e9
    ),
    Underlying(
        "WTI-F27", 61.42, 0.37, "commodity", "wti", "net_commodity", ("energy",), contract=1_000, popularity=3.0, risk_group="WTI", daily_volume=2e10
    ),
    Underlying(
        "WTI-G27", 61.15, 0.36, "commodity", "wti", "net_commodity", ("energy",), contract=1_000, popularity=1.5, risk_group="WTI", daily_volume=8e9
    ),
    Underlying(
        "WTI-H27", 60.98, 0.35, "commodity", "wti", "net_commodity", ("energy",), contract=1_000, popularity=1.0, risk_group="WTI", daily_volume=6e9
    ),
    Underlying(
        "BRN-F27",
        65.37,
        0.36,
        "commodity",
        "brent",
        "net_commodity",
        ("energy",),
        contract=1_000,
        popularity=2.0,
        risk_group="BRN",
        daily_volume=2e10,
    ),
    Underlying(
        "BRN-G27",
        65.02,
        0.35,
        "commodity",
        "brent",
        "net_commodity",
        ("energy",),
        contract=1_000,
        popularity=1.0,
        risk_group="BRN",
        daily_volume=1e10,
    ),
    Underlying(
        "NG-Z26",
        4.213,
        0.62,
        "commodity",
        "natural_gas",
        "net_commodity",
        ("energy", "gas"),
        contract=10_000,
        popularity=1.2,
        risk_group="NG",
        daily_volume=4e9,
    ),
    Underlying(
        "NG-F27",
        4.468,
        0.58,
        "commodity",
        "natural_gas",
        "net_commodity",
        ("energy", "gas"),
        contract=10_000,
        popularity=1.0,
        risk_group="NG",
        daily_volume=3e9,
    ),
    Underlying("ZC", 4.345, 0.27, "commodity", "grains", "net_commodity", ("grain",), carry=0.05, contract=5_000, popularity=1.0, daily_volume=4e9),
    Underlying("ZW", 5.387, 0.30, "commodity", "grains", "net_commodity", ("grain",), carry=0.06, contract=5_000, popularity=0.8, daily_volume=3e9),
    Underlying("ZS", 11.34, 0.21, "commodity", "grains", "net_commodity", ("grain",), carry=0.03, contract=5_000, popularity=0.8, daily_volume=5e9),
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
    "USD": ("cash_usd", 0.01),
    "EUR": ("cash_eur", 0.01),
    "JPY": ("cash_jpy", 1.0),
    "USDC": ("stable_prime", 0.01),
    "USDT": ("stable_second", 0.01),
    "USDE": ("stable_synthetic", 0.01),
    "BTC": ("btc", 0.0001),
    "ETH": ("eth", 0.001),
    "SOL": ("large_coin", 0.01),
    "XRP": ("large_coin", 1.0),
    "BNB": ("large_coin", 0.01),
    "STETH": ("staked_coin", 0.001),
    "JITOSOL": ("staked_coin", 0.01),
    "UST-BILL-FEB27": ("bill", 100.0),
    "UST-NOTE-NOV28": ("note", 100.0),
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
    "BTC": -0.0262,
    "ETH": -0.0385,
    "SOL": -0.0451,
    "XRP": -0.0408,
    "BNB": -0.0216,
    "HYPE": 0.0313,
    "WIF": -0.1090,
    "PEPE": -0.0824,
    "SPX": -0.0084,
    "NDX": -0.0131,
    "RUT": -0.0102,
    "MXEF": -0.0049,
    "SX5E": -0.0067,
    "DAX": -0.0058,
    "NKY": -0.0144,
    "XAU": 0.0061,
    "XAG": 0.0083,
    "XPT": 0.0012,
    "HG": -0.0119,
    "ZC": 0.0041,
    "ZW": -0.0075,
    "ZS": 0.0018,
    "WTI-Z26": -0.0236,
    "WTI-F27": -0.0214,
    "WTI-G27": -0.0199,
    "WTI-H27": -0.0187,
    "BRN-F27": -0.0192,
    "BRN-G27": -0.0181,
    "NG-Z26": 0.0344,
    "NG-F27": 0.0262,
    "EUR": 0.0019,
    "GBP": -0.0011,
    "JPY": 0.0053,
    "CHF": 0.0037,
    "AUD": -0.0042,
    "CAD": -0.0016,
    "NZD": -0.0038,
    "MXN": -0.0064,
    "USDT": 0.0001,
    "USDE": -0.0006,
    "STETH": -0.0003,
    "UST-BILL-FEB27": 0.0001,
    "UST-NOTE-NOV28": 0.0008,
}
_NEXT_DAY_VOL = {"crypto": 1.06, "equity": 1.09, "commodity": 1.02}


def _at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


COIN_EXPIRIES = {
    "20NOV26": _at(2026, 11, 20, 8),
    "27NOV26": _at(2026, 11, 27, 8),
    "25DEC26": _at(2026, 12, 25, 8),
    "29JAN27": _at(2027, 1, 29, 8),
    "26MAR27": _at(2027, 3, 26, 8),
    "25JUN27": _at(2027, 6, 25, 8),
}
_US_EXPIRIES = {"Z26": _at(2026, 12, 18, 21), "H27": _at(2027, 3, 19, 20), "M27": _at(2027, 6, 18, 20), "F27": _at(2027, 1, 15, 21)}
_EU_EXPIRIES = {"Z26": _at(2026, 12, 18, 11), "H27": _at(2027, 3, 19, 11)}
_JP_EXPIRIES = {"Z26": _at(2026, 12, 11, 0), "H27": _at(2027, 3, 12, 0)}
_FX_EXPIRIES = {"Z26": _at(2026, 12, 14, 15), "H27": _at(2027, 3, 15, 14)}
_METAL_EXPIRIES = {"Z26": _at(2026, 12, 29, 18), "G27": _at(2027, 2, 24, 18)}
_GRAIN_EXPIRIES = {"Z26": _at(2026, 12, 14, 18), "H27": _at(2027, 3, 12, 18)}
_DELIVERY = {
    "WTI-Z26": _at(2026, 11, 20, 19, 30),
    "WTI-F27": _at(2026, 12, 21, 19, 30),
    "WTI-G27": _at(2027, 1, 20, 19, 30),
    "WTI-H27": _at(2027, 2, 22, 19, 30),
    "BRN-F27": _at(2026, 11, 30, 19, 30),
    "BRN-G27": _at(2026, 12, 30, 19, 30),
    "NG-Z26": _at(2026, 11, 25, 19, 30),
    "NG-F27": _at(2026, 12, 29, 19, 30),
}


@dataclass(frozen=True)
class Listing:
    """One instrument as listed: everything but its price of the day."""

    instrument_id: str
    kind: str
    underlying: str
    quote: str
    settle: str
    payoff: str
    contract_size: float
    step: float
    schedule: str | None
    expiry: datetime | None = None
    strike: float | None = None
    option_type: str | None = None
    vol_type: str = "lognormal"
    premium_style: str = "paid"
    forward_given: bool = False
    popularity: float = 1.0


def _perpetuals() -> list[Listing]:
    listings = [
        Listing(f"{u.asset}-USDT-PERP", "perpetual", u.asset, "USDT", "USDT", "linear", u.contract, u.step, u.schedule, popularity=u.popularity)
        for u in COINS
    ]
    listings += [
        Listing(f"{u.asset}-USDC-PERP", "perpetual", u.asset, "USDC", "USDC", "linear", u.contract, u.step, u.schedule, popularity=u.popularity * 0.4)
        for u in COINS[:10]
    ]
    listings += [
        Listing(
            f"{asset}-USD-PERP", "perpetual", asset, "USD", asset, "inverse", size, 1, "coin_margined", popularity=BY_ASSET[asset].popularity * 0.35
        )
        for asset, size in (("BTC", 100.0), ("ETH", 10.0), ("SOL", 10.0), ("XRP", 10.0), ("BNB", 10.0))
    ]
    listings += [
        Listing("ETH-USD-QUANTO-PERP", "perpetual", "ETH", "USD", "BTC", "quanto", 1e-6, 1, "quanto", popularity=1.0),
        Listing("SOL-USD-QUANTO-PERP", "perpetual", "SOL", "USD", "BTC", "quanto", 1e-5, 1, "quanto", popularity=0.6),
        Listing("SPX-USDC-PERP", "perpetual", "SPX", "USDC", "USDC", "linear", 0.01, 1, "tradfi_perpetual", popularity=2.0),
        Listing("NDX-USDC-PERP", "perpetual", "NDX", "USDC", "USDC", "linear", 0.01, 1, "tradfi_perpetual", popularity=1.5),
        Listing("XAU-USDT-PERP", "perpetual", "XAU", "USDT", "USDT", "linear", 0.01, 1, "tradfi_perpetual", popularity=2.0),
    ]
    return listings


def _futures() -> list[Listing]:
    listings = []
    for asset in ("BTC", "ETH", "SOL", "XRP"):
        u = BY_ASSET[asset]
        for code in ("25DEC26", "26MAR27", "25JUN27"):
            listings.append(
                Listing(
                    f"{asset}-USDT-{code}",
                    "future",
                    asset,
                    "USDT",
                    "USDT",
                    "linear",
                    1.0,
                    u.step,
                    u.schedule,
                    COIN_EXPIRIES[code],
                    popularity=u.popularity * 0.1,
                )
            )
    for asset, size in (("BTC", 100.0), ("ETH", 10.0)):
        for code in ("27NOV26", "25DEC26", "26MAR27", "25JUN27"):
            listings.append(
                Listing(
                    f"{asset}-USD-{code}",
                    "future",
                    asset,
                    "USD",
                    asset,
                    "inverse",
                    size,
                    1,
                    "coin_margined",
                    COIN_EXPIRIES[code],
                    popularity=BY_ASSET[asset].popularity * 0.1,
                )
            )
    dated: list[tuple[tuple[str, ...], dict[str, datetime], tuple[str, ...]]] = [
        (("SPX", "NDX", "RUT", "MXEF"), _US_EXPIRIES, ("Z26", "H27")),
        (("SPX",), _US_EXPIRIES, ("M27",)),
        (("SX5E", "DAX"), _EU_EXPIRIES, ("Z26", "H27")),
        (("NKY",), _JP_EXPIRIES, ("Z26", "H27")),
        (("XAU", "XAG", "XPT", "HG"), _METAL_EXPIRIES, ("Z26", "G27")),
        (("ZC", "ZW", "ZS"), _GRAIN_EXPIRIES, ("Z26", "H27")),
        (tuple(u.asset for u in CURRENCIES), _FX_EXPIRIES, ("Z26", "H27")),
    ]
    for assets, expiries, codes in dated:
        for asset in assets:
            u = BY_ASSET[asset]
            for code in codes:
                share = 1.0 if code == "Z26" else 0.3
                listings.append(
                    Listing(
                        f"{asset}-FUT-{code}",
                        "future",
                        asset,
                        u.currency,
                        u.currency,
                        "linear",
                        u.contract,
                        1,
                        u.schedule,
                        expiries[code],
                        popularity=u.popularity * share,
                    )
                )
    for asset, expiry in _DELIVERY.items():
        u = BY_ASSET[asset]
        listings.append(Listing(f"{asset}-FUT", "future", asset, "USD", "USD", "linear", u.contract, 1, u.schedule, expiry, popularity=u.popularity))
    return listings


def _spots() -> list[Listing]:
    return [
        Listing(f"{asset}-USD-SPOT", "spot", asset, "USD", "USD", "linear", 1.0, BY_ASSET[asset].step, schedule, popularity=0.8)
        for asset, schedule in (("BTC", None), ("ETH", None), ("SOL", None), ("XRP", "spot_margin"), ("BNB", "spot_margin"))
    ]


def _chain(
    asset: str,
    code: str,
    expiry: datetime,
    count: int,
    tick: float,
    as_of: datetime,
    quote: str,
    payoff: str,
    size: float,
    step: float,
    schedule: str,
    *,
    premium_style: str = "paid",
    vol_type: str = "lognormal",
    forward_given: bool = True,
    popularity: float = 1.0,
    width: float = 2.0,
) -> list[Listing]:
    """Calls and puts on `count` strikes, `width` standard deviations to each side of the forward, evenly spaced in whole ticks."""
    u = BY_ASSET[asset]
    years = (expiry - as_of).total_seconds() / YEAR_SECONDS
    deviation = u.vol * float(np.sqrt(years))
    low, high = (u.price * float(np.exp(u.carry * years + z * deviation)) for z in (-width, width))
    spacing = max(1, round((high - low) / (count - 1) / tick))
    lowest = round(low / tick / spacing)
    steps = [spacing * (lowest + k) for k in range(count)]
    listings = []
    for strike_steps in steps:
        strike = float(np.round(strike_steps * tick, 8))
        text = f"{strike:g}" if strike < 1e5 else f"{strike:.0f}"
        for option_type, letter in (("call", "C"), ("put", "P")):
            near = float(np.exp(-0.5 * (np.log(strike / u.price) / deviation) ** 2))
            name = f"{asset}-{'' if payoff == 'inverse' else quote + '-'}{code}-{text}-{letter}"
            listings.append(
                Listing(
                    name,
                    "option",
                    asset,
                    quote,
                    quote,
                    payoff,
                    size,
                    step,
                    schedule,
                    expiry,
                    strike,
                    option_type,
                    vol_type,
                    premium_style,
                    forward_given,
                    popularity * (0.15 + near),
                )
            )
    return listings


def _options(as_of: datetime) -> list[Listing]:
    listings: list[Listing] = []
    for code, count, tick in (
        ("20NOV26", 28, 500.0),
        ("27NOV26", 32, 1000.0),
        ("25DEC26", 38, 1000.0),
        ("29JAN27", 32, 2000.0),
        ("26MAR27", 38, 2500.0),
        ("25JUN27", 24, 5000.0),
    ):
        listings += _chain("BTC", code, COIN_EXPIRIES[code], count, tick, as_of, "BTC", "inverse", 1.0, 0.1, "coin_options", popularity=0.9)
    for code, count, tick in (("20NOV26", 24, 25.0), ("27NOV26", 28, 25.0), ("25DEC26", 28, 50.0), ("26MAR27", 28, 100.0), ("25JUN27", 22, 100.0)):
        listings += _chain("ETH", code, COIN_EXPIRIES[code], count, tick, as_of, "ETH", "inverse", 1.0, 1.0, "coin_options", popularity=0.7)
    for code, count, tick, given in (("27NOV26", 20, 1000.0, False), ("25DEC26", 24, 1000.0, True), ("26MAR27", 20, 2500.0, True)):
        listings += _chain(
            "BTC", code, COIN_EXPIRIES[code], count, tick, as_of, "USDC", "linear", 0.1, 1, "coin_options", forward_given=given, popularity=0.5
        )
    for code, count, tick in (("20NOV26", 18, 2.0), ("27NOV26", 20, 2.0), ("25DEC26", 22, 5.0), ("26MAR27", 20, 5.0)):
        listings += _chain("SOL", code, COIN_EXPIRIES[code], count, tick, as_of, "USDC", "linear", 1.0, 10, "coin_options", popularity=0.4)
    for code, count, tick in (("27NOV26", 12, 0.05), ("25DEC26", 12, 0.05)):
        listings += _chain("XRP", code, COIN_EXPIRIES[code], count, tick, as_of, "USDC", "linear", 1.0, 1000, "coin_options", popularity=0.3)
    for code, count, tick, given in (("Z26", 32, 25.0, False), ("F27", 20, 25.0, True), ("H27", 26, 50.0, False)):
        listings += _chain(
            "SPX",
            code,
            _US_EXPIRIES[code],
            count,
            tick,
            as_of,
            "USD",
            "linear",
            50.0,
            1,
            "index_options",
            forward_given=given,
            popularity=1.2,
            width=2.2,
        )
    listings += _chain(
        "NDX", "Z26", _US_EXPIRIES["Z26"], 25, 100.0, as_of, "USD", "linear", 20.0, 1, "index_options", forward_given=False, popularity=0.5
    )
    for code, count, tick in (("Z26", 22, 25.0), ("H27", 16, 50.0)):
        listings += _chain(
            "SX5E", code, _EU_EXPIRIES[code], count, tick, as_of, "EUR", "linear", 10.0, 1, "index_options", premium_style="margined", popularity=0.6
        )
    listings += _chain(
        "NKY", "Z26", _JP_EXPIRIES["Z26"], 15, 250.0, as_of, "JPY", "linear", 100.0, 1, "index_options", premium_style="margined", popularity=0.4
    )
    listings += _chain(
        "WTI-F27",
        "16DEC26",
        _at(2026, 12, 16, 19, 30),
        20,
        0.5,
        as_of,
        "USD",
        "linear",
        1000.0,
        1,
        "commodity_options",
        vol_type="normal",
        popularity=0.6,
    )
    listings += _chain("XAU", "G27", _at(2027, 1, 26, 18), 20, 25.0, as_of, "USD", "linear", 100.0, 1, "commodity_options", popularity=0.6)
    return listings


def listings(as_of: datetime) -> tuple[Listing, ...]:
    """Everything listed on the first day, strikes set from that day's prices; the same 1,500 instruments trade on both days."""
    return (*_perpetuals(), *_futures(), *_spots(), *_options(as_of))


def significant(values: Floats, digits: int) -> Floats:
    """Values rounded to so many significant digits (so that the last bits of exp and log do not decide the bytes of a file)."""
    return np.array([float(f"{value:.{digits - 1}e}") for value in np.asarray(values).ravel()]).reshape(np.shape(values))


def assets(day: int, as_of: datetime, rng: np.random.Generator) -> pl.DataFrame:
    """The assets table of day 0 or 1, without the pool totals that only the collateral knows."""
    rows = []
    for u in UNDERLYINGS:
        haircut = COLLATERAL_ASSETS.get(u.asset, (None, 0.0))[0]
        negative = u.asset == "WTI-Z26"
        rows.append(
            (
                u.asset,
                u.price,
                u.currency,
                u.asset_class,
                haircut,
                u.net_schedule,
                list(u.tags),
                _RATES.get(u.asset, 0.0),
                None,
                None,
                negative,
                u.daily_volume,
                u.vol / 19.1,
            )
        )
    for asset, price, currency, asset_class, tags, rate, duration, convexity, volume, daily_vol in _OTHER_ASSETS:
        rows.append(
            (asset, price, currency, asset_class, COLLATERAL_ASSETS[asset][0], None, list(tags), rate, duration, convexity, False, volume, daily_vol)
        )
    table = pl.DataFrame(
        rows,
        orient="row",
        schema={
            "asset": pl.String,
            "price": pl.Float64,
            "price_currency": pl.String,
            "asset_class": pl.String,
            "collateral_schedule": pl.String,
            "margin_schedule": pl.String,
            "tags": pl.List(pl.String),
            "rate": pl.Float64,
            "duration": pl.Float64,
            "convexity": pl.Float64,
            "may_be_negative": pl.Boolean,
            "daily_volume": pl.Float64,
            "daily_vol": pl.Float64,
        },
    )
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


def black(forward: Floats, strike: Floats, vol: Floats, years: Floats, sign: Floats) -> Floats:
    """Undiscounted Black-76 (1976)."""
    deviation = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    value: Floats = sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - deviation)))
    return value


def bachelier(forward: Floats, strike: Floats, vol: Floats, years: Floats, sign: Floats) -> Floats:
    """Undiscounted Bachelier (1900)."""
    deviation = vol * np.sqrt(years)
    d = sign * (forward - strike) / deviation
    value: Floats = sign * (forward - strike) * ndtr(d) + deviation * np.exp(-0.5 * d * d) / np.sqrt(2.0 * np.pi)
    return value


def _smile(asset_class: str, level: float, years: float, log_moneyness: float) -> float:
    """Vol of one option: term structure, skew and curvature in standardised moneyness."""
    z = log_moneyness / (level * np.sqrt(years))
    short = float(np.exp(-years / 0.15))
    if asset_class == "equity":
        return level * (1.0 + 0.04 * short) * (1.0 - 0.13 * z + 0.022 * z * z)
    if asset_class == "crypto":
        return level * (1.0 - 0.06 * short) * (1.0 - 0.035 * z + 0.030 * z * z)
    return level * (1.0 + 0.01 * z + 0.02 * z * z)


def instruments(listed: tuple[Listing, ...], table: pl.DataFrame, day: int, as_of: datetime, rng: np.random.Generator) -> pl.DataFrame:
    """The instruments table of a day, without open interest; rows in the order of `listed`.

    The extra column `used_forward` is what options were priced on.
    """
    value = reporting_values(table)
    rate = dict(zip(table["asset"], table["rate"], strict=True))
    basis = rng.normal(0.0, 0.00025, len(listed))
    futures: dict[tuple[str, str, datetime], float] = {}
    rows: list[dict[str, object]] = []
    for place, item in enumerate(listed):
        u = BY_ASSET[item.underlying]
        years = (item.expiry - as_of).total_seconds() / YEAR_SECONDS if item.expiry else 0.0
        spot = value[item.underlying] / (value[u.currency] if item.payoff == "inverse" else value[item.quote])
        forward, vol, used, mark = None, None, spot, spot
        if item.kind == "perpetual":
            mark = spot * (1.0 + basis[place])
        elif item.kind == "future" and u.asset not in _DELIVERY:
            mark = spot * float(np.exp(u.carry * years)) * (1.0 + basis[place] * 0.4)
        if item.kind == "option":
            assert item.expiry is not None and item.strike is not None
            strike_currency = u.currency if item.payoff == "inverse" else item.quote
            level = u.vol * (_NEXT_DAY_VOL[u.asset_class] if day else 1.0)
            if item.forward_given:
                forward = float(significant(np.array(spot * np.exp(u.carry * years)), 8))
                used = forward
            else:  # the rule of the tool: a future of that expiry, else the rate of the quote currency
                used = futures.get((item.underlying, item.quote, item.expiry), spot * float(np.exp(rate[strike_currency] * years)))
            vol = round(_smile(u.asset_class, level, years, float(np.log(item.strike / used))), 4)
            discount = float(np.exp(-rate[strike_currency] * years)) if item.premium_style == "paid" and item.payoff == "linear" else 1.0
            sign = np.array(1.0 if item.option_type == "call" else -1.0)
            if item.vol_type == "normal":
                vol = round(vol * used, 3)
                price = float(bachelier(np.array(used), np.array(item.strike), np.array(vol), np.array(years), sign))
            else:
                price = float(black(np.array(used), np.array(item.strike), np.array(vol), np.array(years), sign))
            mark = price / used if item.payoff == "inverse" else price * discount
        mark = float(significant(np.array(mark), 11 if item.kind == "option" else 7))
        if item.kind == "future" and item.expiry is not None:
            futures[(item.underlying, item.quote, item.expiry)] = mark
        rows.append(
            {
                "instrument_id": item.instrument_id,
                "kind": item.kind,
                "underlying": item.underlying,
                "quote": item.quote,
                "settle": item.settle,
                "payoff": item.payoff,
                "contract_size": item.contract_size,
                "mark_price": mark,
                "expiry": item.expiry,
                "strike": item.strike,
                "option_type": item.option_type,
                "exercise": "european" if item.kind == "option" else None,
                "implied_vol": vol,
                "vol_type": item.vol_type if item.kind == "option" else None,
                "forward": forward,
                "premium_style": item.premium_style if item.kind == "option" else None,
                "risk_group": u.risk_group,
                "margin_schedule": item.schedule,
                "used_forward": used,
                "price_time": as_of - (timedelta(hours=3, minutes=20) if item.instrument_id == "TIA-USDT-PERP" and day else timedelta(seconds=2)),
            }
        )
    floats = ("contract_size", "mark_price", "strike", "implied_vol", "forward", "used_forward")
    schema = {name: pl.Float64 if name in floats else pl.Datetime("us", "UTC") if name in ("expiry", "price_time") else pl.String for name in rows[0]}
    return pl.DataFrame(rows, schema=schema, orient="row")
