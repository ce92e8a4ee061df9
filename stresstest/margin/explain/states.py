"""Prices of assets and instruments in the chosen scenarios, as long frames: one row per code and scenario."""

from __future__ import annotations

import numpy as np
import polars as pl

from stresstest.margin.explain.scaling import price_factors
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.marks import MAX_VOL
from stresstest.valuation.unit_values import Floats, UnitValues

STYLE = (
    pl.when(pl.col("kind") == "spot")
    .then(pl.lit("spot"))
    .when((pl.col("kind") == "option") & (pl.col("premium_style") == "paid"))
    .then(pl.lit("paid option"))
    .when(pl.col("kind") == "option")
    .then(pl.lit("linear"))
    .otherwise(pl.col("payoff"))
)
"""How the price of an instrument becomes value: the rows of the table in section 3 of the methodology."""

MARKET = ("contract_size", "skew_scale", "open_interest")
"""Columns of instruments that rates may follow."""
STATED = ("price_low", "price_high", "pool_deposits", "pool_borrows")
"""Columns of assets that no scenario moves."""


def long_form(table: Floats, scenarios: list[int], code: str, value: str) -> pl.DataFrame:
    """Columns `code`, `scenario`, `value` from an array `f64[codes, all scenarios]`, for the chosen scenarios."""
    chosen = np.ascontiguousarray(table[:, scenarios])
    codes = np.repeat(np.arange(chosen.shape[0], dtype=np.int32), len(scenarios))
    positions = np.tile(np.asarray(scenarios, dtype=np.int32), chosen.shape[0])
    return pl.DataFrame({code: codes, "scenario": positions, value: chosen.ravel()})


def asset_states(dimensions: Dimensions, resolved: Resolved, scenarios: list[int]) -> pl.DataFrame:
    """Per asset and scenario: X (`value`) and that of its price currency, `price` in that currency, collateral `ratio`, haircut scale and shift;
    conservative prices as multiples of the price, and what the venue holds."""
    frame = long_form(resolved.value, scenarios, "asset", "value")
    codes = dimensions.assets.with_row_index("code").select(pl.col("code").cast(pl.Int32), "asset")
    currency = dimensions.assets.select(asset="price_currency").join(codes, on="asset", how="left", maintain_order="left")["code"].to_numpy()
    others = {
        "price_currency_value": resolved.value[currency],
        "price": resolved.spot,
        "ratio": resolved.collateral_ratio,
        "haircut_scale": resolved.haircut_scale,
        "haircut_shift": resolved.haircut_shift,
    }
    frame = frame.with_columns([long_form(table, scenarios, "asset", name)[name] for name, table in others.items()])
    columns = dimensions.assets.with_row_index("asset_code").select(pl.col("asset_code").cast(pl.Int32), *STATED)
    return price_factors(frame.join(columns, left_on="asset", right_on="asset_code", how="left", maintain_order="left"))


def holding_shares(resolved: Resolved, scenarios: list[int]) -> pl.DataFrame:
    """Per asset, location and scenario the recoverable share, for the pairs that a scenario touches."""
    schema = {"asset": pl.Int32, "location": pl.Int32, "scenario": pl.Int32, "holding_share": pl.Float64}
    rows = [
        (asset, location, scenario, float(shares[scenario])) for (asset, location), shares in resolved.holding_rows.items() for scenario in scenarios
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def margin_rates(resolved: Resolved, scenarios: list[int]) -> pl.DataFrame:
    """Per name of a margin schedule or model and scenario the multiple of the requirement, for the names that a scenario touches."""
    schema = {"name": pl.String, "scenario": pl.Int32, "margin_rate": pl.Float64}
    rows = [(name, scenario, float(rates[scenario])) for name, rates in resolved.margin_rate.items() for scenario in scenarios]
    return pl.DataFrame(rows, schema=schema, orient="row")


def instrument_states(dimensions: Dimensions, assets: pl.DataFrame, mark: Floats, scenarios: list[int]) -> pl.DataFrame:
    """Per instrument and scenario its terms, mark, currencies' values and unsigned notional of one contract.

    Notional (reporting currency): linear and spot cs*|M|*X_quote, quanto cs*|M|*X_settle, inverse cs*X_quote, option cs*|S_u|.
    `strike_currency_value` turns amounts of the strike's currency into reporting currency, `underlying_in_strike_currency` is the
    underlying's price in it: the quote's, for inverse options (quoted in coin) the price currency of the underlying.
    """
    terms = dimensions.instruments.with_row_index("instrument").select(
        pl.col("instrument").cast(pl.Int32),
        "instrument_id",
        "kind",
        "payoff",
        "premium_style",
        "contract_size",
        "strike",
        "option_type",
        "expiry",
        STYLE.alias("style"),
        underlying="underlying_code",
        quote="quote_code",
        settle="settle_code",
    )
    frame = long_form(mark, scenarios, "instrument", "mark").join(terms, on="instrument", how="left", maintain_order="left")
    for asset in ("underlying", "quote", "settle"):
        factors = (pl.col(name).alias(f"{asset}_{name}") for name in ("low_factor", "high_factor"))
        value = assets.select("scenario", pl.col("asset").alias(asset), pl.col("value").alias(f"{asset}_value"), *factors)
        frame = frame.join(value, on=[asset, "scenario"], how="left", maintain_order="left")
    own_price = assets.select("scenario", underlying="asset", underlying_price="price", underlying_currency_value="price_currency_value")
    frame = frame.join(own_price, on=["underlying", "scenario"], how="left", maintain_order="left")
    size, mark_ = pl.col("contract_size"), pl.col("mark")
    inverse = pl.col("payoff") == "inverse"
    return frame.with_columns(
        unit_notional=pl.when(pl.col("kind") == "option")
        .then(size * pl.col("underlying_value").abs())
        .when(inverse)
        .then(size * pl.col("quote_value"))
        .when(pl.col("payoff") == "quanto")
        .then(size * mark_.abs() * pl.col("settle_value"))
        .otherwise(size * mark_.abs() * pl.col("quote_value")),
        underlying_in_strike_currency=pl.when(inverse).then(pl.col("underlying_price")).otherwise(pl.col("underlying_value") / pl.col("quote_value")),
        strike_currency_value=pl.when(inverse).then(pl.col("underlying_currency_value")).otherwise(pl.col("quote_value")),
    )


def option_states(dimensions: Dimensions, resolved: Resolved, units: UnitValues | None, scenarios: list[int]) -> pl.DataFrame:
    """Per option and scenario the `forward` and the `vol` it was valued at, its `treatment` and `exercise`; no rows without `units`.

    The vol is clamp(scale * base vol + shift, 0, 10), of normal vols at zero alone.
    """
    if units is None:
        figures = {"instrument": pl.Int32, "scenario": pl.Int32, "forward": pl.Float64, "vol": pl.Float64}
        return pl.DataFrame(schema={**figures, "treatment": pl.String, "exercise": pl.String})
    codes = resolved.option_codes
    highest = np.where((dimensions.instruments["vol_type"] == "normal").to_numpy()[codes], np.inf, MAX_VOL)
    vol = np.clip(resolved.vol_scale * units.base_vol[codes, None] + resolved.vol_shift, 0.0, highest[:, None])
    frame = long_form(units.forward[codes], scenarios, "option", "forward").with_columns(long_form(vol, scenarios, "option", "vol")["vol"])
    of_options = pl.DataFrame({"instrument": codes, "treatment": pl.Series([units.treatment[code] for code in codes], dtype=pl.String)})
    of_options = of_options.with_columns(dimensions.instruments["exercise"].gather(codes), option=pl.int_range(pl.len(), dtype=pl.Int32))
    return frame.join(of_options, on="option", how="left", maintain_order="left").drop("option")
