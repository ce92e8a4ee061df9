"""Options in the rows of a margin grid against QuantLib's closed forms, and where closed forms end."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import QuantLib
from margin.grid_case import grouped, model, valued
from valuation.builders import AS_OF, CRYPTO, OPTION, book, in_years, states

RATE = 0.04
MONEY = {"USD": {"price": 1.0, "rate": RATE}}
TERM = {"reference_days": 30, "power": 0.3, "power_long": 0.13, "min_days": 1}


def quantlib(kind: str, forward: float, strike: float, vol: float, years: float, *, normal: bool = False) -> float:
    formula = QuantLib.bachelierBlackFormula if normal else QuantLib.blackFormula
    return float(formula(QuantLib.Option.Call if kind == "call" else QuantLib.Option.Put, strike, forward, vol * math.sqrt(years)))


def test_lognormal_options_paid_margined_and_in_coin_are_those_of_quantlib() -> None:
    rows: list[dict[str, Any]] = []
    terms = [(k, s, y) for k in ("call", "put") for s in (35_000.0, 50_000.0, 70_000.0) for y in (0.02, 0.5, 2.0)]
    vol, forward = 0.7, 51_000.0
    for kind, strike, years in terms:
        plain = quantlib(kind, forward, strike, vol, years)
        option = {**OPTION, "option_type": kind, "strike": strike, "expiry": in_years(years), "forward": forward}
        rows += [
            {**option, "instrument_id": f"{len(rows):03}", "mark_price": math.exp(-RATE * years) * plain, "contract_size": 0.1},
            {**option, "instrument_id": f"{len(rows) + 1:03}", "mark_price": plain, "premium_style": "margined"},
            {**option, "instrument_id": f"{len(rows) + 2:03}", "mark_price": plain / forward, "payoff": "inverse", "quote": "BTC"},
        ]
    grid = [{"spot": x, "vol": v} for x, v in ((-0.15, 0.4), (0.15, -0.3), (0.0, 0.4), (-0.66, 0.0), (3.0, 0.4))]
    dimensions = grouped(book(CRYPTO | MONEY, rows))
    resolved = states(dimensions, {"spot": {"BTC": 30_000.0}, "vol": {"*": (1.3, 0.0)}}, {"elapsed_years": 0.01})
    found = valued(model(grid, vol_term=TERM), dimensions, resolved)
    expected = np.empty((len(terms), 3, len(grid), 3))
    for o, (kind, strike, years) in enumerate(terms):
        carry = math.log(forward / 50_000.0) / years
        for s, (spot, scale, passed) in enumerate([(50_000.0, 1.0, 0.0), (30_000.0, 1.3, 0.0), (50_000.0, 1.0, 0.01)]):
            left = years - passed
            at_state, days = spot * math.exp(carry * left), left * 365.0
            term = (30.0 / max(days, 1.0)) ** (0.3 if days < 30.0 else 0.13)
            for r, row in enumerate(grid):
                before = quantlib(kind, at_state, strike, vol * scale, left)
                after = quantlib(kind, at_state * (1.0 + row["spot"]), strike, vol * scale * (1.0 + row["vol"] * term), left)
                # What a coin option is worth in dollars: price / F coins, each worth the spot. The forward's premium over the spot stays.
                in_coin = (after - before) * spot / at_state
                expected[o, :, r, s] = 0.1 * math.exp(-RATE * left) * (after - before), after - before, in_coin
    assert found.change == pytest.approx(expected.reshape(found.change.shape), abs=2e-7)


def test_normal_options_on_what_may_be_negative_are_those_of_quantlib() -> None:
    mark = quantlib("put", 18.31, 15.0, 9.0, 0.2, normal=True)
    option = {**OPTION, "underlying": "WTI", "strike": 15.0, "option_type": "put", "vol_type": "normal", "expiry": in_years(0.2), "forward": 18.31}
    oil = {"WTI": {"price": 18.31, "may_be_negative": True}}
    dimensions = grouped(book(oil, [{**option, "instrument_id": "O", "mark_price": mark, "premium_style": "margined"}]))
    found = valued(model([{"spot": -0.5, "vol": 0.5}]), dimensions, states(dimensions, {"spot": {"WTI": -37.63}}))
    # Half of the price off: from 18.31 to 9.155, from -37.63 up to -18.815.
    for scenario, (before, after) in enumerate([(18.31, 9.155), (-37.63, -18.815)]):
        expected = quantlib("put", after, 15.0, 13.5, 0.2, normal=True) - quantlib("put", before, 15.0, 9.0, 0.2, normal=True)
        assert found.change[0, 0, scenario] == pytest.approx(expected, abs=1e-9)


def test_an_american_option_is_that_of_quantlib_in_a_row() -> None:
    today, counter = QuantLib.Date(1, 1, 2026), QuantLib.Actual365Fixed()
    QuantLib.Settings.instance().evaluationDate = today

    def price(spot: float, vol: float) -> float:
        def curve(rate: float) -> Any:
            return QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, rate, counter))

        flat = QuantLib.BlackVolTermStructureHandle(QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), vol, counter))
        process = QuantLib.BlackScholesMertonProcess(QuantLib.QuoteHandle(QuantLib.SimpleQuote(spot)), curve(0.0), curve(RATE), flat)
        option = QuantLib.VanillaOption(QuantLib.PlainVanillaPayoff(QuantLib.Option.Put, 50_000.0), QuantLib.AmericanExercise(today, today + 365))
        option.setPricingEngine(QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.accurateScheme()))
        return float(option.NPV())

    put = {**OPTION, "instrument_id": "P", "option_type": "put", "exercise": "american", "expiry": in_years(1.0), "mark_price": price(50_000.0, 0.6)}
    found = valued(model([{"spot": -0.2, "vol": 0.5}, {"spot": -0.9}]), grouped(book(CRYPTO | MONEY, [put])))
    changes = [price(40_000.0, 0.9) - price(50_000.0, 0.6), 45_000.0 - price(50_000.0, 0.6)]  # nine tenths down it is exercised at once
    assert found.change[0, :, 0] == pytest.approx(changes, abs=0.5)  # 0.0006 of a strike of 100, see docs/methodology.md


def test_past_its_expiry_an_option_is_worth_what_exercise_gives() -> None:
    options = [{**OPTION, "instrument_id": kind, "option_type": kind, "mark_price": 8_000.0, "forward": 50_000.0} for kind in ("call", "put")]
    dimensions = grouped(book(CRYPTO | MONEY, options))
    resolved = states(dimensions, {"spot": {"BTC": 52_000.0}, "elapsed_years": 0.5}, {"spot": {"BTC": 52_000.0}, "elapsed_years": 3.0})
    found = valued(model([{"spot": -0.1, "vol": 0.4}, {"spot": 0.1}, {"vol": 5.0}]), dimensions, resolved)
    assert found.change[:, :, 1] == pytest.approx(np.array([[-2_000.0, 5_200.0, 0.0], [3_200.0, 0.0, 0.0]]), abs=1e-8)
    assert found.change[:, :, 2].tolist() == found.change[:, :, 1].tolist()
    assert not found.change[:, 2, 1].any()


def test_a_mark_without_a_vol_keeps_its_offset_and_its_bounds() -> None:
    # A call at 30,000 with 50,000 the forward is worth at least 20,000; marked at 19,000 it is 1,000 below that at every state.
    call = {**OPTION, "instrument_id": "C", "strike": 30_000.0, "mark_price": 19_000.0, "implied_vol": 0.0, "forward": 50_000.0}
    found = valued(model([{"spot": 0.1}, {"spot": 0.0}]), grouped(book(CRYPTO, [call])))
    # Once it moves the bound holds: 25,000. It is the one price of two that is held there.
    assert found.change[0, :, 0].tolist() == [pytest.approx(6_000.0), 0.0]
    assert found.clamped_prices.tolist() == [1]
    assert found.clamped_vols.tolist() == [0]


def test_vols_that_are_shifted_up_end_at_the_floor_and_inside_their_range() -> None:
    mark = quantlib("call", 50_000.0, 50_000.0, 0.2, 0.5)
    dimensions = grouped(book(CRYPTO, [{**OPTION, "instrument_id": "C", "mark_price": mark, "forward": 50_000.0}]))
    found = valued(model([{"vol": 0.1}, {"vol": -0.1}, {"vol": 0.0}, {"vol": 80.0}, {"vol": -2.0}], vol_floor={"up": 0.35}), dimensions)
    vols = [0.35, 0.18, 0.2, 10.0, 0.0]
    assert found.change[0, :, 0] == pytest.approx([quantlib("call", 50_000.0, 50_000.0, v, 0.5) - mark for v in vols], abs=1e-7)
    assert found.clamped_vols.tolist() == [2]


def test_skew_shifts_vols_by_strike_up_to_its_cap() -> None:
    strikes = (25_000.0, 45_000.0, 50_000.0, 90_000.0)
    rows = [
        {**OPTION, "instrument_id": f"C{k:.0f}", "strike": k, "forward": 50_000.0, "mark_price": quantlib("call", 50_000.0, k, 0.6, 0.5)}
        for k in strikes
    ]
    skew = {"linear": {"base": 0.2, "slope": 0.1}, "absolute": {"base": 0.3}, "width": 2.0, "static": 0.25, "scale": 0.05, "min_width": 0.01}
    found = valued(model([{"skew": "linear"}, {"skew": "absolute"}], skew=skew), grouped(book(CRYPTO, rows)))
    root = math.sqrt(0.5)
    width = 2.0 * root * (0.25 + 0.05 * root)
    for number, strike in enumerate(strikes):
        k, linear = math.log(strike / 50_000.0), 0.2 + 0.1 * root
        shifts = (max(-linear, min(linear, k * linear / width)), min(0.3, abs(k) * 0.3 / width))
        expected = [quantlib("call", 50_000.0, strike, 0.6 * (1.0 + shift), 0.5) - quantlib("call", 50_000.0, strike, 0.6, 0.5) for shift in shifts]
        assert found.change[number, :, 0] == pytest.approx(expected, abs=1e-7)


def test_what_is_settled_of_an_average_does_not_move_in_a_row() -> None:
    # 600 of 1,800 seconds to go, 50,600 the average so far: spot 10 % down moves the forward by a third of that.
    years = 600.0 / 31_536_000.0
    forward = 2.0 / 3.0 * 50_600.0 + 50_000.0 / 3.0
    mark = quantlib("put", forward, 50_000.0, 0.9, years)
    put = {**OPTION, "instrument_id": "P", "option_type": "put", "expiry": AS_OF + timedelta(seconds=600), "mark_price": mark, "forward": 50_000.0}
    dimensions = grouped(book(CRYPTO, [{**put, "settlement_averaging_seconds": 1_800.0, "settled_average": 50_600.0}]))
    found = valued(model([{"spot": -0.1}, {"forward": [-0.1]}]), dimensions)
    expected = quantlib("put", 2.0 / 3.0 * 50_600.0 + 45_000.0 / 3.0, 50_000.0, 0.9, years) - mark
    assert found.change[0, :, 0] == pytest.approx([expected, expected], rel=1e-9)


def test_an_option_on_a_future_moves_with_the_assets_of_its_commodity() -> None:
    """A delivery month is an asset: the option on the future is priced on it, undiscounted where its premium is settled daily."""
    assets = {"WTI-F27": {"price": 70.0}, "WTI-G27": {"price": 69.0}, **MONEY}
    paid, margined = (math.exp(-RATE * 0.2) if style == "paid" else 1.0 for style in ("paid", "margined"))
    plain = quantlib("call", 70.0, 72.0, 0.35, 0.2)
    common = {"underlying": "WTI-F27", "kind": "option", "strike": 72.0, "option_type": "call", "expiry": in_years(0.2), "contract_size": 1_000.0}
    rows = [
        {"instrument_id": "F", "underlying": "WTI-F27", "mark_price": 70.0, "expiry": in_years(0.25), "contract_size": 1_000.0},
        {"instrument_id": "G", "underlying": "WTI-G27", "mark_price": 69.0, "expiry": in_years(0.33), "contract_size": 1_000.0},
        {**common, "instrument_id": "M", "mark_price": plain, "premium_style": "margined", "forward": 70.0},
        {**common, "instrument_id": "P", "mark_price": paid * plain, "premium_style": "paid", "forward": 70.0},
    ]
    dimensions = grouped(book(assets, rows), dict.fromkeys("FGMP", "WTI"))
    found = valued(model([{"spot": -0.12, "vol": 0.25}]), dimensions, states(dimensions, {"spot": {"WTI-F27": 60.0}}))
    for scenario, price in enumerate((70.0, 60.0)):
        moved = quantlib("call", price * 0.88, 72.0, 0.35 * 1.25, 0.2) - quantlib("call", price, 72.0, 0.35, 0.2)
        expected = [-0.12 * price * 1_000.0, -0.12 * 69_000.0, margined * moved * 1_000.0, paid * moved * 1_000.0]
        assert found.change[:, 0, scenario] == pytest.approx(expected, abs=1e-7)
