"""The market that forced sales meet: the price of every asset as a function of what was sold of it, scenario by scenario.

Which function with which parameters is asked of the run file, then of the snapshot's assets; a scenario's `depth` factor scales them
(docs/methodology.md, section 17).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.config import Cascade
from stresstest.errors import Fault, Reason, counted
from stresstest.scenarios.prices import in_reporting_currency
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.stress.cascade.market.impact import CEILING, FLOOR, Bounded, Curve, Exponential, Linear, SquareRoot
from stresstest.stress.cascade.market.order_book import OrderBook
from stresstest.stress.cascade.market.parameters import AssetImpact, Kind, Parameter, parameters_of, refuse

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
Places = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Prices:
    """Prices of cells (pairs of asset and scenario, an array of any shape) after sales; cells of no part stay at their shocked price.

    `parts`: places along the first axis, and their function. All arrays given to the methods have the shape of `shocked`; quantities are cumulative
    net units sold since the shock, negative where more was bought.
    """

    shocked: Floats
    parts: tuple[tuple[Places, Bounded], ...]

    def after(self, sold: Floats) -> Floats:
        """The price after selling `sold`, in price currency; the shocked price to the last bit where that is 0."""
        price = self.shocked.copy()
        for rows, part in self.parts:
            price[rows] = part.after(sold[rows])
        return price

    def average(self, before: Floats, after: Floats) -> Floats:
        """The price at which the units between `before` and `after` trade: the mean of `after` over them; `after(before)` where they are equal."""
        price = self.shocked.copy()
        for rows, part in self.parts:
            price[rows] = part.average(before[rows], after[rows])
        return price

    def floored(self, sold: Floats) -> Flags:
        """Where trading has taken the price to the floor (or, buying, to the ceiling) beyond which none is taken."""
        flags = np.zeros(self.shocked.shape, dtype=np.bool_)
        for rows, part in self.parts:
            flags[rows] = part.at_its_end(sold[rows])
        return flags

    def exhausted(self, sold: Floats) -> Flags:
        """Where more was traded than the depth table has."""
        flags = np.zeros(self.shocked.shape, dtype=np.bool_)
        for rows, part in self.parts:
            flags[rows] = part.exhausted(sold[rows])
        return flags


@dataclass(frozen=True)
class Market(Prices):
    """The prices of all assets in all scenarios of a batch, [assets, S'], as functions of what was sold.

    `group` i32[assets]: the part an asset belongs to, -1 = its price does not move; `row` i32[assets]: its place in it.
    `depth` f64[assets]: notional at snapshot price (reporting currency) that would take the price to zero, were it to go on falling as it does for
    small sales (square root: as it does over all of them; order book: over its bids); inf where sales do not move it, 0 where no parameter says.
    `missing` bool[assets, S']: sold without impact for want of a parameter. `parameters`: where each was found.
    """

    group: Codes
    row: Codes
    depth: Floats
    missing: Flags
    parameters: tuple[Parameter, ...]

    @property
    def moves(self) -> Flags:
        """bool[assets]: whose price moves with what is sold."""
        moved: Flags = self.group >= 0
        return moved

    def at(self, assets: Codes, scenarios: Codes) -> Prices:
        """The prices of chosen cells, one for each pair of asset code and place of a scenario in the batch."""
        of = self.group[assets]
        parts = []
        for number, (_, part) in enumerate(self.parts):
            chosen = np.flatnonzero(of == number)
            if len(chosen):
                parts.append((chosen, part.pick(_chosen(self.row[assets[chosen]], scenarios[chosen]))))
        return Prices(self.shocked[assets, scenarios], tuple(parts))

    def take(self, scenarios: Sequence[int]) -> Market:
        """These scenarios alone, by their places in the batch, in this order."""
        chosen = list(scenarios)
        parts = tuple((rows, part.pick(lambda table: table[:, chosen])) for rows, part in self.parts)
        return replace(self, shocked=self.shocked[:, chosen], parts=parts, missing=self.missing[:, chosen])

    def deeper(self, multiple: float) -> Market:
        """The same market with `multiple` times its depth: so many times as much moves a price as far."""
        return replace(self, parts=tuple((rows, part.deeper(multiple)) for rows, part in self.parts), depth=self.depth * multiple)


def _chosen(rows: Codes, columns: Codes) -> Callable[[Floats], Floats]:
    return lambda table: table[rows, columns]


def market_of(
    cascade: Cascade, dimensions: Dimensions, resolved: Resolved, depth_tables: Mapping[str, pl.DataFrame] | None = None, *, file: str | None = None
) -> Market:
    """The market of a book in all scenarios of `resolved`, whose prices are those before any sale.

    Args:
        cascade: the section of the run file.
        dimensions: the book's dimension tables.
        resolved: factor values; `spot` are the shocked prices, `depth_moves` what scenarios do to depths.
        depth_tables: what `read_depth_table` reads of every table that `cascade.impact` names, by its path there.
        file: the run file, which faults name.

    Raises:
        StressTestError: configuration, for names that are no assets of the snapshot and order books that do not fit it; input data, for columns of
            the assets that are needed and not above zero; scenario, for depths that a scenario takes to zero. All faults at once.
    """
    found = parameters_of(cascade.impact, dimensions, depth_tables or {}, file)
    maker = _Maker(dimensions, resolved, found.impacts)
    curves = maker.parts()
    refuse([*found.faults, *maker.faults])
    group, row = np.full(maker.assets, -1, np.int32), np.zeros(maker.assets, np.int32)
    parts = []
    for number, (rows, curve) in enumerate(curves):
        group[rows], row[rows] = number, np.arange(len(rows), dtype=np.int32)
        parts.append((rows, Bounded(curve, maker.floor[rows], maker.ceiling[rows])))
    return Market(resolved.spot, tuple(parts), group, row, maker.depth, maker.missing, tuple(found.rows))


class _Maker:
    """Curves of all assets: what a scenario's `depth` makes of their parameters; collects the depths that are taken to zero."""

    def __init__(self, dimensions: Dimensions, resolved: Resolved, impacts: Sequence[AssetImpact]) -> None:
        base, negative = dimensions.assets["price"].to_numpy()[:, None], dimensions.assets["may_be_negative"].to_numpy()[:, None]
        self.names = dimensions.assets["asset"]
        self.assets = len(impacts)
        self.resolved, self.impacts = resolved, impacts
        self.weight = np.where(negative, np.abs(base), resolved.spot)
        self.floor = np.where(negative, -np.inf, np.minimum(FLOOR * base, resolved.spot))
        self.ceiling = np.maximum(CEILING * np.abs(base), resolved.spot)
        self.square = np.abs(base[:, 0] * _snapshot_value(dimensions))
        self.depth = np.array([np.inf if each.kind == "none" else np.nan_to_num(each.depth, nan=0.0, posinf=np.inf) for each in impacts])
        self.missing = np.zeros(resolved.spot.shape, dtype=np.bool_)
        self.faults: list[tuple[Reason, Fault]] = []

    def parts(self) -> list[tuple[Places, Curve]]:
        """The assets whose prices move, with their curves: one part a kind, one an asset where each has a table of its own."""
        size = np.zeros(self.resolved.spot.shape)
        multiple = np.ones(self.resolved.spot.shape)
        moving: dict[str, list[int]] = {kind: [] for kind in get_args(Kind)}
        for code, each in enumerate(self.impacts):
            if each.kind == "none":
                continue
            known = ~np.isnan(each.depth)
            size[code] = each.size if known else self._replaced(code, each)
            self.missing[code] = size[code] == 0.0
            if known:
                multiple[code] = self._multiple(code, each.reference)
            if not self.missing[code].all():
                moving[each.kind].append(code)
        rows = {kind: np.array(codes, dtype=np.intp) for kind, codes in moving.items()}
        shocked, weight = self.resolved.spot, self.weight
        found: list[tuple[Places, Curve]] = []
        if len(of := rows["linear"]):
            found.append((of, Linear(shocked[of], size[of]).deeper(multiple[of])))
        if len(of := rows["exponential"]):
            found.append((of, Exponential(shocked[of], weight[of], size[of]).deeper(multiple[of])))
        if len(of := rows["square_root"]):
            found.append((of, SquareRoot(shocked[of], weight[of], size[of]).deeper(multiple[of])))
        for code in rows["depth_table"]:
            book, of = self.impacts[code].book, np.array([code], dtype=np.intp)
            if book is not None:
                found.append((of, OrderBook(book.bids, book.asks, shocked[of], weight[of], multiple[of])))
        return found

    def _multiple(self, code: int, reference: float) -> Floats | float:
        """How many times its depth an asset has in every scenario, f64[S']."""
        move = self.resolved.depth_moves.get(code)
        if move is None:
            return 1.0
        # Where a scenario does nothing, exactly 1: the scale is, and the shift is 0.
        multiple = move.scale + move.shift / reference
        self._check_above_zero(code, multiple)
        return np.where(multiple > 0.0, multiple, 1.0)

    def _replaced(self, code: int, impact: AssetImpact) -> Floats | float:
        """The slope of an asset that has a depth only where a scenario states one; 0 elsewhere."""
        move = self.resolved.depth_moves.get(code)
        if move is None or impact.kind != "linear" or self.square[code] == 0.0:
            return 0.0
        stated = move.scale == 0.0
        self._check_above_zero(code, np.where(stated, move.shift, 1.0))
        there = stated & (move.shift > 0.0)
        return np.where(there, self.square[code] / np.where(there, move.shift, 1.0), 0.0)

    def _check_above_zero(self, code: int, depth: Floats) -> None:
        gone = np.flatnonzero(~(depth > 0.0))
        if len(gone):
            scenarios = [self.resolved.ids[int(number)] for number in gone]
            more = f" (and {counted(len(gone) - 1, 'more scenario')})" if len(gone) > 1 else ""
            what = f"scenario `{scenarios[0]}`{more} leaves {self.names[code]} no depth, and a market without any has no price"
            self.faults.append((Reason.SCENARIO, Fault(what, "State a small depth, for example `scale: 0.01`.", path=f"depth:{self.names[code]}")))


def _snapshot_value(dimensions: Dimensions) -> Floats:
    """The snapshot's prices in reporting currency."""
    return in_reporting_currency(dimensions, dimensions.assets["price"].to_numpy()[:, None])[:, 0]
