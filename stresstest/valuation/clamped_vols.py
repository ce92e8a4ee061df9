"""How many vols shocks take out of their range, scenario by scenario."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.valuation.marks import MAX_VOL


def clamped_vols(terms: pl.DataFrame, resolved: Resolved) -> npt.NDArray[np.int64]:
    """Options whose stressed vol `scale * base vol + shift` is below 0, or, lognormal, above `MAX_VOL`: i64[S].

    Args:
        terms: as `instrument_terms` gives them.
        resolved: factor values.
    """
    options = terms.filter("option")
    base = options["base_vol"].fill_null(np.nan).to_numpy()[:, None]
    highest = np.where(options["normal"].fill_null(value=False).to_numpy(), np.inf, MAX_VOL)[:, None]
    stressed = resolved.vol_scale * base + resolved.vol_shift
    counts: npt.NDArray[np.int64] = ((stressed < 0.0) | (stressed > highest)).sum(axis=0)
    return counts
