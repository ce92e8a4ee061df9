"""Scenarios against a book: what every risk factor is worth in every scenario (docs/methodology.md, section 2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.scenarios.coded import coded
from stresstest.scenarios.composition import Moves, Reach, compose
from stresstest.scenarios.factors import FACTOR_TYPES
from stresstest.scenarios.files import lines_of
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.notices import Notice, by_scenario
from stresstest.scenarios.prices import in_reporting_currency
from stresstest.scenarios.resolved import DepthMove, PricesApart, Resolved
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.scenarios.selectors import Places, Selector, Universe
from stresstest.scenarios.unmatched import unmatched
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]

_DAYS_A_YEAR = 365.0


def resolve(scenarios: ScenarioSet, dimensions: Dimensions, names: MarginNames) -> tuple[Resolved, tuple[Notice, ...]]:
    """Factor values of all scenarios, and what deserves notice.

    Per factor the first shock of each shift type counts; shifts compose as relative, absolute, scale, replace. Values
    out of their range are brought into it and counted; shocks that match nothing are noticed, not refused.

    Raises:
        StressTestError: reason SCENARIO with every scenario that takes the spot of an asset that may not be negative to
            zero or below, shocks the reporting currency, or names a margin rate that means two things.
    """
    return _Resolution(scenarios, dimensions, names).result()


class _Resolution:
    """One resolution: collects notices and faults on the way."""

    def __init__(self, scenarios: ScenarioSet, dimensions: Dimensions, names: MarginNames) -> None:
        self.scenarios = scenarios
        self.dimensions = dimensions
        self.base_price = dimensions.assets["price"].to_numpy()
        self.universe = Universe(dimensions, names, in_reporting_currency(dimensions, self.base_price[:, None])[:, 0])
        self.elapsed = np.array([each.elapsed_years for each in scenarios], dtype=np.float64)
        self.any_book = np.array([each.any_book for each in scenarios], dtype=np.bool_)
        self.elsewhere: list[tuple[str, Places]] = []
        self.rows = coded(scenarios.shocks)
        self.notices: list[Notice] = []
        self.faults: list[tuple[int, Fault]] = []

    def result(self) -> tuple[Resolved, tuple[Notice, ...]]:
        """Everything resolved, or every fault raised."""
        # Overflow of a finite shock is reported as a fault with its scenario, not as a warning.
        with np.errstate(over="ignore", invalid="ignore"):
            resolved = self._resolved()
        if self.faults:
            self._raise()
        self._notice_elsewhere()
        return resolved, tuple(self.notices)

    def _resolved(self) -> Resolved:
        assets, count = self.dimensions.assets, len(self.scenarios)
        base_rate = assets["rate"].to_numpy()
        rate = self._moved("rate", base_rate, bounded=False)
        spot, apart = self._spot(self._with_duration(rate - base_rate[:, None]))
        vol, haircut = self._moves("vol"), self._moves("haircut")
        basis, depth = self._moves("basis"), self._moves("depth")
        options = len(self.universe.option_codes)
        return Resolved(
            ids=self.scenarios.ids,
            spot=spot,
            value=in_reporting_currency(self.dimensions, spot),
            rate=rate,
            basis=np.zeros((self.dimensions.instruments.height, count)) if basis is None else basis.shift[basis.group],
            option_codes=self.universe.option_codes,
            vol_scale=np.ones((options, count)) if vol is None else vol.scale[vol.group],
            vol_shift=np.zeros((options, count)) if vol is None else vol.shift[vol.group],
            collateral_ratio=self._moved("collateral", np.ones(assets.height)),
            haircut_scale=np.ones((assets.height, count)) if haircut is None else haircut.scale[haircut.group],
            haircut_shift=np.zeros((assets.height, count)) if haircut is None else haircut.shift[haircut.group],
            holding_rows=self._holding_rows(),
            margin_rate=self._margin_rate(),
            depth=self._depth(depth),
            depth_moves={}
            if depth is None
            else {int(code): DepthMove(depth.scale[depth.group[code]], depth.shift[depth.group[code]]) for code in np.flatnonzero(depth.touched)},
            elapsed_years=self.elapsed,
            apart=apart,
        )

    # ------------------------------------------------------------ moves of a factor type

    def _moves(self, kind: str) -> Moves | None:
        """The moves of a factor type; None if no shock is of that type."""
        numbers, chosen = self.rows.of_kind(kind)
        if not numbers:
            return None
        scenario, selector = self.rows.scenario[chosen], self.rows.selector[chosen]
        reaches: list[Reach] = []
        place = np.full(len(self.rows.selectors), -1, dtype=np.int64)
        local = np.empty(len(chosen), dtype=np.int64)
        for number in numbers:
            each = self.rows.selectors[number]
            elements = self.universe.elements(each)
            if not len(elements):
                self._notice_no_match(each, scenario[selector == number])
            place[number] = len(reaches)
            if each.annualised:
                # The time to expiry, hence the size, differs between scenarios in which time passes.
                mine = np.flatnonzero(selector == number)
                for elapsed in np.unique(self.elapsed[scenario[mine]]):
                    local[mine[self.elapsed[scenario[mine]] == elapsed]] = len(reaches)
                    reaches.append(Reach(elements, self._years(elements, float(elapsed))))
                place[number] = -1
            else:
                reaches.append(Reach(elements, self._term_sizes(each, elements)))
        plain = place[selector] >= 0
        local[plain] = place[selector[plain]]
        return compose(self.universe.size(kind), len(self.scenarios), reaches, self.rows.shifts_of(chosen, local))

    def _moved(self, kind: str, base: Floats, *, bounded: bool = True) -> Floats:
        """Stressed values of a factor type with one base value per asset."""
        moves = self._moves(kind)
        if moves is None:
            return np.repeat(base[:, None], len(self.scenarios), axis=1)
        moved = moves.of_base(base)
        self._check_finite(kind, moved)
        return self._clamped(kind, moved) if bounded else moved

    def _years(self, elements: Places, elapsed: float) -> Floats:
        """Time to expiry by which an annualised basis is multiplied; 1 for what does not expire."""
        years = self.universe.days[elements] / _DAYS_A_YEAR
        return np.where(np.isnan(years), 1.0, np.maximum(years - elapsed, 0.0))

    def _term_sizes(self, selector: Selector, elements: Places) -> Floats | None:
        """(reference_days / max(days, min_days)) ** p per option; None without a term."""
        term = selector.term
        if term is None:
            return None
        return term.sizes(self.universe.days[self.universe.option_codes[elements]])

    # ------------------------------------------------------------ factor types with rules of their own

    def _with_duration(self, change: Floats) -> Floats:
        """Prices moved by their own rates: price * (1 - D*dr + C*dr^2/2) for assets with a duration."""
        price = np.repeat(self.base_price[:, None], change.shape[1], axis=1)
        assets = self.dimensions.assets
        duration = assets["duration"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        convexity = assets["convexity"].cast(pl.Float64).fill_null(0.0).to_numpy()
        moving = np.flatnonzero(~np.isnan(duration) & (change != 0.0).any(axis=1))
        moves = change[moving]
        price[moving] *= 1.0 - duration[moving, None] * moves + convexity[moving, None] * moves * moves / 2.0
        return price

    def _spot(self, price: Floats) -> tuple[Floats, PricesApart | None]:
        """Prices with everything that moves them; what rates and spot shocks each make of them, where rates move any."""
        moves = self._moves("spot")
        spot = price if moves is None else moves.of_base(price)
        if moves is not None and moves.touched[self.universe.reporting]:
            # `*` leaves it out, so it was named, as the factor or in a filter.
            currency = self.dimensions.reporting_currency
            spots = [number for number, each in enumerate(self.rows.selectors) if each.kind == "spot"]
            named = [number for number in spots if self.universe.reporting in self.universe.elements(self.rows.selectors[number])]
            shocked = np.unique(self.rows.scenario[np.isin(self.rows.selector, named)])
            for scenario in shocked[~self.any_book[shocked]]:
                hint = "Shock the prices of the other assets instead."
                self.faults.append((int(scenario), Fault(f"shocks {currency}, the reporting currency, whose price is 1 by definition", hint)))
            self._notice_reporting(shocked[self.any_book[shocked]])
            spot[self.universe.reporting] = price[self.universe.reporting]
        self._check_finite("spot", spot)
        positive = ~self.dimensions.assets["may_be_negative"].to_numpy()
        bad = (spot <= 0.0) & positive[:, None]
        names = self.dimensions.assets["asset"]
        for scenario in np.flatnonzero(bad.any(axis=0)):
            codes = np.flatnonzero(bad[:, scenario])
            more = f" (and {len(codes) - 1:,} more)" if len(codes) > 1 else ""
            what = f"the price of {names[int(codes[0])]} would be {spot[codes[0], scenario]:.6g}{more}"
            hint = "Only assets with `may_be_negative` can have a price of zero or below: set it, or make the shock smaller."
            self.faults.append((int(scenario), Fault(what, hint)))
        if (price == self.base_price[:, None]).all():
            return spot, None
        unmoved = np.repeat(self.base_price[:, None], len(self.scenarios), axis=1)
        alone = unmoved if moves is None else moves.of_base(unmoved)
        alone[self.universe.reporting] = price[self.universe.reporting]
        # An absolute shock may be more than the base price and less than the price that rates have raised.
        return spot, PricesApart(of_rates=price, of_spots=np.where((alone <= 0.0) & positive[:, None], spot, alone))

    def _holding_rows(self) -> dict[tuple[int, int], Floats]:
        moves = self._moves("holding")
        if moves is None:
            return {}
        # Pairs of one group share one array: there are as many arrays as different treatments.
        shares = self._clamped("holding", moves.scale + moves.shift, moves.group)
        width = self.universe.locations
        return {(int(pair) // width, int(pair) % width - 1): shares[moves.group[pair]] for pair in np.flatnonzero(moves.touched)}

    def _margin_rate(self) -> dict[str, Floats]:
        moves = self._moves("margin_rate")
        if moves is None:
            return {}
        rates = self._clamped("margin_rate", moves.scale + moves.shift, moves.group)
        touched = [number for number in range(len(self.universe.margin_names)) if moves.touched[number]]
        models = {*self.universe.names.tiered_models, *self.universe.names.other_models}
        for number in touched:
            name = self.universe.margin_names[number]
            if name in models and name in self.universe.names.schedules:
                moved = np.flatnonzero(rates[moves.group[number]] != 1.0)
                what = f"`margin_rate:{name}` means a margin schedule and a model, and the requirement would be multiplied twice"
                self.faults += [(int(moved[0]), Fault(what, "Rename one of the two in the margin file."))] if len(moved) else []
        return {self.universe.margin_names[number]: rates[moves.group[number]] for number in touched}

    def _depth(self, moves: Moves | None) -> dict[int, Floats]:
        if moves is None:
            return {}
        base = self.dimensions.assets["depth"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        scale, shift = moves.scale[moves.group], moves.shift[moves.group]
        # An asset without a depth has one only where it is replaced; elsewhere NaN says that there is none.
        depth = self._clamped("depth", np.where(scale == 0.0, shift, base[:, None] * scale + shift))
        return {int(code): depth[code] for code in np.flatnonzero(moves.touched)}

    # ------------------------------------------------------------ findings

    def _clamped(self, kind: str, values: Floats, group: Places | None = None) -> Floats:
        """Values brought into the range of their factor type, counted; `group`: the rows are groups, counted with all their elements."""
        limits = FACTOR_TYPES[kind]
        inside = np.clip(values, limits.lowest, limits.highest)
        outside = (inside != values) & ~np.isnan(values)
        if outside.any():
            first = int(np.flatnonzero(outside.any(axis=0))[0])
            ends = f"at least {limits.lowest:g}" if limits.highest is None else f"between {limits.lowest:g} and {limits.highest:g}"
            elements = np.ones(len(values), dtype=np.int64) if group is None else np.bincount(group, minlength=len(values))
            counts = np.asarray(elements) @ outside
            number = int(counts.sum())
            message = f"{counted(number, f'stressed {kind} value')} brought to {ends}"
            self.notices.append(Notice("clamped", self.scenarios.ids[first], kind, message, number, by_scenario(counts)))
        return inside

    def _check_finite(self, kind: str, values: Floats) -> None:
        for scenario in np.flatnonzero(~np.isfinite(values).all(axis=0)):
            self.faults.append((int(scenario), Fault(f"a {kind} factor leaves the range of numbers", "Make the shocks smaller.")))

    def _notice_no_match(self, selector: Selector, scenario: Places) -> None:
        elsewhere = self.any_book[scenario]
        if elsewhere.any():
            self.elsewhere.append((selector.factor, scenario[elsewhere]))
            scenario = scenario[~elsewhere]
        if not len(scenario):
            return
        kind, message, hint = unmatched(self.universe, selector)
        message = f"{message}. {hint}" if hint else message
        self.notices.append(Notice(kind, self.scenarios.ids[int(scenario[0])], selector.factor, message, len(scenario)))

    def _notice_elsewhere(self) -> None:
        """One notice for all shocks of scenarios written for any book that match nothing in this one."""
        if not self.elsewhere:
            return
        scenarios = np.concatenate([scenario for _, scenario in self.elsewhere])
        number, several, first = len(scenarios), len(np.unique(scenarios)), self.scenarios.ids[int(scenarios.min())]
        shocks = f"{counted(number, 'shock')} of {counted(several, 'scenario')}"
        message = f"{shocks} written for any book match{'es' if number == 1 else ''} nothing in this one"
        self.notices.append(Notice("not in this book", first, self.elsewhere[0][0], message, number))

    def _notice_reporting(self, scenarios: Places) -> None:
        """Scenarios written for any book that shock what is the reporting currency here: that shock is left out, which needs a look."""
        if not len(scenarios):
            return
        currency, number = self.dimensions.reporting_currency, len(scenarios)
        message = (
            f"{counted(number, 'scenario')} written for any book would shock {currency}, which is the reporting currency here: "
            f"that shock is left out, and other currencies still move by what they did against the dollar"
        )
        self.notices.append(Notice("reporting currency", self.scenarios.ids[int(scenarios[0])], f"spot:{currency}", message, number))

    def _raise(self) -> None:
        self.faults.sort(key=lambda each: each[0])
        scenarios = [self.scenarios.scenarios[number] for number, _ in self.faults]
        faults = [
            Fault(f"scenario `{scenario.id}`: {fault.what}", fault.hint, file=scenario.file, line=line)
            for scenario, line, (_, fault) in zip(scenarios, lines_of(scenarios), self.faults, strict=True)
        ]
        number = len({each.id for each in scenarios})
        raise StressTestError(Reason.SCENARIO, f"{counted(number, 'scenario')} cannot be applied to this snapshot", faults)
