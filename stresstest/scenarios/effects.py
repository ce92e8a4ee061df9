"""What each shock does to a book: those that match nothing, never come first, or leave everything as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.coded import CodedShocks, coded
from stresstest.scenarios.composition import Firsts, Reach, Shifts, first_shocks
from stresstest.scenarios.factors import FACTOR_TYPES, SHIFTS
from stresstest.scenarios.findings import Finding, FindingKind, Severity
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.prices import in_reporting_currency
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.scenarios.selectors import Mask, Places, Universe
from stresstest.scenarios.unmatched import unmatched
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]

_REPLACE = SHIFTS.index("replace")
_NEUTRAL = np.array([0.0, 0.0, 1.0, np.nan])
"""Values of the shifts, in the order of `SHIFTS`, that change nothing whatever they apply to."""

_ELEMENTS = {"vol": "option", "basis": "instrument", "holding": "asset and location", "margin_rate": "schedule or model"}


@dataclass(frozen=True)
class Base:
    """Base values of the elements of a factor type, f64[elements]: the range of an element that has several (bands of a haircut), NaN
    for none. `fixed`: elements that no shock changes, because nothing is computed from them."""

    low: Floats
    high: Floats
    fixed: Mask

    @classmethod
    def of(cls, values: Floats) -> Base:
        """Elements with one base value each."""
        return cls(values, values, np.zeros(len(values), dtype=np.bool_))


def shock_findings(scenarios: ScenarioSet, dimensions: Dimensions, names: MarginNames, bases: Mapping[str, Base]) -> Iterator[Finding]:
    """Shocks without effect on a book, type by type.

    - matches nothing: no factor of its name, or none passes its filter;
    - shadowed: every factor it matches is taken by an earlier shock of the same shift type in the scenario;
    - no effect: it leaves what it takes as it is, or a `replace` has the last word on all of it. A shock that changes nothing and keeps
      a later, more general one away from something has an effect.

    Args:
        scenarios: the set.
        dimensions: the book's dimension tables.
        names: what `margin_rate` can mean.
        bases: base values of the types whose values are not in the dimensions: `vol` (per option), `haircut` (per asset).
    """
    universe = Universe(dimensions, names, in_reporting_currency(dimensions, dimensions.assets["price"].to_numpy()[:, None])[:, 0])
    rows = coded(scenarios.shocks)
    for kind in FACTOR_TYPES:
        numbers, chosen = rows.of_kind(kind)
        if numbers:
            base = bases[kind] if kind in bases else _base_of(kind, universe)
            yield from _OfKind(kind, scenarios, universe, rows, numbers, chosen, base).findings()


def _base_of(kind: str, universe: Universe) -> Base:
    assets = universe.dimensions.assets
    if kind == "spot":
        # A price with a duration moves with its rate as well: replacing it by itself may undo that.
        price = assets["price"].to_numpy()
        return Base(price, np.where(assets["duration"].is_null(), price, np.inf), np.zeros(len(price), dtype=np.bool_))
    if kind in ("rate", "depth"):
        return Base.of(assets[kind].cast(pl.Float64).fill_null(float("nan")).to_numpy())
    return Base.of(np.full(universe.size(kind), 0.0 if kind == "basis" else 1.0))


@dataclass(frozen=True)
class _OfKind:
    """The shocks of one factor type: `chosen` are their rows in `rows`, `numbers` their selectors."""

    kind: str
    scenarios: ScenarioSet
    universe: Universe
    rows: CodedShocks
    numbers: list[int]
    chosen: Places
    base: Base

    @cached_property
    def reaches(self) -> list[Reach]:
        """The elements of each selector."""
        return [Reach(self.universe.elements(self.rows.selectors[number])) for number in self.numbers]

    @cached_property
    def shifts(self) -> Shifts:
        """The shocks, their selectors as places in `reaches`."""
        rows, chosen = self.rows, self.chosen
        local = np.searchsorted(self.numbers, rows.selector[chosen])
        return Shifts(local, rows.scenario[chosen], rows.shift[chosen], rows.value[chosen])

    @cached_property
    def firsts(self) -> Firsts:
        """Who comes first where."""
        return first_shocks(self.universe.size(self.kind), len(self.scenarios), self.reaches, self.shifts)

    def findings(self) -> Iterator[Finding]:
        """In the order of scenarios and shocks."""
        lengths = np.array([len(reach.elements) for reach in self.reaches])
        matched = lengths[self.shifts.selector] > 0
        won, live = self._won()
        idle = self._maybe_idle() & live
        left_out = self._on_reporting_currency()
        for row in np.flatnonzero(~live | idle | left_out).tolist():
            if left_out[row]:
                yield self._finding(row, "no effect", "left out: this is the reporting currency here, whose price is 1 by definition", "warning")
            elif not matched[row]:
                kind, message = unmatched(self.universe, self.rows.selectors[self.numbers[self.shifts.selector[row]]])
                yield self._finding(row, kind, message)
            elif not won[row]:
                yield self._finding(row, "shadowed", self._shadow(row))
            elif not live[row]:
                yield self._finding(row, "no effect", "a `replace` shock of the scenario has the last word on all that it moves")
            elif not self._moves(row):
                yield self._finding(row, "no effect", f"{self._shift(row)} {self.shifts.value[row]:g} leaves all that it takes as it is")

    def _finding(self, row: int, kind: FindingKind, message: str, severity: Severity | None = None) -> Finding:
        """A finding about a shock. In a scenario written for any book a shock without effect on this one is no cause for a warning."""
        number = int(self.shifts.scenario[row])
        scenario = self.scenarios.scenarios[number]
        selector = self.rows.selectors[self.numbers[self.shifts.selector[row]]]
        severity = severity or ("info" if scenario.any_book else "warning")
        where = selector.where and selector.where.canonical()
        return Finding(kind, severity, number, message, int(self.chosen[row]) - scenario.first, selector.factor, where)

    def _on_reporting_currency(self) -> Mask:
        """Shocks on the price of the reporting currency by name, which only scenarios written for any book may have."""
        if self.kind != "spot":
            return np.zeros(len(self.chosen), dtype=np.bool_)
        named = [list(reach.elements) == [self.universe.reporting] for reach in self.reaches]
        return np.array(named, dtype=np.bool_)[self.shifts.selector]

    def _shift(self, row: int) -> str:
        return SHIFTS[int(self.shifts.shift[row])]

    def _won(self) -> tuple[Mask, Mask]:
        """Shocks that come first somewhere, and those of them that no `replace` covers wherever they do."""
        won, live = (np.zeros(len(self.chosen) + 1, dtype=np.bool_) for _ in range(2))
        replaced = self.firsts.first[_REPLACE] >= 0 if _REPLACE in self.firsts.first else None
        for shift, first in self.firsts.first.items():
            won[first.ravel()] = True
            live[(first if replaced is None or shift == _REPLACE else np.where(replaced, -1, first)).ravel()] = True
        # The last place stood for -1, "none".
        return won[:-1], live[:-1]

    def _shadow(self, row: int) -> str:
        shift, scenario, selector = self.shifts.shift[row], int(self.shifts.scenario[row]), self.shifts.selector[row]
        number = len(self.reaches[selector].elements)
        takers = np.unique(self.firsts.first[int(shift)][self.firsts.members[selector], scenario])
        places = [str(int(self.chosen[taker]) - self.scenarios.scenarios[scenario].first + 1) for taker in takers]
        noun = _ELEMENTS.get(self.kind, "asset")
        what = f"the only {noun} it matches is" if number == 1 else f"all {number:,} {noun}s it matches are"
        return f"never counts: {what} taken by {self._shift(row)} shock{'' if len(places) == 1 else 's'} {', '.join(places)} before it"

    # ------------------------------------------------------------ shocks that change nothing

    def _maybe_idle(self) -> Mask:
        """Shocks that may leave an element as it is: worth a closer look."""
        weak = np.array([bool(self._still(reach.elements).any()) for reach in self.reaches])
        neutral = self.shifts.value == _NEUTRAL[self.shifts.shift]
        mask: Mask = neutral | weak[self.shifts.selector] | (self.shifts.shift == _REPLACE)
        return mask

    def _still(self, elements: Places) -> Mask:
        """Elements that a factor leaves as they are: at zero, without a base value, or fixed."""
        low, high = self.base.low[elements], self.base.high[elements]
        mask: Mask = np.isnan(low) | ((low == 0.0) & (high == 0.0)) | self.base.fixed[elements]
        return mask

    def _idle(self, row: int) -> Mask:
        """The elements of a shock that it leaves as they are."""
        elements, value = self.reaches[self.shifts.selector[row]].elements, self.shifts.value[row]
        low, high, fixed = self.base.low[elements], self.base.high[elements], self.base.fixed[elements]
        shift = self._shift(row)
        if shift == "replace":
            mask: Mask = ((low == value) & (high == value)) | fixed
        elif value == _NEUTRAL[SHIFTS.index(shift)]:
            mask = np.ones(len(elements), dtype=np.bool_)
        elif shift == "absolute":
            mask = np.isnan(low) | fixed
        else:
            mask = self._still(elements)
        return mask

    def _moves(self, row: int) -> bool:
        """Whether a shock that comes first somewhere changes anything there, itself or by keeping another away."""
        firsts, shift, scenario, selector = self.firsts, int(self.shifts.shift[row]), self.shifts.scenario[row], self.shifts.selector[row]
        taken = firsts.members[selector][firsts.first[shift][firsts.members[selector], scenario] == row]
        if (firsts.last[shift][taken, scenario] != row).any():
            return True
        others = [first[taken, scenario] for number, first in firsts.first.items() if number != shift]
        if shift == _REPLACE and any((other >= 0).any() for other in others):
            return True
        elements = self.reaches[selector].elements[~self._idle(row)]
        return bool(np.isin(firsts.group[elements], taken).any())
