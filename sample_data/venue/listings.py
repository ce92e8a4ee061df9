"""The 1,500 listed instruments: perpetuals, futures, spot and option chains, everything but their price of the day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from venue.underlyings import BY_ASSET, COINS, CURRENCIES, Underlying

YEAR_SECONDS = 31_536_000.0


def _at(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


# fmt: off
COIN_EXPIRIES = {
    "20NOV26": _at(2026, 11, 20, 8), "27NOV26": _at(2026, 11, 27, 8), "25DEC26": _at(2026, 12, 25, 8),
    "29JAN27": _at(2027, 1, 29, 8), "26MAR27": _at(2027, 3, 26, 8), "25JUN27": _at(2027, 6, 25, 8),
}
_US_EXPIRIES = {"Z26": _at(2026, 12, 18, 21), "H27": _at(2027, 3, 19, 20), "M27": _at(2027, 6, 18, 20), "F27": _at(2027, 1, 15, 21)}
_EU_EXPIRIES = {"Z26": _at(2026, 12, 18, 11), "H27": _at(2027, 3, 19, 11)}
_JP_EXPIRIES = {"Z26": _at(2026, 12, 11, 0), "H27": _at(2027, 3, 12, 0)}
_FX_EXPIRIES = {"Z26": _at(2026, 12, 14, 15), "H27": _at(2027, 3, 15, 14)}
_METAL_EXPIRIES = {"Z26": _at(2026, 12, 29, 18), "G27": _at(2027, 2, 24, 18)}
_GRAIN_EXPIRIES = {"Z26": _at(2026, 12, 14, 18), "H27": _at(2027, 3, 12, 18)}
DELIVERY = {
    "WTI-Z26": _at(2026, 11, 20, 19, 30), "WTI-F27": _at(2026, 12, 21, 19, 30), "WTI-G27": _at(2027, 1, 20, 19, 30),
    "WTI-H27": _at(2027, 2, 22, 19, 30), "BRN-F27": _at(2026, 11, 30, 19, 30), "BRN-G27": _at(2026, 12, 30, 19, 30),
    "NG-Z26": _at(2026, 11, 25, 19, 30), "NG-F27": _at(2026, 12, 29, 19, 30),
}
"""Last trading of the delivery months, each of which is an asset of its own."""
# fmt: on


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
    """Smallest quantity, in contracts."""
    schedule: str | None
    popularity: float
    expiry: datetime | None = None
    strike: float | None = None
    option_type: str | None = None
    vol_type: str = "lognormal"
    premium_style: str = "paid"
    forward_given: bool = False


def _linear(
    name: str, kind: str, u: Underlying, quote: str, size: float, step: float, schedule: str | None, popularity: float, expiry: datetime | None = None
) -> Listing:
    return Listing(name, kind, u.asset, quote, quote, "linear", size, step, schedule, popularity, expiry)


def _inverse(name: str, kind: str, asset: str, size: float, popularity: float, expiry: datetime | None = None) -> Listing:
    return Listing(name, kind, asset, "USD", asset, "inverse", size, 1, "coin_margined", popularity * BY_ASSET[asset].popularity, expiry)


def _perpetuals() -> list[Listing]:
    usdt = [_linear(f"{u.asset}-USDT-PERP", "perpetual", u, "USDT", u.contract, u.step, u.schedule, u.popularity) for u in COINS]
    usdc = [_linear(f"{u.asset}-USDC-PERP", "perpetual", u, "USDC", u.contract, u.step, u.schedule, u.popularity * 0.4) for u in COINS[:10]]
    sizes = {"BTC": 100.0, "ETH": 10.0, "SOL": 10.0, "XRP": 10.0, "BNB": 10.0}
    inverse = [_inverse(f"{asset}-USD-PERP", "perpetual", asset, size, 0.35) for asset, size in sizes.items()]
    quanto = [
        Listing(f"{asset}-USD-QUANTO-PERP", "perpetual", asset, "USD", "BTC", "quanto", size, 1, "quanto", popularity)
        for asset, size, popularity in (("ETH", 1e-6, 1.0), ("SOL", 1e-5, 0.6))
    ]
    tradfi = [
        _linear(f"{asset}-{quote}-PERP", "perpetual", BY_ASSET[asset], quote, 0.01, 1, "tradfi_perpetual", popularity)
        for asset, quote, popularity in (("SPX", "USDC", 2.0), ("NDX", "USDC", 1.5), ("XAU", "USDT", 2.0))
    ]
    return [*usdt, *usdc, *inverse, *quanto, *tradfi]


def _futures() -> list[Listing]:
    linear = [
        _linear(f"{u.asset}-USDT-{code}", "future", u, "USDT", 1.0, u.step, u.schedule, u.popularity * 0.1, COIN_EXPIRIES[code])
        for u in COINS[:4]
        for code in ("25DEC26", "26MAR27", "25JUN27")
    ]
    inverse = [
        _inverse(f"{asset}-USD-{code}", "future", asset, size, 0.1, COIN_EXPIRIES[code])
        for asset, size in (("BTC", 100.0), ("ETH", 10.0))
        for code in ("27NOV26", "25DEC26", "26MAR27", "25JUN27")
    ]
    calendars: tuple[tuple[tuple[str, ...], dict[str, datetime], tuple[str, ...]], ...] = (
        (("SPX", "NDX", "RUT", "MXEF"), _US_EXPIRIES, ("Z26", "H27")),
        (("SPX",), _US_EXPIRIES, ("M27",)),
        (("SX5E", "DAX"), _EU_EXPIRIES, ("Z26", "H27")),
        (("NKY",), _JP_EXPIRIES, ("Z26", "H27")),
        (("XAU", "XAG", "XPT", "HG"), _METAL_EXPIRIES, ("Z26", "G27")),
        (("ZC", "ZW", "ZS"), _GRAIN_EXPIRIES, ("Z26", "H27")),
        (tuple(u.asset for u in CURRENCIES), _FX_EXPIRIES, ("Z26", "H27")),
    )
    dated = [
        _linear(
            f"{u.asset}-FUT-{code}",
            "future",
            u,
            u.currency,
            u.contract,
            1,
            u.schedule,
            u.popularity * (1.0 if code == "Z26" else 0.3),
            expiries[code],
        )
        for assets, expiries, codes in calendars
        for u in (BY_ASSET[asset] for asset in assets)
        for code in codes
    ]
    delivery = [
        _linear(f"{u.asset}-FUT", "future", u, "USD", u.contract, 1, u.schedule, u.popularity, expiry)
        for u, expiry in ((BY_ASSET[asset], expiry) for asset, expiry in DELIVERY.items())
    ]
    return [*linear, *inverse, *dated, *delivery]


def _spots() -> list[Listing]:
    schedules = {"BTC": None, "ETH": None, "SOL": None, "XRP": "spot_margin", "BNB": "spot_margin"}
    return [_linear(f"{asset}-USD-SPOT", "spot", BY_ASSET[asset], "USD", 1.0, BY_ASSET[asset].step, name, 0.8) for asset, name in schedules.items()]


@dataclass(frozen=True)
class Product:
    """Options of one underlying with the same terms. `width`: standard deviations from the forward to the outermost strikes."""

    asset: str
    quote: str
    payoff: str
    size: float
    step: float
    schedule: str
    popularity: float
    premium_style: str = "paid"
    vol_type: str = "lognormal"
    width: float = 2.0


_COIN, _INDEX, _COMMODITY = "coin_options", "index_options", "commodity_options"
_COMMODITY_EXPIRIES = {"16DEC26": _at(2026, 12, 16, 19, 30), "G27": _at(2027, 1, 26, 18)}
# Product, calendar, and its expiries: code, number of strikes, tick, whether the venue states the forward.
# fmt: off
_CHAINS: tuple[tuple[Product, dict[str, datetime], tuple[tuple[str, int, float, bool], ...]], ...] = (
    (Product("BTC", "BTC", "inverse", 1.0, 0.1, _COIN, 0.9), COIN_EXPIRIES, (
        ("20NOV26", 28, 500, True), ("27NOV26", 32, 1000, True), ("25DEC26", 38, 1000, True),
        ("29JAN27", 32, 2000, True), ("26MAR27", 38, 2500, True), ("25JUN27", 24, 5000, True),
    )),
    (Product("ETH", "ETH", "inverse", 1.0, 1, _COIN, 0.7), COIN_EXPIRIES, (
        ("20NOV26", 24, 25, True), ("27NOV26", 28, 25, True), ("25DEC26", 28, 50, True), ("26MAR27", 28, 100, True), ("25JUN27", 22, 100, True),
    )),
    (Product("BTC", "USDC", "linear", 0.1, 1, _COIN, 0.5), COIN_EXPIRIES, (
        ("27NOV26", 20, 1000, False), ("25DEC26", 24, 1000, True), ("26MAR27", 20, 2500, True),
    )),
    (Product("SOL", "USDC", "linear", 1.0, 10, _COIN, 0.4), COIN_EXPIRIES, (
        ("20NOV26", 18, 2, True), ("27NOV26", 20, 2, True), ("25DEC26", 22, 5, True), ("26MAR27", 20, 5, True),
    )),
    (Product("XRP", "USDC", "linear", 1.0, 1000, _COIN, 0.3), COIN_EXPIRIES, (("27NOV26", 12, 0.05, True), ("25DEC26", 12, 0.05, True))),
    (Product("SPX", "USD", "linear", 50.0, 1, _INDEX, 1.2, width=2.2), _US_EXPIRIES, (
        ("Z26", 32, 25, False), ("F27", 20, 25, True), ("H27", 26, 50, False),
    )),
    (Product("NDX", "USD", "linear", 20.0, 1, _INDEX, 0.5), _US_EXPIRIES, (("Z26", 25, 100, False),)),
    (Product("SX5E", "EUR", "linear", 10.0, 1, _INDEX, 0.6, "margined"), _EU_EXPIRIES, (("Z26", 22, 25, True), ("H27", 16, 50, True))),
    (Product("NKY", "JPY", "linear", 100.0, 1, _INDEX, 0.4, "margined"), _JP_EXPIRIES, (("Z26", 15, 250, True),)),
    (Product("WTI-F27", "USD", "linear", 1000.0, 1, _COMMODITY, 0.6, vol_type="normal"), _COMMODITY_EXPIRIES, (("16DEC26", 20, 0.5, True),)),
    (Product("XAU", "USD", "linear", 100.0, 1, _COMMODITY, 0.6), _COMMODITY_EXPIRIES, (("G27", 20, 25, True),)),
)
# fmt: on


def _chain(product: Product, code: str, expiry: datetime, count: int, tick: float, forward_given: bool, as_of: datetime) -> list[Listing]:
    """Calls and puts on `count` strikes, `width` standard deviations to each side of the forward, evenly spaced in whole ticks."""
    u = BY_ASSET[product.asset]
    years = (expiry - as_of).total_seconds() / YEAR_SECONDS
    deviation = u.vol * float(np.sqrt(years))
    low, high = (u.price * float(np.exp(u.carry * years + z * deviation)) for z in (-product.width, product.width))
    spacing = max(1, round((high - low) / (count - 1) / tick))
    lowest = round(low / tick / spacing)
    listings = []
    for k in range(count):
        strike = float(np.round(spacing * (lowest + k) * tick, 8))
        text = f"{strike:g}" if strike < 1e5 else f"{strike:.0f}"
        near = float(np.exp(-0.5 * (np.log(strike / u.price) / deviation) ** 2))
        for option_type, letter in (("call", "C"), ("put", "P")):
            name = f"{u.asset}-{'' if product.payoff == 'inverse' else product.quote + '-'}{code}-{text}-{letter}"
            terms = (name, "option", u.asset, product.quote, product.quote, product.payoff, product.size, product.step, product.schedule)
            popularity = product.popularity * (0.15 + near)
            listings.append(Listing(*terms, popularity, expiry, strike, option_type, product.vol_type, product.premium_style, forward_given))
    return listings


def listings(as_of: datetime) -> tuple[Listing, ...]:
    """Everything listed on the first day, strikes set from that day's prices; the same 1,500 instruments trade on both days."""
    options = [
        listing
        for product, calendar, expiries in _CHAINS
        for code, count, tick, forward_given in expiries
        for listing in _chain(product, code, calendar[code], count, tick, forward_given, as_of)
    ]
    return (*_perpetuals(), *_futures(), *_spots(), *options)
