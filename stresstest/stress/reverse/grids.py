"""Two-way grids: shifts of factors, or multiples of a scenario, taken together, as directions of one point each."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import polars as pl

from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.factors import split_factor
from stresstest.scenarios.scenario_set import Scenario, ScenarioSet
from stresstest.snapshot.book import Dimensions
from stresstest.stress.reverse.directions import Direction, directions_of, within_the_book

MOST_VALUES = 1_000
MOST_CELLS = 100_000

_HOW = "Write FACTOR=FIRST:LAST:NUMBER or SCENARIO=FIRST:LAST:NUMBER, for example spot:BTC=-0.5:0.5:21."


@dataclass(frozen=True)
class Axis:
    """`values` from first to last, evenly spaced: shifts of a factor, relative or absolute (`up` and `down`), or multiples of a scenario (`up`)."""

    label: str
    values: tuple[float, ...]
    up: Direction
    down: Direction | None

    def value(self, share: float) -> float:
        """The value so far along the axis: exactly that of `values` where one is there."""
        first, last, steps = self.values[0], self.values[-1], len(self.values) - 1
        step = round(share * steps)
        return self.values[step] if share == step / steps else first + share * (last - first)

    def shocks(self, value: float) -> pl.DataFrame:
        """The shocks at a value, none at zero."""
        if value == 0.0:
            return self.up.shocks.clear()
        if value < 0.0:
            assert self.down is not None
            return self.down.at(-value)
        return self.up.at(value)


def axis_of(text: str, scenarios: ScenarioSet) -> Axis:
    """An axis from its text, `spot:BTC=-0.5:0.5:21` or `crash=0:3:13`.

    Raises:
        StressTestError: usage, for what cannot be read, and scenarios and factor types that there are not.
    """
    label, _, numbers = text.rpartition("=")
    words = numbers.split(":")
    try:
        first, last, count = float(words[0]), float(words[1]), int(words[2])
    except (ValueError, IndexError):
        raise StressTestError(Reason.USAGE, f"no axis: {text}", hint=_HOW) from None
    if not label or len(words) != 3 or not (abs(first) < 1e6 and abs(last) < 1e6) or first == last or not 2 <= count <= MOST_VALUES:
        raise StressTestError(Reason.USAGE, f"no axis: {text}", hint=f"{_HOW} 2 to {MOST_VALUES:,} values, the last not the first.")
    width = abs(last - first)
    values = tuple(first + (last - first) * at / (count - 1) for at in range(count - 1))
    values = (*(0.0 if abs(each) < 1e-12 * width else each for each in values), last)
    if ":" not in label:
        if min(values) < 0.0:
            raise StressTestError(Reason.USAGE, f"no axis: {text}", hint="A scenario has multiples of zero and more: crash=0:3:13.")
        (up,) = directions_of([label], scenarios, max(values))
        return Axis(label, values, up, None)
    ways = {each.sign: each for each in directions_of([label], scenarios, width)}
    if set(ways) != {-1, 1}:
        raise StressTestError(Reason.USAGE, f"no axis: {text}", hint="Leave out :up and :down: the values say which way.")
    ends = {sign: max(0.0, *(sign * each for each in values)) for sign in ways}
    return Axis(label, values, *(dataclasses.replace(ways[sign], end=ends[sign]) for sign in (1, -1)))


def check_axes(axes: Sequence[Axis], dimensions: Dimensions, rulebook: Rulebook) -> None:
    """Refuse axes that shock the same, so that one would hide the other, or that go where a book cannot be followed.

    Raises:
        StressTestError: usage; scenario, where a price would be zero or below before the end of an axis.
    """
    one, other = (each.up.shocks["factor"].cast(pl.String).unique(maintain_order=True).to_list() for each in axes)
    for first, second in product(one, other):
        (kind, name), (kind_too, name_too) = split_factor(first), split_factor(second)
        if kind == kind_too and (name == name_too or "*" in name or "*" in name_too):
            what = f"both axes shock {first}" if first == second else f"one axis shocks {first}, the other {second}"
            raise StressTestError(Reason.USAGE, what, hint="Only the first of them would count: name factors that have nothing in common.")
    if all(each.up.kind == "scenario" for each in axes):
        raise StressTestError(Reason.USAGE, "both axes are scenarios", hint="They may pass different times: cross a scenario with a factor.")
    if len(axes[0].values) * len(axes[1].values) > MOST_CELLS:
        raise StressTestError(Reason.USAGE, f"a grid of more than {MOST_CELLS:,} cells", hint="Give fewer values.")
    for axis in axes:
        for way in (axis.up, axis.down):
            if way is not None and way.end > 0.0:
                (found,) = within_the_book([way], dimensions, rulebook)
                if found.stopped is not None:
                    hint = f"End the axis before {way.sign * found.end:+.6g}."
                    raise StressTestError(
                        Reason.SCENARIO, f"`{axis.label}` cannot be followed to {way.sign * way.end:+.6g}: {found.stopped}", hint=hint
                    )


def cell(axes: Sequence[Axis], first: float, second: float) -> Direction:
    """Both axes at a value as one direction, of which once is meant: the shocks of the first before those of the second."""
    label = f"{axes[0].label} {first!r} {axes[1].label} {second!r}"
    scenario = Scenario(label, label, "reverse", headline=False)
    for axis, value in zip(axes, (first, second), strict=True):
        if axis.up.kind == "scenario":
            scenario = dataclasses.replace(axis.up.scenario, decay=axis.up.scenario.decay and value > 0.0)
    return Direction(label, "scenario", scenario, pl.concat([axes[0].shocks(first), axes[1].shocks(second)]), 1.0)
