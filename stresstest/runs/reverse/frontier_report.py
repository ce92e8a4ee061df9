"""What `stresstest reverse --frontier` found, as one JSON document."""

from __future__ import annotations

from typing import Literal

from stresstest.results.documents import Document


class Exhausted(Document):
    """The smallest multiple (or shift) at which resources are exhausted, null = not within reach; the losses of the defaulting owners there, and who
    they are."""

    at: float | None
    loss: float | None
    owners: tuple[str, ...]


class FrontierPoint(Document):
    """So many defaults, the largest: when prefunded resources, and when all with the assessments of the others, are exhausted."""

    defaults: int
    prefunded: Exhausted
    total: Exhausted


class SurfacePoint(Document):
    """A multiple (or shift): losses of the 1, 2, ... largest owners together, and the smallest set of owners whose losses exceed the prefunded
    resources (null: no set of so many)."""

    at: float
    losses: tuple[float, ...]
    smallest_set: tuple[str, ...] | None


class FrontierDirection(Document):
    """A direction, `searched_to` its end (`stopped`: why no further)."""

    along: str
    kind: Literal["scenario", "factor"]
    name: str
    searched_to: float
    stopped: str | None
    frontier: tuple[FrontierPoint, ...]
    surface: tuple[SurfacePoint, ...]


class FrontierReport(Document):
    """`prefunded` are the resources that Cover-N is held against; `assessments` what can be called besides, from all owners together."""

    schema_version: Literal[1] = 1
    kind: Literal["frontier"] = "frontier"
    as_of: str
    reporting_currency: str
    prefunded: float
    assessments: float
    tolerance: float
    computed: int
    directions: tuple[FrontierDirection, ...]
