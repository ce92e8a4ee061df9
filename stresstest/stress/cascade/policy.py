"""How much of what it holds a pool in liquidation closes."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from stresstest.stress.cascade.liquidated import Pairs, summed

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

Policy = Literal["full", "partial_to_target", "worst_first", "pro_rata"]


def shares(
    pairs: Pairs, policy: Policy, *, balance: Floats, requirement: Floats, notional: Floats, lost: Floats | None = None,
    target_ratio: float | None = None, liquidation_fee: float = 0.0,
) -> Floats:  # fmt: skip
    """The share of every position that is closed this round, f64[positions] from 0 to 1, more than 0 of some position of every pair that has any.

    With B the margin balance, R the requirement, N the gross notional and c the fee, M = max(target_ratio * N, R):

    * `full`: everything. A target or a fee plays no part.
    * `partial_to_target`: of every position the smallest share x with B - c*x*N >= M*(1 - x), so x = (M - B) / (M - c*N); everything where M <= c*N,
      because closing costs more than it frees. `pro_rata`: the same with M = R.
    * `worst_first`: whole positions, the largest loss first (ties: by instrument), until B - c*n >= M*(N - n)/N, n what is closed of N.

    Args:
        pairs: pools that breach.
        policy: which of these.
        balance: f64[pairs] maintenance margin balance.
        requirement: f64[pairs] maintenance requirement; where equality is a breach already, with something on top, or nothing would be closed.
        notional: f64[positions] absolute notional of what is held, reporting currency as all of these.
        lost: f64[positions] value at base less value now, for `worst_first`.
        target_ratio: margin balance over gross notional that liquidation aims at.
        liquidation_fee: share of the notional closed.
    """
    pair = pairs.of_positions()
    if policy == "full":
        return np.ones(len(pair))
    gross = summed(pair, notional, len(pairs.pool))
    least = requirement if policy == "pro_rata" or target_ratio is None else np.maximum(target_ratio * gross, requirement)
    frees = least - liquidation_fee * gross
    if policy == "worst_first":
        assert lost is not None
        order = np.lexsort((pairs.instrument, -lost, pair))
        return _until_enough(order, pair, notional, gross, balance, least, liquidation_fee)
    share = np.divide(least - balance, frees, out=np.ones_like(frees), where=frees > 0.0)
    return np.clip(share, 0.0, 1.0)[pair]


def _until_enough(order: Longs, pair: Longs, notional: Floats, gross: Floats, balance: Floats, least: Floats, fee: float) -> Floats:
    """One for the positions, in an order that goes pair by pair, whose pair falls short with those before them closed; zero for the others."""
    counts = np.bincount(pair, minlength=len(gross))
    first = np.cumsum(counts) - counts
    before, closed = np.zeros(len(gross)), np.zeros(len(pair))
    waiting = np.flatnonzero(counts > 0)
    turn = 0
    # One position of every pair after the other, so that what a pair has closed is added up in its own order alone.
    while len(waiting):
        left = np.divide(gross[waiting] - before[waiting], gross[waiting], out=np.ones(len(waiting)), where=gross[waiting] > 0.0)
        waiting = waiting[balance[waiting] - fee * before[waiting] < least[waiting] * left]
        position = order[first[waiting] + turn]
        closed[position] = 1.0
        before[waiting] += notional[position]
        turn += 1
        waiting = waiting[counts[waiting] > turn]
    return closed
