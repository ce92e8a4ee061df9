"""Rows of one number per scenario, numbered: what instruments, assets and rules share is one row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
NewRows = Callable[[Floats], npt.NDArray[np.int32]]
"""Numbers new rows [n, S]: `RowList.extend`."""
NewRow = Callable[[Floats], int]
"""Numbers a row [S]; equal rows have one number: `RowList.one`."""


@dataclass
class RowList:
    """Rows being numbered; equal rows need not be told apart, single rows are shared by content."""

    parts: list[Floats] = field(default_factory=list)
    count: int = 0
    known: dict[bytes, int] = field(default_factory=dict)

    def extend(self, rows: Floats) -> npt.NDArray[np.int32]:
        """Numbers of new rows [n, S]."""
        self.parts.append(np.ascontiguousarray(rows))
        first = self.count
        self.count += len(rows)
        return np.arange(first, self.count, dtype=np.int32)

    def one(self, row: Floats) -> int:
        """Number of one row [S], the same for equal content."""
        key = row.tobytes()
        if key not in self.known:
            self.known[key] = int(self.extend(row[np.newaxis])[0])
        return self.known[key]
