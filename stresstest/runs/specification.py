"""What a run is asked, as plain values: the part of its identity that comes before any data."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.config import RunFile
from stresstest.margin.rulebook import Rulebook
from stresstest.results.documents import canonical
from stresstest.results.identity import code_sha256
from stresstest.results.manifest import versions
from stresstest.results.store import sha256_of
from stresstest.scenarios.scenario_set import PROVENANCE, ScenarioSet

SETTINGS = (
    "margin_model",
    "compare",
    "statistics",
    "keep",
    "headline",
    "on_missing",
    "max_excluded",
    "max_price_age",
    "reconciliation_tolerance",
    "resources",
    "waterfall",
    "limits",
    "seed",
)
"""Keys of the run file that can change a result. Where it is read from and written to, and on how many threads, cannot."""


def specification(settings: RunFile, scenarios: ScenarioSet, rulebook: Rulebook, as_of: datetime | None, currency: str | None) -> dict[str, Any]:
    """Settings that can change a figure, and the SHA-256 of the scenarios and of the margin file as understood.

    Comments, order of keys and layout of the files do not count.
    """
    dumped = settings.model_dump(mode="json")
    return {
        "as_of": None if as_of is None else as_of.isoformat(),
        "reporting_currency": currency,
        **{key: dumped[key] for key in SETTINGS},
        "cascade": _cascade(settings),
        "scenarios": _scenarios_sha256(scenarios),
        "margin": hashlib.sha256(canonical(rulebook.model_dump(mode="json"))).hexdigest(),
    }


def _cascade(settings: RunFile) -> dict[str, Any] | None:
    """The section `cascade`, with the SHA-256 of its tables in the place of their paths."""
    if settings.cascade is None:
        return None
    dumped: dict[str, Any] = settings.cascade.model_dump(mode="json")
    for impact in dumped["impact"]:
        if "table" in impact:
            impact["table"] = sha256_of(Path(impact["table"]))
    return dumped


def _scenarios_sha256(scenarios: ScenarioSet) -> str:
    scenarios = scenarios.stated or scenarios
    about = [[each.id, each.name, each.family, each.headline, each.horizon_days, each.decay, each.weight, each.any_book] for each in scenarios]
    digest = hashlib.sha256(canonical(about) + b"\n")
    for column in scenarios.shocks.drop(PROVENANCE).iter_columns():
        digest.update(canonical([column.name, len(column)]) + b"\n")
        digest.update(_column_bytes(column))
    if scenarios.pending:
        digest.update(canonical([each.generator.model_dump(mode="json") for each in scenarios.pending]))
    return digest.hexdigest()


def _column_bytes(column: pl.Series) -> bytes:
    """A column of shocks as bytes that depend on its values alone, little-endian. A set may have millions of shocks: no loop over rows.

    Numbers as they are; texts as their distinct values in order of first appearance (JSON), then the place of each row's among them, -1 for none.
    """
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        values = column.to_numpy()
        return values.astype(values.dtype.newbyteorder("<")).tobytes()
    texts = column.cast(pl.String)
    distinct = texts.drop_nulls().unique(maintain_order=True).to_list()
    places = texts.replace_strict(distinct, range(len(distinct)), default=None, return_dtype=pl.Int32).fill_null(-1)
    return canonical(distinct) + b"\n" + places.to_numpy().astype("<i4").tobytes()


def plan_sha256(asked: dict[str, Any], snapshot: str, stresstest: str) -> str:
    """Hash of a plan: what is asked, of which snapshot, by which code. Work of an interrupted run of the same plan can be reused."""
    return hashlib.sha256(canonical([asked, snapshot, versions(stresstest), code_sha256()])).hexdigest()
