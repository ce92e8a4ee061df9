"""Moves of prices, forwards and vols on top of every scenario, and what comes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OptionStates:
    """Options as they are in the scenarios, before a move: `codes` i32[n]; `vol`, `years` to expiry and `forward` f64[n, S]; `strike` f64[n]."""

    codes: npt.NDArray[np.int32]
    vol: Floats
    years: Floats
    forward: Floats
    strike: Floats

    def part(self, rows: slice) -> OptionStates:
        """Consecutive options of these."""
        return OptionStates(self.codes[rows], self.vol[rows], self.years[rows], self.forward[rows], self.strike[rows])


@dataclass(frozen=True)
class Moves:
    """C moves of n instruments: factors f64[n, C], 1 where nothing moves.

    `underlying`, `quote`, `settle`: X of these assets of the instrument. `own_price`: the price of the underlying in its price currency.
    `forward`: forwards and marks, beside what the underlying does to them.
    `vols` gives the vols of options in every move, f64[n, C, S] before they are brought into their range: where nothing moves them, those of
    the states.
    """

    underlying: Floats
    own_price: Floats
    quote: Floats
    settle: Floats
    forward: Floats
    vols: Callable[[OptionStates], Floats]


@dataclass(frozen=True)
class Changes:
    """Changes by C moves on top of S scenarios, reporting currency.

    `value` f64[n, C, S] of `value_slope`, `cost` f64[n, C, S] of `cost_slope` (see `UnitValues`; None where none changes): a position gains
    quantity * value + cost of the position * cost, besides what its funding gains with its settle asset.
    `clamped_vols` i64[S]: vols that moves would have taken out of their range. `clamped_prices` i64[S]: prices of options that were held at
    their no-arbitrage bounds.
    """

    value: Floats
    cost: Floats | None
    clamped_vols: Counts
    clamped_prices: Counts
