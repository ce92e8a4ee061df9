"""What resolving finds and does not refuse: factors that match nothing, values brought into their range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

NoticeKind = Literal["unknown factor", "no match", "not in this book", "reporting currency", "clamped"]


@dataclass(frozen=True)
class Notice:
    """A finding that `lint` and data quality show.

    `scenario_id` is the first scenario with it, `factor` the factor of the shocks or the factor type, `count` the number of shocks
    or ("clamped") of factor values it is about. "not in this book" and "reporting currency" are of scenarios written for any
    book. `by_scenario`: number of the scenario in the set and count there, of values that were clamped.
    """

    kind: NoticeKind
    scenario_id: str
    factor: str
    message: str
    count: int
    by_scenario: tuple[tuple[int, int], ...] = ()


def by_scenario(counts: npt.NDArray[np.int64]) -> tuple[tuple[int, int], ...]:
    """Counts per scenario as pairs, without the zeros."""
    return tuple((number, int(counts[number])) for number in np.flatnonzero(counts).tolist())
