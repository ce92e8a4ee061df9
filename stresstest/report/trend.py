"""The trend page: this run as the newest of a series, with peaks and means, and the counters of public disclosures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cells import amount_cell, count_cell, plain_cell, text_cell
from stresstest.report.formats import HALF_A_CENT, MISSING, Scale, count, money, number, percent, plural_count, scale_for, shortened, shown
from stresstest.report.parts import Cell, Column, OverTime, Row, TableView, TimeLine
from stresstest.report.view import TrendPage
from stresstest.results.history_statistics import TRACKED, WINDOWS, Disclosure, Tracked, WindowStatistics, disclosures, window

PRINTED_RUNS = 8
LISTED_RUNS = 366
LISTED_CHANGES = 4

_COVER = "cover_2_stress_loss_over_margin"


def trend_page(trend: pl.DataFrame | None, names: Names, currency: str) -> TrendPage | None:
    """The page of a run that looked back on a history; None for one that has none."""
    if trend is None:
        return None
    rows = trend.sort("as_of").to_dicts()
    book = shortened(shown(rows[-1]["book"]), 60)
    if len(rows) < 2:
        nothing = f"There is no earlier run of {book} in the history, in the twelve months before this one: nothing to compare with."
        return TrendPage(nothing, (), (), (), None, None, None, None)
    windows = [window(trend, days) for days in WINDOWS]
    counters = disclosures(trend)
    return TrendPage(
        summary=_summary(rows, counters[1], book, names, currency),
        notes=_changes(rows),
        figures=(_figures(windows, currency, amounts=True), _figures(windows, currency, amounts=False)),
        disclosures=(_disclosures(counters, names, currency), _runs(rows, currency)),
        cover=_over_time(rows, (("Cover-2", _COVER, False), ("resources", "resources", True), ("Cover-1", _COVER.replace("2", "1"), False)), True),
        shortfall=_over_time(rows, (("shortfall", "worst_margin_shortfall", False),), True),
        status=_over_time(rows, (("in default", "worst_accounts_default", False), ("in liquidation", "worst_accounts_liquidation", False)), False),
        checks=_over_time(rows, (("warnings", "checks_warn", False), ("failed", "checks_fail", False)), False),
    )


def _summary(rows: Sequence[Mapping[str, Any]], cover: Disclosure, book: str, names: Names, currency: str) -> str:
    """What a reader is told first: how long the series is, and where Cover-2 stands in it."""
    head = f"{plural_count(len(rows), 'moment')} of {book} since {_day(rows[0]['as_of'])}, this run the newest."
    if cover.peak is None or cover.newest is None:
        return f"{head} This run has no headline scenario, so it says nothing of Cover-N."
    scenario = "" if cover.peak_scenario_id is None else f" ({_name(cover.peak_scenario_id, names)})"
    above = f"It was above the resources of its run on {count(cover.days_above)} of {plural_count(cover.days, 'day')}"
    unknown = f"; {count(cover.days_unknown)} of them state no resources" if cover.days_unknown else ""
    return (
        f"{head} Cover-2 by stress loss over margin is {currency} {money(cover.newest)}; its peak of twelve months is {money(cover.peak)} "
        f"on {_day(cover.peak_as_of)}{scenario}, its mean {money(cover.mean)}. {above}{unknown}."
    )


def _changes(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """When scenarios, rules or program changed, which may be why a line moves."""
    found = []
    for column, what in (("scenarios_sha256", "Scenarios"), ("margin_sha256", "Margin rules"), ("code_version", "The version of stresstest")):
        days = [_day(after["as_of"]) for before, after in pairwise(rows) if before[column] != after[column]]
        if days:
            more = f" and {count(len(days) - LISTED_CHANGES)} times before" if len(days) > LISTED_CHANGES else ""
            found.append(f"{what} changed with the run of {', '.join(reversed(days[-LISTED_CHANGES:]))}{more}.")
    return tuple(found)


def _over_time(rows: Sequence[Mapping[str, Any]], lines: Sequence[tuple[str, str, bool]], amounts: bool) -> OverTime | None:
    """The data of a chart; None where there is nothing but zeros. The peak is that of the first line."""
    newest = rows[-1]["as_of"]
    values = [tuple(None if row[column] is None else float(row[column]) for row in rows) for _, column, _ in lines]
    if not any(value is not None and value >= HALF_A_CENT for line in values for value in line):
        return None
    first = [(value, -place) for place, value in enumerate(values[0]) if value]
    return OverTime(
        days=tuple((row["as_of"] - newest).total_seconds() / 86_400 for row in rows),
        dates=tuple(_day(row["as_of"]) for row in rows),
        lines=tuple(
            TimeLine(name, line, limit) for (name, _, limit), line in zip(lines, values, strict=True) if any(value is not None for value in line)
        ),
        amounts=amounts,
        peak=-max(first)[1] if first else None,
        windows=WINDOWS,
    )


def _figures(windows: Sequence[WindowStatistics], currency: str, *, amounts: bool) -> TableView:
    tracked = [each for each in TRACKED if (each.unit == "money") == amounts]
    by_window = [{figure.figure: figure for figure in each.figures} for each in windows]
    known = [value for found in by_window for each in tracked for value in (found[each.name].newest, found[each.name].peak) if value is not None]
    scale = scale_for(known if amounts else [])
    unit = scale.unit(currency) if amounts else ""
    columns = [Column("Amounts" if amounts else "Counts and ratios", "text", 20), Column("This run", "number", 7.5, unit)]
    for past in windows:
        group = f"{past.days} days, {plural_count(past.moments, 'moment')}"
        columns += [Column("Peak", "number", 7.5, unit, group), Column("on", "text", 9.5, "", group), Column("Mean", "number", 7.5, unit, group)]
    rows = []
    for each in tracked:
        cells = [text_cell(_label(each), 48), _value(by_window[0][each.name].newest, each, scale)]
        for found in by_window:
            figure = found[each.name]
            on = text_cell(_day(figure.peak_as_of) if figure.peak else MISSING)
            cells += [_value(figure.peak, each, scale), on, _value(figure.mean, each, scale, mean=True)]
        rows.append(Row(tuple(cells)))
    name = "trend-amounts" if amounts else "trend-counts"
    return TableView(name, "Peaks and means" if amounts else "Peaks and means of counts", tuple(columns), tuple(rows), "")


def _label(tracked: Tracked) -> str:
    return f"{tracked.label}, %" if tracked.unit == "ratio" else tracked.label


def _value(value: float | None, tracked: Tracked, scale: Scale, *, mean: bool = False) -> Cell:
    if tracked.unit == "money":
        return amount_cell(value, scale)
    order = float("-inf") if value is None else value
    if tracked.unit == "ratio":
        return Cell(percent(value, 1).removesuffix("\N{NO-BREAK SPACE}%"), order)
    return Cell(number(value, 1), order, "zero" if value == 0 else "") if mean else count_cell(value)


def _disclosures(counters: Sequence[Disclosure], names: Names, currency: str) -> TableView:
    scale = scale_for([value for each in counters for value in (each.peak, each.largest_excess) if value is not None])
    unit = scale.unit(currency)
    year, above = "Twelve months", "Above the resources of the run"
    columns = (
        Column("Field", "text", 5),
        Column("What", "text", 24),
        Column("This run", "number", 8, unit),
        Column("Peak", "number", 8, unit, year),
        Column("on", "text", 9.5, "", year),
        Column("Scenario", "text", 14.5, "", year),
        Column("Mean", "number", 8, unit, year),
        Column("Days", "number", 5, "", above),
        Column("Of days with a run", "number", 6, "", above),
        Column("Largest excess", "number", 8, unit, above),
    )
    rows = tuple(
        Row(
            (
                text_cell(each.number),
                text_cell(each.title + (" (a lower bound: accounts were excluded)" if each.lower_bound else ""), 120),
                amount_cell(each.newest, scale),
                amount_cell(each.peak, scale),
                text_cell(_day(each.peak_as_of)),
                text_cell(MISSING if each.peak_scenario_id is None else _name(each.peak_scenario_id, names), 48),
                amount_cell(each.mean, scale),
                count_cell(each.days_above),
                plain_cell(each.days),
                amount_cell(each.largest_excess, scale),
            )
        )
        for each in counters
    )
    first = counters[0].first
    notes = [
        "Fields of the CPMI-IOSCO public quantitative disclosures for central counterparties (2015). A participant with its affiliates is an owner.",
        f"Days are those with a run{'' if first is None else f', since {_day(first)}'}, not business days.",
    ]
    if counters[0].days_unknown:
        notes.append(f"On {plural_count(counters[0].days_unknown, 'day')} a run states no resources, and is not known to be above them.")
    return TableView("disclosures", "Public disclosures", columns, rows, "", tuple(notes))


def _runs(rows: Sequence[Mapping[str, Any]], currency: str) -> TableView:
    """The series itself, newest first: what the charts are drawn from."""
    amounts = ("cover_1_stress_loss_over_margin", _COVER, "resources", "worst_margin_shortfall")
    scale = scale_for([float(row[name]) for row in rows for name in amounts if row[name] is not None])
    unit = scale.unit(currency)
    accounts, checks = "Accounts in the worst scenario", "Data checks"
    columns = (
        Column("As of", "text", 12, "UTC"),
        Column("Light", "text", 6),
        Column("Cover-1", "number", 9, unit),
        Column("Cover-2", "number", 9, unit),
        Column("Resources", "number", 9, unit),
        Column("Worst shortfall", "number", 9, unit),
        Column("Call", "number", 6, "", accounts),
        Column("Liquidation", "number", 8, "", accounts),
        Column("Default", "number", 6, "", accounts),
        Column("Warnings", "number", 7, "", checks),
        Column("Failed", "number", 6, "", checks),
        Column("Result", "text", 10),
    )
    listed = list(reversed(rows))[:LISTED_RUNS]
    cells = (
        (
            text_cell(f"{row['as_of'].astimezone(UTC):%Y-%m-%d %H:%M}"),
            text_cell(row["light"]),
            *(amount_cell(row[name], scale) for name in amounts),
            *(count_cell(row[f"worst_accounts_{status}"]) for status in ("call", "liquidation", "default")),
            count_cell(row["checks_warn"]),
            count_cell(row["checks_fail"]),
            text_cell(row["result_id"][:12]),
        )
        for row in listed
    )
    notes = ["Cover by stress loss over margin. Of each moment one run is listed, of several of one specification the last."]
    if len(rows) > PRINTED_RUNS:
        notes.append(f"On paper the newest {PRINTED_RUNS} are listed, on screen {count(len(listed))}; all are in the table trend of the run.")
    table = tuple(Row(each, printed=place < PRINTED_RUNS) for place, each in enumerate(cells))
    return TableView("runs", "The series", columns, table, "", tuple(notes))


def _name(scenario_id: str, names: Names) -> str:
    return shortened(names.get(scenario_id, shown(scenario_id)), 60)


def _day(moment: datetime | None) -> str:
    return MISSING if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d}"
