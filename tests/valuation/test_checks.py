"""Scenarios under which instruments cannot be valued are refused by name."""

from __future__ import annotations

import pytest
from valuation.builders import CRYPTO, OPTION, book, states

from stresstest.errors import Reason, StressTestError
from stresstest.valuation.value import value_instruments


def test_scenarios_that_leave_no_value_are_refused_by_name() -> None:
    inverse = {"instrument_id": "I", "underlying": "BTC", "payoff": "inverse", "settle": "BTC", "mark_price": 50_000.0}
    dimensions = book(CRYPTO, [inverse])
    with pytest.raises(StressTestError) as refusal:
        value_instruments(dimensions, states(dimensions, {"basis": {"I": -1.0}}, {}, {"basis": {"I": -2.0}}))
    assert refusal.value.reason is Reason.SCENARIO
    assert [fault.path for fault in refusal.value.faults] == ["scenario s1", "scenario s3"]
    assert refusal.value.faults[0].keys == ("I",)

    negative = book(
        {"X": {"price": 5.0, "may_be_negative": True}, **CRYPTO}, [{"instrument_id": "F", "underlying": "BTC", "quote": "X", "mark_price": 10_000.0}]
    )
    with pytest.raises(StressTestError) as refusal:
        value_instruments(negative, states(negative, {"spot": {"X": 0.0}}))
    assert refusal.value.faults[0].keys == ("X",)


def test_inverse_option_without_a_forward_is_refused() -> None:
    option = {**OPTION, "instrument_id": "O", "payoff": "inverse", "quote": "BTC", "mark_price": 0.1}
    dimensions = book(CRYPTO, [option])
    with pytest.raises(StressTestError) as refusal:
        value_instruments(dimensions, states(dimensions, {"basis": {"O": -1.0}}))
    assert refusal.value.faults[0].keys == ("O",)


def test_overflow_is_refused_and_at_base_it_is_the_data() -> None:
    future = {"instrument_id": "F", "underlying": "BTC", "mark_price": 50_000.0, "contract_size": 1e300}
    dimensions = book(CRYPTO, [future])
    with pytest.raises(StressTestError) as refusal:
        value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 1e13}}))
    assert refusal.value.reason is Reason.SCENARIO
    huge = book(CRYPTO, [{**future, "mark_price": 1e10}])
    with pytest.raises(StressTestError) as refusal:
        value_instruments(huge, states(huge))
    assert refusal.value.reason is Reason.INPUT_DATA
