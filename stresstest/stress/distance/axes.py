"""What distances are measured along: one factor, up and down, or the multiples of a scenario; and what a shift along it is, as shocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.documents import resembling
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.factors import FACTOR_TYPES, split_factor
from stresstest.scenarios.generators.multiples import multiple
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.scenario_set import BASE, SHOCKS, Scenario, ScenarioSet
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]

ALL_SPOTS = "spot:*"
MOST_SPOTS = 20
"""Spots that `spot:*` stands for at most: those with the largest gross notional."""

LEAST_PRICE = 1e-6
"""What is left, as a part of it, of a price that may not be zero where the search down ends."""

ALONG, DOWN, UP = "along", "down", "up"
SCENARIO = "scenario:"


@dataclass(frozen=True)
class Axis:
    """One factor or scenario. `ways`: direction and farthest shift of each; `base`: the factor's value at base, NaN where it has no single one.

    `scenario`: the one whose multiples are taken, with its `shocks`; None of a factor.
    """

    name: str
    ways: tuple[tuple[str, float], ...]
    base: float
    scenario: Scenario = BASE
    shocks: pl.DataFrame | None = field(default=None, compare=False)

    def width(self, shift: Floats, precision: float) -> Floats:
        """What `precision` relative to the level is in shifts: of a factor at 1 + shift, of a scenario at its multiple (of one at least)."""
        level = np.maximum(np.abs(shift), 1.0) if self.shocks is not None else np.maximum(np.abs(1.0 + shift), LEAST_PRICE)
        return np.asarray(precision * level)

    def states(self, shifts: Floats) -> ScenarioSet:
        """Base, and a scenario for each shift in order."""
        count = len(shifts)
        if self.shocks is None:
            columns = {
                "scenario": np.arange(1, count + 1, dtype=np.int32),
                "factor": pl.Series([self.name]).new_from_index(0, count),
                "shift": pl.Series(["relative"]).new_from_index(0, count),
                "value": shifts,
                "annualised": pl.Series([False]).new_from_index(0, count),
                "mode": pl.Series(["compound"]).new_from_index(0, count),
            }
            missing = [pl.lit(None, dtype=kind).alias(name) for name, kind in SHOCKS.items() if name not in columns]
            table = pl.DataFrame(columns).with_columns(missing)
            each = 1
        else:
            one = self.shocks
            parts = [multiple(one, float(t)).with_columns(scenario=pl.lit(number, dtype=pl.Int32)) for number, t in enumerate(shifts, 1)]
            table = pl.concat(parts) if parts else one
            each = one.height
        about = self.scenario
        found = [
            Scenario(
                f"state-{number}", "", "sensitivity", False, about.horizon_days, about.decay, first=number * each - each, last=number * each,
                any_book=about.any_book,
            )
            for number in range(1, count + 1)
        ]  # fmt: skip
        return ScenarioSet((BASE, *found), table.select(pl.col(name).cast(kind) for name, kind in SHOCKS.items()))

    def resolved(self, shifts: Floats, dimensions: Dimensions, rulebook: Rulebook) -> Resolved:
        """Factor values at base and at each shift."""
        return resolve(self.states(shifts), dimensions, rulebook.margin_names())[0]


def axes(
    factors: Sequence[str],
    along: Sequence[str],
    most: tuple[float, float],
    dimensions: Dimensions,
    rulebook: Rulebook,
    scenarios: ScenarioSet,
    spots: Sequence[str],
) -> tuple[Axis, ...]:
    """The axes that a run file asks for, each once, in its order.

    Args:
        factors: `type:name`, or `spot:*` for `spots`.
        along: ids of scenarios.
        most: farthest shifts of factors, down and up; scenarios are multiplied by the second at most.
        dimensions: of the book.
        rulebook: whose schedules and models `margin_rate` names.
        scenarios: of the run.
        spots: assets in the order of their gross notional.

    Raises:
        StressTestError: configuration, with every factor and scenario that is not there.
    """
    known = {
        **dict.fromkeys(("spot", "vol", "collateral", "haircut", "holding"), dimensions.assets["asset"].to_list()),
        "margin_rate": list(dict.fromkeys([*rulebook.margin_schedules, *rulebook.models])),
    }
    faults, found = [], []
    for factor in _expanded(factors, spots):
        kind, name = split_factor(factor)
        if name not in known[kind]:
            hint = resembling(name, known[kind]) or "See `stresstest scenarios expand` for the factors of a book."
            faults.append(Fault(f"the book has no factor `{factor}`", hint, path="reverse.distance.factors"))
        elif factor == f"spot:{dimensions.reporting_currency}":
            hint = "Give the price of another asset."
            faults.append(
                Fault(f"{dimensions.reporting_currency} is the reporting currency, whose price is 1", hint, path="reverse.distance.factors")
            )
        elif kind == "spot" and dimensions.assets["price"][dimensions.assets["asset"].index_of(name) or 0] == 0.0:
            hint = "Leave it out, or name a scenario that moves it under `along`."
            faults.append(Fault(f"the price of {name} is zero, which no relative shift moves", hint, path="reverse.distance.factors"))
        else:
            found.append(_of_factor(factor, most, dimensions))
    ids = list(scenarios.ids[1:])
    for name in along:
        if name not in ids:
            faults.append(Fault(f"no scenario `{name}`", scenarios.suggestion(name, base=False), path="reverse.distance.along"))
        else:
            found.append(_of_scenario(scenarios, name, most[1]))
    if faults:
        raise StressTestError(Reason.CONFIGURATION, "distances along what is not there", faults)
    return tuple({axis.name: axis for axis in found}.values())


def _expanded(factors: Sequence[str], spots: Sequence[str]) -> list[str]:
    whole = [f"spot:{asset}" for asset in spots[:MOST_SPOTS]]
    return [each for factor in factors for each in (whole if factor == ALL_SPOTS else [factor])]


def _of_factor(factor: str, most: tuple[float, float], dimensions: Dimensions) -> Axis:
    kind, name = split_factor(factor)
    down, up = most
    base = 1.0
    if kind == "spot":
        row = dimensions.assets.filter(pl.col("asset") == name).row(0, named=True)
        base = float(row["price"])
        if not row["may_be_negative"]:
            down = max(down, LEAST_PRICE - 1.0)
        elif down <= -1.0:
            # All the way for other prices: this one goes on below zero.
            down = min(down, -up)
    else:
        base = 1.0 if kind in ("collateral", "holding", "margin_rate") else float("nan")
        if FACTOR_TYPES[kind].lowest is not None:
            down = max(down, -1.0)
    # From below zero a price falls where its relative shift is positive.
    return Axis(factor, ((DOWN, up), (UP, down)) if base < 0.0 else ((DOWN, down), (UP, up)), base)


def _of_scenario(scenarios: ScenarioSet, name: str, most: float) -> Axis:
    scenario = scenarios.scenario(name)
    shocks = scenarios.shocks.slice(scenario.first, scenario.last - scenario.first)
    return Axis(f"{SCENARIO}{name}", ((ALONG, most),), float("nan"), scenario, shocks)


def farthest(axis: Axis, shifts: Floats, dimensions: Dimensions, rulebook: Rulebook) -> int:
    """How many of the shifts, from the first, are states that a book can be in.

    A multiple of a scenario may not be: an absolute shock, or a `replace`, taken often enough turns prices negative.
    """

    def possible(count: int) -> bool:
        try:
            moved = axis.states(shifts[:count])
            if not moved.shocks["value"].is_finite().all():
                return False
            resolve(moved, dimensions, rulebook.margin_names())
        except StressTestError:
            return False
        return True

    if possible(len(shifts)):
        return len(shifts)
    low, high = 0, len(shifts)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if possible(middle) else (low, middle)
    return low
