"""The states of one axis as tables for the kernels: base first, then blocks of lanes of one width, each a stretch of the axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.kernels.lanes import Lanes
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.stress.distance.axes import Axis
from stresstest.valuation.unit_values import UnitValues
from stresstest.valuation.value import revalue_instruments

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Followers:
    """What moves along an axis, by code in the tables (with views): instruments and assets.

    `requirements`: what multiplies requirements, or what their thresholds are in, moves; `ruled` [models]: something may be required of a pool
    without positions.
    """

    instruments: Flags
    assets: Flags
    requirements: bool
    ruled: Flags


@dataclass(frozen=True)
class Valuer:
    """The book and its rules: makes tables of any states. `held`: see `held_by_model`."""

    dimensions: Dimensions
    rulebook: Rulebook
    units: UnitValues
    held: Mapping[str, Codes]

    def tables(self, axis: Axis, points: Floats) -> tuple[Compiled, Resolved]:
        """Tables of f64[blocks, width] shifts along an axis; block n + 1 of the lanes has those of row n."""
        blocks, width = points.shape
        if width % 8:
            raise ValueError(f"{width} lanes are not a multiple of eight")
        resolved = axis.resolved(points.ravel(), self.dimensions, self.rulebook)
        units = revalue_instruments(self.units, self.dimensions, resolved, moved_instruments(self.dimensions, resolved))
        scenario = np.zeros((blocks + 1, width), dtype=np.int32)
        scenario[1:] = np.arange(1, blocks * width + 1).reshape(blocks, width)
        counts = np.array([8, *[width] * blocks], dtype=np.int64)
        lanes = Lanes(width, scenario, np.array([1, *[width] * blocks], dtype=np.int64), counts, np.zeros(blocks + 1, dtype=np.bool_))
        headline = np.zeros(resolved.scenarios, dtype=np.bool_)
        return compile_tables(self.dimensions, resolved, units, self.rulebook, headline, held=self.held, lanes=lanes), resolved


def _moved(values: Floats) -> Flags:
    return np.asarray((values != values[:, :1]).any(axis=1))


def moved_instruments(dimensions: Dimensions, resolved: Resolved) -> Longs:
    """Codes i64[n], ascending, of the instruments whose value may change: prices and rates of their assets, their own basis or vol, or time."""
    if resolved.elapsed_years.any():
        return np.arange(dimensions.instruments.height)
    asset = _moved(resolved.value) | _moved(resolved.rate) | _moved(resolved.spot)
    found = _moved(resolved.basis)
    for role in ("underlying", "quote", "settle"):
        found |= asset[dimensions.instruments[f"{role}_code"].to_numpy()]
    found[resolved.option_codes] |= _moved(resolved.vol_scale) | _moved(resolved.vol_shift)
    if asset.any() and _moved(resolved.rate).any():
        found[resolved.option_codes] = True  # the strike may be in another currency than the price
    return np.flatnonzero(found)


def followers(compiled: Compiled, dimensions: Dimensions, resolved: Resolved) -> Followers:
    """What holdings must be looked at: those of which a row moves, or an input of one (a margin grid may value it elsewhere)."""
    tables = compiled.tables
    moved = np.append(tables.span[:, 0] != tables.span[:, 1], False)  # the last place stands for -1, no row
    views = len(tables.instruments) // compiled.views.instruments
    inputs = np.zeros(dimensions.instruments.height, dtype=np.bool_)
    inputs[moved_instruments(dimensions, resolved)] = True
    instruments = np.tile(inputs, views)
    assets: Flags = np.asarray(moved[tables.holding_row].any(axis=1))
    for name in tables.instruments.dtype.names or ():
        if name.endswith("_row"):
            instruments |= moved[tables.instruments[name]]
    for name in tables.assets.dtype.names or ():
        if name.endswith("_row"):
            assets |= moved[tables.assets[name]]
    requirements = bool(moved[tables.weight_row].any() or moved[tables.add_ons.lines["depeg_row"]].any())
    return Followers(instruments, assets, requirements, tables.models["ruled"] != 0)
