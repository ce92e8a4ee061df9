"""The same run a second time: a finished run that is the answer already, or why it is not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.results.changes import NAME as CHANGES
from stresstest.results.documents import read_document
from stresstest.results.identity import Identity, code_sha256
from stresstest.results.integrity import SUMMARY, intact
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.summary import Summary
from stresstest.runs.attributing import other_attribution
from stresstest.runs.distancing import other_distances
from stresstest.runs.folders import locked, remove_work
from stresstest.runs.funding import makes_funding
from stresstest.runs.planning import Plan, asked
from stresstest.runs.portfolio_statistics import asks_for_statistics
from stresstest.runs.reporting import REPORTS
from stresstest.runs.staging import inputs_now
from stresstest.tables import FUNDING_TABLES, REPORT_TABLES, STATISTICS_TABLES


def finished_already(plan: Plan) -> tuple[Summary, tuple[str, ...]] | None:
    """The summary of the finished run in the plan's target, where a run would write the same bytes again, and the reports that it lacks.

    The same: settings that change figures, scenarios, margin file, code, name, and every input table by its SHA-256; and its own tables are as
    the run left them. None where the target holds no finished run.

    Raises:
        StressTestError: usage, when it holds a finished run that is not the same, with every difference; locked, when a run is writing it.
    """
    if not (plan.target / MANIFEST).is_file():
        return None
    with locked(plan.target):
        try:
            manifest, stated = intact(plan.target)
            summary = read_document(Summary, plan.target / SUMMARY)
        except StressTestError as error:
            raise _other(plan.target, [error.summary], error.faults) from error
        differences = _differences(plan, stated, summary)
        if differences:
            raise _other(plan.target, differences)
        remove_work(plan.target)  # left where a run was ended between its last step and tidying up
    wanted = [each for each in plan.settings.output.formats if each in REPORTS]
    return summary, tuple(each for each in wanted if f"report.{each}" not in manifest.reports)


def _other(target: Path, differences: list[str], faults: tuple[Fault, ...] = ()) -> StressTestError:
    own = Fault(f"holds a finished run: {'; '.join(differences)}", "Give --force to replace it, or --out another folder.", file=str(target))
    return StressTestError(Reason.USAGE, "the results cannot be written there", [own, *faults])


def _differences(plan: Plan, stated: Identity, summary: Summary) -> list[str]:
    now, then = asked(plan), stated.specification
    different = [key for key in sorted(now.keys() | then.keys()) if now.get(key) != then.get(key)]
    found = [f"of another question ({', '.join(different)})"] if different else []
    if summary.run.name != (plan.settings.name or plan.scenarios.name):
        found.append("of another name")
    if (summary.run.book or summary.run.name) != plan.book:
        found.append("of another book")
    reports = bool(set(plan.settings.output.formats) & set(REPORTS))
    needed = {table.name for table in REPORT_TABLES} - {table.name for table in FUNDING_TABLES} if reports else set()
    if not needed <= stated.tables.keys():
        found.append("without the tables that a report needs, which a run of a large book makes only when one is asked for")
    elif asks_for_statistics(plan.settings) and not {table.name for table in STATISTICS_TABLES} <= stated.tables.keys():
        found.append("without the statistics of the portfolio, which a run of a large book makes only when they or a report are asked for")
    if makes_funding(plan.settings, reports) and not {table.name for table in FUNDING_TABLES} <= stated.tables.keys():
        found.append("without the tables of `funding`")
    if other := other_attribution(plan.settings, plan.target, stated.tables.keys()):
        found.append(other)
    if other := other_distances(plan.settings, plan.target, stated.tables.keys()):
        found.append(other)
    if plan.settings.against is not None and not (plan.target / CHANGES).is_file():
        found.append("not set against an earlier run")
    if stated.code != code_sha256():
        found.append(f"of other code (stresstest {stated.code_version})")
    with tempfile.TemporaryDirectory(prefix="stresstest-inputs-") as work:
        inputs = inputs_now(plan.settings.snapshot, Path(work))
    if inputs is None:
        remote = "://" in plan.settings.snapshot
        found.append("and whether the snapshot is still the same is not known" if remote else "and the snapshot cannot be read now")
    elif inputs != stated.inputs:
        changed = [table for table in sorted(inputs.keys() | stated.inputs.keys()) if inputs.get(table) != stated.inputs.get(table)]
        found.append(f"of other data ({', '.join(changed)})")
    return found
