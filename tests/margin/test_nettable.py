"""Schedules that a net of several instruments can use."""

from __future__ import annotations

import pytest
from margin.explain_case import Case, Row

from stresstest.errors import Reason, StressTestError
from stresstest.margin.nettable import check_nettable
from stresstest.margin.views import views_of

TIERS = [{"from": 0, "maintenance_rate": 0.1, "initial_rate": 0.2}]


def check(model: str, schedule: str | None) -> None:
    """Check a book of one account under a model, and of one asset with a schedule, under a file with schedules of three kinds."""
    schedules = {"value": {"tiers": TIERS}, "contracts": {"basis": "contracts", "tiers": TIERS}, "amount": {"amount_per_contract": 5.0}}
    nets: Row = {"kind": "tiered", "net_by": "underlying"}
    assigned = {"contracts": {**nets, "assign": [{"margin_schedule": "contracts"}]}, "value": {**nets, "assign": [{"margin_schedule": "value"}]}}
    models = {"nets": nets, **{f"nets by {name}": each for name, each in assigned.items()}}
    book = Case(
        {"BTC": {"price": 100.0, "margin_schedule": schedule}}, {}, {"margin_schedules": schedules, "models": models}, {"a": {"margin_model": model}}
    )
    check_nettable(book.dimensions, book.rulebook, views_of(book.dimensions, book.rulebook))


@pytest.mark.parametrize("schedule", ["contracts", "amount"])
def test_a_net_has_no_number_of_contracts(schedule: str) -> None:
    with pytest.raises(StressTestError) as caught:
        check("nets", schedule)
    (fault,) = caught.value.faults
    assert caught.value.reason is Reason.MARGIN_FILE
    assert fault.path == f"margin_schedules.{schedule}"
    assert "BTC" in fault.what
    assert "nets" in fault.what


@pytest.mark.parametrize(("model", "schedule"), [("nets", "value"), ("default", "contracts"), ("default", "amount"), ("nets by value", "amount")])
def test_what_can_be_netted_or_is_not_netted_passes(model: str, schedule: str) -> None:
    check(model, schedule)


def test_the_schedule_that_a_model_assigns_is_the_one_that_counts() -> None:
    with pytest.raises(StressTestError) as caught:
        check("nets by contracts", "value")
    assert [fault.path for fault in caught.value.faults] == ["margin_schedules.contracts"]
