"""Schedules that a net of several instruments can use."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from stresstest.errors import Reason, StressTestError
from stresstest.margin.nettable import check_nettable
from stresstest.margin.rulebook import Rulebook
from stresstest.snapshot.book import Dimensions

TIERS = [{"from": 0, "maintenance_rate": 0.1, "initial_rate": 0.2}]


def dimensions(model: str, schedule: str) -> Dimensions:
    """One account under a model, one asset with a schedule; the other tables are not looked at."""
    assets = pl.DataFrame({"asset": ["BTC", "USD"], "margin_schedule": [schedule, None]})
    accounts = pl.DataFrame({"account_id": ["a"], "margin_model": [model]})
    return Dimensions(datetime(2026, 1, 1, tzinfo=UTC), "USD", assets, pl.DataFrame(), pl.DataFrame(), accounts, pl.DataFrame(), pl.DataFrame())


def rulebook() -> Rulebook:
    """Schedules of three kinds, and a model that nets by underlying."""
    schedules = {"value": {"tiers": TIERS}, "contracts": {"basis": "contracts", "tiers": TIERS}, "amount": {"amount_per_contract": 5.0}}
    return Rulebook.model_validate({"margin_schedules": schedules, "models": {"nets": {"kind": "tiered", "net_by": "underlying"}}})


@pytest.mark.parametrize("schedule", ["contracts", "amount"])
def test_a_net_has_no_number_of_contracts(schedule: str) -> None:
    with pytest.raises(StressTestError) as caught:
        check_nettable(dimensions("nets", schedule), rulebook())
    (fault,) = caught.value.faults
    assert caught.value.reason is Reason.MARGIN_FILE
    assert fault.path == f"margin_schedules.{schedule}"
    assert "BTC" in fault.what
    assert "nets" in fault.what


@pytest.mark.parametrize(("model", "schedule"), [("nets", "value"), ("default", "contracts"), ("default", "amount")])
def test_what_can_be_netted_or_is_not_netted_passes(model: str, schedule: str) -> None:
    check_nettable(dimensions(model, schedule), rulebook())
