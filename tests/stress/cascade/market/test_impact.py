"""Impact functions: published values, selling in parts, and numerical integration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.stress.cascade.market.impact import Bounded, Curve, Exponential, Linear, SquareRoot
from stresstest.stress.cascade.market.order_book import OrderBook, side_of


def one(number: float) -> np.ndarray:
    return np.array([number])


def bounded(curve: Curve, floor: float = -math.inf, ceiling: float = 1e12) -> Bounded:
    return Bounded(curve, one(floor), one(ceiling))


def after(curve: Curve, sold: float, floor: float = -math.inf, ceiling: float = 1e12) -> float:
    return float(bounded(curve, floor, ceiling).after(one(sold))[0])


def average(curve: Curve, before: float, sold: float, floor: float = -math.inf, ceiling: float = 1e12) -> float:
    return float(bounded(curve, floor, ceiling).average(one(before), one(sold))[0])


def linear(slope: float, price: float = 100.0) -> Linear:
    return Linear(one(price), one(slope))


def exponential(decay: float, price: float = 100.0) -> Exponential:
    return Exponential(one(price), one(price), one(decay))


def square_root(coefficient: float, price: float = 100.0) -> SquareRoot:
    return SquareRoot(one(price), one(price), one(coefficient))


# Bids 4 % below the snapshot price of 100 for 10 units, 10 % for 30; asks 2 % above for 5 units, 6 % for 15.
BIDS = side_of(np.array([96.0, 90.0]), np.array([10.0, 30.0]), 100.0)
ASKS = side_of(np.array([102.0, 106.0]), np.array([5.0, 15.0]), 100.0)


def order_book(price: float = 100.0, stretch: float = 1.0) -> OrderBook:
    return OrderBook(BIDS, ASKS, one(price), one(price), one(stretch))


# Cascade note, T1: vol 3 %, Y 1, 100m sold of 1bn a day, here at a price of 1.
HUNDRED_MILLION = square_root(0.03 / math.sqrt(1e9), price=1.0)


def test_square_root_counts_what_was_sold_in_all():
    assert 1.0 - after(HUNDRED_MILLION, 1e8) == pytest.approx(0.009486832980505, abs=1e-15)
    assert 1.0 - average(HUNDRED_MILLION, 0.0, 1e8) == pytest.approx(0.006324555320337, abs=1e-15)
    # Round by round, four parts of 25m would compound to this (T1).
    naive = 1.0 - (1.0 - 0.03 * math.sqrt(0.025)) ** 4
    assert naive == pytest.approx(0.018839092, abs=1e-9)
    in_parts = [average(HUNDRED_MILLION, done * 2.5e7, (done + 1) * 2.5e7) for done in range(4)]
    assert 1.0 - sum(in_parts) / 4.0 == pytest.approx(0.006324555320337, abs=1e-15)


def test_linear_depth():
    # T2: depth of 1bn at a price of 100 is 10m units; 100m sold are 1m units.
    depth = linear(100.0 / 1e7)
    assert after(depth, 1e6) == pytest.approx(90.0, abs=1e-12)
    assert average(depth, 0.0, 1e6) == pytest.approx(95.0, abs=1e-12)
    assert average(depth, 0.0, -1e6) == pytest.approx(105.0, abs=1e-12)


def test_exponential():
    # T3: -5 % for 5 % of what there is.
    decay = -math.log(1.0 - 0.05) / 0.05
    assert decay == pytest.approx(1.0258658877510114, abs=1e-15)
    curve = exponential(decay, price=1.0)
    assert after(curve, 0.05) == pytest.approx(0.95, abs=1e-15)
    assert after(curve, 0.10) == pytest.approx(0.9025, abs=1e-15)
    assert average(curve, 0.0, 0.10) == pytest.approx(0.9504166301284045, abs=1e-15)


def test_units_that_raise_an_amount():
    # T4: (P - sqrt(P^2 - 2 k K)) / k and -ln(1 - l K / P) / l.
    units = (100.0 - math.sqrt(100.0**2 - 2.0 * 0.05 * 5000.0)) / 0.05
    assert units == pytest.approx(50.64113103820716, rel=1e-14)
    assert units * average(linear(0.05), 0.0, units) == pytest.approx(5000.0, rel=1e-14)
    units = -math.log(1.0 - 0.0005 * 5000.0 / 100.0) / 0.0005
    assert units == pytest.approx(50.63561596857979, rel=1e-14)
    assert units * average(exponential(0.0005), 0.0, units) == pytest.approx(5000.0, rel=1e-14)


def test_an_order_book_is_walked_level_by_level():
    book = order_book()
    assert [after(book, sold) for sold in (0.0, 4.0, 10.0, 10.5, 40.0)] == pytest.approx([100.0, 96.0, 96.0, 90.0, 90.0])
    assert average(book, 0.0, 10.0) == pytest.approx(96.0)
    assert average(book, 0.0, 40.0) == pytest.approx((10 * 96 + 30 * 90) / 40)
    assert average(book, 5.0, 15.0) == pytest.approx(93.0)
    assert [after(book, sold) for sold in (-1.0, -5.0, -20.0)] == pytest.approx([102.0, 102.0, 106.0])
    assert average(book, 0.0, -20.0) == pytest.approx((5 * 102 + 15 * 106) / 20)
    # From 5 units bought to 10 sold: 5 bought at 102 are given back, 10 more go at 96.
    assert average(book, -5.0, 10.0) == pytest.approx((5 * 102 + 10 * 96) / 15)


def test_an_order_book_goes_on_at_its_mean_slope():
    # 10 % over 40 units: 0.25 a unit, from 90 on; of the asks 6 % over 20: 0.3 a unit.
    book = order_book()
    assert after(book, 60.0) == pytest.approx(85.0)
    assert average(book, 40.0, 60.0) == pytest.approx(87.5)
    assert after(book, -30.0) == pytest.approx(109.0)
    assert [bool(book.exhausted(one(sold))[0]) for sold in (40.0, 40.1, -20.0, -20.1)] == [False, True, False, True]


def test_levels_keep_their_distance_in_percent_and_depth_stretches_them():
    assert after(order_book(price=50.0), 4.0) == pytest.approx(48.0)
    assert after(order_book(stretch=2.0), 20.0) == pytest.approx(96.0)
    assert average(order_book(stretch=2.0), 0.0, 80.0) == pytest.approx((10 * 96 + 30 * 90) / 40)
    assert after(order_book().deeper(2.0), 20.5) == pytest.approx(90.0)


def test_a_price_stays_at_its_floor_and_the_average_counts_it():
    # 100 - Q, floor 40, reached at 60: over 0..100 the mean is (60 * 70 + 40 * 40) / 100.
    assert after(linear(1.0), 100.0, floor=40.0) == 40.0
    assert average(linear(1.0), 0.0, 100.0, floor=40.0) == pytest.approx(58.0)
    assert average(linear(1.0), 70.0, 80.0, floor=40.0) == 40.0
    assert [bool(bounded(linear(1.0), 40.0).at_its_end(one(sold))[0]) for sold in (59.0, 60.0, -1.0)] == [False, True, False]
    # Bought, 100 + Q up to a ceiling of 120: over 0..40 the mean is (20 * 110 + 20 * 120) / 40.
    assert average(linear(1.0), 0.0, -40.0, ceiling=120.0) == pytest.approx(115.0)
    assert bool(bounded(linear(1.0), ceiling=120.0).at_its_end(one(-20.0))[0])
    # Without a floor a price goes through zero.
    assert after(linear(1.0), 150.0) == -50.0


def test_numbers_do_not_overflow():
    assert after(exponential(1.0), -1e9, floor=1e-4, ceiling=1e8) == 1e8
    assert average(exponential(1.0), 0.0, -1e9, floor=1e-4, ceiling=1e8) == pytest.approx(1e8, rel=1e-6)
    assert after(exponential(1.0), 1e9, floor=1e-4, ceiling=1e8) == 1e-4


def test_without_slope_nothing_moves():
    assert after(linear(0.0), 1e12, floor=1e-4) == 100.0
    assert average(linear(0.0), -5.0, 1e12, floor=1e-4) == 100.0


def test_a_price_that_may_be_negative_falls_by_shares_of_its_snapshot_price():
    # Snapshot price 50, shocked to -10: half of 50 less is -35, whatever the sign of the price.
    fall = Exponential(one(-10.0), one(50.0), one(math.log(2.0)))
    assert after(fall, 1.0) == pytest.approx(-35.0)
    assert after(SquareRoot(one(-10.0), one(50.0), one(0.1)), 4.0) == pytest.approx(-20.0)


CURVES = st.one_of(
    st.floats(1e-4, 5.0).map(linear), st.floats(1e-4, 0.05).map(exponential), st.floats(1e-4, 0.2).map(square_root), st.just(order_book())
)
QUANTITIES = st.floats(-80.0, 80.0)


@given(curve=CURVES, quantities=st.lists(QUANTITIES, min_size=3, max_size=3).map(sorted), floor=st.sampled_from([-math.inf, 1e-4, 70.0]))
def test_selling_in_parts_is_selling_at_once(curve: Curve, quantities: list[float], floor: float):
    start, middle, end = quantities
    parts = average(curve, start, middle, floor, 125.0) * (middle - start) + average(curve, middle, end, floor, 125.0) * (end - middle)
    assert parts == pytest.approx(average(curve, start, end, floor, 125.0) * (end - start), abs=1e-8)


@given(curve=CURVES, before=QUANTITIES, sold=QUANTITIES, floor=st.sampled_from([-math.inf, 1e-4, 70.0]))
def test_the_average_is_the_mean_of_the_price(curve: Curve, before: float, sold: float, floor: float):
    found = average(curve, before, sold, floor, 125.0)
    # Midpoint sums: a step or a root of the price is met to within a part of the interval.
    points = np.linspace(before, sold, 4001)
    prices = Bounded(curve, np.full(4000, floor), np.full(4000, 125.0)).after((points[1:] + points[:-1]) / 2.0)
    assert found == pytest.approx(float(prices.mean()), abs=2e-2 if isinstance(curve, OrderBook) else 2e-3)
    ends = sorted((after(curve, before, floor, 125.0), after(curve, sold, floor, 125.0)))
    assert ends[0] - 1e-9 <= found <= ends[1] + 1e-9


@given(curve=CURVES, sold=QUANTITIES, multiple=st.floats(0.25, 4.0))
def test_in_a_deeper_market_so_many_times_as_much_moves_as_far(curve: Curve, sold: float, multiple: float):
    assert after(curve.deeper(multiple), sold * multiple) == pytest.approx(after(curve, sold), abs=1e-9)


@given(curve=CURVES, price=st.floats(60.0, 140.0))
def test_the_quantity_at_which_a_price_is_reached(curve: Curve, price: float):
    sold = float(curve.sold_at(one(price))[0])
    if isinstance(curve, OrderBook):  # the price jumps there: before it is above, after it at or below
        assert after(curve, math.nextafter(sold, math.inf)) <= price + 1e-9
        assert after(curve, sold - 1e-6) >= price - 1e-6
    else:
        assert after(curve, sold) == pytest.approx(price, abs=1e-7)


@given(curve=CURVES, quantities=st.lists(QUANTITIES, min_size=2, max_size=2).map(sorted))
def test_more_sold_is_never_a_higher_price(curve: Curve, quantities: list[float]):
    assert after(curve, quantities[1], 1e-4) <= after(curve, quantities[0], 1e-4) + 1e-12


@pytest.mark.parametrize(
    "curve", [linear(0.3), exponential(0.01), square_root(0.05), order_book()], ids=["linear", "exponential", "square root", "book"]
)
def test_nothing_sold_is_the_shocked_price_to_the_last_bit(curve: Curve):
    assert after(curve, 0.0) == 100.0
    assert after(curve, -0.0) == 100.0
    assert average(curve, 0.0, 0.0) == 100.0
