"""A finished run: its figures as frames, its documents as values, its charts, and the derivation of any figure."""

from __future__ import annotations

import html
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from stresstest.config import RunFile, load_run
from stresstest.documents import suggest
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.results.differences import difference
from stresstest.results.documents import read_document
from stresstest.results.inputs import FOLDER, RUN
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest
from stresstest.results.store import files_of, read_table
from stresstest.results.summary import Summary
from stresstest.runs.console import Console, Logged
from stresstest.runs.folders import cannot_write, check_target, locked, publish
from stresstest.runs.given import TemporaryFolder
from stresstest.tables import FOLDER_TABLES
from stresstest.tables import table as table_of

if TYPE_CHECKING:
    from stresstest.margin.explain import Explanation
    from stresstest.report.gallery import Charts
    from stresstest.runs.reporting import Rendered

ABOUT_SCENARIO = ("scenario_id", "name", "family", "headline", "horizon_days", "weight")


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished run in its result folder; nothing is read before it is asked for.

    Where a call of `run` gave it, `lacking` is the refusal that says what the machine could not give (the PDF; all figures are there), and
    `repeated` says that the folder held this very result already and nothing was computed.
    The folder of a temporary run goes away with the last value that refers to the run: `save` keeps it.
    """

    folder: Path
    lacking: StressTestError | None = None
    repeated: bool = False
    temporary: TemporaryFolder | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        kept = "temporary" if self.temporary else str(self.folder)
        return f"<FinishedRun {self.result_id[:12]} {self.summary.status.light.upper()}: {self.summary.status.sentence} ({kept})>"

    def _repr_html_(self) -> str:
        """How a notebook shows it: light with its word, sentence, reasons, and what the figures are of."""
        from stresstest.report.formats import moment

        summary = self.summary
        counts = summary.counts
        rows = [
            ("as of", moment(summary.run.as_of)),
            ("currency", summary.run.reporting_currency),
            ("book", f"{counted(counts.accounts, 'account')}, {counted(counts.positions, 'position')}, {counted(counts.owners, 'owner')}"),
            ("scenarios", f"{summary.scenarios - 1:,} and base, {summary.headline_scenarios:,} of them headline"),
            ("result", summary.result_id[:12]),
            ("folder", "temporary" if self.temporary else str(self.folder)),
        ]
        reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in summary.status.reasons)
        body = "".join(f"<tr><th style='text-align:left'>{name}</th><td style='text-align:left'>{html.escape(text)}</td></tr>" for name, text in rows)
        heading = f"<p><strong>{summary.status.light.upper()}</strong>&ensp;{html.escape(summary.status.sentence)}</p>"
        return f"<div>{heading}<ul>{reasons}</ul><table>{body}</table></div>"

    @cached_property
    def summary(self) -> Summary:
        """The executive figures: status light, counts, worst scenario, Cover-1 and Cover-2, worst accounts (`summary.json`)."""
        return read_document(Summary, self.folder / "summary.json")

    @cached_property
    def manifest(self) -> Manifest:
        """How the result came to be: inputs with hashes, versions, times, tables (`manifest.json`)."""
        return read_document(Manifest, self.folder / MANIFEST)

    @cached_property
    def settings(self) -> RunFile:
        """The run file with everything applied; its scenario and margin files are the copies in the folder."""
        return load_run(self.folder / FOLDER / RUN)

    @property
    def result_id(self) -> str:
        """SHA-256 of what was asked, of which data, by which code, and of the result tables: two runs with one id have the same figures.

        The tables that only a report needs (collateral, segments, owners, account pages) follow from the rest and do not enter it.
        """
        return self.manifest.result_id

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the result tables that the run has; `docs/formats.md` and `stresstest schema` describe them."""
        return tuple(each.name for each in FOLDER_TABLES if files_of(self.folder, each.name))

    def table(self, name: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """A result table, or some columns of it, page checksums verified. Rows are ordered by owner, account, pool, scenario in file order.

        Raises:
            StressTestError: usage, for a table or column that there is none of; input data, when a file is damaged.
        """
        self._known(name, columns or ())
        return read_table(self.folder, name, columns)

    def scan(self, name: str) -> pl.LazyFrame:
        """A result table as a lazy frame, so that only the rows and columns a query needs are read. (Of a temporary run all are, at once.)

        Raises:
            StressTestError: usage, for a table that the run does not have.
        """
        self._known(name)
        # A lazy frame may outlive the run, and the files of a temporary one would be gone.
        return read_table(self.folder, name).lazy() if self.temporary else pl.scan_parquet(list(files_of(self.folder, name)), glob=False)

    @property
    def scenarios(self) -> pl.DataFrame:
        """One row a scenario in file order, base first: id, name, family, headline, horizon in days, weight."""
        return self.table("scenario_summary", ABOUT_SCENARIO)

    @property
    def shocks(self) -> pl.DataFrame:
        """One row a shock, in the columns of a Parquet scenario set."""
        return pl.read_parquet(self.folder / FOLDER / "scenarios.parquet")

    @cached_property
    def charts(self) -> Charts:
        """The charts of the report, as Altair objects: see `Charts`."""
        from stresstest.report.gallery import Charts

        return Charts(self.folder)

    def explain(
        self, account: str, scenario: str | None = None, *, snapshot: str | Path | None = None, console: Console | None = None
    ) -> Explanation:
        """How the figures of an account in a scenario come about, derived a second time: holdings, charges, tiers, tokens, bands, totals as frames.

        Args:
            account: the account.
            scenario: the scenario, `base` included; None: the account's worst headline scenario.
            snapshot: where the snapshot is now; default: where the run read it.
            console: told of stages, of the scenario chosen, and of figures that differ from the run's own; default: the log.

        Raises:
            StressTestError: usage, for an unknown account or scenario; input data, when the snapshot is not the one of the run.
        """
        from stresstest.runs.explaining import derive_again

        return derive_again(self.folder, account, scenario, snapshot, console or Logged())[0]

    def report(
        self,
        formats: Sequence[str] = ("html", "pdf"),
        *,
        out: str | Path | None = None,
        templates: str | Path | None = None,
        console: Console | None = None,
    ) -> Rendered:
        """Make the reports, or make them again, without the snapshot; paths in `reports`, and in `lacking` what the machine could not give.

        Args:
            formats: html, pdf or both.
            out: another folder for them; default: that of the run, whose manifest is brought up to date.
            templates: a folder of templates that take the place of shipped ones.
            console: told of stages; default: the log.

        Raises:
            StressTestError: input data, when the run was changed since it was made; usage, environment or locked as for a run.
        """
        from stresstest.runs.reporting import report_again

        place = None if out is None else Path(out)
        own = None if templates is None else Path(templates)
        return report_again(self.folder, formats, place, own, console or Logged())

    def save(self, folder: str | Path, *, force: bool = False) -> FinishedRun:
        """Keep the run as `folder`, which appears whole or not at all; the run there.

        Args:
            folder: the result folder.
            force: replace the results of an earlier run.

        Raises:
            StressTestError: usage, when the folder exists (results need `force`, anything else is never replaced); locked or
                environment, when it cannot be written.
        """
        target = Path(folder).absolute()
        check_target(target, force)
        with locked(target):
            check_target(target, force)
            try:
                with tempfile.TemporaryDirectory(prefix=f".{target.name}.saving-", dir=target.parent) as work:
                    publish(shutil.copytree(self.folder, Path(work) / "result"), target)
            except OSError as error:
                raise cannot_write(target.parent, error) from error
        return open_run(target)

    def _known(self, name: str, columns: Sequence[str] = ()) -> None:
        if name not in self.tables:
            raise StressTestError(Reason.USAGE, f"the run has no table `{name}`", hint=suggest(name, list(self.tables), "Tables"))
        own = list(table_of(name).names)
        faults = [Fault(f"`{each}` is no column of the table", suggest(each, own, "Columns"), table=name) for each in columns if each not in own]
        if faults:
            raise StressTestError(Reason.USAGE, f"the table {name} has no such columns", faults)


def open_run(folder: str | Path) -> FinishedRun:
    """The finished run in a result folder.

    Raises:
        StressTestError: input data, when the folder is not that of a finished run.
    """
    run = FinishedRun(Path(folder).absolute())
    _ = run.manifest
    return run


def compare(
    before: FinishedRun, after: FinishedRun, table: str = "account_summary", columns: Sequence[str] | None = None, tolerance: float = 0.0
) -> pl.DataFrame:
    """The rows of a result table that differ between two runs: see `results.differences.difference` for the columns.

    `account_summary` has every account, at base and in its worst scenarios. Which rows `account_scenario` has depends on `keep`: run
    with `keep="all"` to compare every account in every scenario.

    Args:
        before: the one run.
        after: the other.
        table: a table that both have.
        columns: the columns to compare; default: all but the key.
        tolerance: numbers that differ by no more than this are the same, in the unit of the column.

    Raises:
        StressTestError: usage, for a table or column that there is none of, or runs whose reporting currencies differ.
    """
    currencies = [run.summary.run.reporting_currency for run in (before, after)]
    if currencies[0] != currencies[1]:
        hint = "Run one of them again with the reporting currency of the other."
        raise StressTestError(Reason.USAGE, f"the runs report in {currencies[0]} and {currencies[1]}", hint=hint)
    return difference(before.table(table), after.table(table), table_of(table), columns, tolerance)
