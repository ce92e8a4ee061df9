"""Days to expiry and log moneyness at base, by which shocks select."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]

SECONDS_A_DAY = 86_400.0
SECONDS_A_YEAR = 31_536_000.0


def seconds_to_expiry(dimensions: Dimensions) -> Floats:
    """Seconds from `as_of` to expiry per instrument; NaN without expiry."""
    seconds = (pl.col("expiry").dt.epoch("us") - pl.lit(dimensions.as_of).dt.epoch("us")) / 1e6
    return dimensions.instruments.select(seconds.alias("seconds"))["seconds"].fill_null(float("nan")).to_numpy()


def log_moneyness(dimensions: Dimensions, value: Floats) -> Floats:
    """ln(K/F) at base per instrument; NaN where it is no option or strike or forward is not positive.

    F comes from, in this order: the column `forward`; a dated future of the same underlying, currency and expiry (of
    several, the first by id); R(0) * exp(r * T), R the underlying in the strike's currency.

    Args:
        dimensions: the book's dimension tables.
        value: X of every asset at base.
    """
    assets, instruments = dimensions.assets, dimensions.instruments
    code_of = dict(zip(assets["asset"], range(assets.height), strict=True))
    underlying, quote = instruments["underlying_code"].to_numpy(), instruments["quote_code"].to_numpy()
    price_currency = np.array([code_of[currency] for currency in assets["price_currency"]], dtype=np.int32)
    inverse = (instruments["payoff"] == "inverse").to_numpy()
    # Strikes of coin options are in the price currency of their underlying, all others in the quote currency.
    strike_currency = np.where(inverse, price_currency[underlying], quote).astype(np.int32)
    years = np.maximum(seconds_to_expiry(dimensions), 0.0) / SECONDS_A_YEAR
    grown = value[underlying] / value[strike_currency] * np.exp(assets["rate"].to_numpy()[strike_currency] * years)
    rows = instruments.select("instrument_id", "kind", "expiry", "strike", "forward", "mark_price").with_columns(
        underlying=underlying, currency=quote, strike_currency=strike_currency, grown=grown
    )
    key = ["underlying", "strike_currency", "expiry"]
    futures = (
        rows.filter((pl.col("kind") == "future") & pl.col("expiry").is_not_null())
        .sort("instrument_id")
        .select("underlying", "expiry", strike_currency="currency", future="mark_price")
        .unique(key, keep="first", maintain_order=True)
    )
    forward = pl.coalesce("forward", "future", "grown")
    defined = (pl.col("kind") == "option") & (pl.col("strike") > 0.0) & (forward > 0.0)
    moneyness = pl.when(defined).then((pl.col("strike") / forward).log())
    return rows.join(futures, on=key, how="left", maintain_order="left").select(m=moneyness)["m"].fill_null(float("nan")).to_numpy()
