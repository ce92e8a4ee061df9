"""The owners' page: who makes Cover-N, what stands against it, and who is in default where the run is worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from stresstest.report.answer import SIZING_BASIS, Names, Record, absent
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, rank_cell
from stresstest.report.formats import money, named, percent, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Cell, Column, Row, TableView
from stresstest.report.view import OwnersPage
from stresstest.results.summary import Cover, Summary
from stresstest.stress.headline import BASES, Basis

LISTED_LOSSES = 5
PRINTED_OWNERS = 15
LISTED_OWNERS = 200

BASIS_WORDS: dict[Basis, str] = {"stress_loss_over_margin": "stress loss over margin", "uncollateralised_loss": "uncollateralised loss"}


def owners_page(losses: pl.DataFrame | None, owners: pl.DataFrame | None, summary: Summary, scenario_names: Names) -> OwnersPage:
    """Cover-N in both bases, each where its Cover-2 is largest, and the owners in default in the worst headline scenario.

    `losses` is the table owner_scenario and `owners` owner_summary, of runs that have them.
    """
    known = {} if owners is None else {(row["scenario_id"], row["owner_id"]): row for row in owners.to_dicts()}
    covers = tuple(_cover_table(losses, basis, summary, known, scenario_names) for basis in BASES)
    return OwnersPage(covers, _default_table(owners, summary, scenario_names), _notes(summary))


def _notes(summary: Summary) -> tuple[str, ...]:
    rule = (
        "Cover-N is the sum of the N largest owner losses in one scenario: an owner's loss is the sum over its accounts, "
        "and no surplus of one account covers another's loss unless they share a netting group."
    )
    notes = [rule]
    if summary.resources is not None:
        stated, currency = summary.resources, summary.run.reporting_currency
        parts = (("insurance fund", stated.insurance_fund), ("skin in the game", stated.skin_in_the_game), ("default fund", stated.default_fund))
        notes.append(f"Resources {currency} {money(stated.total)}: {', '.join(f'{word} {money(value)}' for word, value in parts)}.")
    if summary.counts.excluded_accounts:
        notes.append(f"{plural_count(summary.counts.incomplete_owners, 'owner')} incomplete, as accounts were excluded: losses are lower bounds.")
    return tuple(notes)


def _cover_table(
    losses: pl.DataFrame | None, basis: Basis, summary: Summary, known: Mapping[tuple[str, str], Record], scenario_names: Names
) -> TableView:
    """The largest owner losses of the scenario with the largest Cover-2 in one basis, adding up to Cover-N."""
    cover, resources = summary.cover[basis].cover_2, summary.resources
    caption = f"Cover-N, {BASIS_WORDS[basis]}"
    if losses is None or cover.scenario_id is None:
        return TableView(
            f"cover-{basis}", caption, (), (), f"Nothing to report: no owner has such a loss in any headline scenario ({BASIS_WORDS[basis]})."
        )
    here = losses.filter((pl.col("scenario_id") == cover.scenario_id) & (pl.col("basis") == basis) & (pl.col("loss") > 0)).sort("rank")
    records = here.head(LISTED_LOSSES).to_dicts()
    cumulated = [sum(float(row["loss"]) for row in records[: place + 1]) for place in range(len(records))]
    scale = scale_for([*cumulated, *([] if resources is None else [resources.total])])
    unit = scale.unit(summary.run.reporting_currency)
    columns = (
        Column("N", "number", 4),
        Column("Owner", "text", 30),
        Column("Accounts", "number", 9),
        Column("Contribution", "number", 13, unit),
        Column("Loss", "number", 11, unit),
        Column("Cover-N", "number", 11, unit),
        Column("Cover-N", "number", 11, "% of resources"),
        Column("Left of resources", "number", 11, unit),
    )
    rows = []
    for place, (row, total) in enumerate(zip(records, cumulated, strict=True), 1):
        owner = known.get((cover.scenario_id, row["owner_id"]), {})
        rows.append(
            Row(
                (
                    rank_cell(place),
                    name_cell(owner.get("name") or summary.owner_names.get(row["owner_id"]), row["owner_id"], 40),
                    count_cell(owner.get("accounts")),
                    amount_cell(owner.get("default_fund_contribution"), scale),
                    amount_cell(row["loss"], scale),
                    amount_cell(total, scale),
                    percent_cell(total / resources.total if resources is not None and resources.total > 0 else None),
                    amount_cell(None if resources is None else resources.total - total, scale),
                )
            )
        )
    return TableView(f"cover-{basis}", caption, columns, tuple(rows), "", (_set_in(cover, scenario_names, basis),))


def _set_in(cover: Cover, scenario_names: Names, basis: Basis) -> str:
    scenario = shortened(scenario_names.get(cover.scenario_id or "", shown(cover.scenario_id)), 80)
    held = " This is the measure that is held against resources." if basis == SIZING_BASIS else ""
    return f"The largest Cover-2 of all headline scenarios, in {scenario}.{held}"


def _default_table(owners: pl.DataFrame | None, summary: Summary, scenario_names: Names) -> TableView:
    """Every owner in default in the worst headline scenario, largest loss first."""
    worst, currency = summary.worst, summary.run.reporting_currency
    name = "the worst headline scenario" if worst is None else shortened(scenario_names.get(worst.scenario_id, shown(worst.scenario_id)), 70)
    caption = f"Owners in default in {name}"
    if owners is None or worst is None:
        return TableView("defaults", caption, (), (), absent(summary))
    found = owners.filter((pl.col("scenario_id") == worst.scenario_id) & pl.col("in_default"))
    records = found.sort("uncollateralised_loss", "owner_id", descending=[True, False]).head(LISTED_OWNERS).to_dicts()
    money_columns = ("equity", "margin_shortfall", "uncollateralised_loss", "stress_loss_over_margin", "default_fund_contribution")
    scale = scale_for([float(row[column]) for row in records for column in money_columns])
    unit = scale.unit(currency)
    columns = (
        Column("Rank", "number", 4),
        Column("Owner", "text", 28),
        Column("Accounts", "number", 7),
        Column("Equity", "number", 10, unit),
        Column("Margin shortfall", "number", 10, unit),
        Column("Uncollateralised loss", "number", 12, unit),
        Column("Stress loss over margin", "number", 12, unit),
        Column("Default fund contribution", "number", 12, unit),
        Column("Loss after contribution", "number", 12, unit),
    )
    rows = tuple(
        Row(
            (
                rank_cell(place),
                _owner(row),
                count_cell(row["accounts"]),
                *(amount_cell(row[column], scale) for column in money_columns),
                amount_cell(max(0.0, row["uncollateralised_loss"] - row["default_fund_contribution"]), scale),
            ),
            printed=place <= PRINTED_OWNERS,
        )
        for place, row in enumerate(records, 1)
    )
    empty = f"Nothing to report: no owner is in default there; {plural_count(summary.counts.owners, 'owner')} checked."
    return TableView("defaults", caption, columns, rows, empty, left_out(found.height, len(rows), PRINTED_OWNERS, "owner", "owner_summary"))


def _owner(row: Record) -> Cell:
    cell = name_cell(row["name"], row["owner_id"], 40)
    if not row["incomplete"]:
        return cell
    return Cell(cell.text, cell.order, full=cell.full, below=f"{cell.below}; incomplete".removeprefix("; "))


def leading_owners(losses: pl.DataFrame | None, summary: Summary) -> Sequence[str]:
    """The owners of the run's Cover-2 in the basis that is held against resources, with what each loses."""
    cover = summary.cover[SIZING_BASIS].cover_2
    if losses is None or cover.scenario_id is None:
        return ()
    here = losses.filter((pl.col("scenario_id") == cover.scenario_id) & (pl.col("basis") == SIZING_BASIS)).sort("rank").head(len(cover.owners))
    return tuple(
        f"{shortened(named(summary.owner_names.get(row['owner_id']), row['owner_id']), 40)} {money(row['loss'])} "
        f"({percent(row['loss'] / cover.amount)})"
        for row in here.to_dicts()
    )
