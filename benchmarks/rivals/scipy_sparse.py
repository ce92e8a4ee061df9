"""SciPy: P&L and what is linear in the margin as sparse products over blocks of scenarios; only tiers that some scenario crosses one by one.

The best that array tools do: over the range of the scenarios' prices the requirement of most positions is one line.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from scipy import sparse

from benchmarks.rivals.arrays import finished, read
from benchmarks.rivals.job import Answer

WIDTH, TALL = 50, 2_048
"""Scenarios and accounts of a block: tables of this size stay in the cache of a core."""


def work(book: Path, scenarios: Path) -> Answer:
    """The job, on one core."""
    started = time.perf_counter()
    arrays = read(book, scenarios)
    shape = (arrays.accounts, len(arrays.moves))
    low, high = arrays.moves.min(axis=1)[arrays.underlying], arrays.moves.max(axis=1)[arrays.underlying]
    notional = np.abs(arrays.value)
    slope, constant = [np.zeros(len(notional)) for _ in (0, 1)], [np.zeros(len(notional)) for _ in (0, 1)]
    crossed, starts, rates = [], [], []
    for start, *both in zip(arrays.margin.starts, arrays.margin.maintenance, arrays.margin.initial, strict=True):
        always = notional * low >= start
        for which, rate in enumerate(both):
            slope[which] += np.where(always, rate * notional, 0.0)
            constant[which] -= np.where(always, rate * start, 0.0)
        some = np.flatnonzero(~always & (notional * high > start))
        crossed.append(some)
        starts.append(np.full(len(some), start))
        rates.append(np.tile(both, (len(some), 1)))
    row = np.concatenate(crossed)
    edge, rate_of = np.concatenate(starts)[:, None], np.concatenate(rates)
    pnl = sparse.csr_array((arrays.value, (arrays.account, arrays.underlying)), shape=shape)
    cost = np.bincount(arrays.account, arrays.cost, arrays.accounts)
    linear = [sparse.csr_array((each, (arrays.account, arrays.underlying)), shape=shape) for each in slope]
    offset = [np.bincount(arrays.account, each, arrays.accounts) for each in constant]
    places = (arrays.account[row], np.arange(len(row)))
    above = [sparse.csr_array((rate_of[:, which], places), shape=(arrays.accounts, len(row))) for which in (0, 1)]
    prepared = time.perf_counter()
    totals = []
    worst = np.full(arrays.accounts, np.inf)
    for first in range(0, arrays.moves.shape[1], WIDTH):
        moves = np.ascontiguousarray(arrays.moves[:, first : first + WIDTH])
        over = moves[arrays.underlying[row]]
        over *= notional[row, None]
        over -= edge
        np.maximum(over, 0.0, out=over)
        needs = [linear[which] @ moves for which in (0, 1)]
        for which in (0, 1):
            needs[which] += offset[which][:, None]
            needs[which] += above[which] @ over
        earned = pnl @ moves
        earned -= cost[:, None]
        total = np.zeros((moves.shape[1], 3))
        for start in range(0, arrays.accounts, TALL):
            here = slice(start, start + TALL)
            part, excess = finished(arrays, moves, earned[here], needs[0][here], needs[1][here], here)
            total += part
            np.minimum(worst[here], excess.min(axis=1), out=worst[here])
        totals.append(total)
    return Answer(np.concatenate(totals), worst, prepared - started, time.perf_counter() - prepared)
