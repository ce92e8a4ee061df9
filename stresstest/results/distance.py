"""What the table `distance` of a run says: the nearest axis of every account, and how much breaks in which band of shifts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.results.store import files_of, read_table
from stresstest.tables import DISTANCE

SCENARIO = "scenario:"
NEAR = 0.10
"""Shift within which accounts are counted as near."""


def read_distance(folder: Path) -> pl.DataFrame | None:
    """The table of a result folder, in its order; None where the run has none."""
    return read_table(folder, DISTANCE.name) if files_of(folder, DISTANCE.name) else None


def of_factors(distance: pl.DataFrame) -> pl.DataFrame:
    """Rows of factors, whose shifts are relative; those of scenarios are multiples."""
    return distance.filter(~pl.col("factor").str.starts_with(SCENARIO))


def nearest(rows: pl.DataFrame, target: str) -> pl.DataFrame:
    """Of every account that is reached, the row with the smallest shift either way; nearest account first, among equals the first row.

    Args:
        rows: of the table, in its order.
        target: `liquidation` or `default`.
    """
    reached = rows.filter((pl.col("target") == target) & pl.col("shift").is_not_null())
    return reached.sort(pl.col("shift").abs(), maintain_order=True).unique("account_id", keep="first", maintain_order=True)


def bands(shifts: npt.NDArray[np.float64], edges: Sequence[float]) -> npt.NDArray[np.int64]:
    """Band of each |shift|, i64[shifts]: 0 = no shift (a breach at base), 1 = up to the first edge, ..., len(edges) + 1 = beyond the last."""
    size = np.abs(shifts)
    return np.asarray(np.where(size == 0.0, 0, 1 + np.searchsorted(np.asarray(edges), size, side="left")), dtype=np.int64)


def notional_by_band(rows: pl.DataFrame, edges: Sequence[float]) -> npt.NDArray[np.float64]:
    """Gross notional of the pools of some rows by band of their shift, f64[len(edges) + 2], summed in the order of rows."""
    reached = rows.filter(pl.col("shift").is_not_null())
    place = bands(reached["shift"].to_numpy(), edges)
    return np.bincount(place, weights=reached["gross_notional"].to_numpy(), minlength=len(edges) + 2).astype(np.float64)
