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
# Cleared only by pools that use them.
APART = 10  # position value that is not in the balances as it is (long options, P&L behind a haircut or a weight)
INITIAL = 11  # initial margin balance besides DIRECT and KEPT
KEPT_BEHIND = 12  # K of tokens whose balance goes into INITIAL together with P&L
ASIDE = 13  # what was in DIRECT before a token was opened
ASIDE_INITIAL = 14  # what was in NEED_* before a group with a weight was opened
ASIDE_MAINTENANCE = 15
TOKEN_HELD = 16
TOKEN_PNL = 17
WEIGHED_MAINTENANCE = 18
WEIGHED_INITIAL = 19
MEASURED = 20
NETTED = 21
LONG = 22
SHORT = 23
SCRATCH = 24
SUMS = 25  # of every figure over all accounts so far
ACCUMULATORS = SUMS + FIGURES

ACCUMULATOR_ROWS = np.dtype([("rows", np.float64, (ACCUMULATORS, LANES))])


def accumulators() -> npt.NDArray[Any]:
    """One record of zeros, whose rows start at cache lines."""
    return aligned(ACCUMULATORS * LANES).view(ACCUMULATOR_ROWS)
