"""Can a finished run be computed again: its folder, its inputs, and every table a second time."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import stresstest
from stresstest.config import RunFile, keyword_overrides, load_run
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.results import manifest as records
from stresstest.results.chain import chain_of
from stresstest.results.documents import read_document
from stresstest.results.identity import Identity, code_sha256
from stresstest.results.inputs import FOLDER, RUN
from stresstest.results.integrity import RESULT, SUMMARY, intact
from stresstest.results.manifest import Manifest
from stresstest.results.reproduction import CLOSE, TableCheck, compare_document, compare_table
from stresstest.results.store import rows_of
from stresstest.results.summary import Summary
from stresstest.runs.console import Console, Logged
from stresstest.runs.finished import FinishedRun
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.runs.staging import hashes_of
from stresstest.runs.verification import GOOD, Condition, Verification
from stresstest.tables import CONTEXT_TABLES, RESULT_TABLES

_NO_FIGURES = frozenset({"stresstest", "weasyprint"})
"""Packages among the manifest's versions that no figure passes through; the code has a hash of its own."""


def verify(
    run: FinishedRun | str | Path,
    *,
    snapshot: str | Path | None = None,
    threads: int | None = None,
    chain: bool = False,
    console: Console | None = None,
) -> Verification:
    """Whether a finished run can be trusted: the folder is as the run left it, the snapshot is the same, and every table comes out again.

    The run is computed again in a temporary folder from the copies in `inputs/`, with the same settings and without reports. Its tables
    must be the same bit for bit; where operating system, CPU features or versions of packages are others than the manifest says, figures
    may differ by `results.reproduction.CLOSE`, relative. Other code is said, and its tables are compared all the same.

    Args:
        run: the run, or its folder.
        snapshot: where the snapshot is now; default: where the run read it.
        threads: threads or worker processes; default: as in the run. The answer does not depend on them.
        chain: also follow the manifests of earlier runs of the book, each of which the next run noted (see `results.chain`); a broken
            chain is no verified run.
        console: told of stages and of other code; default: the log.

    Raises:
        StressTestError: input data, when the folder is no finished run or was changed since (see `results.integrity`), or when tables of the
            snapshot are not those of the run, which are named; locked or environment as for a run.
    """
    started, console = time.perf_counter(), console or Logged()
    folder = run.folder if isinstance(run, FinishedRun) else Path(run).absolute()
    with console.stage("checking"):
        manifest, stated = intact(folder)
        summary = read_document(Summary, folder / SUMMARY)
        links = chain_of(folder, manifest) if chain else None
    code_then, code_now = _code(stated.code_version, stated.code), _code(stresstest.__version__, code_sha256())
    if code_then != code_now:
        console.announce(f"the run is of other code: {code_then}, this is {code_now}")
    conditions = _conditions(manifest)
    relative = CLOSE if conditions else None
    with tempfile.TemporaryDirectory(prefix="stresstest-verify-") as work:
        settings = _same_again(folder, snapshot, threads)
        with console.stage("inputs"):
            read, now = hashes_of(settings.snapshot, Path(work))
        _unchanged(stated.inputs, now, settings.snapshot)
        again = execute(plan(settings.model_copy(update={"snapshot": read}), Path(work) / "again"), console, reports=False).folder
        with console.stage("comparing"):
            second = read_document(Identity, again / RESULT)
            tables = _tables(folder, again, stated, second, relative)
            shared = code_then != code_now
            tables += (compare_document(SUMMARY, _figures(summary), _figures(read_document(Summary, again / SUMMARY)), relative, shared),)
    question = tuple(key for key, value in sorted(stated.specification.items()) if second.specification.get(key, value) != value)
    return Verification(
        result_id=stated.result_id,
        as_of=summary.run.as_of,
        verified=all(each.outcome in GOOD for each in tables) and not any(each.broken for each in links or ()),
        relative=relative,
        conditions=conditions,
        code_then=code_then,
        code_now=code_now,
        inputs=stated.inputs,
        question=question,
        tables=tables,
        not_compared=tuple(table.name for table in CONTEXT_TABLES if table.name in manifest.tables),
        chain=links,
        seconds=round(time.perf_counter() - started, 3),
    )


def _code(version: str, sha256: str) -> str:
    return f"{version} ({sha256[:12]})"


def _conditions(manifest: Manifest) -> tuple[Condition, ...]:
    """What may change the last bits of a figure and is not as it was: operating system, architecture, CPU features, versions."""
    then, now = manifest.machine, records.machine()
    had, have = set(then.cpu_features), set(now.cpu_features)
    versions = records.versions(stresstest.__version__)
    pairs = [
        ("operating system", then.system, now.system),
        ("architecture", then.architecture, now.architecture),
        ("CPU features that only one has", ", ".join(sorted(had - have)) or None, ", ".join(sorted(have - had)) or None),
        *((name, manifest.versions.get(name), versions.get(name)) for name in sorted((manifest.versions.keys() | versions.keys()) - _NO_FIGURES)),
    ]
    return tuple(Condition(what=what, then=before, now=after) for what, before, after in pairs if before != after)


def _same_again(folder: Path, snapshot: str | Path | None, threads: int | None) -> RunFile:
    """The settings of the run, from the copies in its folder."""
    overrides = {"snapshot": None if snapshot is None else str(snapshot), "threads": threads}
    return load_run(folder / FOLDER / RUN, keyword_overrides(overrides))


def _figures(summary: Summary) -> dict[str, Any]:
    """What a summary says of the result: not where the snapshot was, nor the id, which other bytes of a table change."""
    return summary.model_dump(mode="json", exclude={"result_id": True, "run": {"snapshot_label"}})


def _unchanged(then: Mapping[str, str], now: Mapping[str, str], snapshot: str) -> None:
    faults = []
    for table in sorted(then.keys() | now.keys()):
        if then.get(table) != now.get(table):
            what = "is not there" if table not in now else "was not there" if table not in then else "is not the one that the run read"
            hint = "Name the snapshot of the run with --snapshot; of data that were corrected since, make another run."
            faults.append(Fault(f"the table {what}", hint, file=records.without_secrets(snapshot), table=table))
    if faults:
        raise StressTestError(Reason.INPUT_DATA, "the snapshot is not the one of the run", faults)


def _tables(folder: Path, again: Path, stated: Identity, second: Identity, relative: float | None) -> tuple[TableCheck, ...]:
    """Every table that either has, in the order of `tables`."""
    found = []
    for table in RESULT_TABLES:
        ours, theirs = stated.tables.get(table.name), second.tables.get(table.name)
        if ours is None and theirs is None:
            continue
        rows = rows_of(folder if ours else again, table.name)
        if ours is None or theirs is None:
            found.append(TableCheck(table=table.name, outcome="new" if ours is None else "missing", rows=rows))
        elif ours == theirs:
            found.append(TableCheck(table=table.name, outcome="same", rows=rows))
        else:
            found.append(compare_table(folder, again, table, relative))
    return tuple(found)
