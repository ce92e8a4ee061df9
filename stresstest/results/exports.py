"""Tables that a command writes on request: one Parquet or CSV file, whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from stresstest.results.store import arrow_schema, conform, layout, polars_schema
from stresstest.results.whole import whole
from stresstest.tables import Table

FORMATS = (".parquet", ".csv")

_FORMULA = "^[=+\\-@\\t\\r\\n\uff1d\uff0b\uff0d\uff20]"
"""First characters of a cell that spreadsheets take for a formula: https://owasp.org/www-community/attacks/CSV_Injection"""


def export(frames: Iterable[pl.DataFrame], table: Table, path: Path, scenarios: Sequence[str] = ()) -> int:
    """Write a table that comes in parts, in order, as one file; the number of its rows.

    The file is written beside its place and moved there when it is complete and on disk. The same parts give the same bytes. In a CSV
    (UTF-8, empty cells for null) a text that a spreadsheet would take for a formula begins with an apostrophe.

    Args:
        frames: the parts; each is ordered and checked as `conform` does.
        table: what they are.
        path: where to; its suffix is one of `FORMATS`.
        scenarios: scenario ids in file order.

    Raises:
        OSError: the place cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write = _write_csv if path.suffix == ".csv" else _write_parquet
    with whole(path) as partial:
        return write((conform(frame, table, scenarios) for frame in frames), table, partial)


def _write_parquet(frames: Iterable[pl.DataFrame], table: Table, path: Path) -> int:
    """A row group for each part."""
    rows = 0
    with pq.ParquetWriter(path, arrow_schema(table), **layout(table)) as writer:
        for frame in frames:
            writer.write_table(frame.rechunk().to_arrow().cast(arrow_schema(table)).combine_chunks(), row_group_size=max(frame.height, 1))
            rows += frame.height
    return rows


def _write_csv(frames: Iterable[pl.DataFrame], table: Table, path: Path) -> int:
    text = [name for name, kind in polars_schema(table).items() if kind == pl.String]
    harmless = pl.when(pl.col(text).str.contains(_FORMULA)).then(pl.lit("'") + pl.col(text)).otherwise(pl.col(text)).name.keep()
    rows = 0
    with path.open("wb") as stream:
        stream.write((",".join(table.names) + "\n").encode())
        for frame in frames:
            frame.with_columns(harmless).write_csv(stream, include_header=False)
            rows += frame.height
    return rows
