"""American options: a European price, and what the right to exercise before expiry adds.

Every American option here is a put in other units (*put form*): strike 1, time to expiry 1, an underlying x that pays dividends q, interest r, total
standard deviation v. With S the underlying, K the strike, b the carry of the forward F = S*exp(b*T) and r the rate that premiums are discounted at:

    option                            unit      x            r          q          v
    put                               K         S/K          r*T        (r-b)*T    vol*sqrt(T)
    call (exchange S and K)           S         K/S          (r-b)*T    r*T        vol*sqrt(T)
    normal vol, put (call: w = +1)    1e4*v     1-w*(S-K)/u  r*T        r*T-b'     1e-4

A margined option has r = 0, because its premium earns nothing; a coin option has r = b (the coin earns nothing) and its value is divided
by S. A normal vol is the limit of a lognormal one far above zero: a unit u of 1e4 standard deviations (or 1e4 times |F - S|, if that is
more) away from it the two differ by some 1e-4 of the premium of early exercise alone; b' = ln(1 - w*(F - S)/u).

In put form early exercise is worth nothing if r <= 0 and q >= r: no interest to gain. That is the call whose underlying pays nothing, the option on a
future that is margined, the put at rates of zero on an underlying without carry: they are European, to the last bit. If r < 0 and q < r there are two
boundaries (`exercise_tree`), else one (`exercise_boundary`).

The value is at least that of the European option, of exercise now, and of exercise at the best time if nothing moved but the drift
(which is all there is at a vol of zero); at most the unit, or the unit with the interest of negative rates.

Sources: R. McDonald, M. Schroder, A parity result for American options, Journal of Computational Finance 1 (1998), for calls as puts;
those of the two modules.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.valuation.exercise_boundary import Boundaries, boundary_now, boundary_premium, solve_boundaries
from stresstest.valuation.exercise_tree import tree_premium

Floats = npt.NDArray[np.float64]

FAR = 1e4
"""Standard deviations from zero at which a lognormal stands for a normal vol."""


@dataclass(frozen=True)
class PutForm:
    """See above: `moneyness` x, `rate` r, `dividend` q, `deviation` v, all over the time to expiry; `unit` in quote units of the option."""

    moneyness: Floats
    rate: Floats
    dividend: Floats
    deviation: Floats
    unit: Floats


def american_price(european: pl.Expr, exercise: pl.Expr, spot: pl.Expr, rate: pl.Expr, carry: pl.Expr, *, normal: bool) -> pl.Expr:
    """The price of American options as a struct of `value` and `bound`, the most that it can be; quote units.

    Reads `forward`, `strike`, `sign`, `inverse`, `deviation` (vol*sqrt(T)).

    Args:
        european: the price of the European option, quote units.
        exercise: what exercise now gives, quote units.
        spot: S, in the currency of the strike.
        rate: r*T at which premiums are discounted: 0 for margined and coin options.
        carry: b*T, ln(F/S).
        normal: Bachelier instead of Black-76.
    """
    columns = pl.struct(
        "forward", "strike", "sign", "inverse", "deviation",
        european=european, exercise=exercise, spot=spot, rate=rate, carry=carry,
    )  # fmt: skip
    kind = pl.Struct({"value": pl.Float64, "bound": pl.Float64})
    return columns.map_batches(lambda series: _price(series.struct.unnest(), normal=normal), return_dtype=kind, is_elementwise=True)


def _price(frame: pl.DataFrame, *, normal: bool) -> pl.Series:
    # A row whose prices are not above zero, or that is far out of any range, has no put form: it is European or exercised at once, without a bound.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        form = (_normal_form if normal else _lognormal_form)(frame)
        european = frame["european"].to_numpy()
        # In theory the European price is not above it: here it may be, by a last digit.
        bound = np.maximum(form.unit * np.maximum(1.0, np.exp(-form.rate)), european)
        value = american_values(european, frame["exercise"].to_numpy(), form)
    bound = np.full(frame.height, np.inf) if normal else np.where(np.isfinite(bound) & (form.moneyness > 0.0), bound, np.inf)
    return pl.DataFrame({"value": np.minimum(value, bound), "bound": bound}).to_struct("price")


def _lognormal_form(frame: pl.DataFrame) -> PutForm:
    spot, strike, carry = (frame[name].to_numpy() for name in ("spot", "strike", "carry"))
    call, inverse = frame["sign"].to_numpy() > 0.0, frame["inverse"].to_numpy()
    rate = np.where(inverse, carry, frame["rate"].to_numpy())
    dividend = rate - carry
    unit = np.where(call, spot, strike)
    return PutForm(
        moneyness=np.where(frame["forward"].to_numpy() > 0.0, np.where(call, strike / spot, spot / strike), np.nan),
        rate=np.where(call, dividend, rate),
        dividend=np.where(call, rate, dividend),
        deviation=frame["deviation"].to_numpy(),
        unit=np.where(inverse, unit / spot, unit),
    )


def _normal_form(frame: pl.DataFrame) -> PutForm:
    spot, forward, strike, sign, rate, deviation = (frame[name].to_numpy() for name in ("spot", "forward", "strike", "sign", "rate", "deviation"))
    gap = sign * (forward - spot)
    unit = FAR * np.maximum(deviation, np.abs(gap))
    # An option in the money by more than its unit is as good as exercised.
    return PutForm(np.maximum(1.0 - sign * (spot - strike) / unit, 1e-12), rate, rate - np.log1p(-gap / unit), deviation / unit, unit)


def american_values(european: Floats, exercise: Floats, form: PutForm) -> Floats:
    """The American price of every option, quote units; elementwise: equal figures give equal bits, whatever else is in the arrays.

    Args:
        european: the European price, quote units.
        exercise: what exercise now gives, quote units.
        form: the options in put form. One with a figure that is not finite, or x or the unit not above zero, is the larger of the two prices.
    """
    x, r, q, v = form.moneyness, form.rate, form.dividend, form.deviation
    formed = np.isfinite(x) & np.isfinite(r) & np.isfinite(q) & np.isfinite(v) & (x > 0.0) & (form.unit > 0.0)
    gains = formed & ((r > 0.0) | (q < r))
    value = np.where(formed, european, np.maximum(european, exercise))
    rows = np.flatnonzero(gains)
    if len(rows):
        of_rows = PutForm(x[rows], r[rows], q[rows], v[rows], form.unit[rows])
        early = european[rows] + of_rows.unit * _premium(of_rows)
        certain = of_rows.unit * _without_moves(of_rows)
        value[rows] = np.maximum.reduce([early, certain, european[rows], exercise[rows]])
    return value


def _premium(form: PutForm) -> Floats:
    """What early exercise adds, in units; minus infinity where the option is exercised at once, so that it is worth what exercise gives."""
    premium = np.zeros(len(form.moneyness))
    moves = form.deviation > 0.0
    two = moves & (form.rate < 0.0)
    rows = np.flatnonzero(two)
    if len(rows):
        premium[rows] = tree_premium(form.moneyness[rows], form.rate[rows], form.dividend[rows], form.deviation[rows])
    rows = np.flatnonzero(moves & ~two)
    if len(rows):
        figures = form.rate[rows], form.dividend[rows], form.deviation[rows]
        boundaries = _shared_boundaries(*figures)
        added = boundary_premium(form.moneyness[rows], *figures, boundaries)
        premium[rows] = np.where(form.moneyness[rows] <= boundary_now(boundaries), -np.inf, added)
    return premium


def _shared_boundaries(rate: Floats, dividend: Floats, deviation: Floats) -> Boundaries:
    """The boundary of every option, solved once for options that share their figures: an option does in all states that move its underlying alone."""
    order = np.lexsort((deviation, dividend, rate))
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = False
    for figures in (rate, dividend, deviation):
        new[1:] |= figures[order][1:] != figures[order][:-1]
    first = order[new]
    which = np.empty(len(order), dtype=np.intp)
    which[order] = np.cumsum(new) - 1
    solved = solve_boundaries(rate[first], dividend[first], deviation[first])
    return Boundaries(solved.start[which], solved.squares[:, which])


def _without_moves(form: PutForm) -> Floats:
    """exp(-r*t) - x*exp(-q*t) at the best t inside the life of the option, in units: what exercise gives for certain at a vol of zero."""
    x, r, q = form.moneyness, form.rate, form.dividend
    best = np.log(r / (q * x)) / (r - q)
    value: Floats = np.where((best > 0.0) & (best < 1.0), np.exp(-r * best) - x * np.exp(-q * best), -np.inf)
    return value
