"""Rates and weights that follow size, open interest, the venue's pools and conservative prices: small cases computed by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.explain_case import PERPETUAL, Case, Row, row

FLAT = [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.10}]
STEPS = [{"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": 1000, "maintenance_rate": 0.05, "initial_rate": 0.10}]


def position(schedule: Row, quantity: float, *, model: Row | None = None, scenario: Row | None = None, leverage: float = 0.0, **terms: object) -> Row:
    """The requirement of a perpetual on BTC at 100 by one schedule, in a scenario: its charge."""
    margin: Row = {"margin_schedules": {"own": schedule}, "models": {"default": model or {}}}
    assets: dict[str, Row] = {"BTC": {"price": 100.0, "price_low": 90.0, "price_high": 125.0}, "USDC": {"price": 1.0, "price_high": 1.05}}
    book = Case(assets, {"X": {**PERPETUAL, "margin_schedule": "own", **terms}}, margin)
    return row(book.hold("X", quantity, leverage=leverage).explain(s=scenario or {}).charges)


def required(*args: Row | float, **options: object) -> tuple[float, float]:
    charge = position(*args, **options)  # type: ignore[arg-type]
    return charge["requirement_maintenance"], charge["requirement_initial"]


def test_rates_grow_with_the_square_root_of_the_size() -> None:
    scaling = {"factor": 0.01, "rate_share": 0.8}
    # 25 contracts of 4: the root of 100 is 10; max(5 %, 4 % + 10 %) and max(10 %, 8 % + 10 %) of 10,000
    assert required({"tiers": FLAT, "size_scaling": scaling}, -25.0, contract_size=4.0) == pytest.approx((0.14 * 10_000, 0.18 * 10_000))
    # one contract: 4 % + 1 % is the 5 % that there were, 8 % + 1 % less than the 10 %
    assert required({"tiers": FLAT, "size_scaling": scaling}, 1.0) == pytest.approx((5.0, 10.0))


def test_every_tier_grows() -> None:
    schedule = {"tiers": STEPS, "size_scaling": {"growth": "skew", "factor": {"maintenance": 0.0, "initial": 2.0}}}
    # 30 of 600: 2 * 0.05 on the initial rates of both tiers
    assert required(schedule, 30.0, skew_scale=600.0) == pytest.approx((10.0 + 100.0, 0.12 * 1000 + 0.20 * 2000))
    by_contracts = {**schedule, "basis": "contracts", "tiers": [STEPS[0], {**STEPS[1], "from": 10}]}
    assert required(by_contracts, 30.0, skew_scale=600.0) == pytest.approx((100 * (0.01 * 10 + 0.05 * 20), 100 * (0.12 * 10 + 0.20 * 20)))


@pytest.mark.parametrize(("floor_to", "rate"), [(None, 0.1 * math.sqrt(7)), (0.01, 0.26), (0.1, 0.2)])
def test_grown_rates_are_rounded_down(floor_to: float | None, rate: float) -> None:
    schedule = {"tiers": FLAT, "size_scaling": {"factor": 0.1, "rate_share": 0.0, "floor_to": floor_to}}
    assert required(schedule, 7.0) == pytest.approx((rate * 700, rate * 700))


def test_a_multiple_but_for_rounding_is_not_rounded_down() -> None:
    # 0.1 * 3 is a little more, 0.3 / 0.1 a little less than it should be
    schedule = {"tiers": FLAT, "size_scaling": {"factor": 0.1, "rate_share": 0.0, "floor_to": 0.1}}
    assert required(schedule, 9.0)[0] == pytest.approx(0.3 * 900)


@pytest.mark.parametrize(
    ("price", "leverage", "initial"),
    [
        pytest.param(100.0, 0.0, 100.0, id="at the lower level nothing is added"),
        pytest.param(150.0, 0.0, (0.1 + 0.9 * 0.5) * 1500, id="halfway"),
        pytest.param(250.0, 0.0, 2500.0, id="beyond the upper level the whole notional"),
        pytest.param(150.0, 2.0, (0.1 + 0.9 * 0.5) * 1500, id="more than leverage asks for"),
        pytest.param(120.0, 2.0, 0.5 * 1200, id="less than leverage asks for"),
    ],
)
def test_open_interest(price: float, leverage: float, initial: float) -> None:
    schedule = {"tiers": FLAT, "open_interest_scaling": {"from": 5_000, "to": 10_000}}
    charge = position(schedule, 10.0, scenario={"mark": {"X": price}}, leverage=leverage, open_interest=50.0)
    assert (charge["requirement_maintenance"], charge["requirement_initial"]) == (pytest.approx(0.05 * 10 * price), pytest.approx(initial))


@pytest.mark.parametrize(
    ("model", "quantity", "maintenance", "initial"),
    [
        pytest.param({"initial": True}, 10.0, 50.0, 105.0, id="money at its high price, initially"),
        pytest.param({"initial": False, "maintenance": True}, 10.0, 52.5, 100.0, id="for maintenance"),
        pytest.param({"marks": True}, 10.0, 50.0, 100.0 * 0.9 * 1.05, id="long positions at the low mark"),
        pytest.param({"marks": True}, -10.0, 50.0, 100.0 * 1.25 * 1.05, id="short ones at the high mark"),
    ],
)
def test_conservative_notionals(model: Row, quantity: float, maintenance: float, initial: float) -> None:
    got = required({"tiers": FLAT}, quantity, model={"conservative_prices": model}, quote="USDC")
    assert got == pytest.approx((maintenance, initial))


def counted(schedule: Row, amount: float, *, model: Row | None = None, scenario: Row | None = None, **asset: float) -> tuple[float, float]:
    """What a balance of BTC, at 100, counts."""
    margin: Row = {"collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.0}]}, "own": schedule}, "models": {"default": model or {}}}
    book = Case({"BTC": {"price": 100.0, "collateral_schedule": "own", **asset}}, {}, margin)
    pool = row(book.deposit("BTC", amount).explain(s=scenario or {}).pools)
    return pool["margin_balance"], pool["margin_balance_initial"]


BANDS = [{"from": 0, "haircut": 0.10, "initial_haircut": 0.20}, {"from": 1000, "haircut": 0.50}]


def test_weights_follow_the_size_of_a_balance() -> None:
    schedule = {"bands": BANDS, "liability_weight": 1.2, "size_scaling": {"factor": 0.1, "asset_numerator": 1.2, "liability_share": 0.5}}
    # 25 units: 1.2 / 1.5 = 0.8 is less than the 0.9 of the first band
    assert counted(schedule, 25.0) == pytest.approx((0.8 * 1000 + 0.5 * 1500, 0.8 * 1000 + 0.5 * 1500))
    # a debt of 64 units: 0.6 + 0.8 is more than 1.2; of 4 units 0.6 + 0.2 is not
    assert counted(schedule, -64.0) == pytest.approx((-1.4 * 6400, -1.4 * 6400))
    assert counted(schedule, -4.0) == pytest.approx((-1.2 * 400, -1.2 * 400))
    # the size is in units: half the price leaves the weights
    assert counted(schedule, -64.0, scenario={"spot": {"BTC": 50.0}}) == pytest.approx((-1.4 * 3200, -1.4 * 3200))


def test_weights_follow_the_pool() -> None:
    schedule = {"bands": BANDS[:1], "concentration": {"deposits_above": {"initial": 5000}, "borrows_above": {"maintenance": 2000, "initial": 1000}}}
    pool = {"pool_deposits": 200.0, "pool_borrows": 30.0}
    assert counted(schedule, 10.0, **pool) == pytest.approx((900.0, 800.0 * 5000 / 20_000))
    assert counted(schedule, -10.0, **pool) == pytest.approx((-1000.0 * 3000 / 2000, -1000.0 * 3000 / 1000))
    # at a tenth of the price the pool is worth no more than the levels
    assert counted(schedule, 10.0, scenario={"spot": {"BTC": 10.0}}, **pool) == pytest.approx((90.0, 80.0))


def test_a_cap_ends_the_last_band_whatever_haircuts_do() -> None:
    schedule = {"bands": BANDS, "cap": 3000}
    assert counted(schedule, 100.0) == pytest.approx((900.0 + 1000.0, 800.0 + 1000.0))
    assert counted(schedule, 100.0, scenario={"haircut_scale": {"BTC": 0.0}}) == pytest.approx((3000.0, 3000.0))


@pytest.mark.parametrize(
    ("prices", "amount", "spot", "maintenance", "initial"),
    [
        pytest.param({"initial": True}, 10.0, 100.0, 900.0, 720.0, id="owned: the low price, initially"),
        pytest.param({"initial": False, "maintenance": True}, 10.0, 100.0, 810.0, 800.0, id="for maintenance"),
        pytest.param({}, -10.0, 100.0, -1000.0, -1250.0, id="owed: the high price"),
        pytest.param({}, 10.0, 60.0, 540.0, 480.0, id="below the low price the price counts"),
        pytest.param({}, -10.0, 200.0, -2000.0, -2000.0, id="above the high price the price counts"),
    ],
)
def test_conservative_balances(prices: Row, amount: float, spot: float, maintenance: float, initial: float) -> None:
    scenario = {"spot": {"BTC": spot}}
    model = {"conservative_prices": prices}
    got = counted({"bands": BANDS}, amount, model=model, scenario=scenario, price_low=90.0, price_high=125.0)
    # 10 units at 90 are inside the first band, as all of these are but the last ones' debts
    assert got == pytest.approx((maintenance, initial))


def test_conservative_marks_weigh_profit_and_loss_and_leave_equity() -> None:
    margin: Row = {"models": {"default": {"conservative_prices": {"marks": True}, "positive_pnl_weight": 0.5}}}
    assets: dict[str, Row] = {"BTC": {"price": 100.0, "price_low": 90.0, "price_high": 125.0}}
    for quantity, entry, weighted in ((10.0, 80.0, 0.5 * 100), (10.0, 95.0, -50.0), (-10.0, 110.0, -150.0)):
        pool = row(Case(assets, {"X": PERPETUAL}, margin).hold("X", quantity, entry).deposit("USD", 1000.0).explain().pools, "base")
        profit = quantity * (100.0 - entry)
        assert pool["equity"] == pytest.approx(1000.0 + profit)
        assert pool["margin_balance_initial"] == pytest.approx(1000.0 + weighted)
        assert pool["margin_balance"] == pytest.approx(1000.0 + (0.5 * profit if profit > 0 else profit))


@settings(max_examples=15, deadline=None)
@given(st.floats(0.01, 1e4), st.floats(1.0, 10.0), st.floats(0.0, 0.1), st.floats(0.0, 1.0))
def test_a_larger_position_needs_no_less_of_each_dollar(quantity: float, times: float, factor: float, share: float) -> None:
    schedule = {"tiers": FLAT, "size_scaling": {"factor": factor, "rate_share": share}}
    small, large = required(schedule, quantity), required(schedule, quantity * times)
    assert all(many >= few * times * (1 - 1e-12) for few, many in zip(small, large, strict=True))
