"""Books that are linear in their factors: closed forms.

`covariance` S is f64[factors, factors], of moves over one horizon; `exposure` w f64[factors], reporting currency gained for a move of one;
`move` x f64[factors]; losses and distances are at least zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, ndtr, stdtr

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plausibility:
    """How likely it is to be at least so far out, three ways of meaning it.

    `half_space`: to lose at least as much as at a move at this distance, under a normal law: Phi(-d). `half_space_t`: the same under Student-t scaled
    to the same covariance; None without degrees of freedom. `outside`: to be outside the ellipsoid of this distance, wherever: the chi-square
    tail, a different and larger set.
    """

    distance: float
    half_space: float
    half_space_t: float | None
    outside: float


def plausibility(distance: float, factors: int, df: float | None = None) -> Plausibility:
    """The probabilities that belong to a distance among so many factors; `df` degrees of freedom (above 2) of the Student-t law."""
    scaled = None if df is None else float(stdtr(df, -distance * np.sqrt(df / (df - 2.0))))
    return Plausibility(distance, float(ndtr(-distance)), scaled, float(chdtrc(factors, distance * distance)))


def deviation(covariance: Floats, exposure: Floats) -> float:
    """Standard deviation of w'x: sqrt(w' S w)."""
    return float(np.sqrt(exposure @ covariance @ exposure))


def worst_in_box(covariance: Floats, exposure: Floats, deviations: float) -> float:
    """The loss with every factor so many standard deviations against the book at once, k * sum |w_i| s_i: no correlation allows for more."""
    return float(deviations * (np.abs(exposure) * np.sqrt(np.diagonal(covariance))).sum())


def worst_of_one_factor(covariance: Floats, exposure: Floats, deviations: float) -> float:
    """The loss with the one factor that costs most so many standard deviations against the book, k * max |w_i| s_i, and no other moving."""
    return float(deviations * (np.abs(exposure) * np.sqrt(np.diagonal(covariance))).max(initial=0.0))


def distance(covariance: Floats, move: Floats) -> float:
    """The Mahalanobis distance of a move: sqrt(x' S^-1 x)."""
    return float(np.sqrt(move @ np.linalg.solve(covariance, move)))


def distances(covariance: Floats, equity: Floats, exposures: Floats) -> Floats:
    """Distance of every account to zero equity: E_i / sqrt(w_i' S w_i), zero below it, infinite where nothing moves it.

    `equity` f64[accounts], `exposures` f64[accounts, factors]; f64[accounts].
    """
    spread = np.sqrt(np.maximum(np.einsum("af,fg,ag->a", exposures, covariance, exposures, optimize=True), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(equity <= 0.0, 0.0, np.where(spread > 0.0, equity / spread, np.inf))


def with_correlation(covariance: Floats, least: float) -> Floats:
    """The covariance with every correlation raised to at least `least`, kept positive definite: the vols stay.

    A correlation matrix between C and the matrix of ones is positive semidefinite; the share that lifts the smallest correlation to `least` is taken.
    """
    own = np.sqrt(np.diagonal(covariance))
    correlation = covariance / np.multiply.outer(own, own)
    apart = correlation[~np.eye(len(correlation), dtype=bool)]
    lowest = float(apart.min()) if apart.size else 1.0
    share = 0.0 if lowest >= least else (least - lowest) / (1.0 - lowest)
    lifted = (1.0 - share) * correlation + share
    return np.asarray(lifted * np.multiply.outer(own, own))
