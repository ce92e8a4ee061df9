"""Marks and unit values at a state, elementwise.

`linear_mark`, `additive_mark`, `unit_value` and the like use plain arithmetic only, so the same lines serve arrays of
instruments x scenarios and expressions over a frame with one state a row. Options need branches and are expressions.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.valuation.american import american_price
from stresstest.valuation.black import intrinsic, time_value, time_value_bound
from stresstest.valuation.forwards import carry_at, forward_at, years_at

Floats = npt.NDArray[np.float64]

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


def marked(
    mark_price: Floats, contract_size: Floats, base_ratio: Floats, underlying: Floats, quote: Floats, money: Floats, basis: Floats,
    *, additive: bool, inverse: bool,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Mark and value of one contract of what is no option: `underlying`, `quote` and `money` are X of these assets."""
    inputs = (mark_price, underlying / quote, base_ratio, basis)
    mark = additive_mark(*inputs) if additive else linear_mark(*inputs)
    return mark, inverse_unit_value(contract_size, money, mark) if inverse else unit_value(contract_size, money, mark)


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


def european_price(*, normal: bool) -> pl.Expr:
    """scale * (intrinsic + time value), quote units. Reads `forward`, `strike`, `sign`, `scale` and `deviation`."""
    forward, strike = pl.col("forward"), pl.col("strike")
    return pl.col("scale") * (intrinsic(forward, strike, pl.col("sign")) + time_value(forward, strike, pl.col("deviation"), normal=normal))


def exercise_price() -> pl.Expr:
    """What exercising an option now gives, quote units: max(w*(S - K), 0), of coin options divided by S."""
    spot = pl.col("ratio")
    return intrinsic(spot, pl.col("strike"), pl.col("sign")) / pl.when("inverse").then(spot).otherwise(1.0)


def american_model(*, normal: bool) -> pl.Expr:
    """The price of American options, a struct as `american_price` says: on the underlying R, with the carry of the forward."""
    rate = pl.col("discounting") * pl.col("rate") * pl.col("years")
    return american_price(european_price(normal=normal), exercise_price(), pl.col("ratio"), rate, carry_at(normal=normal), normal=normal)


Steps = tuple[tuple[pl.Expr, ...], ...]


def option_steps(*, normal: bool, american: bool) -> Steps:
    """The columns that turn terms and states into marks of options, in the order in which they are added to a frame: all lognormal or all
    `normal`, all `american` or all European.

    Where nothing that an option depends on differs from the base, to the last bit, its mark is the base mark.
    """
    vol = clamped_vol(normal=normal)
    forward, years = pl.col("forward"), pl.col("years")
    still = (
        (forward == pl.col("base_forward"))
        & (pl.col("vol") == pl.col("base_vol"))
        & (years == pl.col("base_years"))
        & (pl.col("rate") == pl.col("base_rate"))
    )
    return (
        (years_at().alias("years"), vol.alias("vol"), (vol != shocked_vol()).alias("vol_clamped")),
        (forward_at().alias("forward"), (pl.col("vol") * years.sqrt()).alias("deviation")),
        (price_scale(forward, pl.col("rate"), years).alias("scale"),),
        # An American option depends on its underlying too, not on the forward alone.
        ((still & (pl.col("ratio") == pl.col("base_ratio")) if american else still).alias("still"),),
        *(_american_steps if american else _european_steps)(normal=normal),
    )


def _european_steps(*, normal: bool) -> Steps:
    """Price in quote units = scale * (intrinsic + time value). The time value, with the option's constant offset, stays inside its
    no-arbitrage bounds; at and after expiry it is zero."""
    forward, strike, years, scale = (pl.col(name) for name in ("forward", "strike", "years", "scale"))
    free = time_value(forward, strike, pl.col("deviation"), normal=normal) + pl.col("offset") / scale
    bound = time_value_bound(forward, strike, normal=normal)
    bounded = pl.when(years > 0.0).then(pl.col("free").clip(0.0, pl.col("bound"))).otherwise(0.0)
    moved = scale * (intrinsic(forward, strike, pl.col("sign")) + bounded)
    outside = (pl.col("free") < 0.0) | (pl.col("free") > pl.col("bound"))
    return (
        (free.alias("free"), bound.alias("bound")),
        (pl.when("still").then("mark_price").otherwise(moved).alias("mark"), ((years > 0.0) & ~pl.col("still") & outside).alias("price_clamped")),
    )


def _american_steps(*, normal: bool) -> Steps:
    """The American price with the option's constant offset, at least what exercise now or at expiry gives, at most its bound; at and
    after expiry it is the intrinsic value."""
    years, floor = pl.col("years"), pl.col("floor")
    at_expiry = pl.col("scale") * intrinsic(pl.col("forward"), pl.col("strike"), pl.col("sign"))
    free, bound = pl.col("model").struct.field("value") + pl.col("offset"), pl.max_horizontal(pl.col("model").struct.field("bound"), floor)
    moved = pl.when(years > 0.0).then(pl.col("free").clip(floor, pl.col("bound"))).otherwise(at_expiry)
    outside = (pl.col("free") < floor) | (pl.col("free") > pl.col("bound"))
    return (
        (american_model(normal=normal).alias("model"), pl.max_horizontal(at_expiry, exercise_price()).alias("floor")),
        (free.alias("free"), bound.alias("bound")),
        (pl.when("still").then("mark_price").otherwise(moved).alias("mark"), ((years > 0.0) & ~pl.col("still") & outside).alias("price_clamped")),
    )
