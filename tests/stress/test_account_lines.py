from __future__ import annotations

import pytest
from margin.explain_case import PERPETUAL, Case, Row

from stresstest.stress.account_lines import account_lines

BTC: Row = {**PERPETUAL, "margin_schedule": None}
MODEL: Row = {
    "kind": "portfolio",
    "grid": [{"spot": -0.1}],
    "add_ons": [{"name": "perpetual", "rate": {"maintenance": 0.01, "initial": 0.02}}, {"name": "least", "rate": 0.001, "combine": "floor"}],
}


def test_scans_and_add_ons_are_lines_of_their_own() -> None:
    book = Case({"BTC": {"price": 100.0}, "ETH": {"price": 10.0}}, {"X": BTC, "E": {**BTC, "underlying": "ETH", "mark_price": 10.0}},
                {"models": {"pm": MODEL}}, {"A": {"margin_model": "pm"}})  # fmt: skip
    found = book.hold("X", 2.0).hold("E", 5.0).valued(s={"spot": {"BTC": 50.0}})
    lines = account_lines(found, "s", book.dimensions)
    # BTC loses 10 of 100 and ETH 5 of 50; the line is 1 % of both together. At base BTC is 200.
    nets = lines.filter(kind="net").select("item", "base_maintenance_margin", "maintenance_margin", "initial_margin").rows()
    assert nets == [
        ("scan BTC", 20.0, 10.0, 10.0),
        ("scan ETH", 5.0, 5.0, 5.0),
        ("add-on perpetual", pytest.approx(2.5), pytest.approx(1.5), pytest.approx(3.0)),
    ]
    assert lines["maintenance_margin"].sum() == pytest.approx(found.accounts["maintenance_margin"][1])
    assert lines.filter(kind="position")["maintenance_margin"].null_count() == 2
