"""The page about margin models: the whole book under each of them, by scenario, and the accounts that breach under one and not the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, status_cell, text_cell
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.formats import MISSING, chart_label, money, of, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Cell, Column, Pair, PairedBars, Row, TableView
from stresstest.report.view import MarginRulesPage
from stresstest.results.comparison import ComparedModel, Comparison, DifferingAccount

PRINTED_ACCOUNTS = 10
PRINTED_SCENARIOS = 12
LISTED_SCENARIOS = 100
MODELS_BESIDE = 5
"""Models whose figures by scenario fit beside each other."""


def margin_rules_page(
    comparison: Comparison | None, by_scenario: pl.DataFrame | None, names: Names, accounts: Mapping[str, str | None], currency: str, checked: int
) -> MarginRulesPage | None:
    """The page of a run that compares models; None for one that does not.

    Args:
        comparison: what the run compared.
        by_scenario: the table margin_comparison_summary.
        names: display names of scenarios.
        accounts: display names of the accounts listed.
        currency: of all amounts.
        checked: how many accounts the book has.
    """
    if comparison is None or not comparison.models or by_scenario is None:
        return None
    models = comparison.models
    requirement = tuple(Pair(_label(each), each.maintenance_margin, each.initial_margin) for each in models)
    shortfall = tuple(Pair(_label(each), each.worst_scenario_margin_shortfall, each.worst_scenario_initial_shortfall) for each in models)
    return MarginRulesPage(
        summary=_summary(comparison, currency, checked),
        requirement=PairedBars(requirement, "maintenance", "initial"),
        shortfall=PairedBars(shortfall, "maintenance", "initial"),
        models=_models(models, names, currency),
        scenarios=_scenarios(models, by_scenario, names, currency),
        accounts=_accounts(comparison, names, accounts, currency),
    )


def _label(model: ComparedModel) -> str:
    return chart_label(None, model.model, NAME_EMS)


def _name(model: ComparedModel) -> str:
    return shown(model.model)


def _summary(comparison: Comparison, currency: str, checked: int) -> str:
    """The largest differences from the book's own rules, in a sentence each."""
    own, others = comparison.models[0], comparison.models[1:]
    text = (
        f"Every account under each model in turn, held against the book's own rules ({shortened(_name(own), 40)}). Requirements are those at base; "
        "an account is breached where a headline scenario puts it in liquidation or default."
    )
    if not others:
        return text
    apart = max(others, key=lambda each: abs(each.initial_margin - own.initial_margin))
    more = apart.initial_margin - own.initial_margin
    if abs(more) >= 1.0:
        direction = "more" if more > 0 else "less"
        text += f" The model {shortened(_name(apart), 40)} asks for {currency} {money(abs(more))} {direction} initial margin than they do."
    harsh = max(others, key=lambda each: each.accounts_breached_only_here)
    if harsh.accounts_breached_only_here:
        text += (
            f" The model {shortened(_name(harsh), 40)} breaches {of(harsh.accounts_breached_only_here, checked, 'account')} that they leave standing."
        )
    mild = max(others, key=lambda each: each.accounts_breached_only_own)
    if mild.accounts_breached_only_own:
        text += (
            f" The model {shortened(_name(mild), 40)} leaves {plural_count(mild.accounts_breached_only_own, 'account')} standing that they breach."
        )
    return text


def _models(models: Sequence[ComparedModel], names: Names, currency: str) -> TableView:
    scale = scale_for([amount for each in models for amount in (each.initial_margin, each.worst_scenario_margin_shortfall)])
    unit = scale.unit(currency)
    base, worst, breached = "At base", "In its worst headline scenario", "Accounts breached"
    columns = (
        Column("Model", "text", 16),
        Column("Initial margin", "number", 9, unit, base),
        Column("Maintenance margin", "number", 9, unit, base),
        Column("Scenario", "text", 22, "", worst),
        Column("Initial shortfall", "number", 9, unit, worst),
        Column("Margin shortfall", "number", 9, unit, worst),
        Column("Cover-2, loss over margin", "number", 10, unit),
        Column("All", "number", 6, "", breached),
        Column("Only here", "number", 6, "", breached),
        Column("Only own", "number", 6, "", breached),
    )
    nothing = Cell(MISSING, float("-inf"))
    rows = tuple(
        Row(
            (
                text_cell(each.model, 32, "the book's own rules" if each.own else ""),
                amount_cell(each.initial_margin, scale),
                amount_cell(each.maintenance_margin, scale),
                text_cell(None if each.worst_scenario_id is None else names.get(each.worst_scenario_id, each.worst_scenario_id), 48),
                amount_cell(each.worst_scenario_initial_shortfall, scale),
                amount_cell(each.worst_scenario_margin_shortfall, scale),
                amount_cell(each.cover_2_stress_loss_over_margin, scale),
                count_cell(each.accounts_breached),
                nothing if each.own else count_cell(each.accounts_breached_only_here),
                nothing if each.own else count_cell(each.accounts_breached_only_own),
            )
        )
        for each in models
    )
    return TableView("margin-models", "Models", columns, rows, "")


def _scenarios(models: Sequence[ComparedModel], by_scenario: pl.DataFrame, names: Names, currency: str) -> TableView:
    """Margin shortfall and accounts breached by scenario, models side by side, the scenario with the largest shortfall of all first."""
    beside = [each.model for each in models[:MODELS_BESIDE]]
    rows = by_scenario.filter("headline" if by_scenario["headline"].any() else pl.lit(True))
    breached = pl.col("accounts_liquidation") + pl.col("accounts_default")
    figures = {
        (row["scenario_id"], row["model"]): (row["margin_shortfall"], row["breached"])
        for row in rows.select("scenario_id", "model", "margin_shortfall", breached=breached).iter_rows(named=True)
    }
    ids = rows["scenario_id"].unique(maintain_order=True).to_list()
    ids.sort(key=lambda scenario: -max(figures[scenario, model][0] for model in beside))
    listed = ids[:LISTED_SCENARIOS]
    scale = scale_for([figures[scenario, model][0] for scenario in listed for model in beside])
    unit = scale.unit(currency)
    columns = [Column("Scenario", "text", 26)]
    for model in beside:
        group = shortened(shown(model), 28)
        columns += [Column("Margin shortfall", "number", 9, unit, group), Column("Breached", "number", 6, "accounts", group)]
    lines = tuple(
        Row(
            (
                name_cell(names.get(scenario), scenario, 56),
                *(cell for model in beside for cell in (amount_cell(figures[scenario, model][0], scale), count_cell(figures[scenario, model][1]))),
            ),
            printed=place < PRINTED_SCENARIOS,
        )
        for place, scenario in enumerate(listed)
    )
    notes = left_out(len(ids), len(listed), PRINTED_SCENARIOS, "scenario", "margin_comparison_summary", "largest")
    if len(models) > len(beside):
        notes = (*notes, f"The first {len(beside)} of {len(models)} models stand side by side; all are in the table margin_comparison_summary.")
    return TableView("margin-models-by-scenario", "By scenario", tuple(columns), lines, "Nothing to report: no scenario was run.", notes)


def _accounts(comparison: Comparison, names: Names, accounts: Mapping[str, str | None], currency: str) -> TableView:
    found = comparison.accounts
    scale = scale_for([amount for each in found for amount in (each.own.margin_shortfall, each.here.margin_shortfall)])
    unit = scale.unit(currency)
    own, here = "Own rules, its worst headline scenario", "Under the model, its worst headline scenario"
    columns = (
        Column("Account", "text", 18),
        Column("Model", "text", 11),
        Column("Status", "status", 9, "", own),
        Column("Scenario", "text", 16, "", own),
        Column("Margin shortfall", "number", 8, unit, own),
        Column("Status", "status", 9, "", here),
        Column("Scenario", "text", 16, "", here),
        Column("Margin shortfall", "number", 8, unit, here),
    )

    def row(place: int, each: DifferingAccount) -> Row:
        sides = [
            cell
            for side in (each.own, each.here)
            for cell in (
                status_cell(side.status),
                text_cell(names.get(side.scenario_id, side.scenario_id), 40),
                amount_cell(side.margin_shortfall, scale),
            )
        ]
        cells = (name_cell(accounts.get(each.account_id), each.account_id, 28), text_cell(each.model, 24), *sides)
        return Row(cells, printed=place < PRINTED_ACCOUNTS)

    rows = tuple(row(place, each) for place, each in enumerate(found))
    notes = left_out(comparison.accounts_differing, len(found), PRINTED_ACCOUNTS, "difference", "margin_comparison", "largest")
    empty = (
        "Nothing to report: every account that a headline scenario breaches under one model is breached under the book's own rules, and the reverse."
    )
    return TableView("margin-models-accounts", "Breached under one and not the other", columns, rows, empty, notes)
