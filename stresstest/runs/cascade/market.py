"""The market that a run file's cascade meets on a book: known, and refused, before anything is stressed."""

from __future__ import annotations

from stresstest.config import Cascade, RunFile
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.stress.cascade.market.depth_table import read_depth_tables
from stresstest.stress.cascade.market.prices import Market, market_of


def market_on(settings: RunFile, terms: Cascade, dimensions: Dimensions, resolved: Resolved) -> Market:
    """The market of a book in all its scenarios.

    Args:
        settings: the run file, which faults name.
        terms: its cascade.
        dimensions: the book's dimension tables.
        resolved: its factors in every scenario.

    Raises:
        StressTestError: see `stress.cascade.market.market_of`; every fault of the parameters at once.
    """
    file = None if settings.file is None else str(settings.file)
    return market_of(terms, dimensions, resolved, read_depth_tables(terms.impact), file=file)
