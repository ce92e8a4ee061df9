"""Which accounts take longest to liquidate."""

from __future__ import annotations

import numpy as np
import polars as pl

from stresstest.snapshot.book import Dimensions
from stresstest.stress.exposures import Longest
from stresstest.tables import DAYS_TO_LIQUIDATE

LISTED = 100
"""Accounts that are listed."""


def days_to_liquidate(dimensions: Dimensions, longest: Longest, accounts: pl.DataFrame) -> pl.DataFrame:
    """The table `days_to_liquidate`: days = max over underlyings of |net notional| / (volume share * daily volume).

    An account's positions in an underlying net, since they can be closed against each other; those in different underlyings are closed
    side by side. Underlyings without a known volume are left out of the days and told in `gross_without_volume`.

    Args:
        dimensions: of the book.
        longest: of every account.
        accounts: `account_summary`, in the order of the accounts: gross_notional, equity, worst_headline_status.
    """
    order = np.argsort(-longest.days, kind="stable")[:LISTED]
    order = order[longest.days[order] > 0.0].astype(np.uint32)
    underlying = longest.underlying[order].astype(np.uint32)
    frame = dimensions.accounts.select("owner_id", "account_id", "name")[order].with_columns(
        *accounts.select("gross_notional", "equity", "worst_headline_status")[order].iter_columns(),
        pl.Series("rank", np.arange(1, len(order) + 1)),
        pl.Series("days_to_liquidate", longest.days[order]),
        dimensions.assets["asset"][underlying].alias("underlying"),
        pl.Series("net_notional", longest.net[order]),
        dimensions.assets["daily_volume"][underlying],
        pl.Series("gross_without_volume", longest.unknown[order]),
    )
    return frame.select(DAYS_TO_LIQUIDATE.names)
