"""The page about cross margin: what netting saves, whom it spares, and which single positions take a whole account down."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, plain_cell, text_cell
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.formats import chart_label, count, money, percent, scale_for
from stresstest.report.parts import Column, Figure, Pair, PairedBars, Row, TableView
from stresstest.report.view import IsolationPage
from stresstest.results.comparison import CrossAgainstIsolated

CHARTED_SCENARIOS = 10
PRINTED = 12
LISTED = 50

_SAVED = (
    "initial_margin_cross", "initial_margin_isolated", "initial_margin_saved", "free_collateral_cross", "free_collateral_isolated",
)  # fmt: skip


def isolation_page(
    found: CrossAgainstIsolated | None,
    by_scenario: pl.DataFrame | None,
    by_account: pl.DataFrame | None,
    names: Names,
    accounts: Mapping[str, str | None],
    currency: str,
) -> IsolationPage | None:
    """The page of a run that takes cross pools apart; None for one that does not.

    Args:
        found: totals and positions.
        by_scenario: the table isolation_summary.
        by_account: the rows of the table isolation that are listed, in their order: see `saving_most`.
        names: display names of scenarios.
        accounts: display names of the accounts listed.
        currency: of all amounts.
    """
    if found is None or by_scenario is None or by_account is None:
        return None
    judged = by_scenario.filter("headline" if by_scenario["headline"].any() else pl.lit(True))
    worst = judged.sort("margin_shortfall_isolated", descending=True, maintain_order=True)
    charted = worst.head(CHARTED_SCENARIOS).to_dicts()
    labels = [chart_label(names.get(row["scenario_id"]), row["scenario_id"], NAME_EMS) for row in charted]

    def pairs(name: str) -> PairedBars:
        bars = (Pair(label, row[f"{name}_cross"], row[f"{name}_isolated"]) for label, row in zip(labels, charted, strict=True))
        return PairedBars(tuple(bars), "cross", "isolated")

    return IsolationPage(
        figures=_figures(found, currency),
        shortfall=pairs("margin_shortfall"),
        loss=pairs("uncollateralised_loss"),
        scenarios=_scenarios(worst, names, currency),
        accounts=_accounts(by_account, accounts, currency),
        positions=_positions(found, names, accounts, currency),
    )


def saving_most(table: pl.DataFrame) -> pl.DataFrame:
    """The rows of the table isolation that the page lists: accounts of several positions, those that netting saves most first."""
    several = table.filter(pl.col("positions") > 1)
    order = ["initial_margin_saved", "headline_scenarios_spared", "owner_id", "account_id"]
    return several.sort(*order, descending=[True, True, False, False]).head(LISTED)


def _figures(found: CrossAgainstIsolated, currency: str) -> tuple[Figure, ...]:
    saved = found.initial_margin_isolated - found.initial_margin_cross
    share = saved / found.initial_margin_isolated if found.initial_margin_isolated > 0.0 else None
    less = found.worst_scenario_margin_shortfall_isolated - found.worst_scenario_margin_shortfall_cross
    return (
        Figure(
            "Initial margin saved by netting", money(saved), currency,
            f"{percent(share)} of {money(found.initial_margin_isolated)} that positions need on their own; {money(found.initial_margin_cross)} cross",
        ),
        Figure(
            "Shortfall avoided, worst scenario", money(less), currency,
            f"{money(found.worst_scenario_margin_shortfall_isolated)} on their own, {money(found.worst_scenario_margin_shortfall_cross)} cross",
        ),
        Figure("Accounts spared", count(found.accounts_spared), "", "the account holds in a headline scenario that breaches a position on its own"),
        Figure(
            "Accounts taken down by one position", count(found.accounts_taken_down), "",
            "isolated, they would have lost that position alone", "liquidation" if found.accounts_taken_down else "",
        ),
    )  # fmt: skip


def _scenarios(rows: pl.DataFrame, names: Names, currency: str) -> TableView:
    money_columns = ("margin_shortfall", "uncollateralised_loss", "maintenance_margin")
    listed = rows.head(LISTED).to_dicts()
    scale = scale_for([float(row[f"{name}_{side}"]) for row in listed for name in money_columns for side in ("cross", "isolated")])
    unit = scale.unit(currency)
    heads = {"margin_shortfall": "Margin shortfall", "uncollateralised_loss": "Uncollateralised loss", "maintenance_margin": "Maintenance margin"}
    columns = [Column("Scenario", "text", 24)]
    for name in money_columns:
        columns += [Column("Cross", "number", 7, unit, heads[name]), Column("Isolated", "number", 7, unit, heads[name])]
    accounts = "Accounts"
    columns += [
        Column("Breached, cross", "number", 7, "", accounts),
        Column("Breached, isolated", "number", 7, "", accounts),
        Column("Spared", "number", 6, "", accounts),
        Column("Taken down by one", "number", 7, "", accounts),
        Column("Positions breached", "number", 8),
    ]
    counts = ("accounts_breached_cross", "accounts_breached_isolated", "accounts_spared", "accounts_taken_down", "positions_breached_isolated")
    lines = tuple(
        Row(
            (
                name_cell(names.get(row["scenario_id"]), row["scenario_id"], 56),
                *(amount_cell(row[f"{name}_{side}"], scale) for name in money_columns for side in ("cross", "isolated")),
                *(count_cell(row[name]) for name in counts),
            ),
            printed=place < PRINTED,
        )
        for place, row in enumerate(listed)
    )
    notes = left_out(rows.height, len(lines), PRINTED, "scenario", "isolation_summary", "largest")
    return TableView("isolation-by-scenario", "By scenario", tuple(columns), lines, "Nothing to report: no scenario was run.", notes)


def _accounts(rows: pl.DataFrame, accounts: Mapping[str, str | None], currency: str) -> TableView:
    listed = rows.to_dicts()
    scale = scale_for([float(row[name]) for row in listed for name in _SAVED])
    unit = scale.unit(currency)
    margin, free, scenarios = "Initial margin at base", "Free collateral at base", "Headline scenarios"
    columns = (
        Column("Account", "text", 17),
        Column("Positions", "number", 6),
        Column("Cross", "number", 8, unit, margin),
        Column("Isolated", "number", 8, unit, margin),
        Column("Saved", "number", 8, unit, margin),
        Column("Saved", "number", 6, "%", margin),
        Column("Cross", "number", 8, unit, free),
        Column("Isolated", "number", 8, unit, free),
        Column("Breached, cross", "number", 7, "", scenarios),
        Column("Breached, isolated", "number", 7, "", scenarios),
        Column("Spared", "number", 6, "", scenarios),
        Column("Taken down by one", "number", 7, "", scenarios),
    )
    counts = ("breached_cross", "breached_isolated", "spared", "taken_down")
    lines = tuple(
        Row(
            (
                name_cell(accounts.get(row["account_id"]), row["account_id"], 28),
                count_cell(row["positions"]),
                *(amount_cell(row[name], scale) for name in _SAVED[:3]),
                percent_cell(row["initial_margin_saved"] / row["initial_margin_isolated"] if row["initial_margin_isolated"] > 0.0 else None),
                *(amount_cell(row[name], scale) for name in _SAVED[3:]),
                *(count_cell(row[f"headline_scenarios_{name}"]) for name in counts),
            ),
            printed=place < PRINTED,
        )
        for place, row in enumerate(listed)
    )
    notes = ("The table isolation of the run has every account.", *left_out(len(lines), len(lines), PRINTED, "account", "isolation", "first"))
    empty = "Nothing to report: no account has several cross positions."
    return TableView("isolation-accounts", "Accounts that netting saves most", columns, lines, empty, notes)


def _positions(found: CrossAgainstIsolated, names: Names, accounts: Mapping[str, str | None], currency: str) -> TableView:
    scale = scale_for([amount for each in found.positions for amount in (each.notional, each.margin_shortfall, each.margin_shortfall_cross)])
    unit = scale.unit(currency)
    scenarios, there = "Headline scenarios", "Where it takes the account down with its largest shortfall"
    columns = (
        Column("Position", "text", 18),
        Column("Account", "text", 16),
        Column("Contracts", "number", 9),
        Column("Notional at base", "number", 9, unit),
        Column("Share of collateral", "number", 7, "%"),
        Column("Breaches", "number", 6, "", scenarios),
        Column("Takes down", "number", 6, "", scenarios),
        Column("Scenario", "text", 20, "", there),
        Column("Its shortfall", "number", 8, unit, there),
        Column("Account's shortfall", "number", 8, unit, there),
    )
    rows = tuple(
        Row(
            (
                text_cell(each.instrument_id, 36),
                name_cell(accounts.get(each.account_id), each.account_id, 26),
                plain_cell(each.quantity),
                amount_cell(each.notional, scale),
                percent_cell(each.collateral_share),
                count_cell(each.scenarios_breached),
                count_cell(each.scenarios_taken_down),
                text_cell(names.get(each.scenario_id, each.scenario_id), 44),
                amount_cell(each.margin_shortfall, scale),
                amount_cell(each.margin_shortfall_cross, scale),
            ),
            printed=place < PRINTED,
        )
        for place, each in enumerate(found.positions)
    )
    notes = left_out(found.positions_taking_down, len(rows), PRINTED, "position", "isolation_positions", "largest")
    empty = "Nothing to report: in no headline scenario does one position alone take an account down."
    return TableView("isolation-positions", "Positions that take their account down", columns, rows, empty, notes)
