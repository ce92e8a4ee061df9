"""The shocks of a set as arrays, with what they select by numbered: a few selectors mean the same in thousands of rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.composition import Shifts
from stresstest.scenarios.selectors import Places, Selector

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class CodedShocks:
    """Rows of a shock table: `selector` is a place in `selectors`, `scenario` a number in the set, `shift` a place in `SHIFTS`.

    `share`: how far a `replace` goes, 1 = all the way; None where all do.
    """

    selectors: list[Selector]
    selector: Places
    scenario: Places
    shift: npt.NDArray[np.int8]
    value: Floats
    share: Floats | None

    def shifts_of(self, chosen: Places, selector: Places) -> Shifts:
        """Some of the rows as shifts; `selector` is what each of them selects by, as a place in the reaches."""
        share = None if self.share is None else self.share[chosen]
        return Shifts(selector, self.scenario[chosen], self.shift[chosen], self.value[chosen], share)

    def of_kind(self, kind: str) -> tuple[list[int], Places]:
        """The selectors of a factor type, and the rows that use them in file order."""
        numbers = [number for number, selector in enumerate(self.selectors) if selector.kind == kind]
        chosen = np.zeros(len(self.selectors), dtype=np.bool_)
        chosen[numbers] = True
        return numbers, np.flatnonzero(chosen[self.selector])


def coded(shocks: pl.DataFrame) -> CodedShocks:
    """The coded rows of a shock table (columns `scenario_set.SHOCKS`), in its order."""
    key = ["factor", "where", "annualised", "term"]
    # Columns that hold nothing need not be compared.
    key = [name for name in key if name == "factor" or shocks[name].dtype == pl.Boolean or shocks[name].null_count() < shocks.height]
    distinct = shocks.select(key).unique(maintain_order=True).with_row_index("selector")
    selector = shocks.select(key).join(distinct, on=key, how="left", nulls_equal=True, maintain_order="left")["selector"]
    return CodedShocks(
        [Selector.of_row(row) for row in distinct.iter_rows(named=True)],
        selector.to_numpy().astype(np.int64),
        shocks["scenario"].to_numpy().astype(np.int64),
        shocks["shift"].to_physical().to_numpy().astype(np.int8),
        shocks["value"].to_numpy(),
        None if shocks["share"].null_count() == shocks.height else shocks["share"].fill_null(1.0).to_numpy(),
    )
