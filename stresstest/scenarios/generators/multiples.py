"""Multiples of shocks: how far a scenario goes when it goes t times as far."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]


def multiple(shocks: pl.DataFrame, times: float) -> pl.DataFrame:
    """A shock table (columns `scenario_set.SHOCKS`) with every shock taken `times` times.

    relative (1+v)^t - 1, with `mode: linear` t*v; absolute t*v; scale 1 + t*(v-1); replace goes t times the share of the way that it went. Of
    one the shocks stay what they are, to the last bit.

    A shift that has no such multiple, as half of one that turns a price negative, is not finite in the table: the caller says so.
    """
    if times == 1.0:
        return shocks
    value, shift = shocks["value"].to_numpy(), shocks["shift"].cast(pl.String).to_numpy()
    compound = (shift == "relative") & (shocks["mode"].cast(pl.String) != "linear").to_numpy()
    with np.errstate(all="ignore"):
        moved = np.where(shift == "replace", value, times * value)
        moved[shift == "scale"] = 1.0 + times * (value[shift == "scale"] - 1.0)
        moved[compound] = _compound(value[compound], times)
    share = pl.when(pl.col("shift") == "replace").then(times * pl.col("share").fill_null(1.0))
    return shocks.with_columns(value=pl.Series(moved, dtype=pl.Float64), share=share)


def _compound(value: Floats, times: float) -> Floats:
    """(1+v)^t - 1. By logarithms, which keep the digits of small moves; a factor below zero has whole powers only."""
    factor = 1.0 + value
    found = np.where(factor > 0.0, np.expm1(times * np.log1p(np.maximum(value, -1.0))), np.nan)
    below = factor <= 0.0
    found[below] = np.power(factor[below], times) - 1.0
    return np.asarray(found)
