"""Forwards of options: the base forward and its carry, and the forward at a state."""

from __future__ import annotations

import polars as pl


def years_at() -> pl.Expr:
    """Time to expiry at a state in years: the base's, shortened by the horizon of scenarios with decay, not below zero."""
    return (pl.col("base_years") - pl.col("elapsed_years")).clip(lower_bound=0.0)


def forward_at() -> pl.Expr:
    """Forward at a state, in the currency of the strike.

    F(s) = R(s) * exp((c + dr) * T(s)) * (1 + basis), written from the base forward as
    F(0) * (R(s)/R(0)) * exp(c * (T(s) - T(0)) + dr * T(s)) * (1 + basis), so that the base is exact; dr is the change of the
    rate. An underlying that may be negative: (F(0) + R(s) - R(0)) * (1 + basis). Needs `years`, the time to expiry at the state.
    """
    growth = pl.col("carry") * (pl.col("years") - pl.col("base_years")) + (pl.col("rate") - pl.col("base_rate")) * pl.col("years")
    carried = pl.col("base_forward") * (pl.col("ratio") / pl.col("base_ratio")) * growth.exp()
    moved = pl.col("base_forward") + (pl.col("ratio") - pl.col("base_ratio"))
    return pl.when(pl.col("additive")).then(moved).otherwise(carried) * (1.0 + pl.col("basis"))


def base_forwards(options: pl.DataFrame, futures: pl.DataFrame) -> pl.DataFrame:
    """Adds `base_forward` and `carry` to the options, in their order.

    The forward comes from, in this order: the option's own `forward`; the mark of a dated future of the same underlying, currency of
    the strike and expiry (of several, the first by instrument id); R(0) * exp(r * T). The carry is c = ln(F(0)/R(0)) / T, zero where
    that is not defined: at expiry, where the forward is R(0), and where a price is not positive, where forwards move additively.

    Args:
        options: `underlying`, `strike_currency`, `expiry`, `forward`, `base_ratio`, `base_rate`, `base_years`.
        futures: `instrument_id`, `underlying`, `quote`, `expiry`, `mark_price` of every dated future.
    """
    key = ["underlying", "strike_currency", "expiry"]
    listed = (
        futures.sort("instrument_id")
        .rename({"quote": "strike_currency"})
        .unique(key, keep="first", maintain_order=True)
        .select(*key, future_mark="mark_price")
    )
    ratio, years, forward = pl.col("base_ratio"), pl.col("base_years"), pl.col("base_forward")
    grown = ratio * (pl.col("base_rate") * years).exp()
    quoted = pl.coalesce("forward", "future_mark")
    carry = pl.when(quoted.is_null()).then(pl.col("base_rate")).otherwise((forward / ratio).log() / years)
    return (
        options.join(listed, on=key, how="left", maintain_order="left")
        .with_columns(base_forward=pl.when(years > 0.0).then(pl.coalesce(quoted, grown)).otherwise(ratio))
        .with_columns(carry=pl.when((years > 0.0) & (ratio > 0.0) & (forward > 0.0)).then(carry).otherwise(0.0))
        .drop("future_mark")
    )
