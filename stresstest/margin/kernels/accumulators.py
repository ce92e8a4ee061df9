"""The accumulators of one pool: rows of lanes that its program adds to.

The first ten become the pool's figures in place (see `figures`): few rows, so that they stay in the first-level cache. All rows are one
nested array of fixed shape (`acc[0]["rows"][row, lane]`): the distance of two rows is then a constant, and the compiler sees that they do
not overlap. With rows of unknown length it has to ask at run time, gives up beyond eight such questions, and a loop over many rows stays
scalar. Kernels name rows by number and never make a view of one: a view costs two calls to count references.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.lanes import LANES, aligned

DIRECT = 0  # position value that is in the balances as it is; while a token is open, the P&L that joins it
HELD = 1  # balances at spot, unhaircut
KEPT = 2  # initial margin balance from positive collateral alone: also the K of `stress_loss_over_margin`
MAINTENANCE = 3  # margin balance besides DIRECT
NEED_INITIAL = 4
NEED_MAINTENANCE = 5
FIGURES = 10
WORST_ROW = 10  # code of the grid row that sets the requirement, 0 = none: kept with the figures, never summed
RECORDED = 11
# Cleared only by pools that use them.
APART = 11  # position value that is not in the balances as it is (long options, P&L behind a haircut or a weight)
INITIAL = 12  # initial margin balance besides DIRECT and KEPT
KEPT_BEHIND = 13  # K of tokens whose balance goes into INITIAL together with P&L
ASIDE = 14  # what was in DIRECT before a token was opened
ASIDE_INITIAL = 15  # what was in NEED_* before a group with a weight was opened
ASIDE_MAINTENANCE = 16
TOKEN_HELD = 17
TOKEN_PNL = 18
WEIGHED_MAINTENANCE = 19
WEIGHED_INITIAL = 20
MEASURED = 21
NETTED = 22
LONG = 23
SHORT = 24
SCRATCH = 25
# Of portfolio models.
SCAN_LOSS = 26  # of the open risk group
SCAN_ROW = 27  # number of the row that gives it
WORST_LOSS = 28  # largest scan loss of a group of the pool so far: WORST_ROW is its row
CAPPED = 29  # most that the open group can lose
FLOOR_MAINTENANCE = 30  # least that it needs
FLOOR_INITIAL = 31
EXPIRY_VALUED = 32  # paid options of the open expiry at the state
LIST_LOSSES = 33  # scan losses of the groups of a list of offsets, one by one
LIST_MAINTENANCE = 34  # and their floors
LIST_INITIAL = 35
SUMS = 36  # of every figure over all accounts so far
ACCUMULATORS = SUMS + FIGURES

ACCUMULATOR_ROWS = np.dtype([("rows", np.float64, (ACCUMULATORS, LANES))])


def accumulators() -> npt.NDArray[Any]:
    """One record of zeros, whose rows start at cache lines."""
    return aligned(ACCUMULATORS * LANES).view(ACCUMULATOR_ROWS)
