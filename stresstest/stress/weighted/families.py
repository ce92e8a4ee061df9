"""Scenarios that have a weight, as families of probabilities."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Weighted(Protocol):
    """What decides the family of a scenario."""

    @property
    def id(self) -> str:
        """Its id; a generator's scenarios have the generator's id up to the first dot."""

    @property
    def family(self) -> str:
        """The family that it states."""

    @property
    def horizon_days(self) -> float:
        """Its horizon."""

    @property
    def weight(self) -> float | None:
        """Its probability weight; None: it has none."""


class Stated(NamedTuple):
    """A scenario as a row of `scenario_summary` states it."""

    id: str
    family: str
    horizon_days: float
    weight: float | None


@dataclass(frozen=True)
class Family:
    """Scenarios that are told apart by chance alone: of one generator, over one horizon.

    `scenarios` i64[n]: their positions in the set, ascending; `weights` f64[n]: probabilities, which add up to 1. `stated`: what the weights
    added up to before they were divided by it.
    """

    name: str
    horizon_days: float
    scenarios: npt.NDArray[np.int64]
    weights: Floats
    stated: float

    @property
    def effective(self) -> float:
        """1 / sum of p^2: the number of equally probable draws that would tell as much (Kish 1965)."""
        return 1.0 / math.fsum(self.weights * self.weights)


def weighted_families(scenarios: Iterable[Weighted]) -> tuple[Family, ...]:
    """The families of a set, by name and horizon; empty where no scenario has a weight above zero.

    A scenario belongs to the family named by its id up to the first dot, which is what a generator's id is, and without a dot to the one that it
    states. Those of other horizons are a family of their own.
    """
    members: dict[tuple[str, float], list[tuple[int, float]]] = {}
    for place, each in enumerate(scenarios):
        if each.weight is not None and each.weight > 0.0:
            name = each.id.partition(".")[0] if "." in each.id else each.family
            members.setdefault((name, float(each.horizon_days)), []).append((place, each.weight))
    found = []
    for (name, horizon), listed in sorted(members.items()):
        weights = np.array([weight for _, weight in listed])
        # Sums of the largest numbers that there are would be none.
        largest = float(weights.max())
        shares = weights / largest
        total = math.fsum(shares)
        stated = min(largest * total, sys.float_info.max)
        found.append(Family(name, horizon, np.array([place for place, _ in listed]), shares / total, stated))
    return tuple(found)
