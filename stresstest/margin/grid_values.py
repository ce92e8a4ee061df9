"""Unit values in the rows of a portfolio model's grid, on top of every scenario: docs/methodology.md, "Requirement of a `portfolio` model"."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.rulebook import PortfolioModel
from stresstest.margin.rulebook.portfolio import ScanRange, Skew
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.prices import in_reporting_currency
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.selectors import Universe
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.moved_values import changes
from stresstest.valuation.moves import Moves, OptionStates
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

BUMP = 0.01
"""Relative move either way from which a delta is taken."""


@dataclass(frozen=True)
class GridValues:
    """Changes of unit values in the columns of a grid, on top of S scenarios, reporting currency, one contract.

    A column is a row of the grid; a row with two `forward` moves has two, in its place. A position of instrument i gains in a column

        quantity * change[i] + cost * cost_change[i] + accrued funding * settle_change[i]

    (see `UnitValues` for cost): exactly zero where the row moves nothing that the instrument depends on.

    `codes` i32[n]: instrument codes, ascending. `column_row` i32[C]: grid row of every column.
    `change` f64[n, C, S]: of the value slope. `cost_change` f64[n, C, S]: of the cost slope; None where no row moves the quote (inverse and
    quanto: settle) asset of any instrument with a cost. `settle_change` f64[n, C, S]: of X of the settle asset; None where no row moves that of an
    instrument that may have funding (spot and paid options have none).
    `delta`, `cost_delta` f64[n, S]: (V(S * 1.01) - V(S * 0.99)) / 0.02 with all that the risk group moves, of the value and cost slopes: a
    position's delta is quantity * delta + cost * cost_delta. None if the model asks for no deltas; `cost_delta` None as `cost_change`.
    `clamped_vols` i64[S]: option vols that rows would have taken out of their range, each column once; `clamped_prices` i64[S]: option prices
    held at their no-arbitrage bounds there.
    """

    codes: Codes
    column_row: Codes
    change: Floats
    cost_change: Floats | None
    settle_change: Floats | None
    delta: Floats | None
    cost_delta: Floats | None
    clamped_vols: Counts
    clamped_prices: Counts


def grid_values(model: PortfolioModel, dimensions: Dimensions, resolved: Resolved, units: UnitValues, codes: npt.ArrayLike) -> GridValues:
    """The instruments `codes` revalued in every row of the model's grid, on top of every scenario.

    Raises:
        StressTestError: a row that takes a risk group's prices to zero, or values that are no finite numbers.
    """
    ordered = np.unique(np.asarray(codes, dtype=np.int32))
    columns = [(number, forward) for number, row in enumerate(model.grid) for forward in row.forward or (0.0,)]
    column_row = np.array([number for number, _ in columns], dtype=np.int32)
    wants_delta = bool(model.credits) or any(line.of == "delta" for line in model.add_ons)
    # The two moves of a delta are columns more, behind those of the grid.
    bumps = (BUMP, -BUMP) if wants_delta else ()
    shifts, vols = spot_shifts(model, dimensions), vol_shifts(model, dimensions)
    groups = dimensions.instruments["risk_group"].gather(ordered)
    shape = (len(ordered), len(columns) + len(bumps))
    spot = np.array([[*shifts[group][column_row], *bumps] for group in groups]).reshape(shape)
    vol = np.array([[*vols[group][column_row], *(0.0 for _ in bumps)] for group in groups]).reshape(shape)
    forward = np.array([*(forward for _, forward in columns), *(0.0 for _ in bumps)])
    moves = _moves(model, dimensions, ordered, spot, forward, _GridVols(model, ordered, (*column_row, *(-1 for _ in bumps)), vol))
    found = changes(dimensions, resolved, units, ordered, moves)
    count = len(columns)

    def slope(change: Floats | None) -> Floats | None:
        return (change[:, count] - change[:, count + 1]) / (2 * BUMP) if change is not None and wants_delta else None

    def of_grid(change: Floats | None) -> Floats | None:
        return None if change is None else change[:, :count]

    return GridValues(
        ordered,
        column_row,
        found.value[:, :count],
        of_grid(found.cost),
        _settle_changes(dimensions, resolved, units, ordered, moves.settle[:, :count] - 1.0),
        slope(found.value),
        slope(found.cost),
        found.clamped_vols,
        found.clamped_prices,
    )


def _settle_changes(dimensions: Dimensions, resolved: Resolved, units: UnitValues, codes: Codes, move: Floats) -> Floats | None:
    # What has no cost slope (spot, paid options) is worth its price and has no funding.
    funded = (units.cost_slope[codes] != 0.0).any(axis=1)
    if not (move[funded] != 0.0).any():
        return None
    settle = resolved.value[dimensions.instruments["settle_code"].to_numpy()[codes]]
    change: Floats = settle[:, None, :] * np.where(funded[:, None], move, 0.0)[:, :, None]
    return change


def spot_shifts(model: PortfolioModel, dimensions: Dimensions) -> dict[str, Floats]:
    """x of every grid row, f64[rows], by risk group: the relative move of the group's underlyings and hedges. Groups that hedges alone name too.

    Raises:
        StressTestError: a move of -100 % or more.
    """
    shifts = {group: np.array([_spot(row.spot, row.scan, ranges) for row in model.grid]) for group, ranges in _ranges(model, dimensions).items()}
    faults = [
        Fault(
            f"row {model.row_names[row]} moves the prices of risk group {group} by {shifts[group][row] * 100:+.4g} %",
            "Make `scan` of the row, or the scan range of the group, smaller: prices stay above zero.",
        )
        for group in shifts
        for row in np.flatnonzero(shifts[group] <= -1.0)
    ]
    if faults:
        raise StressTestError(Reason.MARGIN_FILE, "the margin file cannot be applied to this book", faults)
    return shifts


def vol_shifts(model: PortfolioModel, dimensions: Dimensions) -> dict[str, Floats]:
    """v of every grid row, f64[rows], by risk group, before `vol_term`: zero in rows that move no vol, and in `skew` rows."""
    return {
        group: np.array([row.vol or (row.vol_scan or 0.0) * (0.0 if ranges is None else ranges.vol) for row in model.grid])
        for group, ranges in _ranges(model, dimensions).items()
    }


def hedge_groups(model: PortfolioModel, dimensions: Dimensions) -> dict[int, str]:
    """The risk group that every hedge moves with, by asset code: the one named, else that of the first instrument on the asset by id, else
    a group of the asset's own name. Hedges that the book does not know are left out: nobody holds them."""
    code_of = {asset: code for code, asset in enumerate(dimensions.assets["asset"])}
    followed = dict(reversed(list(dimensions.instruments.select("underlying_code", "risk_group").iter_rows())))
    return {code_of[asset]: group or followed.get(code_of[asset], asset) for asset, group in model.hedges.items() if asset in code_of}


def moved_assets(model: PortfolioModel, dimensions: Dimensions) -> dict[str, frozenset[int]]:
    """The asset codes that move with every risk group: underlyings of its instruments and its hedges, never the reporting currency."""
    reporting = dimensions.assets["asset"].to_list().index(dimensions.reporting_currency)
    pairs = chain(
        dimensions.instruments.select("risk_group", "underlying_code").unique().iter_rows(),
        ((group, code) for code, group in hedge_groups(model, dimensions).items()),
    )
    found: dict[str, set[int]] = {}
    for group, code in pairs:
        found.setdefault(group, set()).add(code)
    return {group: frozenset(codes - {reporting}) for group, codes in found.items()}


def _spot(spot: float | None, scan: float | None, ranges: ScanRange | None) -> float:
    if scan is None or ranges is None:
        return spot or 0.0
    return scan * (ranges.spot.down if scan < 0.0 else ranges.spot.up)


def _ranges(model: PortfolioModel, dimensions: Dimensions) -> dict[str, ScanRange | None]:
    """The scan ranges of every risk group, None without. A group that hedges alone name has no instrument that could pass a filter: it
    takes the first entry without one, or one by `risk_group` alone that names it."""
    instruments = dimensions.instruments
    groups = instruments["risk_group"]
    universe = Universe(
        dimensions, MarginNames(), in_reporting_currency(dimensions, dimensions.assets["price"].cast(pl.Float64).to_numpy()[:, None])[:, 0]
    )
    found: dict[str, ScanRange | None] = dict.fromkeys(sorted({*groups, *hedge_groups(model, dimensions).values()}))
    bare = set(found) - set(groups)
    for entry in reversed(model.scan_ranges):
        passing = set(groups.filter(pl.Series(universe.instruments_passing(entry.where))).unique())
        named = entry.where is not None and entry.where.model_dump(exclude_none=True).keys() == {"risk_group"} and entry.where.risk_group
        found |= dict.fromkeys(
            (group for group in found if group in passing or (group in bare and (entry.where is None or group in (named or ())))), entry
        )
    return found


def _moves(model: PortfolioModel, dimensions: Dimensions, codes: Codes, spot: Floats, forward: Floats, vols: _GridVols) -> Moves:
    instruments = dimensions.instruments[codes]
    assets = dimensions.assets
    code_of = {asset: code for code, asset in enumerate(assets["asset"])}
    price_currency = np.array([code_of[currency] for currency in assets["price_currency"]], dtype=np.int32)
    moving = moved_assets(model, dimensions)

    def factor(asset: npt.NDArray[np.integer]) -> Floats:
        moves = np.array([code in moving[group] for group, code in zip(instruments["risk_group"], asset, strict=True)], dtype=np.bool_)
        return 1.0 + np.where(moves[:, None], spot, 0.0)

    underlying = factor(instruments["underlying_code"].to_numpy())
    dated = ((instruments["kind"] == "option") | ((instruments["kind"] == "future") & instruments["expiry"].is_not_null())).to_numpy()
    return Moves(
        underlying=underlying,
        own_price=underlying / factor(price_currency[instruments["underlying_code"].to_numpy()]),
        quote=factor(instruments["quote_code"].to_numpy()),
        settle=factor(instruments["settle_code"].to_numpy()),
        forward=1.0 + np.where(dated[:, None], forward, 0.0),
        vols=vols,
    )


@dataclass(frozen=True)
class _GridVols:
    """Vols of options in every column: `v` f64[n, C] shifts before `vol_term` of the instruments `codes`, `rows` the grid row of every column
    (-1: none)."""

    model: PortfolioModel
    codes: Codes
    rows: tuple[int, ...]
    v: Floats

    def __call__(self, options: OptionStates) -> Floats:
        vol = options.vol
        moved = np.empty((len(vol), len(self.rows), vol.shape[1]))
        term = self.model.vol_term
        sizes: Floats | float = 1.0 if term is None else term.sizes(options.years * 365.0)
        v = self.v[np.searchsorted(self.codes, options.codes)]
        for column, row in enumerate(self.rows):
            kind = None if row < 0 else self.model.grid[row].skew
            shift = v[:, column, None]
            if kind is not None and self.model.skew is not None:
                moved[:, column] = vol * (1.0 + _skew_shift(self.model.skew, kind, options))
            elif self.model.vol_shift == "relative":
                moved[:, column] = vol * (1.0 + shift * sizes)
            else:
                moved[:, column] = vol + shift * sizes
            if self.model.vol_floor.up > 0.0:
                moved[:, column] = np.where(shift > 0.0, np.maximum(moved[:, column], self.model.vol_floor.up), moved[:, column])
        return moved


def _skew_shift(skew: Skew, kind: str, options: OptionStates) -> Floats:
    """min(cap, |k| * cap / k_star), k = ln(K/F), in the linear form with the sign of k; zero where a price is not above zero."""
    strike, root = options.strike[:, None], np.sqrt(options.years)
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.log(strike / options.forward)
    k = np.where((strike > 0.0) & (options.forward > 0.0), k, 0.0)
    chosen = skew.absolute if kind == "absolute" else skew.linear
    cap = chosen.base + chosen.slope * root
    star = np.maximum(skew.min_width, skew.width * root * (skew.static + skew.scale * root))
    shift: Floats = np.minimum(cap, np.abs(k) * cap / star)
    return shift if kind == "absolute" else np.sign(k) * shift
