"""Positions at base and in a scenario: price, value and notional (section 3 of the methodology)."""

from __future__ import annotations

import polars as pl

_CONTRACTS_AT_MARK = pl.col("contract_size") * pl.col("quantity") * pl.col("mark")
_COST = pl.col("contract_size") * pl.col("cost")
_FUNDING = pl.col("funding") * pl.col("settle_value")

VALUE = (
    pl.when(pl.col("style").is_in(["spot", "paid option"]))
    .then(_CONTRACTS_AT_MARK * pl.col("quote_value"))
    .when(pl.col("style") == "linear")
    .then((_CONTRACTS_AT_MARK - _COST) * pl.col("quote_value") + _FUNDING)
    .when(pl.col("style") == "quanto")
    .then((_CONTRACTS_AT_MARK - _COST) * pl.col("settle_value") + _FUNDING)
    .otherwise((_COST - pl.col("contract_size") * pl.col("quantity") / pl.col("mark")) * pl.col("settle_value") + _FUNDING)
)
"""Value of a netted position in reporting currency, by its style."""


def value_positions(positions: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Every position in every scenario of `states`, with its figures at base (scenario 0, which must be among them) beside them.

    Adds `value`, `notional` (unsigned), and `base_mark`, `base_value`, `base_notional`. Rows keep the order of positions, then scenarios.
    """
    rows = positions.with_row_index("position").join(states, on="instrument", how="left", maintain_order="left_right")
    rows = rows.with_columns(VALUE.alias("value"), (pl.col("quantity").abs() * pl.col("unit_notional")).alias("notional"))
    base = rows.filter(pl.col("scenario") == 0).select("position", base_mark="mark", base_value="value", base_notional="notional")
    return rows.join(base, on="position", how="left", maintain_order="left")
