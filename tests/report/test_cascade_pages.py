"""The pages of the cascade, of contagion and of the waterfall on literal figures."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest

from stresstest.report.cascade import cascade_page
from stresstest.report.contagion import contagion_page
from stresstest.report.html import render_html
from stresstest.report.parts import TableView
from stresstest.report.view import CascadePage, ContagionPage, ReportFacts, WaterfallPage
from stresstest.report.who_pays import waterfall_page
from stresstest.results.cascade import worst_cascade
from stresstest.results.store import conform
from stresstest.tables import (
    CASCADE_ISOLATED,
    CASCADE_PARAMETERS,
    CASCADE_PATH,
    CASCADE_PRICES,
    CASCADE_ROUND_TOTALS,
    CASCADE_SENSITIVITY,
    CASCADE_SUMMARY,
    CASCADE_TABLES,
    CASCADE_VULNERABILITY,
    CONTAGION,
    WATERFALL,
    WATERFALL_PAYERS,
    Table,
)

NAMES = {"crash": "The crash", "calm": "A calm day"}


def frame(table: Table, *rows: tuple[Any, ...]) -> pl.DataFrame:
    return conform(pl.DataFrame([dict(zip(table.names, row, strict=True)) for row in rows], infer_schema_length=None), table)


def summary_row(scenario: str, **changed: Any) -> tuple[Any, ...]:
    calm: dict[str, Any] = {
        "headline": scenario != "base", "rounds": 0, "converged": True, "halted_rounds": 0, "accounts_liquidated_direct": 0,
        "accounts_liquidated_feedback": 0, "pools_liquidated": 0, "notional_sold": 0.0, "direct_loss": 0.0, "feedback_loss": 0.0,
        "amplification": None, "loss_amplification": None, "uncollateralised_loss_static": 0.0, "uncollateralised_loss": 0.0,
        "owners_in_default_static": 0, "owners_in_default": 0, "cover_1": 0.0, "cover_2": 0.0, "liquidation_fees": 0.0,
        "fees_to_insurance_fund": 0.0, "floored_assets": 0, "assets_without_impact": 0, "unfunded_debts": 0.0,
        "worst_asset": None, "worst_asset_change": None,
    }  # fmt: skip
    return (scenario, *({**calm, **changed}.values()))


@pytest.fixture(scope="module")
def tables() -> dict[str, pl.DataFrame]:
    """The crash: A falls 22 %, X and then Y are liquidated in A and B (T11 of the cascade with deficits of 500 added for the waterfall)."""
    crash = summary_row(
        "crash", rounds=2, accounts_liquidated_direct=1, accounts_liquidated_feedback=1, pools_liquidated=2, notional_sold=26_600.0,
        direct_loss=2_200.0, feedback_loss=1_000.0, amplification=1.5, loss_amplification=1.4545, uncollateralised_loss=500.0, owners_in_default=1,
        worst_asset="B", worst_asset_change=-0.08,
    )  # fmt: skip
    found = [
        frame(CASCADE_SUMMARY, summary_row("base"), crash, summary_row("calm", converged=True)),
        frame(
            CASCADE_PRICES,
            ("crash", "A", 100.0, 78.0, 74.0, 100.0, 7_600.0, 26 / 22, False), ("crash", "B", 100.0, 100.0, 92.0, 200.0, 19_000.0, None, False),
        ),
        frame(
            CASCADE_PATH,
            ("crash", 1, "A", 100.0, 7_600.0, 76.0, 78.0, 74.0), ("crash", 1, "B", 100.0, 9_800.0, 98.0, 100.0, 96.0),
            ("crash", 2, "B", 100.0, 9_400.0, 94.0, 96.0, 92.0),
        ),
        frame(
            CASCADE_ROUND_TOTALS,
            ("crash", 1, 0, 1, 1, 90.0, 17_400.0, 0.0, 0.0, 0.0, 800.0, 400.0), ("crash", 2, 0, 1, 1, 180.0, 9_400.0, 0.0, 0.0, 0.0, 300.0, 100.0),
        ),
        frame(CONTAGION, ("crash", "A", "A", 7_600.0, 1, 0.0), ("crash", "A", "B", 9_800.0, 1, 400.0), ("crash", "B", "B", 9_400.0, 1, 200.0)),
        frame(CASCADE_VULNERABILITY, ("crash", "A", 1, 17_400.0, 400.0, 0.08), ("crash", "B", 1, 9_400.0, 200.0, 0.04)),
        frame(
            CASCADE_ISOLATED,
            ("crash", "cross", 2, True, 2, 1, 26_600.0, 1_000.0, 600.0, 0.0, 0), ("crash", "isolated", 1, True, 1, 0, 7_600.0, 200.0, 0.0, 900.0, 0),
        ),
        frame(
            CASCADE_SENSITIVITY,
            ("crash", 0.5, 2, True, 2, 25_000.0, 2_000.0, 0.0, 2.0, 1), ("crash", 2.0, 1, False, 1, 17_800.0, 400.0, 0.0, 1.2, 0),
        ),
        frame(
            CASCADE_PARAMETERS, ("A", "linear", "slope", 0.04, "run file"), ("B", "linear", "slope", 0.04, "run file"),
            ("C", "linear", "depth", None, "none"),
        ),
        frame(
            WATERFALL,
            ("crash", 1, "defaulter_contribution", 50.0, 50.0, 450.0), ("crash", 2, "insurance_fund", 150.0, 150.0, 300.0),
            ("crash", 3, "default_fund", 100.0, 100.0, 200.0), ("crash", 4, "gains_haircut", 150.0, 150.0, 50.0),
            ("crash", 5, "uncovered", 50.0, 50.0, 0.0),
        ),
        frame(
            WATERFALL_PAYERS,
            ("crash", "layer", "defaulter_contribution", "x", None, None, None, None, 50.0),
            ("crash", "layer", "default_fund", "z", None, None, None, None, 100.0),
            ("crash", "layer", "gains_haircut", "z", None, None, None, None, 150.0),
            ("crash", "gains_haircut", None, "z", "z-1", None, None, None, 150.0),
            ("crash", "adl_queue", None, "z", "z-1", "B", 20.0, 0.8, 120.0), ("crash", "adl_queue", None, "z", "z-1", "A", 5.0, 0.4, 80.0),
            ("crash", "pro_rata", None, "z", "z-1", "B", 10.0, None, 60.0),
        ),
    ]  # fmt: skip
    named = [table for table in CASCADE_TABLES if table.name != "cascade_rounds"]
    return {table.name: rows for table, rows in zip(named, found, strict=True)}


@pytest.fixture(scope="module")
def pages(tables: dict[str, pl.DataFrame]) -> tuple[CascadePage, ContagionPage, WaterfallPage]:
    cascade, contagion = cascade_page(tables, NAMES, "USD"), contagion_page(tables, NAMES, "USD")
    waterfall = waterfall_page(tables, NAMES, {"z": "Zed"}, "USD")
    assert cascade is not None
    assert contagion is not None
    assert waterfall is not None
    return cascade, contagion, waterfall


def texts(table: TableView) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in table.rows]


def test_the_worst_headline_scenario_is_shown(tables: dict[str, pl.DataFrame]) -> None:
    assert worst_cascade(tables["cascade_summary"]) == "crash"
    assert worst_cascade(tables["cascade_summary"].filter(scenario_id="calm")) is None


def test_the_sentences(pages: tuple[CascadePage, ContagionPage, WaterfallPage]) -> None:
    cascade, contagion, waterfall = pages
    assert cascade.summary == (
        "In The crash, 1 account falls short by the shock alone. Liquidations trade USD 26.6k of notional, in 2 rounds. "
        "That moves prices far enough to take 1 more account down that would have survived. It costs those who lose USD 1.0k beyond the 2.2k of the "
        "shock: prices move 1.5 times as far. What accounts are below zero goes from 0 to USD 500, with 1 owner in default."
    )  # fmt: skip
    assert contagion.summary == (
        "In The crash sales of liquidated accounts cost those who would have survived the shock USD 600. Most of it starts with A: pools that lose "
        "most in it sell 17.4k of all they hold. The largest spill is from A to B, 400: healthy assets sold for another's loss. With every position "
        "in a pool of its own 900 would be left unpaid, against 0, and survivors would lose 0, against 600: cross margin removes 900 of deficits and "
        "creates 600 of contagion."
    )
    assert waterfall.summary == (
        "In The crash accounts end USD 500 below zero. Of it, 50 by defaulters' contributions, 150 by insurance fund, 100 by default fund of the "
        "others, 150 by haircut of gains. USD 50 is left that nobody pays. 1 owner not in default pays for others."
    )


def test_accounts_that_are_still_waiting_are_not_said_to_stand(tables: dict[str, pl.DataFrame]) -> None:
    stopped = summary_row("crash", rounds=1, converged=False, accounts_liquidated_direct=2, notional_sold=26_600.0, direct_loss=2_200.0)
    page = cascade_page(tables | {"cascade_summary": frame(CASCADE_SUMMARY, stopped, summary_row("calm"))}, NAMES, "USD")
    assert page is not None
    assert page.summary.startswith(
        "In The crash, 2 accounts that fall short by the shock alone are liquidated. Liquidations trade USD 26.6k of notional, "
    )
    assert "None is liquidated because of these sales, so far." in page.summary
    assert page.summary.endswith(" 1 of 2 headline scenarios had not come to rest after the last round: their losses are too low.")


def test_contagion_is_shown_where_survivors_lose_most(tables: dict[str, pl.DataFrame]) -> None:
    """The crash leaves most unpaid, and costs survivors 600; a calm day leaves nothing, and costs them 700."""
    calm = {
        "contagion": frame(CONTAGION, ("calm", "B", "B", 9_000.0, 3, 700.0)),
        "cascade_vulnerability": frame(CASCADE_VULNERABILITY, ("calm", "B", 3, 9_000.0, 700.0, 0.1)),
    }
    page = contagion_page(tables | {name: pl.concat([tables[name], rows]) for name, rows in calm.items()}, NAMES, "USD")
    assert page is not None
    assert page.summary.startswith("In A calm day sales of liquidated accounts cost those who would have survived the shock USD 700.")


def test_netting_groups_owe_less_than_their_accounts(tables: dict[str, pl.DataFrame]) -> None:
    """Accounts are 700 below zero, and 500 is to be paid."""
    summary = tables["cascade_summary"].with_columns(uncollateralised_loss=pl.when(pl.col("scenario_id") == "crash").then(700.0).otherwise(0.0))
    page = waterfall_page({**tables, "cascade_summary": summary}, NAMES, {}, "USD")
    assert page is not None
    assert page.summary.startswith(
        "In The crash accounts end USD 700 below zero; 200 of it is netted with what others of their netting group have, which leaves 500 to be "
        "paid. Of it, 50 by"
    )


def test_parameters_of_what_is_traded_most_come_first(pages: tuple[CascadePage, ContagionPage, WaterfallPage]) -> None:
    assert [row.cells[0].text for row in pages[0].parameters.rows] == ["B", "A", "C"]


def test_prices_round_by_round(pages: tuple[CascadePage, ContagionPage, WaterfallPage]) -> None:
    """B, sold most, first; A rests in the second round."""
    path = pages[0].path
    assert path is not None
    assert [(line.name, line.values) for line in path.lines] == [("B", (1.0, 0.96, 0.92)), ("A", (1.0, 74 / 78, 74 / 78))]


def test_tables(pages: tuple[CascadePage, ContagionPage, WaterfallPage]) -> None:
    cascade, contagion, waterfall = pages
    assert [line[0] for line in texts(cascade.scenarios)] == ["Base", "The crash", "A calm day"]
    assert [line[-1] for line in texts(cascade.rounds)] == ["B \N{MINUS SIGN}4.0\N{NO-BREAK SPACE}%, A \N{MINUS SIGN}5.1\N{NO-BREAK SPACE}%",
                                                            "B \N{MINUS SIGN}4.2\N{NO-BREAK SPACE}%"]  # fmt: skip
    assert [line[-1] for line in texts(cascade.sensitivity)] == ["At rest", "Stopped"]
    assert [line[-1] for line in texts(cascade.parameters)] == ["Yes", "Yes", "No"]
    assert contagion.matrix is not None
    assert (contagion.matrix.rows, contagion.matrix.columns, contagion.matrix.amounts) == (("A", "B"), ("B",), ((400.0,), (200.0,)))
    assert [line[-2:] for line in texts(contagion.isolated)] == [["900", "600"]]
    # Of the 200 behind the funds a haircut leaves 50, there being gains of 150 alone, and closing in proportion 140.
    assert texts(waterfall.rules) == [["Zed", "z-1", "150", "200", "60"], ["nobody", "", "50", "0", "140"]]
    assert [step.amount for step in waterfall.steps] == [500.0, -50.0, -150.0, -100.0, -150.0, 50.0]
    assert texts(waterfall.scenarios) == [["The crash", "500", "50", "150", "100", "150", "50"]]


def test_a_price_that_ran_away_leaves_other_depths_readable(tables: dict[str, pl.DataFrame]) -> None:
    """Amounts are in the unit of the depth of the run."""
    ran = frame(
        CASCADE_SENSITIVITY, ("crash", 0.1, 3, True, 3, 4e15, 4e15, 4e15, 5e5, 2), ("crash", 1.0, 2, True, 2, 26_600.0, 1_000.0, 500.0, 1.5, 0),
    )  # fmt: skip
    page = cascade_page(tables | {"cascade_sensitivity": ran}, NAMES, "USD")
    assert page is not None
    assert [line[4:7] for line in texts(page.sensitivity)] == [["4,000,000,000,000,000"] * 3, ["26,600", "1,000", "500"]]
    assert [line[-2] for line in texts(page.sensitivity)] == ["2", "0"]


def test_what_was_sold_without_impact_says_so(tables: dict[str, pl.DataFrame]) -> None:
    sold = frame(CASCADE_PRICES, ("crash", "C", 100.0, 100.0, 100.0, 5.0, 500.0, None, False))
    page = cascade_page(tables | {"cascade_prices": sold}, NAMES, "USD")
    assert page is not None
    assert [(line[0], line[-1]) for line in texts(page.parameters)] == [("C", "Without impact"), ("A", "No"), ("B", "No")]


def test_payers_of_a_scenario_that_is_not_looked_at_closely(tables: dict[str, pl.DataFrame]) -> None:
    page = waterfall_page(tables | {"waterfall_payers": tables["waterfall_payers"].clear()}, NAMES, {}, "USD")
    assert page is not None
    assert (page.rules.rows, page.payers.rows) == ((), ())
    assert all("looked at closely (cascade.detail)" in table.empty for table in (page.rules, page.payers))


def test_a_defaulter_whose_healthy_account_is_deleveraged_is_no_other(tables: dict[str, pl.DataFrame]) -> None:
    payers = frame(
        WATERFALL_PAYERS,
        ("crash", "layer", "defaulter_margin", "x", None, None, None, None, 50.0), ("crash", "layer", "adl_queue", "x", None, None, None, None, 10.0),
        ("crash", "layer", "adl_queue", "z", None, None, None, None, 20.0),
    )  # fmt: skip
    page = waterfall_page(tables | {"waterfall_payers": payers}, NAMES, {}, "USD")
    assert page is not None
    assert page.summary.endswith("1 owner not in default pays for others.")
    assert [figure.note for figure in page.figures if figure.label == "Paid by others"] == ["1 owner not in default"]


def test_the_pages_in_the_report(pages: tuple[CascadePage, ContagionPage, WaterfallPage], venue_facts: ReportFacts) -> None:
    text = render_html(dataclasses.replace(venue_facts, cascade=pages[0], contagion=pages[1], waterfall=pages[2]))
    for name, drawings in (("cascade", 2), ("contagion", 1), ("waterfall", 1)):
        section = text[text.index(f'<section id="{name}"') :]
        assert section[: section.index("</section>")].count("<svg") == drawings


def test_nobody_liquidated(tables: dict[str, pl.DataFrame], venue_facts: ReportFacts) -> None:
    quiet = {name: rows.clear() for name, rows in tables.items()} | {"cascade_summary": tables["cascade_summary"].filter(scenario_id="calm")}
    found = cascade_page(quiet, NAMES, "USD"), contagion_page(quiet, NAMES, "USD"), waterfall_page(quiet, NAMES, {}, "USD")
    assert all(page is not None and page.summary.startswith("Nothing to report") for page in found)
    render_html(dataclasses.replace(venue_facts, cascade=found[0], contagion=found[1], waterfall=found[2]))
    assert cascade_page({}, NAMES, "USD") is contagion_page({}, NAMES, "USD") is waterfall_page({}, NAMES, {}, "USD") is None
