"""The haircuts that assets have before shocks, across the bands of their collateral schedules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import views_of
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HaircutRange:
    """Smallest and largest haircut of every asset, over its bands and both calculations, f64[assets]; NaN where `none`: no haircut that could move.

    Where models give an asset different schedules, over all of them.
    """

    lowest: Floats
    highest: Floats
    none: npt.NDArray[np.bool_]


def haircut_range(dimensions: Dimensions, rulebook: Rulebook) -> HaircutRange:
    """Haircuts at base by asset code."""
    count = dimensions.assets.height
    lowest, highest = np.full(count, np.nan), np.full(count, np.nan)
    for code, names in enumerate(views_of(dimensions, rulebook).haircuts(dimensions)):
        haircuts = [haircut for name in names for band in rulebook.collateral_schedules[name].bands for haircut in (band.haircut, band.initial)]
        if haircuts:
            lowest[code], highest[code] = min(haircuts), max(haircuts)
    return HaircutRange(lowest, highest, np.isnan(lowest))
