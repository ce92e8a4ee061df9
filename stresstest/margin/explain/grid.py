"""Positions and hedges moved row by row, and what a row makes of a risk group: docs/methodology.md, "Requirement of a portfolio model".

Frames are long: one row per pool, scenario and so on. A *column* is one valuation of a row; a row with two `forward` moves has two.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.explain.sums import total
from stresstest.margin.grid_values import GridValues
from stresstest.margin.rulebook import PortfolioModel
from stresstest.margin.rulebook.portfolio import Discount, GridRow

POOL = ["pool", "scenario"]
GROUP = [*POOL, "risk_group"]
EXPIRY = [*GROUP, "expiry", "currency"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


def unit_changes(values: GridValues, scenarios: list[int]) -> pl.DataFrame:
    """Columns `instrument, column, scenario, row, change, cost_change, settle_change`: see `GridValues`; S of its arrays is `scenarios`."""
    instruments, columns, states = values.change.shape

    def ravelled(change: Floats | None) -> Floats:
        return np.zeros(values.change.size) if change is None else np.ascontiguousarray(change).ravel()

    return pl.DataFrame(
        {
            "instrument": np.repeat(values.codes, columns * states),
            "column": np.tile(np.repeat(np.arange(columns, dtype=np.int32), states), instruments),
            "scenario": np.tile(np.asarray(scenarios, dtype=np.int32), instruments * columns),
            "row": np.tile(np.repeat(values.column_row, states), instruments),
            "change": ravelled(values.change),
            "cost_change": ravelled(values.cost_change),
            "settle_change": ravelled(values.settle_change),
        }
    )


NO_DELTAS = pl.DataFrame(schema={"instrument": pl.Int32, "scenario": pl.Int32, "unit_delta": pl.Float64, "cost_delta": pl.Float64})
"""Where nothing asks for deltas."""


def unit_deltas(values: GridValues, scenarios: list[int]) -> pl.DataFrame:
    """Columns `instrument, scenario, unit_delta, cost_delta` (null = zero): see `GridValues`; no rows where the model asks for no deltas."""
    if values.delta is None:
        return NO_DELTAS
    instruments, states = values.delta.shape
    rows = pl.DataFrame(
        {
            "instrument": np.repeat(values.codes, states),
            "scenario": np.tile(np.asarray(scenarios, dtype=np.int32), instruments),
            "unit_delta": np.ascontiguousarray(values.delta).ravel(),
        }
    )
    cost = values.cost_delta
    return rows.with_columns(cost_delta=pl.lit(None, pl.Float64) if cost is None else pl.Series(np.ascontiguousarray(cost).ravel()))


def position_moves(positions: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """Every position in every column: `pnl` = quantity * change + cost * cost_change + funding * settle_change, and its `option_value`.

    Args:
        positions: `pool, scenario, instrument, risk_group`, `expiry` and `currency` (of the strike; both null = undated), `years` (to expiry at the
            state), `rate` (of the currency), `quantity, cost, funding, market_value, style`.
        changes: see `unit_changes`.
    """
    paid = pl.col("style") == "paid option"
    rows = positions.select(
        *EXPIRY,
        "instrument",
        "quantity",
        "cost",
        "funding",
        "years",
        "rate",
        paid=paid,
        option_value=pl.when(paid).then("market_value").otherwise(0.0),
    )
    return rows.join(changes, on=["instrument", "scenario"], how="left", maintain_order="left_right").with_columns(
        pnl=pl.col("quantity") * pl.col("change") + pl.col("cost") * pl.col("cost_change") + pl.col("funding") * pl.col("settle_change")
    )


def hedge_moves(balances: pl.DataFrame, hedges: dict[int, str], shifts: dict[str, Floats], columns: Codes) -> pl.DataFrame:
    """Every hedging token in every column: `pnl` = v * x, v its rows at spot (`quantity` = amount, `change` = X * x); undated, no options.

    Args:
        balances: collateral row by row: `pool, scenario, asset, amount, holding_share, value`.
        hedges: per asset code the risk group it moves with.
        shifts: per risk group x of every row.
        columns: the row of every column.
    """
    groups = pl.DataFrame({"asset": list(hedges), "risk_group": list(hedges.values())}, schema={"asset": pl.Int32, "risk_group": pl.String})
    moves = pl.DataFrame(
        [
            {"risk_group": group, "column": column, "row": int(row), "move": float(shifts[group][row])}
            for group in dict.fromkeys(hedges.values())
            for column, row in enumerate(columns)
        ],
        schema={"risk_group": pl.String, "column": pl.Int32, "row": pl.Int32, "move": pl.Float64},
    )
    tokens = (
        balances.join(groups, on="asset", how="inner", maintain_order="left")
        .group_by(*GROUP, "asset", maintain_order=True)
        .agg(quantity=total(pl.col("amount") * pl.col("holding_share")), value=total("value"))
    )
    rows = tokens.join(moves, on="risk_group", how="left", maintain_order="left_right")
    return rows.with_columns(
        pnl=pl.col("value") * pl.col("move"),
        years=pl.lit(0.0),
        rate=pl.lit(0.0),
        paid=pl.lit(value=False),
        option_value=pl.lit(0.0),
        expiry=pl.lit(None, pl.Datetime("us", "UTC")),
        currency=pl.lit(None, pl.Int32),
    )


def expiry_moves(moves: pl.DataFrame, model: PortfolioModel) -> pl.DataFrame:
    """Per group, expiry and row, of two columns the worse: `pnl` P_T and `counted` = (weight + weight_per_year*T) * h(P_T).

    `option_value` A and `option_pnl` D_o of its paid options, `other_pnl` D_f of all else: P_T = `discount_factor` * (A + D_o) - A + D_f.
    """
    paid = pl.col("paid")
    columns = moves.group_by(*EXPIRY, "row", "column", maintain_order=True).agg(
        pl.col("years", "rate").first(),
        option_value=total("option_value"),
        option_pnl=total(pl.when(paid).then("pnl").otherwise(0.0)),
        other_pnl=total(pl.when(paid).then(0.0).otherwise("pnl")),
    )
    moved = pl.col("option_value") + pl.col("option_pnl")
    discounted = pl.Series([row.discounted for row in model.grid], dtype=pl.Boolean).gather(columns["row"])
    columns = columns.with_columns(discount_factor=pl.when(discounted).then(_factor(model, moved)).otherwise(1.0))
    columns = columns.with_columns(pnl=pl.col("option_pnl") + moved * (pl.col("discount_factor") - 1.0) + pl.col("other_pnl"))
    rows = columns.sort(*EXPIRY, "row", "pnl", "column").unique([*EXPIRY, "row"], keep="first", maintain_order=True)
    return rows.with_columns(_of_rows(rows, model.grid)).with_columns(counted=pl.col("weight") * pl.col("counted"))


def _factor(model: PortfolioModel, value: pl.Expr) -> pl.Expr:
    """What `expiry_discount` multiplies a value by, before what a row leaves undiscounted."""
    rule = model.expiry_discount
    if rule is None:
        return pl.lit(1.0)
    years, rate = pl.col("years"), pl.col("rate").clip(0.0)

    def exponent(side: Discount) -> pl.Expr:
        return (side.rate_multiple * rate + side.rate_add) * years

    above = rule.positive.base * (-exponent(rule.positive)).exp()
    below = pl.lit(1.0) if rule.negative is None else pl.min_horizontal((rate * years).exp(), rule.negative.base * exponent(rule.negative).exp())
    return pl.when(value > 0).then(above).when(value < 0).then(below).otherwise(1.0)


def _of_rows(frame: pl.DataFrame, grid: tuple[GridRow, ...]) -> list[pl.Expr]:
    """`weight` of every row of the frame, and `counted` before it: P_T, its loss, or a loss of its size, as the row's `expiries` says."""
    each = {
        "weight": pl.Series([row.weight for row in grid], dtype=pl.Float64),
        "per_year": pl.Series([row.weight_per_year for row in grid], dtype=pl.Float64),
        "expiries": pl.Series([row.expiries for row in grid], dtype=pl.String),
    }
    weight, per_year, expiries = (pl.lit(series.gather(frame["row"])) for series in each.values())
    pnl = pl.col("pnl")
    counted = pl.when(expiries == "losses").then(pnl.clip(upper_bound=0.0)).when(expiries == "absolute").then(-pnl.abs()).otherwise(pnl)
    return [(weight + per_year * pl.col("years")).alias("weight"), counted.alias("counted")]


def row_moves(expiries: pl.DataFrame) -> pl.DataFrame:
    """The whole vector: per group and row its `pnl` P, the sum of what its expiries count."""
    return expiries.group_by(*GROUP, "row", maintain_order=True).agg(pnl=total("counted")).sort(*GROUP, "row")
