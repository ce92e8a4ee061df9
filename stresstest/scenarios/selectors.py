"""Which factors a shock means: its name or `*`, and its filters, as masks over the book's dimensions."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.factors import split_factor
from stresstest.scenarios.model import Term, Where
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.option_terms import SECONDS_A_DAY, log_moneyness, seconds_to_expiry
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Selector:
    """What shocks select by: one distinct combination of factor, filter, annualising and term."""

    factor: str
    where: Where | None
    annualised: bool
    term: Term | None

    @classmethod
    def of_row(cls, row: dict[str, Any]) -> Selector:
        """The selector of a row of a shock table; columns left out hold nothing."""
        where = Where.model_validate(json.loads(row["where"])) if row.get("where") else None
        term = Term.model_validate(json.loads(row["term"])) if row.get("term") else None
        return cls(row["factor"], where, row["annualised"], term)

    @property
    def kind(self) -> str:
        """The factor type."""
        return split_factor(self.factor)[0]

    @property
    def name(self) -> str:
        """The factor's name, or `*`."""
        return split_factor(self.factor)[1]


class Universe:
    """The factors of a book, type by type, and which of them pass a filter. Masks are computed once.

    Elements of a type: assets (`spot`, `rate`, `collateral`, `haircut`, `depth`), options (`vol`), instruments (`basis`),
    pairs of asset and location with "no location" first (`holding`), names (`margin_rate`).
    """

    def __init__(self, dimensions: Dimensions, names: MarginNames, base_value: Floats) -> None:
        self.dimensions = dimensions
        self.names = names
        self._base_value = base_value
        self._masks: dict[tuple[str, str], Mask] = {}

    @cached_property
    def _asset_code(self) -> dict[str, int]:
        return {asset: code for code, asset in enumerate(self.dimensions.assets["asset"])}

    @cached_property
    def _instrument_code(self) -> dict[str, int]:
        return {instrument: code for code, instrument in enumerate(self.dimensions.instruments["instrument_id"])}

    @cached_property
    def _underlying(self) -> Places:
        return self.dimensions.instruments["underlying_code"].to_numpy().astype(np.int64)

    @cached_property
    def option_codes(self) -> npt.NDArray[np.int32]:
        """Instrument codes of the options, ascending."""
        return np.flatnonzero((self.dimensions.instruments["kind"] == "option").to_numpy()).astype(np.int32)

    @cached_property
    def margin_names(self) -> tuple[str, ...]:
        """Names that a `margin_rate` shock can mean, each once."""
        return tuple(dict.fromkeys((*self.names.schedules, *self.names.tiered_models, *self.names.other_models)))

    @cached_property
    def days(self) -> Floats:
        """Days to expiry at base per instrument, NaN without."""
        return seconds_to_expiry(self.dimensions) / SECONDS_A_DAY

    @cached_property
    def _log_moneyness(self) -> Floats:
        return log_moneyness(self.dimensions, self._base_value)

    @cached_property
    def reporting(self) -> int:
        """Code of the reporting currency."""
        return self._asset_code[self.dimensions.reporting_currency]

    @cached_property
    def _steady(self) -> Mask:
        """Assets that `spot:*` leaves alone: cash and stablecoins."""
        assets = self.dimensions.assets
        return (assets["asset_class"].cast(pl.String) == "cash").fill_null(value=False).to_numpy() | self._tagged(("stablecoin",))

    def size(self, kind: str) -> int:
        """Number of elements of a factor type."""
        if kind == "holding":
            return self.dimensions.assets.height * self.locations
        if kind == "vol":
            return len(self.option_codes)
        if kind == "basis":
            return self.dimensions.instruments.height
        return len(self.margin_names) if kind == "margin_rate" else self.dimensions.assets.height

    @property
    def locations(self) -> int:
        """Number of locations, "none" included."""
        return self.dimensions.locations.height + 1

    def knows(self, selector: Selector) -> bool:
        """Whether there is a factor of that name at all."""
        if selector.name == "*":
            return True
        if selector.kind == "basis":
            return selector.name in self._instrument_code
        return selector.name in (self.margin_names if selector.kind == "margin_rate" else self._asset_code)

    def elements(self, selector: Selector) -> Places:
        """The elements that a selector means, ascending."""
        if not self.knows(selector):
            return np.empty(0, dtype=np.int64)
        kind = selector.kind
        if kind == "margin_rate":
            return self._margin_elements(selector.name)
        if kind in ("vol", "basis"):
            return self._instrument_elements(selector)
        if selector.name == "*":
            chosen = self._starred(selector)
        elif selector.where is None and kind != "holding":
            return np.array([self._asset_code[selector.name]], dtype=np.int64)
        else:
            chosen = np.zeros(self.dimensions.assets.height, dtype=np.bool_)
            chosen[self._asset_code[selector.name]] = True
        chosen = chosen & self.assets_passing(selector.where)
        if kind != "holding":
            return np.flatnonzero(chosen)
        return np.flatnonzero((chosen[:, None] & self._locations_passing(selector.where)[None, :]).ravel())

    def _margin_elements(self, name: str) -> Places:
        # `*` leaves tiered models out: their requirement comes from schedules, which it multiplies already.
        meant = {*self.names.schedules, *self.names.other_models} if name == "*" else {name}
        return np.array([number for number, each in enumerate(self.margin_names) if each in meant], dtype=np.int64)

    def _instrument_elements(self, selector: Selector) -> Places:
        chosen = self.instruments_passing(selector.where)
        if selector.kind == "basis":
            if selector.name != "*":
                named = np.zeros(len(chosen), dtype=np.bool_)
                named[self._instrument_code[selector.name]] = True
                chosen = chosen & named
            return np.flatnonzero(chosen)
        if selector.name != "*":
            chosen = chosen & (self._underlying == self._asset_code[selector.name])
        return np.flatnonzero(chosen[self.option_codes])

    def _starred(self, selector: Selector) -> Mask:
        chosen = np.ones(self.dimensions.assets.height, dtype=np.bool_)
        where = selector.where
        named = where is not None and where.asset is not None and self.dimensions.reporting_currency in where.asset
        if selector.kind in ("spot", "collateral", "haircut") and not named:
            chosen[self.reporting] = False
        if selector.kind == "spot" and (where is None or (where.asset is None and where.asset_class is None and where.tags is None)):
            chosen &= ~self._steady
        return chosen

    # ------------------------------------------------------------ filters

    def _cached(self, about: str, where: Where, mask: Mask) -> Mask:
        return self._masks.setdefault((about, where.canonical() or ""), mask)

    def assets_passing(self, where: Where | None) -> Mask:
        """The assets that pass a filter, by code; `risk_group` is that of instruments on them, what only instruments have is not asked."""
        assets = self.dimensions.assets
        everything = np.ones(assets.height, dtype=np.bool_)
        if where is None:
            return everything
        known = self._masks.get(("asset", where.canonical() or ""))
        if known is not None:
            return known
        mask = everything & self._asset_terms(where)
        if where.risk_group is not None:
            followed = np.zeros(assets.height, dtype=np.bool_)
            followed[self._underlying[_among(self.dimensions.instruments["risk_group"], where.risk_group)]] = True
            mask &= followed
        return self._cached("asset", where, mask)

    def _asset_terms(self, where: Where) -> Mask:
        """Name, class, tags and whether it may be negative, which instruments take from their underlying."""
        mask = np.ones(self.dimensions.assets.height, dtype=np.bool_)
        if where.asset is not None:
            mask &= _among(self.dimensions.assets["asset"], where.asset)
        if where.not_asset is not None:
            mask &= ~_among(self.dimensions.assets["asset"], where.not_asset)
        if where.may_be_negative is not None:
            mask &= self.dimensions.assets["may_be_negative"].to_numpy() == where.may_be_negative
        if where.asset_class is not None:
            mask &= _among(self.dimensions.assets["asset_class"], where.asset_class)
        if where.tags is not None:
            mask &= self._tagged(where.tags)
        if where.not_tags is not None:
            mask &= ~self._tagged(where.not_tags)
        return mask

    def _tagged(self, tags: tuple[str, ...]) -> Mask:
        column = self.dimensions.assets["tags"]
        mask = np.zeros(len(column), dtype=np.bool_)
        for tag in tags:
            mask |= column.list.contains(tag).fill_null(value=False).to_numpy()
        return mask

    def _locations_passing(self, where: Where | None) -> Mask:
        if where is None or where.location is None:
            return np.ones(self.locations, dtype=np.bool_)
        return np.concatenate([[False], _like(self.dimensions.locations["location"], where.location)])

    def instruments_passing(self, where: Where | None) -> Mask:
        """bool[instruments]: which instruments pass a filter; all of them without one. Names, class and tags are those of the underlying."""
        instruments = self.dimensions.instruments
        if where is None:
            return np.ones(instruments.height, dtype=np.bool_)
        known = self._masks.get(("instrument", where.canonical() or ""))
        if known is not None:
            return known
        mask = self._asset_terms(where)[self._underlying]
        for column in ("kind", "option_type", "risk_group"):
            words = getattr(where, column)
            if words is not None:
                mask &= _among(instruments[column], words)
        if where.tenor_days is not None:
            mask &= _within(self.days, where.tenor_days)
        if where.log_moneyness is not None:
            mask &= _within(self._log_moneyness, where.log_moneyness)
        return self._cached("instrument", where, mask)


def _among(column: pl.Series, words: tuple[str, ...]) -> Mask:
    return column.cast(pl.String).is_in(words).fill_null(value=False).to_numpy()


def _like(column: pl.Series, words: tuple[str, ...]) -> Mask:
    """As `_among`, and `*` in a word stands for any text."""
    patterns = [re.compile(".*".join(map(re.escape, word.split("*"))), re.DOTALL) for word in words]
    return np.array([any(pattern.fullmatch(text) for pattern in patterns) for text in column.cast(pl.String)], dtype=np.bool_)


def _within(values: Floats, ends: tuple[float | None, float | None]) -> Mask:
    low, high = ends
    # NaN (no expiry, no moneyness) is in no range, also in one that is open at both ends.
    mask: Mask = ~np.isnan(values)
    if low is not None:
        mask &= values >= low
    if high is not None:
        mask &= values <= high
    return mask
