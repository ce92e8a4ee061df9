"""Margin balance: bands, debts, joined P&L, holding shares and paid options, computed by hand."""

from __future__ import annotations

import pytest
from margin.explain_case import PERPETUAL, Case, Row, row

BANDS = [{"from": 0, "haircut": 0.10, "initial_haircut": 0.20}, {"from": 1000, "haircut": 0.50}, {"from": 5000, "haircut": 1.0}]
COIN: dict[str, Row] = {"BTC": {"price": 100.0, "collateral_schedule": "banded"}, "EUR": {"price": 1.25}}


def case(schedule: Row | None = None, model: Row | None = None, **terms: object) -> Case:
    """BTC as collateral in bands, a perpetual on it settled in BTC unless `terms` say otherwise."""
    margin: Row = {
        "collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.0}]}, "banded": {"bands": BANDS, **(schedule or {})}},
        "models": {"default": model or {}},
    }
    return Case(COIN, {"X": {**PERPETUAL, "settle": "BTC", **terms}}, margin)


@pytest.mark.parametrize(
    ("schedule", "amount", "scenario", "maintenance", "initial"),
    [
        pytest.param({}, 10.0, {}, 900.0, 800.0, id="inside the first band, to its edge"),
        pytest.param({}, 60.0, {}, 0.9 * 1000 + 0.5 * 4000, 0.8 * 1000 + 0.5 * 4000, id="above all bands nothing more counts"),
        pytest.param({}, 60.0, {"spot": {"BTC": 50.0}}, 0.9 * 1000 + 0.5 * 2000, 0.8 * 1000 + 0.5 * 2000, id="the stressed value is banded"),
        pytest.param({}, 60.0, {"ratio": {"BTC": 0.5}}, 0.9 * 1000 + 0.5 * 2000, 0.8 * 1000 + 0.5 * 2000, id="collateral ratio"),
        # thresholds 1000 and 5000 EUR = 1250 and 6250 USD
        pytest.param({"currency": "EUR"}, 60.0, {}, 0.9 * 1250 + 0.5 * 4750, 0.8 * 1250 + 0.5 * 4750, id="thresholds in another currency"),
        # thresholds 10 and 50 BTC, at 50 USD and a ratio of 0.8: 400 and 2000 USD; w = 2400
        pytest.param(
            {"basis": "quantity", "bands": [BANDS[0], {**BANDS[1], "from": 10}, {**BANDS[2], "from": 50}]},
            60.0,
            {"spot": {"BTC": 50.0}, "ratio": {"BTC": 0.8}},
            0.9 * 400 + 0.5 * 1600,
            0.8 * 400 + 0.5 * 1600,
            id="bands by quantity",
        ),
        pytest.param({}, 20.0, {"haircut": {"BTC": 0.6}}, 0.3 * 1000 + 0.0 * 1000, 0.2 * 1000, id="haircut shock, clamped at 1"),
        pytest.param({}, 20.0, {"haircut": {"BTC": -0.15}}, 1.0 * 1000 + 0.65 * 1000, 0.95 * 1000 + 0.65 * 1000, id="haircut shock, clamped at 0"),
        pytest.param({}, 20.0, {"haircut_scale": {"BTC": 2.0}}, 0.8 * 1000 + 0.0 * 1000, 0.6 * 1000, id="haircuts doubled"),
        pytest.param(
            {"liability_weight": {"maintenance": 1.1, "initial": 1.2}}, -3.0, {"ratio": {"BTC": 0.5}}, -330.0, -360.0, id="a debt: weight, no ratio"
        ),
    ],
)
def test_bands(schedule: Row, amount: float, scenario: Row, maintenance: float, initial: float) -> None:
    explained = case(schedule).deposit("BTC", amount).explain(s=scenario)
    token, pool = row(explained.tokens), row(explained.pools)
    assert token["margin_value_maintenance"] == pytest.approx(maintenance)
    assert token["margin_value_initial"] == pytest.approx(initial)
    assert (pool["margin_balance"], pool["margin_balance_initial"]) == (token["margin_value_maintenance"], token["margin_value_initial"])


def test_bands_show_what_is_inside() -> None:
    bands = case().deposit("BTC", 30.0).explain(s={"haircut": {"BTC": 0.05}}).bands.filter(scenario_id="s")
    columns = ("band", "from", "to", "haircut_maintenance", "stressed_haircut_maintenance", "part_maintenance", "kept_maintenance", "kept_initial")
    first, second = bands.select(columns).rows()
    assert first == (1, 0.0, 1000.0, 0.10, pytest.approx(0.15), 1000.0, pytest.approx(850.0), pytest.approx(750.0))
    assert second == (2, 1000.0, 5000.0, 0.50, pytest.approx(0.55), 2000.0, pytest.approx(900.0), pytest.approx(900.0))


def test_holding_share_reaches_positive_rows_before_netting() -> None:
    # 10 BTC at the bridge of which 30 % comes back, a debt of 4 BTC there that stays, 1 BTC elsewhere
    book = case().deposit("BTC", 10.0, "bridge").deposit("BTC", -4.0, "bridge").deposit("BTC", 1.0)
    explained = book.explain(s={"holding": {("BTC", "bridge"): 0.3}})
    assert explained.balances.filter(scenario_id="s").select("location", "amount", "holding_share", "base_value", "stressed_value").rows() == [
        (None, 1.0, 1.0, 100.0, 100.0),
        ("bridge", 10.0, 0.3, 1000.0, 300.0),
        ("bridge", -4.0, 1.0, -400.0, -400.0),
    ]
    token, pool = row(explained.tokens), row(explained.pools)
    assert (token["rows"], token["base_balance"], token["balance"], token["margin_value_maintenance"]) == (3, 700.0, 0.0, 0.0)
    assert (pool["equity"], pool["collateral_pnl"], pool["collateral_value"]) == (0.0, -700.0, 0.0)


@pytest.mark.parametrize(
    ("model", "mark", "maintenance", "initial"),
    [
        # 20 BTC = 2000 and P&L of 5 * (M - 100) BTC-settled units at X = 100... of quote USD: 5*20 = +100 USD
        pytest.param({}, 120.0, 0.9 * 1000 + 0.5 * 1100, 0.8 * 1000 + 0.5 * 1100, id="profit joins the settle balance"),
        pytest.param({}, 80.0, 0.9 * 1000 + 0.5 * 900, 0.8 * 1000 + 0.5 * 900, id="loss joins it too"),
        pytest.param({"positive_pnl_weight": {"maintenance": 1.0, "initial": 0.5}}, 120.0, 1450.0, 0.8 * 1000 + 0.5 * 1050, id="profit weighted"),
        pytest.param({"positive_pnl_weight": {"maintenance": 1.0, "initial": 0.5}}, 80.0, 1350.0, 1250.0, id="a loss is not weighted"),
        pytest.param({"positive_pnl_cap": {"initial": 30.0}}, 120.0, 1450.0, 0.8 * 1000 + 0.5 * 1030, id="profit capped"),
        pytest.param({"pnl_into": "value"}, 120.0, 1400.0 + 100.0, 1300.0 + 100.0, id="added as it is"),
    ],
)
def test_profit_and_loss_in_the_balance(model: Row, mark: float, maintenance: float, initial: float) -> None:
    book = case(model=model).hold("X", 5.0).deposit("BTC", 20.0)
    pool = row(book.explain(s={"mark": {"X": mark}}).pools)
    assert (pool["margin_balance"], pool["margin_balance_initial"]) == (pytest.approx(maintenance), pytest.approx(initial))


def test_a_loss_beyond_the_balance_is_a_debt_in_the_settle_token() -> None:
    book = case({"liability_weight": 1.5}).hold("X", 5.0).deposit("BTC", 1.0)
    token = row(book.explain(s={"mark": {"X": 20.0}}).tokens)
    assert (token["balance"], token["net_maintenance"], token["margin_value_maintenance"]) == (100.0, -300.0, -450.0)


def test_each_version_nets_on_its_own() -> None:
    # profit 100, weighted 0 initially, against a debt of 50
    book = case({"liability_weight": 2.0}, {"positive_pnl_weight": {"maintenance": 1.0, "initial": 0.0}}).hold("X", 5.0).deposit("BTC", -0.5)
    token = row(book.explain(s={"mark": {"X": 120.0}}).tokens)
    assert (token["margin_value_maintenance"], token["margin_value_initial"]) == (pytest.approx(0.9 * 50), pytest.approx(-100.0))


def test_spot_position_joins_its_underlying() -> None:
    book = case(kind="spot", settle="USD", margin_schedule=None).hold("X", 8.0).deposit("BTC", -3.0)
    explained = book.explain(s={"spot": {"BTC": 90.0}, "mark": {"X": 90.0}})
    token = row(explained.tokens)
    assert (token["asset"], token["net_maintenance"], token["margin_value_maintenance"]) == ("BTC", 450.0, pytest.approx(405.0))
    assert row(explained.pools)["collateral_value"] == -270.0, "the position is not collateral"


@pytest.mark.parametrize(("quantity", "credit", "balance"), [(2.0, 0.0, 0.0), (2.0, 0.25, 4.0), (-2.0, 0.25, -16.0)])
def test_paid_options(quantity: float, credit: float, balance: float) -> None:
    book = case(
        model={"long_option_credit": credit}, kind="option", strike=100.0, option_type="call", mark_price=8.0, margin_schedule=None, settle="USD"
    )
    pool = row(book.hold("X", quantity).explain().pools, "base")
    assert pool["margin_balance"] == pytest.approx(balance)
    assert pool["equity"] == 8.0 * quantity


def test_an_asset_without_schedule_counts_nothing_but_its_debts_do() -> None:
    book = Case({"BTC": {"price": 100.0, "collateral_schedule": None}}, {}, None, {"A": {}, "B": {}})
    explained = book.deposit("BTC", 1.0, account="A").deposit("BTC", -1.0, account="B").explain()
    assert explained.pools["margin_balance"].to_list() == [0.0, -100.0]


def test_reporting_currency_without_schedule_counts_in_full() -> None:
    assert row(Case({}, {}).deposit("USD", 10.0).explain().pools, "base")["margin_balance"] == 10.0
