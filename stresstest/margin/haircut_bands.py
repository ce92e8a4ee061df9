"""The haircuts that assets have before shocks, across the bands of their collateral schedules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.margin.rulebook import Rulebook
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HaircutRange:
    """Smallest and largest haircut of every asset, over its bands and both calculations, f64[assets]; NaN where `none`: no schedule."""

    lowest: Floats
    highest: Floats
    none: npt.NDArray[np.bool_]


def haircut_range(dimensions: Dimensions, rulebook: Rulebook) -> HaircutRange:
    """Haircuts at base by asset code."""
    names = dimensions.assets["collateral_schedule"].to_list()
    lowest, highest = np.full(len(names), np.nan), np.full(len(names), np.nan)
    for code, name in enumerate(names):
        if name is not None:
            haircuts = [haircut for band in rulebook.collateral_schedules[name].bands for haircut in (band.haircut, band.initial)]
            lowest[code], highest[code] = min(haircuts), max(haircuts)
    return HaircutRange(lowest, highest, np.isnan(lowest))
