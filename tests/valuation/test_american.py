"""American options: QuantLib, an additive tree, published figures, and the laws that any model keeps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st
from valuation.builders import CRYPTO, OPTION, book, in_years, states

from stresstest.valuation.marks import american_model, european_price, exercise_price
from stresstest.valuation.value import value_instruments

Floats = npt.NDArray[np.float64]


def options(**columns: Any) -> pl.DataFrame:
    """Options at a state: American puts at the money on 100, half a year, vol 0.3, rate 5 %, no carry, unless said otherwise."""
    defaults = {
        "spot": 100.0, "strike": 100.0, "sign": -1.0, "rate": 0.05, "carry": 0.0, "years": 0.5, "vol": 0.3,
        "inverse": False, "additive": False, "discounting": 1.0, "basis": 0.0,
    }  # fmt: skip
    count = max(np.size(figure) for figure in columns.values())
    frame = pl.DataFrame({name: np.broadcast_to(columns.get(name, default), count) for name, default in defaults.items()})
    frame = frame.with_columns(pl.col("sign", "spot", "strike", "rate", "carry", "years", "vol").cast(pl.Float64))
    years, forward = pl.col("years"), pl.col("spot") * (pl.col("carry") * pl.col("years")).exp()
    forward = pl.when("additive").then(pl.col("spot") + pl.col("carry")).otherwise(forward)  # additive: the carry is F - S
    discount = (-pl.col("discounting") * pl.col("rate") * years).exp()
    return frame.with_columns(
        ratio="spot",
        forward=forward,
        base_rate="rate",
        deviation=pl.col("vol") * years.sqrt(),
        scale=pl.when("inverse").then(1 / forward).otherwise(discount),
    )


def american(frame: pl.DataFrame, *, normal: bool = False) -> Floats:
    return frame.select(american_model(normal=normal).struct.field("value")).to_series().to_numpy()


def european(frame: pl.DataFrame, *, normal: bool = False) -> Floats:
    return frame.select(european_price(normal=normal)).to_series().to_numpy()


def quantlib(frame: pl.DataFrame, engine: Any) -> Floats:
    """Prices of QuantLib, one option a call. Its time to expiry is a year: rates and vols are scaled to it, so that any time is met exactly."""
    today, counter = QuantLib.Date(1, 1, 2026), QuantLib.Actual365Fixed()
    QuantLib.Settings.instance().evaluationDate = today
    rate, dividend, vol, spot = (QuantLib.SimpleQuote(1.0) for _ in range(4))

    def curve(quote: Any) -> Any:
        return QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, QuantLib.QuoteHandle(quote), counter))

    flat = QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), QuantLib.QuoteHandle(vol), counter)
    process = QuantLib.BlackScholesMertonProcess(QuantLib.QuoteHandle(spot), curve(dividend), curve(rate), QuantLib.BlackVolTermStructureHandle(flat))
    prices = []
    for row in frame.iter_rows(named=True):
        spot.setValue(row["spot"])
        rate.setValue(row["rate"] * row["years"])
        dividend.setValue((row["rate"] - row["carry"]) * row["years"])
        vol.setValue(row["vol"] * math.sqrt(row["years"]))
        kind = QuantLib.Option.Call if row["sign"] > 0 else QuantLib.Option.Put
        option = QuantLib.VanillaOption(QuantLib.PlainVanillaPayoff(kind, row["strike"]), QuantLib.AmericanExercise(today, today + 365))
        option.setPricingEngine(engine(process))
        prices.append(option.NPV())
    return np.array(prices)


def wide(count: int, seed: int, **given_figures: Any) -> pl.DataFrame:
    """Strikes of 100, moneyness 0.5 to 2, vols 5 % to 150 %, a day to three years, rates to 10 %, carry from -10 % to 10 %, a quarter without."""
    random = np.random.default_rng(seed)
    carry = random.uniform(-0.10, 0.10, count) * (random.random(count) < 0.75)
    figures = {
        "spot": 100.0 * np.exp(random.uniform(-math.log(2.0), math.log(2.0), count)),
        "sign": random.choice([-1.0, 1.0], count),
        "rate": random.uniform(0.0, 0.10, count),
        "carry": carry,
        "years": np.exp(random.uniform(math.log(1.0 / 365.0), math.log(3.0), count)),
        "vol": np.exp(random.uniform(math.log(0.05), math.log(1.5), count)),
    }
    return options(**(figures | given_figures))


def test_thousands_of_options_agree_with_quantlib() -> None:
    frame = wide(3_000, seed=1)
    expected = quantlib(frame, lambda process: QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.accurateScheme()))
    found = american(frame)
    # Asked for: 0.1 % of the price or 0.01 on a strike of 100.
    assert np.abs(found - expected).max() < 1e-3
    assert np.sqrt(np.mean((found - expected) ** 2)) < 3e-5
    tenth = expected > 0.1
    assert np.abs(found[tenth] / expected[tenth] - 1.0).max() < 2e-4
    premium = found - european(frame)
    assert (premium > 0.01).sum() > 700  # it was about American options


def test_negative_rates_agree_with_quantlib() -> None:
    """Two boundaries among them (a put with carry above zero, a call with carry below the rate), which QuantLib has on a grid alone."""
    random = np.random.default_rng(3)
    count = 80
    frame = wide(count, seed=2, rate=random.uniform(-0.02, 0.0, count), vol=random.uniform(0.1, 0.8, count), years=random.uniform(0.1, 3.0, count))
    expected = quantlib(frame, lambda process: QuantLib.FdBlackScholesVanillaEngine(process, 200, 800))
    assert american(frame) == pytest.approx(expected, abs=0.01, rel=1e-3)
    interest, dividend = pl.col("rate"), pl.col("rate") - pl.col("carry")
    put = pl.col("sign") < 0
    two = frame.filter(pl.when(put).then((interest < 0) & (dividend < interest)).otherwise((dividend < 0) & (interest < dividend)))
    assert two.height >= 10


def test_published_premium() -> None:
    """Andersen, Lake and Offengenden (2016), table 2: put, S = K = 100, a year, vol 25 %, r = q = 5 %: 0.106952702747 above the European one."""
    frame = options(years=1.0, vol=0.25)
    assert american(frame) - european(frame) == pytest.approx([0.106952702747], abs=1e-5)


def additive_tree(spot: float, forward: float, strike: float, sign: float, rate: float, years: float, deviation: float, steps: int) -> float:
    """American option on S that moves by normal steps with drift (F - S)/T: binomial, the mean of two lengths, less the European value."""

    def premium(steps: int) -> float:
        move, drift, discount = deviation / math.sqrt(steps), (forward - spot) / steps, math.exp(-rate * years / steps)
        ends = spot + (forward - spot) + move * (2 * np.arange(steps + 1) - steps)
        both = european = np.maximum(sign * (ends - strike), 0.0)
        for step in range(steps - 1, -1, -1):
            now = spot + drift * step + move * (2 * np.arange(step + 1) - step)
            european = discount * 0.5 * (european[1:] + european[:-1])
            both = np.maximum(discount * 0.5 * (both[1:] + both[:-1]), sign * (now - strike))
        return float(both[0] - european[0])

    return 0.5 * (premium(steps) + premium(steps + 1))


@pytest.mark.parametrize(
    ("spot", "gap", "sign", "rate", "vol", "years"),
    [
        (3.0, 0.0, 1.0, 0.05, 8.0, 0.5),
        (-5.0, 0.0, -1.0, 0.08, 10.0, 1.0),
        (12.0, 1.5, -1.0, 0.04, 6.0, 2.0),
        (12.0, -1.5, 1.0, 0.04, 6.0, 2.0),
        (-20.0, -2.0, 1.0, 0.0, 15.0, 1.0),
        (0.0, 3.0, -1.0, -0.01, 9.0, 1.0),
    ],
)
def test_normal_vols_agree_with_an_additive_tree(spot: float, gap: float, sign: float, rate: float, vol: float, years: float) -> None:
    frame = options(spot=spot, strike=2.0, sign=sign, rate=rate, carry=gap, vol=vol, years=years, additive=True)
    premium = american(frame, normal=True) - european(frame, normal=True)
    deviation = vol * math.sqrt(years)
    expected = additive_tree(spot, spot + gap, 2.0, sign, rate, years, deviation, 800)
    assert expected > 1e-3
    assert premium == pytest.approx([expected], abs=2e-4 * deviation)


@pytest.mark.parametrize(
    ("what", "figures"),
    [
        ("calls on what pays nothing", {"sign": 1.0, "carry": 0.05}),
        ("calls on what costs to hold", {"sign": 1.0, "carry": 0.09, "spot": 180.0}),
        ("margined options on futures", {"sign": [1.0, -1.0], "discounting": 0.0, "spot": 140.0}),
        ("puts without interest and carry", {"rate": 0.0, "spot": 60.0}),
        ("puts at negative rates whose underlying earns more", {"rate": -0.01, "carry": -0.02, "spot": 60.0}),
        ("coin options without carry", {"sign": [1.0, -1.0], "inverse": True, "rate": 0.0}),
    ],
)
def test_without_a_gain_from_exercise_the_european_price_to_the_bit(what: str, figures: dict[str, Any]) -> None:
    frame = options(**figures)
    assert american(frame).tobytes() == european(frame).tobytes(), what


def test_options_on_futures_are_symmetric() -> None:
    """With b = 0 a call on (S, K) is a put on (K, S)."""
    spot = np.array([70.0, 95.0, 100.0, 130.0])
    call, put = options(spot=spot, sign=1.0), options(spot=100.0, strike=spot, sign=-1.0)
    assert american(call) == pytest.approx(american(put), rel=1e-14)
    assert (american(call) - european(call)).min() > 0.0


def test_coin_option_is_worth_a_linear_one_without_a_rate_on_coin() -> None:
    """Coin earns nothing: in money, the option on (S, K) discounted at the carry, divided by S."""
    spot = np.array([60.0, 100.0, 150.0])
    coin = options(spot=spot, inverse=True, rate=0.0, carry=0.06)
    money = options(spot=spot, rate=0.06, carry=0.06)
    assert american(coin) == pytest.approx(american(money) / spot, rel=1e-13)


@settings(max_examples=60, deadline=None)
@given(
    sign=st.sampled_from([-1.0, 1.0]),
    log_moneyness=st.floats(-1.0, 1.0),
    rate=st.floats(0.0, 0.10) | st.just(0.0),
    carry=st.floats(-0.10, 0.10) | st.just(0.0),
    years=st.floats(1.0 / 365.0, 3.0),
    discounting=st.sampled_from([0.0, 1.0]),
    normal=st.booleans(),
)
def test_laws(sign: float, log_moneyness: float, rate: float, carry: float, years: float, discounting: float, normal: bool) -> None:
    vol = np.concatenate([[0.0, 1e-6], np.geomspace(1e-3, 10.0, 40)]) * (100.0 if normal else 1.0)
    frame = options(
        spot=100.0 * math.exp(log_moneyness), vol=vol, sign=sign, rate=rate, carry=carry, years=years, discounting=discounting, additive=False
    )
    price = american(frame, normal=normal)
    bound = frame.select(american_model(normal=normal).struct.field("bound")).to_series().to_numpy()
    now = frame.select(exercise_price()).to_series().to_numpy()
    assert (price >= european(frame, normal=normal)).all()
    assert (price >= now).all()
    assert (price <= bound).all()
    # More vol is never worth less, but for a few millionths of the strike: at vols of 0.1 % the boundary is as near to it as that.
    assert np.diff(price).min() >= -5e-4
    assert np.diff(price[vol >= 0.02 * (100.0 if normal else 1.0)]).min() >= -1e-8


@settings(max_examples=30, deadline=None)
@given(
    sign=st.sampled_from([-1.0, 1.0]), rate=st.floats(0.001, 0.10), carry=st.floats(-0.08, 0.08), years=st.floats(0.01, 3.0), vol=st.floats(0.05, 1.5)
)
def test_price_goes_smoothly_into_exercise(sign: float, rate: float, carry: float, years: float, vol: float) -> None:
    spot = np.linspace(20.0, 400.0, 3_801)
    frame = options(spot=spot, sign=sign, rate=rate, carry=carry, years=years, vol=vol)
    price, now = american(frame), frame.select(exercise_price()).to_series().to_numpy()
    delta = sign * np.diff(price) / np.diff(spot)
    assert delta.min() >= -1e-9
    assert delta.max() <= max(1.0, math.exp((carry - rate) * years)) + 5e-3  # a jump at the boundary would be more
    exercised = (price == now) & (now > 0.0)
    rows = np.flatnonzero(exercised)  # a put's lowest spots, a call's highest
    assert rows.tolist() == list(range(len(rows)) if sign < 0 else range(len(spot) - len(rows), len(spot)))


def test_what_else_is_in_the_arrays_changes_no_bit() -> None:
    frame = wide(700, seed=5, rate=np.random.default_rng(5).uniform(-0.02, 0.05, 700))
    together = american(frame)
    order = np.random.default_rng(6).permutation(700)
    assert np.array_equal(american(frame[order]), together[order])
    assert all(american(frame[row : row + 1])[0] == together[row] for row in range(0, 700, 23))


@pytest.mark.parametrize(("spot", "gap", "worth"), [(-5.0, 2.0, 105.0), (5.0, -10.0, 105.0), (5.0, -6.0, 101.0)])
def test_lognormal_puts_on_prices_that_are_not_positive(spot: float, gap: float, worth: float) -> None:
    """K = 100, no discounting: the larger of K - S now and K - F later."""
    frame = options(spot=spot, carry=gap, additive=True, discounting=0.0)
    assert american(frame) == pytest.approx([worth], rel=1e-14)


PUT = {**OPTION, "option_type": "put", "exercise": "american"}


def test_vol_comes_from_the_mark_and_prices_the_stressed_option() -> None:
    """QuantLib gives the mark at a vol of 60 %; the run finds the vol, has the mark at base, and QuantLib's price after a fall of a fifth."""
    base = options(spot=50_000.0, strike=50_000.0, vol=0.6, rate=0.04, carry=0.04)
    engine = QuantLib.QdFpAmericanEngine
    mark, stressed = quantlib(pl.concat([base, base.with_columns(spot=pl.lit(40_000.0), vol=pl.lit(0.9))]), engine)
    assets = CRYPTO | {"USD": {"price": 1.0, "rate": 0.04}}
    dimensions = book(assets, [{**PUT, "instrument_id": "P", "mark_price": mark}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 40_000.0}, "vol": {"P": (1.5, 0.0)}}))
    assert unit.treatment == ("implied",)
    assert unit.base_vol[0] == pytest.approx(0.6, abs=1e-6)
    assert unit.mark[0, 0] == mark
    assert unit.mark[0, 1] == pytest.approx(stressed, rel=1e-5)


@pytest.mark.parametrize(
    ("terms", "treatment", "stressed"),
    [
        # 80,000 - 50,000 at a vol that leaves nothing to wait for: the mark says so, no offset.
        ({"strike": 80_000.0, "mark_price": 30_000.0, "implied_vol": 0.2}, "implied", 35_000.0),
        # The same without a vol: nothing but exercise.
        ({"strike": 80_000.0, "mark_price": 30_000.0}, "constant offset", 35_000.0),
        # Marked below what exercise gives: the constant offset is cut off as soon as anything moves.
        ({"strike": 80_000.0, "mark_price": 29_500.0, "implied_vol": 0.2}, "constant offset", 35_000.0),
        # More than the strike, which nothing is worth.
        ({"mark_price": 51_000.0, "implied_vol": 0.2}, "constant offset", 50_000.0),
    ],
)
def test_marks_without_a_vol_of_their_own(terms: dict[str, float], treatment: str, stressed: float) -> None:
    assets = CRYPTO | {"USD": {"price": 1.0, "rate": 0.05}}
    dimensions = book(assets, [{**PUT, "forward": 50_000.0, "instrument_id": "P", **terms}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 45_000.0}}))
    assert unit.treatment == (treatment,)
    assert unit.mark[0].tolist() == [terms["mark_price"], pytest.approx(stressed)]


def test_at_expiry_and_on_prices_that_are_not_positive() -> None:
    assets = {"WTI": {"price": 20.0, "may_be_negative": True}, "USD": {"price": 1.0, "rate": 0.05}}
    terms = {**PUT, "underlying": "WTI", "strike": 21.0, "expiry": in_years(0.1), "forward": 20.0}
    dimensions = book(
        assets, [{**terms, "instrument_id": "L", "mark_price": 2.0}, {**terms, "instrument_id": "N", "mark_price": 2.0, "vol_type": "normal"}]
    )
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"WTI": 18.0}, "elapsed_years": 0.2}, {"spot": {"WTI": -37.63}}))
    assert unit.treatment == ("implied", "implied")
    assert unit.mark[:, 0].tolist() == [2.0, 2.0]
    assert unit.mark[:, 1].tolist() == pytest.approx([3.0, 3.0])
    assert unit.mark[:, 2].tolist() == pytest.approx([58.63, 58.63])
