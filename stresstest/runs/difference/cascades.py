"""What two runs say of their cascades, beside the headline figures that a difference splits: those are the figures before anything is liquidated."""

from __future__ import annotations

from typing import Any

from stresstest.results.cascade import worst_cascade
from stresstest.results.store import read_table
from stresstest.runs.difference.comparable import Comparable
from stresstest.tables import CASCADE_SUMMARY

_READ = ("scenario_id", "headline", "rounds", "feedback_loss", "uncollateralised_loss")
_WHO_PAYS = ("waterfall", "resources")


def cascade_note(one: Comparable, two: Comparable) -> str | None:
    """One sentence or two about the worst cascade of either run, and which settings of it are others; None where neither follows liquidations."""
    before, after = (each.stated.specification.get("cascade") for each in (one, two))
    if before is None and after is None:
        return None
    if before is None or after is None:
        return f"Only the {'later' if before is None else 'earlier'} run follows liquidations (`cascade`), so there is nothing to hold against it."
    losses = ", ".join(f"{_loss(run)} {when}" for run, when in ((one, "before"), (two, "after")))
    told = f"Cascade, which no step tells: uncollateralised loss at the end of the worst one {losses}."
    others = _others(before, after, "cascade") + _others(one.stated.specification, two.stated.specification, "", _WHO_PAYS)
    return f"{told} Asked otherwise: {', '.join(others)}." if others else told


def _loss(run: Comparable) -> str:
    summary = read_table(run.folder, CASCADE_SUMMARY.name, _READ)
    worst = worst_cascade(summary)
    if worst is None:
        return "none, nobody being liquidated,"
    return f"{summary.filter(scenario_id=worst)['uncollateralised_loss'][0]:,.0f} ({worst})"


def _others(before: dict[str, Any], after: dict[str, Any], within: str, keys: tuple[str, ...] | None = None) -> list[str]:
    named = sorted(before.keys() | after.keys()) if keys is None else keys
    return [f"`{within}.{key}`" if within else f"`{key}`" for key in named if before.get(key) != after.get(key)]
