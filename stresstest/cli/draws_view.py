"""Weighted scenarios in the answer that a person sees after a run."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stresstest.cli.figures import money, percent
from stresstest.cli.output import shortened
from stresstest.errors import counted
from stresstest.results.draws import SHOWN_LEVEL, DrawFigures


def draws_lines(figures: Sequence[DrawFigures], accounts: pl.DataFrame) -> list[str]:
    """Of the family with most scenarios: what the book loses in its worst part, how likely a default is, and how many accounts are likely to fail.

    Args:
        figures: one family after the other; none: no lines.
        accounts: the table `account_probabilities`.
    """
    if not figures:
        return []
    first = max(figures, key=lambda each: each.scenarios)  # among equals the first, as in the report
    tail = next(each for each in first.tails if each.level == SHOWN_LEVEL)
    scope = f"{counted(first.scenarios, 'scenario')} over {first.horizon_days:g} day{'' if first.horizon_days == 1.0 else 's'}"
    way = "loss" if tail.expected_shortfall >= 0.0 else "gain"
    shortfall = f"mean {way} of the worst {percent(1.0 - SHOWN_LEVEL)} (expected shortfall) {money(abs(tail.expected_shortfall), 0)}"
    others = len(figures) - 1
    more = f"; {others} more {'family' if others == 1 else 'families'} in the report" if others else ""
    default = f"probability that any owner is in default {_percent(first.probability_of_a_default)}"
    if first.probability_of_a_default == 0.0:
        default = "no owner is in default in any of them"
    likely = f"{counted(first.accounts_likely_to_fail, 'account')} likely to fail (in half of them or more)"
    own = (pl.col("family") == first.family) & (pl.col("horizon_days") == first.horizon_days)
    failed = accounts.filter(own & pl.col("base_status").is_in(["liquidation", "default"]) & (pl.col("p_liquidation") >= 0.5)).height
    likely += f", {failed:,} of them at base already" if failed else ""
    return [f"Probabilities    {shortened(first.family)}, {scope}: {shortfall}{more}", f"                 {default}; {likely}"]


def _percent(probability: float) -> str:
    """What rounds to nothing and is something is said to be.

    >>> _percent(0.123), _percent(0.00001)
    ('12.3%', 'below 0.01%')
    """
    return percent(probability) if probability >= 0.0001 else "below 0.01%"
