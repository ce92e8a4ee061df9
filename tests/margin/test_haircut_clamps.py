"""Haircuts out of range are counted by asset: bands times scenarios."""

from __future__ import annotations

from margin.explain_case import Case, Row

from stresstest.margin.haircut_clamps import haircut_clamps
from stresstest.scenarios.notices import Notice

MARGIN: Row = {
    "collateral_schedules": {
        "par": {"bands": [{"from": 0, "haircut": 0.0}]},
        "coin": {"bands": [{"from": 0, "haircut": 0.10, "initial_haircut": 0.30}, {"from": 10, "haircut": 0.50}, {"from": 20, "haircut": 1.0}]},
    }
}


def clamps(**scenarios: Row) -> tuple[Notice, ...]:
    book = Case({"BTC": {"price": 100.0, "collateral_schedule": "coin"}, "ETH": {"price": 10.0}}, {}, MARGIN)
    return haircut_clamps(book.dimensions, book.factors(scenarios)[0], book.rulebook)


def test_a_band_counts_once_in_every_scenario_that_takes_it_out_of_range() -> None:
    # a: 0.4/0.6, 0.8, 1.3: one band. b: 0.85/1.05 (the initial one alone), 1.25, 1.75: three. d: -0.1/0.1, 0.3, 0.8: one.
    found = clamps(a={"haircut": {"BTC": 0.3}}, b={"haircut": {"BTC": 0.75}}, c={}, d={"haircut": {"BTC": -0.2}})
    message = "5 stressed haircuts of BTC (bands of coin, in 3 scenarios) brought to between 0 and 1"
    assert found == (Notice("clamped", "a", "haircut:BTC", message, 5, ((1, 1), (2, 3), (4, 1))),)


def test_scale_and_shift_are_taken_together_and_the_ends_are_in_range() -> None:
    # 2 * h: 0.2/0.6, 1.0, 2.0: the last alone. 2 * h - 1: -0.8/-0.4, 0.0, 1.0: the first alone.
    both = {"haircut_scale": {"BTC": 2.0}}
    found = clamps(a=both, b={**both, "haircut": {"BTC": -1.0}})
    assert [(each.scenario_id, each.count) for each in found] == [("a", 2)]


def test_nothing_to_say() -> None:
    # `par` of ETH has a haircut of zero, which 0.5 keeps in range; the reporting currency has no schedule.
    assert clamps(a={"haircut": {"ETH": 0.5, "USD": -0.5}}) == ()
    assert clamps() == ()
