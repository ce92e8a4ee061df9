"""The whole pipeline: from a plan to a finished result folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import stresstest
from stresstest.errors import Reason, StressTestError
from stresstest.executors import make_executor
from stresstest.results import manifest as records
from stresstest.results.documents import canonical, write_document
from stresstest.results.inputs import FOLDER as INPUTS
from stresstest.results.inputs import SNAPSHOT, copy_documents, copy_snapshot, document_hashes
from stresstest.results.store import PartWriter, finish_parts, read_table
from stresstest.results.summary import Summary
from stresstest.runs.attributing import asks_for_attribution, write_attribution
from stresstest.runs.comparing import write_comparisons
from stresstest.runs.console import Advance, Console, Silent, utc_now
from stresstest.runs.distancing import axes_of, write_distances
from stresstest.runs.drawing import write_draws
from stresstest.runs.earlier import join_history, run_before, write_context
from stresstest.runs.folders import cannot_write, check_target, locked_work_folder, publish
from stresstest.runs.funding import makes_funding, write_funding
from stresstest.runs.installation import kernels_to_compile
from stresstest.runs.limit_checks import limits_need_report_tables
from stresstest.runs.planning import Plan, merged, scenarios_on
from stresstest.runs.portfolio_statistics import asks_for_statistics, write_statistics
from stresstest.runs.repeated import finished_already
from stresstest.runs.reporting import REPORTS, report_again, write_reports
from stresstest.runs.staging import stage, workers
from stresstest.runs.writing import Valued, write_report_tables, write_results, write_summary
from stresstest.scenarios.resolve import resolve
from stresstest.snapshot.book import Book, InputFile
from stresstest.tables import ACCOUNT_SCENARIO, ACCOUNT_SUMMARY, POOL_SCENARIO

if TYPE_CHECKING:
    from stresstest.results.quality import Check
    from stresstest.stress.breakdown import Breakdown
    from stresstest.stress.static import StressResult

SUMMARY_COLUMNS = (
    "account_id", "owner_id", "name", "status", "positions", "gross_notional", "equity", "initial_margin", "maintenance_margin",
    "margin_balance",
    *(
        f"worst_headline_{name}"
        for name in (
            "scenario_id", "status", "equity", "position_pnl", "margin_balance", "maintenance_margin", "margin_shortfall", "uncollateralised_loss",
        )
    ),
)  # fmt: skip
"""Columns of account_summary that reconciliation, summary and account pages need; the others stay on disk."""

SMALL_BOOK = 250_000
"""Positions up to which the tables that only a report needs are always made: a second look at such a book takes about a tenth of a second."""


@dataclass(frozen=True)
class Outcome:
    """A finished run. `lacking`: what could not be done besides (the PDF, its place in the history); everything else is there. `repeated`: the
    folder held this very result already, and nothing was computed."""

    folder: Path
    summary: Summary
    lacking: StressTestError | None
    repeated: bool = False


@dataclass
class _Clock:
    """Stages as they end, with their seconds."""

    console: Console
    stages: list[records.Stage] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.console.note(text)

    def announce(self, text: str) -> None:
        self.console.announce(text)

    def warn(self, text: str) -> None:
        self.console.warn(text)

    @contextmanager
    def stage(self, name: str, total: int | None = None) -> Iterator[Advance]:
        started = time.perf_counter()
        with self.console.stage(name, total) as advance:
            yield advance
        self.stages.append(records.Stage(name=name, seconds=round(time.perf_counter() - started, 3)))


def execute(
    plan: Plan,
    console: Console | None = None,
    *,
    force: bool = False,
    reports: bool = True,
    command: Sequence[str] = (),
    now: Callable[[], datetime] = utc_now,
) -> Outcome:
    """Run a plan: its target exists only when everything in it is finished.

    An interrupted run leaves its work folder, and the next run of the same plan takes it up; a refused one leaves nothing. A target that holds
    the result of this very plan, of the same data by the same code, is left as it is, unless `force` asks to run again; reports that
    it lacks are made. Without `reports` the tables for those that the plan asks for are made, and not the reports themselves.

    Raises:
        StressTestError: usage, when the target holds anything else and may not be replaced; locked, when another run writes it; input data or
            scenario, when the snapshot or a scenario on it is refused; environment, when the place cannot be written or a worker died.
    """
    if not force and (found := finished_already(plan)) is not None:
        summary, lacking_reports = found
        lacking = report_again(plan.target, lacking_reports, console=console, command=command, now=now).lacking if lacking_reports else None
        return Outcome(plan.target, summary, _together(lacking, join_history(plan, plan.target)), repeated=True)
    check_target(plan.target, force)
    with locked_work_folder(plan.target, plan.hash) as work:
        check_target(plan.target, force)
        try:
            return _execute(plan, work, _Clock(console or Silent()), command, now, reports)
        except OSError as error:
            raise cannot_write(work, error) from error
        except StressTestError as error:
            if error.reason not in (Reason.ENVIRONMENT, Reason.INTERRUPTED):
                shutil.rmtree(work)
            raise


def _execute(plan: Plan, work: Path, clock: _Clock, command: Sequence[str], now: Callable[[], datetime], reports: bool) -> Outcome:
    started = now()
    result = work / "result"
    shutil.rmtree(result, ignore_errors=True)
    result.mkdir()
    copy_documents(result, plan.settings, plan.rulebook, plan.run_file)
    if plan.given_snapshot is not None:
        copy_snapshot(result, plan.given_snapshot)
    plan, valued = _value(plan, work, clock)
    reused, stressed, breakdown, of_cascade = _stress(plan, work, result, valued, clock)
    with clock.stage("results"):
        accounts = read_table(result, ACCOUNT_SUMMARY.name, SUMMARY_COLUMNS)
        if breakdown is not None:
            write_report_tables(plan, result, valued, breakdown, accounts)
            write_draws(plan, result, valued.book, stressed, accounts)
        if breakdown is not None or asks_for_attribution(plan.settings):
            write_attribution(plan, result, valued, stressed, accounts)
        if breakdown is not None or asks_for_statistics(plan.settings):
            write_statistics(plan, result, valued)
        stated = write_results(plan, result, valued, stressed, accounts, of_cascade)
        summary = write_summary(plan, result, valued.book, stated, accounts)
        write_context(plan, result, summary, stated, clock.console)
    if plan.settings.against is not None:
        # Few runs are set against another, and what compares two takes a thirtieth of a second to load.
        from stresstest.runs.difference.against import write_changes

        write_changes(plan, result, summary, stated, clock)
    with clock.stage("manifest"):
        manifest = records.Manifest(
            result_id=stated.result_id,
            command=tuple(command),
            started=started.isoformat(),
            finished="",
            snapshot=records.without_secrets(plan.settings.snapshot) if plan.given_snapshot is None else f"{INPUTS}/{SNAPSHOT}",
            margin=records.without_secrets(plan.settings.margin),
            versions=records.versions(stresstest.__version__),
            seed=plan.settings.seed,
            executor=plan.settings.executor,
            workers=workers(plan.settings),
            machine=records.machine(),
            inputs=records.input_records(_inputs(plan, valued.book)),
            documents=document_hashes(result),
            tables=records.table_records(result, stated.tables),
            stages=(),
            peak_memory=0,
            reused_blocks=reused,
            reports={},
            previous=run_before(plan, summary),
        )
    lacking = None
    if reports and set(REPORTS) & set(plan.settings.output.formats):
        with clock.stage("report"):
            lacking = write_reports(result, manifest, plan.settings.output.formats)
    finished = {
        "finished": now().isoformat(),
        "stages": tuple(clock.stages),
        "peak_memory": records.peak_memory(),
        "reports": records.report_hashes(result),
    }
    write_document(manifest.model_copy(update=finished), result / records.NAME)
    publish(result, plan.target)
    shutil.rmtree(work)
    return Outcome(plan.target, summary, _together(lacking, join_history(plan, plan.target)))


def _together(*refusals: StressTestError | None) -> StressTestError | None:
    """What a finished run lacks, as one refusal."""
    found = [each for each in refusals if each is not None]
    return merged(found) if found else None


def _inputs(plan: Plan, book: Book) -> tuple[InputFile, ...]:
    """The tables as read; those that were given as frames are where the result keeps them."""
    if plan.given_snapshot is None:
        return book.inputs
    return tuple(replace(file, path=f"{INPUTS}/{SNAPSHOT}/{Path(file.path).name}") for file in book.inputs)


def _value(plan: Plan, work: Path, clock: _Clock) -> tuple[Plan, Valued]:
    """The plan with all scenarios, those too that generators make of the book's history; the book under them."""
    # The snapshot is read by a process of its own: this one gets what computes ready meanwhile, which takes as long as a small book.
    with clock.stage("snapshot"), ThreadPoolExecutor(1) as meanwhile:
        meanwhile.submit(_ready_engine)
        meanwhile.submit(_ready_root_finding)
        try:
            book = stage(plan.settings, plan.rulebook, work, ours=plan.given_snapshot is not None)
        finally:
            meanwhile.shutdown(wait=False, cancel_futures=True)
    from stresstest.stress.limits import check_limits
    from stresstest.valuation.value import value_instruments

    with clock.stage("scenarios"):
        plan = replace(plan, scenarios=scenarios_on(book, plan.settings, plan.scenarios))
        resolved, notices = resolve(plan.scenarios, book.dimensions, plan.rulebook.margin_names())
    with clock.stage("valuation"):
        units = value_instruments(book.dimensions, resolved)
        check_limits(book, resolved, units, plan.rulebook)
    valued = Valued(book, resolved, notices, units)
    if plan.settings.cascade is not None:
        from stresstest.runs.cascade.market import market_on

        market_on(plan.settings, plan.settings.cascade, book.dimensions, resolved)
    # What distances are asked along that is not there is refused before anything is stressed too.
    _, said = axes_of(plan, valued)
    if said:
        clock.note(said)
    return plan, valued


def _ready_root_finding() -> None:
    """What options need, and most small books do not: there the snapshot is read before this begins, and it is left to whoever needs it."""
    import scipy.optimize  # noqa: F401


def _ready_engine() -> None:
    import stresstest.stress.breakdown
    import stresstest.stress.static
    import stresstest.valuation.value  # noqa: F401
    from stresstest.stress.warm_up import warm_up

    # Kernels that must be compiled first are compiled when they are needed: a snapshot that is refused does not wait for them.
    if kernels_to_compile() is None:
        warm_up()


def wants_report_tables(plan: Plan, positions: int) -> bool:
    """Whether a run makes the tables that only a report needs: one is asked for, a limit is about them, or the book is small."""
    asked = bool(set(REPORTS) & set(plan.settings.output.formats))
    return asked or positions <= SMALL_BOOK or limits_need_report_tables(plan.settings)


def _stress(plan: Plan, work: Path, result: Path, valued: Valued, clock: _Clock) -> tuple[int, StressResult, Breakdown | None, list[Check]]:
    """Number of blocks taken over from an interrupted run, the result, the second look if there is one, and what data quality says of the cascade;
    large tables are moved into `result`."""
    from stresstest.stress.blocks import finished_blocks
    from stresstest.stress.breakdown import break_down
    from stresstest.stress.static import static_stress

    # Named after the data: finished blocks of other data, or of another moment, are never taken for those of this.
    dimensions = valued.book.dimensions
    data = [[file.table, file.sha256] for file in valued.book.inputs], dimensions.as_of.isoformat(), dimensions.reporting_currency
    digest = records.sha256_text(canonical(data))
    folder, parts = work / f"blocks-{digest[:12]}", work / f"parts-{digest[:12]}"
    folder.mkdir(exist_ok=True)
    reused = finished_blocks(folder, valued.book.blocks)
    if reused:
        clock.console.note(f"takes up an interrupted run: blocks finished {reused:,} of {valued.book.blocks:,}")
    wait = kernels_to_compile()
    if wait is not None:
        clock.console.announce(wait)
    breakdown = None
    checks: list[Check] = []
    with make_executor(plan.settings.executor, workers(plan.settings), work) as executor:
        with clock.stage("stress", valued.book.blocks) as advance:
            stressed = static_stress(
                valued.book,
                valued.resolved,
                plan.scenarios.scenarios,
                plan.rulebook,
                valued.units,
                executor,
                keep=plan.settings.keep,
                folder=folder,
                sink=PartWriter(parts, plan.scenarios.ids),
                on_progress=lambda _done, _blocks: advance(1),
            )
        report_tables = wants_report_tables(plan, valued.book.positions)
        if report_tables:
            with clock.stage("breakdown", valued.book.blocks) as advance:
                breakdown = break_down(valued.book, valued.resolved, stressed, executor, on_progress=lambda _done, _blocks: advance(1))
        if makes_funding(plan.settings, report_tables):
            with clock.stage("funding", valued.book.blocks) as advance:
                write_funding(plan, valued.book, stressed, executor, result, lambda _done, _blocks: advance(1))
        asked = plan.settings.compare
        if asked.models or asked.isolated:
            write_comparisons(plan, valued.book, valued.resolved, valued.units, stressed, executor, parts, result, clock.stage)
        wanted, _ = axes_of(plan, valued)
        if wanted:
            with clock.stage("distance", len(wanted)) as advance:
                write_distances(plan, valued, stressed, wanted, executor, parts, result, lambda _done, _axes: advance(1))
        if plan.settings.cascade is not None:
            from stresstest.runs.cascade.following import write_cascade

            checks = write_cascade(plan, valued, stressed, executor, work / "isolated", result, clock.stage)
    for table in (ACCOUNT_SUMMARY, ACCOUNT_SCENARIO, POOL_SCENARIO):
        finish_parts(parts, result, table)
    return reused, stressed, breakdown, checks
