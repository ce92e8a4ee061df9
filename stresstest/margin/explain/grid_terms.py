"""What the derivation under a `portfolio` model reads beside the grid's values: terms of positions, depegs, loss factors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from stresstest.margin.explain.grid import Floats
from stresstest.margin.explain.states import long_form
from stresstest.margin.rulebook import Depeg, PortfolioModel
from stresstest.scenarios.option_terms import strike_currencies, years_to_expiry
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues


@dataclass(frozen=True)
class Market:
    """The book's dimensions and the states that are explained: `resolved` and `units` have them alone, base first; `scenarios` are their numbers.

    Without `units` nothing can be moved in a grid.
    """

    dimensions: Dimensions
    resolved: Resolved
    units: UnitValues | None
    scenarios: list[int]


def shift_rows(shifts: Mapping[str, Floats]) -> pl.DataFrame:
    """x of every row, by risk group."""
    return pl.DataFrame(
        [(group, row, float(move)) for group, moves in shifts.items() for row, move in enumerate(moves)],
        schema={"risk_group": pl.String, "row": pl.Int32, "move": pl.Float64},
        orient="row",
    )


def with_terms(positions: pl.DataFrame, market: Market, deltas: pl.DataFrame) -> pl.DataFrame:
    """Positions with what the grid and add-ons read: market value, delta, expiry and currency with time and rate, confidence and volume."""
    dimensions, resolved = market.dimensions, market.resolved
    years = np.maximum(years_to_expiry(dimensions)[:, None] - resolved.elapsed_years[None, :], 0.0)
    rates = resolved.rate[strike_currencies(dimensions)]
    columns = range(len(market.scenarios))
    states = long_form(years, list(columns), "instrument", "years").with_columns(
        long_form(rates, list(columns), "instrument", "rate")["rate"],
        pl.Series("scenario", np.tile(np.asarray(market.scenarios, dtype=np.int32), dimensions.instruments.height)),
    )
    assets = dimensions.assets.select(underlying_id="asset", asset_confidence="confidence", daily_volume="daily_volume")
    terms = dimensions.instruments.with_row_index("instrument").select(
        pl.col("instrument").cast(pl.Int32), "risk_group", "confidence", underlying_id="underlying", normal=pl.col("vol_type") == "normal"
    )
    terms = terms.with_columns(pl.Series("strike_currency", strike_currencies(dimensions), dtype=pl.Int32))
    terms = terms.join(assets, on="underlying_id", how="left", maintain_order="left").drop("underlying_id")
    rows = positions.join(terms, on="instrument", how="left", maintain_order="left")
    rows = rows.join(states, on=["instrument", "scenario"], how="left", maintain_order="left")
    rows = rows.join(deltas, on=["instrument", "scenario"], how="left", maintain_order="left")
    undated = pl.col("expiry").is_null()
    # What a contract entered at the state costs, in the units of `cost`.
    entered = pl.when(pl.col("style") == "inverse").then(1.0 / pl.col("mark")).otherwise("mark")
    price = pl.col("contract_size") * pl.col("quantity") * pl.col("mark")
    return rows.with_columns(
        currency=pl.when(~undated).then("strike_currency"),
        years=pl.when(undated).then(0.0).otherwise("years"),
        rate=pl.when(undated).then(0.0).otherwise("rate"),
        market_value=price * pl.when(pl.col("style") == "quanto").then("settle_value").otherwise("quote_value"),
        confidence=pl.min_horizontal("confidence", "asset_confidence"),
        delta=pl.col("quantity") * (pl.col("unit_delta") + pl.col("cost_delta").fill_null(0.0) * entered),
    )


def depegs(rule: Depeg | None, market: Market) -> pl.DataFrame:
    """`scenario, depeg` = factor * max(0, threshold - price), the price in its price currency; 1 without a rule."""
    if rule is None:
        return pl.DataFrame({"scenario": market.scenarios, "depeg": 1.0}, schema={"scenario": pl.Int32, "depeg": pl.Float64})
    codes = {asset: code for code, asset in enumerate(market.dimensions.assets["asset"])}
    prices = pl.DataFrame({"scenario": market.scenarios, "price": market.resolved.spot[codes[rule.asset]]}, schema_overrides={"scenario": pl.Int32})
    return prices.select("scenario", depeg=rule.factor * (rule.threshold - pl.col("price")).clip(0.0))


def loss_factors(model: PortfolioModel, market: Market) -> pl.DataFrame:
    """`scenario, loss_factor_maintenance, loss_factor_initial`, the initial one raised by the depeg."""
    raised = pl.lit(0.0) if model.loss_factor_depeg is None else pl.col("depeg")
    return depegs(model.loss_factor_depeg, market).select(
        "scenario", loss_factor_maintenance=pl.lit(model.loss_factor.maintenance), loss_factor_initial=pl.lit(model.loss_factor.initial) + raised
    )
