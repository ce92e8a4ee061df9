"""Limits as `summary.json`, the light and the answer of a run tell them: counts by status, and those that are not green."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import polars as pl

from stresstest.results.documents import Document
from stresstest.tables import LIMIT_STATUSES

LimitStatus = Literal["green", "amber", "unknown", "red"]


class LimitFigures(Document):
    """A limit that is not green. `value`, `amber`, `red` are in its `unit` (money: reporting currency); `utilisation` as in the table `limits`."""

    name: str
    status: LimitStatus
    value: float | None
    subject: str | None
    amber: float | None
    red: float | None
    worse: Literal["above", "below"]
    unit: str
    utilisation: float | None
    owner: str | None
    reason: str | None


class LimitCounts(Document):
    """Limits by status, and those that are not green: red first, then unknown, then amber, each in the order of the run file."""

    green: int = 0
    amber: int = 0
    red: int = 0
    unknown: int = 0
    breached: tuple[LimitFigures, ...] = ()


NO_LIMITS = LimitCounts()


def limit_counts(limits: pl.DataFrame) -> LimitCounts:
    """What `summary.json` says of the table `limits`."""
    statuses = limits["status"].to_list()
    worst = {status: -place for place, status in enumerate(LIMIT_STATUSES)}
    breached = sorted((row for row in limits.iter_rows(named=True) if row["status"] != "green"), key=lambda row: (worst[row["status"]], row["place"]))
    keys = LimitFigures.model_fields
    return LimitCounts(
        green=statuses.count("green"),
        amber=statuses.count("amber"),
        red=statuses.count("red"),
        unknown=statuses.count("unknown"),
        breached=tuple(LimitFigures(**{key: row[key] for key in keys}) for row in breached),
    )


def worded(value: float, unit: str) -> str:
    """A value of a limit in its unit, in plain signs: money in whole units, shares in percent, ratios as multiples.

    >>> worded(1.2345, "ratio"), worded(0.0525, "share"), worded(1234567.8, "money"), worded(3.0, "count"), worded(2.5, "days")
    ('1.23', '5.25%', '1,234,568', '3', '2.5 days')
    """
    if unit == "money":
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.2f}"
    if unit == "share":
        return f"{round(100 * value, 2):,g}%"
    if unit == "ratio":
        return f"{value:,.2f}"
    text = f"{value:,.0f}" if value == round(value) else f"{value:,.4f}" if abs(value) >= 1 else f"{value:.4g}"
    text = text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text
    return f"{text} days" if unit == "days" else text


def told(limit: LimitFigures, names: Mapping[str, str] = MappingProxyType({})) -> str:
    """A limit that is not green in a clause: what it is, beyond what, and about whom; or why nobody knows. `names`: display names of subjects."""
    named = f"limit {limit.name} is {limit.status}"
    threshold = limit.red if limit.status == "red" else limit.amber
    if limit.status == "unknown" or limit.value is None or threshold is None:
        return f"{named}: {limit.reason}"
    whose = f" ({names.get(limit.subject) or limit.subject})" if limit.subject else ""
    return f"{named}: {worded(limit.value, limit.unit)}{whose}, beyond {worded(threshold, limit.unit)}"
