"""Result tables on disk: checked against `tables`, ordered by key, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.tables import SCHEMA_VERSION, Table, Type

ROW_GROUP = 131_072
"""Rows a row group: fixed, so that bytes do not depend on how a frame was put together."""

_BUFFER = 1 << 20

PART_ROWS = 4_096
"""Rows from which a part of a table stays a file of its own."""

_POLARS: Mapping[Type, pl.DataType | type[pl.DataType]] = {
    "string": pl.String,
    "float": pl.Float64,
    "integer": pl.Int64,
    "boolean": pl.Boolean,
    "timestamp": pl.Datetime("us", "UTC"),
    "date": pl.Date,
    "string list": pl.List(pl.String),
}
_ARROW: Mapping[Type, pa.DataType] = {
    "string": pa.string(),
    "float": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
    "string list": pa.list_(pa.string()),
}


def polars_schema(table: Table) -> pl.Schema:
    """Column names and Polars types of a table."""
    return pl.Schema({column.name: _POLARS[column.type] for column in table.columns})


def empty(table: Table) -> pl.DataFrame:
    """The table without rows."""
    return pl.DataFrame(schema=polars_schema(table))


def conform(frame: pl.DataFrame, table: Table, scenarios: Sequence[str] = ()) -> pl.DataFrame:
    """The frame with exactly the columns and types of `table`, in its order.

    Rows are ordered by owner, account, pool, then scenario in the order of `scenarios` (file order), then by what is
    left of the key.

    Raises:
        ValueError: a column is missing or unknown, a null, NaN or word stands where none may, or a key occurs twice.
            These are faults of the engine, never of the user.
    """
    expected = polars_schema(table)
    missing, unknown = [c for c in expected if c not in frame.columns], [c for c in frame.columns if c not in expected]
    if missing or unknown:
        raise ValueError(f"{table.name}: columns missing {missing}, unknown {unknown}")
    frame = frame.select(pl.col(name).cast(dtype) for name, dtype in expected.items())
    if frame.is_empty():
        return frame
    frame = frame.sort(_order(table, scenarios), nulls_last=False)
    broken = [what for what, found in frame.select(_faults(table)).row(0, named=True).items() if found]
    if broken:
        raise ValueError(f"{table.name}.{broken[0]}")
    return frame


def _faults(table: Table) -> list[pl.Expr]:
    """One flag per rule of a column, named after what it says; all of them in one pass over rows in the order of the key."""
    flags = [pl.all_horizontal(pl.col(name).eq_missing(pl.col(name).shift()) for name in table.key).slice(1).any().alias("key: occurs twice")]
    for column in table.columns:
        values = pl.col(column.name)
        if not column.nullable:
            flags.append(values.is_null().any().alias(f"{column.name}: null where none may be"))
        if column.type == "float":
            flags.append((~values.is_finite()).any().alias(f"{column.name}: a value is not finite"))
        if column.choices:
            flags.append((~values.is_in(column.choices)).any().alias(f"{column.name}: a value is none of {', '.join(column.choices)}"))
    return flags


def _order(table: Table, scenarios: Sequence[str]) -> list[pl.Expr]:
    place = {scenario: number for number, scenario in enumerate(scenarios)}
    by_account = [name for name in ("owner_id", "account_id", "pool_id") if name in table.names] if "account_id" in table.key else []
    return [
        pl.col(name).replace_strict(place, return_dtype=pl.Int64, default=len(place)) if name == "scenario_id" and place else pl.col(name)
        for name in (*by_account, *(name for name in table.key if name not in by_account))
    ]


def write_table(frame: pl.DataFrame, table: Table, path: Path, scenarios: Sequence[str] = ()) -> Path:
    """Write a table as one Parquet file: lz4, page checksums, `schema_version` in its metadata.

    The same rows give the same bytes whatever their order and however the frame was put together. See `conform` for
    the order of rows and for what is refused.
    """
    # One chunk a column: the writer starts pages at chunk borders, which depend on how the frame came to be.
    arrow = conform(frame, table, scenarios).rechunk().to_arrow().cast(arrow_schema(table)).combine_chunks()
    return _write(arrow, table, path)


def arrow_schema(table: Table) -> pa.Schema:
    """Column names, Arrow types, units and meanings of a table, with its name and `schema_version` as metadata."""
    fields = [pa.field(c.name, _ARROW[c.type], c.nullable, {"doc": c.doc, **({"unit": c.unit} if c.unit else {})}) for c in table.columns]
    return pa.schema(fields, {"table": table.name, "schema_version": str(SCHEMA_VERSION)})


def _write(arrow: pa.Table, table: Table, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Through a buffer: the writer hands over every column by itself, and a part has many small ones.
    with pa.output_stream(str(path), compression=None, buffer_size=_BUFFER) as stream:
        pq.write_table(arrow, stream, row_group_size=ROW_GROUP, **layout(table))
    return path


def layout(table: Table) -> dict[str, Any]:
    """How every Parquet file is written: lz4, page checksums, and dictionaries for text alone.

    Figures hardly repeat, and looking for repeats takes half the time.
    """
    text = [column.name for column in table.columns if column.type == "string"]
    return {"compression": "lz4", "use_dictionary": text, "write_page_checksum": True}


def part_path(folder: Path, table: Table, number: int) -> Path:
    """Where part `number` of a table written in parts is: parts in order of name are the table in order."""
    return folder / table.name / f"part-{number:010d}.parquet"


@dataclass(frozen=True)
class PartWriter:
    """Writes parts of tables into a folder, from any thread or process; a part is there whole or not at all.

    Parts without rows are not written: `finish_parts` sees to it that the table exists.
    """

    folder: Path
    scenarios: tuple[str, ...]

    def __call__(self, table: Table, number: int, frame: pl.DataFrame) -> None:
        """Write part `number` of a table, in place of one that an interrupted run left."""
        if frame.height:
            path = part_path(self.folder, table, number)
            write_table(frame, table, path.with_suffix(".partial"), self.scenarios).replace(path)


def finish_parts(parts: Path, folder: Path, table: Table) -> None:
    """Make a table of a result folder from its parts, which stay; only one, or none, becomes `NAME.parquet`.

    The parts are still there when the run is interrupted after this, and taken up again. Those of few rows are
    joined with those after them, so that a table is never made of many tiny files.
    """
    waiting: list[Path] = []
    joined = 0
    for file in sorted((parts / table.name).glob("*.parquet")):
        waiting.append(file)
        joined += int(pq.read_metadata(file).num_rows)
        if joined >= PART_ROWS:
            _join(waiting, folder, table)
            waiting, joined = [], 0
    _join(waiting, folder, table)
    written = files_of(folder, table.name)
    if not written:
        write_table(empty(table), table, folder / f"{table.name}.parquet")
    elif len(written) == 1:
        written[0].rename(folder / f"{table.name}.parquet")
        (folder / table.name).rmdir()


def _join(files: Sequence[Path], folder: Path, table: Table) -> None:
    """One part from consecutive ones, named after the first of them."""
    if not files:
        return
    target = folder / table.name / files[0].name
    target.parent.mkdir(exist_ok=True)
    if len(files) == 1:
        link(files[0], target)
    else:
        whole = pa.concat_tables([pq.ParquetFile(file).read() for file in files])
        _write(whole.cast(arrow_schema(table)).combine_chunks(), table, target)


def link(file: Path, target: Path) -> None:
    """A second name of a file; a copy where the file system has none."""
    try:
        target.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, target)


def files_of(folder: Path, name: str) -> tuple[Path, ...]:
    """The files of a result table, in order: `NAME.parquet`, or the parts in `NAME/`; none if the run has no such table."""
    single = folder / f"{name}.parquet"
    return (single,) if single.is_file() else tuple(sorted((folder / name).glob("*.parquet")))


def read_table(folder: Path, name: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """A result table of a run, or some columns of it, its page checksums verified.

    Raises:
        StressTestError: input data, when the run has no such table or a file is damaged.
    """
    files = files_of(folder, name)
    if not files:
        raise _unreadable(
            folder, name, "this run has no such table", "See `stresstest schema` for the tables, and the run's manifest.json for those it wrote."
        )
    try:
        return read_files(files, columns)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(
            folder, name, f"cannot be read: {str(error).rstrip('.')}", "Run the stress test again, or take the folder from a backup."
        ) from error


def read_files(files: Sequence[Path], columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The rows of some files of one table, at least one, their page checksums verified; errors as pyarrow raises them."""
    with ThreadPoolExecutor() as pool:
        return pl.concat(pool.map(lambda file: _frame(file, columns), files))


def _frame(file: Path, columns: Sequence[str] | None) -> pl.DataFrame:
    with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
        frame = pl.from_arrow(parquet.read(None if columns is None else list(columns)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _unreadable(folder: Path, name: str, what: str, hint: str) -> StressTestError:
    return StressTestError(Reason.INPUT_DATA, "a result table cannot be read", [Fault(what, hint, file=str(folder), table=name)])


def rows_of(folder: Path, name: str) -> int:
    """Number of rows of a result table, from its metadata."""
    return sum(int(pq.read_metadata(file).num_rows) for file in files_of(folder, name))


def sha256_of(file: Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def table_sha256(folder: Path, name: str) -> str:
    """SHA-256 of a result table: of its file, or of name, size and SHA-256 of each of its parts in order."""
    files = files_of(folder, name)
    if len(files) == 1 and files[0].parent == folder:
        return sha256_of(files[0])
    with ThreadPoolExecutor() as pool:
        digests = list(pool.map(sha256_of, files))
    lines = "".join(f"{file.name} {file.stat().st_size} {digest}\n" for file, digest in zip(files, digests, strict=True))
    return hashlib.sha256(lines.encode()).hexdigest()
