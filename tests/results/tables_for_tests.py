"""Small result tables, complete in every column, for tests that care about a few."""

from __future__ import annotations

from typing import Any

import polars as pl

from stresstest.results.store import polars_schema
from stresstest.tables import ACCOUNT_SUMMARY, DATA_QUALITY, SCENARIO_SUMMARY, Table

_ZERO = {"float": 0.0, "integer": 0, "string": "", "boolean": False}


def rows(table: Table, *given: dict[str, Any]) -> pl.DataFrame:
    """Rows of a table; what is not given is null where it may be, else zero or empty."""
    blank = {column.name: None if column.nullable else _ZERO[column.type] for column in table.columns}
    return pl.DataFrame([blank | row for row in given], schema=polars_schema(table))


def scenario_summary(*given: dict[str, Any]) -> pl.DataFrame:
    base = {"scenario_id": "base", "name": "Base", "family": "base"}
    return rows(SCENARIO_SUMMARY, base, *({"name": row["scenario_id"], "headline": True} | row for row in given))


def account_summary(*given: dict[str, Any]) -> pl.DataFrame:
    return rows(ACCOUNT_SUMMARY, *({"owner_id": row["account_id"], "status": "ok"} | row for row in given))


def quality(*results: str) -> pl.DataFrame:
    given = [{"check": f"check {n}", "subject": "x", "severity": "warning", "result": result} for n, result in enumerate(results)]
    return rows(DATA_QUALITY, *given)
