"""Marks and unit values at a state, elementwise.

`linear_mark`, `additive_mark`, `unit_value` and the like use plain arithmetic only, so the same lines serve arrays of
instruments x scenarios and expressions over a frame with one state a row. Options need branches and are expressions.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.valuation.black import intrinsic, time_value, time_value_bound
from stresstest.valuation.forwards import forward_at, years_at

Operand = TypeVar("Operand", pl.Expr, npt.NDArray[np.float64])

MAX_VOL = 10.0
"""Largest lognormal vol, annualised decimal (docs/methodology.md section 2)."""


def linear_mark(mark_price: Operand, ratio: Operand, base_ratio: Operand, basis: Operand) -> Operand:
    """M(s) = M(0) * (R(s)/R(0)) * (1 + basis), R = S_u / X_quote. The bracket makes the base exact: R/R = 1."""
    return mark_price * (ratio / base_ratio) * (1.0 + basis)


def additive_mark(mark_price: Operand, ratio: Operand, base_ratio: Operand, basis: Operand) -> Operand:
    """M(s) = (M(0) + (R(s) - R(0))) * (1 + basis), for an underlying whose price may be negative."""
    return (mark_price + (ratio - base_ratio)) * (1.0 + basis)


def unit_value(contract_size: Operand, money: Operand, mark: Operand) -> Operand:
    """Value of one contract at its mark, reporting currency: cs*X*M, X of the quote asset, quanto of the settle asset."""
    return contract_size * money * mark


def inverse_unit_value(contract_size: Operand, money: Operand, mark: Operand) -> Operand:
    """Value of one inverse contract against its cost sum(q/e), reporting currency: -cs*X_settle/M."""
    return -(contract_size * money) / mark


def unit_cost(cost_sign: Operand, contract_size: Operand, money: Operand) -> Operand:
    """What one unit of cost is worth, reporting currency: sign*cs*X, sign -1; inverse +1; spot and paid option 0."""
    return cost_sign * (contract_size * money)


def unit_notional(value: Operand) -> Operand:
    """Unsigned notional of one contract that is neither inverse nor an option, reporting currency: its value cs*|M|*X."""
    return abs(value)


def inverse_unit_notional(contract_size: Operand, quote: Operand) -> Operand:
    """Notional of one inverse contract, reporting currency: cs*X_quote, a fixed amount of money."""
    return contract_size * quote


def shocked_vol() -> pl.Expr:
    """Stressed vol before its clamp: a * base vol + b."""
    return pl.col("vol_scale") * pl.col("base_vol") + pl.col("vol_shift")


def clamped_vol(*, normal: bool) -> pl.Expr:
    """Stressed vol: at least 0, lognormal at most `MAX_VOL` (a normal vol is in units of price: no upper clamp)."""
    return shocked_vol().clip(0.0, None if normal else MAX_VOL)


def price_scale(forward: pl.Expr, rate: pl.Expr, years: pl.Expr) -> pl.Expr:
    """What an undiscounted price in the currency of the strike is multiplied by: D = exp(-r*T), margined 1, inverse 1/F (coin)."""
    discount = (-(pl.col("discounting") * rate) * years).exp()
    return pl.when(pl.col("inverse")).then(1.0 / forward).otherwise(discount)


def option_steps(*, normal: bool) -> tuple[tuple[pl.Expr, ...], ...]:
    """The columns that turn terms and states into marks of options, all lognormal or all `normal`, in the order in which they are added to a frame.

    Price in quote units = scale * (intrinsic + time value). The time value, with the option's constant offset, stays inside its
    no-arbitrage bounds; at and after expiry it is zero. Where nothing that an option depends on differs from the base, to the
    last bit, its mark is the base mark.
    """
    forward, strike, years, scale = (pl.col(name) for name in ("forward", "strike", "years", "scale"))
    free = time_value(forward, strike, pl.col("vol") * years.sqrt(), normal=normal) + pl.col("offset") / scale
    bound = time_value_bound(forward, strike, normal=normal)
    vol = clamped_vol(normal=normal)
    still = (
        (forward == pl.col("base_forward"))
        & (pl.col("vol") == pl.col("base_vol"))
        & (years == pl.col("base_years"))
        & (pl.col("rate") == pl.col("base_rate"))
    )
    bounded = pl.when(years > 0.0).then(pl.col("free").clip(0.0, pl.col("bound"))).otherwise(0.0)
    moved = scale * (intrinsic(forward, strike, pl.col("sign")) + bounded)
    outside = (pl.col("free") < 0.0) | (pl.col("free") > pl.col("bound"))
    return (
        (years_at().alias("years"), vol.alias("vol"), (vol != shocked_vol()).alias("vol_clamped")),
        (forward_at().alias("forward"),),
        (price_scale(forward, pl.col("rate"), years).alias("scale"),),
        (free.alias("free"), bound.alias("bound"), still.alias("still")),
        (pl.when("still").then("mark_price").otherwise(moved).alias("mark"), ((years > 0.0) & ~pl.col("still") & outside).alias("price_clamped")),
    )
