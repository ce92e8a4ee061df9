"""What scenarios leave as it is: instruments, and the gross notional in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Unshocked:
    """Per scenario; the base, which leaves everything as it is, is scenario 0.

    `alike` bool[instruments, S]: what one contract is worth is as at base. `instruments` i64[S]: how many those are; `held`
    i64[S]: how many of them anybody holds. `notional` f64[S]: base gross notional in them, reporting currency.
    """

    alike: Mask
    instruments: Counts
    held: Counts
    notional: Floats

    @property
    def total(self) -> float:
        """Gross notional of the book at base, reporting currency."""
        return float(self.notional[0])

    def share(self, scenario: int) -> float:
        """Share of gross notional that a scenario leaves as it is; 0 for a book without positions."""
        return float(self.notional[scenario]) / self.total if self.total > 0.0 else 0.0


def unshocked_notional(units: UnitValues, gross: Floats) -> Unshocked:
    """What every scenario leaves as it is.

    Args:
        units: what one contract is worth in every scenario.
        gross: base gross notional per instrument, reporting currency.
    """
    alike = (units.value_slope == units.value_slope[:, :1]) & (units.cost_slope == units.cost_slope[:, :1])
    notional = np.zeros(alike.shape[1])
    # Instrument by instrument: rows lie together, and each scenario's sum is taken in one order.
    for same, amount in zip(alike, gross.tolist(), strict=True):
        if amount > 0.0:
            notional += np.where(same, amount, 0.0)
    return Unshocked(alike, alike.sum(axis=0), alike[gross > 0.0].sum(axis=0), notional)
