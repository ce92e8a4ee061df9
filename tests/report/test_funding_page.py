"""The liquidity page on literal figures: what is said, what is listed, and where it stands in the report."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stresstest.report.funding import funding_page
from stresstest.report.html import render_html
from stresstest.report.parts import TableView
from stresstest.report.view import FundingPage, ReportFacts
from stresstest.results.documents import read_document
from stresstest.results.summary import Summary
from stresstest.tables import FUNDING, FUNDING_OWNERS, FUNDING_SUMMARY

NAMES = {"base": "Base", "dip": "Dip", "crash": "Half gone"}
NOTHING = dict.fromkeys(("variation_call", "from_balance", "cash_to_find", "from_gains", "to_sell", "unpaid", "sold"), 0.0)
NOBODY = dict.fromkeys(("accounts_calling", "accounts_selling", "accounts_not_paying", "owners_not_paying"), 0)


def scenario(name: str, called: float, balance: float, gains: float, sales: float, **figures: float) -> dict[str, Any]:
    calls = {"variation_call": called, "from_balance": balance, "cash_to_find": called - balance, "from_gains": gains, "to_sell": sales}
    return {"scenario_id": name, **NOTHING, **NOBODY, "initial_margin_call": 0.0, **calls, "unpaid": called - balance - gains - sales, **figures}


BASE = scenario("base", 50e3, 40e3, 0.0, 10e3, sold=10e3, accounts_calling=2, accounts_selling=2)
DIP = scenario("dip", 900e3, 100e3, 0.0, 700e3, sold=800e3, accounts_calling=9, accounts_selling=8, accounts_not_paying=4, owners_not_paying=3)
CRASH = scenario(
    "crash", 2e6, 0.8e6, 0.3e6, 0.85e6, sold=1e6, initial_margin_call=70e3, accounts_calling=12, accounts_selling=9, accounts_not_paying=2,
    owners_not_paying=1,
)  # fmt: skip
CURRENCIES = [
    {**CRASH, "currency": "USDT", "variation_gain": 0.4e6, "balances": 3e6, "sold_for": 0.0, "sold": 0.0},
    {**CRASH, **NOTHING, **NOBODY, "currency": "BTC", "variation_gain": 0.0, "balances": 4e6, "sold": 1e6, "sold_for": 0.85e6},
]
OWNERS = [
    {**CRASH, "owner_id": owner, "name": name, "currency": "USDT", "cash_to_find": cash, "unpaid": unpaid}
    for owner, name, cash, unpaid in (("o1", "Alpha & <Sons>", 900e3, 0.0), ("o2", None, 300e3, 50e3))
]


def frame(table: Any, rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame([{name: row[name] for name in table.names} for row in rows], infer_schema_length=None)


@pytest.fixture(scope="session")
def summary(venue: Path) -> Summary:
    return read_document(Summary, venue / "summary.json")


def page(summary: Summary, *scenarios: dict[str, Any]) -> FundingPage:
    made = funding_page(frame(FUNDING, CURRENCIES), frame(FUNDING_SUMMARY, [BASE, *scenarios]), frame(FUNDING_OWNERS, OWNERS), summary, NAMES)
    assert made is not None
    return made


def texts(table: TableView) -> list[list[str]]:
    return [[cell.text for cell in row.cells] for row in table.rows]


def test_it_says_what_is_called_what_pays_it_and_who_cannot(summary: Summary) -> None:
    assert page(summary, DIP, CRASH).summary == (
        "In Half gone USD 2.0m of variation margin is called: unsettled losses of futures, perpetuals and margined options. Balances in the currency "
        "of settlement pay 800.0k of it; 12 accounts must find 1.2m, more than in any other headline scenario (10.0k at base). Gains in other "
        "currencies bring 300.0k, sales of collateral 850.0k, for which 1.0m at spot must be sold. USD 50.0k cannot be paid, by 2 accounts of 1 "
        "owner: what they hold counts too little after its haircut, or is gone. Most stays unpaid in Dip: 100.0k, by 4 accounts."
    )


def test_a_book_that_pays_from_its_balances_says_so(summary: Summary) -> None:
    paid = page(summary, scenario("dip", 5e3, 5e3, 0.0, 0.0))
    assert paid.summary.endswith("pay 5.0k of it, and nothing is left to find: so it is of 120 accounts in 1 headline scenario.")
    calm = page(summary, scenario("dip", 0.0, 0.0, 0.0, 0.0))
    assert calm.summary == "Nothing to report: no variation margin is called of any of 120 accounts in 1 headline scenario."
    assert not calm.by_scenario.pairs


def test_tables_have_the_figures_in_their_unit(summary: Summary) -> None:
    made = page(summary, DIP, CRASH)
    assert texts(made.currencies) == [["USDT", "3,000", "400", "2,000", "800", "1,200", "300", "850", "50", "12", "9", "2", "1"]]
    assert {column.unit for column in made.currencies.columns[1:9]} == {"USD k"}
    assert texts(made.sales) == [["BTC", "4,000", "1,000", "25.0", "850", "15.0"]]
    assert texts(made.scenarios)[0] == ["Base", "50", "40", "10", "20", "0", "10", "0", "10", "2", "0", "0"]
    assert texts(made.scenarios)[1] == ["Half gone", "2,000", "800", "1,200", "60", "300", "850", "50", "1,000", "12", "2", "70"]
    assert [row[0] for row in texts(made.scenarios)] == ["Base", "Half gone", "Dip"]
    assert made.scenarios.rows[0].fixed


def test_who_cannot_pay_comes_first_with_a_word_for_it(summary: Summary) -> None:
    owners = page(summary, DIP, CRASH).owners
    assert owners.caption == "Who must find it, and 1 owner who cannot"
    assert [(row[0], row[4], row[7], row[8]) for row in texts(owners)] == [("o2", "300", "50", "Not all"), ("Alpha & <Sons>", "900", "0", "All")]


def test_charts_show_the_largest_first(summary: Summary) -> None:
    made = page(summary, DIP, CRASH)
    assert [(pair.name, pair.narrow, pair.wide) for pair in made.by_scenario.pairs] == [("Half gone", 50e3, 1.2e6), ("Dip", 100e3, 800e3)]
    assert [(pair.name, pair.narrow, pair.wide) for pair in made.by_currency.pairs] == [("USDT", 1.2e6, 2e6)]


def test_a_run_without_the_tables_has_no_page(summary: Summary, venue_facts: ReportFacts) -> None:
    assert funding_page(None, None, None, summary, NAMES) is None
    assert funding_page(frame(FUNDING, CURRENCIES), frame(FUNDING_SUMMARY, [BASE]), frame(FUNDING_OWNERS, OWNERS), summary, NAMES) is None
    without = render_html(dataclasses.replace(venue_facts, funding=None))
    assert "Liquidity" not in without
    calm = render_html(dataclasses.replace(venue_facts, funding=page(summary, scenario("dip", 0.0, 0.0, 0.0, 0.0))))
    assert "no variation margin is called of any of 120 accounts" in calm


def test_the_page_stands_in_the_report_escaped(summary: Summary, venue_facts: ReportFacts) -> None:
    text = render_html(dataclasses.replace(venue_facts, funding=page(summary, DIP, CRASH)))
    assert "Alpha &amp; &lt;Sons&gt;" in text
    assert text.index('id="collateral"') < text.index('id="funding"') < text.index('id="account-pages"')
