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


MEAN_ENTRY = (
    pl.when((pl.col("quantity") == 0) | (pl.col("cost") == 0))
    .then(None)
    .when(pl.col("style") == "inverse")
    .then(pl.col("quantity") / pl.col("cost"))
    .otherwise(pl.col("cost") / pl.col("quantity"))
)
"""The one entry price that gives the cost of all lots: C/Q, inverse Q/C; none where the lots cancel."""

_AT_BASE = ("quote_value", "settle_value", "forward", "vol")


def value_positions(positions: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Every position in every scenario of `states`, with its figures at base (scenario 0, which must be among them) beside them.

    Adds `value`, `notional` (unsigned), `mean_entry`, and `base_mark`, `base_value`, `base_notional` with the X of the currencies, forward and
    vol at base. Rows keep the order of positions, then scenarios.
    """
    rows = positions.with_row_index("position").join(states, on="instrument", how="left", maintain_order="left_right")
    notional = pl.col("quantity").abs() * pl.col("unit_notional")
    rows = rows.with_columns(VALUE.alias("value"), notional.alias("notional"), MEAN_ENTRY.alias("mean_entry"))
    base = rows.filter(pl.col("scenario") == 0).select(
        "position", base_mark="mark", base_value="value", base_notional="notional", **{f"base_{name}": name for name in _AT_BASE}
    )
    return rows.join(base, on="position", how="left", maintain_order="left")
