"""Distances in the answer that a person sees after a run."""

from __future__ import annotations

import polars as pl

from stresstest.cli.output import shortened
from stresstest.errors import counted
from stresstest.results.distance import NEAR, nearest, of_factors


def distance_lines(distance: pl.DataFrame) -> list[str]:
    """How many accounts a move of one factor takes down within NEAR, and the nearest; of scenarios the smallest multiple of each.

    Args:
        distance: the table, in its order.
    """
    factors = of_factors(distance)
    lines = [f"Distance, one factor at a time: {counted(factors['account_id'].n_unique(), 'account')}"] if factors.height else ["Distance"]
    for target in ("liquidation", "default"):
        found = nearest(factors, target)
        if target in set(factors["target"]):
            base = found.filter(pl.col("shift") == 0.0).height
            within = found.filter(pl.col("shift").abs() <= NEAR).height - base
            lines.append(f"  {target:12} {counted(within, 'account')} within {NEAR:.0%}, {base:,} at base already; nearest {_nearest(found)}")
    along = distance.filter(pl.col("direction") == "along")
    for (name, target), rows in along.group_by("factor", "target", maintain_order=True):
        found = nearest(rows, str(target)).filter(pl.col("shift") != 0.0)
        first = found.row(0, named=True) if found.height else None
        told = "not reached" if first is None else f"{shortened(first['account_id'])} at {first['shift']:.4g} times"
        lines.append(f"  {target!s:12} {shortened(str(name))}: nearest {told}")
    return lines


def _nearest(found: pl.DataFrame) -> str:
    ahead = found.filter(pl.col("shift") != 0.0)
    if ahead.is_empty():
        return "none"
    first = ahead.row(0, named=True)
    return f"{shortened(first['account_id'])} at {shortened(first['factor'])} {first['shift']:+.2%}"
