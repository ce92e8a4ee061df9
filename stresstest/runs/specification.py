"""What a run is asked, as plain values: the part of its identity that comes before any data."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from stresstest.config import RunFile
from stresstest.margin.rulebook import Rulebook
from stresstest.results.documents import canonical
from stresstest.results.identity import code_sha256
from stresstest.results.manifest import versions
from stresstest.scenarios.scenario_set import ScenarioSet

SETTINGS = ("keep", "headline", "on_missing", "max_excluded", "max_price_age", "reconciliation_tolerance", "resources", "seed")
"""Keys of the run file that can change a result. Where it is read from and written to, and on how many threads, cannot."""

SHOCK = ("scenario_id", "ord", "factor", "where", "shift", "value", "annualised", "term", "mode")
"""What makes a shock, apart from where it stands in a file."""


def specification(settings: RunFile, scenarios: ScenarioSet, rulebook: Rulebook, as_of: datetime | None, currency: str | None) -> dict[str, Any]:
    """Settings that can change a figure, and the SHA-256 of the scenarios and of the margin file as understood.

    Comments, order of keys and layout of the files do not count.
    """
    dumped = settings.model_dump(mode="json")
    return {
        "as_of": None if as_of is None else as_of.isoformat(),
        "reporting_currency": currency,
        **{key: dumped[key] for key in SETTINGS},
        "scenarios": _scenarios_sha256(scenarios),
        "margin": hashlib.sha256(canonical(rulebook.model_dump(mode="json"))).hexdigest(),
    }


def _scenarios_sha256(scenarios: ScenarioSet) -> str:
    digest = hashlib.sha256()
    for each in scenarios:
        about = [each.id, each.name, each.family, each.headline, each.horizon_days, each.decay, each.weight]
        digest.update(canonical(about) + b"\n")
    for row in scenarios.frame().select(SHOCK).iter_rows():
        digest.update(canonical(list(row)) + b"\n")
    return digest.hexdigest()


def plan_sha256(asked: dict[str, Any], snapshot: str, stresstest: str) -> str:
    """Hash of a plan: what is asked, of which snapshot, by which code. Work of an interrupted run of the same plan can be reused."""
    return hashlib.sha256(canonical([asked, snapshot, versions(stresstest), code_sha256()])).hexdigest()
