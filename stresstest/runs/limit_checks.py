"""Limits of a run file before anything is computed: their SQL is prepared against empty tables."""

from __future__ import annotations

from stresstest.config import RunFile
from stresstest.documents import read_document
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.tables import (
    CASCADE_TABLES,
    COMPARISON_TABLES,
    DISTANCE_TABLES,
    FUNDING_TABLES,
    ISOLATION_TABLES,
    LIMITS,
    REPORT_TABLES,
    RESULT_TABLES,
    STATISTICS_TABLES,
    Table,
)


def check_limits(settings: RunFile) -> None:
    """Prepare the SQL of every limit against the tables that the run will have.

    Raises:
        StressTestError: configuration, with a fault for every limit whose SQL cannot be run: its name, line, and how to mend it.
    """
    if not settings.limits:
        return
    from stresstest.results.limit_sql import check_queries  # the database takes a tenth of a second to load

    tables = tables_to_be(settings)
    others = [table.name for table in RESULT_TABLES if table not in tables]
    refused = check_queries([limit.query for limit in settings.limits], tables, others)
    faults = [
        Fault(
            f"limit {limit.name!r} {error.what}",
            error.hint,
            file=str(settings.file) if settings.file else None,
            line=_line(settings, place),
            path=f"limits[{place}].{'sql' if limit.built_in is None else 'built_in'}",
        )
        for place, (limit, error) in enumerate(zip(settings.limits, refused, strict=True))
        if error is not None
    ]
    if faults:
        raise StressTestError(Reason.CONFIGURATION, f"the SQL of {counted(len(faults), 'limit')} cannot be run", faults)


def tables_to_be(settings: RunFile) -> tuple[Table, ...]:
    """The tables over which limits of such a run may be written: those of every run, and those that the run file asks for."""
    asked = settings.compare
    absent = (
        LIMITS,
        *(() if asked.models else COMPARISON_TABLES),
        *(() if asked.isolated else ISOLATION_TABLES),
        *(FUNDING_TABLES if settings.funding is False else ()),
        *(() if settings.reverse.asks else DISTANCE_TABLES),
        *(CASCADE_TABLES if settings.cascade is None else ()),
    )
    return tuple(table for table in RESULT_TABLES if table not in absent)


def limits_need_report_tables(settings: RunFile) -> bool:
    """Whether a limit is about a table that a run of a large book otherwise makes only for a report; statistics are made with any limit."""
    if not settings.limits:
        return False
    from stresstest.results.limit_sql import tables_of

    others = {table.name for table in (*STATISTICS_TABLES, *(FUNDING_TABLES if settings.funding else ()))}
    needed = {table.name for table in REPORT_TABLES} - others
    return not tables_of([limit.query for limit in settings.limits]).isdisjoint(needed)


def _line(settings: RunFile, place: int) -> int | None:
    """The line of the limit, where the file that the settings come from still has this one there."""
    limit = settings.limits[place]
    if settings.file is None or not settings.file.is_file():
        return None
    try:
        document = read_document(settings.file)
    except StressTestError:
        return None
    listed = document.data.get("limits") if isinstance(document.data, dict) else None
    if not isinstance(listed, list) or place >= len(listed) or not isinstance(listed[place], dict) or listed[place].get("name") != limit.name:
        return None
    return document.line(("limits", place, "built_in" if limit.sql is None else "sql"))
