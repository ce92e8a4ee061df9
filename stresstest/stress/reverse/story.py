"""What a found scenario is like: its largest moves, the historical event that is nearest to it, how far it is in standard deviations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from stresstest.errors import counted
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.factors import split_factor
from stresstest.scenarios.generators.covariance import cholesky, estimate, moves_of, solved
from stresstest.scenarios.generators.history import History, history_of, kinds_of
from stresstest.scenarios.generators.of_history import Covariance
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.scenario_set import Scenario, ScenarioSet
from stresstest.snapshot.book import Book

Floats = npt.NDArray[np.float64]

LARGEST = 5
"""Moves that a story names."""
LEAST_SHARED = 0.5
"""Share of the prices that a scenario moves which an event must move as well, to be compared with it."""


@dataclass(frozen=True)
class Move:
    """A price that moves: asset and relative change of its price in its own price currency."""

    asset: str
    change: float


@dataclass(frozen=True)
class Event:
    """The nearest historical event: `distance` is the root mean square difference of logarithmic price moves over `assets` assets that both move."""

    scenario_id: str
    name: str
    distance: float
    assets: int


@dataclass(frozen=True)
class Plausibility:
    """How far a scenario's price moves are from zero: `distance` sqrt(x' S^-1 x) in standard deviations (Mahalanobis), over the `factors` that it
    moves and that have history; `half_space_probability` Phi(-distance), of a move at least so far in this one direction, were moves normal."""

    distance: float
    half_space_probability: float
    factors: tuple[str, ...]
    sample: str


@dataclass(frozen=True)
class Story:
    """`plausibility` is None where it cannot be had, and `why_no_plausibility` says why."""

    moves: tuple[Move, ...]
    moved: int
    nearest: Event | None
    plausibility: Plausibility | None
    why_no_plausibility: str | None

    def words(self) -> str:
        """As a sentence of a scenario's source."""
        named = ", ".join(f"{move.asset} {100.0 * move.change:+.2f} %" for move in self.moves)
        more = f" and {self.moved - len(self.moves):,} more" if self.moved > len(self.moves) else ""
        parts = [f"largest price moves: {named}{more}" if self.moves else "moves no price"]
        if self.nearest is not None:
            event = self.nearest
            parts.append(
                f"nearest event of library:crisis: {event.name} ({event.scenario_id}), {event.distance:.4g} apart "
                f"(root mean square difference of log moves over {counted(event.assets, 'asset')})"
            )
        if self.plausibility is None:
            parts.append(f"no plausibility: {self.why_no_plausibility}")
        else:
            far = self.plausibility
            parts.append(
                f"{far.distance:.3f} standard deviations away (Mahalanobis, {counted(len(far.factors), 'factor')}), half-space probability "
                f"{chance(far.half_space_probability)} (normal); {far.sample}"
            )
        return "; ".join(parts)


def chance(probability: float) -> str:
    """A probability in words: what is too small for a number is not said to be impossible."""
    return f"{probability:.3g}" if probability > 0.0 else "below 1e-300"


class Storyteller:
    """Tells of scenarios on one book; history and library are looked at once."""

    def __init__(self, book: Book, rulebook: Rulebook, events: ScenarioSet) -> None:
        """`events`: the library of historical events; those that cannot be applied to the book are left out by the caller."""
        self._dimensions = book.dimensions
        self._base = book.dimensions.assets["price"].to_numpy()
        self._names = book.dimensions.assets["asset"].to_list()
        self._events = events
        past, _ = resolve(events, book.dimensions, rulebook.margin_names())
        self._past = _log_moves(past, self._base)
        self._history, self._no_history = _history(book)

    def story(self, scenario: Scenario, resolved: Resolved, place: int) -> Story:
        """The story of a scenario, `place` in what was resolved."""
        prices = resolved.spot[:, place]
        with np.errstate(divide="ignore", invalid="ignore"):
            # Of a price below zero a ratio above one is a fall.
            change = np.where(self._base != 0.0, np.sign(self._base) * (prices / self._base - 1.0), 0.0)
        moving = np.flatnonzero(prices != self._base)
        order = moving[np.lexsort((moving, -np.abs(change[moving])))]
        moves = tuple(Move(self._names[code], float(change[code])) for code in order[:LARGEST].tolist())
        plausibility, why = self._plausibility(scenario, moving, prices)
        return Story(moves, len(moving), self.nearest(resolved, place), plausibility, why)

    def nearest(self, resolved: Resolved, place: int) -> Event | None:
        """The event that is nearest to a scenario, `place` in what was resolved; None where none moves enough of what it moves."""
        prices = resolved.spot[:, place]
        mine = _logs(prices, self._base)
        moving = np.isfinite(mine) & (mine != 0.0)
        if not moving.any():
            return None
        shared = moving[:, None] & np.isfinite(self._past) & (self._past != 0.0)
        count = shared.sum(axis=0)
        square = np.where(shared, (np.where(shared, self._past, 0.0) - np.where(moving, mine, 0.0)[:, None]) ** 2, 0.0)
        enough = count >= max(1.0, LEAST_SHARED * int(moving.sum()))
        enough[0] = False
        if not enough.any():
            return None
        distance = np.where(enough, np.sqrt(square.sum(axis=0) / np.maximum(count, 1)), np.inf)
        best = int(np.argmin(distance))
        event = self._events.scenarios[best]
        return Event(event.id, event.name, float(distance[best]), int(count[best]))

    def _plausibility(self, scenario: Scenario, moving: npt.NDArray[np.int64], prices: Floats) -> tuple[Plausibility | None, str | None]:
        if self._history is None:
            return None, self._no_history
        known = {name: place for place, name in enumerate(self._names)}
        moved = set(moving.tolist())
        factors = [name for name in self._history.factors if split_factor(name)[0] == "spot" and known.get(split_factor(name)[1]) in moved]
        if not factors:
            return None, "none of the prices that move has history"
        kinds = kinds_of(self._history, factors, {}, "log")
        codes = [known[split_factor(name)[1]] for name in factors]
        asked = Covariance(shrinkage="ledoit_wolf" if len(factors) > 1 else "none")
        sample, problems = moves_of(self._history.only(factors), kinds, asked, self._dimensions.as_of.date())
        found = None
        if sample is not None:
            found, problems = estimate(sample, asked)
        if found is None:
            return None, problems[0].what
        core = np.array(
            [
                prices[code] - self._base[code] if kind == "absolute" else np.log(prices[code] / self._base[code])
                for code, kind in zip(codes, kinds, strict=True)
            ]
        )
        lower = cholesky(found.matrix * max(scenario.horizon_days, 1.0))
        assert lower is not None
        distance = float(np.sqrt(sum(float(a * b) for a, b in zip(core, solved(lower, core), strict=True))))
        return Plausibility(distance, float(ndtr(-distance)), tuple(factors), found.words()), None


def _history(book: Book) -> tuple[History | None, str | None]:
    rows = book.history()
    if rows.is_empty():
        return None, "the snapshot has no history"
    free = frozenset(book.dimensions.assets.filter("may_be_negative")["asset"])
    history, wrong = history_of(rows, book.dimensions.as_of.date(), free)
    return (None, f"the history cannot be used: {wrong[0].text()}") if wrong else (history, None)


def _logs(prices: Floats, base: Floats) -> Floats:
    """ln(price / base), not finite where either is not above zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(base > 0.0, prices / base, np.nan)
        return np.where(ratio > 0.0, np.log(np.maximum(ratio, 0.0)), np.nan)


def _log_moves(resolved: Resolved, base: Floats) -> Floats:
    return _logs(resolved.spot, base[:, None])
