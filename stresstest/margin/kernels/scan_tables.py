"""Everything about the grids of portfolio models that the kernels read, as arrays.

A *cell* is one column of a grid in one lane. The changes of an instrument lie together, column after column, so that adding a position is one
loop over all cells of a block. A column is what one move does; a row of the grid is one column, or the worse of two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.lanes import aligned

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Records = npt.NDArray[Any]

# How groups come together.
ALONE, OFFSETS, CREDITS, CORRELATION = 0, 1, 2, 3
# How the P&L of expiries becomes that of a row.
NET_EXPIRIES, LOSSES, ABSOLUTE = 0, 1, 2

GRID = np.dtype(
    [
        ("rows", np.int32),
        ("columns", np.int32),
        ("plain", np.int32),
        ("first_rule", np.int32),
        ("together", np.int32),
        ("capped", np.int32),
        ("maintenance_factor_row", np.int32),
        ("initial_factor_row", np.int32),
        ("first_credit", np.int32),
        ("credits", np.int32),
        ("weight", np.int32),
        ("slot", np.int32),
        ("spare", np.int32),
    ]
)
"""Per model; `rows` is zero where it has no grid; `slot`: its place among those that have one. `plain`: rows are sums of columns over everything
in the group, weights already in the changes. `first_rule`: of its rows in `rules`; plus a row's number, plus one, this is the row's code in
results. `*_factor_row`: rows of loss factors. `weight`: weight of the requirement."""

RULE = np.dtype(
    [
        ("first_column", np.int32),
        ("columns", np.int32),
        ("expiries", np.int32),
        ("discounted", np.int32),
        ("weight", np.float64),
        ("weight_per_year", np.float64),
    ]
)
"""Per row of a grid: its one or two columns, and how the P&L of expiries becomes its own."""

PLACE = np.dtype(
    [
        ("change", np.int32),
        ("cost_change", np.int32),
        ("settle_change", np.int32),
        ("group", np.int32),
        ("expiry", np.int32),
        ("paid", np.int32),
        ("payable", np.int32),
        ("delta_row", np.int32),
        ("strike_row", np.int32),
        ("strike", np.float64),
        ("sign", np.float64),
        ("size", np.float64),
        ("expires", np.int64),
    ]
)
"""Per instrument: entries of `changes` for quantity, cost and funding (-1: unmoved by every row), risk group,
`expiry` of `expiries`, whether it is a `paid` option and, for caps, one of linear payoff (`payable`) with strike, sign, contract size,
the row of the strike's currency and the moment it expires. `delta_row`: of the delta (-1: none)."""

EXPIRY = np.dtype([("years_row", np.int32), ("positive_row", np.int32), ("negative_row", np.int32), ("spare", np.int32)])
"""Rows of the time to expiry, and of the factors on positive and negative values of an expiry."""

GROUP_TERMS = np.dtype([("shifts", np.int32), ("set", np.int32), ("rate", np.float64)])
"""Per model and risk group: its row of `shifts`, its list of offsets (-1: none) and what gains count for there."""

CREDIT = np.dtype([("first", np.int32), ("second", np.int32), ("same_side", np.int32), ("spare", np.int32),
                   ("first_ratio", np.float64), ("second_ratio", np.float64), ("rate", np.float64)])  # fmt: skip
"""A spread credit between two risk groups."""


class ScanTables(NamedTuple):
    """`grids` [models], `rules`, `places` [slots, instruments], `expiries`, `terms` [models, groups], `credits`: records of the types above.

    `hedge` i32[slots, assets]: risk group or -1; `hedge_change`: the entry of `changes` of one unit at spot. `shifts` f64[.., columns]: relative
    spot move in every column (times its weight, if plain). `correlation` f64[models with one, groups, groups], `correlation_of` i32[models].
    `changes` f64[blocks, entries, columns * width]: of an entry column after column, each over the padded lanes of the block, packed; no
    blocks where no model has a grid.
    """

    grids: Records
    rules: Records
    places: Records
    hedge: Codes
    hedge_change: Codes
    expiries: Records
    terms: Records
    credits: Records
    shifts: Floats
    correlation: Floats
    correlation_of: Codes
    changes: Floats


CELLS = 16_384
"""Cells of a block at most: 128 KB a set of cells, of which there are four."""
SCANNED, OPTIONS, OTHERS, LISTED = 0, 1, 2, 3
"""Sets of cells: the P&L of a risk group by row; of an expiry by column, paid options and all else; of a list of offsets by row."""
CELL_SETS = np.dtype([("cells", np.float64, (4, CELLS))])


def cell_sets() -> Records:
    """One record of zeros, aligned. Its shape is fixed for the same reason as that of the accumulators."""
    return aligned(4 * CELLS).view(CELL_SETS)


class ScanScratch(NamedTuple):
    """Working arrays of the scan of one pool: cells, and per group of the pool [groups, 7, width] what
    `kernels.scan` names, and the group's code."""

    cells: Records
    store: Floats
    group_of: Codes


def scan_scratch(groups: int, width: int) -> ScanScratch:
    """Zeros; `groups`: most risk groups of a pool."""
    return ScanScratch(cell_sets(), np.zeros((max(groups, 1), 7, width)), np.zeros(max(groups, 1), np.int32))


def no_scans(models: int) -> ScanTables:
    """The tables of a margin file without portfolio models."""
    return ScanTables(
        grids=np.zeros(models, GRID),
        rules=np.zeros(0, RULE),
        places=np.zeros((0, 0), PLACE),
        hedge=np.zeros((0, 0), np.int32),
        hedge_change=np.zeros((0, 0), np.int32),
        expiries=np.zeros(0, EXPIRY),
        terms=np.zeros((models, 0), GROUP_TERMS),
        credits=np.zeros(0, CREDIT),
        shifts=np.zeros((0, 0)),
        correlation=np.zeros((0, 0, 0)),
        correlation_of=np.full(models, -1, np.int32),
        changes=np.zeros((0, 0, 0)),
    )
