"""Histories as text for people at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from stresstest.cli.figures import NOTHING, Formatter, money_of, number, percent
from stresstest.cli.figures import money as plain_money
from stresstest.cli.output import printable, shortened, text_table
from stresstest.errors import counted
from stresstest.results.history_statistics import TRACKED, BookHistory, Disclosure, Tracked, WindowStatistics

NEWEST = 20
"""Runs that are listed; the document (`--json`) and SQL have all."""


def histories_text(folder: Path, books: Sequence[BookHistory]) -> str:
    """Every book: its newest runs, its peaks and means, its disclosure counters."""
    runs = sum(len(book.runs) for book in books)
    head = printable(f"{folder}: {counted(runs, 'run')} of {counted(len(books), 'book')}")
    return "\n\n".join([head, *(_book_text(book) for book in books)])


def _book_text(book: BookHistory) -> str:
    first, last = book.runs[-1]["as_of"], book.runs[0]["as_of"]
    head = f"{book.book}, {book.reporting_currency}: {counted(len(book.runs), 'run')}, {_moment(first)} to {_moment(last)} UTC"
    return "\n\n".join([printable(head), _runs_text(book), _windows_text(book.windows), _disclosures_text(book.disclosures)])


def _runs_text(book: BookHistory) -> str:
    """Newest first; runs whose place another has taken are in brackets."""
    listed = book.runs[:NEWEST]
    amounts = ("cover_1_stress_loss_over_margin", "cover_2_stress_loss_over_margin", "resources", "worst_margin_shortfall")
    money = money_of(row[name] for row in listed for name in amounts)
    header = ("as of", "light", "Cover-1", "Cover-2", "resources", "shortfall", "call", "liquidation", "default", "worst scenario", "result")
    rows = [
        (
            _moment(row["as_of"]) if row["counts"] else f"({_moment(row['as_of'])})",
            row["light"],
            *(money(row[name]) for name in amounts),
            *(_count(row[f"worst_accounts_{status}"]) for status in ("call", "liquidation", "default")),
            shortened(row["worst_scenario_id"] or NOTHING),
            row["result_id"][:12],
        )
        for row in listed
    ]
    lines = [text_table(header, rows, right=frozenset(range(2, 9)))]
    if not all(row["counts"] for row in listed):
        lines.append("In brackets: another run of the same moment counts in its place.")
    if len(book.runs) > len(listed):
        lines.append(f"and {counted(len(book.runs) - len(listed), 'earlier run')}: --json has all")
    return "\n".join(lines)


def _windows_text(windows: Sequence[WindowStatistics]) -> str:
    """A line a figure; peak with its day and mean for each window."""
    header = ["peaks and means", "newest"]
    for each in windows:
        header += [f"{each.days} days: peak", "on", "mean"]
    by_window = [{figure.figure: figure for figure in each.figures} for each in windows]
    values = [v for found in by_window for t in TRACKED if t.unit == "money" for v in (found[t.name].newest, found[t.name].peak)]
    money = money_of(values)
    rows = []
    for tracked in TRACKED:
        cells = [tracked.label, _value(by_window[0][tracked.name].newest, tracked, money)]
        for found in by_window:
            figure = found[tracked.name]
            # Of a peak of zero no day is the day.
            day = _day(figure.peak_as_of if figure.peak else None)
            cells += [_value(figure.peak, tracked, money), day, _value(figure.mean, tracked, money, 1)]
        rows.append(cells)
    right = frozenset(column for column in range(1, len(header)) if header[column] != "on")
    until = _moment(windows[0].until)
    held = ", ".join(f"{counted(each.moments, 'moment')} in {each.days} days" for each in windows)
    return f"{text_table(header, rows, right=right)}\nCalendar days up to {until} UTC: {held}."


def _disclosures_text(disclosures: Sequence[Disclosure]) -> str:
    first = disclosures[0]
    money = money_of(value for each in disclosures for value in (each.peak, each.largest_excess))
    header = ("disclosure", "newest", "peak", "on", "mean", "days above resources", "largest excess", "what")
    rows = [
        (
            each.number,
            money(each.newest),
            money(each.peak),
            _day(each.peak_as_of),
            money(each.mean),
            f"{each.days_above} of {each.days}" + (f" ({each.days_unknown} not stated)" if each.days_unknown else ""),
            money(each.largest_excess),
            each.title + ("; a lower bound, since accounts were excluded" if each.lower_bound else ""),
        )
        for each in disclosures
    ]
    since = NOTHING if first.first is None else f"{first.first.astimezone(UTC):%Y-%m-%d}"
    note = f"CPMI-IOSCO public quantitative disclosures, twelve months up to {_moment(first.until)} UTC; the first run in them is of {since}."
    return f"{text_table(header, rows, right=frozenset({1, 2, 4, 5, 6}))}\n{note}"


def rows_text(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """What a SELECT gave, as a table."""
    right = frozenset(place for place in range(len(columns)) if any(isinstance(row[place], (int, float)) for row in rows))
    return text_table(columns, [[_text(value) for value in row] for row in rows], right=right)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return NOTHING if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _value(value: float | None, tracked: Tracked, money: Formatter, decimals: int = 0) -> str:
    if tracked.unit == "money":
        return money(value)
    return percent(value) if tracked.unit == "ratio" else plain_money(value, decimals)


def _count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _moment(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


def _day(value: datetime | None) -> str:
    return NOTHING if value is None else f"{value.astimezone(UTC):%Y-%m-%d}"
