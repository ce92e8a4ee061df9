"""The JSON documents that commands print, as models: `stresstest schema output-NAME` prints the schema of each, tests hold the output to it.

Keys are added, never renamed or dropped, within a `schema_version`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, RootModel

from stresstest.cli.explain_document import Explanation
from stresstest.results.comparison import Comparison
from stresstest.results.documents import Document
from stresstest.results.summary import Summary
from stresstest.runs.lint_report import LintReport
from stresstest.scenarios.model import Shock

ExitCodeNumber = Literal[0, 1, 2, 3, 4, 5, 75, 130]
SchemaVersion = Literal[1]


class FaultDocument(Document):
    """One thing that is wrong. Keys that say nothing are left out; `keys` holds the first five offending keys, `rows` how many rows there are."""

    what: str
    hint: str | None = None
    file: str | None = None
    line: int | None = None
    path: str | None = None
    table: str | None = None
    column: str | None = None
    rule: str | None = None
    rows: int | None = None
    keys: tuple[str, ...] = ()


class Refusal(Document):
    """What was refused, and every fault that led to it."""

    reason: str
    exit_code: ExitCodeNumber
    summary: str
    hint: str
    faults: tuple[FaultDocument, ...]


class ErrorDocument(Refusal):
    """What any command prints with `--json` in place of its own document, when it was refused or interrupted."""

    schema_version: SchemaVersion
    kind: Literal["error"]


class RunDocument(Document):
    """`run` and `demo`: where the result is. `repeated`: it was there already. `summary` is summary.json."""

    schema_version: SchemaVersion
    kind: Literal["run"]
    folder: str
    reports: tuple[str, ...]
    exit_code: ExitCodeNumber
    repeated: bool
    summary: Summary


class ComparisonDocument(Document):
    """`compare-margins`: where the result is, and what was found; `repeated`: it was there already."""

    schema_version: SchemaVersion
    kind: Literal["comparison"]
    folder: str
    reports: tuple[str, ...]
    exit_code: ExitCodeNumber
    repeated: bool
    result_id: str
    reporting_currency: str
    comparison: Comparison


class PlannedTableDocument(Document):
    """An input table as its files are now; `rows` null where they cannot be read."""

    table: str
    files: int
    bytes: int
    rows: int | None


class PlannedComparison(Document):
    """What the run would be compared with: other models, every position on its own."""

    models: tuple[str, ...]
    isolated: bool


class PlanDocument(Document):
    """`run --dry-run`: what would be done. `margin_model`: of every account, null = as the snapshot names. `scenarios` counts base; `blocks` null
    where only reading the snapshot will tell.
    """

    schema_version: SchemaVersion
    kind: Literal["plan"]
    snapshot: str
    tables: tuple[PlannedTableDocument, ...]
    scenarios: int
    headline_scenarios: int
    models: tuple[str, ...]
    margin_model: str | None
    compare: PlannedComparison
    blocks: int | None
    keep: Literal["all", "breaches", "worst"]
    formats: tuple[str, ...]
    folder: str | None
    work_folder: str | None
    resumes: bool


class ReportDocument(Document):
    """`report`: the reports that were made."""

    schema_version: SchemaVersion
    kind: Literal["report"]
    folder: str
    result_id: str
    reports: tuple[str, ...]
    exit_code: ExitCodeNumber


class Finding(Document):
    """A row of data_quality."""

    check: str
    severity: Literal["info", "warning", "error"]
    result: Literal["pass", "warn", "fail"]
    subject: str | None
    tolerance: float | None
    value: float | None
    rows: int
    notional: float | None
    message: str


class Valid(Document):
    """`validate`: what a run would accept. `tables` maps input tables to rows; `scenarios` counts base."""

    schema_version: SchemaVersion
    kind: Literal["validation"]
    valid: Literal[True]
    as_of: AwareDatetime
    reporting_currency: str
    tables: dict[str, int]
    accounts: int
    positions: int
    scenarios: int
    findings: tuple[Finding, ...]


class Invalid(Refusal):
    """`validate`: what a run would refuse."""

    schema_version: SchemaVersion
    kind: Literal["validation"]
    valid: Literal[False]


class ValidationDocument(RootModel[Annotated[Valid | Invalid, Field(discriminator="valid")]]):
    """`validate`: told apart by `valid`."""


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


class ExitCodeMeaning(Document):
    """An exit code, and the reasons of errors that lead to it."""

    code: ExitCodeNumber
    meaning: str
    reasons: str


class ExitCodesDocument(Document):
    """`schema exit-codes`."""

    schema_version: SchemaVersion
    kind: Literal["exit codes"]
    exit_codes: tuple[ExitCodeMeaning, ...]


class LogLine(Document):
    """A line of `--log-file`.

    `stage` null outside of one; `figures` is open: seconds and units of a stage, the parts of a fault, how a command ended.
    """

    time: AwareDatetime
    level: Literal["info", "warning", "error"]
    process: int
    command: str
    stage: str | None
    message: str
    figures: dict[str, Any]


class ExpansionDocument(Document):
    """`scenarios expand`: the file that was written. `scenarios` counts base."""

    schema_version: SchemaVersion
    kind: Literal["expansion"]
    file: str
    rows: int
    scenarios: int


class OpenPoint(Document):
    """Something that only the user knows, in one of the files or in the `snapshot`."""

    file: str
    what: str


class InitDocument(Document):
    """`init`: what was written. `open` lists what is a guess until the user sets it."""

    schema_version: SchemaVersion
    kind: Literal["init"]
    run_file: str
    files: tuple[str, ...]
    snapshot: str
    open: tuple[OpenPoint, ...]


class CheckDocument(Document):
    """A check of the installation: what was found, and how to mend it. `warn`: a run works all the same; `fail`: none does."""

    name: str
    status: Literal["ok", "warn", "fail"]
    good: bool
    required: bool
    found: str
    mend: str


class DoctorDocument(Document):
    """`doctor`. `good`: everything that a run needs is there."""

    schema_version: SchemaVersion
    kind: Literal["doctor"]
    good: bool
    checks: tuple[CheckDocument, ...]


PRINTED: dict[str, type[Document] | type[RootModel[Any]]] = {
    "output-run": RunDocument,
    "output-plan": PlanDocument,
    "output-report": ReportDocument,
    "output-validation": ValidationDocument,
    "output-comparison": ComparisonDocument,
    "output-explain": Explanation,
    "output-scenarios": ScenariosDocument,
    "output-margins": MarginsDocument,
    "output-margin-rules": MarginRulesDocument,
    "output-lint": LintReport,
    "output-expansion": ExpansionDocument,
    "output-init": InitDocument,
    "output-doctor": DoctorDocument,
    "output-schemas": SchemasDocument,
    "output-table": TableDocument,
    "output-json-schema": JsonSchemaDocument,
    "output-exit-codes": ExitCodesDocument,
    "output-error": ErrorDocument,
    "log-line": LogLine,
}
"""The models by the names that `stresstest schema` has for them."""
