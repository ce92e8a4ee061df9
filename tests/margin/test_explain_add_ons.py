"""Add-ons line by line, on one book: BTC at 100, ETH at 10; every expected figure is in the line's own terms."""

from __future__ import annotations

from datetime import timedelta

import pytest
from margin.explain_case import AS_OF, PERPETUAL, Case, Row, row

EXPIRY = AS_OF + timedelta(days=36.5)
OPTION: Row = {"kind": "option", "underlying": "BTC", "expiry": EXPIRY, "implied_vol": 0.8}
INSTRUMENTS: dict[str, Row] = {
    "X": {**PERPETUAL, "confidence": 0.8},
    "E": {**PERPETUAL, "underlying": "ETH", "mark_price": 10.0},
    "F": {**PERPETUAL, "kind": "future", "expiry": EXPIRY, "mark_price": 102.0},
    "C": {**OPTION, "option_type": "call", "strike": 110.0, "mark_price": 6.0},
    "P": {**OPTION, "option_type": "put", "strike": 90.0, "mark_price": 5.0},
}
ASSETS: dict[str, Row] = {"BTC": {"price": 100.0, "daily_volume": 50.0}, "ETH": {"price": 10.0, "confidence": 0.5}, "USDC": {"price": 0.95}}
OPTIONS: Row = {"where": {"kind": "option"}}
# Of underlyings 200, -150 (ETH), -306, 100 and -400; nothing moves in the grid.
HELD = {"X": 2.0, "E": -15.0, "F": -3.0, "C": 1.0, "P": -4.0}


def book(*lines: Row, kind: str = "portfolio", **model: object) -> Case:
    grid: Row = {"grid": [{"name": "still"}]} if kind == "portfolio" else {}
    margin: Row = {
        "models": {"pm": {"kind": kind, **grid, "add_ons": [{"name": f"line {number}", **line} for number, line in enumerate(lines)], **model}},
        "margin_schedules": {"flat": {"tiers": [{"from": 0, "maintenance_rate": 0.0, "initial_rate": 0.0}]}},
    }
    case = Case(ASSETS, INSTRUMENTS, margin, {"A": {"margin_model": "pm"}})
    for name, quantity in HELD.items():
        case.hold(name, quantity)
    return case


TIERS = [{"from": 0, "maintenance_rate": 0.01, "initial_rate": 0.02}, {"from": 300, "maintenance_rate": 0.02, "initial_rate": 0.03}]
DAYS = [{"from": 0, "maintenance_rate": 0.0, "initial_rate": 0.0}, {"from": 4, "maintenance_rate": 0.1, "initial_rate": 0.2}]


@pytest.mark.parametrize(
    ("line", "maintenance", "initial"),
    [
        ({"rate": {"maintenance": 0.01, "initial": 0.02}}, 11.56, 23.12),
        ({"where": {"kind": "perpetual"}, "rate": 0.01}, 3.5, 3.5),
        ({"where": {"kind": "perpetual"}, "side": "short", "rate": 0.01}, 1.5, 1.5),
        ({**OPTIONS, "of": "underlying_notional", "side": "short", "rate": 0.005}, 2.0, 2.0),
        ({**OPTIONS, "of": "value", "rate": 0.1}, 2.6, 2.6),
        ({**OPTIONS, "of": "contracts", "amount": {"maintenance": 2.0, "initial": 3.0}}, 10.0, 15.0),
        ({**OPTIONS, "of": "contracts", "amount": 2.0, "net": "strike", "side": "short"}, 8.0, 8.0),
        ({**OPTIONS, "of": "contracts", "amount": 2.0, "net": "expiry"}, 6.0, 6.0),
        # nets of expiries: undated 200 (BTC) and -150 (ETH), dated -306 + 100 - 400
        ({"net": "expiry", "rate": 0.1}, 20.0 + 15.0 + 60.6, 95.6),
        ({"net": "underlying", "rate": 0.1}, 40.6 + 15.0, 55.6),
        ({"net": "risk_group", "side": "long", "rate": 0.1}, 0.0, 0.0),
        ({"net": "risk_group", "side": "short", "where": {"risk_group": "BTC"}, "rate": 0.1}, 40.6, 40.6),
        # BTC: longs 200 + 100, shorts 306 + 400; of expiries 200 and 606; ETH has no longs
        ({"part": "hedged", "rate": 0.01}, 3.0, 3.0),
        ({"part": "hedged", "net": "expiry", "rate": 0.01}, 2.0, 2.0),
        # 200, 150, 306, 100 and 400 one by one, marginal
        ({"tiers": TIERS}, 11.56 + 0.01 * 6.0 + 0.01 * 100.0, 23.12 + 0.06 + 1.0),
        # BTC trades 50 * 0.5 a day, four days of it are 100; ETH has no volume: all of it is beyond
        ({"where": {"kind": "perpetual"}, "tiers": DAYS, "basis": "days", "participation": 0.5}, 10.0 + 15.0, 20.0 + 30.0),
        # 1 - 0.8 of 200 and 1 - 0.5 of 150; nothing else has a confidence
        ({"rate": 0.1, "confidence_below": 0.9}, 0.1 * (40.0 + 75.0), 11.5),
        ({"rate": 0.1, "confidence_below": 0.6}, 7.5, 7.5),
        # 2 * (0.99 - 0.95) of 1156
        ({"rate": 1.0, "depeg": {"asset": "USDC", "threshold": 0.99, "factor": 2.0}}, 92.48, 92.48),
        ({"rate": 1.0, "depeg": {"asset": "USDC", "threshold": 0.9}}, 0.0, 0.0),
    ],
)
def test_lines(line: Row, maintenance: float, initial: float) -> None:
    found = book(line).valued()
    pool = row(found.pools, "base")
    assert [pool["maintenance_margin"], pool["initial_margin"]] == pytest.approx([maintenance, initial], rel=1e-12)
    assert found.add_ons["requirement_maintenance"].sum() == pytest.approx(maintenance)


def test_loss_factor_multiplies_lines_that_ask_for_it() -> None:
    depeg: Row = {"asset": "USDC", "threshold": 0.99, "factor": 2.0}
    factors: Row = {"loss_factor": {"maintenance": 1.5, "initial": 2.0}, "loss_factor_depeg": depeg}
    found = book({"rate": 0.1, "loss_factor": True}, {"rate": 0.1}, **factors).valued()
    pool = row(found.pools, "base")
    assert pool["maintenance_margin"] == pytest.approx(115.6 * 2.5)
    assert pool["initial_margin"] == pytest.approx(115.6 * (1.0 + 2.0 + 2.0 * 0.04))
    assert set(found.scans["loss_factor_initial"]) == {2.08}


def test_floors_are_the_least_of_a_group() -> None:
    # BTC loses 0.1 * 206 and has options besides: shorts of a floor of 400 * 0.2; ETH loses 15, its floor is 0.
    lines: list[Row] = [
        {**OPTIONS, "side": "short", "rate": 0.15, "combine": "floor"},
        {**OPTIONS, "side": "short", "rate": 0.05, "combine": "floor"},
    ]
    case = book(*lines, grid=[{"spot": 0.1}])
    case.positions = [held for held in case.positions if held["instrument"] != case.instrument["C"]]
    found = case.valued()
    btc, eth = (row(found.scans, "base", scan=scan) for scan in ("BTC", "ETH"))
    assert (btc["floor_maintenance"], btc["unscaled_maintenance"]) == (pytest.approx(80.0), pytest.approx(80.0))
    assert btc["loss"] < 80.0
    assert (eth["floor_maintenance"], eth["unscaled_maintenance"]) == (None, pytest.approx(15.0))
    assert found.add_ons["requirement_maintenance"].null_count() == 2, "a floor is no line of its own"
    assert row(found.pools, "base")["maintenance_margin"] == pytest.approx(95.0)


def test_tiers_are_shown_with_what_is_inside() -> None:
    found = book({"tiers": TIERS, "where": {"kind": "future"}}).valued()
    tiers = found.add_on_tiers.select("subject", "tier", "from", "to", "part", "charge_maintenance").rows()
    assert tiers == [("F", 1, 0.0, 300.0, 300.0, 3.0), ("F", 2, 300.0, None, 6.0, pytest.approx(0.12))]


def test_nets_are_named_by_what_they_have_in_common() -> None:
    found = book({**OPTIONS, "net": "strike", "rate": 0.1}, {"net": "expiry", "rate": 0.1}, {"part": "hedged", "rate": 0.1}).valued()
    assert found.add_ons.filter(line="line 0")["subject"].to_list() == ["BTC 2026-12-26 12:00 90", "BTC 2026-12-26 12:00 110"]
    assert found.add_ons.filter(line="line 1")["subject"].to_list() == ["BTC", "BTC 2026-12-26 12:00", "ETH"]
    hedged = found.add_ons.filter(line="line 2").select("subject", "long", "short", "size").rows()
    assert hedged == [("BTC", 300.0, pytest.approx(706.0), 300.0), ("ETH", 0.0, 150.0, 0.0)]


def test_delta_is_of_contracts_entered_at_the_state() -> None:
    # An inverse perpetual of 10 USD a contract gains 10 * x in reporting currency, whatever it was entered at.
    inverse: Row = {**PERPETUAL, "payoff": "inverse", "settle": "BTC", "contract_size": 10.0}
    margin: Row = {"models": {"pm": {"kind": "portfolio", "grid": [{"name": "still"}], "add_ons": [{"name": "delta", "of": "delta", "rate": 0.1}]}}}
    case = Case({"BTC": {"price": 100.0}}, {"I": inverse, "X": PERPETUAL}, margin, {"A": {"margin_model": "pm"}})
    found = case.hold("I", 5.0, 80.0).hold("X", -2.0, 90.0).valued()
    assert found.add_ons["measure"].to_list() == pytest.approx([50.0, -200.0])


def test_tiered_models_have_lines_too() -> None:
    found = book({"where": {"kind": "perpetual"}, "rate": 0.01}, {"rate": 0.02, "confidence_below": 0.9}, kind="tiered").explain()
    pool = row(found.pools, "base")
    assert pool["maintenance_margin"] == pytest.approx(3.5 + 0.02 * 115.0)
    assert found.scans.is_empty()
