"""The attribution's page and the sentence on the pages of accounts, by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import polars as pl

from stresstest.report.attribution import accounts_by_kind, attribution_page, why
from stresstest.report.html import render_html
from stresstest.report.view import AttributionPage, ReportFacts

EVIL = "<script>alert(1)</script>"
BOOK = [("price", "BTC", -80_000.0), ("price", EVIL, -500.0), ("requirement", "BTC", 30_000.0), ("haircut", None, -4_500.0), ("residual", None, 1e-9)]
ACCOUNTS = [
    ("a", "crash", "price", "BTC", -9_000.0),
    ("a", "crash", "price", "ETH", -1_000.0),
    ("a", "crash", "price", "SOL", 500.0),
    ("a", "crash", "collateral_price", "BTC", -3_000.0),
    ("a", "crash", "rate", "USD", -20.0),
    ("a", "crash", "requirement", "BTC", 200.0),
    ("a", "crash", "residual", None, 0.0),
]
RANKED = [{"account_id": "a", "name": None, "scenario_id": "crash", "position_pnl": -9_520.0, "collateral_pnl": -3_000.0, "gross_notional": 5e4}]


def page(book: list[tuple[str, str | None, float]], segments: pl.DataFrame | None = None) -> AttributionPage:
    run: Any = SimpleNamespace(worst=SimpleNamespace(scenario_id="crash"), run=SimpleNamespace(reporting_currency="USD"))
    lines = pl.DataFrame(book, schema={"kind": pl.String, "subject": pl.String, "amount": pl.Float64}, orient="row")
    totals = {
        "base": {"margin_balance": 150_000.0, "maintenance_margin": 50_000.0},
        "crash": {"margin_balance": 65_000.0, "maintenance_margin": 20_000.0},
    }
    found = attribution_page(lines, attribution(), totals, segments, pl.DataFrame(RANKED), run, {"crash": "The crash"})
    assert found is not None
    return found


def attribution() -> pl.DataFrame:
    return pl.DataFrame(ACCOUNTS, schema=["account_id", "scenario_id", "kind", "subject", "amount"], orient="row")


def test_the_page_leads_from_base_to_the_scenario():
    found = page(BOOK, pl.DataFrame({"scenario_id": ["base", "crash"], "wrong_way_loss": [0.0, 30.0], "gross_loss": [0.0, 120.0]}))
    assert [(step.label, step.amount, step.total) for step in found.steps] == [
        ("Balance less requirement at base", 100_000.0, True),
        ("Price", -80_500.0, False),
        ("Haircuts", -4_500.0, False),
        ("Requirement", 30_000.0, False),
        ("In the scenario", 45_000.0, True),
    ]
    assert math.fsum(step.amount for step in found.steps[:-1]) == found.steps[-1].amount
    assert found.summary == (
        "Margin balance less maintenance margin of the whole book: USD 100.0k at base, 45.0k in The crash (−55.0k). Most was taken by price (−80.5k) "
        "and haircuts (−4.5k). Lower requirements gave back 30.0k. Wrong-way share: 25.0\N{NO-BREAK SPACE}% of what accounts lose is collateral that "
        "fell together with their positions."
    )
    assert [[cell.text for cell in row.cells] for row in found.lines.rows] == [
        ["Price", "underlying BTC", "−80,000"],
        ["Requirement", "risk group BTC", "30,000"],
        ["Haircuts", "all assets, with profit not counted", "−4,500"],
        ["Price", f"underlying {EVIL}", "−500"],
    ]


def test_accounts_stand_with_their_kinds_side_by_side():
    (row,) = page(BOOK).accounts.rows
    texts = [cell.text for cell in row.cells]
    # Rank, account, scenario; the change; price, vol, FX, collateral price, lost, haircut, not counted, requirement, parameters, other.
    assert texts[:3] == ["1", "a", "The crash"]
    assert texts[3:14] == ["−12,320", "−9,500", "0", "0", "−3,000", "0", "0", "0", "200", "0", "−20"]
    assert texts[14:] == ["price, BTC", "24"]


def test_the_sentence_of_an_account():
    kinds = accounts_by_kind(attribution())["a"]
    assert why(kinds, RANKED[0]) == (
        "Balance less requirement −12.3k: price −9.5k (BTC, ETH), collateral price −3.0k, requirement +200 and others. "
        "Wrong-way share 24\N{NO-BREAK SPACE}%."
    )
    assert why({}, RANKED[0]) == "Nothing changes its balance less requirement."


def test_a_book_that_nothing_moves_says_so():
    found = page([("residual", None, 0.0)])
    assert found.lines.rows == ()
    assert found.lines.empty.startswith("Nothing to report")


def test_the_page_is_in_the_report_and_escapes_names(venue_facts: ReportFacts):
    text = render_html(replace(venue_facts, attribution=page(BOOK)))
    assert 'href="#attribution"' in text
    assert text.count("Why it changed: attribution") >= 2
    assert EVIL not in text
    assert 'id="attribution"' not in render_html(venue_facts)
