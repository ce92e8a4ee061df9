"""Turn a margin file, a book's dimensions and resolved scenarios into the arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.add_on_tables import add_on_tables, check_depegs
from stresstest.margin.asset_records import asset_records, holding_rows
from stresstest.margin.compile_scan import GridClamps, compile_scans
from stresstest.margin.instrument_records import instrument_records
from stresstest.margin.kernels.lanes import LANES, Lanes, make_lanes
from stresstest.margin.kernels.tables import IN_REPORTING_CURRENCY, Tables
from stresstest.margin.model_records import model_records
from stresstest.margin.nettable import check_nettable
from stresstest.margin.row_list import RowList
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.scalable import check_scalable
from stresstest.margin.schedule_tables import schedule_tables
from stresstest.margin.strategy_tables import strategy_tables
from stresstest.margin.views import views_of
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues


class ViewCodes(NamedTuple):
    """Where models find their instruments and assets in the tables: code in the book + view * `instruments` (or `assets`), those of one view.

    `of_model` i32[models]. Views differ in schedules and haircuts alone, so anything else may be looked up by the code in the book.
    """

    of_model: npt.NDArray[np.int32]
    instruments: int
    assets: int


@dataclass(frozen=True)
class Compiled:
    """What the kernels need besides holdings: `tables`, the scenarios as `lanes`, and the codes of models, schedules and rows of grids by name.

    `grid_clamps`: by portfolio model in use, what its rows would have taken out of its range.
    """

    tables: Tables
    lanes: Lanes
    models: tuple[str, ...]
    schedules: tuple[str, ...]
    grid_rows: tuple[str, ...]
    views: ViewCodes
    most_tiers: int
    most_bands: int
    grid_clamps: dict[str, GridClamps]


def compile_tables(
    dimensions: Dimensions,
    resolved: Resolved,
    units: UnitValues,
    rulebook: Rulebook,
    headline: npt.NDArray[np.bool_],
    widest: int = LANES,
    held: Mapping[str, npt.NDArray[np.int32]] | None = None,
    lanes: Lanes | None = None,
) -> Compiled:
    """The arrays for one run. `headline` bool[S] says which scenarios compete for the headline worst; scenario 0 is base.

    `held`: the instruments that accounts hold by portfolio model in use (`held_by_model`): all that its grid is laid over. None: any.
    `lanes`: which scenario is where; None: headline and others apart, each together with those that move the same kinds of factors.
    """
    views = views_of(dimensions, rulebook)
    check_nettable(dimensions, rulebook, views)
    check_depegs(dimensions, rulebook)
    check_scalable(dimensions, rulebook, views)
    rows = RowList()
    scenarios = resolved.scenarios
    ones = rows.one(np.ones(scenarios))
    zeros = rows.one(np.zeros(scenarios))
    price_row = rows.extend(resolved.value)
    codes = {name: code for code, name in enumerate(dimensions.assets["asset"])}
    schedule_names = tuple(rulebook.margin_schedules)
    model_names = tuple(rulebook.models)
    schedules, pieces = schedule_tables(rulebook)
    instruments = instrument_records(dimensions, resolved, units, rulebook, views, codes, rows, price_row)
    assets, bands, shocked_assets = asset_records(dimensions, resolved, rulebook, views, codes, rows, price_row, ones, zeros)
    holding_row = np.tile(holding_rows(dimensions, resolved, rows, price_row), (len(views.views), 1))
    models, weights, weight_rows = model_records(resolved, rulebook, codes, rows, ones)
    scans = compile_scans(dimensions, resolved, units, rulebook, rows, price_row, weights[IN_REPORTING_CURRENCY, :, -1].tolist(), held)
    add_ons = add_on_tables(
        dimensions, resolved, units, rulebook, rows.extend, price_row, instruments["value_row"][: dimensions.instruments.height], scans.deltas
    )
    strategies, strategy_legs, models["strategy"] = strategy_tables(
        dimensions, resolved, units, rulebook, rows.extend, instruments["value_row"][: dimensions.instruments.height], price_row
    )
    models["ruled"] = (models["strategy"] >= 0) | (models["scanned"] != 0) | (np.diff(add_ons.first) > 0)
    values = np.concatenate(rows.parts)
    # Margin rates, not weights: the weight of a schedule in another currency is that currency's price, and never one.
    shocked = shocked_assets.any(axis=0) | np.any([rate != 1.0 for rate in resolved.margin_rate.values()] or [False], axis=0)
    if lanes is None:
        lanes = make_lanes(headline, shocked, min(widest, scans.widest()))
    elif lanes.width > scans.room():
        raise ValueError(f"a block of {lanes.width} lanes is wider than the {scans.room()} that the cells of a grid have room for")
    in_lanes = lanes.pack(values)
    tables = Tables(
        instruments,
        schedules,
        pieces,
        assets,
        bands,
        holding_row,
        models,
        weights,
        values=in_lanes,
        span=np.stack([values.min(axis=1), values.max(axis=1)], axis=1),
        weight_row=weight_rows,
        asset_plain=lanes.pack(shocked_assets.astype(np.float64)).max(axis=2) == 0.0,
        # Its memory lies as the indexing left it; kernels would be compiled once more for every other order.
        weight_unit=np.ascontiguousarray((in_lanes[:, weight_rows] == 1.0).all(axis=2)),
        add_ons=add_ons,
        strategies=strategies,
        strategy_legs=strategy_legs,
        scans=scans.in_lanes(lanes),
    )
    # A deduction's zero adds up to two pieces, a leverage one.
    most_tiers, most_bands = int(schedules["count"].max(initial=1)) + 3, int(assets["band_count"].max())
    view_codes = ViewCodes(np.array(list(views.of_model.values()), dtype=np.int32), dimensions.instruments.height, dimensions.assets.height)
    return Compiled(tables, lanes, model_names, schedule_names, scans.row_names, view_codes, most_tiers, most_bands, scans.clamps)
