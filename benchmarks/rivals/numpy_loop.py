"""NumPy: a loop over scenarios, positions sorted by account and summed with `add.reduceat`."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from benchmarks.rivals.arrays import finished, read
from benchmarks.rivals.job import Answer, Floats


def work(book: Path, scenarios: Path) -> Answer:
    """The job, on one core."""
    started = time.perf_counter()
    arrays = read(book, scenarios)
    holders, first = np.unique(arrays.account, return_index=True)
    cost = np.add.reduceat(arrays.cost, first)
    prepared = time.perf_counter()

    def by_account(values: Floats) -> Floats:
        result = np.zeros(arrays.accounts)
        result[holders] = values
        return result

    totals = []
    worst = np.full(arrays.accounts, np.inf)
    for moves in arrays.moves.T:
        value = arrays.value * moves[arrays.underlying]
        pnl = np.add.reduceat(value, first) - cost
        notional = np.abs(value, out=value)
        needs = [np.add.reduceat(arrays.margin(notional, which), first) for which in (0, 1)]
        total, excess = finished(arrays, moves, by_account(pnl), by_account(needs[0]), by_account(needs[1]))
        totals.append(total)
        np.minimum(worst, excess, out=worst)
    return Answer(np.stack(totals), worst, prepared - started, time.perf_counter() - prepared)
