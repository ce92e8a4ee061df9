from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from margin.explain_case import AS_OF, PERPETUAL, Case, Row, row

BTC: Row = {**PERPETUAL, "margin_schedule": None}
ETH: Row = {**BTC, "underlying": "ETH", "mark_price": 10.0}
ASSETS: dict[str, Row] = {"BTC": {"price": 100.0}, "ETH": {"price": 10.0}}
THREE_ROWS: list[Row] = [{"spot": -0.15}, {"spot": 0.15}, {"spot": 0.5, "weight": 0.2}]
LOSS: Row = {"loss_factor": {"maintenance": 1.0, "initial": 1.25}}


def pool_of(model: Row, *held: tuple[str, float], assets: dict[str, Row] | None = None, account: Row | None = None, **instruments: Row) -> Case:
    """One account under a portfolio model."""
    instruments = {"X": BTC, "E": ETH, **instruments}
    margin: Row = {"models": {"pm": {"kind": "portfolio", "grid": THREE_ROWS, **model}}}
    case = Case(assets or ASSETS, instruments, margin, {"A": {"margin_model": "pm", **(account or {})}})
    for name, quantity in held:
        case.hold(name, quantity)
    return case


def approx(*values: float) -> Any:
    return pytest.approx(list(values), rel=1e-12)


def test_two_perpetuals_and_a_hedge_in_three_rows() -> None:
    # BTC: 2 * 100 of perpetual and 100 of the token move together, 300 in all; 0.2 * 0.5 * 300 is a gain of 30.
    # ETH: short 15 * 10 = 150.
    found = (
        pool_of({**LOSS, "hedges": ["BTC"]}, ("X", 2.0), ("E", -15.0)).deposit("BTC", 1.0).deposit("USD", 1000.0).valued(s={"spot": {"BTC": 80.0}})
    )
    base = found.rows.filter(scenario_id="base")
    assert base.filter(risk_group="BTC")["pnl"].to_list() == approx(-45.0, 45.0, 30.0)
    assert base.filter(risk_group="ETH")["pnl"].to_list() == approx(22.5, -22.5, -15.0)
    assert base["move"].to_list() == approx(-0.15, 0.15, 0.5, -0.15, 0.15, 0.5)
    btc, eth = (row(found.groups, "base", risk_group=group) for group in ("BTC", "ETH"))
    assert (btc["worst_row"], btc["worst_pnl"], btc["scan_loss"], btc["loss"]) == ("spot -15 %", -45.0, 45.0, 45.0)
    assert (eth["worst_row"], eth["loss"]) == ("spot +15 %", 22.5)
    positions = found.grid_positions.filter(scenario_id="base").select("subject", "row", "quantity", "change", "value", "move", "pnl").rows()
    assert positions == [
        ("BTC", "spot -15 %", 1.0, None, 100.0, -0.15, -15.0),
        ("X", "spot -15 %", 2.0, -15.0, None, None, -30.0),
        ("E", "spot +15 %", -15.0, 1.5, None, None, -22.5),
    ]
    pool = row(found.pools, "base")
    assert (pool["maintenance_margin"], pool["initial_margin"]) == (67.5, 84.375)
    assert (pool["worst_row"], pool["worst_scan_loss"]) == ("spot -15 %", 45.0)
    # At 80 everything of BTC is 240.
    assert row(found.pools)["maintenance_margin"] == pytest.approx(0.15 * 240.0 + 22.5)
    assert found.charges.is_empty()
    assert set(found.positions["rule"]) == {"in the grid"}


def test_margin_rate_and_multiplier() -> None:
    found = pool_of(LOSS, ("X", 2.0), account={"margin_multiplier": 2.0}).valued(s={"margin_rate": {"pm": 1.5}})
    assert row(found.pools, "base")["maintenance_margin"] == pytest.approx(60.0)
    scan = row(found.scans)
    assert (scan["unscaled_initial"], scan["margin_rate"], scan["margin_multiplier"]) == (37.5, 1.5, 2.0)
    assert row(found.pools)["initial_margin"] == scan["requirement_initial"] == pytest.approx(37.5 * 3.0)


def test_offsets_count_gains_in_part_row_by_row() -> None:
    # A gain counts 0.3: the three rows come to -30 + 6.75, 9 - 22.5 and 6 - 15.
    found = pool_of({"offsets": [{"groups": ["BTC", "ETH"], "rate": 0.3}]}, ("X", 2.0), ("E", -15.0)).valued()
    assert found.rows["counted"].to_list() == approx(-30.0, 9.0, 6.0, 6.75, -22.5, -15.0)
    scan = row(found.scans, "base")
    assert (scan["scan"], scan["worst_row"], scan["group_count"]) == ("BTC + ETH", "spot -15 %", 2)
    assert scan["loss"] == pytest.approx(23.25)
    assert found.groups["worst_row"].to_list() == ["spot -15 %", "spot +15 %"]
    assert found.groups["row"].to_list() == ["spot -15 %"] * 2, "what is shown of a group is the row of its list"
    assert found.grid_positions["pnl"].to_list() == approx(-30.0, 22.5)
    assert row(found.pools, "base")["worst_row"] == "spot -15 %"


def test_correlation_joins_all_groups() -> None:
    model: Row = {"correlation": {"default": 0.9, "pairs": [{"groups": ["ETH", "BTC"], "value": 0.5}]}}
    found = pool_of(model, ("X", 2.0), ("E", -15.0)).valued()
    # 30^2 + 22.5^2 + 2 * 0.5 * 30 * 22.5
    assert found.groups["correlated"].to_list() == approx(900.0 + 337.5, 506.25 + 337.5)
    scan = row(found.scans, "base")
    assert (scan["scan"], scan["worst_row"]) == ("all groups", "spot -15 %")
    assert scan["loss"] == pytest.approx(2081.25**0.5)


def test_credits_use_deltas_up_in_order() -> None:
    # deltas 200, -150 and -40; B: 150 of 200 and 150 at half; then of the 50 left with ratio 1 : 2 against 40: 20 spreads
    model: Row = {
        "credits": [
            {"groups": ["BTC", "ETH"], "rate": 0.5},
            {"groups": ["BTC", "SOL"], "ratio": [1.0, 2.0], "rate": 0.25},
            {"groups": ["BTC", "SOL"], "rate": 1.0, "same_side": True},
        ]
    }
    sol = {**BTC, "underlying": "SOL", "mark_price": 1.0}
    case = pool_of(model, ("X", 2.0), ("E", -15.0), ("S", -40.0), assets={**ASSETS, "SOL": {"price": 1.0}}, S=sol)
    found = case.valued()
    assert found.groups["delta"].to_list() == approx(200.0, -150.0, -40.0)
    assert found.credits.select("number", "spreads").rows() == [(1, pytest.approx(150.0)), (2, pytest.approx(20.0))]
    assert found.credits["share_1"].to_list() == approx(0.375, 0.025)
    assert found.credits["share_2"].to_list() == approx(0.5, 0.25)
    assert found.groups["loss"].to_list() == approx(30.0 * 0.6, 22.5 * 0.5, 6.0 * 0.75)
    assert row(found.pools, "base")["maintenance_margin"] == pytest.approx(18.0 + 11.25 + 4.5)


def test_each_expiry_takes_the_worse_of_two_forward_moves() -> None:
    # T of 0.1 and 0.2: (0.5 + 0.1) * 0.1 * 200 and (0.5 + 0.2) * 0.1 * 110; the perpetual has no forward.
    first, second = ({**BTC, "kind": "future", "expiry": AS_OF + timedelta(days=days)} for days in (36.5, 73.0))
    grid = [{"name": "basis", "forward": [-0.1, 0.1], "expiries": "losses", "weight": 0.5, "weight_per_year": 1.0}]
    found = pool_of({"grid": grid}, ("X", 3.0), ("F1", 2.0), ("F2", -1.0), F1=first, F2={**second, "mark_price": 110.0}).valued()
    assert found.expiries["pnl"].to_list() == approx(0.0, -20.0, -11.0)
    assert found.expiries["weight"].to_list() == approx(0.5, 0.6, 0.7)
    assert found.expiries["counted"].to_list() == approx(0.0, -12.0, -7.7)
    assert row(found.pools, "base")["maintenance_margin"] == pytest.approx(19.7)
    assert found.grid_positions.select("subject", "pnl").rows() == [("X", 0.0), ("F1", pytest.approx(-20.0)), ("F2", pytest.approx(-11.0))]


def test_a_debt_in_a_hedge_gains_when_its_price_falls() -> None:
    found = pool_of({"hedges": {"ETH": "BTC"}}, ("X", 2.0)).deposit("ETH", -30.0).valued()
    assert found.rows["pnl"].to_list() == approx(15.0, -15.0, 0.2 * (100.0 - 150.0))
    assert row(found.groups, "base")["worst_row"] == "spot +15 %"


def test_a_pool_without_risk_needs_nothing() -> None:
    found = pool_of(LOSS).deposit("USD", 5.0).valued()
    assert found.scans.is_empty()
    pool = row(found.pools, "base")
    assert (pool["maintenance_margin"], pool["worst_row"], pool["worst_scan_loss"]) == (0.0, None, None)
    assert row(found.accounts, "base")["worst_row"] is None


def test_where_no_row_loses_there_is_no_worst_row() -> None:
    found = pool_of({"grid": [{"spot": 0.1}]}, ("X", 1.0)).valued()
    assert row(found.groups, "base")["worst_row"] == "spot +10 %"
    pool = row(found.pools, "base")
    assert (pool["worst_row"], pool["worst_scan_loss"]) == (None, 0.0)


def test_the_account_has_the_row_of_the_pool_that_loses_most() -> None:
    case = pool_of({}, ("X", 1.0)).hold("X", -2.0, pool="X short").deposit("USD", 50.0, pool="X short")
    found = case.valued()
    assert found.pools["worst_row"].to_list() == ["spot -15 %", "spot +15 %"]
    assert row(found.accounts, "base")["worst_row"] == "spot +15 %"


def test_a_grid_needs_the_valuation() -> None:
    with pytest.raises(ValueError, match="without `units`"):
        pool_of({}, ("X", 1.0)).explain()


def test_collateral_alone_can_be_all_that_moves() -> None:
    found = pool_of({"hedges": ["BTC"]}).deposit("BTC", 2.0).valued()
    assert found.grid_positions.select("subject", "quantity", "pnl").rows() == [("BTC", 2.0, -30.0)]
    assert row(found.pools, "base")["maintenance_margin"] == pytest.approx(30.0)
