"""What `scenarios lint` finds: things in scenarios that are allowed and hardly meant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FindingKind = Literal[
    "unknown factor", "no match", "shadowed", "no effect", "changes nothing", "duplicate", "unshocked", "no source", "long id", "long name"
]
Severity = Literal["warning", "info"]


@dataclass(frozen=True)
class Finding:
    """One finding about a scenario, or about one of its shocks.

    `scenario`: number of the scenario in the set. `shock`: place of the shock in the scenario, from 0; None: the whole scenario.
    `factor` and `where` (canonical JSON) are those of the shock. `message` does not name the scenario, so that the same finding in many of
    them reads the same.
    """

    kind: FindingKind
    severity: Severity
    scenario: int
    message: str
    shock: int | None = None
    factor: str | None = None
    where: str | None = None
