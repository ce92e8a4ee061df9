"""What options are measured by at base: time to expiry, the currency of their strike, forward and moneyness.

Shocks select by them and valuation starts from them, so both take them from here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

SECONDS_A_DAY = 86_400.0
SECONDS_A_YEAR = 31_536_000.0


def seconds_to_expiry(dimensions: Dimensions) -> Floats:
    """Seconds from `as_of` to expiry per instrument; NaN without expiry."""
    seconds = (pl.col("expiry").dt.epoch("us") - pl.lit(dimensions.as_of).dt.epoch("us")) / 1e6
    return dimensions.instruments.select(seconds.alias("seconds"))["seconds"].fill_null(float("nan")).to_numpy()


def years_to_expiry(dimensions: Dimensions) -> Floats:
    """T in years of 365 days per instrument, not below zero; NaN without expiry."""
    years: Floats = np.maximum(seconds_to_expiry(dimensions) / SECONDS_A_YEAR, 0.0)
    return years


def strike_currencies(dimensions: Dimensions) -> Codes:
    """Asset code of the currency of the strike per instrument: of coin options the price currency of their underlying, else the quote currency."""
    assets, instruments = dimensions.assets, dimensions.instruments
    code_of = {asset: code for code, asset in enumerate(assets["asset"])}
    price_currency = np.array([code_of[currency] for currency in assets["price_currency"]], dtype=np.int32)
    underlying, quote = instruments["underlying_code"].to_numpy(), instruments["quote_code"].to_numpy()
    return np.where(_coin_options(instruments), price_currency[underlying], quote).astype(np.int32)


def base_ratios(dimensions: Dimensions, price: Floats, value: Floats) -> Floats:
    """R(0) per instrument: the underlying in quote units, of coin options in its own price currency.

    Args:
        dimensions: the book's dimension tables.
        price: f64[assets] at base, each in its price currency.
        value: X of every asset at base.
    """
    instruments = dimensions.instruments
    underlying, quote = instruments["underlying_code"].to_numpy(), instruments["quote_code"].to_numpy()
    ratios: Floats = np.where(_coin_options(instruments), price[underlying], value[underlying] / value[quote])
    return ratios


def _coin_options(instruments: pl.DataFrame) -> npt.NDArray[np.bool_]:
    coin: npt.NDArray[np.bool_] = ((instruments["kind"] == "option") & (instruments["payoff"] == "inverse")).to_numpy()
    return coin


def base_forwards(options: pl.DataFrame, futures: pl.DataFrame) -> pl.DataFrame:
    """Adds `market_forward`, `variable_share`, `fixed_forward`, `base_forward` and `carry` to the options, in their order.

    The market's forward comes from, in this order: the option's own `forward`; the mark of a dated future of the same underlying, currency of
    the strike and expiry (of several, the first by instrument id); R(0) * exp(r * T). The carry is c = ln(F(0)/R(0)) / T, zero where
    that is not defined: at expiry, where the forward is R(0), and where a price is not positive, where forwards move additively.

    An option that is settled at an average is priced on `base_forward` = variable share * market forward + fixed forward: of the share
    (window - seconds to expiry) / window, not below zero, the average so far is known and moves no more.

    Args:
        options: `underlying`, `strike_currency`, `expiry`, `forward`, `base_ratio`, `base_rate`, `base_years`, `settlement_averaging_seconds`,
            `settled_average`.
        futures: `instrument_id`, `underlying`, `quote`, `expiry`, `mark_price` of every dated future.
    """
    key = ["underlying", "strike_currency", "expiry"]
    listed = (
        futures.sort("instrument_id")
        .select("underlying", "expiry", strike_currency="quote", future_mark="mark_price")
        .unique(key, keep="first", maintain_order=True)
    )
    ratio, years, forward = pl.col("base_ratio"), pl.col("base_years"), pl.col("market_forward")
    grown = ratio * (pl.col("base_rate") * years).exp()
    quoted = pl.coalesce("forward", "future_mark")
    carry = pl.when(quoted.is_null()).then(pl.col("base_rate")).otherwise((forward / ratio).log() / years)
    window, variable = pl.col("settlement_averaging_seconds"), pl.col("variable_share")
    fixed = (1.0 - variable) * pl.coalesce("settled_average", "market_forward")
    return (
        options.join(listed, on=key, how="left", maintain_order="left")
        .with_columns(
            market_forward=pl.when(years > 0.0).then(pl.coalesce(quoted, grown)).otherwise(ratio),
            variable_share=(years * SECONDS_A_YEAR / window).clip(upper_bound=1.0).fill_null(1.0),
        )
        .with_columns(carry=pl.when((years > 0.0) & (ratio > 0.0) & (forward > 0.0)).then(carry).otherwise(0.0), fixed_forward=fixed)
        .with_columns(base_forward=variable * forward + pl.col("fixed_forward"))
        .drop("future_mark")
    )


def log_moneyness(dimensions: Dimensions, value: Floats) -> Floats:
    """ln(K/F) at base per instrument; NaN where it is no option or strike or forward is not positive.

    Args:
        dimensions: the book's dimension tables.
        value: X of every asset at base.
    """
    assets, instruments = dimensions.assets, dimensions.instruments
    currency = strike_currencies(dimensions)
    rows = instruments.with_columns(
        pl.Series("strike_currency", assets["asset"].gather(currency)),
        pl.Series("base_ratio", base_ratios(dimensions, assets["price"].to_numpy(), value)),
        pl.Series("base_rate", assets["rate"].to_numpy()[currency]),
        pl.Series("base_years", years_to_expiry(dimensions)),
    )
    option = (instruments["kind"] == "option").to_numpy()
    strike, forward = pl.col("strike"), pl.col("base_forward")
    moneyness = pl.when((strike > 0.0) & (forward > 0.0)).then((strike / forward).log())
    result = np.full(instruments.height, np.nan)
    result[option] = base_forwards(rows.filter(option), rows.filter(pl.col("kind") == "future")).select(m=moneyness)["m"].fill_null(np.nan).to_numpy()
    return result
