"""The answer of a reverse stress test by plausibility, as a document."""

from __future__ import annotations

from typing import Literal

from stresstest.results.documents import Document


class FactorMove(Document):
    """What one factor does in the move found: `size` of its shock, and the move in its standard deviations over the horizon."""

    factor: str
    shift: Literal["relative", "absolute"]
    size: float
    standard_deviations: float


class CovarianceUsed(Document):
    """The covariance and its sample: `first` to `last` are days on which moves end; `shrinkage`, how much of it is the target that it is shrunk to;
    `condition`, the condition number of the correlations."""

    factors: tuple[str, ...]
    returns: Literal["log", "relative"]
    horizon_days: float
    moves: int
    first: str
    last: str
    shrinkage: float
    condition: float


class SampleDay(Document):
    """The day of the sample whose moves are most in the direction found, with the cosine of the angle in units of the covariance."""

    date: str
    cosine: float


class Event(Document):
    """The nearest event of the library of crises: root mean square difference of logarithmic price moves, over `assets` that both move."""

    scenario_id: str
    name: str
    distance: float
    assets: int


class AccountDistance(Document):
    """How far an account is from the target's condition by its slopes at base alone: cushion over the standard deviation of it; null where no factor
    of the covariance moves it."""

    account_id: str
    distance: float | None


class Plausible(Document):
    """The likeliest move found that reaches a target, or the worst inside an ellipsoid (`question`).

    `figure`: in reporting currency, what the target looks at (`figure_is`), which it reaches above `level`: at base, just before the move found,
    and at it (at a jump the two differ). `distance`: Mahalanobis, of the move found; null: not reachable `within` so many standard
    deviations. `label`: `exact` where the book is linear and revaluation agrees with the closed form, else `best found` (of the question `target` an
    upper bound of the distance, of `worst` a lower bound of the loss).

    `half_space`: probability of losing at least as much under a normal law, Phi(-distance), where losses are about linear; `half_space_t`: the same
    under Student-t with `df` degrees of freedom and the same covariance; `outside_ellipsoid`: of being at least so far out in whatever direction, a
    larger set. `distance_correlated`: to first order, the distance with all correlations raised to at least 0.9. `distance_linear`,
    `distance_delta_gamma`: by slopes, and by slopes and curvature, at base alone. `box`, `one_factor`: how far an account's cushion falls,
    by its slopes at base, with all factors `within` deviations against it, and with the worst one alone. Cover is of owners: it names no
    `nearest_accounts`.
    """

    schema_version: Literal[1] = 1
    kind: Literal["reverse-plausible"] = "reverse-plausible"
    question: Literal["target", "worst"]
    as_of: str
    target: str
    words: str
    figure_is: str
    reporting_currency: str
    level: float
    within: float
    label: Literal["exact", "best found"] | None
    distance: float | None
    figure_at_base: float
    figure_before: float | None
    figure: float | None
    moves: tuple[FactorMove, ...]
    half_space: float | None
    half_space_t: float | None
    df: float
    outside_ellipsoid: float | None
    distance_correlated: float | None
    distance_linear: float | None
    distance_delta_gamma: float | None
    box: float | None
    one_factor: float | None
    nearest_event: Event | None
    nearest_day: SampleDay | None
    nearest_accounts: tuple[AccountDistance, ...]
    directions: int
    covariance: CovarianceUsed
    scenario_id: str | None
    file: str | None
