"""What can be said of scenarios without a book: their names and sources, and shocks that no book could tell apart."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from stresstest.scenarios.findings import Finding, Severity
from stresstest.scenarios.scenario_set import ScenarioSet

LONGEST_ID = 64
LONGEST_NAME = 120
"""Characters that are read at a glance in a line of a table or on the axis of a chart."""

_DECIDING = ("factor", "where", "shift", "value", "annualised", "term")
"""Columns of a shock table that decide what a shock does."""

_NEUTRAL = {"relative": 0.0, "absolute": 0.0, "scale": 1.0}


def names_and_sources(scenarios: ScenarioSet) -> Iterator[Finding]:
    """Ids and names that are hard to read in tables and on charts, and historical scenarios that do not say where their numbers come from."""
    for number, each in enumerate(scenarios):
        if len(each.id) > LONGEST_ID:
            yield Finding("long id", "info", number, f"the id has {len(each.id)} characters: hard to read in tables and on charts")
        if len(each.name) > LONGEST_NAME and each.name != each.id:
            yield Finding("long name", "info", number, f"the name has {len(each.name)} characters: hard to read in tables and on charts")
        if each.family == "historical" and not each.source:
            yield Finding("no source", "info", number, "a historical scenario without `source`: nobody can check its numbers")


def repeated_shocks(scenarios: ScenarioSet) -> Iterator[Finding]:
    """Shocks with the factor, filter and shift of an earlier one in the same scenario: first match wins on every book."""
    key = ["scenario", "factor", "where", "shift"]
    rows = _numbered(scenarios)
    again = rows.with_columns(earlier=pl.col("shock").first().over(key)).filter(pl.col("shock") > pl.col("earlier"))
    for row in again.iter_rows(named=True):
        message = f"never counts: shock {row['earlier'] + 1} has the same factor, filter and shift ({row['shift']}) and comes first"
        yield Finding("shadowed", "warning", row["scenario"], message, row["shock"], row["factor"], row["where"])


def neutral_shocks(scenarios: ScenarioSet) -> Iterator[Finding]:
    """Shifts that change nothing whatever they apply to, unless they keep a later shock of their type away from something."""
    rows = _numbered(scenarios).with_columns(kind=pl.col("factor").cast(pl.String).str.split(":").list.first())
    neutral = pl.any_horizontal((pl.col("shift") == shift) & (pl.col("value") == value) for shift, value in _NEUTRAL.items())
    last = pl.col("shock") == pl.col("shock").max().over("scenario", "kind", "shift")
    for row in rows.filter(neutral & last).iter_rows(named=True):
        message = f"{row['shift']} {row['value']:g} changes nothing"
        # Grids and ladders go through zero.
        severity: Severity = "warning" if scenarios.scenarios[row["scenario"]].generator is None else "info"
        yield Finding("no effect", severity, row["scenario"], message, row["shock"], row["factor"], row["where"])


def same_shocks(scenarios: ScenarioSet) -> Iterator[Finding]:
    """Scenarios with the shocks of an earlier one, in the same order, over the same time; and scenarios without any."""
    text = pl.concat_str(*(pl.col(name).cast(pl.String).fill_null("") for name in _DECIDING), separator="\x1f")
    grouped = scenarios.shocks.select("scenario", text=text).group_by("scenario").agg(pl.col("text").str.join("\x1e"))
    written = dict(grouped.iter_rows())
    seen: dict[tuple[str, float], int] = {}
    for number, each in enumerate(scenarios):
        first = seen.setdefault((written.get(number, ""), each.elapsed_years), number)
        yield from same_as(scenarios, number, first)


def same_as(scenarios: ScenarioSet, number: int, first: int) -> Iterator[Finding]:
    """The finding that a scenario is what the scenario `first` is already; none where they are one and the same.

    A warning among headline scenarios, which people choose; grids and ladders have such points by their making, and scenarios written for
    any book may have nothing to move in this one.
    """
    if first == number:
        return
    each, earlier = scenarios.scenarios[number], scenarios.scenarios[first]
    if first == 0:
        yield Finding(
            "changes nothing", "warning" if each.headline and not each.any_book else "info", number, "the scenario is the base: nothing moves"
        )
    else:
        severity: Severity = "warning" if each.headline and earlier.headline and not (each.any_book and earlier.any_book) else "info"
        yield Finding("duplicate", severity, number, f"the same as `{earlier.id}`: every factor has the same value")


def _numbered(scenarios: ScenarioSet) -> pl.DataFrame:
    """The shock table with the place of each shock in its scenario, `shock`, from 0."""
    first = pl.Series([each.first for each in scenarios], dtype=pl.Int32)
    return scenarios.shocks.with_columns(shock=pl.int_range(pl.len(), dtype=pl.Int32) - first.gather(scenarios.shocks["scenario"]))
