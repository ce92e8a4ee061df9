"""Result tables on disk: checked against `tables.py`, ordered by key, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.tables import SCHEMA_VERSION, Column, Table, Type

ROW_GROUP = 131_072
"""Rows a row group: fixed, so that bytes do not depend on how a frame was put together."""

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
    for column in table.columns:
        _check(frame[column.name], column, table)
    if frame.select(table.key).is_duplicated().any():
        raise ValueError(f"{table.name}: a key occurs twice")
    return frame.sort(_order(table, scenarios), nulls_last=False)


def _check(values: pl.Series, column: Column, table: Table) -> None:
    where = f"{table.name}.{column.name}"
    if not column.nullable and values.null_count():
        raise ValueError(f"{where}: null where none may be")
    if column.type == "float" and not values.is_finite().fill_null(True).all():
        raise ValueError(f"{where}: a value is not finite")
    if column.choices and not values.drop_nulls().is_in(column.choices).all():
        raise ValueError(f"{where}: a value is none of {', '.join(column.choices)}")


def _order(table: Table, scenarios: Sequence[str]) -> list[pl.Expr]:
    place = {scenario: number for number, scenario in enumerate(scenarios)}
    by_account = [name for name in ("owner_id", "account_id", "pool_id") if name in table.names] if "account_id" in table.key else []
    return [
        pl.col(name).replace_strict(place, return_dtype=pl.Int64, default=len(place)) if name == "scenario_id" and place else pl.col(name)
        for name in (*by_account, *(name for name in table.key if name not in by_account))
    ]


def write_table(frame: pl.DataFrame, table: Table, path: Path, scenarios: Sequence[str] = ()) -> Path:
    """Write a table as one Parquet file: zstd, page checksums, `schema_version` in its metadata.

    The same rows give the same bytes whatever their order and however the frame was put together. See `conform` for
    the order of rows and for what is refused.
    """
    fields = [pa.field(c.name, _ARROW[c.type], c.nullable, {"doc": c.doc, **({"unit": c.unit} if c.unit else {})}) for c in table.columns]
    schema = pa.schema(fields, {"table": table.name, "schema_version": str(SCHEMA_VERSION)})
    # One chunk a column: the writer starts pages at chunk borders, which depend on how the frame came to be.
    arrow = conform(frame, table, scenarios).rechunk().to_arrow().cast(schema).combine_chunks()
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(arrow, path, row_group_size=ROW_GROUP, compression="zstd", write_page_checksum=True)
    return path


def part_path(folder: Path, table: Table, number: int) -> Path:
    """Where part `number` (a block) of a table written in parts is: parts in order of name are the table in order."""
    return folder / table.name / f"part-{number:09d}.parquet"


def files_of(folder: Path, name: str) -> tuple[Path, ...]:
    """The files of a result table, in order: `NAME.parquet`, or the parts in `NAME/`; none if the run has no such table."""
    single = folder / f"{name}.parquet"
    return (single,) if single.is_file() else tuple(sorted((folder / name).glob("*.parquet")))


def read_table(folder: Path, name: str) -> pl.DataFrame:
    """A result table of a run, its page checksums verified.

    Raises:
        StressTestError: input data, when the run has no such table or a file is damaged.
    """
    files = files_of(folder, name)
    if not files:
        raise _unreadable(
            folder, name, "this run has no such table", "See `stresstest schema` for the tables, and the run's manifest.json for those it wrote."
        )
    try:
        return pl.concat([_frame(pq.read_table(file, page_checksum_verification=True)) for file in files])
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(folder, name, f"cannot be read: {error}", "Run the stress test again, or take the folder from a backup.") from error


def _frame(arrow: pa.Table) -> pl.DataFrame:
    frame = pl.from_arrow(arrow)
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
    lines = "".join(f"{file.name} {file.stat().st_size} {sha256_of(file)}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()
