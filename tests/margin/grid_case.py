"""Small books under a portfolio model, valued in the rows of its grid."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from valuation.builders import states

from stresstest.margin.grid_values import GridValues, grid_values
from stresstest.margin.rulebook import PortfolioModel
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.value import value_instruments


def model(grid: list[dict[str, Any]], **keys: Any) -> PortfolioModel:
    """A portfolio model of these grid rows."""
    return PortfolioModel.model_validate({"kind": "portfolio", "grid": grid, **keys})


def grouped(dimensions: Dimensions, groups: dict[str, str] | None = None) -> Dimensions:
    """With risk groups: those given by instrument, else the underlying."""
    instruments = dimensions.instruments
    names = [(groups or {}).get(i, u) for i, u in instruments.select("instrument_id", "underlying").iter_rows()]
    dimensions.instruments.insert_column(0, pl.Series("risk_group", names, dtype=pl.String))
    dimensions.assets.insert_column(1, pl.lit(None, pl.String).alias("asset_class"))
    dimensions.assets.insert_column(1, pl.lit([], pl.List(pl.String)).alias("tags"))
    return dimensions


def valued(portfolio: PortfolioModel, dimensions: Dimensions, resolved: Resolved | None = None) -> GridValues:
    """All instruments in every row, at base or on top of the scenarios given."""
    resolved = states(dimensions) if resolved is None else resolved
    return grid_values(portfolio, dimensions, resolved, value_instruments(dimensions, resolved), np.arange(dimensions.instruments.height))
