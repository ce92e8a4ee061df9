"""Values and notionals: the table of section 3 of the methodology, one literal case a row."""

from __future__ import annotations

from typing import Any

import pytest
from margin.explain_case import PERPETUAL, Case, row

COIN = {"BTC": {"price": 100.0}, "ETH": {"price": 10.0}}


@pytest.mark.parametrize(
    ("terms", "scenario", "held", "value", "notional"),
    [
        # 2 * (3*110 - 3*90) + funding 5
        pytest.param(
            {"contract_size": 2.0}, {"mark": {"X": 110.0}}, {"quantity": 3.0, "entry": 90.0, "funding": 5.0}, 125.0, 660.0, id="linear long"
        ),
        # -3 contracts from the mark: (-3*110 + 300)
        pytest.param({}, {"mark": {"X": 110.0}}, {"quantity": -3.0}, -30.0, 330.0, id="linear short, entry null"),
        # quoted in ETH at 8 USD: (1*11 - 1*10) * 8, funding 2 ETH * 8; notional 11*8
        pytest.param(
            {"quote": "ETH", "mark_price": 10.0},
            {"mark": {"X": 11.0}, "spot": {"ETH": 8.0}},
            {"quantity": 1.0, "funding": 2.0},
            24.0,
            88.0,
            id="linear in another quote",
        ),
        # 200 contracts of 10 USD from 100 to 80: 10*(200/100 - 200/80) = -5 BTC at 80 USD; notional 10*200 USD
        pytest.param(
            {"payoff": "inverse", "settle": "BTC", "contract_size": 10.0},
            {"mark": {"X": 80.0}, "spot": {"BTC": 80.0}},
            {"quantity": 200.0},
            -400.0,
            2000.0,
            id="inverse",
        ),
        # (2*120 - 2*100) * 12 USD per ETH; notional 2*120*12
        pytest.param(
            {"payoff": "quanto", "settle": "ETH"}, {"mark": {"X": 120.0}, "spot": {"ETH": 12.0}}, {"quantity": 2.0}, 480.0, 2880.0, id="quanto"
        ),
        pytest.param({"kind": "spot"}, {"mark": {"X": 120.0}, "spot": {"BTC": 120.0}}, {"quantity": -2.0}, -240.0, 240.0, id="spot"),
        # a paid option is worth its mark whatever it cost; its notional is the underlying's
        pytest.param(
            {"kind": "option", "mark_price": 5.0, "strike": 100.0, "option_type": "call"},
            {"mark": {"X": 25.0}, "spot": {"BTC": 120.0}},
            {"quantity": 2.0, "entry": 7.0},
            50.0,
            240.0,
            id="paid option",
        ),
        pytest.param(
            {"kind": "option", "mark_price": 5.0, "strike": 100.0, "option_type": "call", "premium_style": "margined"},
            {"mark": {"X": 25.0}, "spot": {"BTC": 120.0}},
            {"quantity": 2.0, "entry": 7.0},
            36.0,
            240.0,
            id="margined option",
        ),
        # in coin: 0.05 BTC at 120 USD
        pytest.param(
            {"kind": "option", "payoff": "inverse", "quote": "BTC", "mark_price": 0.04, "strike": 100.0, "option_type": "call"},
            {"mark": {"X": 0.05}, "spot": {"BTC": 120.0}},
            {"quantity": 2.0},
            12.0,
            240.0,
            id="inverse option",
        ),
        # below zero the notional stays unsigned
        pytest.param({}, {"mark": {"X": -40.0}, "spot": {"BTC": -37.0}}, {"quantity": 2.0}, -280.0, 80.0, id="negative price"),
        pytest.param(
            {"kind": "option", "mark_price": 5.0, "strike": 100.0, "option_type": "put"},
            {"mark": {"X": 137.0}, "spot": {"BTC": -37.0}},
            {"quantity": 2.0},
            274.0,
            74.0,
            id="option on a negative price",
        ),
    ],
)
def test_value_and_notional(terms: dict[str, Any], scenario: dict[str, Any], held: dict[str, Any], value: float, notional: float) -> None:
    case = Case(COIN, {"X": {**PERPETUAL, **terms}}).hold("X", **held)
    position = row(case.explain(s=scenario).positions)
    assert position["stressed_value"] == pytest.approx(value)
    assert position["notional"] == pytest.approx(notional)
    assert position["value_change"] == pytest.approx(value - position["base_value"])


def test_prices_and_move() -> None:
    position = row(Case(COIN, {"X": PERPETUAL}).hold("X", 1.0).explain(s={"mark": {"X": 70.0}}).positions)
    assert (position["base_price"], position["stressed_price"]) == (100.0, 70.0)
    assert position["price_move"] == pytest.approx(-0.30)


def test_everything_that_the_value_is_made_of() -> None:
    terms = {**PERPETUAL, "quote": "ETH", "mark_price": 10.0, "contract_size": 2.0}
    found = row(Case(COIN, {"X": terms}).hold("X", 3.0, 9.0, funding=0.5).explain(s={"mark": {"X": 11.0}, "spot": {"ETH": 8.0}}).positions)
    made_of = {
        "style": "linear", "quote": "ETH", "settle": "ETH", "contract_size": 2.0, "cost": 27.0, "mean_entry": 9.0, "funding": 0.5,
        "base_quote_value": 10.0, "stressed_quote_value": 8.0, "base_settle_value": 10.0, "stressed_settle_value": 8.0,
        "base_vol": None, "stressed_vol": None, "base_forward": None, "stressed_forward": None, "treatment": None, "exercise": None,
    }  # fmt: skip
    assert {name: found[name] for name in made_of} == made_of
    assert found["stressed_value"] == 3.0 * 2.0 * (11.0 - 9.0) * 8.0 + 0.5 * 8.0


def test_an_inverse_position_has_the_harmonic_mean_of_its_entries() -> None:
    case = Case(COIN, {"X": {**PERPETUAL, "payoff": "inverse", "settle": "BTC"}}).hold("X", 300.0, 80.0)
    case.positions[0].update(quantity=300.0, cost=100.0 / 50.0 + 200.0 / 100.0)
    assert row(case.explain(s={}).positions)["mean_entry"] == 75.0
    case.positions[0].update(quantity=0.0)
    assert row(case.explain(s={}).positions)["mean_entry"] is None
