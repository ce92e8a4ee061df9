from __future__ import annotations

import json

import pytest
from margin.explain_case import PERPETUAL, Case, Row

from stresstest.margin.explain import as_document, explain

BANDED: Row = {"collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.1}, {"from": 50, "haircut": 0.5}]}}}


def case() -> Case:
    """A cross pool with BTC at two locations and an isolated pool."""
    book = Case({"BTC": {"price": 100.0}}, {"X": PERPETUAL}, BANDED, {"A": {"owner_id": "Owner"}})
    book.hold("X", 2.0, 90.0).deposit("BTC", 1.0, "vault").deposit("BTC", 0.5).deposit("USD", 10.0)
    return book.hold("X", -1.0, pool="X short").deposit("USD", 50.0, pool="X short")


def document() -> Row:
    book = case()
    resolved, marks = book.factors({"s": {"mark": {"X": 70.0}, "spot": {"BTC": 80.0}}})
    return as_document(explain(book.dimensions, book.holdings, resolved, marks, book.rulebook, [1]))


def test_head() -> None:
    found = document()
    head = {key: found[key] for key in ("schema_version", "kind", "owner_id", "account_id", "scenario_id", "reporting_currency")}
    assert head == {"schema_version": 1, "kind": "explain", "owner_id": "Owner", "account_id": "A", "scenario_id": "s", "reporting_currency": "USD"}
    assert found["account"]["equity"] == pytest.approx(120.0 + 10.0 - 40.0 + 50.0 + 30.0)


def test_everything_is_under_its_pool() -> None:
    cross, isolated = document()["pools"]
    assert (cross["pool_id"], isolated["pool_id"]) == ("cross", "X short")
    assert [position["quantity"] for position in cross["positions"]] == [2.0]
    assert [position["quantity"] for position in isolated["positions"]] == [-1.0]
    token = cross["tokens"][0]
    assert token["asset"] == "BTC"
    assert [(balance["location"], balance["amount"]) for balance in token["balances"]] == [(None, 0.5), ("vault", 1.0)]
    assert [(band["band"], band["part_maintenance"]) for band in token["bands"]] == [(1, 50.0), (2, 70.0)]
    (charge,) = cross["charges"]
    assert [(tier["tier"], tier["part"]) for tier in charge["tiers"]] == [(1, 140.0)]
    assert cross["totals"]["maintenance_margin"] == pytest.approx(7.0)


def test_it_is_plain_json() -> None:
    found = document()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_one_account_and_scenario_at_a_time() -> None:
    with pytest.raises(ValueError, match="one account in one scenario, not 2"):
        as_document(case().explain(s={}))
