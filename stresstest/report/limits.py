"""The page of limits: every limit with its thresholds, value and status, how much of it is used, since when it is in breach, and what measures it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.answer import Names
from stresstest.report.cells import count_cell, percent_cell, text_cell
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.formats import MISSING, beginning, chart_label, count, money, number, plural_count, shown, significant
from stresstest.report.parts import Cell, Column, Row, TableView, Tone, Utilisation
from stresstest.report.view import LimitsPage
from stresstest.results.limit_counts import LimitCounts

_WORDS: dict[str, tuple[str, Tone]] = {"red": ("Red", "fail"), "unknown": ("Unknown", "warn"), "amber": ("Amber", "warn"), "green": ("Green", "pass")}
_ORDER = {status: place for place, status in enumerate(_WORDS)}
_UNITS = {"count": "", "number": "", "share": "%", "ratio": "\N{MULTIPLICATION SIGN}", "days": "days"}
CHARTED = 24
"""Bars of the chart; the table has every limit."""


def limits_page(limits: pl.DataFrame | None, history: pl.DataFrame | None, counts: LimitCounts, currency: str, subjects: Names) -> LimitsPage | None:
    """The page of a run with limits; None for one without.

    Args:
        limits: the table `limits`.
        history: the table `limit_history`; None where the run had no history.
        counts: what `summary.json` says of them.
        currency: of amounts.
        subjects: display names of what values may be about: scenarios.
    """
    if limits is None or not limits.height:
        return None
    records = sorted(limits.to_dicts(), key=lambda row: (_ORDER[row["status"]], row["place"]))
    before = {} if history is None else {row["name"]: row for row in history.to_dicts()}
    return LimitsPage(
        summary=_summary(counts, limits.height),
        utilisation=tuple(_bar(row) for row in records if row["utilisation"] is not None)[:CHARTED],
        table=_table(records, None if history is None else before, currency, subjects),
        measures=_measures(records),
    )


def _summary(counts: LimitCounts, total: int) -> str:
    found = [f"{count(number)} {status}" for status in ("red", "unknown", "amber") if (number := getattr(counts, status))]
    if not found:
        return f"{plural_count(total, 'limit')} checked: all within their thresholds."
    text = f"{plural_count(total, 'limit')} checked: {', '.join(found)}, {count(counts.green)} green. A value on a threshold is within it."
    return text + (" A limit that could not be measured counts as amber." if counts.unknown else "")


def _bar(row: Mapping[str, Any]) -> Utilisation:
    word, tone = _WORDS[row["status"]]
    amber = None
    if row["amber"] is not None and row["amber"] > 0:
        amber = row["amber"] / row["red"] if row["worse"] == "above" else row["red"] / row["amber"]
    return Utilisation(chart_label(row["name"], row["name"], NAME_EMS), row["utilisation"], amber, word, tone)


def _status(value: str | None) -> Cell:
    if value is None:
        return Cell(MISSING, float(len(_ORDER)))
    word, tone = _WORDS[value]
    return Cell(word, float(_ORDER[value]), tone)


def figure(value: float | None, unit: str) -> str:
    """A value of a limit without its unit, which stands beside it.

    >>> figure(0.0525, "share"), figure(1.2, "ratio"), figure(12_345_678.0, "money"), figure(3.0, "count"), figure(None, "days")
    ('5.25', '1.20', '12.3m', '3', '—')
    """
    if value is None:
        return MISSING
    if unit == "money":
        return money(value)
    if unit == "share":
        text = number(100 * value, 2)
        return text.rstrip("0").rstrip(".") if "." in text else text
    if unit == "ratio":
        return number(value, 2)
    return significant(value)


def _value_cell(value: float | None, unit: str) -> Cell:
    tone: Tone = "negative" if value is not None and value < 0 else ""
    return Cell(figure(value, unit), float("-inf") if value is None else value, tone)


def _threshold(row: Mapping[str, Any], name: str) -> Cell:
    """A threshold with the side that is beyond it."""
    value = row[name]
    if value is None:
        return Cell(MISSING, float("-inf"))
    return Cell(f"{'>' if row['worse'] == 'above' else '<'}\N{NO-BREAK SPACE}{figure(value, row['unit'])}", value)


def _table(records: Sequence[Mapping[str, Any]], before: Mapping[str, Mapping[str, Any]] | None, currency: str, subjects: Names) -> TableView:
    columns = (
        Column("Status", "status", 7),
        Column("Limit", "text", 20),
        Column("About", "text", 15),
        Column("Value", "number", 7),
        Column("Unit", "text", 7),
        Column("amber", "number", 7, group="Beyond it is"),
        Column("red", "number", 7, group="Beyond it is"),
        Column("Used", "number", 6, "% of red"),
        Column("Last run", "status", 8),
        Column("In breach", "number", 6, "days"),
        Column("Responsible", "text", 10),
    )
    rows = []
    for row in records:
        past = None if before is None else before.get(row["name"])
        named = text_cell(row["name"], 60)
        about = subjects.get(row["subject"] or "", row["subject"])
        cells = (
            _status(row["status"]),
            Cell(named.text, named.order, full=named.full, below=beginning(shown(row["scope"]), 80) if row["scope"] else ""),
            text_cell(about if row["reason"] is None else row["reason"] if row["value"] is None else f"{about}; {row['reason']}", 140),
            _value_cell(row["value"], row["unit"]),
            text_cell(currency if row["unit"] == "money" else _UNITS[row["unit"]]),
            _threshold(row, "amber"),
            _threshold(row, "red"),
            percent_cell(row["utilisation"]),
            _status(None if past is None else past["previous_status"]),
            count_cell(None if past is None else past["days_in_breach"]),
            text_cell(row["owner"], 40),
        )
        rows.append(Row(cells))
    notes = ["Red first, then unknown and amber."]
    if before is None:
        notes.append("This run has no history, so the status in the run before and the days in breach are not known.")
    else:
        notes.append("Last run: the one before of this book; in breach: days with a run since it was last green, this one included.")
    return TableView("limits", "Limits", columns, tuple(rows), "The run file sets no limit.", tuple(notes))


def _sentence(text: str | None) -> str | None:
    return text and text[:1].upper() + text[1:].replace("`", "")


def _measures(records: Sequence[Mapping[str, Any]]) -> TableView:
    columns = (Column("Limit", "text", 20), Column("What it measures", "text", 36), Column("SELECT over the result tables", "text", 44))
    rows = tuple(
        Row(
            (
                text_cell(row["name"], 60, below=f"built in: {row['built_in']}" if row["built_in"] else "SQL of the run file"),
                text_cell(_sentence(row["description"]), 300),
                text_cell(" ".join(row["sql"].split()), 600),
            ),
            # What a built-in limit measures is the same in every run; what the book's own SQL does belongs on paper.
            printed=row["built_in"] is None,
        )
        for row in records
    )
    note = "On paper only those of the run file's own SQL are listed; built-in ones are on screen and in the table limits of the run."
    notes = [note] if any(row["built_in"] for row in records) else []
    return TableView("limit-measures", "What the limits measure", columns, rows, "The run file sets no limit.", tuple(notes))
