"""Positions closed for a loss, on hand-made books."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.stress.cascade.losses.deleveraging import Closed, Standing, closed_by_defaulters, deleverage


def standing(units: list[float], score: list[float], asset: int = 0) -> Standing:
    count = len(units)
    return Standing(np.arange(count), np.full(count, asset, np.int64), np.array(units), np.array(score))


def closed(units: float, *, was_long: bool, notional: float | None = None, asset: int = 0) -> Closed:
    return Closed(np.array([asset]), np.array([was_long]), np.array([units]), np.array([units * 100.0 if notional is None else notional]))


def test_the_published_queue() -> None:
    """T19: a liquidated short of 20 closes 10 of the second long and 10 of the fifth; a loss of 400 is 20 a unit."""
    book = standing([10.0, 10.0, 20.0, 30.0, 20.0, 10.0], [3.0, 6.0, 1.0, 4.0, 5.0, 2.0])
    found = deleverage(400.0, closed(20.0, was_long=False), book, "adl_queue")
    assert found.account.tolist() == [1, 4]
    assert found.quantity.tolist() == [10.0, 10.0]
    assert found.amount.tolist() == pytest.approx([200.0, 200.0])


def test_the_golden_book() -> None:
    """T9: longs closed 300 units and leave 200; shorts of 150 and 250 pay 75 and 125 in proportion, the queue takes the second first."""
    book = standing([-150.0, -250.0], [0.2, 0.4])
    pro_rata = deleverage(200.0, closed(300.0, was_long=True), book, "pro_rata")
    assert pro_rata.quantity.tolist() == pytest.approx([112.5, 187.5])
    assert pro_rata.amount.tolist() == pytest.approx([75.0, 125.0])
    queue = deleverage(200.0, closed(300.0, was_long=True), book, "adl_queue")
    assert dict(zip(queue.account.tolist(), queue.amount.tolist(), strict=True)) == pytest.approx({0: 200 / 300 * 50, 1: 200 / 300 * 250})


def test_nobody_on_the_other_side() -> None:
    """The same side pays nothing, nor does another underlying; with too few opposite, the rest is not placed."""
    assert deleverage(100.0, closed(10.0, was_long=True), standing([5.0], [1.0]), "adl_queue").amount.sum() == 0.0
    assert deleverage(100.0, closed(10.0, was_long=True), standing([-5.0], [1.0], asset=1), "pro_rata").amount.sum() == 0.0
    assert deleverage(100.0, closed(10.0, was_long=True), standing([-4.0], [1.0]), "pro_rata").amount.tolist() == [40.0]


def test_what_defaulters_closed() -> None:
    """Of five orders those of the account below zero count, and of these the futures: 3 contracts of two units, whatever they were sold at."""
    log = pl.DataFrame(
        {
            "pool": [0, 0, 1, 0, 0], "action": ["position", "position", "position", "collateral", "position"], "instrument": [0, 1, 0, -1, 0],
            "asset": [2, 2, 2, 2, 2], "round": [1, 1, 1, 2, 3], "quantity": [1.0, 1.0, 7.0, 9.0, 2.0], "notional": [150.0, 50.0, 700.0, 9.0, 300.0],
        }
    )  # fmt: skip
    found = closed_by_defaulters(log, np.array([True, False]), np.array([0, 1]), np.array([2.0, 0.0]))
    assert (found.asset.tolist(), found.was_long.tolist(), found.units.tolist(), found.notional.tolist()) == ([2], [True], [6.0], [450.0])


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3).filter(lambda x: abs(x) > 1e-3), st.floats(-5.0, 5.0)), min_size=1, max_size=8),
    st.floats(0.1, 1e4), st.floats(0.0, 1e6), st.sampled_from(["adl_queue", "pro_rata"]), st.booleans(),
)  # fmt: skip
def test_amounts_are_those_of_the_units_placed(positions: list[tuple[float, float]], units: float, loss: float, rule: str, was_long: bool) -> None:
    held = [size for size, _ in positions]
    found = deleverage(loss, closed(units, was_long=was_long), standing(held, [score for _, score in positions]), rule)  # type: ignore[arg-type]
    room = sum(-size for size in held if size < 0.0) if was_long else sum(size for size in held if size > 0.0)
    assert found.amount.sum() == pytest.approx(loss * min(1.0, room / units), rel=1e-9, abs=1e-9)
    assert all(quantity <= abs(held[account]) * (1 + 1e-12) for account, quantity in zip(found.account, found.quantity, strict=True))
    if rule == "adl_queue" and len(found.score):
        untouched = [score for number, (size, score) in enumerate(positions) if (size < 0.0) == was_long and number not in found.account]
        assert all(score <= found.score.min() for score in untouched)
