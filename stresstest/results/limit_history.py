"""Limits over time: each limit's status in the run before, and since when it has been beyond its thresholds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from stresstest.results.history import file_name
from stresstest.results.store import polars_schema
from stresstest.results.trend import series, year_before
from stresstest.tables import LIMIT_HISTORY, LIMITS

Earlier = tuple[datetime, Mapping[str, Mapping[str, Any]]]
"""A moment, and the limits of its run by name."""


def limit_history(limits: pl.DataFrame, earlier: pl.DataFrame, own: Mapping[str, Any], history: Path, warn: Callable[[str], None]) -> pl.DataFrame:
    """The table `limit_history` of a run.

    Args:
        limits: its table `limits`.
        earlier: rows of the table `runs`, of any book and moment.
        own: the row of the run itself, as `history_rows.figures_of_run` gives it.
        history: the history folder.
        warn: told of a file that cannot be read; its run is passed over.

    The runs of twelve months count, of each moment the one that `trend.series` takes. They are read from the latest back, no further than a
    limit that is not green needs.
    """
    same = pl.col("book") == own["book"], pl.col("reporting_currency") == own["reporting_currency"]
    within = pl.col("as_of") > year_before(own["as_of"]), pl.col("as_of") < own["as_of"]
    runs = series(earlier.filter(*same, *within), own["specification"]).sort("as_of", descending=True)
    return over_time(limits, own["as_of"], _kept(runs, history, warn))


def over_time(limits: pl.DataFrame, as_of: datetime, earlier: Iterator[Earlier]) -> pl.DataFrame:
    """The same from the limits of earlier runs, latest first; `earlier` is asked no further than needed.

    Days in breach are days on which a run was made, this one included, that follow each other without a run in which the limit was green or not yet
    there. Several moments of a day are one day.
    """
    rows = {row["name"]: _begun(row, as_of) for row in limits.iter_rows(named=True)}
    days: dict[str, dict[str, set[Any]]] = {
        name: {"breach": {as_of.date()} if row["in_breach_since"] else set(), "red": {as_of.date()} if row["red_since"] else set()}
        for name, row in rows.items()
    }
    open_since = {name: {key for key in ("breach", "red") if days[name][key]} for name in rows}
    first = True
    for moment, found in earlier:
        for name, row in rows.items():
            then = found.get(name)
            if first and then is not None:
                row |= {"previous_status": then["status"], "previous_value": then["value"], "previous_as_of": moment}
            status = None if then is None else then["status"]
            for key, since, there in (("breach", "in_breach_since", status not in (None, "green")), ("red", "red_since", status == "red")):
                if not there:
                    open_since[name].discard(key)
                elif key in open_since[name]:
                    row[since] = moment
                    days[name][key].add(moment.date())
        first = False
        if not any(open_since.values()):
            break
    counted = [row | {"days_in_breach": len(days[name]["breach"]), "days_red": len(days[name]["red"])} for name, row in rows.items()]
    return pl.DataFrame(counted, schema=polars_schema(LIMIT_HISTORY))


def _begun(row: Mapping[str, Any], as_of: datetime) -> dict[str, Any]:
    return {
        "place": row["place"],
        "name": row["name"],
        "previous_as_of": None,
        "previous_status": None,
        "previous_value": None,
        "in_breach_since": None if row["status"] == "green" else as_of,
        "red_since": as_of if row["status"] == "red" else None,
    }


def _kept(runs: pl.DataFrame, history: Path, warn: Callable[[str], None]) -> Iterator[Earlier]:
    """The limits that a history keeps of these runs, in their order; a run without the table had none."""
    for as_of, result_id, finished in runs.select("as_of", "result_id", "finished").iter_rows():
        file = history / LIMITS.name / file_name(as_of, result_id, finished)
        if not file.is_file():
            yield as_of, {}
            continue
        try:
            with pq.ParquetFile(file, page_checksum_verification=True) as parquet:
                listed = parquet.read(["name", "status", "value"]).to_pylist()
        except (OSError, pa.ArrowException) as error:
            warn(f"a file of the history is left out: {file} cannot be read: {str(error).rstrip('.')}")
            continue
        yield as_of, {row["name"]: row for row in listed}
