"""What rules require of a pool (see `rules`), taken into its walk."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.accumulators import NEED_INITIAL, NEED_MAINTENANCE, WORST_LOSS, WORST_ROW
from stresstest.margin.kernels.jit import kernel

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]

MAINTENANCE, INITIAL, WORST, LOSS = 0, 1, 2, 3
"""Third axis of what rules give: the requirements and, where some model has a grid, the code of the worst row and the scan loss that it gives."""


def nothing_given(blocks: int, width: int) -> Floats:
    """What no pool is given: [blocks, pools with rules, 2 or 4, width]."""
    return np.zeros((blocks, 0, 2, width))


@kernel
def add_given(acc: Records, given: Floats, pool: int, width: int) -> None:
    """NEED_* += what rules require of a pool of a block; its worst row."""
    a = acc[0]["rows"]
    for s in range(width):
        a[NEED_MAINTENANCE, s] += given[pool, MAINTENANCE, s]
        a[NEED_INITIAL, s] += given[pool, INITIAL, s]
    if given.shape[1] > WORST:
        for s in range(width):
            a[WORST_ROW, s] = given[pool, WORST, s]
            a[WORST_LOSS, s] = given[pool, LOSS, s]
