"""What each factor does to the value of an instrument or to the price of an asset: the mean of two orders of switching factors over.

Factors go from base to scenario one after the other, in one order and in the reverse one; what a factor does is the mean of its two steps. So the
effects add up to the whole change, and no order is preferred (docs/methodology.md, section 11).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.states import value_states
from stresstest.valuation.terms import instrument_terms
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]
Flags = npt.NDArray[np.bool_]

FACTORS = ("price", "vol", "rate", "basis", "time", "fx")
"""What moves the value of a position, in the first of the two orders."""


class Effects(NamedTuple):
    """One row per case (an instrument or asset in a scenario) and factor that moves it: `case` and the asset that the factor is of.

    `forward`, `reverse` f64[rows, values]: its step in the two orders, of every value of the case; `kind` is a place in `FACTORS`.
    """

    case: Codes
    kind: Codes
    asset: Codes
    forward: Floats
    reverse: Floats

    @property
    def mean(self) -> Floats:
        """The effect of every factor, f64[rows, values]."""
        return (self.forward + self.reverse) / 2.0


class _Factor(NamedTuple):
    """A factor of all cases, [cases] each: the asset it is of, and whether it moves."""

    kind: str
    asset: Codes
    moved: Flags


@dataclass(frozen=True)
class _Cases:
    """Things to be valued in scenarios, [cases] each.

    `own`: the asset whose spot is the price of the case; `links` [cases, W]: all assets that it meets, along the chains of price currencies,
    nearest the reporting currency first, -1 where there are fewer; `scenario`: by position.
    """

    own: Codes
    links: Codes
    scenario: Codes

    @property
    def count(self) -> int:
        return len(self.own)


def chains_of(dimensions: Dimensions) -> list[tuple[int, ...]]:
    """Per asset the assets whose prices multiply to X: the one nearest the reporting currency first, itself last; none of the reporting currency."""
    code_of = {asset: code for code, asset in enumerate(dimensions.assets["asset"])}
    parent = [code_of[currency] for currency in dimensions.assets["price_currency"]]
    root = code_of[dimensions.reporting_currency]
    chains: list[tuple[int, ...]] = []
    for code in range(len(parent)):
        chain: list[int] = []
        link = code
        while link != root:
            chain.append(link)
            link = parent[link]
        chains.append(tuple(reversed(chain)))
    return chains


class FactorEffects:
    """The effects of factors on the instruments and assets of a book, in any of its scenarios."""

    def __init__(self, dimensions: Dimensions, resolved: Resolved, units: UnitValues) -> None:
        self._dimensions, self._resolved, self._units = dimensions, resolved, units
        self._chains = chains_of(dimensions)
        self._terms = instrument_terms(dimensions, resolved) if units.terms is None else units.terms
        self._settle = dimensions.instruments["settle_code"].to_numpy()
        self._dated = ~dimensions.assets["duration"].is_null().to_numpy()

    def of_prices(self, asset: Codes, scenario: Codes) -> Effects:
        """On X of assets in scenarios (by position), case by case: `price` is the asset's own, `fx` those of its price currencies."""
        cases = _Cases(asset, self._linked([(code,) for code in asset.tolist()], asset), scenario)
        factors = [self._price(cases), *self._rates(cases, np.full(len(asset), -1)), *self._currencies(cases)]

        def value(case: Codes, on: list[Flags]) -> Floats:
            switched = _Switched(self, cases, factors, case, on)
            return switched.worth(self._members(cases.links[case], asset[case]))[:, None]

        value_of = self._resolved.value
        return _effects(cases.count, factors, value, value_of[asset, 0][:, None], value_of[asset, scenario][:, None])

    def of_instruments(self, instrument: Codes, scenario: Codes) -> Effects:
        """On what one contract is worth, case by case: values are the slopes of quantity and of cost, and X of the settle asset."""
        terms, resolved, units = self._terms, self._resolved, self._units
        roles = {name: terms[f"{name}_code"].to_numpy()[instrument] for name in ("underlying", "quote", "money", "rate")}
        settle, option = self._settle[instrument], terms["option"].to_numpy()[instrument]
        own = roles["underlying"]
        met = list(zip(own.tolist(), roles["quote"].tolist(), roles["money"].tolist(), settle.tolist(), strict=True))
        cases = _Cases(own, self._linked(met, own), scenario)
        # What is no option has no vol: any will do, for nothing reads it.
        codes = resolved.option_codes
        vol = np.searchsorted(codes, instrument).clip(max=max(len(codes) - 1, 0))
        scale, shift = (
            np.where(option, table[vol, scenario], neutral) if len(codes) else np.full(cases.count, neutral)
            for table, neutral in ((resolved.vol_scale, 1.0), (resolved.vol_shift, 0.0))
        )
        basis, elapsed = resolved.basis[instrument, scenario], resolved.elapsed_years[scenario]
        factors = [
            self._price(cases),
            _Factor("vol", own, option & ((scale != 1.0) | (shift != 0.0))),
            *self._rates(cases, np.where(option, roles["rate"], -1)),
            _Factor("basis", own, basis != 0.0),
            _Factor("time", own, option & (elapsed != 0.0)),
            *self._currencies(cases),
        ]
        kinds = [factor.kind for factor in factors]
        at_vol, at_rate, at_basis, at_time = (kinds.index(kind) for kind in ("vol", "rate", "basis", "time"))

        def value(case: Codes, on: list[Flags]) -> Floats:
            switched = _Switched(self, cases, factors, case, on)
            links, code, there = cases.links[case], instrument[case], scenario[case]
            rate = roles["rate"][case]
            states = {
                "underlying_price": switched.price(own[case]),
                **{f"{name}_value": switched.worth(self._members(links, roles[name][case])) for name in ("underlying", "quote", "money")},
                "basis": np.where(on[at_basis], basis[case], 0.0),
                "rate": np.where(on[at_rate], resolved.rate[rate, there], resolved.rate[rate, 0]),
                "elapsed_years": np.where(on[at_time], elapsed[case], 0.0),
                "vol_scale": np.where(on[at_vol], scale[case], 1.0),
                "vol_shift": np.where(on[at_vol], shift[case], 0.0),
            }
            valued = value_states(terms[code].with_columns(pl.Series(name, column, dtype=pl.Float64) for name, column in states.items()))
            settled = switched.worth(self._members(links, settle[case]))
            return np.stack([valued["value_slope"].to_numpy(), valued["cost_slope"].to_numpy(), settled], axis=1)

        def ends(at: Codes) -> Floats:
            return np.stack([units.value_slope[instrument, at], units.cost_slope[instrument, at], resolved.value[settle, at]], axis=1)

        return _effects(cases.count, factors, value, ends(np.zeros_like(scenario)), ends(scenario))

    # ------------------------------------------------------------ assets that a case meets

    def _linked(self, met: Sequence[tuple[int, ...]], own: Codes) -> Codes:
        """The links of every case, from the assets that it meets."""
        of: dict[tuple[int, ...], list[int]] = {}
        for assets in met:
            if assets not in of:
                depths = {link: depth for asset in assets for depth, link in enumerate(self._chains[asset])}
                of[assets] = sorted(depths, key=lambda link: (depths[link], link))
        width = max((len(links) for links in of.values()), default=0)
        table = np.full((len(own), width), -1, dtype=np.int64)
        for row, assets in enumerate(met):
            table[row, : len(of[assets])] = of[assets]
        return table

    def _members(self, links: Codes, asset: Codes) -> Flags:
        """Which of the links make up X of an asset, row by row."""
        chain, inverse = np.unique(asset, return_inverse=True)
        inside = np.zeros((len(chain), self._dimensions.assets.height + 1), dtype=np.bool_)
        for row, code in enumerate(chain.tolist()):
            inside[row, list(self._chains[code])] = True
        return inside[inverse[:, None], links]

    # ------------------------------------------------------------ factors of cases

    def prices(self, asset: Codes, scenario: Codes, shocked: Flags, rated: Flags) -> Floats:
        """Prices of assets with the spot shocks and the rates of a scenario, or without."""
        resolved = self._resolved
        base, both = resolved.spot[asset, 0], resolved.spot[asset, scenario]
        if resolved.apart is None:
            return np.where(shocked, both, base)
        of_spots, of_rates = resolved.apart.of_spots[asset, scenario], resolved.apart.of_rates[asset, scenario]
        return np.where(shocked, np.where(rated, both, of_spots), np.where(rated, of_rates, base))

    def _shocked(self, asset: Codes, scenario: Codes) -> Flags:
        """Whether spot shocks move the price of an asset; -1 is none."""
        there = self._resolved.spot if self._resolved.apart is None else self._resolved.apart.of_spots
        return np.asarray((asset >= 0) & (there[asset, scenario] != self._resolved.spot[asset, 0]))

    def _price(self, cases: _Cases) -> _Factor:
        return _Factor("price", cases.own, self._shocked(cases.own, cases.scenario))

    def _currencies(self, cases: _Cases) -> list[_Factor]:
        columns = (cases.links[:, place] for place in range(cases.links.shape[1]))
        return [_Factor("fx", links, (links != cases.own) & self._shocked(links, cases.scenario)) for links in columns]

    def _rates(self, cases: _Cases, discounting: Codes) -> list[_Factor]:
        """The rate that discounts (-1 = none) and may move that asset's price too, then those that move prices alone."""
        rate = self._resolved.rate

        def moved(asset: Codes) -> Flags:
            return np.asarray((asset >= 0) & (rate[asset, cases.scenario] != rate[asset, 0]))

        found = [_Factor("rate", discounting, moved(discounting))]
        if self._resolved.apart is not None:
            for place in range(cases.links.shape[1]):
                links = cases.links[:, place]
                found.append(_Factor("rate", links, (links != discounting) & self._dated[links] & moved(links)))
        return found


class _Switched:
    """Cases with some of their factors at the scenario: prices of their links."""

    def __init__(self, effects: FactorEffects, cases: _Cases, factors: Sequence[_Factor], case: Codes, on: Sequence[Flags]) -> None:
        self._links = cases.links[case]
        scenario, own = cases.scenario[case], cases.own[case]
        none = np.zeros(len(case), dtype=np.bool_)
        self._prices = np.ones(self._links.shape)
        for place in range(self._links.shape[1]):
            links = self._links[:, place]
            shocked, rated = none.copy(), none.copy()
            for factor, switched in zip(factors, on, strict=True):
                of_link = switched & (factor.asset[case] == links)
                if factor.kind == "rate":
                    rated |= of_link
                elif factor.kind == "fx":
                    shocked |= of_link
                elif factor.kind == "price":
                    shocked |= switched & (links == own)
            self._prices[:, place] = np.where(links >= 0, effects.prices(links, scenario, shocked, rated), 1.0)

    def price(self, asset: Codes) -> Floats:
        """The price of one link of every case; 1 of the reporting currency."""
        found = self._links == asset[:, None]
        place = found.argmax(axis=1) if found.shape[1] else np.zeros(len(asset), dtype=np.int64)
        rows = np.arange(len(asset))
        return np.where(found.any(axis=1), self._prices[rows, place], 1.0) if found.shape[1] else np.ones(len(asset))

    def worth(self, members: Flags) -> Floats:
        """The product of the prices of some links, multiplied in the order in which X is."""
        product = np.ones(len(self._links))
        for place in range(self._links.shape[1]):
            product = np.where(members[:, place], self._prices[:, place] * product, product)
        return product


def _effects(count: int, factors: Sequence[_Factor], value: Callable[[Codes, list[Flags]], Floats], base: Floats, there: Floats) -> Effects:
    """The steps of every factor in both orders.

    Args:
        count: number of cases.
        factors: in the first order.
        value: f64[rows, values] of cases (row by row) with some factors switched over: per factor whether.
        base: f64[cases, values] with none switched over.
        there: the same with all.
    """
    bits = [np.where(factor.moved, np.int64(1) << number, 0) for number, factor in enumerate(factors)]
    forward = np.cumsum([np.zeros(count, dtype=np.int64), *bits], axis=0)
    full = forward[-1]
    # Orders visit [factors + 1, cases] sets of switched factors: the first ones, and the last ones.
    visited = np.stack([forward, full - forward])
    known = (visited == 0) | (visited == full)
    sets, inverse = np.unique(np.stack([np.broadcast_to(np.arange(count), visited.shape), visited])[:, ~known], axis=1, return_inverse=True)
    case, mask = sets
    values = np.where((visited == full)[..., None], there, base)
    if len(case):
        values[~known] = value(case, [(mask >> number & 1).astype(np.bool_) for number in range(len(factors))])[inverse.ravel()]
    # A state without a value may be infinite: see below.
    with np.errstate(invalid="ignore"):
        ahead, behind = np.diff(values[0], axis=0), -np.diff(values[1], axis=0)
    moved = np.stack([factor.moved for factor in factors])
    _without_mixed(ahead, behind, moved, there - base)
    place, rows = np.nonzero(moved)
    return Effects(
        rows,
        np.array([FACTORS.index(factor.kind) for factor in factors])[place],
        np.stack([factor.asset for factor in factors])[place, rows],
        ahead[place, rows],
        behind[place, rows],
    )


def _without_mixed(ahead: Floats, behind: Floats, moved: Flags, whole: Floats) -> None:
    """Where a state between has no value (a mark of zero that is divided by), the first factor that moves has the whole change."""
    lost = np.flatnonzero(~(np.isfinite(ahead) & np.isfinite(behind)).all(axis=(0, 2)))
    first = moved.argmax(axis=0)[lost]
    for steps in (ahead, behind):
        steps[:, lost] = 0.0
        steps[first, lost] = whole[lost]
