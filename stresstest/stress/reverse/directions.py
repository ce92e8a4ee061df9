"""Directions that a reverse stress test goes: multiples of a scenario, and shifts of a factor up or down."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from stresstest.documents import suggest
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.factors import FACTOR_TYPES, split_factor
from stresstest.scenarios.generators.multiples import multiple
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, SHOCKS, Scenario, ScenarioSet
from stresstest.snapshot.book import Dimensions

MOST_MULTIPLE = 5.0
MOST_DOWN, MOST_UP = 1.0, 4.0
"""Relative shifts of a factor that are looked at: to -100 % and to +400 %; of a price that may be negative to -400 %."""
MOST_ABSOLUTE = 1.0
"""The same of factors that may be zero at base (rates, bases, haircuts), whose shifts are absolute: 100 percentage points either way."""

_CLOSE = 1e-6
"""How closely the end of a direction is found, as a share of it, where it cannot be followed to the end."""


@dataclass(frozen=True)
class Direction:
    """A way to go, from t = 0 (base). Of a scenario t is the multiple; of a factor the size of the shift, in the direction of `sign`.

    `shocks` (columns `scenario_set.SHOCKS`, scenario 0) are those at t = 1; `end`: how far is looked, `stated` where somebody said so; `stopped`: why
    no further, where a multiple beyond it cannot be applied to the book.
    """

    label: str
    kind: Literal["scenario", "factor"]
    scenario: Scenario
    shocks: pl.DataFrame
    end: float
    stated: bool = False
    sign: int = 1
    shift: Literal["relative", "absolute"] = "relative"
    stopped: str | None = None

    def at(self, size: float) -> pl.DataFrame:
        """Its shocks at t = `size`."""
        return multiple(self.shocks, size)

    def words(self, size: float) -> str:
        """How far t = `size` is: `1.25 times crash`, `spot:BTC shifted by -12.5 %`."""
        if self.kind == "scenario":
            return f"{size:.6g} times {self.label}"
        by = f"{100.0 * self.sign * size:+.6g} %" if self.shift == "relative" else f"{self.sign * size:+.6g}"
        return f"{split_name(self.label)} shifted by {by}"


def split_name(label: str) -> str:
    """The factor of a direction's label, `spot:BTC` of `spot:BTC:down`."""
    return label.rpartition(":")[0]


def of_scenario(scenarios: ScenarioSet, scenario_id: str, most: float | None) -> Direction:
    """Multiples of a scenario of the set."""
    scenario = scenarios.scenario(scenario_id)
    rows = scenarios.shocks.slice(scenario.first, scenario.last - scenario.first)
    shocks = rows.with_columns(scenario=pl.lit(0, dtype=pl.Int32))
    return Direction(scenario_id, "scenario", scenario, shocks, MOST_MULTIPLE if most is None else most, most is not None)


def of_factor(factor: str, sign: int, most: float | None) -> Direction:
    """Shifts of a factor, up or down: relative ones, linear in t; absolute ones of factors that may be zero."""
    kind = split_factor(factor)[0]
    shift: Literal["relative", "absolute"] = "relative" if "relative" in FACTOR_TYPES[kind].shifts and kind != "haircut" else "absolute"
    row = {
        "scenario": 0, "factor": factor, "where": None, "shift": shift, "value": float(sign), "share": None, "annualised": False, "term": None,
        "mode": "linear" if shift == "relative" else "compound", "source": None, "grade": None,
    }  # fmt: skip
    end = most if most is not None else MOST_ABSOLUTE if shift == "absolute" else MOST_DOWN if sign < 0 else MOST_UP
    label = f"{factor}:{'down' if sign < 0 else 'up'}"
    scenario = Scenario(label, f"{factor} {'down' if sign < 0 else 'up'}", "reverse", headline=False)
    return Direction(label, "factor", scenario, pl.DataFrame([row], schema=SHOCKS), end, most is not None, sign, shift)


def directions_of(words: Sequence[str], scenarios: ScenarioSet, most: float | None) -> list[Direction]:
    """The directions that are asked for: scenario ids, or FACTOR, FACTOR:up, FACTOR:down; without any all headline scenarios.

    Raises:
        StressTestError: usage, for scenarios and factor types that there are not, for depth, which does nothing here, and where
            nothing is named and there is no headline scenario.
    """
    if not words:
        headline = [each.id for each in scenarios if each.headline]
        if not headline:
            hint = f"Name a direction: --along SCENARIO or --along spot:BTC. {scenarios.suggestion('', base=False)}".strip()
            raise StressTestError(Reason.USAGE, "there is no headline scenario to go along", hint=hint)
        return [of_scenario(scenarios, each, most) for each in headline]
    found: dict[str, Direction] = {}
    for word in words:
        for each in _directions(word, scenarios, most):
            found.setdefault(each.label, each)
    return list(found.values())


def _directions(word: str, scenarios: ScenarioSet, most: float | None) -> list[Direction]:
    if ":" not in word:
        if word == BASE.id:
            raise StressTestError(Reason.USAGE, "`base` has no shocks to go along", hint=scenarios.suggestion("", base=False))
        return [of_scenario(scenarios, word, most)]
    factor, _, way = word.rpartition(":")
    signs = [sign for sign, name in ((-1, "down"), (1, "up")) if name == way and ":" in factor]
    if not signs:
        factor, signs = word, [-1, 1]
    kind, name = split_factor(factor)
    if kind not in FACTOR_TYPES:
        raise StressTestError(Reason.USAGE, f"unknown factor type `{kind}` in `{word}`", hint=suggest(kind, list(FACTOR_TYPES), "Types"))
    if not name or ("*" in name and name != "*"):
        raise StressTestError(Reason.USAGE, f"`{word}` names no factor", hint=f"Write {kind}:NAME, or {kind}:* for all; :up or :down behind it.")
    if kind == "depth":
        hint = "`run` with `cascade` in the run file has its effect; `reverse` runs no cascade. Go along another factor, or a scenario."
        raise StressTestError(
            Reason.USAGE, f"`{word}`: depth only counts in a liquidation cascade, and moves no margin or loss outside one", hint=hint
        )
    return [of_factor(factor, sign, most) for sign in signs]


def scenarios_at(points: Sequence[tuple[Direction, float]]) -> ScenarioSet:
    """Base and directions at points as a scenario set, in their order."""
    scenarios, frames, rows = [BASE], [pl.DataFrame(schema=SHOCKS)], 0
    for number, (direction, size) in enumerate(points, start=1):
        # t = 0 is base in all but the time that passes, which is none there.
        shocks = direction.at(size).with_columns(scenario=pl.lit(number, dtype=pl.Int32)) if size else frames[0]
        decay = direction.scenario.decay and size > 0.0
        scenario = dataclasses.replace(
            direction.scenario, id=f"{direction.label} at {size!r}", first=rows, last=rows + shocks.height, headline=False, decay=decay
        )
        scenarios.append(scenario)
        frames.append(shocks)
        rows += shocks.height
    return ScenarioSet(tuple(scenarios), pl.concat(frames), "reverse")


def within_the_book(directions: Sequence[Direction], dimensions: Dimensions, rulebook: Rulebook) -> list[Direction]:
    """The directions as far as they can be followed on a book: up to a price of zero, at most, unless it may be negative.

    Raises:
        StressTestError: a factor that the book does not have; a direction that cannot be followed at all.
    """
    found = []
    for each in directions:
        direction = _of_a_price(each, dimensions)
        if direction.kind == "factor":
            _, notices = resolve(scenarios_at([(direction, min(direction.end, 0.5))]), dimensions, rulebook.margin_names())
            missing = next((each for each in notices if each.kind in ("unknown factor", "no match")), None)
            if missing is not None:
                raise StressTestError(Reason.USAGE, f"nothing to shift: {missing.message}", hint="Factors are those of the snapshot.")
        found.append(_as_far_as_it_goes(direction, dimensions, rulebook))
    return found


def _of_a_price(direction: Direction, dimensions: Dimensions) -> Direction:
    """A direction of one price that may be negative: down goes on below zero, and from below zero up is where the price rises.

    Raises:
        StressTestError: usage, for a price of zero, which no relative shift moves.
    """
    kind, name = split_factor(split_name(direction.label)) if direction.kind == "factor" else ("", "")
    place = dimensions.assets["asset"].index_of(name) if kind == "spot" else None
    if place is None or not dimensions.assets["may_be_negative"][place]:
        return direction
    price = float(dimensions.assets["price"][place])
    if price == 0.0:
        hint = "Go along a scenario with an `absolute` or `replace` shock of it."
        raise StressTestError(Reason.USAGE, f"the price of {name} is zero, which no relative shift moves", hint=hint)
    end = direction.end if direction.stated else MOST_UP
    if price > 0.0:
        return dataclasses.replace(direction, end=end)
    shocks = direction.shocks.with_columns(value=-pl.col("value"))
    return dataclasses.replace(direction, end=end, sign=-direction.sign, shocks=shocks)


def _as_far_as_it_goes(direction: Direction, dimensions: Dimensions, rulebook: Rulebook) -> Direction:
    # First, and at no whole multiple: a price that turns negative has those alone.
    first = _refusal(direction, _CLOSE * direction.end, dimensions, rulebook)
    if first is not None:
        hint = "A shock of more than -100 % has whole multiples only: give it `mode: linear`." if direction.kind == "scenario" else ""
        raise StressTestError(Reason.SCENARIO, f"`{direction.label}` has no small multiples on this book: {first}", hint=hint)
    refused = _refusal(direction, direction.end, dimensions, rulebook)
    if refused is None:
        return direction
    good, bad = 0.0, direction.end
    while bad - good > _CLOSE * bad:
        middle = 0.5 * (good + bad)
        refusal = _refusal(direction, middle, dimensions, rulebook)
        if refusal is None:
            good = middle
        else:
            bad, refused = middle, refusal
    return dataclasses.replace(direction, end=good, stopped=refused)


def _refusal(direction: Direction, size: float, dimensions: Dimensions, rulebook: Rulebook) -> str | None:
    """Why a direction cannot be applied to the book at a point; None where it can."""
    shocks = direction.at(size)
    if not shocks["value"].is_finite().all():
        names = shocks.filter(~pl.col("value").is_finite())["factor"].cast(pl.String).unique(maintain_order=True)
        return f"the shock of {names[0]} is no number there"
    try:
        resolve(scenarios_at([(direction, size)]), dimensions, rulebook.margin_names())
    except StressTestError as error:
        what = error.faults[0].what.partition("`: ")[2] or error.summary
        # At the end found the price is zero but for rounding, and beyond it below.
        price, would, _ = what.partition(" would be ")
        return f"{price} would be zero or below" if would else what
    return None
