"""Which impact function every asset has, with which parameters, and where each was found: run file, then the snapshot's assets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, nan, sqrt
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from stresstest.config.impact import ExponentialImpact, Impact, LinearImpact, SquareRootImpact, TableImpact
from stresstest.documents import suggest
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.scenarios.prices import in_reporting_currency
from stresstest.snapshot.book import Dimensions
from stresstest.stress.cascade.market.depth_table import Sides, order_books

Kind = Literal["linear", "exponential", "square_root", "depth_table", "none"]
RUN_FILE, DEFAULT, NOWHERE = "run file", "default", "none"
_COLUMNS = ("depth", "daily_volume", "daily_vol")


class Parameter(NamedTuple):
    """A parameter of an asset's impact before any scenario, and where it was found; `value` None: nowhere."""

    asset: str
    kind: str
    parameter: str
    value: float | None
    source: str


class AssetImpact(NamedTuple):
    """The impact of one asset before any scenario.

    `size`: the slope, decay or coefficient of its function (order book: 1). `depth`: notional at snapshot price that would take the price to zero, in
    reporting currency; nan where a parameter is missing. `reference`: the depth that a scenario's `depth` factor starts from.
    """

    kind: Kind
    size: float = nan
    depth: float = nan
    reference: float = nan
    book: Sides | None = None


NO_IMPACT = AssetImpact("none")


@dataclass
class Parameters:
    """The impact of every asset, in the order of their codes; what was found where; what is wrong, by reason."""

    impacts: list[AssetImpact] = field(default_factory=list)
    rows: list[Parameter] = field(default_factory=list)
    faults: list[tuple[Reason, Fault]] = field(default_factory=list)


def parameters_of(impacts: tuple[Impact, ...], dimensions: Dimensions, tables: Mapping[str, pl.DataFrame], file: str | None = None) -> Parameters:
    """The impact of every asset of a snapshot.

    Args:
        impacts: `cascade.impact` of the run file; the first entry that speaks of an asset counts.
        dimensions: the book's dimension tables.
        tables: depth tables by the path that the run file gives.
        file: the run file, which faults name.
    """
    search = _Search(impacts, dimensions, tables, file)
    found = Parameters(faults=search.name_faults())
    for code in range(dimensions.assets.height):
        found.impacts.append(search.impact(code))
    found.rows += search.rows
    found.faults += search.faults + search.column_faults()
    return found


def refuse(faults: list[tuple[Reason, Fault]]) -> None:
    """Raise all faults as one error, if there are any; configuration comes first and decides the exit code.

    Raises:
        StressTestError: of the first reason, with every fault.
    """
    if faults:
        ordered = sorted(faults, key=lambda each: each[0].exit_code)
        raise StressTestError(ordered[0][0], f"the market of the cascade has {counted(len(faults), 'fault')}", [fault for _, fault in ordered])


class _Search:
    """Looks for the parameters of one asset after the other; collects where they were found and what is wrong."""

    def __init__(self, impacts: tuple[Impact, ...], dimensions: Dimensions, tables: Mapping[str, pl.DataFrame], file: str | None) -> None:
        assets = dimensions.assets
        self.entries = impacts
        self.file = file
        self.names: list[str] = assets["asset"].to_list()
        self.reporting = dimensions.reporting_currency
        self.price = np.abs(assets["price"].to_numpy())
        self.value = np.abs(in_reporting_currency(dimensions, assets["price"].to_numpy()[:, None])[:, 0])
        self.columns: dict[str, list[float | None]] = {name: assets[name].to_list() for name in _COLUMNS}
        self.rows: list[Parameter] = []
        self.faults: list[tuple[Reason, Fault]] = []
        self.wrong: dict[str, list[str]] = {}
        self.books: dict[str, dict[int, Sides]] = {}
        for each in impacts:
            if isinstance(each, TableImpact):
                self.books[each.table], faults = order_books(tables[each.table], dimensions, each.table)
                self.faults += [(Reason.CONFIGURATION, fault) for fault in faults]

    # ------------------------------------------------------------ one asset

    def impact(self, code: int) -> AssetImpact:
        """The impact of an asset; kind `none` where sales do not move its price, depth nan where a parameter is missing."""
        name = self.names[code]
        entry = next((each for each in self.entries if each.assets is None or name in each.assets), None)
        if name == self.reporting or entry is None or entry.kind == "none":
            source = "reporting currency" if name == self.reporting else NOWHERE if entry is None else RUN_FILE
            self.rows.append(Parameter(name, "none", "impact", None if source == NOWHERE else 0.0, source))
            return NO_IMPACT if source != NOWHERE else AssetImpact("linear")
        found = self._of(entry, code)
        # A function of notional at a price of zero says nothing about units.
        return found if self.value[code] > 0.0 else AssetImpact(found.kind)

    def _of(self, entry: Impact, code: int) -> AssetImpact:
        if isinstance(entry, LinearImpact):
            return self._linear(entry, code)
        value, own_depth = float(self.value[code]), self._column("depth", code)
        if isinstance(entry, ExponentialImpact):
            decay = self._noted(entry, code, "lambda", self._stated(entry.decay, code), RUN_FILE)
            return AssetImpact("exponential") if decay is None else AssetImpact("exponential", decay, value / decay, own_depth or value / decay)
        if isinstance(entry, SquareRootImpact):
            return self._square_root(entry, code, own_depth)
        if not isinstance(entry, TableImpact):
            return NO_IMPACT
        sides = self.books[entry.table].get(code)
        source = f"depth table {Path(entry.table).name}"
        self._noted(entry, code, "bids", None if sides is None else float(sides.bids.filled[-1]), source)
        self._noted(entry, code, "asks", None if sides is None else float(sides.asks.filled[-1]), source)
        if sides is None:
            return AssetImpact("depth_table")
        depth = value / sides.bids.slope if sides.bids.slope > 0.0 else float("inf")
        return AssetImpact("depth_table", 1.0, depth, own_depth or depth, sides)

    def _linear(self, entry: LinearImpact, code: int) -> AssetImpact:
        square = float(self.value[code] * self.price[code])
        slope = self._stated(entry.slope, code)
        if slope is not None:
            self._noted(entry, code, "slope", slope, RUN_FILE)
            return AssetImpact("linear", slope, square / slope, self._column("depth", code) or square / slope)
        if entry.from_volume is not None:
            depth = self._from_volume(entry, code)
        else:
            depth = self._parameter(entry, code, "depth", entry.depth)
        return AssetImpact("linear") if depth is None else AssetImpact("linear", square / depth, depth, depth)

    def _from_volume(self, entry: LinearImpact, code: int) -> float | None:
        rule = entry.from_volume
        if rule is None:
            return None
        self._noted(entry, code, "c", rule.c, RUN_FILE if "c" in rule.model_fields_set else DEFAULT)
        self._noted(entry, code, "horizon_days", rule.horizon_days, RUN_FILE if "horizon_days" in rule.model_fields_set else DEFAULT)
        volume, vol = self._parameter(entry, code, "daily_volume", None), self._parameter(entry, code, "daily_vol", None)
        depth = None if volume is None or vol is None else rule.c * volume / vol * sqrt(rule.horizon_days)
        return self._noted(entry, code, "depth", depth, "c * daily_volume / daily_vol * sqrt(horizon_days)")

    def _square_root(self, entry: SquareRootImpact, code: int, own_depth: float | None) -> AssetImpact:
        y = self._stated(entry.y, code)
        y = self._noted(entry, code, "y", 1.0 if y is None else y, RUN_FILE if y is not None and "y" in entry.model_fields_set else DEFAULT)
        vol = self._parameter(entry, code, "daily_vol", entry.daily_vol)
        volume = self._parameter(entry, code, "daily_volume", entry.daily_volume)
        if y is None or vol is None or volume is None:
            return AssetImpact("square_root")
        depth = volume / (y * vol) ** 2
        return AssetImpact("square_root", y * vol * sqrt(float(self.value[code]) / volume), depth, own_depth or depth)

    # ------------------------------------------------------------ one parameter

    def _parameter(self, entry: Impact, code: int, name: str, stated: float | dict[str, float] | None) -> float | None:
        """A parameter from the run file, else from the column of the assets that is called so."""
        value = self._stated(stated, code)
        if value is not None:
            return self._noted(entry, code, name, value, RUN_FILE)
        return self._noted(entry, code, name, self._column(name, code), f"assets.{name}")

    def _stated(self, stated: float | dict[str, float] | None, code: int) -> float | None:
        return stated.get(self.names[code]) if isinstance(stated, dict) else stated

    def _column(self, name: str, code: int) -> float | None:
        value = self.columns[name][code]
        if value is not None and not (isfinite(value) and value > 0.0):
            self.wrong.setdefault(name, []).append(self.names[code])
            return None
        return value

    def _noted(self, entry: Impact, code: int, name: str, value: float | None, source: str) -> float | None:
        self.rows.append(Parameter(self.names[code], entry.kind, name, value, source if value is not None else NOWHERE))
        return value

    # ------------------------------------------------------------ faults

    def column_faults(self) -> list[tuple[Reason, Fault]]:
        """A fault for every column with figures that no market can have."""
        hint = "Leave it null where it is not known: sales of the asset then move no price, which data quality tells."
        return [
            (
                Reason.INPUT_DATA,
                Fault(
                    "is not above zero, and the cascade needs it", hint, table="assets", column=name, rows=len(dict.fromkeys(assets)),
                    keys=tuple(dict.fromkeys(assets))[:5],
                ),
            )
            for name, assets in self.wrong.items()
        ]  # fmt: skip

    def name_faults(self) -> list[tuple[Reason, Fault]]:
        """A fault for every name that is no asset of the snapshot, or is the reporting currency, whose price nothing moves."""
        known = set(self.names)
        faults = []
        for place, name in self._named():
            if name == self.reporting:
                what, hint = "is the reporting currency, whose price is 1 by definition", "Remove it: nothing moves it."
            elif name not in known:
                what, hint = f"no asset of the snapshot is called `{name}`", suggest(name, self.names, "Assets")
            else:
                continue
            faults.append((Reason.CONFIGURATION, Fault(what, hint, file=self.file, path=place)))
        return faults

    def _named(self) -> list[tuple[str, str]]:
        """Every name of an asset in the run file, with its place."""
        named: list[tuple[str, str]] = []
        for number, entry in enumerate(self.entries):
            place = f"cascade.impact[{number}]" if len(self.entries) > 1 else "cascade.impact"
            named += [(f"{place}.assets", name) for name in entry.assets or ()]
            named += [(f"{place}.{key}.{name}", name) for key, value in entry.stated() if isinstance(value, dict) for name in value]
        return named
