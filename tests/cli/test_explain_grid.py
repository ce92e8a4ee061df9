"""The terminal view and the document of accounts under a portfolio model."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import polars as pl
import pytest
from margin.explain_case import AS_OF, PERPETUAL, Case, Row
from rich.console import Console

from stresstest.cli.explain_document import Explanation as Printed
from stresstest.cli.explain_view import explain_view
from stresstest.margin.explain import Explanation, as_document

pytestmark = pytest.mark.usefixtures("made_once")

BTC: Row = {**PERPETUAL, "margin_schedule": None}
OPTION: Row = {
    "kind": "option",
    "underlying": "BTC",
    "expiry": AS_OF + timedelta(days=36.5),
    "option_type": "put",
    "strike": 100.0,
    "mark_price": 10.0,
}
TIERS: list[Row] = [{"from": 0, "maintenance_rate": 0, "initial_rate": 0}, {"from": 100, "maintenance_rate": 0.1, "initial_rate": 0.2}]
ADD_ONS: list[Row] = [
    {"name": "perpetual", "where": {"kind": "perpetual"}, "rate": {"maintenance": 0.01, "initial": 0.02}},
    {"name": "minimum", "where": {"kind": "option"}, "side": "short", "rate": 0.25, "combine": "floor"},
    {"name": "size", "net": "risk_group", "tiers": TIERS},
]  # fmt: skip
MODEL: Row = {
    "grid": [{"spot": -0.2}, {"name": "up", "spot": 0.2, "vol": 0.5}, {"name": "half", "spot": -1 / 3, "weight": 0.5}],
    "loss_factor": {"maintenance": 1.0, "initial": 1.5},
    "hedges": ["BTC"],
}


def explained(model: Row, *held: tuple[str, float]) -> Explanation:
    case = Case(
        {"BTC": {"price": 100.0}, "[red]": {"price": 10.0}},
        {"X": BTC, "P": OPTION, "R": {**BTC, "underlying": "[red]", "mark_price": 10.0}},
        {"models": {"pm": {"kind": "portfolio", **MODEL, **model}}},
        {"A": {"margin_model": "pm", "margin_multiplier": 2.0}},
    ).deposit("BTC", 1.0)
    for name, quantity in held:
        case.hold(name, quantity)
    found = case.valued()
    frames = {name: frame.filter(scenario_id="base") for name, frame in vars(found).items() if isinstance(frame, pl.DataFrame)}
    return Explanation(reporting_currency="USD", **frames)


def printed(explanation: Explanation) -> Printed:
    nothing = {"change": 0.0, "wrong_way_share": 0.0, "lines": [], "positions": []}
    return Printed.model_validate(json.loads(json.dumps(as_document(explanation) | {"scenario_choice": "named", "attribution": nothing})))


def shown(explanation: Explanation) -> list[list[str]]:
    """The cells of every line, two spaces or more apart."""
    console = Console(width=120, file=StringIO(), color_system=None)
    console.print(explain_view(as_document(explanation)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_groups_rows_and_losses() -> None:
    lines = shown(explained({"add_ons": ADD_ONS}, ("X", 2.0), ("R", -15.0)))
    for line in (
        ["worst row", "spot -20 %"],
        ["BTC", "spot -20 %, prices -20%"],
        ["BTC, collateral", "1", "100 x -20%", "-20.00"],
        ["X", "2", "-20", "-40.00"],
        ["P of the row", "-60.00"],
        ["row", "BTC", "[red]"],
        ["spot -20 %", "> -60.00", "30.00"],
        ["up", "60.00", "> -30.00"],
        ["half", "-50.00", "25.00"],
        ["scan loss max(0, -P)", "60.00", "60.00"],
        ["x loss factor 1 / 1.5", "60.00", "90.00"],
        ["required x multiplier 2", "120.00", "180.00"],
        ["sum", "180.00", "270.00"],
        ["perpetual", "notional"],
        ["R", "-150", "1%", "2%", "1.50", "3.00"],
        ["size", "notional, net by risk group"],
        ["BTC", "200", "10.00", "20.00"],
        ["from 100", "100", "10%", "20%", "10.00", "20.00"],
        ["requirement R", "217.00", "344.00"],
    ):
        assert line in lines, line


def test_lists_of_offsets_count_gains_in_part() -> None:
    lines = shown(explained({"offsets": [{"groups": ["BTC", "[red]"], "rate": 0.3}]}, ("X", 2.0), ("R", -15.0)))
    for line in (
        ["row", "BTC", "[red]", "BTC + [red]"],
        ["spot -20 %", "> -60.00", "30.00", "> -51.00"],
        ["P of [red], 30% of 30", "9.00", "9.00"],
        ["together max(0, -P), worst in spot -20 %", "51.00", "51.00"],
    ):
        assert line in lines, line


def test_a_weighted_loss_is_only_called_one_where_a_gain_counts_as_one() -> None:
    for weight in (0.032, 0.0533, 0.24, 0.3, 0.7):
        lines = shown(explained({"grid": [{"spot": 0.1, "weight": weight}]}, ("X", -4.0)))
        assert any(line[0] == f"the loss x weight {weight}" for line in lines if line), weight
    lines = shown(explained({"grid": [{"spot": 0.1, "weight": 0.5, "expiries": "absolute"}]}, ("X", 2.0)))
    assert any(line[0] == "the gain, as a loss, x weight 0.5" for line in lines if line)


def test_credits_and_weights_and_vols() -> None:
    credit = {"groups": ["BTC", "[red]"], "rate": 0.5}
    lines = shown(explained({"credits": [credit], "grid": [MODEL["grid"][1], MODEL["grid"][2]]}, ("P", -1.0), ("R", -15.0)))
    assert ["BTC", "half, prices -33.33%"] in lines
    assert any(line[0].startswith("the loss x weight 0.5") for line in lines if line)
    assert any(line[0].startswith("vol ") for line in lines if line)
    assert any(line[0] == "BTC / [red]" for line in lines if line)
    assert any(line[0] == "less spread credits" for line in lines if line)


def test_the_document_has_everything_under_its_scan() -> None:
    pool = printed(explained({"add_ons": ADD_ONS, "correlation": {}}, ("X", 2.0), ("P", -1.0), ("R", -15.0))).pools[0]
    (scan,) = pool.scans
    btc, other = scan.groups
    assert (btc.risk_group, other.risk_group) == ("BTC", "[red]")
    assert [row.row for row in btc.rows] == ["spot -20 %", "up", "half"]
    assert [(position.subject, position.expiry) for position in btc.positions] == [("BTC", None), ("X", None), ("P", "2026-12-26T12:00:00Z")]
    assert sum(position.pnl for position in btc.positions) == btc.worst_pnl == sum(expiry.counted for expiry in btc.expiries)
    assert [len(net.tiers) for net in pool.add_ons] == [0, 0, 0, 2, 2]
    assert pool.totals.worst_row == "spot -20 %"
    assert pool.charges == ()


def test_other_models_have_none_of_it() -> None:
    case = Case({"BTC": {"price": 100.0}}, {"X": PERPETUAL}).hold("X", 1.0)
    pool = printed(case.explain()).pools[0]
    assert (pool.scans, pool.credits, pool.add_ons, pool.totals.worst_row) == ((), (), (), None)
