"""Marks of a day: spot, carry, and options from a smile.

Options are priced with Black-76 (crude oil: Bachelier) on the forward the tool itself would use, so that marks equal the model.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtr

from venue.listings import DELIVERY, YEAR_SECONDS, Listing
from venue.underlyings import BY_ASSET, NEXT_DAY_VOL, Floats, reporting_values, significant

STALE_PRICE = "TIA-USDT-PERP"
"""The instrument whose price is some hours old on the second day."""


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


@dataclass(frozen=True)
class Quote:
    """What an option is quoted with: the forward if the venue states it, the one it is priced on, vol and mark."""

    stated: float | None
    used: float
    vol: float
    mark: float


def _option(item: Listing, spot: float, future: float | None, rate: float, years: float, level: float) -> Quote:
    """An option of a day, priced from its smile on the forward the tool uses: stated, else a future of that expiry, else from the rate.

    Args:
        item: the option; needs strike and type.
        spot: the underlying in the currency of the strike.
        future: mark of a future of that underlying, quote and expiry.
        rate: rate of the currency of the strike.
        years: time to expiry.
        level: at-the-money vol.
    """
    u = BY_ASSET[item.underlying]
    strike = float(item.strike or 0.0)
    stated = float(significant(np.array(spot * np.exp(u.carry * years)), 8)) if item.forward_given else None
    used = stated or future or spot * float(np.exp(rate * years))
    vol = round(_smile(u.asset_class, level, years, float(np.log(strike / used))), 4)
    discount = float(np.exp(-rate * years)) if item.premium_style == "paid" and item.payoff == "linear" else 1.0
    sign = 1.0 if item.option_type == "call" else -1.0
    model = black
    if item.vol_type == "normal":
        vol, model = round(vol * used, 3), bachelier
    price = float(model(*(np.array(x) for x in (used, strike, vol, years, sign))))
    return Quote(stated, used, vol, price / used if item.payoff == "inverse" else price * discount)


def instruments(listed: tuple[Listing, ...], table: pl.DataFrame, day: int, as_of: datetime, rng: np.random.Generator) -> pl.DataFrame:
    """The instruments table of a day, without open interest; rows in the order of `listed`.

    The extra column `used_forward` is what options were priced on.
    """
    value = reporting_values(table)
    rate = dict(zip(table["asset"], table["rate"], strict=True))
    basis = rng.normal(0.0, 0.00025, len(listed))
    futures: dict[tuple[str, str, datetime | None], float] = {}
    rows: list[dict[str, object]] = []
    for place, item in enumerate(listed):
        u = BY_ASSET[item.underlying]
        years = (item.expiry - as_of).total_seconds() / YEAR_SECONDS if item.expiry else 0.0
        price_currency = u.currency if item.payoff == "inverse" else item.quote
        spot = value[item.underlying] / value[price_currency]
        quote = Quote(None, spot, 0.0, spot)
        if item.kind == "perpetual":
            quote = replace(quote, mark=spot * (1.0 + basis[place]))
        elif item.kind == "future" and u.asset not in DELIVERY:
            quote = replace(quote, mark=spot * float(np.exp(u.carry * years)) * (1.0 + basis[place] * 0.4))
        elif item.kind == "option":
            level = u.vol * (NEXT_DAY_VOL[u.asset_class] if day else 1.0)
            quote = _option(item, spot, futures.get((item.underlying, item.quote, item.expiry)), rate[price_currency], years, level)
        mark = float(significant(np.array(quote.mark), 11 if item.kind == "option" else 7))
        if item.kind == "future":
            futures[(item.underlying, item.quote, item.expiry)] = mark
        option = item.kind == "option"
        stale = day == 1 and item.instrument_id == STALE_PRICE
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
                "exercise": "european" if option else None,
                "implied_vol": quote.vol if option else None,
                "vol_type": item.vol_type if option else None,
                "forward": quote.stated,
                "premium_style": item.premium_style if option else None,
                "risk_group": u.risk_group,
                "margin_schedule": item.schedule,
                "used_forward": quote.used,
                "price_time": as_of - (timedelta(hours=3, minutes=20) if stale else timedelta(seconds=2)),
            }
        )
    floats = ("contract_size", "mark_price", "strike", "implied_vol", "forward", "used_forward")
    schema = {name: pl.Float64 if name in floats else pl.Datetime("us", "UTC") if name in ("expiry", "price_time") else pl.String for name in rows[0]}
    return pl.DataFrame(rows, schema=schema, orient="row")
