"""What one contract of every instrument is worth in every scenario: the tables that the kernels contract with quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class UnitValues:
    """f64[instruments, S] each, reporting currency unless said otherwise.

    Value of a position = quantity * value_slope + cost * cost_slope (+ funding * X_settle).

    `mark`: quote units. `value_slope`: linear cs*M*X_quote, inverse -cs*X_settle/M, quanto cs*M*X_settle, spot and paid option cs*M*X_quote.
    `cost_slope`: linear -cs*X_quote, inverse +cs*X_settle, quanto -cs*X_settle, spot and paid option 0.
    `notional`: unsigned notional of one contract.
    `forward`: options only (0 elsewhere), in the strike's currency.
    `base_vol` f64[instruments]: vol implied at base (NaN where not an option).
    `treatment`: per instrument one of "mark", "implied", "constant offset", "intrinsic".
    `clamped_vols` i64[S]: options whose stressed vol was brought into its range. `clamped_prices`: prices of options, of all scenarios together,
    that were brought inside their bounds.
    `terms`: what valuation knows of every instrument (`instrument_terms`), so that vols are implied once; None of values made by hand.
    """

    mark: Floats
    value_slope: Floats
    cost_slope: Floats
    notional: Floats
    forward: Floats
    base_vol: Floats
    treatment: tuple[str, ...]
    clamped_vols: Counts
    clamped_prices: int
    terms: pl.DataFrame | None = None

    def take(self, positions: Sequence[int]) -> UnitValues:
        """The values in these scenarios alone, in this order; `clamped_prices` stays that of all."""
        chosen = list(positions)
        tables = {name: getattr(self, name)[:, chosen] for name in ("mark", "value_slope", "cost_slope", "notional", "forward")}
        return replace(self, **tables, clamped_vols=self.clamped_vols[chosen])
