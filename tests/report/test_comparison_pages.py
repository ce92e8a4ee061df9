"""The pages of a run that compares, on literal figures: what is said, what is listed, and where they stand in the report."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest

from stresstest.report.html import render_html
from stresstest.report.isolation import isolation_page, saving_most
from stresstest.report.margin_rules import margin_rules_page
from stresstest.report.parts import TableView
from stresstest.report.view import IsolationPage, MarginRulesPage, ReportFacts
from stresstest.results.comparison import AccountUnder, ComparedModel, Comparison, CrossAgainstIsolated, DifferingAccount, TakingDown

NAMES = {"base": "Base", "dip": "Dip", "crash": "Half gone"}
ACCOUNTS = {"a1": "Alpha <Ltd>", "a2": None}
MINUS = "\N{MINUS SIGN}"


def model(name: str, own: bool, initial: float, short: float, breached: tuple[int, int, int]) -> ComparedModel:
    return ComparedModel(
        model=name, own=own, initial_margin=initial, maintenance_margin=initial / 2, worst_scenario_id="crash", worst_scenario_margin_shortfall=short,
        worst_scenario_initial_shortfall=2 * short, cover_2_stress_loss_over_margin=7.0, accounts_breached=breached[0],
        accounts_breached_only_here=breached[1], accounts_breached_only_own=breached[2],
    )  # fmt: skip


ISOLATION = CrossAgainstIsolated(
    initial_margin_cross=750.0, initial_margin_isolated=1000.0, maintenance_margin_cross=400.0, maintenance_margin_isolated=500.0,
    free_collateral_cross=90.0, free_collateral_isolated=80.0, accounts_breached_cross=1, accounts_breached_isolated=3, accounts_taken_down=1,
    accounts_spared=2, worst_scenario_id="crash", worst_scenario_margin_shortfall_cross=20.0, worst_scenario_margin_shortfall_isolated=120.0,
    worst_scenario_uncollateralised_loss_cross=0.0, worst_scenario_uncollateralised_loss_isolated=60.0, positions_taking_down=1,
    positions=(
        TakingDown(account_id="a1", owner_id="o", instrument_id="BTC-PERP", quantity=-3.0, notional=300.0, collateral_share=0.25,
                   scenarios_breached=2, scenarios_taken_down=1, scenario_id="crash", margin_shortfall=50.0, margin_shortfall_cross=20.0),
    ),
)  # fmt: skip
COMPARISON = Comparison(
    models=(
        model("as booked", True, 1000.0, 20.0, (2, 0, 0)),
        model("stern", False, 1600.0, 90.0, (5, 3, 0)),
        model("mild", False, 900.0, 0.0, (1, 0, 1)),
    ),
    accounts_differing=4,
    accounts=(
        DifferingAccount(
            account_id="a1", owner_id="o", model="stern", only_here=True,
            own=AccountUnder(scenario_id="dip", status="call", maintenance_margin=10.0, margin_shortfall=0.0),
            here=AccountUnder(scenario_id="crash", status="liquidation", maintenance_margin=30.0, margin_shortfall=15.0),
        ),
    ),
    isolation=ISOLATION,
)  # fmt: skip


def scenario(name: str, model_name: str, short: float, breached: int) -> dict[str, Any]:
    row = {"scenario_id": name, "model": model_name, "headline": name != "base", "margin_shortfall": short}
    return row | {"accounts_liquidation": breached - 1 if breached else 0, "accounts_default": 1 if breached else 0}


BY_SCENARIO = pl.DataFrame(
    [
        scenario(name, each, short, breached)
        for each, figures in {"as booked": (0, 5.0, 20.0), "mild": (0, 0.0, 0.0), "stern": (0, 95.0, 90.0)}.items()
        for name, short, breached in zip(("base", "dip", "crash"), figures, (0, 1, 2), strict=True)
    ]
)


def texts(table: TableView) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


@pytest.fixture(scope="module")
def rules() -> MarginRulesPage:
    page = margin_rules_page(COMPARISON, BY_SCENARIO, NAMES, ACCOUNTS, "USD", 200)
    assert page is not None
    return page


def by_scenario(name: str, cross: float, isolated: float, counts: tuple[int, ...]) -> dict[str, Any]:
    amounts = {f"{measure}_{side}": amount for measure in ("maintenance_margin", "margin_shortfall", "uncollateralised_loss")
               for side, amount in (("cross", cross), ("isolated", isolated))}  # fmt: skip
    names = ("accounts_breached_cross", "accounts_breached_isolated", "accounts_spared", "accounts_taken_down", "positions_breached_isolated")
    return {"scenario_id": name, "headline": name != "base", **amounts, **dict(zip(names, counts, strict=True))}


def account(name: str, positions: int, cross: float, isolated: float, spared: int = 0) -> dict[str, Any]:
    counts = {f"headline_scenarios_{each}": 1 for each in ("breached_cross", "breached_isolated", "taken_down")}
    return {
        "account_id": name, "owner_id": "o", "positions": positions, "initial_margin_cross": cross, "initial_margin_isolated": isolated,
        "initial_margin_saved": isolated - cross, "free_collateral_cross": 3.0, "free_collateral_isolated": 2.0, **counts,
        "headline_scenarios_spared": spared,
    }  # fmt: skip


@pytest.fixture(scope="module")
def apart() -> IsolationPage:
    totals = pl.DataFrame(
        [by_scenario("base", 0.0, 0.0, (0,) * 5), by_scenario("dip", 1.0, 30.0, (0, 2, 2, 0, 3)), by_scenario("crash", 20.0, 120.0, (1, 3, 1, 1, 4))]
    )
    accounts = saving_most(pl.DataFrame([account("a2", 4, 100.0, 120.0), account("a1", 2, 50.0, 150.0), account("lone", 1, 9.0, 9.0)]))
    page = isolation_page(ISOLATION, totals, accounts, NAMES, ACCOUNTS, "USD")
    assert page is not None
    return page


def test_models_are_told_beside_the_books_own(rules: MarginRulesPage):
    assert "stern asks for USD 600 more initial margin" in rules.summary
    assert "stern breaches 3 of 200 accounts that they leave standing" in rules.summary
    assert "mild leaves 1 account standing that they breach" in rules.summary
    assert texts(rules.models) == [
        ["as booked", "1,000", "500", "Half gone", "40", "20", "7", "2", "—", "—"],
        ["stern", "1,600", "800", "Half gone", "180", "90", "7", "5", "3", "0"],
        ["mild", "900", "450", "Half gone", "0", "0", "7", "1", "0", "1"],
    ]
    assert rules.models.rows[0].cells[0].below == "the book's own rules"


def test_scenarios_have_the_models_side_by_side_largest_shortfall_first(rules: MarginRulesPage):
    assert texts(rules.scenarios) == [["Dip", "5", "1", "95", "1", "0", "1"], ["Half gone", "20", "2", "90", "2", "0", "2"]]
    assert [column.group for column in rules.scenarios.columns] == ["", "as booked", "as booked", "stern", "stern", "mild", "mild"]


def test_accounts_that_differ_are_named_in_their_worst_scenario_on_either_side(rules: MarginRulesPage):
    assert texts(rules.accounts) == [["Alpha <Ltd>", "stern", "Call", "Dip", "0", "Liquidation", "Half gone", "15"]]
    assert rules.accounts.notes == ("The 1 largest of 4 differences are listed; all are in the table margin_comparison of the run.",)


def test_what_netting_saves_and_risks(apart: IsolationPage):
    assert [(figure.label, figure.value) for figure in apart.figures] == [
        ("Initial margin saved by netting", "250"),
        ("Shortfall avoided, worst scenario", "100"),
        ("Accounts spared", "2"),
        ("Accounts taken down by one position", "1"),
    ]
    assert "25\N{NO-BREAK SPACE}% of 1.0k" in apart.figures[0].note
    assert [(pair.name, pair.narrow, pair.wide) for pair in apart.shortfall.pairs] == [("Half gone", 20.0, 120.0), ("Dip", 1.0, 30.0)]
    assert texts(apart.scenarios)[0] == ["Half gone", "20", "120", "20", "120", "20", "120", "1", "3", "1", "1", "4"]
    # Accounts of one position have nothing to net.
    assert [row[:6] for row in texts(apart.accounts)] == [["Alpha <Ltd>", "2", "50", "150", "100", "67"], ["a2", "4", "100", "120", "20", "17"]]
    assert texts(apart.positions) == [["BTC-PERP", "Alpha <Ltd>", f"{MINUS}3", "300", "25", "2", "1", "Half gone", "50", "20"]]


def test_a_run_that_compares_nothing_has_no_such_pages(venue_facts: ReportFacts, venue_html: str):
    assert (venue_facts.margin_rules, venue_facts.isolation) == (None, None)
    assert 'id="margin-rules"' not in venue_html
    assert 'id="isolation"' not in venue_html


def test_the_pages_stand_in_the_report_with_their_charts(venue_facts: ReportFacts, rules: MarginRulesPage, apart: IsolationPage):
    text = render_html(dataclasses.replace(venue_facts, margin_rules=rules, isolation=apart))
    order = [text.index(f'<section id="{name}"') for name in ("collateral", "margin-rules", "isolation", "account-pages")]
    assert order == sorted(order)
    assert text.count('href="#margin-rules"') == text.count('href="#isolation"') == 2
    assert "Alpha &lt;Ltd&gt;" in text
    assert all(caption in text for caption in ("Requirement by model, all accounts", "Shortfall by model", "Uncollateralised loss, all cross pools"))
