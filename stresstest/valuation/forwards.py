"""The forward of an option at a state; the base forward and its carry come from `scenarios.option_terms`."""

from __future__ import annotations

import polars as pl


def years_at() -> pl.Expr:
    """Time to expiry at a state in years: the base's, shortened by the horizon of scenarios with decay, not below zero."""
    return (pl.col("base_years") - pl.col("elapsed_years")).clip(lower_bound=0.0)


def forward_at() -> pl.Expr:
    """Forward at a state, in the currency of the strike.

    F(s) = R(s) * exp((c + dr) * T(s)) * (1 + basis), written from the market's base forward as
    F(0) * (R(s)/R(0)) * exp(c * (T(s) - T(0)) + dr * T(s)) * (1 + basis), so that the base is exact; dr is the change of the
    rate. An underlying that may be negative: (F(0) + R(s) - R(0)) * (1 + basis). Of that, options settled at an average keep the share that
    was variable at base, and what was fixed is added. Needs `years`, the time to expiry at the state.
    """
    growth = pl.col("carry") * (pl.col("years") - pl.col("base_years")) + (pl.col("rate") - pl.col("base_rate")) * pl.col("years")
    carried = pl.col("market_forward") * (pl.col("ratio") / pl.col("base_ratio")) * growth.exp()
    moved = pl.col("market_forward") + (pl.col("ratio") - pl.col("base_ratio"))
    market = pl.when(pl.col("additive")).then(moved).otherwise(carried) * (1.0 + pl.col("basis"))
    return pl.col("variable_share") * market + pl.col("fixed_forward")


def carry_at(*, normal: bool) -> pl.Expr:
    """b*T = ln(F/S) of the forward at a state over its underlying S, for options that may be exercised into S.

    Written without F and S where they move in proportion, (c + dr)*T + ln(1 + basis), so that states in which only prices differ have
    the same carry to the last bit. Not defined, and not read, where a price is not above zero or vols are `normal`.
    """
    proportional = (pl.col("carry") + pl.col("rate") - pl.col("base_rate")) * pl.col("years") + pl.col("basis").log1p()
    return pl.lit(0.0) if normal else pl.when("additive").then((pl.col("forward") / pl.col("ratio")).log()).otherwise(proportional)
