"""Turn the portfolio models that accounts have into the arrays that the kernels scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.add_on_tables import depeg_of
from stresstest.margin.grid_values import GridValues, grid_values, hedge_groups, spot_shifts
from stresstest.margin.kernels.lanes import LANES, Lanes, aligned
from stresstest.margin.kernels.scan_tables import (
    ABSOLUTE,
    ALONE,
    CELLS,
    CORRELATION,
    CREDIT,
    CREDITS,
    EXPIRY,
    GRID,
    GROUP_TERMS,
    LOSSES,
    NET_EXPIRIES,
    OFFSETS,
    PLACE,
    RULE,
    ScanTables,
    no_scans,
)
from stresstest.margin.row_list import RowList
from stresstest.margin.rulebook import GridRow, PortfolioModel, Rulebook
from stresstest.margin.rulebook.portfolio import Correlation, ExpiryDiscount
from stresstest.margin.schedule_tables import records
from stresstest.margin.views import models_in_use
from stresstest.scenarios.option_terms import strike_currencies, years_to_expiry
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Records = npt.NDArray[Any]

NEAR = 64 * 2**20
"""Bytes of changes of one block of lanes at most: positions read them in any order, but what is done once a pool and row wants wide blocks. The
fastest of 8, 16, 32, 64 and 110 MB for 5,000 options and 24 rows on two cores with 32 MB of cache."""
_EXPIRIES = {"net": NET_EXPIRIES, "losses": LOSSES, "absolute": ABSOLUTE}


class GridClamps(NamedTuple):
    """What the rows of a grid would have taken out of its range, in all scenarios together: vols, and prices of options."""

    vols: int
    prices: int


@dataclass(frozen=True)
class Scans:
    """The portfolio models in use, compiled but for the lanes. `row_names`: of all grids, in the order of their codes.

    `moved` lists the changes of what rows move, f64[entries, columns, S], model by model in the order of their entries. `deltas` f64[instruments, S]
    by model, where it asks for them, zero for what nobody holds under it. `clamps`: by model, what rows would have taken out of its range.
    """

    tables: ScanTables
    row_names: tuple[str, ...]
    moved: tuple[Floats, ...]
    deltas: dict[str, Floats]
    clamps: dict[str, GridClamps]

    @property
    def columns(self) -> int:
        """Columns of the widest grid."""
        return max((each.shape[1] for each in self.moved), default=0)

    def room(self) -> int:
        """Lanes of a block whose cells have room, at most."""
        return min(LANES, CELLS // self.columns) if self.columns else LANES

    def widest(self) -> int:
        """Lanes of a block at most: its cells have room, and its changes stay in cache."""
        if not self.columns:
            return LANES
        entries = sum(len(each) for each in self.moved)
        near = NEAR // max(1, 8 * entries * self.columns)
        return max(8, min(self.room(), near) // 8 * 8)

    def in_lanes(self, lanes: Lanes) -> ScanTables:
        """The tables with the changes in lanes."""
        if not self.columns:
            return self.tables
        entries = sum(len(each) for each in self.moved)
        changes = aligned(lanes.blocks, entries, self.columns * lanes.width)
        first = 0
        for each in self.moved:
            last = first + len(each)
            for block, width in enumerate(lanes.padded):
                length = each.shape[1] * width
                changes[block, first:last, :length] = each[:, :, lanes.scenario[block, :width]].reshape(len(each), length)
            first = last
        return self.tables._replace(changes=changes)


def compile_scans(
    dimensions: Dimensions,
    resolved: Resolved,
    units: UnitValues,
    rulebook: Rulebook,
    rows: RowList,
    price_row: Codes,
    weight_of: Sequence[int],
    held: Mapping[str, Codes] | None = None,
) -> Scans:
    """The grids of the portfolio models that accounts have.

    Only what accounts hold under a model is revalued in its rows: a venue lists thousands of options, of which most accounts have none.

    Args:
        dimensions: the book.
        resolved: factor values of the scenarios.
        units: the instruments in the scenarios.
        rulebook: the margin file.
        rows: takes the rows that grids need besides.
        price_row: row of the price of every asset.
        weight_of: by model, in file order, the weight of a requirement that is in reporting currency already.
        held: by model, the codes of the instruments that its accounts hold, ascending; None: any.
    """
    models = portfolio_models_in_use(dimensions, rulebook)
    if not models:
        return Scans(no_scans(len(rulebook.models)), (), (), {}, {})
    shifts = {name: spot_shifts(model, dimensions) for name, model in models.items()}
    groups = {group: code for code, group in enumerate(sorted({group for each in shifts.values() for group in each}))}
    every = np.arange(dimensions.instruments.height, dtype=np.int32)
    book = _Book(dimensions, resolved, units, rows, price_row, groups, dict.fromkeys(models, every) if held is None else held)
    lists = _Lists(len(rulebook.models), len(groups))
    for number, name in enumerate(rulebook.models):
        if name in models:
            _add_model(book, lists, number, name, models[name], shifts[name], weight_of[number])
    return Scans(lists.tables(), tuple(lists.names), tuple(lists.moved), lists.deltas, lists.clamps)


def portfolio_models_in_use(dimensions: Dimensions, rulebook: Rulebook) -> dict[str, PortfolioModel]:
    """The portfolio models of a margin file that accounts have, in file order."""
    used = models_in_use(dimensions)
    return {name: model for name, model in rulebook.models.items() if isinstance(model, PortfolioModel) and name in used}


@dataclass(frozen=True)
class _Book:
    """What grids are laid over."""

    dimensions: Dimensions
    resolved: Resolved
    units: UnitValues
    rows: RowList
    price_row: Codes
    groups: dict[str, int]
    held: Mapping[str, Codes]


class _Lists:
    """The tables of several models while they are being put together."""

    def __init__(self, models: int, groups: int) -> None:
        self.grids = np.zeros(models, GRID)
        self.terms = np.zeros((models, groups), GROUP_TERMS)
        self.terms["set"] = -1
        self.correlation_of = np.full(models, -1, dtype=np.int32)
        self.names: list[str] = []
        self.moved: list[Floats] = []
        self.rules: list[Records] = []
        self.places: list[Records] = []
        self.hedges: list[Codes] = []
        self.hedge_changes: list[Codes] = []
        self.shifts: list[Floats] = []
        self.credits: list[tuple[float, ...]] = []
        self.correlations: list[Floats] = []
        self.expiries: list[tuple[int, ...]] = []
        self.deltas: dict[str, Floats] = {}
        self.clamps: dict[str, GridClamps] = {}

    def tables(self) -> ScanTables:
        """Everything but the changes."""
        columns = max(map(len, self.shifts))
        groups = self.terms.shape[1]
        return ScanTables(
            grids=self.grids,
            rules=np.concatenate(self.rules),
            places=np.stack(self.places),
            hedge=np.stack(self.hedges),
            hedge_change=np.stack(self.hedge_changes),
            expiries=np.array(self.expiries, dtype=EXPIRY),
            terms=self.terms,
            credits=np.array(self.credits, dtype=CREDIT),
            shifts=np.stack([np.pad(each, (0, columns - len(each))) for each in self.shifts]),
            correlation=np.stack(self.correlations) if self.correlations else np.zeros((1, groups, groups)),
            correlation_of=self.correlation_of,
            changes=np.zeros((0, 0, 0)),
        )


def _add_model(book: _Book, lists: _Lists, number: int, name: str, model: PortfolioModel, shifts: Mapping[str, Floats], weight: int) -> None:
    dimensions, groups = book.dimensions, book.groups
    values = grid_values(model, dimensions, book.resolved, book.units, book.held[name])
    lists.clamps[name] = GridClamps(int(values.clamped_vols.sum()), int(values.clamped_prices.sum()))
    columns, plain = values.column_row, _plain(model)
    weights = np.array([model.grid[row].weight for row in columns]) if plain else np.ones(len(columns))
    maintenance, initial = _factor_rows(book, model)
    spreads = [
        (groups[each.groups[0]], groups[each.groups[1]], int(each.same_side), 0, *each.ratio, each.rate)
        for each in model.credits
        if groups.keys() >= set(each.groups)
    ]
    lists.grids[number] = (
        len(model.grid), len(columns), plain, len(lists.names), _together(model), model.max_loss_cap, maintenance, initial,
        len(lists.credits), len(spreads), weight, len(lists.places), 0,
    )  # fmt: skip
    lists.credits += spreads
    delta = _delta(book, values)
    if delta is not None:
        lists.deltas[name] = delta
    lists.places.append(_places(book, lists, model, values, weights, delta))
    hedge, hedge_change = np.full((2, dimensions.assets.height), -1, dtype=np.int32)
    for asset, group in hedge_groups(model, dimensions).items():
        hedge[asset], hedge_change[asset] = groups[group], sum(map(len, lists.moved))
        # One unit at spot gains what its group's prices do.
        lists.moved.append(((shifts[group][columns] * weights)[:, None] * book.resolved.value[asset])[None])
    lists.hedges.append(hedge)
    lists.hedge_changes.append(hedge_change)
    lists.names += model.row_names
    lists.rules.append(_rules(model, values))
    terms = lists.terms[number]
    for group, moves in shifts.items():
        terms["shifts"][groups[group]] = len(lists.shifts)
        lists.shifts.append(moves[columns] * weights)
    for listed, offset in enumerate(model.offsets):
        for group in set(offset.groups) & groups.keys():
            terms["set"][groups[group]], terms["rate"][groups[group]] = listed, offset.rate
    if model.correlation is not None:
        lists.correlation_of[number] = len(lists.correlations)
        lists.correlations.append(_correlation(model.correlation, groups))


def _places(book: _Book, lists: _Lists, model: PortfolioModel, values: GridValues, weights: Floats, delta: Floats | None) -> Records:
    """Where each instrument stands; adds the changes that are not all zero to the list of moved ones."""
    frame, dimensions = book.dimensions.instruments, book.dimensions
    entries = sum(map(len, lists.moved))
    found: dict[str, Codes] = {}
    for name, change in (("change", values.change), ("cost_change", values.cost_change), ("settle_change", values.settle_change)):
        found[name] = np.full(frame.height, -1, dtype=np.int32)
        if change is not None:
            moves = np.flatnonzero((change != 0.0).any(axis=(1, 2)))
            found[name][values.codes[moves]] = np.arange(entries, entries + len(moves))
            entries += len(moves)
            # Changes are the largest arrays of a run: they are not copied where nothing is left out and nothing weighted.
            kept = change if len(moves) == len(change) else change[moves]
            lists.moved.append(kept if (weights == 1.0).all() else kept * weights[:, None])
    paid = ((frame["kind"] == "option") & (frame["premium_style"] == "paid")).to_numpy()
    linear = (frame["payoff"] == "linear").to_numpy()
    currency = strike_currencies(dimensions)
    return records(
        PLACE,
        frame.height,
        **found,
        group=[book.groups[group] for group in frame["risk_group"]],
        expiry=_expiries(book, lists, model, currency),
        paid=paid,
        payable=paid & linear,
        delta_row=-1 if delta is None or not model.credits else book.rows.extend(delta),
        strike_row=book.price_row[currency],
        strike=frame["strike"].fill_null(0.0).to_numpy(),
        sign=np.where((frame["option_type"] == "put").fill_null(False).to_numpy(), -1.0, 1.0),
        size=frame["contract_size"].to_numpy(),
        expires=frame["expiry"].dt.timestamp("us").fill_null(0).to_numpy(),
    )


def _delta(book: _Book, values: GridValues) -> Floats | None:
    """Delta of one contract entered at the state [instruments, S]: of its value slope, and of the cost that entering at the mark makes."""
    if values.delta is None:
        return None
    entered = np.zeros_like(book.units.mark)
    entered[values.codes] = values.delta
    if values.cost_delta is not None:
        mark = book.units.mark[values.codes]
        instruments = book.dimensions.instruments[values.codes]
        inverse = ((instruments["payoff"] == "inverse") & (instruments["kind"] != "option")).to_numpy()[:, None]
        entered[values.codes] += values.cost_delta * np.divide(1.0, mark, out=mark.copy(), where=inverse & (mark != 0.0))
    return entered


def _expiries(book: _Book, lists: _Lists, model: PortfolioModel, currency: Codes) -> Codes:
    """The expiry of every instrument: all that fall on one moment with strikes in one currency. Number 0 is that of everything undated."""
    zeros, ones = book.rows.one(np.zeros(book.resolved.scenarios)), book.rows.one(np.ones(book.resolved.scenarios))
    if not lists.expiries:
        lists.expiries.append((zeros, ones, ones, 0))
    years = years_to_expiry(book.dimensions)
    known: dict[tuple[float, int], int] = {}
    found = np.zeros(len(years), dtype=np.int32)
    if _plain(model):
        return found
    for code in np.flatnonzero(~np.isnan(years)).tolist():
        key = (float(years[code]), int(currency[code]))
        if key not in known:
            known[key] = len(lists.expiries)
            left = np.maximum(key[0] - book.resolved.elapsed_years, 0.0)
            rate = np.maximum(book.resolved.rate[key[1]], 0.0)
            positive, negative = _discounts(model.expiry_discount, left, rate)
            lists.expiries.append((book.rows.one(left), book.rows.one(positive), book.rows.one(negative), 0))
        found[code] = known[key]
    return found


def _discounts(terms: ExpiryDiscount | None, years: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """Factors on positive and on negative values of an expiry [S]."""
    none = np.ones_like(years)
    if terms is None:
        return none, none
    up, down = terms.positive, terms.negative
    positive = up.base * np.exp(-(up.rate_multiple * rate + up.rate_add) * years)
    if down is None:
        return positive, none
    return positive, np.minimum(np.exp(rate * years), down.base * np.exp((down.rate_multiple * rate + down.rate_add) * years))


def _factor_rows(book: _Book, model: PortfolioModel) -> tuple[int, int]:
    """Rows of the loss factors; the initial one grows with a depeg."""
    ones = np.ones(book.resolved.scenarios)
    initial = model.loss_factor.initial * ones
    if model.loss_factor_depeg is not None:
        initial += depeg_of(model.loss_factor_depeg, book.dimensions, book.resolved)
    return book.rows.one(model.loss_factor.maintenance * ones), book.rows.one(initial)


def _correlation(terms: Correlation, groups: Mapping[str, int]) -> Floats:
    rho = np.full((len(groups), len(groups)), terms.default)
    for pair in terms.pairs:
        if groups.keys() >= set(pair.groups):
            one, two = (groups[group] for group in pair.groups)
            rho[one, two] = rho[two, one] = pair.value
    np.fill_diagonal(rho, 1.0)
    return rho


def _plain(model: PortfolioModel) -> bool:
    """Rows are weighted sums over everything in the group: no expiry need be looked at alone."""

    def simple(row: GridRow) -> bool:
        return row.expiries == "net" and row.weight_per_year == 0.0 and len(row.forward) < 2 and (model.expiry_discount is None or not row.discounted)

    return all(map(simple, model.grid))


def _together(model: PortfolioModel) -> int:
    return OFFSETS if model.offsets else CREDITS if model.credits else CORRELATION if model.correlation is not None else ALONE


def _rules(model: PortfolioModel, values: GridValues) -> Records:
    numbers = np.arange(len(model.grid))
    return records(
        RULE,
        len(model.grid),
        first_column=np.searchsorted(values.column_row, numbers),
        columns=np.bincount(values.column_row, minlength=len(model.grid)),
        expiries=[_EXPIRIES[row.expiries] for row in model.grid],
        discounted=[row.discounted and model.expiry_discount is not None for row in model.grid],
        weight=[row.weight for row in model.grid],
        weight_per_year=[row.weight_per_year for row in model.grid],
    )
