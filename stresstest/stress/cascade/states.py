"""The scenarios of a batch at other prices than they began at: factor values, and what one contract of everything is worth there.

Sales move prices of assets and nothing else. Rates, vols (sticky strike), bases, haircuts, margin rates and holding shares are those of the
scenario, so a state of a cascade is its scenario with other prices in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.scenarios.prices import in_reporting_currency
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues
from stresstest.valuation.value import value_moved

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

TABLES = ("mark", "value_slope", "cost_slope", "notional", "forward")


@dataclass(frozen=True)
class State:
    """Factor values and unit values of the same scenarios; the first is base as it was, which nothing moves."""

    resolved: Resolved
    units: UnitValues

    def take(self, scenarios: Sequence[int]) -> State:
        """These scenarios alone, in this order."""
        resolved, units = self.resolved.take(scenarios), self.units.take(scenarios)
        # Columns that were picked lie the other way round in memory, and every look at a table as one row of cells would copy it.
        tables: dict[str, Any] = {name: np.ascontiguousarray(getattr(units, name)) for name in TABLES}
        spot, value = np.ascontiguousarray(resolved.spot), np.ascontiguousarray(resolved.value)
        return State(replace(resolved, spot=spot, value=value), replace(units, **tables))


def at_prices(state: State, dimensions: Dimensions, spot: Floats, scenarios: Longs) -> State:
    """The state with other prices in some of its scenarios; what has not moved keeps its value, bit for bit.

    Args:
        state: before.
        dimensions: of the book.
        spot: f64[assets, S], each in its own price currency; of other scenarios it is not looked at.
        scenarios: which may have moved, by place in the state, ascending; never the first.

    Raises:
        StressTestError: a price at which an instrument cannot be valued.
    """
    before = state.resolved
    changed = np.flatnonzero((spot[:, scenarios] != before.spot[:, scenarios]).any(axis=0))
    if not len(changed):
        return state
    moving = scenarios[changed]
    known = state.take([0, *moving.tolist()])
    prices = np.concatenate([before.spot[:, :1], spot[:, moving]], axis=1)
    resolved = replace(known.resolved, spot=prices, value=in_reporting_currency(dimensions, prices), apart=None)
    units = value_moved(known.units, dimensions, resolved, moved_instruments(known.units, known.resolved, resolved))
    tables = {}
    for name in TABLES:
        whole = getattr(state.units, name).copy()
        whole[:, moving] = getattr(units, name)[:, 1:]
        tables[name] = whole
    spot_now, value_now = before.spot.copy(), before.value.copy()
    spot_now[:, moving], value_now[:, moving] = resolved.spot[:, 1:], resolved.value[:, 1:]
    return State(replace(before, spot=spot_now, value=value_now, apart=None), replace(state.units, **tables))


def moved_instruments(units: UnitValues, before: Resolved, after: Resolved) -> Longs:
    """Codes i64[n], ascending, of the instruments that a state reads another price for (see `valuation.states.STATE`)."""
    assert units.terms is not None
    value = (before.value != after.value).any(axis=1)
    price = value | (before.spot != after.spot).any(axis=1)
    underlying, quote, money = (units.terms[f"{role}_code"].to_numpy() for role in ("underlying", "quote", "money"))
    return np.flatnonzero(price[underlying] | value[quote] | value[money])
