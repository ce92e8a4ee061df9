from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from stresstest.valuation.black import intrinsic, time_value
from stresstest.valuation.implied import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    FOUND,
    NO_TIME_VALUE,
    NOT_POSITIVE,
    VOL_TOO_HIGH,
    ImpliedVols,
    imply_vols,
)


def priced(forward: float, strike: float, deviation: float, sign: float, normal: bool) -> float:
    frame = pl.DataFrame({"f": [forward], "k": [strike], "v": [deviation], "w": [sign]})
    value = intrinsic(pl.col("f"), pl.col("k"), pl.col("w")) + time_value(pl.col("f"), pl.col("k"), pl.col("v"), normal=normal)
    return float(frame.select(value).item())


def implied(price: float, forward: float, strike: float, sign: float, years: float, normal: bool = False) -> ImpliedVols:
    one = [np.array([x], dtype=float) for x in (price, forward, strike, sign, years)]
    return imply_vols(*one, normal=normal, max_vol=10.0)


@given(st.floats(0.01, 1e6), st.floats(-2.0, 2.0), st.floats(0.05, 3.0), st.floats(1e-3, 5.0), st.sampled_from([1.0, -1.0]), st.booleans())
def test_round_trip_from_vol_to_price_to_vol(forward: float, deviations: float, vol: float, years: float, sign: float, normal: bool) -> None:
    # Strikes up to two standard deviations away, where the price determines the vol well.
    spread = vol * math.sqrt(years)
    strike = forward * (math.exp(deviations * spread) if not normal else 1.0 + deviations * spread)
    absolute = vol * (forward if normal else 1.0)
    price = priced(forward, strike, absolute * math.sqrt(years), sign, normal)
    result = implied(price, forward, strike, sign, years, normal)
    assert result.outcome == (FOUND,)
    assert priced(forward, strike, float(result.vol[0]) * math.sqrt(years), sign, normal) == pytest.approx(price, rel=1e-13, abs=1e-15 * abs(forward))
    if spread < 3.0:
        assert result.vol[0] == pytest.approx(absolute, rel=1e-8)


@pytest.mark.parametrize("normal", [False, True])
def test_a_thousand_vols_agree_with_quantlib(normal: bool) -> None:
    random = np.random.default_rng(5)
    forward = random.uniform(10.0, 5_000.0, 1_000)
    years, vol = random.uniform(0.02, 2.0, 1_000), random.uniform(0.1, 1.5, 1_000) * (forward if normal else 1.0)
    sign = np.where(random.random(1_000) < 0.5, 1.0, -1.0)
    strike = forward * np.exp(random.normal(0.0, 0.15, 1_000))
    formula = QuantLib.bachelierBlackFormula if normal else QuantLib.blackFormula
    price = np.array(
        [
            formula(QuantLib.Option.Call if w > 0 else QuantLib.Option.Put, float(k), float(f), float(v))
            for w, k, f, v in zip(sign, strike, forward, vol * np.sqrt(years), strict=True)
        ]
    )
    result = imply_vols(price, forward, strike, sign, years, normal=normal, max_vol=10.0)
    worth = price - np.maximum(sign * (forward - strike), 0.0) > 1e-4 * forward  # below it the price hardly depends on the vol
    assert worth.sum() > 900
    assert result.vol[worth] == pytest.approx(vol[worth], rel=1e-9)


@pytest.mark.parametrize(
    ("price", "forward", "strike", "sign", "years", "outcome"),
    [
        (10.0, 100.0, 100.0, 1.0, 0.0, EXPIRED),
        (9.0, 110.0, 100.0, 1.0, 0.5, BELOW_INTRINSIC),
        (-1.0, 100.0, 100.0, 1.0, 0.5, BELOW_INTRINSIC),
        (10.0, 110.0, 100.0, 1.0, 0.5, NO_TIME_VALUE),
        (0.0, 100.0, 120.0, 1.0, 0.5, NO_TIME_VALUE),
        (100.0, 100.0, 90.0, 1.0, 0.5, ABOVE_BOUND),
        (120.0, 100.0, 90.0, -1.0, 0.5, ABOVE_BOUND),
        (99.0, 100.0, 100.0, 1.0, 0.001, VOL_TOO_HIGH),
        (3.0, -5.0, 20.0, 1.0, 0.5, NOT_POSITIVE),
    ],
)
def test_marks_without_a_vol_say_why(price: float, forward: float, strike: float, sign: float, years: float, outcome: str) -> None:
    result = implied(price, forward, strike, sign, years)
    assert result.outcome == (outcome,)
    assert math.isnan(result.vol[0])


def test_normal_vol_at_the_money_and_on_negative_prices() -> None:
    at_the_money = implied(4.0, -37.63, -37.63, -1.0, 0.25, normal=True)
    assert at_the_money.vol[0] == pytest.approx(4.0 * math.sqrt(2.0 * math.pi) / 0.5, rel=1e-14)
