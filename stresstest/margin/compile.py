"""Turn a margin file, a book's dimensions and resolved scenarios into the arrays that the kernels read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.add_on_tables import add_on_tables, check_depegs
from stresstest.margin.compile_scan import compile_scans
from stresstest.margin.kernels.lanes import LANES, Lanes, make_lanes
from stresstest.margin.kernels.tables import (
    ASSET,
    FIXED_VALUE,
    IN_REPORTING_CURRENCY,
    INSTRUMENT,
    MARGINED_OPTION,
    MARKED,
    MODEL,
    MOVING_VALUE,
    PAID_OPTION,
    QUANTITY,
    SPOT,
    Tables,
)
from stresstest.margin.nettable import check_nettable
from stresstest.margin.row_list import RowList
from stresstest.margin.rulebook import Band, CollateralSchedule, ConservativePrices, PortfolioModel, Rulebook
from stresstest.margin.scalable import check_scalable
from stresstest.margin.scaling_rows import asset_columns, instrument_columns
from stresstest.margin.schedule_tables import records, schedule_tables
from stresstest.margin.short_options import short_option_needs
from stresstest.margin.strategy_tables import strategy_tables
from stresstest.margin.views import Names, View, Views, views_of
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]
_NO_SCHEDULE = CollateralSchedule.model_validate({"bands": [{"from": 0, "haircut": 1.0}]})
_NO_HAIRCUT = CollateralSchedule.model_validate({"bands": [{"from": 0, "haircut": 0.0}]})


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

    `grid_clamps`: by portfolio model in use, vols that its rows would have taken out of their range.
    """

    tables: Tables
    lanes: Lanes
    models: tuple[str, ...]
    schedules: tuple[str, ...]
    grid_rows: tuple[str, ...]
    views: ViewCodes
    most_tiers: int
    most_bands: int
    grid_clamps: dict[str, int]


def compile_tables(
    dimensions: Dimensions, resolved: Resolved, units: UnitValues, rulebook: Rulebook, headline: npt.NDArray[np.bool_], widest: int = LANES
) -> Compiled:
    """The arrays for one run. `headline` bool[S] says which scenarios compete for the headline worst; scenario 0 is base."""
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
    instruments = _instruments(dimensions, resolved, units, rulebook, views, codes, rows, price_row)
    assets, bands, shocked_assets = _assets(dimensions, resolved, rulebook, views, codes, rows, price_row, ones, zeros)
    holding_row = np.tile(_holding_rows(dimensions, resolved, rows, price_row), (len(views.views), 1))
    models, weights, weight_rows = _models(resolved, rulebook, codes, rows, ones)
    scans = compile_scans(dimensions, resolved, units, rulebook, rows, price_row, weights[IN_REPORTING_CURRENCY, :, -1].tolist())
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
    lanes = make_lanes(headline, shocked, min(widest, scans.widest()))
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
    return Compiled(tables, lanes, model_names, schedule_names, scans.row_names, view_codes, most_tiers, most_bands, scans.clamped_vols)


def _codes(names: Names, of: Iterable[str]) -> npt.NDArray[np.int32]:
    """Codes of names, in the order `of` some; -1 for none."""
    lookup = {name: code for code, name in enumerate(of)}
    return np.array([-1 if name is None else lookup[name] for name in names], dtype=np.int32)


def _factor(resolved: Resolved, codes: dict[str, int], currency: str | None) -> Floats:
    """X of a schedule's currency [S]; one for the reporting currency."""
    return np.ones(resolved.scenarios) if currency is None else resolved.value[codes[currency]]


def _instruments(
    dimensions: Dimensions,
    resolved: Resolved,
    units: UnitValues,
    rulebook: Rulebook,
    views: Views,
    codes: dict[str, int],
    rows: RowList,
    price_row: npt.NDArray[np.int32],
) -> Records:
    """The instruments of every view, one view after the other; settle asset and underlying are those of the same view."""
    frame = dimensions.instruments
    count = frame.height
    underlying, quote, settle = (frame[f"{name}_code"].to_numpy().astype(np.int32) for name in ("underlying", "quote", "settle"))
    kinds, payoff = frame["kind"].to_numpy(), frame["payoff"].to_numpy()
    option = kinds == "option"
    margined = option & (frame["premium_style"].to_numpy() == "margined")
    kind = np.select([kinds == "spot", margined, option], [SPOT, MARGINED_OPTION, PAID_OPTION], MARKED).astype(np.int32)
    size = frame["contract_size"].to_numpy()
    coin = (payoff != "linear") & ~option
    no_cost = (kind == SPOT) | (kind == PAID_OPTION)
    value_row = rows.extend(units.value_slope)
    notionals = _Notionals(rows, units, value_row, resolved, rulebook, codes)
    nets = any(model.nets_by_underlying for model in rulebook.models.values())
    expiry = frame["expiry"].dt.timestamp("us").fill_null(0).to_numpy().astype(np.int64)
    found: list[Records] = []
    for number, view in enumerate(views.views):
        notional_row = notionals.of(view.margin)
        net_row = notionals.of(tuple(view.net[code] for code in underlying)) if nets else notional_row
        # What a short option needs by the schedule that it has in the first view too is there already.
        same = [number > 0 and name == known for name, known in zip(view.margin, views.views[0].margin, strict=True)]
        short = short_option_needs(
            dimensions, resolved, rulebook, tuple(None if known else name for name, known in zip(view.margin, same, strict=True))
        )
        before = found[0] if found else records(INSTRUMENT, count, short_maintenance_row=-1, short_initial_row=-1)
        short_row = np.where(same, [before["short_maintenance_row"], before["short_initial_row"]], np.int32(-1))
        short_row[0, short.instruments] = rows.extend(short.maintenance)
        short_row[1, short.instruments] = rows.extend(short.initial)
        found.append(
            records(
                INSTRUMENT,
                count,
                kind=kind,
                settle=settle + number * dimensions.assets.height,
                underlying=underlying + number * dimensions.assets.height,
                schedule=_codes(view.margin, rulebook.margin_schedules),
                value_row=value_row,
                cost_row=price_row[np.where(coin, settle, quote)],
                settle_row=price_row[settle],
                notional_row=notional_row,
                net_notional_row=net_row,
                short_maintenance_row=short_row[0],
                short_initial_row=short_row[1],
                code=np.arange(count, dtype=np.int32),
                expiry=expiry,
                size=size,
                cost_factor=np.where(no_cost, 0.0, np.where(coin & (payoff == "inverse"), size, -size)),
                base_notional=units.notional[:, 0],
                **instrument_columns(dimensions, resolved, units, rulebook, view.margin, notional_row, rows.extend),
            )
        )
    return np.concatenate(found)


class _Notionals:
    """Rows of unit notionals in the currencies of schedules, each made once for an instrument and a currency; often it is the value row itself."""

    def __init__(
        self, rows: RowList, units: UnitValues, value_row: npt.NDArray[np.int32], resolved: Resolved, rulebook: Rulebook, codes: dict[str, int]
    ) -> None:
        self.rows, self.units = rows, units
        number: dict[bytes, int] = {}
        factors = [np.ones(resolved.scenarios), *(_factor(resolved, codes, each.currency) for each in rulebook.margin_schedules.values())]
        self.currency = [number.setdefault(factor.tobytes(), len(number)) for factor in factors]
        """[1 + schedules]: which of the distinct currencies each schedule is in, first that of no schedule: the reporting currency."""
        self.factors = np.stack([np.frombuffer(factor, dtype=np.float64) for factor in number])
        self.schedules = tuple(rulebook.margin_schedules)
        self.known = np.full((len(number), len(value_row)), -1, dtype=np.int32)
        self.known[0] = np.where((units.notional == units.value_slope).all(axis=1), value_row, -1)

    def of(self, schedules: Names) -> npt.NDArray[np.int32]:
        """The row of every instrument in the currency of a schedule."""
        currency = np.array(self.currency)[_codes(schedules, self.schedules) + 1]
        wanting = np.flatnonzero(self.known[currency, np.arange(len(currency))] < 0)
        if len(wanting):
            self.known[currency[wanting], wanting] = self.rows.extend(self.units.notional[wanting] / self.factors[currency[wanting]])
        found: npt.NDArray[np.int32] = self.known[currency, np.arange(len(currency))]
        return found


def _assets(
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
    """The assets of every view, one view after the other, their bands, and what shocks of haircuts or ratios reach in which scenario."""
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
            threshold[code] = rows.one(_factor(resolved, codes, schedule.currency))
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
        schedule=np.concatenate([_codes(view.net, rulebook.margin_schedules) for view in views.views]),
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


def _holding_rows(dimensions: Dimensions, resolved: Resolved, rows: RowList, price_row: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
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


def _models(
    resolved: Resolved, rulebook: Rulebook, codes: dict[str, int], rows: RowList, ones: int
) -> tuple[Records, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    values = list(rulebook.models.values())
    weights: dict[int, int] = {ones: 0}
    one = np.ones(resolved.scenarios)

    def weight(row: Floats) -> int:
        number = rows.one(row)
        return weights.setdefault(number, len(weights))

    tier = np.zeros((len(values), len(rulebook.margin_schedules) + 1), dtype=np.int32)
    plain = np.zeros_like(tier)
    for m, name in enumerate(rulebook.models):
        of_model = resolved.margin_rate.get(name, one)
        tier[m, -1] = plain[m, -1] = weight(one * of_model)
        # Under a strategy model what a schedule charges takes the schedule's rate, everything else the model's: nothing is multiplied twice.
        beside = one if rulebook.models[name].kind == "strategy" else of_model
        for k, (schedule_name, schedule) in enumerate(rulebook.margin_schedules.items()):
            rate = resolved.margin_rate.get(schedule_name, one) * beside
            plain[m, k] = weight(rate)
            tier[m, k] = weight(rate * _factor(resolved, codes, schedule.currency))
    caps = [model.positive_pnl_cap for model in values]
    prices = [model.conservative_prices or ConservativePrices(maintenance=False, initial=False) for model in values]
    found = records(
        MODEL,
        len(values),
        net_by_underlying=[model.nets_by_underlying for model in values],
        into_value=[model.pnl_into == "value" for model in values],
        weighted_pnl=[
            model.positive_pnl_weight.maintenance != 1.0
            or model.positive_pnl_weight.initial != 1.0
            or cap.maintenance is not None
            or cap.initial is not None
            or price.marks
            for model, cap, price in zip(values, caps, prices, strict=True)
        ],
        conservative_maintenance=[price.maintenance for price in prices],
        conservative_initial=[price.initial for price in prices],
        conservative_marks=[price.marks for price in prices],
        breach_at_equality=[model.breach_at_equality for model in values],
        scanned=[isinstance(model, PortfolioModel) for model in values],
        maintenance_weight=[model.positive_pnl_weight.maintenance for model in values],
        initial_weight=[model.positive_pnl_weight.initial for model in values],
        maintenance_cap=[np.inf if cap.maintenance is None else cap.maintenance for cap in caps],
        initial_cap=[np.inf if cap.initial is None else cap.initial for cap in caps],
        maintenance_credit=[model.long_option_credit.maintenance for model in values],
        initial_credit=[model.long_option_credit.initial for model in values],
        worst_side=[model.per_order is not None for model in values],
        maintenance_order=[0.0 if model.per_order is None else model.per_order.maintenance for model in values],
        initial_order=[0.0 if model.per_order is None else model.per_order.initial for model in values],
        maintenance_spread=[model.spread.maintenance for model in values],
        initial_spread=[model.spread.initial for model in values],
    )
    return found, np.stack([tier, plain]), np.array(list(weights), dtype=np.int32)
