"""Options without a root, at expiry, or that cannot be valued at all."""

from __future__ import annotations

import math

import pytest
from valuation.builders import AS_OF, CRYPTO, OPTION, black, book, states

from stresstest.valuation.value import value_instruments


@pytest.mark.parametrize(
    ("mark", "given", "model"),
    # F = K = 50,000: nothing below 0, nothing above F. Given vol 0.5: model 2 * F * (N(v/2) - 1/2) = 7,015.8...
    [(0.0, 0.5, None), (-5.0, 0.5, None), (60_000.0, 0.5, None), (0.0, None, 0.0)],
)
def test_marks_without_a_root_keep_the_given_vol_and_a_constant_offset(mark: float, given: float | None, model: float | None) -> None:
    dimensions = book(CRYPTO, [{**OPTION, "instrument_id": "C", "mark_price": mark, "implied_vol": given}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 60_000.0}}, {"spot": {"ETH": 1.0}}))
    deviation = (given or 0.0) * math.sqrt(0.5)
    base = black(50_000.0, 50_000.0, deviation, 1.0) if given else 0.0
    stressed = black(60_000.0, 50_000.0, deviation, 1.0) if given else 10_000.0
    free = stressed + (mark - base)
    assert unit.treatment == ("constant offset",)
    assert unit.mark[0, 0] == mark
    assert unit.mark[0, 2] == mark  # what does not touch the option does not move it
    assert unit.mark[0, 1] == pytest.approx(min(max(free, 10_000.0), 60_000.0), rel=1e-12)
    assert unit.clamped_prices == int(not 10_000.0 <= free <= 60_000.0)


@pytest.mark.parametrize("other", [{"exercise": "american"}, {"payoff": "quanto"}])
def test_an_option_of_another_kind_does_not_touch_the_others(other: dict[str, str]) -> None:
    """Quanto options are refused where they are held; here they are only listed."""
    option = {**OPTION, "instrument_id": "EU", "mark_price": 8_000.0}
    alone = book(CRYPTO, [option])
    both = book(CRYPTO, [option, {**option, "instrument_id": "XX", **other}])
    shock = {"spot": {"BTC": 45_000.0}}
    assert value_instruments(both, states(both, shock)).mark[0].tolist() == value_instruments(alone, states(alone, shock)).mark[0].tolist()


def test_option_that_expires_at_the_snapshot_is_worth_its_mark_and_then_its_intrinsic_value() -> None:
    option = {**OPTION, "instrument_id": "O", "expiry": AS_OF, "mark_price": 12.5, "forward": 49_000.0, "implied_vol": 0.5}
    dimensions = book(CRYPTO, [option])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 50_100.0}}, {"spot": {"BTC": 49_000.0}}))
    assert unit.treatment == ("intrinsic",)
    assert unit.mark[0].tolist() == pytest.approx([12.5, 100.0, 0.0], abs=1e-9)


def test_root_above_the_vol_clamp_is_no_root() -> None:
    # A week to expiry and worth four fifths of the coin: a vol of some 1,850 %.
    dimensions = book(CRYPTO, [{**OPTION, "instrument_id": "O", "expiry": AS_OF + (OPTION["expiry"] - AS_OF) / 26, "mark_price": 40_000.0}])
    unit = value_instruments(dimensions, states(dimensions, {"spot": {"BTC": 55_000.0}}))
    assert unit.treatment == ("constant offset",)
    assert unit.base_vol[0] == 0.0
    assert unit.mark[0].tolist() == pytest.approx([40_000.0, 45_000.0])
    assert unit.clamped_vols.sum() == 0
