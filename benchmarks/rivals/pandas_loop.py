"""pandas: a loop over scenarios, a grouped sum in each."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # its stubs are a package of their own

from benchmarks.rivals.arrays import finished, read
from benchmarks.rivals.job import Answer


def work(book: Path, scenarios: Path) -> Answer:
    """The job, on one core."""
    started = time.perf_counter()
    arrays = read(book, scenarios)
    frame = pd.DataFrame({"account": arrays.account, "underlying": arrays.underlying, "value": arrays.value, "cost": arrays.cost})
    prepared = time.perf_counter()
    totals = []
    worst = np.full(arrays.accounts, np.inf)
    for moves in arrays.moves.T:
        value = frame["value"] * moves[frame["underlying"]]
        stressed = pd.DataFrame({"account": frame["account"], "pnl": value - frame["cost"]})
        for which in (0, 1):
            stressed[f"margin_{which}"] = arrays.margin(value.abs().to_numpy(), which)
        sums = stressed.groupby("account", sort=False).sum().reindex(range(arrays.accounts), fill_value=0.0)
        total, excess = finished(arrays, moves, *(sums[name].to_numpy() for name in ("pnl", "margin_0", "margin_1")))
        totals.append(total)
        worst = np.minimum(worst, excess)
    return Answer(np.stack(totals), worst, prepared - started, time.perf_counter() - prepared)
