"""The covariance that plausibility is measured by: the sample of a book's history, over the horizon asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from stresstest.documents import Problem
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.scenarios.generators.covariance import Estimate, Moves, estimate, moves_of
from stresstest.scenarios.generators.history import kinds_of
from stresstest.scenarios.generators.of_history import Covariance
from stresstest.scenarios.generators.with_history import HISTORY_NEEDED, chosen_factors, history_on
from stresstest.snapshot.book import Book

Floats = npt.NDArray[np.float64]

FARTHEST = 10.0
"""Standard deviations up to which a target is looked for unless asked otherwise."""


@dataclass(frozen=True)
class MoveTerms:
    """How moves are measured and how far is looked. `factors`: names or `type:*` of the history, None: all that it has; `df`: degrees of freedom of
    the Student-t law that probabilities are also given under."""

    factors: tuple[str, ...] | None = None
    covariance_days: int = 500
    shrinkage: Literal["none", "ledoit_wolf", "clip"] = "ledoit_wolf"
    returns: Literal["log", "relative"] = "log"
    horizon_days: float = 1.0
    within: float = FARTHEST
    df: float = 4.0


@dataclass(frozen=True)
class Sample:
    """`moves` day by day with their `estimated` covariance; `covariance` f64[factors, factors] over the horizon, its Cholesky `root`, and the moves
    scaled to the horizon, `over_horizon` f64[moves, factors]."""

    moves: Moves
    estimated: Estimate
    covariance: Floats
    root: Floats
    over_horizon: Floats


def sample_of(book: Book, terms: MoveTerms, snapshot: str) -> Sample:
    """The sample that the terms ask for; `snapshot` is what faults name.

    Raises:
        StressTestError: input data, without a history, or with one that is too short or makes a singular covariance; usage, for unknown factors.
    """
    history = history_on(book)
    if history is None:
        fault = Fault("the snapshot has no history", HISTORY_NEEDED, file=snapshot, table="history")
        raise StressTestError(Reason.INPUT_DATA, "plausibility needs a history", [fault])
    factors, problems = chosen_factors(terms.factors, history)
    if problems:
        raise _refused(problems, Reason.USAGE)
    wanted = history.only(factors)
    asked = Covariance(window_days=terms.covariance_days, shrinkage=terms.shrinkage)
    moves, problems = moves_of(wanted, kinds_of(wanted, factors, {}, terms.returns), asked, book.dimensions.as_of.date())
    if moves is None:
        raise _refused(problems, Reason.INPUT_DATA)
    estimated, problems = estimate(moves, asked)
    if estimated is None:
        raise _refused(problems, Reason.INPUT_DATA)
    covariance = estimated.matrix * terms.horizon_days
    root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    return Sample(moves, estimated, covariance, root, moves.values / np.sqrt(moves.gap / terms.horizon_days)[:, np.newaxis])


def _refused(problems: list[Problem], reason: Reason) -> StressTestError:
    faults = [Fault(each.what, each.hint, table="history") for each in problems]
    hint = "On the command line: --covariance-days is the window, --shrinkage and --factors are called so."
    return StressTestError(reason, "no covariance can be had from the history", faults, hint)
