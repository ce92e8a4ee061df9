"""The history: a folder of one small, immutable Parquet file a run and table, written and read by any number of processes without a lock.

`HISTORY/TABLE/AS-OF_RESULT_FINISHED.parquet`. A file is written under another name in the same folder, synced and renamed, so it is there whole
or not at all; the file of `runs` comes last, and a run counts from then on. Whatever a crash leaves is not named `*.parquet`, and nobody reads it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
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
from stresstest.results.whole import whole
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
    found: list[dict[str, Any]] = []
    named = ""
    try:
        kept = files(history, RUNS.name, until=as_of)
    except OSError:
        kept = []
    for file in reversed(kept):
        moment = file.name.partition("_")[0]
        if found and moment != named:
            break
        read = _read(file, RUNS, book)
        if isinstance(read, pa.Table):
            found += [row for row in _together([(file, read)], RUNS)[0].to_dicts() if row["as_of"] < as_of]
            named = moment
    latest = max(found, key=lambda row: (row["as_of"], row["finished"], row["result_id"]), default=None)
    return None if latest is None else _run(latest, history)


def read_runs(history: Path, since: datetime | None = None, until: datetime | None = None, book: str | None = None) -> Runs:
    """The runs of a history, from `since` up to `until` (both included), of one book or of all; what cannot be read is left out and named.

    Columns that an older version did not write are null.
    """
    try:
        kept = files(history, RUNS.name, since, until)
    except OSError as error:
        return Runs(empty(RUNS), (_fault(history / RUNS.name, f"cannot be read: {error.strerror or error}"),))
    table, faults = _read_all(kept, RUNS, book)
    within = [*([pl.col("as_of") >= since] if since else []), *([pl.col("as_of") <= until] if until else [])]
    return Runs((table.filter(within) if within else table).sort("as_of", "finished", "result_id"), faults)


def read_kept(history: Path, table: Table, runs: pl.DataFrame) -> Runs:
    """The copies of a result table that a history has of these runs, in order of run; what cannot be read is left out and named.

    Args:
        history: the folder.
        table: one of `KEPT_TABLES`.
        runs: rows of the table `runs`; what belongs to none of them does not count.
    """
    names = [file_name(*row) for row in runs.select("as_of", "result_id", "finished").iter_rows()]
    return Runs(*_read_all([file for name in names if (file := history / table.name / name).is_file()], with_run_key(table), None))


def files(history: Path, table: str, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
    """The files of a table in a history, in order of moment; those between two moments (to the second, both included) where they are given.

    Raises:
        OSError: the folder is there and cannot be listed.
    """
    first, last = (None if each is None else each.astimezone(UTC).strftime(_AS_OF) for each in (since, until))
    try:
        found = sorted(file for file in (history / table).iterdir() if file.suffix == ".parquet" and not file.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    named = [(file, file.name.partition("_")[0]) for file in found]
    return [file for file, moment in named if (first is None or moment >= first) and (last is None or moment <= last)]


def file_name(as_of: datetime, result_id: str, finished: datetime) -> str:
    """The name of a run's files: in order of name they are in order of moment."""
    return f"{as_of.strftime(_AS_OF)}_{result_id[:12]}_{finished.strftime(_FINISHED)}.parquet"


def _read_all(kept: Sequence[Path], table: Table, book: str | None) -> tuple[pl.DataFrame, tuple[Fault, ...]]:
    """The rows of files of a history, in their order, and what is wrong with those that are left out."""
    with ThreadPoolExecutor() as pool:
        read = list(zip(kept, pool.map(lambda file: _read(file, table, book), kept), strict=True))
    rows, damaged = _together([(file, each) for file, each in read if isinstance(each, pa.Table)], table)
    return rows, (*(each for _, each in read if isinstance(each, Fault)), *damaged)


def _read(file: Path, table: Table, book: str | None) -> pa.Table | Fault | None:
    """What a file of a history holds, its checksums verified, or what is wrong with it; None where it is of another book."""
    if not _NAME.fullmatch(file.stem):
        return _fault(file, "is not named as files of a history are")
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
            if book is not None and "book" in parquet.schema_arrow.names and book not in parquet.read(["book"])["book"].to_pylist():
                return None
            read = parquet.read(use_threads=False)
    except (OSError, pa.ArrowException) as error:
        return _fault(file, f"cannot be read: {str(error).rstrip('.')}")
    needed = dict.fromkeys([*(column.name for column in RUN_KEY), *(["specification", "folder"] if table is RUNS else table.key)])
    unsaid = [name for name in needed if name not in read.column_names or read[name].null_count]
    if unsaid:
        return _fault(file, f"does not say {', '.join(unsaid)}")
    return _fault(file, f"has {read.num_rows} rows") if table is RUNS and read.num_rows != 1 else read


def _together(read: Sequence[tuple[Path, pa.Table]], table: Table) -> tuple[pl.DataFrame, list[Fault]]:
    """The rows of files with the columns and types of this version; files that were written alike at once, which takes a third of the time."""
    schema = polars_schema(table)
    frames, faults = [empty(table)], []
    for _, alike in groupby(read, key=lambda each: each[1].schema.remove_metadata()):
        group = list(alike)
        try:
            frame = pl.from_arrow(pa.concat_tables([each.replace_schema_metadata(None) for _, each in group]))
            assert isinstance(frame, pl.DataFrame)
            frames.append(
                frame.select(pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind).alias(name) for name, kind in schema.items())
            )
        except (pa.ArrowException, pl.exceptions.PolarsError) as error:
            faults += [_fault(file, f"cannot be read: {str(error).rstrip('.')}") for file, _ in group]
    return pl.concat(frames), faults


def _fault(file: Path, what: str) -> Fault:
    hint = "Add the run again with `stresstest history add RUN`, or take the file away."
    return Fault(what, hint, file=str(file), table=file.parent.name)


def _write(frame: pl.DataFrame, table: Table, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with whole(folder / name) as partial:
        write_table(frame, table, partial)


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
