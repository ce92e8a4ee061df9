"""Log moneyness at base, on the forward that valuation uses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scenarios.builders import book, in_days

from stresstest.scenarios.option_terms import log_moneyness, years_to_expiry
from stresstest.scenarios.prices import in_reporting_currency

ASSETS: dict[str, dict[str, Any]] = {"BTC": {"price": 100.0}, "ETH": {"price": 0.05, "price_currency": "BTC"}, "EUR": {"price": 1.25, "rate": 0.02}}
CALL: dict[str, Any] = {"kind": "option", "underlying": "BTC", "option_type": "call", "strike": 110.0, "expiry": in_days(365)}


def moneyness(option: dict[str, Any], assets: dict[str, dict[str, Any]] = ASSETS, **others: dict[str, Any]) -> float:
    dimensions = book(assets, {"O": {**CALL, **option}, **others})
    value = in_reporting_currency(dimensions, dimensions.assets["price"].to_numpy()[:, None])[:, 0]
    found = log_moneyness(dimensions, value)
    return float(found[dimensions.instruments["instrument_id"].to_list().index("O")])


@pytest.mark.parametrize(
    ("option", "forward"),
    [
        pytest.param({"forward": 120.0}, 120.0, id="its own forward"),
        pytest.param({"quote": "EUR"}, 80.0 * math.exp(0.02), id="spot in the quote currency, grown at its rate"),
        # at expiry the forward is the spot, whatever the column says
        pytest.param({"forward": 120.0, "expiry": in_days(0)}, 100.0, id="at expiry"),
        pytest.param({"underlying": "ETH", "payoff": "inverse", "quote": "ETH", "strike": 0.04}, 0.05, id="coin option, strike in BTC"),
    ],
)
def test_forward(option: dict[str, Any], forward: float) -> None:
    assert moneyness(option) == pytest.approx(math.log({**CALL, **option}["strike"] / forward), rel=1e-14)


def test_a_future_of_the_expiry_gives_the_forward() -> None:
    future = {"underlying": "BTC", "mark_price": 105.0, "expiry": in_days(365)}
    assert moneyness({}, F2={**future, "mark_price": 107.0}, F1=future, E=future | {"quote": "EUR"}) == pytest.approx(math.log(110 / 105))


def test_there_is_none_without_a_positive_forward_or_an_option() -> None:
    assets = {**ASSETS, "WTI": {"price": -5.0, "may_be_negative": True}}
    assert math.isnan(moneyness({"underlying": "WTI"}, assets))
    assert math.isnan(moneyness({"kind": "future"}))


def test_time_to_expiry_is_not_below_zero_and_nothing_without_expiry() -> None:
    rows = {"A": {"underlying": "BTC", "expiry": in_days(73)}, "B": {"underlying": "BTC", "expiry": in_days(-1)}, "C": {"underlying": "BTC"}}
    np.testing.assert_array_equal(years_to_expiry(book(ASSETS, rows)), [0.2, 0.0, np.nan])
