"""Settings by which rates and weights follow something: what they may say, and what a book must state for them."""

from __future__ import annotations

import pytest

from stresstest.documents import document_of, parse
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import ConservativePrices, Rulebook

TIER = "{from: 0, maintenance_rate: 0.1, initial_rate: 0.2}"
BANDS = "bands: [{from: 0, haircut: 0.1}, {from: 100, haircut: 0.2}]"


def rulebook(text: str) -> Rulebook:
    return parse(Rulebook, document_of(text, "margin.yaml", Reason.MARGIN_FILE), Reason.MARGIN_FILE)


def test_one_number_is_for_both_calculations() -> None:
    text = "margin_schedules: {x: {tiers: [" + TIER + "], size_scaling: {factor: 0.5}}}"
    scaling = rulebook(text).margin_schedules["x"].size_scaling
    assert scaling is not None
    assert (scaling.factor.maintenance, scaling.factor.initial, scaling.growth) == (0.5, 0.5, "square_root")
    text = "collateral_schedules: {x: {" + BANDS + ", concentration: {deposits_above: {initial: 7}}}}"
    pool = rulebook(text).collateral_schedules["x"].concentration
    assert pool is not None
    assert (pool.deposits_above.maintenance, pool.deposits_above.initial, pool.borrows_above.initial) == (None, 7.0, None)


def test_conservative_prices_are_those_of_the_initial_calculation_unless_said() -> None:
    assert rulebook("models: {m: {conservative_prices: {}}}").models["m"].conservative_prices == ConservativePrices(initial=True)


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        ("collateral_schedules: {x: {" + BANDS + ", cap: 100}}", "collateral_schedules.x.cap", "not above the last band"),
        ("collateral_schedules: {x: {" + BANDS + ", cap: 0}}", "collateral_schedules.x.cap", "must be above 0"),
        (
            "collateral_schedules: {x: {" + BANDS + ", concentration: {borrows_above: 0}}}",
            "collateral_schedules.x.concentration.borrows_above",
            "must be above 0",
        ),
        ("margin_schedules: {x: {amount_per_contract: 1, size_scaling: {factor: 1}}}", "margin_schedules.x.size_scaling", "rates that may grow"),
        (
            (
                "margin_schedules: {x: {convention: deduction, tiers: [{from: 0, maintenance_rate: 0, initial_rate: 0, maintenance_deduction: 0, "
                "initial_deduction: 0}], size_scaling: {factor: 1}}}"
            ),
            "margin_schedules.x.size_scaling",
            "without deductions",
        ),
        (
            "margin_schedules: {x: {tiers: ["
            + TIER
            + ", {from: 5, maintenance_rate: 0.2, initial_rate: 0.3}], open_interest_scaling: {from: 1, to: 2}}}",
            "margin_schedules.x.open_interest_scaling",
            "one rate for every size",
        ),
        (
            "margin_schedules: {x: {tiers: [" + TIER + "], open_interest_scaling: {from: 2, to: 2}}}",
            "margin_schedules.x.open_interest_scaling.to",
            "must be above `from`",
        ),
        ("margin_schedules: {x: {tiers: [" + TIER + "], size_scaling: {factor: 1, growth: cube}}}", "margin_schedules.x.size_scaling.growth", ""),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(text: str, place: str, said: str) -> None:
    with pytest.raises(StressTestError) as caught:
        rulebook(text)
    (fault,) = caught.value.faults
    assert fault.path == place
    assert said in fault.text()
