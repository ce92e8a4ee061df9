"""Is a table that was computed again the one that a run wrote: by its bytes, else value by value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

import polars as pl

from stresstest.results.differences import AFTER, BEFORE, BOTH, PRESENT, difference
from stresstest.results.documents import Document
from stresstest.results.store import empty, files_of, read_files, rows_of, sha256_of
from stresstest.tables import Table

CLOSE = 1e-12
"""Relative difference of figures between machines that is rounding: other instructions (fused multiply-add), other mathematical libraries."""

Value = str | int | float | bool | None
Outcome = Literal["same", "close", "different", "missing", "new"]


class Difference(Document):
    """The first value that differs: row `key` of the table, `column`, what the run has and what was computed again.

    `column` null: the whole row is in one of the two only, which `present` says (`run`, `again`; else `both`).
    """

    key: dict[str, Value]
    present: Literal["both", "run", "again"]
    column: str | None
    run: Value
    again: Value


class TableCheck(Document):
    """A table of the run, or `summary.json`, beside the same computed again; of the document a row is a part, and `key` says where it is.

    `same`: the same bytes. `close`: other bytes, no text or whole number differs, and no figure by more than the relative tolerance. `different`:
    anything else; with no rows and values that differ, the same values in other bytes. `missing`: not computed again; `new`: not in the run.
    `largest` is the largest difference of a figure, relative as in `compare_table`; null where no figure differs.
    """

    table: str
    outcome: Outcome
    rows: int
    different_rows: int = 0
    different_values: int = 0
    largest: float | None = None
    first: Difference | None = None


def compare_table(run: Path, again: Path, table: Table, relative: float | None) -> TableCheck:
    """A table of two result folders whose bytes differ, value by value.

    A figure x of the run and y computed again are close where |x - y| <= relative * m, with m the largest absolute figure of the same unit in the
    same row of either (of figures without unit: the larger of the two): a figure may be a small difference of large ones, and has their rounding.

    Args:
        run: the folder of the run.
        again: the folder of what was computed again.
        table: which table.
        relative: the tolerance; None: bit for bit, so nothing is close.
    """
    ours, theirs = _different_files(run, again, table.name)
    before, after = (read_files(files) if files else empty(table) for files in (ours, theirs))
    rows = difference(before, after, table)
    key = list(rows.columns[: rows.columns.index(PRESENT)])
    columns = [name for name in table.names if name not in key]
    judged = rows.with_columns(*_distances(table, columns)).with_columns(_differs(table, name, relative).alias(f"{name}_differs") for name in columns)
    flags = [f"{name}_differs" for name in columns]
    differing = judged.filter(pl.any_horizontal(pl.col(PRESENT) != BOTH, *flags))
    in_both = judged.filter(pl.col(PRESENT) == BOTH)
    largest = max((value for name in _figures(table, columns) if (value := in_both[f"{name}_distance"].max()) is not None), default=None)
    exact = relative is None
    return TableCheck(
        table=table.name,
        outcome="different" if exact or differing.height else "close",
        rows=rows_of(run, table.name),
        different_rows=differing.height,
        different_values=sum(int(differing.filter(pl.col(PRESENT) == BOTH)[flag].sum()) for flag in flags),
        largest=largest if isinstance(largest, float) else None,
        first=_first(differing.row(0, named=True), key, columns) if differing.height else None,
    )


def compare_document(name: str, run: Mapping[str, Any], again: Mapping[str, Any], relative: float | None, shared: bool) -> TableCheck:
    """A JSON document of two result folders, value by value; figures are close as in a table, with m the largest figure of the same part.

    Args:
        name: its name.
        run: what the run says.
        again: what was computed again.
        relative: the tolerance; None: none.
        shared: only keys that both have count, since one of them is of other code.
    """
    different: list[Difference] = []
    parts, largest = 0, 0.0
    for place, ours, theirs in _parts(run, again, ""):
        parts += 1
        figures = [abs(value) for part in (ours, theirs) for value in part.values() if isinstance(value, float)]
        for key in dict.fromkeys((*ours, *theirs)):
            before, after = ours.get(key), theirs.get(key)
            if before == after or (shared and not (key in ours and key in theirs)):
                continue
            if isinstance(before, float) and isinstance(after, float):
                apart = abs(after - before) / max(figures)
                largest = max(largest, apart)
                if relative is not None and apart <= relative:
                    continue
            different.append(Difference(key={"part": place or name}, present="both", column=key, run=_plain(before), again=_plain(after)))
    outcome: Outcome = "different" if different else "close" if largest else "same"
    rows = len({each.key["part"] for each in different})
    first = different[0] if different else None
    return TableCheck(
        table=name, outcome=outcome, rows=parts, different_rows=rows, different_values=len(different), largest=largest or None, first=first
    )


def _parts(ours: Any, theirs: Any, place: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The values of every mapping of two documents, outermost first; a list is a mapping from number to entry."""
    ours, theirs = (dict(enumerate(each)) if isinstance(each, (list, tuple)) else each for each in (ours, theirs))
    below = [key for key in dict.fromkeys((*ours, *theirs)) if all(isinstance(each.get(key), (dict, list, tuple)) for each in (ours, theirs))]
    before, after = ({str(key): value for key, value in each.items() if key not in below} for each in (ours, theirs))
    yield place, before, after
    for key in below:
        yield from _parts(ours[key], theirs[key], f"{place}.{key}" if place else str(key))


def _different_files(run: Path, again: Path, name: str) -> tuple[list[Path], list[Path]]:
    """The files of a table without the parts that are the same in both: a large one is read as far as it differs."""
    ours, theirs = ({file.name: file for file in files_of(folder, name)} for folder in (run, again))
    same = {part for part in ours.keys() & theirs.keys() if sha256_of(ours[part]) == sha256_of(theirs[part])}
    return [file for part, file in ours.items() if part not in same], [file for part, file in theirs.items() if part not in same]


def _figures(table: Table, columns: list[str]) -> list[str]:
    return [name for name in columns if table.column(name).type == "float"]


def _distances(table: Table, columns: list[str]) -> list[pl.Expr]:
    """The relative difference of every figure, as `NAME_distance`: 0 where it does not differ, null where one of the two is null."""
    figures = _figures(table, columns)
    found = []
    for name in figures:
        unit = table.column(name).unit
        alike = [other for other in figures if table.column(other).unit == unit] if unit else [name]
        scale = pl.max_horizontal(pl.col(f"{other}_{side}").abs() for other in alike for side in (BEFORE, AFTER))
        apart = (pl.col(f"{name}_{AFTER}") - pl.col(f"{name}_{BEFORE}")).abs()
        found.append(pl.when(apart == 0.0).then(0.0).otherwise(apart / scale).alias(f"{name}_distance"))
    return found


def _differs(table: Table, name: str, relative: float | None) -> pl.Expr:
    other = pl.col(f"{name}_{BEFORE}").ne_missing(pl.col(f"{name}_{AFTER}"))
    if relative is None or table.column(name).type != "float":
        return other
    return (pl.col(f"{name}_distance") > relative).fill_null(other)


def _first(row: dict[str, Any], key: list[str], columns: list[str]) -> Difference:
    present: Literal["both", "run", "again"] = "both" if row[PRESENT] == BOTH else "run" if row[PRESENT] == BEFORE else "again"
    column = next((name for name in columns if row[f"{name}_differs"]), None) if present == "both" else None
    return Difference(
        key={name: _plain(row[name]) for name in key},
        present=present,
        column=column,
        run=None if column is None else _plain(row[f"{column}_{BEFORE}"]),
        again=None if column is None else _plain(row[f"{column}_{AFTER}"]),
    )


def _plain(value: Any) -> Value:
    """A value as JSON has it: moments in ISO 8601, lists as text."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)
