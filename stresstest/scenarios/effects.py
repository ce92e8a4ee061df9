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

_ABSOLUTE, _SCALE, _REPLACE = (SHIFTS.index(shift) for shift in ("absolute", "scale", "replace"))
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


def unmatched_shocks(scenarios: ScenarioSet, dimensions: Dimensions, names: MarginNames) -> pl.DataFrame:
    """The shocks that match nothing in a book: `scenario_id`, and `ord`, the place among the shocks of the scenario, from 0."""
    price = dimensions.assets["price"].to_numpy()
    universe = Universe(dimensions, names, in_reporting_currency(dimensions, price[:, None])[:, 0])
    rows = coded(scenarios.shocks)
    empty = np.array([not len(universe.elements(selector)) for selector in rows.selectors], dtype=np.bool_)
    found = np.flatnonzero(empty[rows.selector]) if len(empty) else np.empty(0, dtype=np.int64)
    first = np.array([each.first for each in scenarios], dtype=np.int64)
    ids = np.array(scenarios.ids, dtype=np.object_)
    return pl.DataFrame(
        {"scenario_id": ids[rows.scenario[found]].tolist(), "ord": found - first[rows.scenario[found]]},
        schema={"scenario_id": pl.String, "ord": pl.Int32},
    )


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
    def unmatched(self) -> dict[int, tuple[FindingKind, str, str]]:
        """What is wrong with each selector, by place in `reaches`, that has no elements."""
        empty = [place for place, reach in enumerate(self.reaches) if not len(reach.elements)]
        return {place: unmatched(self.universe, self.rows.selectors[self.numbers[place]]) for place in empty}

    @cached_property
    def shifts(self) -> Shifts:
        """The shocks, their selectors as places in `reaches`."""
        return self.rows.shifts_of(self.chosen, np.searchsorted(self.numbers, self.rows.selector[self.chosen]))

    @cached_property
    def firsts(self) -> Firsts:
        """Who comes first where."""
        return first_shocks(self.universe.size(self.kind), len(self.scenarios), self.reaches, self.shifts)

    def findings(self) -> Iterator[Finding]:
        """In the order of scenarios and shocks."""
        lengths = np.array([len(reach.elements) for reach in self.reaches])
        matched = lengths[self.shifts.selector] > 0
        won, live = self._in(self.firsts.first), self._in(self.lasting)
        idle = self._maybe_idle() & live
        left_out = self._on_reporting_currency()
        for row in np.flatnonzero(~live | idle | left_out).tolist():
            if left_out[row]:
                yield self._finding(row, "no effect", "left out: this is the reporting currency here, whose price is 1 by definition", "warning")
            elif not matched[row]:
                kind, message, hint = self.unmatched[int(self.shifts.selector[row])]
                elsewhere = self.scenarios.scenarios[int(self.shifts.scenario[row])].any_book
                yield self._finding(row, kind, message if elsewhere or not hint else f"{message}. {hint}")
            elif not won[row]:
                yield self._finding(row, "shadowed", self._shadow(row))
            elif not live[row]:
                yield self._finding(row, "no effect", "a `replace` (or `scale: 0`) of the scenario has the last word on all that it moves")
            elif not self._moves(row):
                message = f"{self._shift(row)} {self.shifts.value[row]:g} leaves all that it takes as it is"
                yield self._finding(row, "no effect", message, "info" if self._in_passing(row) else None)

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

    def _in_passing(self, row: int) -> bool:
        """A shift of nothing that a generator made: grids and ladders go through zero, and on a weekend shares stand still."""
        generated = self.scenarios.scenarios[int(self.shifts.scenario[row])].generator is not None
        return generated and bool(self.shifts.value[row] == _NEUTRAL[self.shifts.shift[row]])

    def _shift(self, row: int) -> str:
        return SHIFTS[int(self.shifts.shift[row])]

    @cached_property
    def lasting(self) -> dict[int, Places]:
        """As `firsts.first`, without the shocks on which a `replace` or a `scale: 0` has the last word."""
        lasting: dict[int, Places] = {}
        covered: Mask | None = None
        # From the last step of the composition to the first.
        for shift in sorted(self.firsts.first, reverse=True):
            first = self.firsts.first[shift]
            lasting[shift] = first if covered is None else np.where(covered, -1, first)
            if shift in (_SCALE, _REPLACE):
                last_word = first >= 0 if shift == _REPLACE else (first >= 0) & (self.shifts.value[first] == 0.0)
                covered = last_word if covered is None else covered | last_word
        return lasting

    def _in(self, tables: dict[int, Places]) -> Mask:
        """The shocks that stand anywhere in tables of groups and scenarios."""
        found = np.zeros(len(self.chosen) + 1, dtype=np.bool_)
        for table in tables.values():
            found[table.ravel()] = True
        return found[:-1]  # the last place stood for -1, "none"

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
            nowhere = self.shifts.share is not None and self.shifts.share[row] == 0.0
            mask: Mask = ((low == value) & (high == value)) | fixed | nowhere
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
        taken = firsts.members[selector][self.lasting[shift][firsts.members[selector], scenario] == row]
        if (firsts.last[shift][taken, scenario] != row).any():
            return True
        others = {number: (first[taken, scenario] >= 0).any() for number, first in firsts.first.items() if number != shift}
        # It may undo what the others did; and what was zero need not be so when it is scaled.
        if (shift == _REPLACE and any(others.values())) or (shift == _SCALE and others.get(_ABSOLUTE, False) and self.shifts.value[row] != 1.0):
            return True
        elements = self.reaches[selector].elements[~self._idle(row)]
        return bool(np.isin(firsts.group[elements], taken).any())
