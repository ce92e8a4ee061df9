"""The history: a folder of one small, immutable Parquet file a run and table, written and read by any number of processes without a lock.

`HISTORY/TABLE/AS-OF_RESULT_FINISHED.parquet`. A file is written under another name in the same folder, synced and renamed, so it is there whole
or not at all; the file of `runs` comes last, and a run counts from then on. Whatever a crash leaves is not named `*.parquet`, and nobody reads it.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.results.documents import read_document
from stresstest.results.history_rows import figures_of_run
from stresstest.results.identity import Identity
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest, sealed_sha256
from stresstest.results.store import empty, files_of, polars_schema, read_table, write_table
from stresstest.results.summary import Summary
from stresstest.tables import KEPT_TABLES, RUN_KEY, RUNS, Table, with_run_key

_AS_OF = "%Y-%m-%dT%H%M%SZ"
_FINISHED = "%Y%m%dT%H%M%S%fZ"
_NAME = re.compile(r"(?P<as_of>\d{4,}-\d\d-\d\dT\d{6}Z)_(?P<result>[0-9a-f]{12})_(?P<finished>\d{8,}T\d{12}Z)")


@dataclass(frozen=True)
class HistoryRun:
    """A run as a history knows it; `figures` is its row of the table `runs`, `folder` where its result was when it was added."""

    book: str
    as_of: datetime
    finished: datetime
    result_id: str
    specification: str
    light: str
    folder: Path
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class Runs:
    """What was read of a history: `runs` ordered by `as_of`, then `finished`, or another table of it; `faults` are files left out as damaged."""

    table: pl.DataFrame
    faults: tuple[Fault, ...]


def add(run: Path, history: Path) -> HistoryRun:
    """Add a finished run to a history, which is made where there is none. A run that is there already is written again, as the same files.

    Args:
        run: the result folder.
        history: the history folder.

    Raises:
        StressTestError: input data, when `run` is not the folder of a finished run; environment, when the history cannot be written.
    """
    summary = read_document(Summary, run / "summary.json")
    identity = read_document(Identity, run / "result.json")
    finished = datetime.fromisoformat(read_document(Manifest, run / MANIFEST).finished).astimezone(UTC)
    figures = figures_of_run(summary, identity)
    key = {"book": figures["book"], "as_of": figures["as_of"], "result_id": identity.result_id, "finished": finished}
    folder = os.path.relpath(run.resolve(), history.resolve())
    own = {"folder": folder, "manifest_sha256": sealed_sha256(run / MANIFEST)}
    row = {**key, **own, **{name: value for name, value in figures.items() if name not in key}}
    name = file_name(figures["as_of"], identity.result_id, finished)
    schema = polars_schema(RUNS)
    try:
        for table in KEPT_TABLES:
            if files_of(run, table.name):
                keyed = read_table(run, table.name).with_columns(pl.lit(value, dtype=schema[column]).alias(column) for column, value in key.items())
                _write(keyed, with_run_key(table), history / table.name, name)
        _write(pl.DataFrame([row], schema=schema), RUNS, history / RUNS.name, name)
    except OSError as error:
        fault = Fault(error.strerror or str(error), "Check permissions and free space of the history folder.", file=str(error.filename or history))
        raise StressTestError(Reason.ENVIRONMENT, "the run cannot be added to the history", [fault]) from error
    return _run(row, history)


def previous(history: Path, book: str, as_of: datetime) -> HistoryRun | None:
    """The run of this book that ended last, of the latest moment before `as_of`; None without one.

    Files that cannot be read are passed over: `read_runs` names them.
    """
    moment: datetime | None = None
    found: list[dict[str, Any]] = []
    for file in reversed(files(history, RUNS.name, until=as_of)):
        if moment is not None and file.name[: file.name.index("_")] != moment.strftime(_AS_OF):
            break
        frame = _intact_row(file)
        row = None if isinstance(frame, Fault) else frame.row(0, named=True)
        if row is None or row["book"] != book or row["as_of"] >= as_of:
            continue
        moment = row["as_of"]
        found.append(row)
    latest = max(found, key=lambda row: (row["as_of"], row["finished"], row["result_id"]), default=None)
    return None if latest is None else _run(latest, history)


def read_runs(history: Path, since: datetime | None = None, until: datetime | None = None) -> Runs:
    """The runs of a history, from `since` up to `until` (both included); what cannot be read is left out and named.

    Columns that an older version did not write are null.
    """
    kept = files(history, RUNS.name, since, until)
    if not kept:
        return Runs(empty(RUNS), ())
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(_intact_row, kept))
    frames = [each for each in read if isinstance(each, pl.DataFrame)]
    table = pl.concat([empty(RUNS), *frames]).sort("as_of", "finished", "result_id")
    within = [*([pl.col("as_of") >= since] if since else []), *([pl.col("as_of") <= until] if until else [])]
    return Runs(table.filter(within) if within else table, tuple(each for each in read if isinstance(each, Fault)))


def read_kept(history: Path, table: Table, runs: pl.DataFrame) -> Runs:
    """The copies of a result table that a history has of these runs, in order of run; what cannot be read is left out and named.

    Args:
        history: the folder.
        table: one of `KEPT_TABLES`.
        runs: rows of the table `runs`; what belongs to none of them does not count.
    """
    keyed = with_run_key(table)
    wanted = [file_name(*row) for row in runs.select("as_of", "result_id", "finished").iter_rows()]
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(lambda file: _intact(file, keyed), (file for name in wanted if (file := history / table.name / name).is_file())))
    frames = [each for each in read if isinstance(each, pl.DataFrame)]
    return Runs(pl.concat([empty(keyed), *frames]), tuple(each for each in read if isinstance(each, Fault)))


def files(history: Path, table: str, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
    """The files of a table in a history, in order of moment; those between two moments (to the second, both included) where they are given."""
    first, last = "" if since is None else since.astimezone(UTC).strftime(_AS_OF), None if until is None else until.astimezone(UTC).strftime(_AS_OF)
    found = [file for file in (history / table).glob("*.parquet") if not file.name.startswith(".")]
    named = [(file, file.name.partition("_")[0]) for file in sorted(found)]
    return [file for file, moment in named if moment >= first and (last is None or moment <= last)]


def file_name(as_of: datetime, result_id: str, finished: datetime) -> str:
    """The name of a run's files: in order of name they are in order of moment."""
    return f"{as_of.strftime(_AS_OF)}_{result_id[:12]}_{finished.strftime(_FINISHED)}.parquet"


def _intact_row(file: Path) -> pl.DataFrame | Fault:
    """The one row of a file of `runs`, or what is wrong with the file."""
    row = _intact(file, RUNS)
    return _fault(file, f"has {row.height} rows") if isinstance(row, pl.DataFrame) and row.height != 1 else row


def _intact(file: Path, table: Table) -> pl.DataFrame | Fault:
    """A file of a history with the columns of this version, its checksums verified, or what is wrong with it."""
    if not _NAME.fullmatch(file.stem):
        return _fault(file, "is not named as files of a history are")
    schema = polars_schema(table)
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            frame = pl.from_arrow(parquet.read())
        assert isinstance(frame, pl.DataFrame)
        columns = [pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name) for name, kind in schema.items()]
        found = frame.select(columns)
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError) as error:
        return _fault(file, f"cannot be read: {error}")
    needed = [*(column.name for column in RUN_KEY), *(["specification", "folder"] if table is RUNS else table.key)]
    unsaid = [name for name in dict.fromkeys(needed) if found[name].null_count()]
    return _fault(file, f"does not say {', '.join(unsaid)}") if unsaid else found


def _fault(file: Path, what: str) -> Fault:
    hint = "Add the run again with `stresstest history add RUN`, or take the file away."
    return Fault(what, hint, file=str(file), table=file.parent.name)


def _write(frame: pl.DataFrame, table: Table, folder: Path, name: str) -> None:
    """Write a file whole or not at all: under a name of its own, synced, renamed, and the folder synced."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.{os.getpid()}-{uuid.uuid4().hex[:8]}.partial"
    try:
        write_table(frame, table, partial)
        _sync(partial)
        partial.replace(folder / name)
        _sync(folder)
    finally:
        partial.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _run(row: Mapping[str, Any], history: Path) -> HistoryRun:
    return HistoryRun(
        book=row["book"],
        as_of=row["as_of"],
        finished=row["finished"],
        result_id=row["result_id"],
        specification=row["specification"],
        light=row["light"],
        folder=Path(os.path.normpath(history.resolve() / row["folder"])),
        figures=dict(row),
    )
