"""The liquidity page: variation margin by currency of settlement, who finds the cash how, what is sold for it, who cannot pay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.answer import BASE, Names
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, text_cell
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.formats import HALF_A_CENT, chart_label, count, money, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Cell, Column, Figure, Pair, PairedBars, Row, TableView
from stresstest.report.view import FundingPage
from stresstest.results.funding import LargestCall, funding_figures
from stresstest.results.summary import Summary

CHARTED = 10
PRINTED_CURRENCIES, PRINTED_SALES, LISTED_ASSETS = 6, 8, 100
PRINTED_SCENARIOS, LISTED_SCENARIOS = 12, 200
PRINTED_OWNERS, LISTED_OWNERS = 10, 100

_CALLS = ("variation_call", "from_balance", "cash_to_find", "from_gains", "to_sell", "unpaid")

Record = Mapping[str, Any]


def funding_page(
    by_currency: pl.DataFrame | None, by_scenario: pl.DataFrame | None, by_owner: pl.DataFrame | None, summary: Summary, names: Names
) -> FundingPage | None:
    """The page of a run that has the tables funding, funding_summary and funding_owners, and a headline scenario; None for one that has not.

    `names`: display names of scenarios.
    """
    if by_currency is None or by_scenario is None or by_owner is None or by_scenario.height < 2:
        return None
    currency, largest = shown(summary.run.reporting_currency), funding_figures(by_scenario)
    rows = {row["scenario_id"]: row for row in by_scenario.to_dicts()}
    base = rows.pop(BASE)
    # Without cash to find anywhere the scenario with the largest calls is shown.
    worst_id = largest.cash_to_find.scenario_id or max(rows, key=lambda name: float(rows[name]["variation_call"]))
    worst = rows[worst_id]
    scenario = _called(names, worst_id)
    assets = by_currency.filter(scenario_id=worst_id).to_dicts()
    owners = by_owner.filter(scenario_id=worst_id)
    return FundingPage(
        scenario=scenario,
        summary=_summary(base, worst, scenario, largest.unpaid, len(rows), names, summary),
        figures=_figures(worst, currency),
        by_currency=_currency_chart(assets),
        by_scenario=_scenario_chart(list(rows.values()), names),
        currencies=_currencies(assets, currency),
        sales=_sales(assets, worst, currency),
        owners=_owners(owners, worst, currency),
        scenarios=_scenarios(base, list(rows.values()), names, currency),
    )


def _called(names: Names, scenario_id: str) -> str:
    return shortened(names.get(scenario_id, shown(scenario_id)), 70)


def _cash(amount: float) -> bool:
    return amount >= HALF_A_CENT


def _summary(base: Record, worst: Record, scenario: str, unpaid: LargestCall, scenarios: int, names: Names, summary: Summary) -> str:
    """What is called, what pays it, and who cannot, in the scenario that asks for most cash."""
    currency = shown(summary.run.reporting_currency)
    checked = f"{plural_count(summary.counts.accounts, 'account')} in {plural_count(scenarios, 'headline scenario')}"
    if not _cash(worst["variation_call"]):
        return f"Nothing to report: no variation margin is called of any of {checked}."
    text = (
        f"In {scenario} {currency} {money(worst['variation_call'])} of variation margin is called: unsettled losses of futures, perpetuals and "
        f"margined options. Balances in the currency of settlement pay {money(worst['from_balance'])} of it"
    )
    if not _cash(worst["cash_to_find"]):
        return f"{text}, and nothing is left to find: so it is of {checked}."
    text += (
        f"; {plural_count(worst['accounts_calling'], 'account')} must find {money(worst['cash_to_find'])}, more than in any other headline scenario "
        f"({money(base['cash_to_find'])} at base). Gains in other currencies bring {money(worst['from_gains'])}, sales of collateral "
        f"{money(worst['to_sell'])}, for which {money(worst['sold'])} at spot must be sold. "
    )
    if _cash(worst["unpaid"]):
        failing = f"{plural_count(worst['accounts_not_paying'], 'account')} of {plural_count(worst['owners_not_paying'], 'owner')}"
        text += f"{currency} {money(worst['unpaid'])} cannot be paid, by {failing}: what they hold counts too little after its haircut, or is gone."
    else:
        text += "All of it can be paid."
    if unpaid.scenario_id is not None and unpaid.scenario_id != worst["scenario_id"]:
        text += f" Most stays unpaid in {_called(names, unpaid.scenario_id)}: {money(unpaid.amount)}, by {plural_count(unpaid.accounts, 'account')}."
    return text


def _figures(worst: Record, currency: str) -> tuple[Figure, ...]:
    """The four figures of the scenario that asks for most cash."""
    return (
        Figure("Cash to find", money(worst["cash_to_find"]), currency, f"of {money(worst['variation_call'])} called; balances pay the rest"),
        Figure(
            "Collateral to sell",
            money(worst["sold"]),
            currency,
            f"at spot, by {plural_count(worst['accounts_selling'], 'account')}; counts {money(worst['to_sell'])}",
        ),
        Figure(
            "Cannot be paid",
            money(worst["unpaid"]),
            currency,
            f"{plural_count(worst['accounts_not_paying'], 'account')} of {plural_count(worst['owners_not_paying'], 'owner')}",
            "fail" if _cash(worst["unpaid"]) else "",
        ),
        Figure("Initial margin call", money(worst["initial_margin_call"]), currency, "besides, in any collateral; found after these losses"),
    )


# ------------------------------------------------------------------ charts


def _currency_chart(assets: Sequence[Record]) -> PairedBars:
    largest = sorted((row for row in assets if _cash(row["variation_call"])), key=lambda row: (-row["variation_call"], row["currency"]))
    pairs = (Pair(chart_label(None, row["currency"], NAME_EMS), row["cash_to_find"], row["variation_call"]) for row in largest[:CHARTED])
    return PairedBars(tuple(pairs), "to find", "called")


def _scenario_chart(rows: Sequence[Record], names: Names) -> PairedBars:
    largest = sorted(rows, key=lambda row: -row["cash_to_find"])[:CHARTED]
    pairs = (
        Pair(chart_label(names.get(row["scenario_id"]), row["scenario_id"], NAME_EMS), row["unpaid"], row["cash_to_find"])
        for row in largest
        if _cash(row["cash_to_find"])
    )
    return PairedBars(tuple(pairs), "unpaid", "to find")


# ------------------------------------------------------------------ tables


def _currencies(assets: Sequence[Record], currency: str) -> TableView:
    found = sorted((row for row in assets if _cash(row["variation_call"])), key=lambda row: (-row["cash_to_find"], -row["variation_call"]))
    listed = found[:LISTED_ASSETS]
    scale = scale_for([row[name] for row in listed for name in ("variation_call", "balances", "variation_gain")])
    unit = scale.unit(currency)
    how, accounts = "How it is found", "Accounts"
    columns = (
        Column("Currency", "text", 11),
        Column("Balances", "number", 9, unit),
        Column("Gains", "number", 8, unit),
        Column("Called", "number", 9, unit),
        Column("From balance", "number", 9, unit),
        Column("To find", "number", 9, unit),
        Column("From gains", "number", 8, unit, how),
        Column("From sales", "number", 8, unit, how),
        Column("Unpaid", "number", 8, unit, how),
        Column("To find", "number", 6, "", accounts),
        Column("Selling", "number", 6, "", accounts),
        Column("Not paying", "number", 6, "", accounts),
        Column("Owners not paying", "number", 6),
    )
    rows = tuple(
        Row(
            (
                text_cell(row["currency"], 24),
                *(amount_cell(row[name], scale) for name in ("balances", "variation_gain", *_CALLS)),
                *(count_cell(row[name]) for name in ("accounts_calling", "accounts_selling", "accounts_not_paying", "owners_not_paying")),
            ),
            printed=place < PRINTED_CURRENCIES,
        )
        for place, row in enumerate(listed)
    )
    notes = (
        "Balances and gains are those of all accounts; they pay only what their own pool owes.",
        *left_out(len(found), len(listed), PRINTED_CURRENCIES, "currency", "funding", "largest"),
    )
    empty = "Nothing to report: no future, perpetual or margined option has an unsettled loss."
    return TableView("funding-currencies", "By currency of settlement", columns, rows, empty, notes)


def _sales(assets: Sequence[Record], worst: Record, currency: str) -> TableView:
    found = sorted((row for row in assets if _cash(row["sold"])), key=lambda row: -row["sold"])
    listed = found[:LISTED_ASSETS]
    scale = scale_for([row[name] for row in listed for name in ("balances", "sold")])
    unit = scale.unit(currency)
    columns = (
        Column("Asset", "text", 20),
        Column("Balances", "number", 14, unit),
        Column("To sell", "number", 14, unit),
        Column("Share", "number", 10, "%"),
        Column("Counts", "number", 14, unit),
        Column("Haircut", "number", 10, "%"),
    )
    rows = tuple(
        Row(
            (
                text_cell(row["currency"], 24),
                amount_cell(row["balances"], scale),
                amount_cell(row["sold"], scale),
                percent_cell(row["sold"] / row["balances"], 1),
                amount_cell(row["sold_for"], scale),
                percent_cell(1.0 - row["sold_for"] / row["sold"], 1),
            ),
            printed=place < PRINTED_SALES,
        )
        for place, row in enumerate(listed)
    )
    notes = (
        "Sold for calls in other currencies, what keeps most of its value after haircut first; each sale is taken to bring what the asset counts.",
        *left_out(len(found), len(listed), PRINTED_SALES, "asset", "funding", "largest"),
    )
    empty = f"Nothing to report: nothing has to be sold; {plural_count(worst['accounts_calling'], 'account')} with cash to find."
    return TableView("funding-sales", "Collateral to sell", columns, rows, empty, notes)


def _owners(calls: pl.DataFrame, worst: Record, currency: str) -> TableView:
    """Owners with cash to find, all currencies together: the largest unpaid calls first, then those with the most to find."""
    owners: dict[str, dict[str, Any]] = {}
    for row in calls.to_dicts():
        owner = owners.setdefault(row["owner_id"], {"name": row["name"], "currencies": [], **dict.fromkeys(_CALLS, 0.0)})
        for name in _CALLS:
            owner[name] += row[name]
        owner["currencies"].append((-row["cash_to_find"], row["currency"]))
    order = sorted(owners, key=lambda owner: (-owners[owner]["unpaid"], -owners[owner]["cash_to_find"], owner))[:LISTED_OWNERS]
    scale = scale_for([owners[owner]["variation_call"] for owner in order])
    unit = scale.unit(currency)
    columns = (
        Column("Owner", "text", 20),
        Column("In", "text", 17, "currency"),
        Column("Called", "number", 9, unit),
        Column("From balance", "number", 9, unit),
        Column("To find", "number", 9, unit),
        Column("From gains", "number", 9, unit),
        Column("From sales", "number", 9, unit),
        Column("Unpaid", "number", 9, unit),
        Column("Pays", "status", 9),
    )

    def pays(owner: Record) -> Cell:
        return Cell("Not all", 1.0, "fail") if _cash(owner["unpaid"]) else Cell("All", 0.0, "pass")

    rows = tuple(
        Row(
            (
                name_cell(owners[owner]["name"], owner, 32),
                text_cell(", ".join(name for _, name in sorted(owners[owner]["currencies"])), 32),
                *(amount_cell(owners[owner][name], scale) for name in _CALLS),
                pays(owners[owner]),
            ),
            printed=place < PRINTED_OWNERS,
        )
        for place, owner in enumerate(order)
    )
    notes = ["Owners with cash to find: the largest unpaid calls first, then those with the most to find."]
    if len(order) == LISTED_OWNERS:
        notes.append(f"The table funding_owners of the run has at most {LISTED_OWNERS} owners of a scenario, in this order.")
    if len(order) > PRINTED_OWNERS:
        notes.append(f"On paper the first {PRINTED_OWNERS} are listed, on screen {count(len(order))}.")
    empty = "Nothing to report: no owner has cash to find."
    return TableView("funding-owners", f"Who must find it, {_who(worst)}", columns, rows, empty, tuple(notes))


def _who(worst: Record) -> str:
    if not worst["owners_not_paying"]:
        return "and all can pay"
    return f"and {plural_count(worst['owners_not_paying'], 'owner')} who cannot"


def _scenarios(base: Record, rows: Sequence[Record], names: Names, currency: str) -> TableView:
    ordered = sorted(rows, key=lambda row: (-row["cash_to_find"], -row["variation_call"]))
    listed = ordered[:LISTED_SCENARIOS]
    scale = scale_for([row[name] for row in (base, *listed) for name in ("variation_call", "sold", "initial_margin_call")])
    unit = scale.unit(currency)
    variation, accounts = "Variation margin", "Accounts"
    columns = (
        Column("Scenario", "text", 22),
        Column("Called", "number", 8, unit, variation),
        Column("From balance", "number", 8, unit, variation),
        Column("To find", "number", 8, unit, variation),
        Column("Of called", "number", 5, "%", variation),
        Column("From gains", "number", 7, unit, variation),
        Column("From sales", "number", 7, unit, variation),
        Column("Unpaid", "number", 7, unit, variation),
        Column("Sold at spot", "number", 7, unit),
        Column("To find", "number", 6, "", accounts),
        Column("Not paying", "number", 6, "", accounts),
        Column("Initial margin call", "number", 8, unit),
    )

    def row(each: Record, place: int, fixed: bool = False) -> Row:
        called, balance, cash, *found = (amount_cell(each[name], scale) for name in _CALLS)
        share = percent_cell(each["cash_to_find"] / each["variation_call"] if _cash(each["variation_call"]) else None)
        return Row(
            (
                text_cell("Base") if fixed else name_cell(names.get(each["scenario_id"]), each["scenario_id"], 44),
                *(called, balance, cash, share, *found),
                amount_cell(each["sold"], scale),
                count_cell(each["accounts_calling"]),
                count_cell(each["accounts_not_paying"]),
                amount_cell(each["initial_margin_call"], scale),
            ),
            printed=place < PRINTED_SCENARIOS,
            fixed=fixed,
        )

    notes = (
        "The initial margin call is measured after these losses, which lower the balance: the two calls are not added.",
        *left_out(len(ordered), len(listed), PRINTED_SCENARIOS, "headline scenario", "funding_summary", "largest"),
    )
    return TableView(
        "funding-scenarios", "By scenario", columns, (row(base, 0, fixed=True), *(row(each, place) for place, each in enumerate(listed))), "", notes
    )
