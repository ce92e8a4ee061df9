"""How much is closed: cases by hand, and the condition that each policy is defined by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stress.cascade.liquidated_case import LiquidatedCase, Pool

from stresstest.stress.cascade.fills import equity, fill, position_notionals
from stresstest.stress.cascade.liquidated import Pairs
from stresstest.stress.cascade.policy import shares

CASE = LiquidatedCase(
    {"A": {"price": 90.0}}, {name: {"underlying": "A", "mark_price": 90.0, "kind": "perpetual"} for name in ("a1", "a2", "a3", "a4")}
)
NAMES = tuple(CASE.instrument)


def held(*sizes: int) -> Pairs:
    """Pools with so many positions each."""
    return CASE.pairs(*(Pool({}, [(name, 1.0, None) for name in NAMES[:size]]) for size in sizes))


def array(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_partial_liquidation_reaches_the_target():
    # T12: 100 units at 90, equity 360, target 6 %, cost 1 %: 40 units are sold, and (360 - 36) / (60 * 90) is 6 % exactly.
    found = shares(
        held(1), "partial_to_target", balance=array(360.0), requirement=array(450.0), notional=array(9000.0), target_ratio=0.06, liquidation_fee=0.01
    )
    assert found == pytest.approx([0.4], abs=1e-15)
    sold = 9000.0 * found[0]
    assert (360.0 - 0.01 * sold) / (9000.0 - sold) == pytest.approx(0.06, abs=1e-15)


@pytest.mark.parametrize(("times", "better"), [(0.99, True), (1.01, False)])
def test_selling_helps_up_to_the_threshold_of_the_self_spiral(times, better):
    # T12: an account that alone moves its price by k a unit gains by selling only while k q / P < T / (1 - T): k below 0.05744680851063829.
    threshold = 0.06 / (1 - 0.06) * 90.0 / 100.0
    assert threshold == pytest.approx(0.05744680851063829, abs=1e-16)
    slope, sold = times * threshold, 0.01
    terms = {"A": {"underlying": "A", "mark_price": 90.0, "kind": "perpetual"}}
    case = LiquidatedCase({"A": {"price": 90.0}}, terms, {"spot": {"A": 90.0 - slope * sold / 2}}, {"spot": {"A": 90.0 - slope * sold}})
    held_at_average = case.pairs(Pool({"USD": 0.06 * 9000.0}, [("A", 100.0, 90.0)], scenario=1))
    after, _ = fill(held_at_average, np.array([sold / 100.0]), case.units, case.resolved.value, case.layout)
    at_last = after._replace(scenario=np.array([2], dtype=np.int32))
    ratio = equity(at_last, case.units, case.resolved.value, case.layout) / position_notionals(at_last, case.units, case.layout)
    assert bool(ratio[0] > 0.06) is better


def test_pro_rata_aims_at_the_requirement_alone():
    found = shares(held(2), "pro_rata", balance=array(40.0), requirement=array(50.0), notional=array(300.0, 700.0), target_ratio=0.5)
    assert found == pytest.approx([0.2, 0.2], abs=1e-15)  # 40 >= 50 * (1 - x)


def test_everything_goes_where_closing_frees_less_than_it_costs():
    # Requirement 1 % of notional, fee 1 %; and a balance below zero.
    found = shares(
        held(1, 2), "pro_rata", balance=array(9.0, -5.0), requirement=array(10.0, 10.0), notional=array(1000.0, 60.0, 40.0), liquidation_fee=0.01
    )
    assert found.tolist() == [1.0, 1.0, 1.0]


def test_full_closes_everything():
    assert shares(held(1, 2), "full", balance=array(1.0, 1.0), requirement=array(2.0, 2.0), notional=array(1.0, 1.0, 1.0)).tolist() == [1.0] * 3


def test_the_worst_positions_go_first():
    # N = 1000, R = 50, B = 30: closing 250 leaves 37.5 asked, closing 450 leaves 27.5. The largest loss is a2's, then a1's.
    found = shares(
        held(4),
        "worst_first",
        balance=array(30.0),
        requirement=array(50.0),
        notional=array(200.0, 250.0, 300.0, 250.0),
        lost=array(7.0, 9.0, -4.0, 2.0),
    )
    assert found.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_equal_losses_go_in_the_order_of_instruments():
    found = shares(held(2), "worst_first", balance=array(40.0), requirement=array(50.0), notional=array(500.0, 500.0), lost=array(1.0, 1.0))
    assert found.tolist() == [1.0, 0.0]


POSITIONS = st.lists(st.tuples(st.floats(1.0, 1e6), st.floats(-1e3, 1e3)), min_size=1, max_size=4)
POOLS = st.lists(st.tuples(POSITIONS, st.floats(0.002, 0.3), st.floats(-0.2, 0.999)), min_size=1, max_size=4)


@given(pools=POOLS, fee=st.floats(0.0, 0.02), target=st.one_of(st.none(), st.floats(0.01, 0.5)))
def test_what_is_closed_is_enough_and_no_more(pools, fee, target):
    notional = np.array([size for positions, _, _ in pools for size, _ in positions])
    lost = np.array([loss for positions, _, _ in pools for _, loss in positions])
    gross = np.array([sum(size for size, _ in positions) for positions, _, _ in pools])
    requirement = np.array([rate for _, rate, _ in pools]) * gross
    balance = np.array([part for _, _, part in pools]) * requirement
    pairs = held(*(len(positions) for positions, _, _ in pools))
    given_ = {"balance": balance, "requirement": requirement, "notional": notional, "liquidation_fee": fee}
    same = shares(pairs, "partial_to_target", **given_, target_ratio=target or 0.01)
    whole = shares(pairs, "worst_first", **given_, lost=lost, target_ratio=target)
    at = 0
    for number, (positions, _, _) in enumerate(pools):
        b, r, n = balance[number], requirement[number], gross[number]
        x = same[at]
        assert np.all(same[at : at + len(positions)] == x)
        assert 0.0 < x <= 1.0
        aim = max((target or 0.01) * n, r)
        enough = b - fee * x * n - aim * (1 - x)
        assert x == 1.0 or abs(enough) <= 1e-9 * n
        # One position after the other, as one would by hand.
        aim = r if target is None else max(target * n, r)
        expected, closed = [0.0] * len(positions), 0.0
        for place in sorted(range(len(positions)), key=lambda k: (-positions[k][1], k)):
            if b - fee * closed >= aim * ((n - closed) / n):
                break
            expected[place] = 1.0
            closed += positions[place][0]
        assert whole[at : at + len(positions)].tolist() == expected
        at += len(positions)
