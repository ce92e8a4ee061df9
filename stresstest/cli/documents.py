"""The JSON documents that commands print, as models: `stresstest schema output-NAME` prints the schema of each, tests hold the output to it.

Keys are added, never renamed or dropped, within a `schema_version`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, RootModel

from stresstest.cli.explain_document import Explanation, Status
from stresstest.cli.history_documents import HistoryAddedDocument, HistoryDocument, HistoryQueryDocument
from stresstest.cli.listing_documents import (
    JsonSchemaDocument,
    MarginRulesDocument,
    MarginsDocument,
    ScenariosDocument,
    SchemasDocument,
    SchemaVersion,
    TableDocument,
)
from stresstest.config.limits import Limit
from stresstest.results.changes import Changes
from stresstest.results.comparison import Comparison
from stresstest.results.documents import Document
from stresstest.results.plausible import Plausible
from stresstest.results.summary import Summary
from stresstest.runs.reverse.frontier_report import FrontierReport
from stresstest.runs.reverse.grid_report import GridReport
from stresstest.runs.reverse.report import ReverseReport
from stresstest.runs.scenarios.lint_report import LintReport
from stresstest.runs.verification import Verification

ExitCodeNumber = Literal[0, 1, 2, 3, 4, 5, 75, 130]


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
    where only reading the snapshot will tell. `history`: the folder that the run would be added to, as one of `book`; null: none.
    """

    schema_version: SchemaVersion
    kind: Literal["plan"]
    snapshot: str
    tables: tuple[PlannedTableDocument, ...]
    scenarios: int
    headline_scenarios: int
    generators_from_history: int
    models: tuple[str, ...]
    margin_model: str | None
    compare: PlannedComparison
    limits: tuple[Limit, ...]
    blocks: int | None
    keep: Literal["all", "breaches", "worst"]
    formats: tuple[str, ...]
    book: str
    history: str | None
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


class ChangedAccount(Document):
    """A row of `changed_accounts`."""

    owner_id: str
    account_id: str
    name: str | None
    presence: Literal["both", "came", "gone", "excluded", "back"]
    breach: Literal["new", "cured", "worse", "better", "unchanged", "not known", "none"]
    scenario_id_before: str | None
    scenario_id_after: str | None
    status_before: Status | None
    status_after: Status | None
    margin_shortfall_before: float | None
    margin_shortfall_after: float | None
    margin_shortfall_change: float | None
    uncollateralised_loss_before: float | None
    uncollateralised_loss_after: float | None


class DiffDocument(Changes):
    """`diff`: what changed, with every account whose breach changed or that came or went. `html`: the page that was written."""

    kind: Literal["diff"]
    changed_accounts: tuple[ChangedAccount, ...]
    html: str | None


class VerificationDocument(Verification):
    """`verify`: whether the run was computed again with the same tables."""

    schema_version: SchemaVersion
    kind: Literal["verification"]
    folder: str
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
    "output-verification": VerificationDocument,
    "output-validation": ValidationDocument,
    "output-comparison": ComparisonDocument,
    "output-diff": DiffDocument,
    "output-explain": Explanation,
    "output-scenarios": ScenariosDocument,
    "output-margins": MarginsDocument,
    "output-margin-rules": MarginRulesDocument,
    "output-lint": LintReport,
    "output-expansion": ExpansionDocument,
    "output-reverse": ReverseReport,
    "output-frontier": FrontierReport,
    "output-reverse-grid": GridReport,
    "output-reverse-plausible": Plausible,
    "output-history": HistoryDocument,
    "output-history-query": HistoryQueryDocument,
    "output-history-added": HistoryAddedDocument,
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
