"""The runs of a book as a series: one run for each moment, and the table `trend` that a run keeps of those before it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import polars as pl

from stresstest.results.store import polars_schema
from stresstest.tables import TREND


def year_before(moment: datetime) -> datetime:
    """The same moment of the year before; of 29 February, 28 February. Twelve months up to a moment begin after it."""
    try:
        return moment.replace(year=moment.year - 1)
    except ValueError:
        return moment.replace(year=moment.year - 1, day=28)


def series(runs: pl.DataFrame, specification: str) -> pl.DataFrame:
    """One run for each moment, in order of moment: of the runs of one moment and specification the one that ended last.

    Where several specifications were run of one moment (an ad hoc question beside the standing one), the run of `specification` counts, and
    without one the last of all: scenarios and rules change over the years, and the series goes on.

    Args:
        runs: rows of the table `runs`, of one book and one reporting currency.
        specification: that of the run that looks back.
    """
    order = runs.sort("as_of", pl.col("specification") == specification, "finished", "result_id", descending=[False, True, True, True])
    return order.unique("as_of", keep="first", maintain_order=True)


def trend_table(earlier: pl.DataFrame, own: Mapping[str, Any]) -> pl.DataFrame:
    """The table `trend`: the series of the twelve months up to a run, that run last.

    Args:
        earlier: rows of the table `runs`, of any book and moment.
        own: the row of the run itself, as `history_rows.figures_of_run` gives it.
    """
    same = pl.col("book") == own["book"], pl.col("reporting_currency") == own["reporting_currency"]
    within = pl.col("as_of") > year_before(own["as_of"]), pl.col("as_of") < own["as_of"]
    schema = polars_schema(TREND)
    before = series(earlier.filter(*same, *within), own["specification"]).select(schema.names())
    return pl.concat([before, pl.DataFrame([{name: own[name] for name in schema}], schema=schema)])
