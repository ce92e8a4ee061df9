"""European options on a forward as column expressions: Black-76 and Bachelier, split into intrinsic and time value.

Every price here is undiscounted, per unit of the underlying, in the currency of the strike, and built as

    price = intrinsic + time value,    intrinsic = max(w*(F - K), 0),    w = +1 call, -1 put.

The time value is that of the option out of the money, the same for call and put. So put-call parity and the lower no-arbitrage
bound hold by construction, and a deep option in the money does not lose its time value to cancellation.

`deviation` is the total standard deviation to expiry, `vol * sqrt(T)`: of log F for Black-76, of F itself for Bachelier.

Sources: F. Black, The pricing of commodity contracts, Journal of Financial Economics 3 (1976); L. Bachelier, Théorie de la
spéculation (1900).
"""

from __future__ import annotations

import math

import polars as pl
from scipy import special


def normal_cdf(x: pl.Expr) -> pl.Expr:
    """The standard normal distribution function N(x), to full double precision in both tails."""
    return x.map_batches(_normal_cdf, return_dtype=pl.Float64, is_elementwise=True)


def normal_density(x: pl.Expr) -> pl.Expr:
    """The standard normal density exp(-x^2/2) / sqrt(2*pi)."""
    return (-0.5 * x * x).exp() / math.sqrt(2.0 * math.pi)


def intrinsic(forward: pl.Expr, strike: pl.Expr, sign: pl.Expr) -> pl.Expr:
    """The value of exercising against the forward: max(w*(F - K), 0), `sign` w = +1 call, -1 put."""
    return (sign * (forward - strike)).clip(lower_bound=0.0)


def black_time_value(forward: pl.Expr, strike: pl.Expr, deviation: pl.Expr) -> pl.Expr:
    """Time value under Black-76: a*N(h + v/2) - b*N(h - v/2), a = min(F, K), b = max(F, K), h = -|ln(F/K)|/v.

    Zero where v <= 0, and where F or K is not positive: the limit F -> 0+ leaves the intrinsic value alone.
    """
    low, high = pl.min_horizontal(forward, strike), pl.max_horizontal(forward, strike)
    distance = -(forward / strike).log().abs() / deviation
    value = low * normal_cdf(distance + 0.5 * deviation) - high * normal_cdf(distance - 0.5 * deviation)
    return pl.when((low > 0.0) & (deviation > 0.0)).then(value.clip(lower_bound=0.0)).otherwise(0.0)


def bachelier_time_value(forward: pl.Expr, strike: pl.Expr, deviation: pl.Expr) -> pl.Expr:
    """Time value under Bachelier: v*n(d) - m*N(-d), m = |F - K|, d = m/v; zero where v <= 0. F and K may have either sign."""
    moneyness = (forward - strike).abs()
    distance = moneyness / deviation
    value = deviation * normal_density(distance) - moneyness * normal_cdf(-distance)
    return pl.when(deviation > 0.0).then(value.clip(lower_bound=0.0)).otherwise(0.0)


def time_value(forward: pl.Expr, strike: pl.Expr, deviation: pl.Expr, *, normal: bool) -> pl.Expr:
    """Time value under Bachelier if `normal`, else under Black-76."""
    return (bachelier_time_value if normal else black_time_value)(forward, strike, deviation)


def time_value_bound(forward: pl.Expr, strike: pl.Expr, *, normal: bool) -> pl.Expr:
    """The most that a time value can be without arbitrage: min(F, K), not below zero; no bound for normal vols.

    With the intrinsic value it gives the usual bounds: a call is worth between max(F - K, 0) and F, a put between max(K - F, 0) and K.
    """
    return pl.lit(math.inf) if normal else pl.min_horizontal(forward, strike).clip(lower_bound=0.0)


def _normal_cdf(values: pl.Series) -> pl.Series:
    return pl.Series(values.name, special.ndtr(values.to_numpy()), dtype=pl.Float64)
