"""Which rule of a strategy model governs which instrument, and the terms of options that rules are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from stresstest.margin.rulebook import NakedShort, StrategyModel
from stresstest.scenarios.model import Where
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.option_terms import strike_currencies
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.selectors import Selector, Universe
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class Filtered(Protocol):
    """An entry of a list of which the first match counts."""

    @property
    def where(self) -> Where | None:
        """Its filter; null passes everything."""


@dataclass(frozen=True)
class OptionTerms:
    """Of every instrument, whether it is an option or not; arrays [instruments]."""

    dimensions: Dimensions

    @cached_property
    def direction(self) -> Codes:
        """+1 call, -1 put, 0 no option."""
        frame = self.dimensions.instruments
        option, call = (frame["kind"] == "option").to_numpy(), (frame["option_type"] == "call").fill_null(value=False).to_numpy()
        return np.where(option, np.where(call, 1, -1), 0).astype(np.int64)

    @cached_property
    def strike_currency(self) -> Codes:
        """Asset code of the currency of the strike, in whole numbers wide enough to be multiplied."""
        return strike_currencies(self.dimensions).astype(np.int64)

    def of(self, column: str) -> Floats:
        """A column of numbers; NaN where null."""
        return self.dimensions.instruments[column].fill_null(float("nan")).to_numpy().astype(np.float64)


class Rules:
    """The rules of strategy models against a book; filters by tenor and moneyness ask the base state."""

    def __init__(self, dimensions: Dimensions, base_value: Floats) -> None:
        self._universe = Universe(dimensions, MarginNames((), (), ()), base_value)
        self._count = dimensions.instruments.height

    @classmethod
    def of(cls, dimensions: Dimensions, resolved: Resolved) -> Rules:
        """The rules at the base state of resolved scenarios."""
        return cls(dimensions, resolved.value[:, 0])

    def first_match(self, entries: Sequence[Filtered]) -> Codes:
        """Number of the first entry that each instrument passes, -1 for none. i64[instruments]."""
        found = np.full(self._count, -1, dtype=np.int64)
        for number, entry in reversed(list(enumerate(entries))):
            found[self._universe.elements(Selector("basis:*", entry.where, annualised=False, term=None))] = number
        return found

    def naked_short(self, model: StrategyModel) -> list[NakedShort]:
        """The rule of every instrument were it a short option."""
        return [model.naked_shorts[number] for number in self.first_match(model.naked_shorts)]

    def leverage(self, model: StrategyModel) -> Floats:
        """The factor of every instrument; 1 where no entry matches."""
        factors = np.array([*(entry.factor for entry in model.leverage), 1.0])
        return np.asarray(factors[self.first_match(model.leverage)], dtype=np.float64)

    def long_rate(self, model: StrategyModel, side: str) -> Floats:
        """What a long option needs of its value, by instrument; all of it where no entry matches."""
        rates = np.array([*(getattr(entry.rate, side) for entry in model.long_options), 1.0])
        return np.asarray(rates[self.first_match(model.long_options)], dtype=np.float64)
