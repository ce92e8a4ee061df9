"""What closing sells of the underlyings: one contract of every kind by hand, options against Black's delta."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stress.cascade.liquidated_case import LiquidatedCase, Pool
from valuation.builders import in_years

from stresstest.stress.cascade.liquidated import joined
from stresstest.stress.cascade.orders import closing_options, orders, underlying_units

YEARS = 0.5
CALL = {"kind": "option", "underlying": "BTC", "option_type": "call", "strike": 52_000.0, "expiry": in_years(YEARS)}
CASE = LiquidatedCase(
    {"BTC": {"price": 50_000.0}, "ETH": {"price": 2_000.0}, "WTI": {"price": 20.0, "may_be_negative": True}},
    {
        "CALL": {**CALL, "mark_price": 6_000.0, "contract_size": 0.1},
        "COIN": {**CALL, "mark_price": 0.12, "payoff": "inverse", "quote": "BTC"},
        "INV": {"kind": "perpetual", "underlying": "BTC", "payoff": "inverse", "settle": "BTC", "mark_price": 50_000.0, "contract_size": 100.0},
        "LIN": {"kind": "perpetual", "underlying": "BTC", "mark_price": 50_000.0, "contract_size": 0.001},
        "OIL": {**CALL, "underlying": "WTI", "strike": 18.0, "vol_type": "normal", "premium_style": "margined", "mark_price": 4.0},
        "PUT": {**CALL, "option_type": "put", "premium_style": "margined", "mark_price": 8_000.0},
        "PUT-US": {**CALL, "option_type": "put", "exercise": "american", "mark_price": 8_100.0},
        "QUANTO": {"kind": "perpetual", "underlying": "ETH", "payoff": "quanto", "settle": "BTC", "mark_price": 2_000.0, "contract_size": 1e-5},
        "SPOT": {"kind": "spot", "underlying": "BTC", "mark_price": 50_000.0},
    },
    {"spot": {"BTC": 40_000.0, "ETH": 1_500.0, "WTI": -3.0}},
    {"spot": {"WTI": 0.0}, "vol": {"*": (1.5, 0.0)}},
)
CODE = CASE.instrument
OPTIONS = np.flatnonzero(CASE.layout.option)
EVERY = np.repeat(OPTIONS, 3), np.tile(np.arange(3), len(OPTIONS))
UNITS = underlying_units(CASE.dimensions, CASE.resolved, CASE.units, *EVERY)


@pytest.mark.parametrize(
    ("instrument", "expected"),
    [
        ("LIN", [0.001, 0.001, 0.001]),
        ("SPOT", [1.0, 1.0, 1.0]),
        ("INV", [100.0 / 50_000.0, 100.0 / 40_000.0, 100.0 / 50_000.0]),
        # 1e-5 coin a dollar of ETH: at 40,000 dollars a coin, 0.4 dollars a dollar of ETH, which is 0.4 ETH.
        ("QUANTO", [0.5, 0.4, 0.5]),
    ],
)
def test_units_of_one_contract(instrument, expected):
    assert UNITS[CODE[instrument]] == pytest.approx(expected, rel=1e-15)


def below(x: float) -> float:
    """The normal distribution, with the error function of the standard library."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


@pytest.mark.parametrize("scenario", [0, 1, 2])
def test_options_stand_for_their_delta(scenario):
    spot = CASE.resolved.spot[CASE.asset["BTC"], scenario]
    vols = CASE.units.base_vol * (1.5 if scenario == 2 else 1.0)

    def d1(name: str) -> float:
        deviation = vols[CODE[name]] * math.sqrt(YEARS)
        return math.log(spot / 52_000.0) / deviation + deviation / 2

    found = {name: UNITS[CODE[name], scenario] for name in ("CALL", "COIN", "PUT")}
    # The premium of a coin option is coin: what is left of the delta once it is paid.
    premium = CASE.units.mark[CODE["COIN"], scenario]
    assert found == pytest.approx({"CALL": 0.1 * below(d1("CALL")), "COIN": below(d1("COIN")) - premium, "PUT": below(d1("PUT")) - 1.0}, rel=1e-5)
    oil = CASE.resolved.spot[CASE.asset["WTI"], scenario]
    assert UNITS[CODE["OIL"], scenario] == pytest.approx(below((oil - 18.0) / (vols[CODE["OIL"]] * math.sqrt(YEARS))), rel=1e-5)
    # Exercise whenever one likes is worth more the deeper in the money: between the European delta and that of the stock.
    assert -1.0 <= UNITS[CODE["PUT-US"], scenario] <= found["PUT"] + 0.02


def test_options_that_nobody_closes_are_not_valued():
    found = underlying_units(CASE.dimensions, CASE.resolved, CASE.units, np.array([CODE["CALL"]]), np.array([1]))
    assert found[CODE["CALL"]].tolist() == [0.0, UNITS[CODE["CALL"], 1], 0.0]
    assert not found[CODE["PUT"]].any()


def test_longs_sell_shorts_buy_and_pools_net():
    pairs = CASE.pairs(
        Pool({}, [("INV", 500.0, None), ("LIN", -400.0, None), ("QUANTO", 10.0, None)], scenario=1),
        Pool({}, [("LIN", 100.0, None)], scenario=0),
        Pool({}, [("SPOT", 2.0, None), ("PUT", 1.0, None)], scenario=1),
    )
    assert [part.tolist() for part in closing_options(pairs, CASE.layout)] == [[CODE["PUT"]], [1]]
    underlying = CASE.dimensions.instruments["underlying_code"].to_numpy()
    found = orders(pairs, np.array([1.0, 0.5, 1.0, 1.0, 0.5, 1.0]), UNITS, underlying, CASE.layout, len(CASE.asset))
    expected = np.zeros_like(found)
    expected[CASE.asset["BTC"], 1] = 500 * 100 / 40_000 - 0.2 + 1.0 + UNITS[CODE["PUT"], 1]
    expected[CASE.asset["ETH"], 1] = 4.0
    expected[CASE.asset["BTC"], 0] = 0.1
    assert found == pytest.approx(expected, rel=1e-14)


LOTS = st.lists(st.tuples(st.sampled_from(["INV", "LIN", "SPOT", "CALL"]), st.floats(-1e6, 1e6)), max_size=4)


@given(one=st.lists(LOTS, min_size=1, max_size=3), other=st.lists(LOTS, min_size=1, max_size=3))
def test_orders_of_two_blocks_are_those_of_both_together(one, other):
    parts = [
        CASE.pairs(*(Pool({}, [(name, size, None) for name, size in lots], number % 3) for number, lots in enumerate(each))) for each in (one, other)
    ]
    underlying = CASE.dimensions.instruments["underlying_code"].to_numpy()

    def sold(pairs):
        return orders(pairs, np.ones(len(pairs.quantity)), UNITS, underlying, CASE.layout, len(CASE.asset))

    assert sold(joined(parts)) == pytest.approx(sold(parts[0]) + sold(parts[1]), rel=1e-12, abs=1e-6)
