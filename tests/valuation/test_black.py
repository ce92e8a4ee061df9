"""Prices against QuantLib, and the laws that any option price obeys.

Metric: |ours - theirs| <= 1e-9 * max(theirs, 1e-6 * D * max(|F|, K)): relative, with a floor at a millionth of the underlying, below which
a formula that subtracts two figures of the size of F (theirs does) has no nine digits to compare.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from stresstest.valuation.black import intrinsic, normal_cdf, time_value, time_value_bound

OPTIONS = 2_000


def prices(forward: Any, strike: Any, deviation: Any, sign: Any, normal: bool) -> pl.DataFrame:
    """Undiscounted price, intrinsic value and upper bound."""
    forward, strike, deviation, sign = np.broadcast_arrays(*(np.atleast_1d(np.asarray(x, dtype=float)) for x in (forward, strike, deviation, sign)))
    frame = pl.DataFrame({"f": forward, "k": strike, "v": deviation, "w": sign})
    lower = intrinsic(pl.col("f"), pl.col("k"), pl.col("w"))
    return frame.select(
        price=lower + time_value(pl.col("f"), pl.col("k"), pl.col("v"), normal=normal),
        lower=lower,
        upper=lower + time_value_bound(pl.col("f"), pl.col("k"), normal=normal),
    )


def price(forward: float, strike: float, deviation: float, sign: float, normal: bool = False) -> float:
    return float(prices(forward, strike, deviation, sign, normal)["price"][0])


@pytest.mark.parametrize("normal", [False, True])
@pytest.mark.parametrize("discounted", [False, True])
def test_two_thousand_random_options_agree_with_quantlib(normal: bool, discounted: bool) -> None:
    random = np.random.default_rng(20_261_120)
    forward = np.exp(random.uniform(math.log(0.01), math.log(1e5), OPTIONS))
    strike = forward * np.exp(random.normal(0.0, 0.4, OPTIONS))
    sign = np.where(random.random(OPTIONS) < 0.5, 1.0, -1.0)
    years, vol = random.uniform(1 / 365, 3.0, OPTIONS), random.uniform(0.05, 2.5, OPTIONS)
    discount = np.exp(-random.uniform(-0.01, 0.15, OPTIONS) * years) if discounted else np.ones(OPTIONS)
    deviation = (forward if normal else 1.0) * vol * np.sqrt(years)
    ours = discount * prices(forward, strike, deviation, sign, normal)["price"].to_numpy()
    formula = QuantLib.bachelierBlackFormula if normal else QuantLib.blackFormula
    theirs = np.array(
        [
            formula(QuantLib.Option.Call if w > 0 else QuantLib.Option.Put, float(k), float(f), float(v), float(d))
            for f, k, v, w, d in zip(forward, strike, deviation, sign, discount, strict=True)
        ]
    )
    error = np.abs(ours - theirs) / np.maximum(theirs, 1e-6 * discount * np.maximum(forward, strike))
    assert error.max() < 1e-9


@pytest.mark.parametrize(
    ("forward", "strike", "deviation", "sign", "expected"),
    [
        # Hull, Options, Futures and Other Derivatives, ch. 18: put on crude futures 20, strike 20, r 9 %, 4 months, vol 25 %: 1.12.
        (20.0, 20.0, 0.25 * math.sqrt(4 / 12), -1.0, 1.12 / math.exp(-0.09 * 4 / 12)),
        # References D3: straddle S = K = 100, T = 0.25, vol 20 %: 7.975522335348984, half of it each side.
        (100.0, 100.0, 0.1, 1.0, 7.975522335348984 / 2.0),
    ],
)
def test_published_prices(forward: float, strike: float, deviation: float, sign: float, expected: float) -> None:
    tolerance = 0.005 if forward == 20.0 else 1e-12
    assert price(forward, strike, deviation, sign) == pytest.approx(expected, abs=tolerance)


def test_normal_distribution_keeps_its_digits_in_the_tail() -> None:
    # Abramowitz and Stegun 26.2 table: N(-10) = 7.61985302416e-24.
    tail = pl.DataFrame({"x": [-10.0, 0.0]}).select(normal_cdf(pl.col("x"))).to_series()
    assert tail.to_list() == [pytest.approx(7.619853024160527e-24, rel=1e-12), 0.5]


@pytest.mark.parametrize(
    ("forward", "strike", "deviation"), [(100.0, 90.0, 0.0), (0.0, 90.0, 0.5), (-5.0, 90.0, 0.5), (100.0, 0.0, 0.5), (-5.0, -7.0, 0.5)]
)
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_nothing_but_intrinsic_value_without_vol_or_a_positive_forward_and_strike(
    forward: float, strike: float, deviation: float, sign: float
) -> None:
    assert price(forward, strike, deviation, sign) == max(sign * (forward - strike), 0.0)


POSITIVE = st.floats(0.01, 1e6)
DEVIATION = st.floats(0.0, 5.0)
SIGN = st.sampled_from([1.0, -1.0])


@given(POSITIVE, st.floats(0.05, 20.0), DEVIATION, st.booleans())
def test_put_call_parity(forward: float, moneyness: float, deviation: float, normal: bool) -> None:
    strike, spread = forward * moneyness, deviation * (forward if normal else 1.0)
    call, put = (price(forward, strike, spread, sign, normal) for sign in (1.0, -1.0))
    assert call - put == pytest.approx(forward - strike, abs=1e-12 * max(forward, strike))


@given(POSITIVE, st.floats(0.05, 20.0), DEVIATION, SIGN, st.booleans())
def test_prices_stay_inside_the_no_arbitrage_bounds(forward: float, moneyness: float, deviation: float, sign: float, normal: bool) -> None:
    row = prices(forward, forward * moneyness, deviation * (forward if normal else 1.0), sign, normal).row(0, named=True)
    assert row["lower"] <= row["price"] <= row["upper"] * (1.0 + 1e-15)
    if not normal:
        assert row["upper"] == pytest.approx(forward if sign > 0 else forward * moneyness, rel=1e-14)


@given(POSITIVE, st.floats(0.05, 20.0), DEVIATION, st.floats(0.0, 1.0), SIGN, st.booleans())
def test_more_vol_is_never_worth_less(forward: float, moneyness: float, deviation: float, more: float, sign: float, normal: bool) -> None:
    scale = forward if normal else 1.0
    less, greater = (price(forward, forward * moneyness, v * scale, sign, normal) for v in (deviation, deviation + more))
    assert greater >= less - 1e-13 * forward * (1.0 + moneyness)


@given(POSITIVE, st.floats(0.05, 20.0), DEVIATION, st.floats(0.0, 2.0), st.booleans())
def test_calls_rise_and_puts_fall_with_the_forward(strike: float, moneyness: float, deviation: float, rise: float, normal: bool) -> None:
    low, high = strike * moneyness, strike * moneyness * (1.0 + rise)
    spread = deviation * (strike if normal else 1.0)
    slack = 1e-13 * (high + strike)
    assert price(high, strike, spread, 1.0, normal) >= price(low, strike, spread, 1.0, normal) - slack
    assert price(high, strike, spread, -1.0, normal) <= price(low, strike, spread, -1.0, normal) + slack


@given(POSITIVE, st.floats(0.05, 20.0), DEVIATION, SIGN)
def test_price_scales_with_the_unit_of_money(forward: float, moneyness: float, deviation: float, sign: float) -> None:
    one, many = (price(unit * forward, unit * forward * moneyness, deviation, sign) for unit in (1.0, 1024.0))
    assert many == pytest.approx(1024.0 * one, rel=1e-12, abs=1e-12 * forward)
