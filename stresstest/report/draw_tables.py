"""The tables of weighted scenarios: the book, the accounts most likely to fail, and the owners most likely to lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from stresstest.report.answer import Record
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, rank_cell, status_cell, text_cell
from stresstest.report.formats import Scale, count, number, percent, plural_count, scale_for, scaled, significant
from stresstest.report.parts import Cell, Column, Row, TableView
from stresstest.results.draws import DrawFigures
from stresstest.tables import DRAW_LEVELS, MOST_OWNERS

LISTED, PRINTED_ACCOUNTS, PRINTED_OWNERS = 200, 8, 5
"""Rows on screen, and on paper: as many as the two tables of accounts and owners have room for on one page."""

_FIGURES = {"loss": "Loss of the book", "margin_shortfall": "Margin shortfall", "uncollateralised_loss": "Uncollateralised loss"}


def family_words(figures: DrawFigures) -> str:
    """How many scenarios a family has, and over what horizon."""
    return f"{plural_count(figures.scenarios, 'scenario')} over {horizon_words(figures.horizon_days)}"


def horizon_words(days: float) -> str:
    """A horizon in days, in words."""
    return f"{significant(days)} day{'' if days == 1 else 's'}"


def sound_at_base(probable: pl.DataFrame) -> pl.DataFrame:
    """Accounts that have not failed already."""
    return probable.filter(~pl.col("base_status").is_in(["liquidation", "default"]))


def in_order_of_families(rows: pl.DataFrame, figures: Sequence[DrawFigures]) -> pl.DataFrame:
    """The rows with the place of their family on the page."""
    places = [(told.family, told.horizon_days, place) for place, told in enumerate(figures)]
    known = pl.DataFrame(places, schema={"family": pl.String, "horizon_days": pl.Float64, "place": pl.Int64}, orient="row")
    return rows.join(known, on=["family", "horizon_days"], how="left", maintain_order="left")


def likeliest_first(probable: pl.DataFrame) -> pl.DataFrame:
    """The accounts by probability of default, then of liquidation, then by expected margin shortfall, largest first."""
    order = ("p_default", "p_liquidation", "margin_shortfall", "account_id", "family", "horizon_days")
    return probable.sort(*order, descending=[True, True, True, False, False, False])


def _amount(row: Record, name: str, scale: Scale) -> Cell:
    error = row[f"{name}_standard_error"]
    return _with_error(scaled(row[name], scale), row[name], scaled(error, scale) if error else None)


def _with_error(value: str, order: float, error: str | None) -> Cell:
    return Cell(value, order, "zero" if order == 0.0 else "negative" if order < 0.0 else "", below="" if error is None else f"± {error}")


def _percent_with_error(value: float, error: float) -> Cell:
    def plain(ratio: float) -> str:
        return percent(ratio, 1).removesuffix("\N{NO-BREAK SPACE}%")

    return _with_error(plain(value), value, plain(error) if error > 0.0 else None)


def _family_cell(family: str, days: float) -> Cell:
    cell = text_cell(family, 24)
    return Cell(cell.text, cell.order, full=cell.full, below=horizon_words(days))


_CHANCE = "Below a figure is its Monte Carlo standard error: what chance in the draws may have done to it, taking the scenarios as independent draws."


_FIRST = "The largest family of scenarios comes first."


def book_table(statistics: pl.DataFrame, families: Sequence[DrawFigures], currency: str) -> TableView:
    """Mean, standard deviation, value at risk and expected shortfall of the book, a row a family and figure."""
    records = statistics.filter(pl.col("figure") != "owners_in_default").to_dicts()
    scale = scale_for([row["value"] for row in records])
    unit = scale.unit(currency)
    risk, tail = "Value at risk", "Expected shortfall"
    columns = (
        Column("Scenarios", "text", 16),
        Column("Figure", "text", 15),
        Column("Mean", "number", 8, unit),
        Column("Standard deviation", "number", 9, unit),
        *(Column(f"{level * 100:g} %", "number", 8, unit, risk) for level in DRAW_LEVELS),
        *(Column(f"{level * 100:g} %", "number", 8, unit, tail) for level in DRAW_LEVELS),
        Column("In the tail", "number", 7, f"at {DRAW_LEVELS[-1] * 100:g} %"),
    )
    found: dict[tuple[object, ...], Record] = {
        (row["family"], row["horizon_days"], row["figure"], row["measure"], row["level"]): row for row in records
    }
    rows = []
    for told in families:
        for figure, label in _FIGURES.items():
            cells = []
            measures: list[tuple[str, float | None]] = [("mean", None), ("standard_deviation", None)]
            measures += [(measure, level) for measure in ("value_at_risk", "expected_shortfall") for level in DRAW_LEVELS]
            for measure, level in measures:
                row = found.get((told.family, told.horizon_days, figure, measure, level))
                if row is None:
                    cells.append(amount_cell(None, scale))
                else:
                    error = row["standard_error"]
                    cells.append(_with_error(scaled(row["value"], scale), row["value"], scaled(error, scale) if error else None))
            name = text_cell(told.family, 24)
            about = Cell(name.text, name.order, full=name.full, below=family_words(told))
            last = found[told.family, told.horizon_days, figure, "expected_shortfall", DRAW_LEVELS[-1]]
            rows.append(Row((about, text_cell(label), *cells, count_cell(last["scenarios_in_tail"]))))
    meaning = (
        "Over scenarios that have a weight, as probabilities. Value at risk: the loss that is not exceeded with that probability. Expected "
        f"shortfall: the mean of the worst rest. In the tail: scenarios that it is the mean of. A loss below zero is a gain. {_CHANCE}"
    )
    return TableView(
        "draws-book", "The book over weighted scenarios", columns, tuple(rows), "Nothing to report: no scenario has a weight.", (meaning,)
    )


def accounts_table(probable: pl.DataFrame, names: Mapping[str, str | None], several: bool, currency: str, accounts: int) -> TableView:
    """Accounts that are sound at base and fail in some weighted scenario, the most likely first. `several`: families are told apart."""
    sound = likeliest_first(sound_at_base(probable).filter(pl.col("p_liquidation") > 0.0))
    failed = probable.height - sound_at_base(probable).height
    records = sound.sort("place", maintain_order=True).head(LISTED).to_dicts()
    scale = scale_for([row["margin_shortfall"] for row in records])
    unit = scale.unit(currency)
    chance = "Probability at the horizon"
    columns = (
        Column("Rank", "number", 4),
        Column("Account", "text", 24),
        Column("Owner", "text", 14),
        *((Column("Scenarios", "text", 12),) if several else ()),
        Column("At base", "status", 9),
        Column("Default", "number", 9, "%", chance),
        Column("Default or liquidation", "number", 11, "%", chance),
        Column("Survival", "number", 9, "%", chance),
        Column("Margin shortfall", "number", 11, f"{unit}, expected"),
        Column("Uncollateralised loss", "number", 12, f"{unit}, expected"),
    )
    rows = tuple(
        Row(
            (
                rank_cell(place),
                name_cell(names.get(row["account_id"]), row["account_id"], 40),
                text_cell(row["owner_id"], 24),
                *((_family_cell(row["family"], row["horizon_days"]),) if several else ()),
                status_cell(row["base_status"]),
                _percent_with_error(row["p_default"], row["p_default_standard_error"]),
                _percent_with_error(row["p_liquidation"], row["p_liquidation_standard_error"]),
                Cell(number(100 * row["survival_probability"], 1), row["survival_probability"]),
                _amount(row, "margin_shortfall", scale),
                amount_cell(row["uncollateralised_loss"], scale),
            ),
            printed=place <= PRINTED_ACCOUNTS,
        )
        for place, row in enumerate(records, 1)
    )
    meaning = (
        "Sound at base, by probability of default, then of liquidation. At the end of the horizon, with today's positions: what is liquidated on "
        f"the way and recovers counts as a survivor. {_CHANCE}"
    )
    notes = [meaning, *([_FIRST] if several else [])]
    if failed:
        notes.append(
            f"Accounts in liquidation or default at base are left out ({count(failed)}); they are in the table account_probabilities of the run."
        )
    notes += left_out(sound.height, len(rows), PRINTED_ACCOUNTS, "account", "account_probabilities", "most likely")
    empty = (
        f"Nothing to report: of {plural_count(accounts, 'account')} none that is sound at base is in liquidation or default in any weighted scenario."
    )
    return TableView("draws-accounts", "Accounts most likely to fail", columns, rows, empty, tuple(notes))


def owners_table(owners: pl.DataFrame, several: bool, currency: str) -> TableView:
    """Owners by expected shortfall of what they leave others to pay, then of their margin shortfall. `several`: families are told apart."""
    key = ["family", "horizon_days", "owner_id", "name", "place"]
    tail = "expected_shortfall_97_5"
    wanted = ("mean", "mean_standard_error", "quantile_99", "maximum", tail, f"{tail}_standard_error")
    sides = [
        owners.filter(pl.col("figure") == figure).select(*key, *(pl.col(name).alias(f"{figure}_{name}") for name in wanted))
        for figure in ("uncollateralised_loss", "margin_shortfall")
    ]
    both = sides[0].join(sides[1].drop("name", "place"), on=key[:3], how="left")
    order = ("place", f"uncollateralised_loss_{tail}", f"margin_shortfall_{tail}", "owner_id")
    ranked = both.sort(*order, descending=[False, True, True, False])
    records = ranked.head(LISTED).to_dicts()
    # Not by the worst, which is a thousand times the mean of those who fail seldom: their means would all be below one.
    scale = scale_for([row[f"margin_shortfall_{tail}"] for row in records])
    unit = scale.unit(currency)
    loss, short = "Uncollateralised loss", "Margin shortfall"
    columns = (
        Column("Rank", "number", 4),
        Column("Owner", "text", 24),
        *((Column("Scenarios", "text", 12),) if several else ()),
        *(
            Column(label, "number", 9, unit, group)
            for group in (loss, short)
            for label in ("Mean", "99th percentile", "Worst", "Expected shortfall 97.5 %")
        ),
    )
    rows = tuple(
        Row(
            (
                rank_cell(place),
                name_cell(row["name"], row["owner_id"], 40),
                *((_family_cell(row["family"], row["horizon_days"]),) if several else ()),
                *(
                    cell
                    for figure in ("uncollateralised_loss", "margin_shortfall")
                    for cell in (
                        _amount(row, f"{figure}_mean", scale),
                        amount_cell(row[f"{figure}_quantile_99"], scale),
                        amount_cell(row[f"{figure}_maximum"], scale),
                        _amount(row, f"{figure}_{tail}", scale),
                    )
                ),
            ),
            printed=place <= PRINTED_OWNERS,
        )
        for place, row in enumerate(records, 1)
    )
    notes = [
        *([_FIRST] if several else []),
        "By expected shortfall of the uncollateralised loss, netting groups netted, then of the margin shortfall. " + _CHANCE,
    ]
    if max((each.height for each in ranked.partition_by(*key[:2])), default=0) == MOST_OWNERS:
        notes.append(f"Of a family the {count(MOST_OWNERS)} owners with the largest expected losses are in the table.")
    notes += left_out(ranked.height, len(rows), PRINTED_OWNERS, "owner", "owner_distribution")
    empty = "Nothing to report: no owner has a margin shortfall or an uncollateralised loss in any weighted scenario."
    return TableView("draws-owners", "How owners' losses are spread", columns, rows, empty, tuple(notes))
