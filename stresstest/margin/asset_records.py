"""The assets of a book as records for the kernels: prices, bands of haircuts, weights of debts, and what shocks reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.tables import ASSET, FIXED_VALUE, MOVING_VALUE, QUANTITY
from stresstest.margin.row_list import RowList
from stresstest.margin.rulebook import Band, CollateralSchedule, Rulebook
from stresstest.margin.scaling_rows import asset_columns
from stresstest.margin.schedule_codes import codes_of, factor_of
from stresstest.margin.schedule_tables import records
from stresstest.margin.views import View, Views
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]
_NO_SCHEDULE = CollateralSchedule.model_validate({"bands": [{"from": 0, "haircut": 1.0}]})
_NO_HAIRCUT = CollateralSchedule.model_validate({"bands": [{"from": 0, "haircut": 0.0}]})


def asset_records(
    dimensions: Dimensions,
    resolved: Resolved,
    rulebook: Rulebook,
    views: Views,
    codes: dict[str, int],
    rows: RowList,
    price_row: npt.NDArray[np.int32],
    ones: int,
    zeros: int,
) -> tuple[Records, Floats, npt.NDArray[np.bool_]]:
    """The assets of every view, one view after the other, their bands, and what shocks of haircuts or ratios reach in which scenario.

    `codes`: of assets by name. `price_row`: the row of the price of every asset. `ones`, `zeros`: the rows that are so in every scenario.
    """
    count = dimensions.assets.height
    asset = np.tile(np.arange(count), len(views.views))
    chosen = [schedule for view in views.views for schedule in _collateral(dimensions, rulebook, view)]
    haircut_moves = ~np.array([free for view in views.views for free in view.without_haircut])
    cut = [_cut(schedule) for schedule in chosen]
    counts = np.array([len(bands) for bands in cut], dtype=np.int32)
    bands = [band for bands in cut for band in bands]
    moving = np.array([schedule.currency is not None and schedule.currency != dimensions.reporting_currency for schedule in chosen])
    by_quantity = np.array([schedule.basis == "quantity" for schedule in chosen])
    threshold = np.full(len(chosen), -1, dtype=np.int32)
    for code, schedule in enumerate(chosen):
        if by_quantity[code]:
            # A debt of an asset below zero is worth something: its units then, too, have a positive size.
            price = resolved.value[asset[code]]
            threshold[code] = price_row[asset[code]] if price.min() >= 0.0 else rows.one(np.abs(price))
        elif moving[code]:
            threshold[code] = rows.one(factor_of(resolved, codes, schedule.currency))
    shocked = (resolved.haircut_scale != 1.0) | (resolved.haircut_shift != 0.0)
    shocked = (shocked[asset] & haircut_moves[:, np.newaxis]) | (resolved.collateral_ratio != 1.0)[asset]
    weights = [schedule.liability_weight for schedule in chosen]
    scaled = [schedule.size_scaling is not None or schedule.concentration is not None for schedule in chosen]
    found = records(
        ASSET,
        len(chosen),
        price_row=price_row[asset],
        trivial=[
            not own and len(parts) == 1 and parts[0].haircut == parts[0].initial == 0.0 and weight.maintenance == weight.initial == 1.0
            for own, parts, weight in zip(scaled, cut, weights, strict=True)
        ],
        foldable=~moving & (resolved.value.min(axis=1) >= 0.0)[asset] & ~np.array(scaled),
        schedule=np.concatenate([codes_of(view.net, rulebook.margin_schedules) for view in views.views]),
        band_first=np.concatenate([[0], np.cumsum(counts)])[:-1],
        band_count=counts,
        band_basis=np.select([by_quantity, moving], [QUANTITY, MOVING_VALUE], FIXED_VALUE),
        threshold_row=threshold,
        ratio_row=_shock_rows(rows, resolved.collateral_ratio, ones, 1.0)[asset],
        haircut_scale_row=np.where(haircut_moves, _shock_rows(rows, resolved.haircut_scale, ones, 1.0)[asset], ones),
        haircut_shift_row=np.where(haircut_moves, _shock_rows(rows, resolved.haircut_shift, zeros, 0.0)[asset], zeros),
        liability_maintenance=[weight.maintenance for weight in weights],
        liability_initial=[weight.initial for weight in weights],
        **asset_columns(dimensions, resolved, rulebook, asset.astype(np.int32), chosen, rows.one),
    )
    return found, np.array([[band.from_, band.haircut, band.initial] for band in bands]), shocked


def _collateral(dimensions: Dimensions, rulebook: Rulebook, view: View) -> Iterator[CollateralSchedule]:
    """The collateral schedule of every asset under a view; what counts without haircut keeps the weight of its debts."""
    for asset, name, free in zip(dimensions.assets["asset"], view.collateral, view.without_haircut, strict=True):
        if name is not None:
            schedule = rulebook.collateral_schedules[name]
            yield _NO_HAIRCUT.model_copy(update={"liability_weight": schedule.liability_weight}) if free else schedule
        else:
            yield _NO_HAIRCUT if free or asset == dimensions.reporting_currency else _NO_SCHEDULE


def _cut(schedule: CollateralSchedule) -> tuple[Band, ...]:
    """The bands of a schedule, with one from its cap on that keeps nothing."""
    return schedule.bands if schedule.cap is None else (*schedule.bands, Band(from_=schedule.cap, haircut=1.0))


def holding_rows(dimensions: Dimensions, resolved: Resolved, rows: RowList, price_row: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Row of each (asset, location): the asset's price, or its price times the recoverable share where some scenario shocks that."""
    holding = np.repeat(price_row[:, np.newaxis], dimensions.locations.height + 1, axis=1)
    for (asset, location), share in resolved.holding_rows.items():
        holding[asset, location + 1] = rows.one(resolved.value[asset] * share)
    return np.ascontiguousarray(holding, dtype=np.int32)


def _shock_rows(rows: RowList, values: Floats, neutral: int, unshocked: float) -> npt.NDArray[np.int32]:
    """Row of each asset's shock; assets that no scenario shocks share the neutral row."""
    result = np.full(len(values), neutral, dtype=np.int32)
    for code in np.flatnonzero((values != unshocked).any(axis=1)):
        result[code] = rows.one(values[code])
    return result
