"""Open orders in an explanation: both sides by hand."""

from typing import Any

import pytest
from margin.explain_case import SCHEDULES, Case

MODEL = {"kind": "tiered", "orders": "worst_side", "order_amount": {"maintenance": 0.25, "initial": 0.5}}
INSTRUMENTS: dict[str, Any] = {
    "PERP": {"kind": "perpetual", "underlying": "BTC", "mark_price": 100.0, "margin_schedule": "flat"},
    "SPOT": {"kind": "spot", "underlying": "BTC", "mark_price": 100.0},
}
HALF = {"bands": [{"from": 0, "haircut": 0.5}], "liability_weight": 1.5}


def book() -> Case:
    margin = {**SCHEDULES, "collateral_schedules": {**SCHEDULES["collateral_schedules"], "half": HALF}, "models": {"default": MODEL}}
    return Case({"BTC": {"price": 100.0, "collateral_schedule": "half"}}, INSTRUMENTS, margin)


def test_a_derivative_has_two_sides_and_the_worse_one_counts():
    found = book().hold("PERP", 2).order("PERP", 3, 110.0).explain()
    bids, asks, each = found.orders.filter(scenario_id="base").to_dicts()
    assert (bids["side"], bids["filled"], bids["after"], asks["side"], asks["after"]) == ("bids", 3.0, 5.0, "asks", 2.0)
    assert (bids["asked_maintenance"], bids["lost_maintenance"], bids["requirement_initial"]) == pytest.approx((25.0, 30.0, 80.0))
    assert asks["requirement_maintenance"] is None
    assert (each["subject"], each["requirement_maintenance"], each["requirement_initial"]) == ("every order", 0.25, 0.5)
    assert found.pools["maintenance_margin"][0] == pytest.approx(55.25)


def test_a_spot_market_takes_what_its_worse_side_counts_less():
    found = book().deposit("USD", 1000.0).order("SPOT", -4, 100.0).explain()
    bids, asks, together, _ = found.orders.filter(scenario_id="base").to_dicts()
    # Four sold and none held: a debt of 400 counts 600, and 400 dollars come in.
    assert (bids["worth_maintenance"], asks["worth_maintenance"]) == pytest.approx((0.0, -200.0))
    assert (together["subject"], together["requirement_maintenance"]) == ("spot markets together", pytest.approx(200.0))
