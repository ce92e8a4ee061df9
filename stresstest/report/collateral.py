"""The collateral page: what is posted where, what the worst headline scenario does to it, and where it falls together with its holders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from stresstest.report.answer import BASE, Names
from stresstest.report.cells import amount_cell, count_cell, left_out, percent_cell, text_cell
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.formats import HALF_A_CENT, chart_label, money, percent, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Cell, Column, Pair, PairedBars, Row, TableView
from stresstest.report.view import CollateralPage
from stresstest.results.summary import Summary

PRINTED_LINES = 12
LISTED_LINES = 300
CHARTED = 8

WRONG_WAY_SHARE = 0.5
"""A line is flagged when at least this part of its loss falls on accounts whose positions lose in the same scenario."""
WRONG_WAY_LEAST = 0.001
"""Losses below this part of all collateral are not flagged: a flag on everything is none."""

_KEYS = ("asset", "location")


def collateral_page(collateral: pl.DataFrame | None, summary: Summary, names: Names) -> CollateralPage | None:
    """The page of a run that has the table collateral_summary; None for one that has not, or that stressed nothing."""
    if collateral is None or summary.worst is None:
        return None
    currency, worst = summary.run.reporting_currency, summary.worst.scenario_id
    lines = _joined(collateral, worst)
    scenario = shortened(names.get(worst, shown(worst)), 70)
    return CollateralPage(
        scenario,
        _summary(lines, scenario, currency),
        _chart(lines, "asset"),
        _chart(lines, "location"),
        _table(lines, _sum(lines, "value_base"), currency),
    )


def _joined(collateral: pl.DataFrame, worst: str) -> pl.DataFrame:
    """One line for each asset and location: figures at base with `_base`, those in the worst scenario bare; largest value at base first."""
    base = collateral.filter(pl.col("scenario_id") == BASE)
    there = collateral.filter(pl.col("scenario_id") == worst)
    return there.join(base, on=_KEYS, how="left", suffix="_base", nulls_equal=True).sort(
        "value_base", *_KEYS, descending=[True, False, False], nulls_last=True
    )


def _sum(lines: pl.DataFrame, column: str) -> float:
    """In the order of lines: a frame's own sum may differ in its last bit from run to run."""
    return float(sum(lines[column].to_list()))


def wrong_way(row: dict[str, float], total: float) -> bool:
    """Whether a line loses where its holders' positions lose too: most of its loss, and a loss that counts among all collateral."""
    return row["loss"] > WRONG_WAY_LEAST * total and row["wrong_way_loss"] >= WRONG_WAY_SHARE * row["loss"]


def _summary(lines: pl.DataFrame, scenario: str, currency: str) -> str:
    base, stressed, counted = (_sum(lines, column) for column in ("value_base", "value", "value_after_haircut"))
    if base <= 0:
        return "Nothing to report: no collateral is posted."
    text = (
        f"Deposits of {currency} {money(base)} at base are worth {money(stressed)} in {scenario} "
        f"({_change(stressed / base - 1.0)}) and count for {money(counted)} after haircuts ({percent(counted / base)} of their value at base)."
    )
    return f"{text} {_wrong_way_words(lines, base, currency)}"


def _wrong_way_words(lines: pl.DataFrame, base: float, currency: str) -> str:
    """How much of all that collateral loses is lost the wrong way, then how much of the assets with a flagged line: at all their locations."""
    records = lines.to_dicts()
    lost, wrong = _lost(records)
    if lost < HALF_A_CENT:
        return "No collateral loses value there."
    text = (
        f"Of the {currency} {money(lost)} that collateral loses, {money(wrong)} ({percent(wrong / lost)}) falls on accounts whose positions lose too"
    )
    flagged = list(dict.fromkeys(row["asset"] for row in records if wrong_way(row, base)))
    if not flagged:
        return f"{text}; no line is flagged as wrong-way."
    lost, wrong = _lost([row for row in records if row["asset"] in flagged])
    assets = f"{', '.join(shortened(shown(asset), 24) for asset in flagged[:6])}{f' and {len(flagged) - 6} more' if len(flagged) > 6 else ''}"
    return f"{text}. Flagged as wrong-way: {assets}, with {money(wrong)} of {money(lost)} lost at all locations together."


def _lost(records: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """What the lines that lose value lose, and the part of it in accounts whose positions lose too."""
    losing = [row for row in records if row["loss"] > 0]
    return sum(row["loss"] for row in losing), sum(row["wrong_way_loss"] for row in losing)


def _change(ratio: float) -> str:
    return f"{'+' if ratio > 0 else ''}{percent(ratio, 1)}"


def _chart(lines: pl.DataFrame, by: str) -> PairedBars:
    """The largest assets, or locations: value at base, and what it counts for in the worst scenario."""
    totals: dict[str, list[float]] = {}
    for row in lines.to_dicts():
        sums = totals.setdefault(row[by] or "no location", [0.0, 0.0])
        sums[0] += row["value_base"] or 0.0
        sums[1] += row["value_after_haircut"]
    largest = sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))[:CHARTED]
    pairs = tuple(Pair(chart_label(None, name, NAME_EMS), counted, value) for name, (value, counted) in largest)
    return PairedBars(pairs, "counts", "at base")


def _table(lines: pl.DataFrame, total: float, currency: str) -> TableView:
    records = lines.head(LISTED_LINES).to_dicts()
    scale = scale_for([float(row[name] or 0.0) for row in records for name in ("value_base", "value", "borrowed_value")])
    unit = scale.unit(currency)
    before, after, wrong, borrowed = "At base", "In the worst scenario", "Loss", "Borrowed"
    columns = (
        Column("Asset", "text", 9.5),
        Column("Class", "text", 8),
        Column("Location", "text", 11.5),
        Column("Accounts", "number", 5.5),
        Column("Value", "number", 7.5, unit, before),
        Column("Share", "number", 5, "%", before),
        Column("Haircut", "number", 5.5, "%", before),
        Column("Price", "number", 6, "change, %", after),
        Column("Held", "number", 5, "%", after),
        Column("Value", "number", 7.5, unit, after),
        Column("Haircut", "number", 5.5, "%", after),
        Column("Counts", "number", 7.5, unit, after),
        Column("Loss", "number", 7, unit, wrong),
        Column("Wrong way", "number", 7, unit, wrong),
        Column("Flag", "status", 8, "", wrong),
        Column("Value", "number", 6.5, unit, borrowed),
    )
    flags = [wrong_way(row, total) for row in records]
    # Paper has the largest lines, and always those with a flag: a loss that the page speaks of is there to see.
    printed = set(sorted(range(len(records)), key=lambda place: (not flags[place], place))[:PRINTED_LINES])
    rows = []
    for place, (row, flagged) in enumerate(zip(records, flags, strict=True)):
        rows.append(
            Row(
                (
                    text_cell(row["asset"], 24),
                    text_cell(row["asset_class"], 16),
                    text_cell(row["location"], 24),
                    count_cell(row["accounts"]),
                    amount_cell(row["value_base"], scale),
                    percent_cell(_ratio(row["value_base"], total), 1),
                    percent_cell(_haircut(row["value_after_haircut_base"], row["value_base"]), 1),
                    percent_cell(_less_one(row["price"], row["price_base"]), 1),
                    percent_cell(row["holding_share"]),
                    amount_cell(row["value"], scale),
                    percent_cell(_haircut(row["value_after_haircut"], row["value"]), 1),
                    amount_cell(row["value_after_haircut"], scale),
                    amount_cell(row["loss"], scale),
                    amount_cell(row["wrong_way_loss"], scale),
                    Cell("Wrong way", 1.0, "warn") if flagged else Cell("", 0.0),
                    amount_cell(row["borrowed_value"], scale),
                ),
                printed=place in printed,
            )
        )
    which = "largest, flagged ones among them," if any(flags) else "largest"
    wrong_way_rule = (
        f"Wrong way: the part of the loss in accounts whose positions lose in the same scenario; flagged where it is {percent(WRONG_WAY_SHARE)} of "
        f"the line's loss or more, and the loss above {percent(WRONG_WAY_LEAST, 1)} of all collateral."
    )
    notes = (
        "Haircut: one less what counts for maintenance over value, on average over the pools that hold it, bands and collateral ratios included.",
        wrong_way_rule,
        *left_out(lines.height, len(records), PRINTED_LINES, "line", "collateral_summary", which),
    )
    empty = f"Nothing to report: no collateral is posted; {plural_count(0, 'line')}."
    return TableView("collateral", "Collateral by asset and location", columns, tuple(rows), empty, notes)


def _ratio(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole


def _less_one(now: float | None, before: float | None) -> float | None:
    ratio = _ratio(now, before)
    return None if ratio is None else ratio - 1.0


def _haircut(counted: float | None, value: float | None) -> float | None:
    ratio = _ratio(counted, value)
    return None if ratio is None else 1.0 - ratio
