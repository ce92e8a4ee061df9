"""What differs between the same table of two runs: row by row by key, nothing made up for rows that only one of them has."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stresstest.documents import suggest
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.tables import Table

PRESENT = "present"
BOTH, BEFORE, AFTER = "both", "before", "after"


def difference(before: pl.DataFrame, after: pl.DataFrame, table: Table, columns: Sequence[str] | None = None, tolerance: float = 0.0) -> pl.DataFrame:
    """The rows of a result table that differ between two runs.

    The key of the table (with `owner_id` where it has one), then `present` (`both`, or the only side that has the row), then for every
    compared column `NAME_before` and `NAME_after`, of numbers also `NAME_change` = after less before. A row that one side lacks has
    nulls there and no change: that a run did not store it (`keep`) does not make its figures zero. A null is equal to a null alone.

    Rows are in the order of `after`, followed by those that only `before` has. Equal tables give a frame without rows.

    Args:
        before: the table of the one run.
        after: the table of the other.
        table: which table it is.
        columns: the columns to compare, in this order; default: all but the key.
        tolerance: numbers that differ by no more than this are the same, in the unit of the column.

    Raises:
        StressTestError: usage, for columns that the table does not have, a negative tolerance, or a table without key.
    """
    key = (*(["owner_id"] if "owner_id" in table.names and "owner_id" not in table.key else []), *table.key)
    compared = tuple(name for name in table.names if name not in key) if columns is None else tuple(dict.fromkeys(columns))
    _check(table, key, compared, tolerance)
    numbers = frozenset(column.name for column in table.columns if column.type in ("float", "integer"))
    joined = (
        _side(after, key, compared, AFTER)
        .join(_side(before, key, compared, BEFORE), on=key, how="full", coalesce=True, nulls_equal=True)
        .sort(f"_{AFTER}", f"_{BEFORE}", nulls_last=True)
    )
    only_after, only_before = pl.col(f"_{BEFORE}").is_null(), pl.col(f"_{AFTER}").is_null()
    present = pl.when(only_after).then(pl.lit(AFTER)).when(only_before).then(pl.lit(BEFORE)).otherwise(pl.lit(BOTH)).alias(PRESENT)
    different = [_differs(name, name in numbers, tolerance) for name in compared]
    return joined.filter(pl.any_horizontal(only_after, only_before, *different)).select(
        *key, present, *(each for name in compared for each in _shown(name, name in numbers))
    )


def _check(table: Table, key: Sequence[str], compared: Sequence[str], tolerance: float) -> None:
    faults = []
    own = [name for name in table.names if name not in key]
    for name in compared:
        if name in key:
            faults.append(Fault(f"`{name}` is part of the key, which is always shown", "Leave it out.", table=table.name, column=name))
        elif name not in own:
            faults.append(Fault(f"`{name}` is no column of the table", suggest(name, own, "Columns"), table=table.name, column=name))
    if not tolerance >= 0.0:
        faults.append(Fault(f"a tolerance of {tolerance} says nothing", "Give an amount of zero or more.", table=table.name))
    if faults:
        raise StressTestError(Reason.USAGE, "the tables cannot be compared so", faults)


def _side(frame: pl.DataFrame, key: Sequence[str], compared: Sequence[str], side: str) -> pl.DataFrame:
    """One side of the comparison; `_SIDE` is the place of its row, null where the other side has no partner for it."""
    own = (pl.col(name).alias(f"{name}_{side}") for name in compared)
    return frame.select(*key, *own, pl.int_range(pl.len(), dtype=pl.Int64).alias(f"_{side}"))


def _differs(name: str, number: bool, tolerance: float) -> pl.Expr:
    before, after = pl.col(f"{name}_{BEFORE}"), pl.col(f"{name}_{AFTER}")
    if not number or tolerance == 0.0:
        return before.ne_missing(after)
    return ((after - before).abs() > tolerance).fill_null(before.ne_missing(after))


def _shown(name: str, number: bool) -> list[pl.Expr]:
    before, after = pl.col(f"{name}_{BEFORE}"), pl.col(f"{name}_{AFTER}")
    return [before, after, *([(after - before).alias(f"{name}_change")] if number else [])]
