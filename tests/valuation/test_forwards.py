"""Where the forward of an option comes from, and where it goes."""

from __future__ import annotations

import math
from datetime import timedelta

import pytest
from valuation.builders import AS_OF, CRYPTO, OPTION, book, in_years, states

from stresstest.valuation.value import value_instruments


def test_forward_comes_from_the_column_then_a_future_then_the_rate() -> None:
    future = {"instrument_id": "F", "underlying": "BTC", "mark_price": 51_000.0, "expiry": in_years(0.5)}
    options = [
        {**OPTION, "instrument_id": "A", "mark_price": 9_000.0, "forward": 52_000.0},
        {**OPTION, "instrument_id": "B", "mark_price": 9_000.0},
        {**OPTION, "instrument_id": "C", "mark_price": 9_000.0, "expiry": in_years(1.0)},
    ]
    dimensions = book(CRYPTO | {"USD": {"price": 1.0, "rate": 0.05}}, [future, *options])
    unit = value_instruments(dimensions, states(dimensions, {"elapsed_years": 0.25}))
    assert unit.forward[:3, 0].tolist() == [52_000.0, 51_000.0, pytest.approx(50_000.0 * math.exp(0.05))]
    # Half the time left: half the carry left, so the geometric mean of spot and forward.
    assert unit.forward[:2, 1].tolist() == pytest.approx([math.sqrt(50_000.0 * 52_000.0), math.sqrt(50_000.0 * 51_000.0)], rel=1e-14)
    assert unit.forward[3].tolist() == [0.0, 0.0]


def test_of_several_futures_of_the_expiry_the_first_by_id_gives_the_forward() -> None:
    futures = [
        {"instrument_id": name, "underlying": "BTC", "mark_price": mark, "expiry": in_years(0.5)} for name, mark in (("Y", 51_000.0), ("X", 52_000.0))
    ]
    others = [
        {"instrument_id": "A-other-expiry", "underlying": "BTC", "mark_price": 1.0, "expiry": in_years(0.75)},
        {"instrument_id": "B-other-quote", "underlying": "BTC", "quote": "USDC", "mark_price": 2.0, "expiry": in_years(0.5)},
        {"instrument_id": "C-other-asset", "underlying": "ETH", "mark_price": 3.0, "expiry": in_years(0.5)},
    ]
    dimensions = book(CRYPTO, [*futures, *others, {**OPTION, "instrument_id": "Z", "mark_price": 9_000.0}])
    assert value_instruments(dimensions, states(dimensions)).forward[-1, 0] == 52_000.0


def test_inverse_option_takes_the_future_in_its_strikes_currency() -> None:
    option = {**OPTION, "instrument_id": "O", "payoff": "inverse", "quote": "BTC", "mark_price": 0.1}
    future = {"instrument_id": "F", "underlying": "BTC", "payoff": "inverse", "settle": "BTC", "mark_price": 51_000.0, "expiry": in_years(0.5)}
    dimensions = book(CRYPTO, [future, option])
    assert value_instruments(dimensions, states(dimensions)).forward[1, 0] == 51_000.0


def test_inside_the_averaging_window_a_share_of_the_forward_is_fixed() -> None:
    # 600 of 1,800 seconds to go: two thirds are settled, at 50,300. The forward of the rest is the spot.
    option = {**OPTION, "expiry": AS_OF + timedelta(seconds=600), "mark_price": 400.0, "forward": 50_000.0, "settlement_averaging_seconds": 1_800.0}
    rows = [
        {**option, "instrument_id": "A", "settled_average": 50_300.0},
        {**option, "instrument_id": "B"},
        {**option, "instrument_id": "C", "settled_average": 50_300.0, "settlement_averaging_seconds": 600.0},
        {**option, "instrument_id": "D", "payoff": "inverse", "quote": "BTC", "mark_price": 0.01, "settled_average": 50_300.0},
    ]
    dimensions = book(CRYPTO, rows)
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 40_000.0}}, {"spot": {"BTC": 40_000.0}, "elapsed_years": 1.0}))
    settled = 2.0 / 3.0 * 50_300.0
    assert unit.forward[0].tolist() == pytest.approx([settled + 50_000.0 / 3.0, *[settled + 40_000.0 / 3.0] * 2], rel=1e-12)
    # Nothing known of the average so far: it is taken to be the forward.
    assert unit.forward[1].tolist() == pytest.approx([50_000.0, *[2.0 / 3.0 * 50_000.0 + 40_000.0 / 3.0] * 2], rel=1e-12)
    assert unit.forward[2].tolist() == pytest.approx([50_000.0, 40_000.0, 40_000.0], rel=1e-12)  # the window has just begun
    assert unit.forward[3] == pytest.approx(unit.forward[0], rel=1e-15)
    # Marks are exact at base, and at expiry the option is worth what settlement gives, of coin options in coin.
    assert unit.mark[:, 0].tolist() == [400.0, 400.0, 400.0, 0.01]
    assert unit.mark[:, 2].tolist() == [0.0] * 4


def test_a_settled_option_is_worth_its_payoff_at_the_average() -> None:
    put = {**OPTION, "option_type": "put", "expiry": AS_OF + timedelta(seconds=600), "mark_price": 6.0, "forward": 50_000.0}
    dimensions = book(CRYPTO, [{**put, "instrument_id": "P", "settlement_averaging_seconds": 1_200.0, "settled_average": 49_990.0}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 49_000.0}, "elapsed_years": 1.0}))
    assert unit.mark[0, 1] == pytest.approx(50_000.0 - (49_990.0 + 49_000.0) / 2.0, rel=1e-12)


def test_rate_shock_moves_the_forward_of_the_time_that_is_left() -> None:
    option = {**OPTION, "instrument_id": "O", "mark_price": 9_000.0, "forward": 51_000.0}
    dimensions = book(CRYPTO | {"USD": {"price": 1.0, "rate": 0.05}}, [option])
    unit = value_instruments(dimensions, states(dimensions, {"rate": {"USD": 0.07}}, {"rate": {"USD": 0.07}, "elapsed_years": 0.5}))
    assert unit.forward[0, 1:].tolist() == pytest.approx([51_000.0 * math.exp(0.02 * 0.5), 50_000.0], rel=1e-14)
