"""What a book must state where schedules follow it."""

from __future__ import annotations

import pytest
from margin.explain_case import PERPETUAL, Case, Row

from stresstest.errors import Reason, StressTestError
from stresstest.margin.nettable import check_nettable
from stresstest.margin.scalable import check_scalable
from stresstest.margin.views import views_of

TIERS = [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.10}]
MARGIN: Row = {
    "collateral_schedules": {
        "par": {"bands": [{"from": 0, "haircut": 0.0}]},
        "pool": {"bands": [{"from": 0, "haircut": 0.1}], "concentration": {"deposits_above": {"initial": 5}}},
    },
    "margin_schedules": {
        "skew": {"tiers": TIERS, "size_scaling": {"growth": "skew", "factor": 1}},
        "crowd": {"tiers": TIERS, "open_interest_scaling": {"from": 1, "to": 2}},
    },
}


def case(models: Row | None = None, asset: Row | None = None, **schedules: str | None) -> Case:
    instruments: dict[str, Row] = {name: {**PERPETUAL, "margin_schedule": schedule} for name, schedule in schedules.items()}
    return Case({"BTC": {"price": 100.0, **(asset or {})}}, instruments, {**MARGIN, "models": models or {}})


def check(book: Case) -> None:
    check_scalable(book.dimensions, book.rulebook, views_of(book.dimensions, book.rulebook))


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(StressTestError) as caught:
        check(case(asset={"collateral_schedule": "pool"}, A="skew", B="crowd", C="crowd"))
    assert caught.value.reason is Reason.INPUT_DATA
    said = {(fault.table, fault.column): (fault.rows, fault.keys) for fault in caught.value.faults}
    assert said == {
        ("instruments", "skew_scale"): (1, ("A",)),
        ("instruments", "open_interest"): (2, ("B", "C")),
        ("assets", "pool_deposits"): (1, ("BTC",)),
    }


def test_what_is_stated_or_not_followed_passes() -> None:
    book = case(asset={"collateral_schedule": "pool", "pool_deposits": 1.0}, A="skew", B="crowd", C=None)
    book.instruments["A"]["skew_scale"] = 5.0
    book.instruments["B"]["open_interest"] = 0.0
    check(book)


def test_schedules_that_a_model_gives_count() -> None:
    with pytest.raises(StressTestError, match="does not say") as caught:
        check(case({"default": {"assign": [{"margin_schedule": "skew"}]}}, A=None))
    assert [fault.column for fault in caught.value.faults] == ["skew_scale"]


@pytest.mark.parametrize("schedule", ["skew", "crowd"])
def test_a_net_has_no_size_that_rates_could_follow(schedule: str) -> None:
    book = case({"default": {"net_by": "underlying"}}, {"margin_schedule": schedule}, A=None)
    with pytest.raises(StressTestError) as caught:
        check_nettable(book.dimensions, book.rulebook, views_of(book.dimensions, book.rulebook))
    assert "tiers by value alone" in caught.value.faults[0].text()
