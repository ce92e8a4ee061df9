"""The coverage frontier: how many defaults at which multiple exhaust what stands behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stresstest.margin.kernels.totals import TOP
from stresstest.stress.reverse.search import Reading
from stresstest.stress.tolerance import TOLERANCE

MOST_OWNERS = TOP
"""Defaulting owners that are looked at: the engine keeps so many of the largest losses of a scenario."""


@dataclass(frozen=True)
class LargestLosses:
    """The largest stress losses over margin of owners in one scenario, largest first, and the owners' codes; owners without a loss are left out."""

    losses: tuple[float, ...]
    owners: tuple[int, ...]

    def of_the_largest(self, count: int) -> float:
        """Their sum over so many owners, from the largest on."""
        total = 0.0
        for loss in self.losses[:count]:
            total += loss
        return total

    def defaulting(self, count: int) -> tuple[int, ...]:
        """The owners that so many defaults are: those that lose more than rounding."""
        return tuple(owner for loss, owner in zip(self.losses[:count], self.owners[:count], strict=True) if loss > TOLERANCE)


@dataclass(frozen=True)
class Behind:
    """What stands behind defaults, reporting currency. `prefunded`: resources as Cover is held against; `assessments`: what can be called from all
    owners; `caps`: by owner code what can be called from each, which a defaulter does not pay."""

    prefunded: float
    assessments: float
    caps: Mapping[int, float]

    def total(self, found: LargestLosses, count: int) -> float:
        """Prefunded resources and the assessments of all but the defaulting owners."""
        return self.prefunded + self.assessments - sum(self.caps.get(owner, 0.0) for owner in found.defaulting(count))

    def reading(self, found: LargestLosses, count: int, *, total: bool) -> Reading:
        """Whether so many defaults exceed the prefunded resources, or all of them."""
        loss = found.of_the_largest(count)
        return Reading(loss, loss > (self.total(found, count) if total else self.prefunded))

    def smallest_set(self, found: LargestLosses) -> tuple[int, ...] | None:
        """The fewest owners whose losses together exceed the prefunded resources; None where those that are kept do not."""
        for count in range(1, len(found.losses) + 1):
            if found.of_the_largest(count) > self.prefunded:
                return found.defaulting(count)
        return None
