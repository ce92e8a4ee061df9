"""Open orders in the kernels: the worse of the two sides by hand, and the laws of orders."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.kernels.kernel_case import KernelCase

RATES = {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.10}]}
MARGIN: dict[str, Any] = {
    "margin_schedules": {
        "flat": RATES,
        "contracts": {"basis": "contracts", "tiers": [{**RATES["tiers"][0]}, {"from": 4, "maintenance_rate": 0.2, "initial_rate": 0.4}]},
        "short": {"short_option": {"maintenance": {"rate": 0.0, "minimum": 0.1}, "initial": {"rate": 0.0, "minimum": 0.2}}},
    },
    "collateral_schedules": {
        "par": {"bands": [{"from": 0, "haircut": 0.0}]},
        "coin": {"bands": [{"from": 0, "haircut": 0.1, "initial_haircut": 0.2}], "liability_weight": {"maintenance": 1.1, "initial": 1.2}},
        "banded": {"bands": [{"from": 0, "haircut": 0.0}, {"from": 1000, "haircut": 0.5}], "liability_weight": 2.0},
    },
    "models": {"default": {"kind": "tiered", "orders": "worst_side"}},
}
INSTRUMENTS: dict[str, Any] = {
    "PERP": {"kind": "perpetual", "underlying": "BTC", "mark_price": 100.0, "margin_schedule": "flat"},
    "LOTS": {"kind": "perpetual", "underlying": "BTC", "mark_price": 100.0, "margin_schedule": "contracts"},
    "COIN": {
        "kind": "perpetual", "underlying": "BTC", "settle": "USDT", "payoff": "inverse", "mark_price": 100.0, "contract_size": 50.0,
        "margin_schedule": "flat",
    },
    "CALL": {
        "kind": "option", "option_type": "call", "strike": 90.0, "underlying": "BTC", "mark_price": 15.0, "contract_size": 2.0,
        "margin_schedule": "short",
    },
    "SPOT": {"kind": "spot", "underlying": "BTC", "mark_price": 100.0},
    "ETH/USD": {"kind": "spot", "underlying": "ETH", "mark_price": 10.0},
    "ETH/BTC": {"kind": "spot", "underlying": "ETH", "quote": "BTC", "mark_price": 0.1},
}  # fmt: skip
ASSETS: dict[str, Any] = {
    "BTC": {"price": 100.0, "collateral_schedule": "coin"}, "ETH": {"price": 10.0, "collateral_schedule": "banded"}, "USDT": {"price": 1.0},
}  # fmt: skip


def book(model: dict[str, Any] | None = None, multiplier: float = 1.0) -> KernelCase:
    models = {"models": {"default": {**MARGIN["models"]["default"], **(model or {})}}}
    return KernelCase(ASSETS, INSTRUMENTS, {**MARGIN, **models}, {"A": {"margin_multiplier": multiplier}})


def margins(case: KernelCase, **scenarios: Any) -> dict[str, tuple[float, float]]:
    return {scenario: (row["maintenance_margin"], row["initial_margin"]) for scenario, row in case.run(**scenarios).items()}


def test_the_worse_of_all_bids_and_all_asks_filled():
    case = book().hold("PERP", 2).order("PERP", 3, 100.0).order("PERP", -6, 100.0).order("PERP", -4, 100.0)
    found = margins(case, down={"spot": {"BTC": 70.0}, "mark": {"PERP": 70.0}}, up={"spot": {"BTC": 130.0}, "mark": {"PERP": 130.0}})
    assert found["base"] == pytest.approx((0.05 * 800, 0.10 * 800), rel=1e-12)
    # At 70 five contracts, three of them bought 30 too dear; at 130 eight short, ten sold 30 too cheap. What a side gains does not count.
    assert found["down"] == pytest.approx((0.05 * 350 + 90, 0.10 * 350 + 90), rel=1e-12)
    assert found["up"] == pytest.approx((0.05 * 1040 + 300, 0.10 * 1040 + 300), rel=1e-12)


def test_orders_are_ignored_unless_the_model_asks():
    case = book({"orders": "ignore"}).hold("PERP", 2).order("PERP", 3, 100.0)
    assert margins(case)["base"] == pytest.approx((10.0, 20.0), rel=1e-12)


def test_the_multiplier_and_the_margin_rate_are_of_what_a_position_needs_not_of_what_fills_lose():
    case = book(multiplier=2.0).hold("PERP", 2).order("PERP", 3, 110.0)
    found = margins(case, rate={"margin_rate": {"flat": 1.5}})
    assert found["base"] == pytest.approx((2 * 25 + 30, 2 * 50 + 30), rel=1e-12)
    assert found["rate"] == pytest.approx((3 * 25 + 30, 3 * 50 + 30), rel=1e-12)


def test_the_tier_is_that_of_the_position_after_the_fills():
    case = book().hold("LOTS", 3).order("LOTS", 2, 100.0)
    # 4 contracts at 5 %, the fifth at 20 %.
    assert margins(case)["base"] == pytest.approx((20 + 20, 40 + 40), rel=1e-12)


def test_leverage_of_the_position_holds_for_what_it_becomes():
    case = book().hold("PERP", 2, leverage=4.0).order("PERP", 2, 100.0)
    assert margins(case)["base"] == pytest.approx((20.0, 100.0), rel=1e-12)


def test_an_inverse_contract():
    case = book().order("COIN", -4, 80.0)
    # 200 dollars; sold at 80 and worth 100: 4 * 50 * (1/80 - 1/100) coins, here settled in dollars of one each.
    assert margins(case)["base"] == pytest.approx((10 + 0.5, 20 + 0.5), rel=1e-12)


def test_a_long_option_costs_its_premium_less_what_the_model_credits():
    assert margins(book().order("CALL", 3, 14.0))["base"] == pytest.approx((84.0, 84.0), rel=1e-12)
    credited = book({"long_option_credit": {"maintenance": 0.9, "initial": 0.5}}).order("CALL", 3, 16.0)
    assert margins(credited)["base"] == pytest.approx((96 - 81, 96 - 45), rel=1e-12)


def test_a_short_option_brings_its_premium_and_needs_its_rule():
    case = book().hold("CALL", 1).order("CALL", -3, 8.0)
    # Two short: 10 % of 100 for each unit; one gave up a value that did not count, two are worth 15 a unit, three brought 8.
    assert margins(case)["base"] == pytest.approx((40 + 60 - 48, 80 + 60 - 48), rel=1e-12)


def test_a_bid_on_spot_is_worth_less_than_what_it_pays():
    case = book().deposit("USD", 10_000.0).order("SPOT", 500, 100.0)
    found = case.run(down={"spot": {"BTC": 60.0}, "mark": {"SPOT": 60.0}}, up={"spot": {"BTC": 150.0}, "mark": {"SPOT": 150.0}})
    # Drift v2, tests.rs usdc_deposit_and_5x_sol_bid: 10,000 + 0.8 * 50,000 - 50,000.
    free = {name: row["margin_balance_initial"] - row["initial_margin"] for name, row in found.items()}
    assert free == pytest.approx({"base": 0.0, "down": 10_000 + 0.8 * 30_000 - 50_000, "up": 0.0}, abs=1e-9)


def test_an_ask_on_spot_makes_a_debt():
    case = book().deposit("BTC", 500.0).order("SPOT", -3000, 100.0)
    # Drift v2, sol_deposit_and_5x_sol_ask.
    row = case.run()["base"]
    assert row["margin_balance_initial"] - row["initial_margin"] == pytest.approx(300_000 - 300_000, abs=1e-6)


def test_reserved_funds_are_balances_and_move_with_the_fills():
    case = book().deposit("ETH", -20.0).order("ETH/USD", 30, 10.0, reserved=300.0).order("ETH/USD", -5, 10.0, reserved=5.0)
    row = case.run()["base"]
    assert row["collateral_value"] == pytest.approx(300 - 200 + 50, rel=1e-12)
    # Bought: 15 ETH more than is owed count in full. Sold: 350 dollars, and a debt of 200 counts twice.
    assert row["margin_balance"] - row["maintenance_margin"] == pytest.approx(min(150, 350 - 400), abs=1e-9)


def test_bands_and_another_quote_token():
    case = book().deposit("BTC", 20.0).deposit("ETH", 80.0).order("ETH/BTC", 50, 0.1)
    row = case.run()["base"]
    # 1,300 of ETH instead of 800: 1,000 in full and half of 300; 15 BTC instead of 20 after 10 %.
    assert row["margin_balance"] - row["maintenance_margin"] == pytest.approx(0.9 * 1500 + 1000 + 150, rel=1e-12)
    assert row["margin_balance"] == pytest.approx(0.9 * 2000 + 800, rel=1e-12)


def test_an_amount_for_every_order():
    case = book({"order_amount": {"maintenance": 0.25, "initial": 0.5}}).order("PERP", 1, 100.0).order("PERP", 1, 100.0).order("SPOT", -1, 100.0)
    assert margins(case)["base"] == pytest.approx((10 + 0.1 * 0 + 10 + 0.75, 20 + 20 + 1.5), rel=1e-12)


orders = st.lists(
    st.tuples(
        st.sampled_from(["PERP", "LOTS", "CALL", "SPOT", "ETH/USD", "ETH/BTC"]), st.sampled_from([-3.0, -1.0, 2.0]), st.sampled_from([0.9, 1.0, 1.2])
    ),
    max_size=5,
)


@settings(max_examples=25, deadline=None)
@given(held=st.sampled_from([-2.0, 0.0, 1.0, 4.0]), placed=orders)
def test_an_order_never_lowers_what_is_asked(held: float, placed: list[tuple[str, float, float]]):
    def asked(count: int) -> list[float]:
        case = book().deposit("USD", 50.0).deposit("ETH", -10.0).deposit("BTC", 3.0).hold("PERP", held).hold("CALL", held)
        for instrument, quantity, ratio in placed[:count]:
            case.order(instrument, quantity, ratio * INSTRUMENTS[instrument]["mark_price"])
        rows = case.run(down={"spot": {"BTC": 60.0, "ETH": 5.0}, "mark": {"PERP": 60.0, "LOTS": 60.0, "CALL": 1.0}})
        return [row[name] for row in rows.values() for name in ("maintenance_margin", "initial_margin")]

    assert all(less <= more + 1e-9 for less, more in zip(asked(0), asked(len(placed)), strict=True))
