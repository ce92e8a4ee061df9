"""Limits of a run: what was measured against the thresholds of the run file, as the table `limits`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.config.limits import Limit
from stresstest.results.limit_counts import LimitStatus
from stresstest.results.limit_sql import Measured, measure_all
from stresstest.results.store import empty, polars_schema
from stresstest.tables import LIMITS


def limits_table(limits: Sequence[Limit], folder: Path, resources: Mapping[str, float] | None, max_memory: int | None = None) -> pl.DataFrame:
    """The table `limits` of a run whose other tables are in `folder`.

    Args:
        limits: those of the run file, whose SQL was checked when the run was planned.
        folder: the result folder.
        resources: `insurance_fund`, `skin_in_the_game`, `default_fund` and `total`; None where nothing is stated.
        max_memory: bytes that the run may take.
    """
    if not limits:
        return empty(LIMITS)
    measured = measure_all([each.query for each in limits], folder, resources, [each.worse_side for each in limits], max_memory)
    rows = [judged(limit, found) | {"place": place} for place, (limit, found) in enumerate(zip(limits, measured, strict=True), start=1)]
    return pl.DataFrame(rows, schema=polars_schema(LIMITS))


def judged(limit: Limit, found: Measured) -> dict[str, Any]:
    """A row of `limits` without its place: the status of what was measured, with utilisation and headroom.

    Beyond is above a threshold, or below it where low values are bad; a value on it is within. With rows that have no value, red stays red and
    everything else is unknown, since the missing one may be worse.
    """
    built_in = limit.definition
    status: LimitStatus = "red" if _beyond(found.value, limit.red, limit) else "amber" if _beyond(found.value, limit.amber, limit) else "green"
    if found.reason is not None and status != "red":
        status = "unknown"
    return {
        "name": limit.name,
        "status": status,
        "value": found.value,
        "subject": found.subject,
        "amber": limit.amber,
        "red": limit.red,
        "worse": limit.worse_side,
        "unit": limit.measured_in,
        "utilisation": utilisation(found.value, limit),
        "headroom": _headroom(found.value, limit),
        "reason": built_in.no_value if found.lacking and built_in is not None and built_in.no_value else found.reason,
        "scope": limit.scope,
        "owner": limit.owner,
        "description": limit.description or (None if built_in is None else built_in.definition),
        "built_in": limit.built_in,
        "sql": limit.query,
    }


def utilisation(value: float | None, limit: Limit) -> float | None:
    """value / red; where low values are bad red / value. None unless both are on the side of zero where the ratio says how much is used."""
    if value is None or limit.red is None or limit.red <= 0:
        return None
    if limit.worse_side == "above":
        used = value / limit.red if value >= 0 else math.inf
    else:
        used = limit.red / value if value > 0 else math.inf
    return used if math.isfinite(used) else None


def _headroom(value: float | None, limit: Limit) -> float | None:
    if value is None or limit.red is None:
        return None
    room = limit.red - value if limit.worse_side == "above" else value - limit.red
    return room if math.isfinite(room) else None


def _beyond(value: float | None, threshold: float | None, limit: Limit) -> bool:
    if value is None or threshold is None:
        return False
    return value > threshold if limit.worse_side == "above" else value < threshold
