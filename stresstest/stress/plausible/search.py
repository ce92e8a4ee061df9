"""The likeliest move to a level and the worst move inside an ellipsoid, of any figure that can only be computed: searched, the same way every time.

Moves are whitened here: z with x = L z, L L' the covariance, so that |z| is the Mahalanobis distance. A figure is computed for many moves at once,
f64[moves, factors] to f64[moves]; NaN where a move cannot be made (a price below zero), which counts as not reaching anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
Figure = Callable[[Floats], Floats]
Parts = Callable[[Floats], Figure]
"""For a move f64[factors] near the level, smooth figures f64[moves] to f64[moves, parts] that must all exceed it there for the figure to do so."""

Held = Callable[[Floats], Figure]
"""For a move f64[factors], a figure to climb by near it."""

_POINTS = 48
"""Points of the first look along a direction, closer together near zero."""

_INNER = 7
"""Even points between two ends in every further look."""

_NEAR = np.concatenate([-(10.0 ** -np.arange(1, 11)), 10.0 ** -np.arange(1, 11)])
"""Further points, from where a straight line would cross, as shares of the bracket: smooth figures are done in a few looks."""

_CLOSE = 1e-11
"""Width of the last bracket, as a share of the distance."""

_IMPROVED = 3
"""Directions of those looked along from which a search begins."""

_REFINED = 2
"""Directions along which the crossing is found to the last digits."""

_STEPS = 20
"""Steps of one search at most."""

_LOOKS = 60
"""Moves at which slopes are measured in one search at most: figures with corners may keep it going back and forth."""

_SLOPE_STEP = 0.02
"""Half the distance between the two moves that a slope is measured with, in standard deviations."""

_LEAST = 1e-12
"""What figures are measured in at the least, so that nothing is divided by zero."""


@dataclass(frozen=True)
class Crossing:
    """Where a figure first exceeds a level along a direction: `left` the last place at or below it, `right` the first above; the figures there."""

    left: float
    right: float
    figure_left: float
    figure_right: float


@dataclass(frozen=True)
class Nearest:
    """The nearest crossing found: `direction` f64[factors] of length one, and how many directions were looked along."""

    direction: Floats
    crossing: Crossing
    directions: int


@dataclass(frozen=True)
class Largest:
    """The largest figure found inside a ball, and the (whitened) move there."""

    move: Floats
    figure: float
    directions: int


def _refined(figure: Callable[[Floats], Floats], level: float, found: Crossing) -> Crossing:
    """The first crossing inside a bracket: looked for among even points, and others ever closer to where a straight line would cross."""
    while found.right - found.left > _CLOSE * found.right:
        width, guess = found.right - found.left, _guess(found, level)
        inner = np.concatenate([np.linspace(found.left, found.right, _INNER + 2)[1:-1], guess + width * _NEAR])
        inner = np.unique(inner[(inner > found.left) & (inner < found.right)])
        if not len(inner):
            break
        values = np.concatenate([[found.figure_left], figure(inner), [found.figure_right]])
        found = _bracket(np.concatenate([[found.left], inner, [found.right]]), values, level) or found
    return found


def _grid(most: float) -> Floats:
    return np.asarray(most * (np.arange(1, _POINTS + 1) / _POINTS) ** 1.5)


def _bracket(places: Floats, values: Floats, level: float) -> Crossing | None:
    above = np.flatnonzero(values > level)
    if not len(above):
        return None
    at = int(above[0])
    return Crossing(float(places[at - 1]), float(places[at]), float(values[at - 1]), float(values[at]))


def nearest(figure: Figure, level: float, most: float, directions: Floats, at_zero: float, parts: Parts | None = None) -> Nearest | None:
    """The nearest move found at which the figure exceeds the level; None where no direction reaches it within `most`.

    All directions are looked along at once; from those that reach the level first, |z|^2 is minimised subject to the level (SLSQP, slopes by central
    differences); then the first crossing along every direction that was best is found exactly. An upper bound of the distance.

    A grid from zero outwards gives the first bracket, and finer grids inside it the place: never a bisection of (0, most], because figures of
    options are not monotone. At a jump the figures on both sides stay apart.

    Args:
        figure: of whitened moves.
        level: what is to be exceeded.
        most: how far to look.
        directions: f64[directions, factors], of any length above zero.
        at_zero: the figure without any move, not above the level.
        parts: what the figure is the least of, where it has corners; None: it is smooth itself.
    """
    units = _distinct(directions)
    reached = _along(figure, level, most, units, at_zero)[:_IMPROVED]
    if not reached:
        return None
    better = [_improved(parts, figure, level, far * units[number], at_zero) for far, number, _ in reached]
    found = _distinct(np.array([*(units[number] for _, number, _ in reached), *(move for move in better if move is not None)]))
    best: Nearest | None = None
    for _, number, bracket in _along(figure, level, most, found, at_zero)[:_REFINED]:
        unit = found[number]
        crossing = _refined(lambda t, unit=unit: figure(np.multiply.outer(t, unit)), level, bracket)  # type: ignore[misc]
        if best is None or crossing.right < best.crossing.right:
            best = Nearest(unit, crossing, len(units))
    return best


def _along(figure: Figure, level: float, most: float, units: Floats, at_zero: float) -> list[tuple[float, int, Crossing]]:
    """The first bracket along each direction that has one: where about it crosses, number of the direction, bracket; nearest first."""
    places = _grid(most)
    values = figure((units[:, np.newaxis, :] * places[np.newaxis, :, np.newaxis]).reshape(-1, units.shape[1])).reshape(len(units), -1)
    brackets = [_bracket(np.concatenate([[0.0], places]), np.concatenate([[at_zero], row]), level) for row in values]
    return sorted(((_guess(each, level), number, each) for number, each in enumerate(brackets) if each is not None), key=lambda found: found[:2])


def _guess(bracket: Crossing, level: float) -> float:
    """Where the straight line through both ends of a bracket meets the level."""
    rise = bracket.figure_right - bracket.figure_left
    share = (level - bracket.figure_left) / rise if np.isfinite(rise) and rise > 0.0 else 1.0
    return bracket.left + share * (bracket.right - bracket.left)


def largest(figure: Figure, radius: float, directions: Floats, moves: Floats, at_zero: float, held: Held | None = None) -> Largest:
    """The largest figure found with |z| <= radius: on the way along every direction, then by a search from the best of them. A lower bound.

    Args:
        figure: of whitened moves.
        radius: k.
        directions: f64[directions, factors], of any length above zero.
        moves: f64[moves, factors], further moves inside.
        at_zero: the figure without any move.
        held: for a move a figure that is the same there, nowhere larger, and quicker; None: the figure itself.
    """
    units = _distinct(directions)
    shares = radius * np.arange(1, 9) / 8.0
    along = (units[:, np.newaxis, :] * shares[np.newaxis, :, np.newaxis]).reshape(-1, units.shape[1])
    tried = np.concatenate([along, moves])
    values = np.nan_to_num(figure(tried), nan=-np.inf)
    order = np.argsort(-values, kind="stable")
    best = tried[order[0]] if len(order) and values[order[0]] > at_zero else np.zeros(units.shape[1])
    top = max(at_zero, float(values[order[0]]) if len(order) else at_zero)
    scale = max(abs(top - at_zero), _LEAST)
    for start in tried[order[:_IMPROVED]]:
        z = _climbed(figure if held is None else held(start), start, radius, scale)
        if z is None:
            continue
        length = float(np.sqrt(z @ z))
        z = z if length <= radius else z * (radius / length)
        value = float(figure(z[np.newaxis, :])[0])
        if value > top:
            best, top = z, value
    return Largest(best, top, len(units))


def _distinct(directions: Floats) -> Floats:
    """Directions of length one, each once, in the order given."""
    lengths = np.sqrt((directions * directions).sum(axis=1))
    units = directions[lengths > 0.0] / lengths[lengths > 0.0, np.newaxis]
    kept: dict[tuple[float, ...], Floats] = {}
    for unit in units:
        kept.setdefault(tuple(np.round(unit, 9).tolist()), unit)
    return np.array(list(kept.values())) if kept else np.empty((0, directions.shape[1]))


class _NotAMoveError(Exception):
    """A search came to a move that cannot be made."""


class _EnoughError(Exception):
    """A search has looked often enough."""


class _Measured:
    """Figures f64[parts] with their slopes f64[parts, factors], both from one computation, for an optimiser that asks for one after the other."""

    def __init__(self, figures: Figure, scale: float) -> None:
        self._figures, self._scale = figures, scale
        self._at: bytes | None = None
        self.seen: list[tuple[Floats, Floats]] = []
        """Moves, and figures f64[parts] there."""
        self._known: tuple[Floats, Floats] = (np.empty(0), np.empty((0, 0)))

    def __call__(self, z: Floats) -> tuple[Floats, Floats]:
        if z.tobytes() != self._at:
            if len(self.seen) >= _LOOKS:
                raise _EnoughError
            steps = _SLOPE_STEP * np.eye(len(z))
            values = self._figures(np.concatenate([z[np.newaxis, :], z + steps, z - steps])) / self._scale
            if not np.isfinite(values).all():
                raise _NotAMoveError
            count = len(z)
            slopes = (values[1 : count + 1] - values[count + 1 :]) / (2.0 * _SLOPE_STEP)
            self._at, self._known = z.tobytes(), (values[0], slopes.T)
            self.seen.append((z.copy(), values[0]))
        return self._known


def _improved(parts: Parts | None, figure: Figure, level: float, start: Floats, at_zero: float) -> Floats | None:
    """A nearer move on the level, from `start` on; None where the search failed."""
    scale = max(abs(level - at_zero), _LEAST)
    measured = _Measured((lambda z: figure(z)[:, np.newaxis]) if parts is None else parts(start), scale)
    reach = {"type": "ineq", "fun": lambda z: measured(z)[0] - level / scale, "jac": lambda z: measured(z)[1]}
    try:
        found = minimize(
            lambda z: 0.5 * float(z @ z), start, jac=lambda z: z, method="SLSQP", constraints=[reach], options={"maxiter": _STEPS, "ftol": 1e-10}
        )
    except _NotAMoveError:
        return None
    except _EnoughError:
        reaching = [z for z, values in measured.seen if (values >= level / scale).all()]
        return min(reaching, key=lambda z: float(z @ z), default=None)
    return np.asarray(found.x) if np.isfinite(found.x).all() and float(found.x @ found.x) > 0.0 else None


def _climbed(figure: Figure, start: Floats, radius: float, scale: float) -> Floats | None:
    measured = _Measured(lambda z: figure(z)[:, np.newaxis], scale)
    inside = {"type": "ineq", "fun": lambda z: radius * radius - float(z @ z), "jac": lambda z: -2.0 * z}
    try:
        found = minimize(
            lambda z: -float(measured(z)[0][0]),
            start,
            jac=lambda z: -measured(z)[1][0],
            method="SLSQP",
            constraints=[inside],
            options={"maxiter": _STEPS, "ftol": 1e-10},
        )
    except _NotAMoveError:
        return None
    except _EnoughError:
        return max(measured.seen, key=lambda seen: float(seen[1][0]) if float(seen[0] @ seen[0]) <= radius * radius * (1.0 + 1e-9) else -np.inf)[0]
    return np.asarray(found.x) if np.isfinite(found.x).all() else None
