"""Requirements of the tiered model: small cases computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from margin.explain_case import PERPETUAL, Case, Row, row

COIN: dict[str, Row] = {"BTC": {"price": 100.0, "margin_schedule": "tiered"}, "EUR": {"price": 1.25}}
STEPS = [{"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": 1000, "maintenance_rate": 0.05, "initial_rate": 0.10}]
OPTION: Row = {
    "kind": "option",
    "underlying": "BTC",
    "mark_price": 5.0,
    "strike": 110.0,
    "option_type": "call",
    "margin_schedule": "tiered",
    "expiry": datetime(2027, 1, 1, tzinfo=UTC),
}
SHORT = {"short_option": {"maintenance": {"rate": 0.10, "minimum": 0.05}, "initial": {"rate": 0.15, "minimum": 0.10}}}


def case(schedule: Row, terms: Row | None = None, model: Row | None = None, account: Row | None = None) -> Case:
    """One instrument X on BTC, charged by the schedule `tiered`."""
    margin: Row = {"margin_schedules": {"tiered": schedule}, "models": {"default": model or {}}}
    return Case(COIN, {"X": {**PERPETUAL, "margin_schedule": "tiered", **(terms or {})}}, margin, {"A": account or {}})


@pytest.mark.parametrize(
    ("schedule", "quantity", "maintenance", "initial"),
    [
        pytest.param({"tiers": STEPS}, 30.0, 0.01 * 1000 + 0.05 * 2000, 0.02 * 1000 + 0.10 * 2000, id="marginal"),
        pytest.param({"tiers": STEPS}, -30.0, 110.0, 220.0, id="marginal short"),
        pytest.param({"tiers": STEPS}, 10.0, 10.0, 20.0, id="marginal at the edge"),
        pytest.param({"tiers": STEPS, "convention": "whole"}, 9.99, 9.99, 19.98, id="whole below the edge"),
        pytest.param({"tiers": STEPS, "convention": "whole"}, 10.0, 50.0, 100.0, id="whole at the edge: lower edge inclusive"),
        pytest.param(
            {
                "convention": "deduction",
                "tiers": [
                    {**STEPS[0], "maintenance_deduction": 0, "initial_deduction": 0},
                    {**STEPS[1], "maintenance_deduction": 40, "initial_deduction": 80},
                ],
            },
            30.0,
            0.05 * 3000 - 40,
            0.10 * 3000 - 80,
            id="deduction",
        ),
        pytest.param(
            {"convention": "deduction", "tiers": [{**STEPS[0], "maintenance_deduction": 100, "initial_deduction": 0}]},
            30.0,
            0.0,
            60.0,
            id="deduction not below zero",
        ),
        # 3000 USD = 2400 EUR: 0.01*1000 + 0.05*1400 = 80 EUR = 100 USD
        pytest.param({"currency": "EUR", "tiers": STEPS}, 30.0, 100.0, 200.0, id="thresholds in another currency"),
        # 30 contracts of 100: 100 * (0.01*10 + 0.05*20)
        pytest.param({"basis": "contracts", "tiers": [STEPS[0], {**STEPS[1], "from": 10}]}, 30.0, 110.0, 220.0, id="contracts, marginal"),
        pytest.param(
            {"basis": "contracts", "convention": "whole", "tiers": [STEPS[0], {**STEPS[1], "from": 10}]}, 30.0, 150.0, 300.0, id="contracts, whole"
        ),
        pytest.param(
            {
                "basis": "contracts",
                "convention": "deduction",
                "tiers": [
                    {**STEPS[0], "maintenance_deduction": 0, "initial_deduction": 0},
                    {**STEPS[1], "from": 10, "maintenance_deduction": 40, "initial_deduction": 80},
                ],
            },
            30.0,
            110.0,
            220.0,
            id="contracts, deduction",
        ),
        pytest.param({"amount_per_contract": {"maintenance": 4, "initial": 6}}, -30.0, 120.0, 180.0, id="amount per contract"),
        pytest.param({"currency": "EUR", "amount_per_contract": {"maintenance": 4, "initial": 6}}, -30.0, 150.0, 225.0, id="amount in EUR"),
    ],
)
def test_schedule(schedule: Row, quantity: float, maintenance: float, initial: float) -> None:
    explained = case(schedule).hold("X", quantity).explain()
    position, pool = row(explained.positions, "base"), row(explained.pools, "base")
    assert position["requirement_maintenance"] == pytest.approx(maintenance)
    assert position["requirement_initial"] == pytest.approx(initial)
    assert (pool["maintenance_margin"], pool["initial_margin"]) == (position["requirement_maintenance"], position["requirement_initial"])


def test_tiers_show_what_is_inside() -> None:
    tiers = case({"tiers": [*STEPS, {"from": 5000, "maintenance_rate": 0.2, "initial_rate": 0.4}]}).hold("X", 30.0).explain().tiers
    assert tiers.select("tier", "from", "to", "part", "charge_maintenance", "charge_initial").rows() == [
        (1, 0.0, 1000.0, 1000.0, 10.0, 20.0),
        (2, 1000.0, 5000.0, 2000.0, 100.0, 200.0),
    ]


def test_notional_is_the_stressed_one() -> None:
    charge = row(case({"tiers": STEPS}).hold("X", 30.0).explain(s={"mark": {"X": 50.0}}).charges)
    assert (charge["notional"], charge["requirement_maintenance"]) == (1500.0, pytest.approx(0.01 * 1000 + 0.05 * 500))


@pytest.mark.parametrize(("leverage", "initial"), [(0.0, 220.0), (20.0, 220.0), (5.0, 600.0)])
def test_leverage_raises_the_initial_requirement(leverage: float, initial: float) -> None:
    pool = row(case({"tiers": STEPS}).hold("X", 30.0, leverage=leverage).explain().pools, "base")
    assert (pool["maintenance_margin"], pool["initial_margin"]) == (pytest.approx(110.0), pytest.approx(initial))


def test_multiplier_and_margin_rate_come_last() -> None:
    book = case({"tiers": STEPS}, account={"margin_multiplier": 2.0}).hold("X", 30.0, leverage=5.0)
    charge = row(book.explain(s={"margin_rate": {"tiered": 1.5, "default": 1.1}}).charges)
    assert (charge["unscaled_maintenance"], charge["unscaled_initial"]) == (pytest.approx(110.0), pytest.approx(600.0))
    assert charge["margin_rate"] == pytest.approx(1.65)
    assert charge["requirement_maintenance"] == pytest.approx(110.0 * 1.65 * 2)
    assert charge["requirement_initial"] == pytest.approx(600.0 * 1.65 * 2)


@pytest.mark.parametrize(
    ("terms", "short", "maintenance", "initial"),
    [
        # S = 100, K = 110: max(10 - 10, 5) and max(15 - 10, 10), times 3
        pytest.param({}, {}, 15.0, 30.0, id="call out of the money: the minimum"),
        # K = 102: max(10 - 2, 5) and max(15 - 2, 10)
        pytest.param({"strike": 102.0}, {}, 24.0, 39.0, id="call nearly at the money"),
        pytest.param({"strike": 90.0}, {}, 30.0, 45.0, id="call in the money: nothing taken off"),
        pytest.param({"strike": 96.0, "option_type": "put"}, {}, 18.0, 33.0, id="put out of the money"),
        # minimum on the strike: max(0, 5.5) and max(5, 11)
        pytest.param({}, {"base": "strike"}, 16.5, 33.0, id="minimum on the strike"),
        pytest.param({"contract_size": 10.0}, {}, 150.0, 300.0, id="contract size"),
    ],
)
def test_short_option(terms: Row, short: Row, maintenance: float, initial: float) -> None:
    book = case({"short_option": {**SHORT["short_option"], **short}, "tiers": STEPS}, {**OPTION, **terms}).hold("X", -3.0, leverage=2.0)
    charge = row(book.explain().charges, "base")
    assert charge["rule"] == "short option"
    assert (charge["requirement_maintenance"], charge["requirement_initial"]) == (pytest.approx(maintenance), pytest.approx(initial))


def test_short_option_on_a_price_below_zero_needs_by_its_size() -> None:
    """S = -20, put struck at -19: in the money; max(0.10 * 20, 0.05 * 20) and max(0.15 * 20, 0.10 * 20), times 3."""
    assets = {**COIN, "BTC": {**COIN["BTC"], "price": -20.0, "may_be_negative": True}}
    terms = {**OPTION, "option_type": "put", "strike": -19.0, "mark_price": 2.0, "vol_type": "normal"}
    book = Case(assets, {"X": terms}, {"margin_schedules": {"tiered": SHORT}}).hold("X", -3.0)
    charge = row(book.explain().charges, "base")
    assert (charge["requirement_maintenance"], charge["requirement_initial"]) == (pytest.approx(6.0), pytest.approx(9.0))


def test_short_inverse_option_is_charged_in_the_strikes_currency() -> None:
    # BTC at 80 EUR of 1.25 USD, strike 88 EUR: max(8 - 8, 4) EUR per coin, times 3, in USD
    assets = {**COIN, "BTC": {"price": 80.0, "price_currency": "EUR"}}
    terms = {**OPTION, "payoff": "inverse", "quote": "BTC", "mark_price": 0.05, "strike": 88.0}
    book = Case(assets, {"X": terms}, {"margin_schedules": {"tiered": SHORT}}).hold("X", -3.0)
    assert row(book.explain().charges, "base")["requirement_maintenance"] == pytest.approx(4 * 3 * 1.25)


def test_short_option_without_its_own_rule_is_charged_by_tiers_but_not_by_leverage() -> None:
    pool = row(case({"tiers": STEPS}, OPTION).hold("X", -30.0, leverage=2.0).explain().pools, "base")
    assert (pool["maintenance_margin"], pool["initial_margin"]) == (pytest.approx(110.0), pytest.approx(220.0))


@pytest.mark.parametrize("credit", [0.0, 0.25, 1.0])
def test_a_long_margined_option_equals_a_paid_one(credit: float) -> None:
    # Bought at the mark: the paid one cost 15 USD of cash, the margined one nothing.
    model = {"long_option_credit": credit}
    paid = row(case(SHORT, OPTION, model).hold("X", 3.0).deposit("USD", 85.0).explain(s={"mark": {"X": 8.0}}).pools)
    margined = row(
        case(SHORT, {**OPTION, "premium_style": "margined"}, model).hold("X", 3.0).deposit("USD", 100.0).explain(s={"mark": {"X": 8.0}}).pools
    )
    assert (paid["maintenance_margin"], margined["maintenance_margin"]) == (0.0, pytest.approx((1 - credit) * 24.0))
    assert margined["margin_balance"] - margined["maintenance_margin"] == pytest.approx(paid["margin_balance"] - paid["maintenance_margin"])
    assert margined["equity"] == pytest.approx(paid["equity"])


@pytest.mark.parametrize(("schedule", "maintenance"), [(None, 0.0), ("tiered", 10.0)])
def test_spot_needs_margin_only_with_a_schedule(schedule: str | None, maintenance: float) -> None:
    book = case({"tiers": STEPS}, {"kind": "spot", "margin_schedule": schedule}).hold("X", 10.0)
    assert row(book.explain().pools, "base")["maintenance_margin"] == pytest.approx(maintenance)


def dated(month: int, **terms: Any) -> Row:
    """A future of that month."""
    return {**PERPETUAL, "kind": "future", "margin_schedule": "flat", "expiry": datetime(2027, month, 1, tzinfo=UTC), **terms}


NETTED = {
    "margin_schedules": {"flat": {"tiers": STEPS}, "tiered": {"tiers": STEPS}},
    "models": {"default": {"net_by": "underlying", "spread_rate": {"maintenance": 0.002, "initial": 0.004}}},
}
FUTURES = {"JAN": dated(1), "JAN2": dated(1, contract_size=0.1), "FEB": dated(2), "PERP": {**PERPETUAL}, "CALL": OPTION}


def test_net_by_underlying() -> None:
    # January nets to 4000 - 500 long, February 1000 short, the perpetual 500 long: L = 4000, H = 1000
    book = Case(COIN, FUTURES, NETTED).hold("JAN", 40.0, leverage=25.0).hold("JAN2", -50.0, leverage=5.0)
    book.hold("FEB", -10.0, leverage=8.0).hold("PERP", 5.0, leverage=20.0)
    explained = book.explain(s={"margin_rate": {"tiered": 2.0}})
    net = row(explained.charges, "base")
    assert (net["subject"], net["schedule"], net["long"], net["short"], net["notional"]) == ("BTC net", "tiered", 4000.0, 1000.0, 3000.0)
    assert net["requirement_maintenance"] == pytest.approx(110.0 + 0.002 * 1000)
    assert net["requirement_initial"] == pytest.approx(3000.0 / 5), "smallest leverage of the group"
    assert row(explained.pools)["maintenance_margin"] == pytest.approx(2 * 112.0)
    position = row(explained.positions, instrument_id="FEB")
    assert (position["rule"], position["schedule"], position["requirement_maintenance"]) == ("net by underlying", "tiered", None)


def test_options_are_not_netted() -> None:
    explained = Case(COIN, FUTURES, NETTED).hold("JAN", 10.0).hold("CALL", -10.0).explain()
    assert explained.charges.filter(scenario_id="base").select("subject", "rule", "requirement_maintenance").rows() == [
        ("BTC net", "net by underlying", 10.0),
        ("CALL", "tiers", 10.0),
    ]


def test_groups_of_different_underlyings_are_apart() -> None:
    assets = {**COIN, "ETH": {"price": 10.0, "margin_schedule": "tiered"}}
    explained = Case(assets, {**FUTURES, "ETH-PERP": {**PERPETUAL, "underlying": "ETH"}}, NETTED).hold("JAN", 10.0).hold("ETH-PERP", -10.0).explain()
    assert explained.charges.select("subject", "long", "short").rows() == [("BTC net", 1000.0, 0.0), ("ETH net", 0.0, 1000.0)]
    assert not any(str(amount) == "-0.0" for amount in explained.charges["short"])
    assert row(explained.pools, "base")["maintenance_margin"] == pytest.approx(20.0)


def test_nothing_held_needs_nothing() -> None:
    # Lots that net to zero keep their P&L: sold 10 at 100, bought 10 at 90 = cost 100 at quantity 0
    book = case({"tiers": STEPS})
    book.hold("X", 0.0)
    book.positions[0]["cost"] = -100.0
    explained = book.explain()
    assert row(explained.positions, "base")["rule"] == "nothing held"
    assert (row(explained.pools, "base")["maintenance_margin"], row(explained.pools, "base")["equity"]) == (0.0, 100.0)
