"""Many accounts at once: their uncollateralised losses together, and the likeliest move that brings them to a level.

Both questions are about sets A of accounts. S(x) is the largest over all sets of -(E_A + w_A'x), sums over A; in an ellipsoid of radius k, A loses
at most k sqrt(w_A' S w_A) - E_A, in its own direction -S w_A; and it loses L no nearer than at (L + E_A) / sqrt(w_A' S w_A). There are too many sets
to try: each answer is the best found from many starts (`system_starts`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.stress.plausible.system_starts import directions, of_length_one

Floats = npt.NDArray[np.float64]

_STEPS = 1_000
"""Steps of one ascent at most; there are finitely many sets, and few are passed."""
_FLIPPED = 32
"""Local maxima, of the largest, from which single accounts are added and left out."""

_ROUNDS = 100
"""Ellipsoids that are looked inside at most, each smaller than the one before."""
_VALUES = 4_000_000
"""Accounts times starts that are looked at in at once."""

_GAIN = 1e-12
"""Share by which something must be better to be taken: sums of many accounts are rounded."""

_FLAT = 1e-12
"""Spread of all accounts along an axis, as a share of the widest, below which there is none."""


@dataclass(frozen=True)
class Worst:
    """The largest system shortfall found inside an ellipsoid, reporting currency, where (`move` f64[factors]), and from how many starts."""

    shortfall: float
    move: Floats
    starts: int


def shortfall(equity: Floats, exposures: Floats, move: Floats) -> float:
    """S(x) = sum over accounts of max(0, -(E_i + w_i'x)): what others would have to pay. Convex in x.

    `equity` f64[accounts], `exposures` f64[accounts, factors], `move` f64[factors].
    """
    return float(np.maximum(-(equity + exposures @ move), 0.0).sum())


def worst(covariance: Floats, equity: Floats, exposures: Floats, radius: float, starts: Sequence[Floats] = ()) -> Worst:
    """The largest S(x) found with x' S^-1 x <= radius^2.

    Conditional-gradient ascent x <- -k S g / sqrt(g' S g), g the sum of w_i over accounts in shortfall, from every start at once: S rises at every
    step, and there are finitely many sets of accounts, so it ends, in a local maximum. The largest of these are then improved by adding or leaving
    out one account at a time, and climbed on from, until neither helps. A lower bound of the maximum; the maximum itself where accounts span one or
    two axes.

    Args:
        covariance: f64[factors, factors].
        equity: f64[accounts].
        exposures: f64[accounts, factors].
        radius: k.
        starts: further moves to start from.
    """
    return _System(covariance, equity, exposures, radius).worst(radius, starts)


def smallest_radius(covariance: Floats, equity: Floats, exposures: Floats, target: float, most: float, starts: Sequence[Floats] = ()) -> Worst | None:
    """The smallest ellipsoid found in which the system shortfall reaches the target, with the move there; None where it does not within `most`.

    From the worst moves found inside `most`, x <- -S g (L + E) / (g' S g), E and g the sums over accounts in shortfall: S stays at L or above, and
    the distance falls at every step. Then the worst moves inside the ellipsoid so found, and so on, until none exceeds the target. What is found is
    an upper bound of the distance; the distance itself where accounts span one or two axes.

    Args:
        covariance: f64[factors, factors].
        equity: f64[accounts].
        exposures: f64[accounts, factors].
        target: shortfall to be reached, reporting currency.
        most: the largest distance of interest.
        starts: f64[factors] each, further moves to start from.
    """
    if shortfall(equity, exposures, np.zeros(len(covariance))) >= target:
        return Worst(shortfall(equity, exposures, np.zeros(len(covariance))), np.zeros(len(covariance)), 0)
    return _System(covariance, equity, exposures, most).nearest(target, most, starts)


class _System:
    """Accounts that can be in shortfall within a radius, in axes in which the covariance is the identity and which they span."""

    def __init__(self, covariance: Floats, equity: Floats, exposures: Floats, most: float) -> None:
        root = np.linalg.cholesky(covariance)
        spread = exposures @ root
        # Accounts that keep their equity everywhere inside add nothing.
        matter = (equity < most * np.sqrt((spread * spread).sum(axis=1))) | (equity < 0.0)
        spread, self._equity = spread[matter], equity[matter]
        wide, turned = np.linalg.eigh(spread.T @ spread)
        kept = np.flatnonzero(wide > _FLAT * max(float(wide.max(initial=0.0)), 1e-300))[::-1]
        self._axes = turned[:, kept]
        self._exposures = np.ascontiguousarray(spread @ self._axes)
        self._back = root @ self._axes
        self._white = np.linalg.solve(root, np.eye(len(root)))

    def worst(self, radius: float, starts: Sequence[Floats] = ()) -> Worst:
        """See `worst`; within the radius that accounts were chosen for."""
        tops, figures, count = self._tops(radius, starts)
        if not len(tops):
            return Worst(float(np.maximum(-self._equity, 0.0).sum()), np.zeros(len(self._back)), count)
        return Worst(float(figures[0]), np.asarray(self._back @ tops[0]), count)

    def nearest(self, target: float, most: float, starts: Sequence[Floats] = ()) -> Worst | None:
        """See `smallest_radius`; there is less than the target at no move."""
        radius, best, count = most, None, 0
        for _ in range(_ROUNDS):
            tops, figures, begun = self._tops(radius, starts)
            count += begun
            reaching = tops[figures >= target] if best is None else tops[figures > target * (1.0 + _GAIN)]
            if not len(reaching):
                break
            moves = self._descended(reaching, target)
            lengths = np.sqrt((moves * moves).sum(axis=1))
            at = int(np.argmin(lengths))
            if best is not None and not lengths[at] < radius * (1.0 - _GAIN):
                break
            best, radius = moves[at], float(lengths[at])
        if best is None:
            return None
        return Worst(float(self._figures(best[np.newaxis, :])[0]), np.asarray(self._back @ best), count)

    def _tops(self, radius: float, starts: Sequence[Floats]) -> tuple[Floats, Floats, int]:
        """The largest local maxima at a radius, largest first, with their figures, and from how many starts."""
        if not self._exposures.size or radius == 0.0:
            return np.empty((0, self._exposures.shape[1])), np.empty(0), 0
        given = np.array(list(starts)).reshape(-1, len(self._back)) @ self._white.T @ self._axes
        units = np.unique(np.concatenate([directions(self._equity, self._exposures, radius), of_length_one(given)]).round(12), axis=0)
        tops, figures = self._climbed(radius * of_length_one(units), radius)
        order = np.argsort(-figures, kind="stable")
        tops, figures = tops[order], figures[order]
        kept = np.sort(np.unique(tops.round(12), axis=0, return_index=True)[1])[:_FLIPPED]
        tops, figures = tops[kept], figures[kept]
        for at in range(len(tops)):
            tops[at], figures[at] = self._flipped(tops[at], float(figures[at]), radius)
        order = np.argsort(-figures, kind="stable")
        return tops[order], figures[order], len(units)

    def _climbed(self, moves: Floats, radius: float) -> tuple[Floats, Floats]:
        """Local maxima of S at the radius, from each of the moves on."""
        moves, figures = moves.copy(), self._figures(moves)
        going = np.arange(len(moves))
        for _ in range(_STEPS):
            if not len(going):
                break
            sums = self._sums(moves[going])[:, 1:]
            lengths = np.sqrt((sums * sums).sum(axis=1))
            # Where nobody is short there is no way up; a length of one keeps the move where it is found no better.
            after = -sums * (radius / np.where(lengths > 0.0, lengths, 1.0))[:, np.newaxis]
            reached = self._figures(after)
            better = reached > figures[going] * (1.0 + _GAIN)
            going = going[better]
            moves[going], figures[going] = after[better], reached[better]
        return moves, figures

    def _flipped(self, move: Floats, figure: float, radius: float) -> tuple[Floats, float]:
        """A local maximum that no single account added to its set, or left out of it, improves."""
        own = (self._exposures * self._exposures).sum(axis=1)
        for _ in range(_STEPS):
            short = self._equity + self._exposures @ move < 0.0
            total, held = self._exposures[short].sum(axis=0), float(self._equity[short].sum())
            sign = np.where(short, -1.0, 1.0)
            squares = float(total @ total) + 2.0 * sign * (self._exposures @ total) + own
            lost = radius * np.sqrt(np.maximum(squares, 0.0)) - held - sign * self._equity
            at = int(np.argmax(lost))
            if not lost[at] > figure * (1.0 + _GAIN):
                break
            towards = total + sign[at] * self._exposures[at]
            length = float(np.sqrt(towards @ towards))
            if length == 0.0:
                break
            after, figures = self._climbed((-radius / length * towards)[np.newaxis, :], radius)
            if not figures[0] > figure * (1.0 + _GAIN):
                break
            move, figure = after[0], float(figures[0])
        return move, figure

    def _descended(self, moves: Floats, target: float) -> Floats:
        """The nearest moves with S at the target, from each of moves that reach it on."""
        moves = moves.copy()
        lengths = np.sqrt((moves * moves).sum(axis=1))
        going = np.arange(len(moves))
        for _ in range(_STEPS):
            sums = self._sums(moves[going])
            towards = sums[:, 1:]
            wide = np.sqrt((towards * towards).sum(axis=1))
            # A move at the very edge of a tiny target may find nobody in shortfall, for rounding: it stays.
            far = np.divide(target + sums[:, 0], wide, out=np.full(len(going), np.inf), where=wide > 0.0)
            better = far < lengths[going] * (1.0 - _GAIN)
            if not better.any():
                break
            going = going[better]
            moves[going] = -towards[better] * (far[better] / wide[better])[:, np.newaxis]
            lengths[going] = far[better]
        return moves

    def _figures(self, moves: Floats) -> Floats:
        """S at moves, f64[moves]."""
        return np.concatenate([np.maximum(-cushions, 0.0).sum(axis=0) for cushions in self._cushions(moves)])

    def _sums(self, moves: Floats) -> Floats:
        """Over accounts in shortfall at moves, of their equity and exposures: f64[moves, 1 + axes]."""
        found = []
        for cushions in self._cushions(moves):
            short = (cushions < 0.0).astype(np.float64).T
            found.append(np.column_stack([short @ self._equity, short @ self._exposures]))
        return np.concatenate(found)

    def _cushions(self, moves: Floats) -> list[Floats]:
        at_once = max(1, _VALUES // max(1, len(self._equity)))
        return [self._equity[:, np.newaxis] + self._exposures @ moves[first : first + at_once].T for first in range(0, len(moves), at_once)]
