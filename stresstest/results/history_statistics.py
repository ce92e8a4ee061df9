"""Peaks and means of the runs of a book over windows of calendar days, and the counters of public disclosures.

A window of N days ends at the newest moment and begins, exclusive, N calendar days (of 24 hours) before it; twelve months begin after the same
moment of the year before. Every moment counts once (`trend.series`), and a moment without the figure (no headline scenario) does not count. A mean
is the sum, rounded once, over their number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import polars as pl
from pydantic import AwareDatetime

from stresstest.results.documents import Document
from stresstest.results.trend import series, year_before

WINDOWS = (30, 90, 250)
"""Calendar days that are looked back on where nothing else is asked."""

Unit = Literal["money", "ratio", "accounts", "checks"]


@dataclass(frozen=True)
class Tracked:
    """A figure that is followed: its column in `runs`, what it is called, and what it is counted in."""

    name: str
    label: str
    unit: Unit


COVERAGE = "cover_2_over_resources"
"""Cover-2 by stress loss over margin, divided by the resources of the same run; null where they are not stated or zero."""

TRACKED: tuple[Tracked, ...] = (
    Tracked("cover_1_stress_loss_over_margin", "Cover-1, stress loss over margin", "money"),
    Tracked("cover_2_stress_loss_over_margin", "Cover-2, stress loss over margin", "money"),
    Tracked("cover_1_uncollateralised_loss", "Cover-1, uncollateralised loss", "money"),
    Tracked("cover_2_uncollateralised_loss", "Cover-2, uncollateralised loss", "money"),
    Tracked(COVERAGE, "Cover-2 over resources", "ratio"),
    Tracked("worst_margin_shortfall", "Worst margin shortfall", "money"),
    *(Tracked(f"base_accounts_{status}", f"Accounts in {status} at base", "accounts") for status in ("call", "liquidation", "default")),
    *(Tracked(f"worst_accounts_{status}", f"Accounts in {status}, worst scenario", "accounts") for status in ("call", "liquidation", "default")),
    Tracked("checks_warn", "Data checks with a warning", "checks"),
    Tracked("checks_fail", "Data checks failed", "checks"),
)


class FigureStatistics(Document):
    """A figure over a window: its newest value, its peak with the first moment that had it, its mean, and of how many moments."""

    figure: str
    moments: int
    newest: float | None
    peak: float | None
    peak_as_of: AwareDatetime | None
    mean: float | None


class WindowStatistics(Document):
    """What a window of `days` calendar days holds: moments after `after`, up to `until`, the newest."""

    days: int
    after: AwareDatetime
    until: AwareDatetime
    moments: int
    figures: tuple[FigureStatistics, ...]


class Disclosure(Document):
    """A figure of the CPMI-IOSCO public quantitative disclosures over the twelve months up to `until`, in reporting currency.

    `days` are calendar dates (UTC) with a run; of them `days_above` have a moment at which the figure is larger than the resources of that
    run, and `days_unknown` one whose run states none. `largest_excess` is the figure less resources, where that is above zero. `lower_bound`:
    accounts were excluded from some run, so that the true figure may be larger. `first`: the earliest moment, since there may be less than twelve
    months of runs.
    """

    number: str
    title: str
    figure: str
    after: AwareDatetime
    until: AwareDatetime
    first: AwareDatetime | None
    days: int
    newest: float | None
    peak: float | None
    peak_as_of: AwareDatetime | None
    peak_scenario_id: str | None
    mean: float | None
    days_above: int
    days_unknown: int
    largest_excess: float | None
    largest_excess_as_of: AwareDatetime | None
    lower_bound: bool


_DISCLOSED: tuple[tuple[str, str, Literal[1, 2]], ...] = (
    ("4.4.3", "Largest stress loss over initial margin of any one participant and its affiliates", 1),
    ("4.4.7", "Largest stress loss over initial margin of any two participants and their affiliates", 2),
)
"""Numbers and subjects: CPMI-IOSCO, Public quantitative disclosure standards for central counterparties, February 2015, as listed by the FIA CCP
Tracker. A participant with its affiliates is an owner of the book."""


class BookHistory(Document):
    """The runs of a book in one reporting currency. `runs` are rows of the table `runs`, newest first, with `counts`: false where another run of the
    moment takes its place."""

    book: str
    reporting_currency: str
    windows: tuple[WindowStatistics, ...]
    disclosures: tuple[Disclosure, ...]
    runs: tuple[dict[str, Any], ...]


def book_histories(runs: pl.DataFrame, days: Sequence[int] = WINDOWS) -> tuple[BookHistory, ...]:
    """The history of every book and reporting currency among these rows of the table `runs`, in order of name."""
    keys = runs.select("book", "reporting_currency").unique().sort("book", "reporting_currency").rows()
    return tuple(
        _book(book, currency, runs.filter(pl.col("book") == book, pl.col("reporting_currency") == currency), days) for book, currency in keys
    )


def _book(book: str, currency: str, runs: pl.DataFrame, days: Sequence[int]) -> BookHistory:
    ordered = runs.sort("as_of", "finished", "result_id")
    counted = series(ordered, ordered["specification"][-1])
    chosen = set(counted.select("as_of", "finished", "result_id").rows())
    rows = [row | {"counts": (row["as_of"], row["finished"], row["result_id"]) in chosen} for row in reversed(ordered.to_dicts())]
    return BookHistory(
        book=book,
        reporting_currency=currency,
        windows=tuple(window(counted, each) for each in days),
        disclosures=disclosures(counted),
        runs=tuple(rows),
    )


def window(counted: pl.DataFrame, days: int) -> WindowStatistics:
    """Peaks and means over a window.

    Args:
        counted: one run for each moment, in order of moment, with the columns of `runs` or `trend`; at least one.
        days: calendar days.
    """
    until: datetime = counted["as_of"][-1]
    after = until - timedelta(days=days)
    rows = counted.filter(pl.col("as_of") > after).to_dicts()
    figures = tuple(_statistics(each.name, rows) for each in TRACKED)
    return WindowStatistics(days=days, after=after, until=until, moments=len(rows), figures=figures)


def disclosures(counted: pl.DataFrame) -> tuple[Disclosure, ...]:
    """The counters of public disclosures over the twelve months up to the newest run; `counted` as for `window`."""
    until: datetime = counted["as_of"][-1]
    after = year_before(until)
    rows = counted.filter(pl.col("as_of") > after).to_dicts()
    return tuple(_disclosure(number, title, n, rows, after, until) for number, title, n in _DISCLOSED)


def _disclosure(number: str, title: str, n: int, rows: Sequence[Mapping[str, Any]], after: datetime, until: datetime) -> Disclosure:
    name = f"cover_{n}_stress_loss_over_margin"
    found = _statistics(name, rows)
    known = [row for row in rows if row[name] is not None]
    excesses = [(row[name] - row["resources"], row["as_of"]) for row in known if row["resources"] is not None and row[name] > row["resources"]]
    largest = max(excesses, key=lambda each: each[0], default=None)
    at_peak = next((row for row in known if row["as_of"] == found.peak_as_of), None)
    return Disclosure(
        number=number,
        title=title,
        figure=name,
        after=after,
        until=until,
        first=known[0]["as_of"] if known else None,
        days=len({_date(row["as_of"]) for row in known}),
        newest=found.newest,
        peak=found.peak,
        peak_as_of=found.peak_as_of,
        peak_scenario_id=None if at_peak is None else at_peak[f"cover_{n}_scenario_id_stress_loss_over_margin"],
        mean=found.mean,
        days_above=len({_date(moment) for _, moment in excesses}),
        days_unknown=len({_date(row["as_of"]) for row in known if row["resources"] is None}),
        largest_excess=None if largest is None else largest[0],
        largest_excess_as_of=None if largest is None else largest[1],
        lower_bound=any(row["excluded_accounts"] > 0 for row in known),
    )


def _statistics(name: str, rows: Sequence[Mapping[str, Any]]) -> FigureStatistics:
    known = [(value, row["as_of"]) for row in rows if (value := figure(row, name)) is not None]
    peak = max(known, key=lambda each: each[0], default=None)  # the first of equal ones
    return FigureStatistics(
        figure=name,
        moments=len(known),
        newest=figure(rows[-1], name) if rows else None,
        peak=None if peak is None else peak[0],
        peak_as_of=None if peak is None else peak[1],
        mean=math.fsum(value for value, _ in known) / len(known) if known else None,
    )


def figure(row: Mapping[str, Any], name: str) -> float | None:
    """A tracked figure of a row of `runs` or `trend`; null where the run has none."""
    if name == COVERAGE:
        cover, resources = row["cover_2_stress_loss_over_margin"], row["resources"]
        ratio = float(cover) / float(resources) if cover is not None and resources else math.inf
        return ratio if math.isfinite(ratio) else None
    value = row[name]
    return None if value is None else float(value)


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).date().isoformat()
