"""The covariance of factor moves, and what follows from it. Computed elementwise, in one order: the same bits whatever the threads.

Linear algebra libraries share sums out to threads, which moves last bits; here scenarios follow from them, so only elementwise operations are
used, and the few figures that a library gives are rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from stresstest.documents import Problem
from stresstest.scenarios.generators.history import Floats, History, Return, day, day_number, moved
from stresstest.scenarios.generators.of_history import Covariance

LEAST_MOVES = 20
"""Moves below which a covariance says nothing."""

_SINGULAR = 1e-12
"""Smallest pivot of a Cholesky factor, as a share of the factor's variance, that is more than rounding."""

_DIGITS = 12


@dataclass(frozen=True)
class Moves:
    """Daily moves f64[moves, factors], each over `gap` f64[moves] calendar days that end on `days`; `kinds`: how each factor's are measured."""

    factors: tuple[str, ...]
    kinds: tuple[Return, ...]
    values: Floats
    gap: Floats
    days: np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True)
class Estimate:
    """A covariance f64[n, n] of moves over one calendar day, its sample, and how it was shrunk."""

    factors: tuple[str, ...]
    kinds: tuple[Return, ...]
    matrix: Floats
    moves: int
    first: date
    last: date
    shrinkage: float
    condition: float

    def words(self) -> str:
        """The sample in words, for the source of what is made of it."""
        shrunk = f", shrunk by {self.shrinkage:.3f}" if self.shrinkage else ""
        number = f"{len(self.factors)} factor{'' if len(self.factors) == 1 else 's'}"
        return f"{self.moves} moves from {self.first} to {self.last} of {number}{shrunk}, condition number {self.condition:.3g}"


def moves_of(history: History, kinds: Sequence[Return], asked: Covariance, until: date) -> tuple[Moves | None, list[Problem]]:
    """The moves of a window, between consecutive days on which all factors have a value; None with what is wrong with it.

    Args:
        history: the values of the factors wanted.
        kinds: how each factor's moves are measured.
        asked: the window.
        until: the day of the snapshot.
    """
    last = day_number(until if asked.to is None else min(asked.to, until))
    inside = (history.days > last - asked.window_days) & (history.days <= last)
    known = ~np.isnan(history.values[inside])
    whole = known.all(axis=1)
    days, values = history.days[inside][whole], history.values[inside][whole]
    if len(days) <= LEAST_MOVES:
        few = [history.factors[place] for place in np.flatnonzero(known.sum(axis=0) <= LEAST_MOVES)]
        what = (
            f"too little history: {max(len(days) - 1, 0)} moves on days with a value of every factor, in {asked.window_days} days up to {day(last)}"
        )
        blame = f" Hardly any value: {', '.join(few[:6])}{f' and {len(few) - 6} more' if len(few) > 6 else ''}." if few else ""
        return None, [Problem(("covariance",), what, f"At least {LEAST_MOVES} are needed: widen the window, or name `factors`.{blame}", of_data=True)]
    steps = np.stack([moved(values[:-1, place], values[1:, place], kind) for place, kind in enumerate(kinds)], axis=1)
    return Moves(history.factors, tuple(kinds), steps, np.diff(days).astype(np.float64), days[1:]), []


def estimate(moves: Moves, asked: Covariance) -> tuple[Estimate | None, list[Problem]]:
    """The covariance of moves about zero, per calendar day: sum of w_t x_t x_t' / sum of w_t gap_t, then shrunk.

    Moves are not centred: a mean over some hundred days is noise, and a drift is no risk. `ledoit_wolf` and `clip` act on the correlations.

    Sources: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance matrices (2004); Laloux, Cizeau, Bouchaud and
    Potters, Noise dressing of financial correlation matrices (1999).
    """
    age = moves.days[-1] - moves.days
    weight = np.ones(len(age)) if asked.half_life_days is None else 0.5 ** (age / asked.half_life_days)
    matrix = np.zeros((len(moves.factors), len(moves.factors)))
    total = 0.0
    for step, share, gap in zip(moves.values, weight.tolist(), moves.gap.tolist(), strict=True):
        matrix += share * np.multiply.outer(step, step)
        total += share * gap
    matrix /= total
    still = [name for name, variance in zip(moves.factors, np.diagonal(matrix), strict=True) if variance <= 0.0]
    if still:
        what = f"does not move in the window: {', '.join(still[:6])}{f' and {len(still) - 6} more' if len(still) > 6 else ''}"
        return None, [Problem(("covariance",), what, "Leave these factors out, or widen the window.", of_data=True)]
    intensity = 0.0
    if asked.shrinkage != "none":
        matrix, intensity = _shrunk(matrix, moves, asked)
    lower = cholesky(matrix)
    if lower is None:
        count, samples = len(moves.factors), len(moves.values)
        what = f"the covariance is singular: {count} factors, {samples} moves"
        hint = "Give `shrinkage: ledoit_wolf` or `clip`, widen the window, or leave out factors that move as one."
        return None, [Problem(("covariance",), what, hint, of_data=True)]
    deviation = np.sqrt(np.diagonal(matrix))
    condition = float(np.linalg.cond(matrix / np.multiply.outer(deviation, deviation)))
    first, last = day(int(moves.days[0])), day(int(moves.days[-1]))
    return Estimate(moves.factors, moves.kinds, matrix, len(moves.values), first, last, intensity, condition), []


def _shrunk(matrix: Floats, moves: Moves, asked: Covariance) -> tuple[Floats, float]:
    """The shrunk covariance, and how much of it is the target."""
    deviation = np.sqrt(np.diagonal(matrix))
    scale = np.multiply.outer(deviation, deviation)
    correlation = matrix / scale
    if asked.shrinkage == "ledoit_wolf":
        from sklearn.covariance import ledoit_wolf_shrinkage

        # Rounded, because its last bits depend on how a library shares out sums.
        intensity = float(f"{ledoit_wolf_shrinkage(moves.values / deviation, assume_centered=True):.9g}")
        found = (1.0 - intensity) * correlation
        np.fill_diagonal(found, 1.0)
        return found * scale, intensity
    values, vectors = np.linalg.eigh(correlation)
    count = len(values)
    edge = (1.0 + np.sqrt(count / len(moves.values))) ** 2
    noise = values < edge
    cleaned = np.where(noise, values[noise].mean() if noise.any() else 0.0, values)
    found = np.zeros_like(correlation)
    for value, vector in zip(cleaned.tolist(), vectors.T, strict=True):
        found += value * np.multiply.outer(vector, vector)
    # Back to ones on the diagonal; rounded for the same reason.
    own = np.sqrt(np.diagonal(found))
    found = np.round(found / np.multiply.outer(own, own), _DIGITS)
    np.fill_diagonal(found, 1.0)
    return found * scale, float(noise.sum() / count)


def cholesky(matrix: Floats) -> Floats | None:
    """The lower triangular L with L L' = matrix, by columns; None where the matrix is not positive definite but for rounding."""
    left = matrix.copy()
    lower = np.zeros_like(left)
    for place in range(len(left)):
        pivot = left[place, place]
        if not pivot > _SINGULAR * matrix[place, place]:
            return None
        column = left[place:, place] / np.sqrt(pivot)
        lower[place:, place] = column
        left[place + 1 :, place + 1 :] -= np.multiply.outer(column[1:], column[1:])
    return lower


def solved(lower: Floats, right: Floats) -> Floats:
    """x with L L' x = right, f64[n] or f64[n, m]."""
    found = right.astype(np.float64, copy=True)
    for place in range(len(lower)):
        found[place] = found[place] / lower[place, place]
        found[place + 1 :] -= np.multiply.outer(lower[place + 1 :, place], found[place])
    for place in reversed(range(len(lower))):
        found[place] = found[place] / lower[place, place]
        found[:place] -= np.multiply.outer(lower[place, :place], found[place])
    return found
