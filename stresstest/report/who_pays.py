"""The page of the waterfall: what is left unpaid after the cascade, layer by layer, and who pays it by which rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cascade_tables import called, of_scenario
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, text_cell
from stresstest.report.formats import HALF_A_CENT, money, percent, plural_count, scale_for
from stresstest.report.parts import Column, Figure, Row, Step, TableView
from stresstest.report.view import WaterfallPage
from stresstest.stress.cascade.losses.waterfall import ADL_QUEUE, GAINS_HAIRCUT, LAST_LAYERS, OF_THE_DEFAULTER, PRO_RATA, UNCOVERED

Record = Mapping[str, Any]
Tables = Mapping[str, pl.DataFrame]

PRINTED, LISTED = 15, 200
LAYER_WORDS = {
    "defaulter_margin": "defaulters' other margin",
    "defaulter_contribution": "defaulters' contributions",
    "insurance_fund": "insurance fund",
    "skin_in_the_game": "skin in the game",
    "default_fund": "default fund of the others",
    "assessment": "assessments",
    "gains_haircut": "haircut of gains",
    "adl_queue": "deleveraging by queue",
    "pro_rata": "deleveraging in proportion",
    "uncovered": "uncovered",
}
RULES = (GAINS_HAIRCUT, ADL_QUEUE, PRO_RATA)
NOT_CLOSELY = "or the scenario is not among those that are looked at closely (cascade.detail)"


def waterfall_page(tables: Tables, names: Names, owners: Mapping[str, str | None], currency: str) -> WaterfallPage | None:
    """The page of a run that has the table waterfall; None for one that has not.

    Args:
        tables: by name, those of the run.
        names: of scenarios.
        owners: names of owners by id.
        currency: the reporting currency, as it is shown.
    """
    if "waterfall" not in tables:
        return None
    rows = tables["waterfall"]
    headline = set(tables["cascade_summary"].filter("headline")["scenario_id"])
    losses = {
        str(scenario): sum(layer["used"] for layer in mine.to_dicts()) for (scenario,), mine in rows.group_by("scenario_id", maintain_order=True)
    }
    focus = max((each for each in losses if each in headline), key=lambda each: losses[each], default=None)
    layers = of_scenario(tables, "waterfall", focus)
    payers = of_scenario(tables, "waterfall_payers", focus)
    scenario = "" if focus is None else called(names, focus)
    return WaterfallPage(
        scenario,
        _summary(layers, payers, scenario, len(headline), _of_accounts(tables, focus), currency),
        _figures(layers, payers, currency),
        _steps(layers),
        _layers(layers, currency),
        _scenarios(rows, losses, names, currency),
        _rules(layers, payers, owners, currency),
        _payers(payers, owners, currency),
    )


def _loss(layers: Sequence[Record]) -> float:
    return float(sum(layer["used"] for layer in layers))


def _others(payers: Sequence[Record]) -> set[str]:
    """Owners that pay for others. Positions of a defaulter's healthy account may be closed too: it pays for itself."""
    paid = [(row["layer"], row["owner_id"]) for row in payers if row["method"] == "layer"]
    return {owner for layer, owner in paid if layer not in OF_THE_DEFAULTER} - {owner for layer, owner in paid if layer in OF_THE_DEFAULTER}


def _used(layers: Sequence[Record], name: str) -> float:
    return float(sum(layer["used"] for layer in layers if layer["layer"] == name))


def _of_accounts(tables: Tables, scenario: str | None) -> float:
    """What accounts are below zero in a scenario, each by itself."""
    return float(sum(row["uncollateralised_loss"] for row in of_scenario(tables, "cascade_summary", scenario)))


def _summary(layers: Sequence[Record], payers: Sequence[Record], scenario: str, headline: int, of_accounts: float, currency: str) -> str:
    loss = _loss(layers)
    if loss < HALF_A_CENT:
        return f"Nothing to report: no account is below zero after the cascade in any of {plural_count(headline, 'headline scenario')}."
    paid = [layer for layer in layers if layer["used"] >= HALF_A_CENT and layer["layer"] != UNCOVERED]
    netted = of_accounts - loss
    if netted >= HALF_A_CENT:
        text = f"In {scenario} accounts end {currency} {money(of_accounts)} below zero; {money(netted)} of it is netted with what others of their "
        text += f"netting group have, which leaves {money(loss)} to be paid. "
    else:
        text = f"In {scenario} accounts end {currency} {money(loss)} below zero. "
    if paid:
        text += "Of it, " + ", ".join(f"{money(layer['used'])} by {LAYER_WORDS[layer['layer']]}" for layer in paid) + ". "
    uncovered = _used(layers, UNCOVERED)
    text += f"{currency} {money(uncovered)} is left that nobody pays." if uncovered >= HALF_A_CENT else "All of it is paid."
    survivors = _others(payers)
    if survivors:
        text += f" {plural_count(len(survivors), 'owner')} not in default {'pays' if len(survivors) == 1 else 'pay'} for others."
    return text


def _figures(layers: Sequence[Record], payers: Sequence[Record], currency: str) -> tuple[Figure, ...]:
    loss = _loss(layers)
    if loss < HALF_A_CENT:
        return ()
    own = sum(_used(layers, name) for name in ("defaulter_margin", "defaulter_contribution"))
    venue = sum(_used(layers, name) for name in ("insurance_fund", "skin_in_the_game"))
    others = sum(_used(layers, name) for name in ("default_fund", "assessment", *LAST_LAYERS))
    uncovered = _used(layers, UNCOVERED)
    named = _others(payers)
    return (
        Figure("Paid by defaulters", money(own), currency, f"{percent(own / loss)} of {money(loss)}, beyond the margin that is gone already"),
        Figure("Paid by the venue", money(venue), currency, "insurance fund and skin in the game"),
        Figure("Paid by others", money(others), currency, f"{plural_count(len(named), 'owner')} not in default", "liquidation" if others else ""),
        Figure("Uncovered", money(uncovered), currency, "nobody pays it", "fail" if uncovered >= HALF_A_CENT else ""),
    )


def _steps(layers: Sequence[Record]) -> tuple[Step, ...]:
    loss = _loss(layers)
    if loss < HALF_A_CENT:
        return ()
    uncovered = _used(layers, UNCOVERED)
    changes = tuple(Step(LAYER_WORDS[layer["layer"]], -layer["used"]) for layer in layers if layer["layer"] != UNCOVERED)
    return (Step("loss after the cascade", loss, total=True), *changes, Step("uncovered", uncovered, total=True))


def _layers(layers: Sequence[Record], currency: str) -> TableView:
    scale = scale_for([layer[name] for layer in layers for name in ("available", "used", "left")])
    unit = scale.unit(currency)
    columns = (
        Column("Place", "number", 8),
        Column("Layer", "text", 36),
        Column("Has", "number", 16, unit),
        Column("Pays", "number", 16, unit),
        Column("Left behind it", "number", 16, unit),
    )
    lines = tuple(
        Row(
            (
                count_cell(layer["ord"]),
                text_cell(LAYER_WORDS[layer["layer"]]),
                *(amount_cell(layer[name], scale) for name in ("available", "used", "left")),
            )
        )
        for layer in layers
    )
    empty = "Nothing to report: no account is below zero."
    return TableView("waterfall-layers", "Layer by layer", columns, lines, empty)


def _scenarios(rows: pl.DataFrame, losses: Mapping[str, float], names: Names, currency: str) -> TableView:
    order = list(dict.fromkeys(rows.sort("ord")["layer"]))
    used: dict[tuple[str, str], float] = {(row["scenario_id"], row["layer"]): row["used"] for row in rows.to_dicts()}
    ranked = sorted(losses, key=lambda scenario: -losses[scenario])
    listed = ranked[:LISTED]
    scale = scale_for([losses[scenario] for scenario in listed])
    unit = scale.unit(currency)
    columns = (
        Column("Scenario", "text", 26),
        Column("Loss", "number", 9, unit),
        *(Column(LAYER_WORDS[layer].capitalize(), "number", 9, unit, "Paid by") for layer in order if layer != UNCOVERED),
        Column("Uncovered", "number", 9, unit),
    )
    lines = tuple(
        Row(
            (
                text_cell("Base") if scenario == "base" else name_cell(names.get(scenario), scenario, 48),
                amount_cell(losses[scenario], scale),
                *(amount_cell(used.get((scenario, layer), 0.0), scale) for layer in (*(each for each in order if each != UNCOVERED), UNCOVERED)),
            ),
            printed=place < PRINTED,
        )
        for place, scenario in enumerate(listed)
    )
    notes = left_out(len(ranked), len(listed), PRINTED, "scenario", "waterfall", "largest")
    empty = "Nothing to report: no account is below zero in any scenario."
    return TableView("waterfall-scenarios", "By scenario", columns, lines, empty, notes)


def _rules(layers: Sequence[Record], payers: Sequence[Record], owners: Mapping[str, str | None], currency: str) -> TableView:
    """What the loss behind all funds would cost each account under every rule, side by side; those who pay most under any first, and at the end
    what is left of it under each.
    """
    amounts: dict[tuple[str, str | None], dict[str, float]] = {}
    for row in payers:
        if row["method"] in RULES:
            found = amounts.setdefault((row["owner_id"], row["account_id"]), dict.fromkeys(RULES, 0.0))
            found[row["method"]] += row["amount"]
    ranked = sorted(amounts, key=lambda key: (-max(amounts[key].values()), key[0], key[1] or ""))
    listed = ranked[:LISTED]
    loss = sum(_used(layers, name) for name in (*LAST_LAYERS, UNCOVERED))
    unpaid = {rule: loss - sum(each[rule] for each in amounts.values()) if amounts else 0.0 for rule in RULES}
    scale = scale_for([*(value for key in listed for value in amounts[key].values()), *unpaid.values()])
    unit = scale.unit(currency)
    columns = (
        Column("Owner", "text", 28),
        Column("Account", "text", 22),
        Column("Gains haircut", "number", 12, unit),
        Column("Queue", "number", 12, unit, "Positions closed"),
        Column("In proportion", "number", 12, unit, "Positions closed"),
    )
    lines = tuple(
        Row(
            (name_cell(owners.get(owner), owner, 36), text_cell(account, 32), *(amount_cell(amounts[owner, account][rule], scale) for rule in RULES)),
            printed=place < PRINTED,
        )
        for place, (owner, account) in enumerate(listed)
    )
    if max(unpaid.values()) >= HALF_A_CENT:
        lines += (Row((text_cell("nobody"), text_cell(""), *(amount_cell(max(unpaid[rule], 0.0), scale) for rule in RULES))),)
    notes = (
        (
            "The same loss by three rules. Haircut: everyone gives up the same share of gains. Queue: opposite positions with the largest profit "
            "times leverage are closed first, at the price at which the loss is paid; in proportion: all of them. Queues put the loss on few."
        ),
        *left_out(len(ranked), len(listed), PRINTED, "account", "waterfall_payers", "largest"),
    )
    nothing = "funds and assessments cover the loss" if loss < HALF_A_CENT else f"nobody has gained or stands on the other side, {NOT_CLOSELY}"
    empty = f"Nothing to report: {nothing}."
    return TableView("waterfall-rules", "Who would pay what is left, by rule", columns, lines, empty, notes)


def _payers(payers: Sequence[Record], owners: Mapping[str, str | None], currency: str) -> TableView:
    rows = sorted((row for row in payers if row["method"] == "layer"), key=lambda row: -row["amount"])
    listed = rows[:LISTED]
    scale = scale_for([row["amount"] for row in listed])
    columns = (Column("Owner", "text", 34), Column("Layer", "text", 30), Column("Pays", "number", 16, scale.unit(currency)))
    lines = tuple(
        Row(
            (name_cell(owners.get(row["owner_id"]), row["owner_id"], 40), text_cell(LAYER_WORDS[row["layer"]]), amount_cell(row["amount"], scale)),
            printed=place < PRINTED,
        )
        for place, row in enumerate(listed)
    )
    notes = left_out(len(rows), len(listed), PRINTED, "payment", "waterfall_payers", "largest")
    empty = f"Nothing to report: no owner pays in any layer, {NOT_CLOSELY}."
    return TableView("waterfall-payers", "Who pays in the layers", columns, lines, empty, notes)
