"""What closing pays: every kind of contract by hand, and that nothing appears or disappears."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stress.cascade.liquidated_case import LiquidatedCase, Pool
from valuation.builders import in_years

from stresstest.stress.cascade.fills import equity, fill
from stresstest.stress.cascade.liquidated import Pairs

CALL = {"kind": "option", "underlying": "ETH", "option_type": "call", "strike": 2_000.0, "expiry": in_years(0.5)}
CASE = LiquidatedCase(
    {"BTC": {"price": 50_000.0}, "ETH": {"price": 2_000.0}, "EUR": {"price": 1.1}, "GONE": {"price": 1.0}},
    {
        "BTC-PERP": {"kind": "perpetual", "underlying": "BTC", "mark_price": 50_000.0},
        "BTC-EUR": {"kind": "perpetual", "underlying": "BTC", "quote": "EUR", "mark_price": 45_000.0, "contract_size": 0.1},
        "BTC-INV": {"kind": "perpetual", "underlying": "BTC", "payoff": "inverse", "settle": "BTC", "mark_price": 50_000.0, "contract_size": 100.0},
        "ETH-Q": {"kind": "perpetual", "underlying": "ETH", "payoff": "quanto", "settle": "BTC", "mark_price": 2_000.0, "contract_size": 1e-5},
        "ETH-SPOT": {"kind": "spot", "underlying": "ETH", "mark_price": 2_000.0},
        "ETH-C": {**CALL, "mark_price": 150.0},
        "ETH-M": {**CALL, "mark_price": 150.0, "premium_style": "margined"},
        "GONE-PERP": {"kind": "perpetual", "underlying": "BTC", "settle": "GONE", "mark_price": 50_000.0},
    },
    {"spot": {"BTC": 45_000.0, "ETH": 1_800.0}},
    {"spot": {"BTC": 40_000.0, "EUR": 1.0}},
    {"spot": {"BTC": 55_000.0, "GONE": 0.0}},
    {"spot": {"BTC": 200_000.0 / 3.0}},
)
VALUE = CASE.resolved.value
MARK = CASE.units.mark


def close(pool: Pool, **terms: float) -> tuple[dict[str, float], object]:
    """Balances after everything is closed, and what the fills were."""
    pairs = CASE.pairs(pool)
    after, fills = fill(pairs, np.ones(len(pairs.quantity)), CASE.units, VALUE, CASE.layout, **terms)
    assert len(after.quantity) == 0
    return CASE.tokens(after), fills


@pytest.mark.parametrize(
    ("instrument", "quantity", "entry", "scenario", "expected"),
    [
        # T5: bankruptcy prices. 2 BTC from 50,000 on 10,000 dollars: long 45,000, short 55,000; inverse on half a coin: long 40,000, short 66,666.67.
        ("BTC-PERP", 2.0, 50_000.0, 1, {"USD": -10_000.0}),
        ("BTC-PERP", -2.0, 50_000.0, 3, {"USD": -10_000.0}),
        ("BTC-INV", 1_000.0, 50_000.0, 2, {"USD": 0.0, "BTC": -0.5}),
        ("BTC-INV", -1_000.0, 50_000.0, 4, {"USD": 0.0, "BTC": -0.5}),
        # 45,000 euros at base, and 50,000 / 1.1 of it is the ratio: 40,000 / 1.0 is 0.88 of it, so the mark is 39,600. 0.1 coin loses 540 euros.
        ("BTC-EUR", 1.0, 45_000.0, 2, {"USD": 0.0, "EUR": -540.0}),
        # 1e-5 coin a dollar of the price: 100 contracts, 200 dollars down, are 0.2 coin.
        ("ETH-Q", 100.0, 2_000.0, 1, {"USD": 0.0, "BTC": -0.2}),
        ("ETH-SPOT", 3.0, 2_000.0, 1, {"USD": 5_400.0}),
        # A settle asset that is worth nothing cannot carry a loss: it is owed in dollars.
        ("GONE-PERP", -1.0, 50_000.0, 3, {"USD": -5_000.0, "GONE": 0.0}),
    ],
)
def test_what_a_closed_position_leaves(instrument, quantity, entry, scenario, expected):
    found, _ = close(Pool({}, [(instrument, quantity, entry)], scenario))
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_accrued_funding_settles_with_the_position():
    found, _ = close(Pool({"USD": 100.0}, [("BTC-PERP", 1.0, None, -30.0)], 0))
    assert found == {"USD": 70.0}


@pytest.mark.parametrize(("instrument", "cost"), [("ETH-C", 0.0), ("ETH-M", 150.0)])
@pytest.mark.parametrize("quantity", [10.0, -10.0])
def test_options_are_closed_a_spread_away_from_their_price(instrument, cost, quantity):
    price = MARK[CASE.instrument[instrument], 1]
    found, fills = close(Pool({"USD": 1e6}, [(instrument, quantity, 150.0)], 1), option_spread=0.02, liquidation_fee=0.005)
    side = 0.98 if quantity > 0 else 1.02
    assert fills.notional == pytest.approx([10.0 * price])
    assert fills.fee == pytest.approx([0.005 * 10.0 * price])
    assert found["USD"] == pytest.approx(1e6 + quantity * (side * price - cost) - 0.05 * price, rel=1e-12)


def test_the_fee_takes_no_more_than_there_is():
    # 2 coins down 5,000 leave 500 dollars; half a per cent of 90,000 is 450, then 1 % is 900.
    for rate, fee in ((0.005, 450.0), (0.01, 500.0)):
        found, fills = close(Pool({"USD": 10_500.0}, [("BTC-PERP", 2.0, 50_000.0)], 1), liquidation_fee=rate)
        assert found == pytest.approx({"USD": 500.0 - fee})
        assert fills.fees == pytest.approx([fee])
        assert fills.equity == pytest.approx([500.0 - fee])
    found, fills = close(Pool({"USD": 9_000.0}, [("BTC-PERP", 2.0, 50_000.0)], 1), liquidation_fee=0.01)
    assert found == pytest.approx({"USD": -1_000.0})
    assert fills.fees == [0.0]


def test_half_a_position_stays_with_half_its_cost_and_funding():
    pairs = CASE.pairs(Pool({"USD": 50_000.0}, [("BTC-PERP", 2.0, 48_000.0, -10.0), ("ETH-SPOT", 1.0, None)], 1))
    after, fills = fill(pairs, np.array([0.25, 1.0]), CASE.units, VALUE, CASE.layout)
    assert (after.quantity.tolist(), after.cost.tolist(), after.funding.tolist()) == ([1.5], [72_000.0], [-7.5])
    assert CASE.tokens(after) == {"USD": 50_000.0 + 0.25 * (2 * (45_000.0 - 48_000.0) - 10.0) + 1_800.0}
    assert fills.notional.tolist() == [22_500.0, 1_800.0]


HELD = st.lists(
    st.tuples(
        st.sampled_from(["BTC-PERP", "BTC-EUR", "BTC-INV", "ETH-Q", "ETH-SPOT", "ETH-C", "ETH-M"]),
        st.floats(-100.0, 100.0).filter(lambda q: abs(q) > 1e-3),
        st.one_of(st.none(), st.floats(100.0, 1e5)),
    ),
    max_size=5,
    unique_by=lambda held: held[0],
)
POOLS = st.lists(
    st.builds(Pool, st.dictionaries(st.sampled_from(["USD", "BTC", "EUR"]), st.floats(-1e6, 1e6)), HELD, st.integers(0, 4)), min_size=1, max_size=4
)


@given(pools=POOLS, part=st.sampled_from([0.1, 0.5, 1.0]), fee=st.floats(0.0, 0.02), spread=st.floats(0.0, 0.1))
def test_nothing_appears_or_disappears(pools, part, fee, spread):
    # What the pool is worth after = what it was worth at the state of execution, less spread and fees; so for whom it trades with.
    pairs = CASE.pairs(*pools)
    after, fills = fill(pairs, np.full(len(pairs.quantity), part), CASE.units, VALUE, CASE.layout, liquidation_fee=fee, option_spread=spread)
    taken = np.zeros(len(pools))
    np.add.at(taken, pairs.of_positions(), fills.spread + fills.fee)
    before, left = (equity(each, CASE.units, VALUE, CASE.layout) for each in (pairs, after))
    scale = sizes(pairs) + 1.0
    assert np.all(np.abs(left - (before - taken)) <= 1e-12 * scale)
    assert np.all(np.abs(left - fills.equity) <= 1e-12 * scale)
    assert np.all(fills.fees <= np.maximum(fills.equity + fills.fees, 0.0) + 1e-12 * scale)
    assert np.all(fills.spread >= 0.0)


def sizes(pairs: Pairs) -> np.ndarray:
    """What a pool holds, longs and shorts and what was paid for them added up: what rounding is measured by."""
    found = np.zeros(len(pairs.pool))
    of = pairs.of_positions()
    scenario = pairs.scenario[of]
    for quantity, slope in ((pairs.quantity, CASE.units.value_slope), (pairs.cost, CASE.units.cost_slope)):
        np.add.at(found, of, np.abs(quantity * slope[pairs.instrument, scenario]))
    np.add.at(found, pairs.of_tokens(), np.abs(pairs.amount) * 7e4)  # no coin is dearer in any state
    return found
