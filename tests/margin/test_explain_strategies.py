"""Strategies as `explain` derives them: the same figures as the kernels, and every step of them."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from margin.explain_case import SCHEDULES, Row
from margin.kernels.test_strategies import CHAIN, EXPIRY, LISTED, AtSpot, book
from rich.console import Console

from stresstest.cli.explain_document import Explanation as ExplainedDocument
from stresstest.cli.explain_view import explain_view
from stresstest.margin.explain import Explanation, explain
from stresstest.margin.explain.document import as_document


def explained(case: AtSpot, **scenarios: Row) -> Explanation:
    """The explanation in base and the scenarios, with forwards at spot."""
    resolved, marks = case.factors(scenarios)
    options = [code for code, terms in enumerate(case.instruments.values()) if terms["kind"] == "option"]
    ones = np.ones((len(options), resolved.scenarios))
    resolved = replace(resolved, option_codes=np.array(options, dtype=np.int32), vol_scale=ones, vol_shift=ones - 1.0)
    return explain(case.dimensions, case.holdings, resolved, marks, case.rulebook, range(resolved.scenarios), case.units(resolved.value, marks))


def strategies(case: AtSpot, scenario: str = "base", **scenarios: Row) -> list[Row]:
    frame = explained(case, **scenarios).strategies
    return [row for row in frame.to_dicts() if row["scenario_id"] == scenario]


def test_each_strategy_with_its_rule_and_amount() -> None:
    held = {"XYZ-STOCK": 100.0, "C100": -2.0, "C110": 1.0, "P90": -1.0, "P80": 1.0, "C120-JUN": 1.0}
    found = strategies(book(CHAIN, held))
    # Shares cover one call; the other is a spread with the 110, the puts another, of the same expiry.
    assert [(row["rule"], row["requirement_maintenance"], row["requirement_initial"]) for row in found] == [
        ("shares", 2_500.0, 5_000.0), ("covered", 0.0, 0.0), ("spread", 500.0, 500.0), ("long option", 300.0, 300.0),
    ]  # fmt: skip
    spread = found[2]
    assert (spread["loss"], spread["loss_value"], spread["debit"], spread["expiry"]) == (1_000.0, 1_000.0, -500.0, "2027-01-15T21:00:00Z")
    # Apart the call needs 20 and the put 10 % of 90; 2.5 and 0.5 are paid.
    assert spread["apart_maintenance"] == pytest.approx(2_000.0 + 1_000.0 + 250.0 + 50.0)


def test_legs_say_how_their_need_comes_about() -> None:
    legs = explained(book(CHAIN, {"C110": -1.0, "P90": -1.0})).strategy_legs.to_dicts()
    assert [(leg["instrument_id"], leg["units"], leg["value"]) for leg in legs] == [("C110", -100.0, -250.0), ("P90", -100.0, -200.0)]
    assert [(leg["out_of_the_money"], leg["base"], leg["naked_maintenance"], leg["apart_initial"]) for leg in legs] == [
        (10.0, 100.0, 10.0, 1_000.0), (10.0, 90.0, 10.0, 1_000.0),
    ]  # fmt: skip


HELD: list[dict[str, float]] = [
    {"C100": -1.0, "C110": 2.0}, {"C100": -2.0, "P90": -1.0, "P80": 1.0}, {"XYZ-STOCK": -150.0, "P90": -2.0, "P80": 1.0, "C110": -1.0},
    {"C120-JUN": -1.0, "C100": 1.0, "C110": -1.0}, {"XYZ-STOCK": 40.0, "C100": -1.0, "C120-JUN": 0.3, "P80": -0.7},
]  # fmt: skip


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("model", [LISTED, {**LISTED, "round_to": 0.25, "leverage": [{"factor": 1.3}]}, EXPIRY], ids=["listed", "rounded", "expiry"])
def test_the_kernels_agree(held: dict[str, float], model: dict[str, Any]) -> None:
    # Shares have no schedule and are not charged under a model without rates for them.
    case = book(CHAIN, held)
    case.rulebook = case.rulebook.model_validate({**SCHEDULES, "models": {"listed": model}})
    down = {"spot": {"XYZ": 91.0}, "mark": {"XYZ-STOCK": 91.0, "C100": 2.0, "C110": 0.6, "P90": 4.4, "P80": 1.3, "C120-JUN": 1.9}}
    moved = {"margin_rate": {"listed": 1.5}}
    kernels = case.run(down=down, moved=moved)
    pools = {row["scenario_id"]: row for row in explained(case, down=down, moved=moved).pools.to_dicts()}
    for scenario, figures in kernels.items():
        for name in ("maintenance_margin", "initial_margin", "margin_balance", "equity", "margin_shortfall"):
            assert pools[scenario][name] == pytest.approx(figures[name], rel=1e-12, abs=1e-9), (scenario, name)


def test_the_terminal_tells_every_step() -> None:
    document = as_document(explained(book(CHAIN, {"C100": -2.0, "C110": 1.0, "P90": -1.0})))
    told = io.StringIO()
    Console(file=told, width=120, color_system=None).print(explain_view(document))
    lines = [" ".join(line.split()) for line in told.getvalue().splitlines()]
    for line in (
        "XYZ spread, shorts expiring 2027-01-15",
        "C100: short at 6, needs 20 naked -100 2,000.00 2,000.00",
        "C110: 100% of 2.5 100 250.00 250.00",
        "largest loss over settlement 1,000.00 1,000.00",
        "+ value of long less short legs -350.00 -350.00",
        "= together, at least zero 650.00 650.00",
        "20% x 100 - 10 otm, or 10% x 90",
        "sum 2,650.00 2,650.00",
    ):
        assert line in lines


def test_the_document_has_the_schema() -> None:
    document = as_document(explained(book(CHAIN, {"C100": -2.0, "C110": 1.0, "P90": -1.0, "XYZ-STOCK": 10.0})))
    nothing = {"change": 0.0, "wrong_way_share": 0.0, "lines": [], "positions": []}
    checked = ExplainedDocument.model_validate({**document, "scenario_choice": "named", "attribution": nothing})
    assert [strategy.rule for strategy in checked.pools[0].strategies] == ["shares", "covered", "spread", "strangle", "naked short"]
