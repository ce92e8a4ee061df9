"""The reference cascade itself, against figures worked out by hand (`references/cascade_reverse.md`, part C)."""

from __future__ import annotations

import math

import pytest
from oracle.cascade import settled_price
from oracle.impact import Impact
from stress.cascade.books import LADDERS, four_longs, ladder, two_assets


@pytest.mark.parametrize(
    ("slope", "rounds", "price", "equities"),
    [
        (0.0, 1, 94.0, [400.0, 900.0, 1_400.0, 3_400.0]),
        (0.03, 1, 91.0, [250.0, 600.0, 1_100.0, 3_100.0]),
        (0.05, 3, 79.0, [150.0, 150.0, 150.0, 1_900.0]),
        (0.07, 3, 73.0, [50.0, -150.0, -350.0, 1_300.0]),
    ],
)
def test_four_longs(slope: float, rounds: int, price: float, equities: list[float]) -> None:
    found = four_longs(slope).reference()
    assert (found.rounds, found.converged) == (rounds, True)
    assert found.prices["A"] == pytest.approx(price)
    assert [found.equity[name, "cross"] for name in ("A1", "A2", "A3", "A4")] == pytest.approx(equities)
    assert found.deficit == pytest.approx(sum(max(0.0, -each) for each in equities))


def test_what_longs_lose_shorts_and_buyers_gain() -> None:
    found = four_longs(0.07, shorts=True).reference()
    gained = {name: found.equity[name, "cross"] - found.equity_base[name, "cross"] for name, _ in found.equity}
    longs, shorts = (sum(gained[name] for name in gained if name[0] == side) for side in "AS")
    # 300 units bought on the way down from 94, worth 73 at the end; the fall to 94 itself is between longs and shorts.
    outside = 300.0 * found.prices["A"] - found.bought_for
    assert (longs, shorts, outside) == pytest.approx((-7_650.0, 10_800.0, -3_150.0))
    assert longs + shorts + outside == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("case", [0, 1])
def test_thresholds_spread_evenly_fall_as_far_as_the_closed_form_says(case: int) -> None:
    step, at_equality, rounds, price = LADDERS[case]
    found = ladder(step, at_equality).reference()
    assert (found.rounds, found.prices["A"]) == (rounds, pytest.approx(price))


def test_cross_margin_spreads_and_isolated_margin_leaves_a_hole() -> None:
    cross, apart = two_assets().reference(), two_assets(isolated=True).reference()
    assert (cross.prices["A"], cross.prices["B"]) == pytest.approx((74.0, 92.0))
    assert cross.by_account(cross.equity) == pytest.approx({"X": 400.0, "Y": 100.0, "Z": 1_400.0})
    assert (cross.rounds, cross.deficit, cross.first_round) == (2, 0.0, {("X", "cross"): 1, ("Y", "cross"): 2})
    assert (apart.prices["A"], apart.prices["B"]) == pytest.approx((74.0, 100.0))
    assert apart.equity["Y", "cross"] == pytest.approx(700.0)
    assert apart.equity["X", "PA:long"] == pytest.approx(-900.0)
    assert apart.deficit == pytest.approx(900.0)


@pytest.mark.parametrize(
    ("kind", "strength", "price", "average"),
    [
        ("square_root", 0.03 / math.sqrt(1_000_000_000.0), 100.0 * (1 - 0.009486832980505), 100.0 * (1 - 0.006324555320337)),  # T1
        ("linear", 100.0 / 1_000_000_000.0, 90.0, 95.0),  # T2
        ("exponential", 1.0258658877510114 / 1_000_000_000.0, 90.25, 95.04166301284045),  # T3: a tenth of what there is
    ],
)
def test_averages_are_integrals_of_prices(kind: str, strength: float, price: float, average: float) -> None:
    impact = Impact(kind, 100.0, 100.0, strength, may_be_negative=False)
    assert impact.after(1e8) == pytest.approx(price, rel=1e-12)
    assert impact.average(0.0, 1e8) == pytest.approx(average, rel=1e-12)
    assert 0.25 * impact.average(0.0, 2.5e7) + 0.75 * impact.average(2.5e7, 1e8) == pytest.approx(average, rel=1e-12)


@pytest.mark.parametrize(("kind", "strength", "units"), [("linear", 0.05, 50.64113103820716), ("exponential", 0.0005, 50.63561596857979)])
def test_units_to_sell_for_a_need(kind: str, strength: float, units: float) -> None:
    """T4: K = 5,000 at 100."""
    impact = Impact(kind, 100.0, 100.0, strength, may_be_negative=False)
    price, (sold,) = settled_price(impact, 0.0, [(5_000.0, 10_000.0)], 1.0)
    assert sold == pytest.approx(units, rel=1e-12)
    assert price * sold == pytest.approx(5_000.0, rel=1e-12)
