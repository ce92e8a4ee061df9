"""The market of a book: parameters from run file and snapshot, price currencies, scenarios that move depths, refusals."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import polars as pl
import pytest
from stress.cascade.impact_book import cascade, dimensions, states

from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.stress.cascade.market.prices import Market, market_of

BTC = {"price": 100.0, "depth": 1e6, "daily_volume": 4e6, "daily_vol": 0.02}
BOOK = dimensions(BTC=BTC, ETH={"price": 10.0, "depth": 2e5}, OTHER={"price": 5.0})
B, E, OTHER, USD = range(4)


def sold(market: Market, **quantities: float) -> np.ndarray:
    """The quantities in every scenario."""
    found = np.zeros(market.shocked.shape)
    for name, quantity in quantities.items():
        found[BOOK.assets["asset"].to_list().index(name)] = quantity
    return found


def price(market: Market, name: str, quantity: float, scenario: int = 0) -> float:
    return float(market.after(sold(market, **{name: quantity}))[BOOK.assets["asset"].to_list().index(name), scenario])


def faults(impacts: list[dict[str, Any]], book: Dimensions = BOOK, resolved: Resolved | None = None) -> tuple[Reason, list[str]]:
    with pytest.raises(StressTestError) as caught:
        market_of(cascade(*impacts), book, resolved or states(book), file="run.yaml")
    return caught.value.reason, [fault.text() for fault in caught.value.faults]


def test_depth_of_the_assets_is_the_notional_that_takes_the_price_to_zero():
    # BTC: 1m at 100 are 10,000 units, 0.01 a unit; from a shocked price of 80 the same fall a unit.
    market = market_of(cascade(), BOOK, states(BOOK, {"BTC": 80.0}))
    assert price(market, "BTC", 1000.0) == pytest.approx(90.0, rel=1e-15)
    assert price(market, "BTC", 1000.0, scenario=1) == pytest.approx(70.0, rel=1e-15)
    assert price(market, "BTC", -1000.0, scenario=1) == pytest.approx(90.0, rel=1e-15)
    assert price(market, "ETH", 1000.0) == pytest.approx(9.5, rel=1e-15)
    average = market.average(sold(market, BTC=1000.0), sold(market, BTC=3000.0))
    assert average[B] == pytest.approx([80.0, 60.0], rel=1e-15)
    assert average[[E, OTHER, USD]].tolist() == [[10.0, 10.0], [5.0, 5.0], [1.0, 1.0]]


def test_no_depth_and_the_reporting_currency():
    market = market_of(cascade(), BOOK, states(BOOK))
    assert market.moves.tolist() == [True, True, False, False]
    assert market.missing[:, 0].tolist() == [False, False, True, False]
    assert price(market, "OTHER", 1e9) == 5.0
    assert price(market, "USD", 1e9) == 1.0
    assert market.depth.tolist() == [1e6, 2e5, 0.0, math.inf]


def test_the_run_file_comes_before_the_assets():
    market = market_of(cascade({"kind": "linear", "depth": {"BTC": 5e5}}), BOOK, states(BOOK))
    assert price(market, "BTC", 1000.0) == pytest.approx(80.0)
    assert price(market, "ETH", 1000.0) == pytest.approx(9.5)
    assert [tuple(row) for row in market.parameters] == [
        ("BTC", "linear", "depth", 5e5, "run file"),
        ("ETH", "linear", "depth", 2e5, "assets.depth"),
        ("OTHER", "linear", "depth", None, "none"),
        ("USD", "none", "impact", 0.0, "reporting currency"),
    ]
    everywhere = market_of(cascade({"kind": "linear", "depth": 1e5}), BOOK, states(BOOK))
    assert everywhere.depth.tolist() == [1e5, 1e5, 1e5, math.inf]


def test_slope_is_the_fall_in_price_currency_a_unit():
    market = market_of(cascade({"kind": "linear", "slope": {"BTC": 0.07}}), BOOK, states(BOOK, {"BTC": 94.0}))
    assert price(market, "BTC", 300.0, scenario=1) == pytest.approx(73.0, rel=1e-15)
    assert market.depth[B] == pytest.approx(100.0 * 100.0 / 0.07)
    assert price(market, "ETH", 1000.0) == pytest.approx(9.5)


def test_depth_from_volume():
    # D = 0.4 * 4m / 0.02 * sqrt(25) = 400m: 4m units, 100 / 4m a unit.
    market = market_of(cascade({"kind": "linear", "from_volume": {"horizon_days": 25}}), BOOK, states(BOOK))
    assert market.depth[B] == pytest.approx(4e8)
    assert price(market, "BTC", 40_000.0) == pytest.approx(99.0)
    assert [tuple(row)[2:] for row in market.parameters if row.asset == "BTC"] == [
        ("c", 0.4, "default"),
        ("horizon_days", 25.0, "run file"),
        ("daily_volume", 4e6, "assets.daily_volume"),
        ("daily_vol", 0.02, "assets.daily_vol"),
        ("depth", pytest.approx(4e8), "c * daily_volume / daily_vol * sqrt(horizon_days)"),
    ]
    assert market.missing[E, 0]


def test_square_root_of_the_notional_at_snapshot_price():
    # 10,000 units are 1m of 4m a day: 0.5 * 0.02 * sqrt(1/4) = 0.5 %, of the shocked price.
    market = market_of(cascade({"kind": "square_root", "y": 0.5}), BOOK, states(BOOK, {"BTC": 80.0}))
    assert price(market, "BTC", 10_000.0) == pytest.approx(99.5)
    assert price(market, "BTC", 10_000.0, scenario=1) == pytest.approx(79.6)
    assert market.depth[B] == pytest.approx(4e6 / (0.5 * 0.02) ** 2)
    assert market.missing[E, 0]
    own = market_of(cascade({"kind": "square_root", "daily_vol": 0.04, "daily_volume": {"BTC": 1e6}}), BOOK, states(BOOK))
    assert price(own, "BTC", 10_000.0) == pytest.approx(96.0)


def test_exponential_a_unit():
    market = market_of(cascade({"kind": "exponential", "lambda": {"BTC": math.log(2.0) / 50.0}}), BOOK, states(BOOK, {"BTC": 80.0}))
    assert price(market, "BTC", 100.0, scenario=1) == pytest.approx(20.0)
    assert market.depth[B] == pytest.approx(100.0 * 50.0 / math.log(2.0))
    assert market.missing[E, 0]


def test_the_first_entry_that_speaks_of_an_asset_counts():
    impacts = ({"kind": "none", "assets": ["ETH"]}, {"kind": "exponential", "lambda": 0.001, "assets": ["BTC"]})
    market = market_of(cascade(*impacts), BOOK, states(BOOK))
    assert market.moves.tolist() == [True, False, False, False]
    # Stated to be without impact is not missing; spoken of by nobody is.
    assert market.missing[:, 0].tolist() == [False, False, True, False]
    assert {(row.asset, row.kind, row.source) for row in market.parameters} == {
        ("BTC", "exponential", "run file"), ("ETH", "none", "run file"), ("OTHER", "none", "none"), ("USD", "none", "reporting currency"),
    }  # fmt: skip


def test_depth_is_in_reporting_currency_and_prices_in_their_own():
    # NKY at 40,000 JPY, a JPY 0.01: 400 a unit; a depth of 400,000 is 1,000 units, 40 JPY a unit.
    book = dimensions(JPY={"price": 0.01}, NKY={"price": 40_000.0, "price_currency": "JPY", "depth": 4e5})
    market = market_of(cascade(), book, states(book, {"JPY": 0.005}))
    quantities = np.zeros((3, 2))
    quantities[1] = 100.0
    assert market.after(quantities)[1] == pytest.approx([36_000.0, 36_000.0], rel=1e-15)


def test_prices_that_may_be_negative_go_through_zero_and_others_do_not():
    book = dimensions(GOLD={"price": 100.0, "depth": 1e4}, WTI={"price": 50.0, "depth": 2500.0, "may_be_negative": True})
    market = market_of(cascade(), book, states(book, {"WTI": -10.0}))
    quantities = np.array([[200.0, 50.0], [0.0, 0.0], [60.0, 60.0]])
    after = market.after(quantities)
    # GOLD 1 a unit, WTI 1 a unit.
    assert after[0].tolist() == [pytest.approx(100.0 * 1e-6), 50.0]
    assert after[2].tolist() == [pytest.approx(-10.0), pytest.approx(-70.0)]
    assert market.floored(quantities).tolist() == [[True, False], [False, False], [False, False]]


def test_a_shock_below_the_floor_is_its_own_floor():
    book = dimensions(LUNA={"price": 100.0, "depth": 1e4})
    market = market_of(cascade(), book, states(book, {"LUNA": 1e-6}))
    assert market.after(np.array([[0.0, 0.0], [0.0, 0.0]]))[0].tolist() == [100.0, 1e-6]
    assert market.after(np.array([[0.0, 10.0], [0.0, 0.0]]))[0].tolist() == [100.0, 1e-6]
    assert market.floored(np.array([[0.0, 10.0], [0.0, 0.0]]))[0].tolist() == [False, True]


@pytest.mark.parametrize(
    "impact",
    [{"kind": "linear"}, {"kind": "linear", "slope": {"BTC": 0.01}}, {"kind": "exponential", "lambda": 0.0001}, {"kind": "square_root"}],
    ids=["depth", "slope", "exponential", "square root"],
)
def test_a_scenario_halves_depth(impact: dict[str, Any]):
    resolved = states(BOOK, {}, {}, depth={"BTC": ([1.0, 0.5, 0.0], [0.0, 0.0, 2e6])})
    market = market_of(cascade(impact), BOOK, resolved)
    # Replaced by 2m where the snapshot has 1m: twice as deep.
    assert price(market, "BTC", 1000.0, scenario=1) == pytest.approx(price(market, "BTC", 2000.0), rel=1e-14)
    assert price(market, "BTC", 2000.0, scenario=2) == pytest.approx(price(market, "BTC", 1000.0), rel=1e-14)


def test_a_scenario_scales_the_depth_of_the_run_file():
    resolved = states(BOOK, {}, depth={"OTHER": ([1.0, 0.5], [0.0, 0.0])})
    market = market_of(cascade({"kind": "linear", "depth": {"OTHER": 1e4}}), BOOK, resolved)
    # 1e4 at 5 are 2,000 units, 0.0025 a unit; half of it 0.005.
    assert price(market, "OTHER", 100.0) == pytest.approx(4.75)
    assert price(market, "OTHER", 100.0, scenario=1) == pytest.approx(4.5)


def test_a_scenario_may_state_a_depth_that_nobody_else_does():
    resolved = states(BOOK, {}, {}, depth={"OTHER": ([1.0, 0.0, 0.5], [0.0, 1e4, 0.0])})
    market = market_of(cascade(), BOOK, resolved)
    assert [price(market, "OTHER", 100.0, scenario) for scenario in range(3)] == [5.0, pytest.approx(4.75), 5.0]
    assert market.missing[OTHER].tolist() == [True, False, True]


def test_order_books_come_from_a_table():
    table = pl.DataFrame({"asset": ["BTC"] * 3, "side": ["bid", "ask", "bid"], "price": [90.0, 102.0, 96.0], "quantity": [30.0, 5.0, 10.0]})
    resolved = states(BOOK, {"BTC": 50.0}, depth={"BTC": ([1.0, 2.0], [0.0, 0.0])})
    market = market_of(cascade({"kind": "depth_table", "table": "books.csv"}), BOOK, resolved, {"books.csv": table})
    assert [price(market, "BTC", quantity) for quantity in (10.0, 11.0, -1.0)] == pytest.approx([96.0, 90.0, 102.0])
    # Half the price and twice the depth.
    assert price(market, "BTC", 20.0, scenario=1) == pytest.approx(48.0)
    assert market.exhausted(sold(market, BTC=41.0))[B].tolist() == [True, False]
    assert market.depth[B] == pytest.approx(100.0 * 400.0)
    assert [tuple(row)[1:] for row in market.parameters if row.asset in ("BTC", "ETH")] == [
        ("depth_table", "bids", 40.0, "depth table books.csv"), ("depth_table", "asks", 5.0, "depth table books.csv"),
        ("depth_table", "bids", None, "none"), ("depth_table", "asks", None, "none"),
    ]  # fmt: skip


def test_a_deeper_market_and_fewer_scenarios():
    market = market_of(
        cascade({"kind": "linear", "assets": ["BTC"]}, {"kind": "exponential", "lambda": 0.001}), BOOK, states(BOOK, {"BTC": 80.0}, {"ETH": 4.0})
    )
    twice = market.deeper(2.0)
    quantities = sold(market, BTC=1000.0, ETH=300.0, OTHER=50.0)
    assert twice.after(2.0 * quantities) == pytest.approx(market.after(quantities), rel=1e-14)
    assert twice.depth[[B, E]] == pytest.approx(2.0 * market.depth[[B, E]])
    some = market.take([2, 0])
    assert some.after(quantities[:, [2, 0]]).tolist() == market.after(quantities)[:, [2, 0]].tolist()
    assert some.missing.shape == (4, 2)


def test_chosen_cells_are_those_of_the_whole():
    impacts = ({"kind": "linear", "assets": ["BTC"]}, {"kind": "exponential", "lambda": 0.001, "assets": ["ETH"]}, {"kind": "none"})
    market = market_of(cascade(*impacts), BOOK, states(BOOK, {"BTC": 80.0}, {"ETH": 4.0}))
    assets, scenarios = np.array([E, B, OTHER, B, E, USD], np.int32), np.array([2, 0, 1, 2, 0, 1], np.int32)
    before = np.arange(12.0).reshape(4, 3) * 10.0
    after = before + np.arange(12.0)[::-1].reshape(4, 3) * 7.0
    cells = market.at(assets, scenarios)
    assert cells.after(after[assets, scenarios]).tolist() == market.after(after)[assets, scenarios].tolist()
    assert cells.average(before[assets, scenarios], after[assets, scenarios]).tolist() == market.average(before, after)[assets, scenarios].tolist()


def test_names_that_are_no_assets_are_refused_with_their_place():
    impacts = [{"kind": "linear", "depth": {"BTX": 1.0}, "assets": ["BTX", "USD"]}, {"kind": "exponential", "lambda": {"SOLANA": 1.0}}]
    reason, texts = faults(impacts)
    assert (reason, reason.exit_code) == (Reason.CONFIGURATION, ExitCode.CONFIGURATION)
    assert texts == [
        "run.yaml, cascade.impact[0].assets: no asset of the snapshot is called `BTX`. Did you mean `BTC`?",
        "run.yaml, cascade.impact[0].assets: is the reporting currency, whose price is 1 by definition. Remove it: nothing moves it.",
        "run.yaml, cascade.impact[0].depth.BTX: no asset of the snapshot is called `BTX`. Did you mean `BTC`?",
        "run.yaml, cascade.impact[1].lambda.SOLANA: no asset of the snapshot is called `SOLANA`. Assets: BTC, ETH, OTHER, USD.",
    ]


def test_a_column_that_is_needed_and_not_above_zero_is_input_data():
    book = dimensions(A={"daily_volume": 0.0, "daily_vol": 0.1}, B={"daily_volume": 0.0, "daily_vol": 0.1, "price": 2.0})
    reason, texts = faults([{"kind": "square_root"}], book)
    assert reason is Reason.INPUT_DATA
    hint = "Leave it null where it is not known: sales of the asset then move no price, which data quality tells."
    assert texts == [f"assets.daily_volume: is not above zero, and the cascade needs it (2 rows: A, B). {hint}"]
    # Depth is there for the linear impact, which needs no volume.
    assert market_of(cascade(), book, states(book)).missing[0, 0]


def test_a_scenario_that_takes_all_depth_is_refused():
    resolved = states(BOOK, {}, {}, depth={"BTC": ([1.0, 0.0, 1.0], [0.0, 0.0, -2e6]), "OTHER": ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0])})
    reason, texts = faults([{"kind": "linear"}], resolved=resolved)
    assert reason is Reason.SCENARIO
    what, hint = "no depth, and a market without any has no price", "State a small depth, for example `scale: 0.01`."
    assert texts == [
        f"depth:BTC: scenario `s1` (and 1 more scenario) leaves BTC {what}. {hint}",
        f"depth:OTHER: scenario `s2` leaves OTHER {what}. {hint}",
    ]
    # Where sales move no price, there is nothing to refuse.
    assert not market_of(cascade({"kind": "none"}), BOOK, resolved).moves.any()
