"""Monte Carlo: random moves of all factors together, as scenarios."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import chdtri, ndtri
from threadpoolctl import threadpool_limits

from stresstest.documents import Problem
from stresstest.scenarios.generators.covariance import Estimate, Moves, cholesky
from stresstest.scenarios.generators.history import Floats, shift_of, size_of
from stresstest.scenarios.generators.of_history import MonteCarlo
from stresstest.scenarios.generators.windows import as_shocks
from stresstest.scenarios.scenario_set import SHOCKS, Scenario

_DRAWS = 128

WARM_UP = 20
"""Moves that the volatility of filtered history starts from; they are not drawn."""


def drawn(generator: MonteCarlo, moves: Moves, estimated: Estimate) -> tuple[list[Scenario], pl.DataFrame, list[Problem]]:
    """The scenarios of a Monte Carlo generator, their shocks (columns `SHOCKS`), and what is wrong with it.

    Args:
        generator: what is asked.
        moves: the sample.
        estimated: its covariance; of filtered history only what is said of the sample counts.
    """
    if generator.distribution == "filtered_history":
        if len(moves.values) < 2 * WARM_UP:
            what = f"too little history to filter: {len(moves.values)} moves"
            hint = f"At least {2 * WARM_UP} are needed: widen the window."
            return [], pl.DataFrame(schema=SHOCKS), [Problem(("covariance",), what, hint, of_data=True)]
        sizes = _filtered(generator, moves)
        about = f"filtered history, {estimated.words()}"
    else:
        sizes = _from_covariance(generator, estimated)
        shape = "normal" if generator.distribution == "normal" else f"Student-t with {generator.df:g} degrees of freedom"
        about = f"{shape}, {estimated.words()}"
    for place, kind in enumerate(moves.kinds):
        sizes[place] = size_of(sizes[place], kind)
    return _written(generator, moves, sizes, f"{about}; seed {generator.seed}")


def uniforms(seed: int, stream: int, rows: int, columns: int) -> Floats:
    """f64[rows, columns] in (0, 1): the number at (i, j) depends on seed, stream, i, and j alone (Philox, Salmon et al. 2011).

    Every column has a counter space of its own, so more draws or more factors leave those that are there as they are.
    """
    found = np.empty((rows, columns))
    for column in range(columns):
        bits = np.random.Philox(key=np.array([seed, (stream << 32) + column], dtype=np.uint64)).random_raw(rows)
        found[:, column] = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return found


def _from_covariance(generator: MonteCarlo, estimated: Estimate) -> Floats:
    """f64[factors, draws]: sqrt(h) * L z, times sqrt((df - 2) / chi2) for Student-t, so that its covariance is the same."""
    lower = cholesky(estimated.matrix)
    assert lower is not None  # an estimate is positive definite
    count = len(estimated.factors)
    normal = ndtri(uniforms(generator.seed, 0, generator.draws, count))
    found = np.empty((count, generator.draws))
    # Every product has the same shape and one thread: a draw has the same bits however many there are, and whatever the threads.
    some = np.zeros((count, _DRAWS))
    with threadpool_limits(limits=1, user_api="blas"):
        for first in range(0, generator.draws, _DRAWS):
            here = normal[first : first + _DRAWS].T
            some[:, : here.shape[1]] = here
            found[:, first : first + _DRAWS] = (lower @ some)[:, : here.shape[1]]
    found *= np.sqrt(float(generator.horizon_days))
    if generator.df is not None:
        mixing = chdtri(generator.df, uniforms(generator.seed, 1, generator.draws, 1)[:, 0])
        found *= np.sqrt((generator.df - 2.0) / mixing)
    return np.asarray(found)


def _filtered(generator: MonteCarlo, moves: Moves) -> Floats:
    """f64[factors, draws]: sums over h drawn days of x_t / sigma_t * sigma_today, sigma_t of what was known before day t.

    sigma^2 <- lambda * sigma^2 + (1 - lambda) * x^2 per calendar day, from the mean square of the first moves (Barone-Adesi, Giannopoulos and
    Vosper, VaR without correlations for portfolios of derivative securities, 1999).
    """
    daily = moves.values / np.sqrt(moves.gap)[:, None]
    variance = np.zeros(daily.shape[1])
    for row in daily[:WARM_UP]:
        variance += row * row
    variance /= WARM_UP
    scaled = np.empty((len(daily) - WARM_UP, daily.shape[1]))
    keep = generator.decay_factor
    for place, row in enumerate(daily[WARM_UP:]):
        scaled[place] = np.divide(row, np.sqrt(variance), out=np.zeros_like(row), where=variance > 0.0)
        variance = keep * variance + (1.0 - keep) * row * row
    chosen = (uniforms(generator.seed, 2, generator.draws, generator.horizon_days) * len(scaled)).astype(np.int64)
    found = np.zeros((daily.shape[1], generator.draws))
    for step in range(generator.horizon_days):
        found += scaled[chosen[:, step]].T
    return found * np.sqrt(variance)[:, None]


def _written(generator: MonteCarlo, moves: Moves, sizes: Floats, source: str) -> tuple[list[Scenario], pl.DataFrame, list[Problem]]:
    count, draws = sizes.shape
    wild = ~np.isfinite(sizes)
    if wild.any():
        factor = moves.factors[int(np.flatnonzero(wild.any(axis=1))[0])]
        return (
            [],
            pl.DataFrame(schema=SHOCKS),
            [Problem((), f"a draw of {factor} is no number", "Choose more degrees of freedom or a shorter horizon.")],
        )
    below = [place for place, kind in enumerate(moves.kinds) if kind == "relative" and (sizes[place] <= -1.0).any()]
    if below:
        factor = moves.factors[below[0]]
        hint = "Measure its moves as `log`, which cannot fall below zero."
        return [], pl.DataFrame(schema=SHOCKS), [Problem(("returns",), f"draws take {factor} to zero or below", hint)]
    digits = len(str(generator.draws))
    name = generator.name or generator.id
    scenarios = [
        Scenario(
            f"{generator.id}.{number + 1:0{digits}d}",
            f"{name}, draw {number + 1} of {draws}",
            generator.family,
            generator.headline,
            float(generator.horizon_days),
            generator.decay,
            source,
            1.0 / draws,
            first=number * count,
            last=(number + 1) * count,
        )
        for number in range(draws)
    ]
    factors = pl.Series(moves.factors, dtype=pl.String).cast(SHOCKS["factor"])
    shifts = pl.Series([shift_of(kind) for kind in moves.kinds], dtype=pl.String).cast(SHOCKS["shift"])
    place = np.tile(np.arange(count, dtype=np.uint32), draws)
    rows = pl.DataFrame(
        {
            "scenario": pl.Series(np.repeat(np.arange(draws, dtype=np.int32), count), dtype=pl.Int32),
            "factor": factors.gather(place),
            "shift": shifts.gather(place),
            "value": sizes.T.ravel(),
        }
    )
    return scenarios, as_shocks(rows), []
