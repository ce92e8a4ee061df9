"""The page of contagion: which asset's losers sell what, what that costs those who would have survived, and cross margin against isolated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cascade_tables import called, of_scenario
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, text_cell
from stresstest.report.charts.matrix import NAME_EMS
from stresstest.report.formats import HALF_A_CENT, chart_label, money, scale_for
from stresstest.report.parts import Column, Matrix, Row, TableView
from stresstest.report.view import ContagionPage
from stresstest.results.cascade import worst_cascade

Record = Mapping[str, Any]
Tables = Mapping[str, pl.DataFrame]

CHARTED = 10
PRINTED_PAIRS, PRINTED, LISTED = 12, 8, 200
COLUMN_EMS = 9.0
"""Room for names of columns, in ems."""


def contagion_page(tables: Tables, names: Names, currency: str) -> ContagionPage | None:
    """The page of a run that has the table contagion; None for one that has not.

    Args:
        tables: by name, those of the run.
        names: of scenarios.
        currency: the reporting currency, as it is shown.
    """
    if "contagion" not in tables:
        return None
    focus = _worst(tables)
    rows = of_scenario(tables, "contagion", focus)
    scenario = "" if focus is None else called(names, focus)
    vulnerability = of_scenario(tables, "cascade_vulnerability", focus)
    sides = [] if "cascade_isolated" not in tables else tables["cascade_isolated"].to_dicts()
    return ContagionPage(
        scenario,
        _summary(rows, vulnerability, sides, focus, scenario, currency),
        _matrix(rows),
        _spills(rows, currency),
        _vulnerability(vulnerability, currency),
        _isolated(sides, names, currency),
    )


def _worst(tables: Tables) -> str | None:
    """The headline scenario in which survivors lose most, the first of equals; where they lose nothing, the one that the cascade's page is about."""
    lost = dict.fromkeys(tables["cascade_summary"].filter("headline")["scenario_id"].to_list(), 0.0)
    for scenario, loss in tables["cascade_vulnerability"].select("scenario_id", "survivors_loss").iter_rows():
        if scenario in lost:
            lost[scenario] += loss
    worst = max(lost, key=lambda scenario: lost[scenario], default=None)
    return worst if worst is not None and lost[worst] >= HALF_A_CENT else worst_cascade(tables["cascade_summary"])


def _summary(rows: Sequence[Record], assets: Sequence[Record], sides: Sequence[Record], focus: str | None, scenario: str, currency: str) -> str:
    if focus is None:
        return "Nothing to report: nobody is liquidated in any headline scenario."
    worst = max(rows, key=lambda row: row["survivors_loss"], default=None)
    if worst is None or worst["survivors_loss"] < HALF_A_CENT:
        return f"In {scenario} the sales of liquidated accounts cost nobody anything who would have survived."
    total = sum(row["survivors_loss"] for row in assets)
    text = f"In {scenario} sales of liquidated accounts cost those who would have survived the shock {currency} {money(total)}. "
    first = max(assets, key=lambda row: row["survivors_loss"])
    text += f"Most of it starts with {first['asset']}: pools that lose most in it sell {money(first['notional_sold'])} of all they hold. "
    if worst["trigger"] != worst["sold"]:
        spill = f"from {worst['trigger']} to {worst['sold']}, {money(worst['survivors_loss'])}"
        text += f"The largest spill is {spill}: healthy assets sold for another's loss. "
    mine = {row["margin"]: row for row in sides if row["scenario_id"] == focus}
    if len(mine) == 2:
        cross, isolated = mine["cross"], mine["isolated"]
        removed = isolated["uncollateralised_loss"] - cross["uncollateralised_loss"]
        spread = cross["survivors_loss"] - isolated["survivors_loss"]
        text += (
            f"With every position in a pool of its own {money(isolated['uncollateralised_loss'])} would be left unpaid, against "
            f"{money(cross['uncollateralised_loss'])}, and survivors would lose {money(isolated['survivors_loss'])}, against "
            f"{money(cross['survivors_loss'])}: cross margin {'removes' if removed >= 0 else 'adds'} {money(abs(removed))} of deficits and "
            f"{'creates' if spread >= 0 else 'spares'} {money(abs(spread))} of contagion."
        )
    return text.strip()


def _matrix(rows: Sequence[Record]) -> Matrix | None:
    """Losses of survivors, the largest triggers and sold assets first; None where there are none."""
    triggers, sold = _ranked(rows, "trigger"), _ranked(rows, "sold")
    if not triggers:
        return None
    amounts = {(row["trigger"], row["sold"]): row["survivors_loss"] for row in rows}
    return Matrix(
        tuple(chart_label(None, name, NAME_EMS) for name in triggers),
        tuple(chart_label(None, name, COLUMN_EMS) for name in sold),
        tuple(tuple(amounts.get((row, column), 0.0) for column in sold) for row in triggers),
    )


def _ranked(rows: Sequence[Record], side: str) -> list[str]:
    totals: dict[str, float] = {}
    for row in rows:
        totals[row[side]] = totals.get(row[side], 0.0) + row["survivors_loss"]
    return sorted((name for name in totals if totals[name] >= HALF_A_CENT), key=lambda name: (-totals[name], name))[:CHARTED]


def _spills(rows: Sequence[Record], currency: str) -> TableView:
    ranked = sorted(rows, key=lambda row: (-row["survivors_loss"], -row["notional"]))
    listed = ranked[:LISTED]
    scale = scale_for([row[name] for row in listed for name in ("notional", "survivors_loss")])
    unit = scale.unit(currency)
    columns = (
        Column("Lost in", "text", 24),
        Column("Sold", "text", 24),
        Column("Pools", "number", 10),
        Column("Notional sold", "number", 16, unit),
        Column("Loss of survivors", "number", 16, unit),
    )
    lines = tuple(
        Row(
            (
                text_cell(row["trigger"], 32),
                text_cell(row["sold"], 32),
                count_cell(row["pools"]),
                amount_cell(row["notional"], scale),
                amount_cell(row["survivors_loss"], scale),
            ),
            printed=place < PRINTED_PAIRS,
        )
        for place, row in enumerate(listed)
    )
    notes = (
        (
            "Lost in: the asset of which the liquidated pool had lost most. Survivors: accounts that the shock alone leaves standing; their gains "
            "are not netted."
        ),
        *left_out(len(ranked), len(listed), PRINTED_PAIRS, "pair", "contagion", "largest"),
    )
    return TableView("contagion-spills", "From which asset to which", columns, lines, "Nothing to report: nothing was sold.", notes)


def _vulnerability(rows: Sequence[Record], currency: str) -> TableView:
    ranked = sorted(rows, key=lambda row: (-row["survivors_loss"], -row["notional_sold"]))
    listed = ranked[:LISTED]
    scale = scale_for([row[name] for row in listed for name in ("notional_sold", "survivors_loss")])
    unit = scale.unit(currency)
    columns = (
        Column("Asset", "text", 24),
        Column("Pools brought down", "number", 12),
        Column("They sold", "number", 14, unit),
        Column("Loss of survivors", "number", 14, unit),
        Column("Of all equity", "number", 12, "%"),
    )
    lines = tuple(
        Row(
            (
                text_cell(row["asset"], 32),
                count_cell(row["pools"]),
                amount_cell(row["notional_sold"], scale),
                amount_cell(row["survivors_loss"], scale),
                percent_cell(row["share_of_equity"], 2),
            ),
            printed=place < PRINTED,
        )
        for place, row in enumerate(listed)
    )
    notes = left_out(len(ranked), len(listed), PRINTED, "asset", "cascade_vulnerability", "largest")
    return TableView("contagion-assets", "How much each asset endangers the others", columns, lines, "Nothing to report: nothing was sold.", notes)


def _isolated(rows: Sequence[Record], names: Names, currency: str) -> TableView:
    money_columns = ("notional_sold", "survivors_loss", "uncollateralised_loss")
    scale = scale_for([row[name] for row in rows for name in money_columns])
    unit = scale.unit(currency)
    heads = {"notional_sold": "Sold", "survivors_loss": "Contagion: loss of survivors", "uncollateralised_loss": "Deficits: below zero"}
    columns = [
        Column("Scenario", "text", 26),
        Column("Cross", "number", 7, "", "Accounts liquidated"),
        Column("Isolated", "number", 7, "", "Accounts liquidated"),
    ]
    for name in money_columns:
        columns += [Column("Cross", "number", 9, unit, heads[name]), Column("Isolated", "number", 9, unit, heads[name])]
    columns.append(Column("Deficits removed", "number", 9, unit))
    columns.append(Column("Contagion created", "number", 9, unit))
    pairs: dict[str, dict[str, Record]] = {}
    for row in rows:
        pairs.setdefault(row["scenario_id"], {})[row["margin"]] = row
    lines = tuple(
        Row(
            (
                name_cell(names.get(scenario), scenario, 48),
                *(count_cell(sides[side]["accounts_liquidated"]) for side in ("cross", "isolated")),
                *(amount_cell(sides[side][name], scale) for name in money_columns for side in ("cross", "isolated")),
                amount_cell(sides["isolated"]["uncollateralised_loss"] - sides["cross"]["uncollateralised_loss"], scale),
                amount_cell(sides["cross"]["survivors_loss"] - sides["isolated"]["survivors_loss"], scale),
            ),
            printed=place < PRINTED,
        )
        for place, (scenario, sides) in enumerate(pairs.items())
        if len(sides) == 2
    )
    note = (
        "Isolated: every cross position in a margin pool of its own, with a share of the collateral by what it needs at base. An isolated pool can "
        "lose more than it has while the account has plenty elsewhere."
    )
    empty = "Nothing to report: the run was not asked for it, or nobody is liquidated."
    return TableView("contagion-isolated", "Cross margin against isolated", tuple(columns), lines, empty, (note,))
