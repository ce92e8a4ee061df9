"""The scenario file as a model: scenarios that are stated, and generators of more."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from stresstest.documents import Amount, Flag, Name, Part, Version
from stresstest.scenarios.generators.model import AnyGenerator
from stresstest.scenarios.model import Family, Grade, Shock, check_id


class ScenarioEntry(Part):
    """A scenario of a file."""

    id: Annotated[str, AfterValidator(check_id)]
    name: Name | None = None
    family: Family = "hypothetical"
    headline: Flag | None = None
    horizon_days: Amount = 1.0
    decay: Flag = False
    source: str | None = None
    grade: Grade | None = None
    weight: Amount | None = None
    shocks: tuple[Shock, ...]


class ScenarioFile(Part):
    """A scenario file.

    `any_book`: its scenarios are written for books in general. A shock that matches nothing, or a scenario that moves
    nothing, is then told and no cause for a warning; a shock on the reporting currency's own price is left out, with a warning.
    """

    version: Version = 1
    name: str | None = None
    source: str | None = None
    any_book: Flag = False
    scenarios: tuple[ScenarioEntry, ...] = ()
    generators: tuple[AnyGenerator, ...] = ()
