"""The JSON documents of commands that list and show what files hold: scenarios, margin rules, tables and schemas."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from stresstest.results.documents import Document
from stresstest.scenarios.model import Shock

SchemaVersion = Literal[1]


class ShownScenario(Document):
    """A scenario; `shocks` in file order, of `scenarios show` alone."""

    id: str
    name: str
    family: str
    headline: bool
    horizon_days: float
    decay: bool
    source: str | None
    grade: str | None
    weight: float | None
    any_book: bool
    number_of_shocks: int
    shocks: tuple[Shock, ...] | None = None


class ScenariosDocument(Document):
    """`scenarios list` and `scenarios show`."""

    schema_version: SchemaVersion
    kind: Literal["scenarios"]
    scenarios: tuple[ShownScenario, ...]


ModelKind = Literal["tiered", "portfolio", "strategy"]


class ListedModel(Document):
    """A margin model; `title` of presets alone. `preset`: the one that it was made of."""

    name: str
    kind: ModelKind
    title: str | None
    preset: str | None
    as_of: str | None
    source: str | None


class ListedSchedule(Document):
    """A schedule of a margin file, its rules in one line."""

    name: str
    kind: Literal["margin", "collateral"]
    rules: str
    as_of: str | None
    source: str | None


class MarginsDocument(Document):
    """`margins list`: the presets, or the models and schedules of the margin file named."""

    schema_version: SchemaVersion
    kind: Literal["margins"]
    presets: tuple[ListedModel, ...]
    models: tuple[ListedModel, ...]
    schedules: tuple[ListedSchedule, ...]


class MarginRulesDocument(Document):
    """`margins show`: a model and the schedules that it assigns, with the keys of the margin file; `yaml` is a preset's own file."""

    schema_version: SchemaVersion
    kind: Literal["margin rules"]
    name: str
    model_kind: ModelKind
    title: str | None
    preset: str | None
    as_of: str | None
    source: str | None
    notes: str | None
    model: dict[str, Any]
    margin_schedules: dict[str, dict[str, Any]]
    collateral_schedules: dict[str, dict[str, Any]]
    yaml: str | None


class Named(Document):
    """Something that `stresstest schema NAME` prints."""

    name: str
    kind: str
    doc: str


class SchemasDocument(Document):
    """`schema` without a name."""

    schema_version: SchemaVersion
    kind: Literal["schemas"]
    schemas: tuple[Named, ...]


class ColumnDocument(Document):
    """A column; keys that say nothing are left out."""

    model_config = ConfigDict(extra="allow")

    name: str
    type: str
    doc: str = ""


class TableDocument(Document):
    """`schema TABLE`: an input or result table."""

    schema_version: SchemaVersion
    kind: Literal["table"]
    name: str
    doc: str
    optional: bool
    not_used_yet: bool
    key: tuple[str, ...]
    columns: tuple[ColumnDocument, ...]
    rules: tuple[dict[str, Any], ...]


class JsonSchemaDocument(Document):
    """`schema NAME` of a file or document: its JSON Schema."""

    schema_version: SchemaVersion
    kind: Literal["json schema"]
    name: str
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
