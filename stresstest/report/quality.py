"""The data-quality page: rows in and used, figures reconciled to the official system, and every check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from stresstest.report.cells import amount_cell, count_cell, plain_cell, text_cell
from stresstest.report.formats import Scale, count, plural_count, scale_for
from stresstest.report.parts import Cell, Column, Row, TableView, Tone
from stresstest.report.view import QualityPage
from stresstest.results.summary import Summary

PRINTED_CHECKS = 60
PRINTED_SUBJECTS = 2

UNSHOCKED = "unshocked notional"
_ROWS, _RECONCILED = "rows of ", "reconciliation of "
_RESULT_WORDS: dict[str, tuple[str, Tone]] = {"pass": ("Pass", "pass"), "warn": ("Warn", "warn"), "fail": ("Fail", "fail")}
_RESULT_ORDER = {"fail": 0, "warn": 1, "pass": 2}


def quality_page(checks: pl.DataFrame, summary: Summary) -> QualityPage:
    """The page from the table data_quality: control counts and reconciliation first, then all other checks, failures before warnings."""
    records = sorted(checks.to_dicts(), key=lambda row: (_RESULT_ORDER[row["result"]], row["check"], -(row["value"] or 0.0)))
    scale = scale_for([float(row["notional"]) for row in records if row["notional"] is not None])
    currency = summary.run.reporting_currency
    rows = [row for row in records if row["check"].startswith(_ROWS)]
    reconciled = [row for row in records if row["check"].startswith(_RECONCILED)]
    others = [row for row in records if not row["check"].startswith((_ROWS, _RECONCILED))]
    return QualityPage(_summary(summary), _rows_table(rows), _reconciliation(reconciled, currency), _checks_table(others, scale, currency))


def unshocked_shares(checks: pl.DataFrame) -> dict[str, float]:
    """Share of gross notional that a scenario leaves as it is, by scenario."""
    found = checks.filter((pl.col("check") == UNSHOCKED) & pl.col("value").is_not_null())
    return dict(found.select("subject", "value").iter_rows())


def _summary(summary: Summary) -> str:
    words = (("fail", "failed"), ("warn", "warned"), ("pass", "passed"))
    checks = ", ".join(f"{count(summary.checks[result])} {word}" for result, word in words)  # type: ignore[index]  # keys are literals
    excluded, owners = summary.counts.excluded_accounts, summary.counts.incomplete_owners
    if not excluded:
        return f"Checks: {checks}. No account was excluded."
    return (
        f"Checks: {checks}. Excluded: {plural_count(excluded, 'account')}, which leaves {plural_count(owners, 'owner')} incomplete, "
        "so totals and Cover-N are lower bounds."
    )


def _result(row: Mapping[str, Any]) -> Cell:
    word, tone = _RESULT_WORDS[row["result"]]
    return Cell(word, float(_RESULT_ORDER[row["result"]]), tone)


def _rows_table(records: Sequence[Mapping[str, Any]]) -> TableView:
    columns = (
        Column("Result", "status", 16),
        Column("Table", "text", 24),
        Column("Rows read", "number", 20),
        Column("Used and excluded", "text", 40),
    )
    rows = tuple(
        Row(
            (
                _result(row),
                text_cell(row["check"].removeprefix(_ROWS)),
                count_cell(row["rows"]),
                text_cell(row["message"].partition(": ")[2] or row["message"], 120),
            )
        )
        for row in records
    )
    return TableView("rows", "Rows read and used", columns, rows, "The snapshot's rows were not counted.")


def _reconciliation(records: Sequence[Mapping[str, Any]], currency: str) -> TableView:
    columns = (
        Column("Result", "status", 11),
        Column("Figure at base", "text", 16),
        Column("Beyond tolerance", "number", 12, "accounts"),
        Column("Largest difference", "number", 14, currency),
        Column("Finding", "text", 47),
    )
    rows = tuple(
        Row(
            (
                _result(row),
                text_cell(row["check"].removeprefix(_RECONCILED)),
                count_cell(row["rows"]),
                amount_cell(row["value"], scale_for([])),
                text_cell(row["message"], 300),
            )
        )
        for row in records
    )
    empty = "Nothing to reconcile: the snapshot states no figures of the official system."
    return TableView("reconciliation", "Reconciled to the official system", columns, rows, empty)


def _checks_table(records: Sequence[Mapping[str, Any]], scale: Scale, currency: str) -> TableView:
    """Values and tolerances are in the unit that the message names."""
    columns = (
        Column("Result", "status", 6),
        Column("Check", "text", 15),
        Column("Subject", "text", 14),
        Column("Finding", "text", 42),
        Column("Value", "number", 6),
        Column("Tolerance", "number", 6),
        Column("Rows", "number", 5),
        Column("Notional", "number", 6, scale.unit(currency)),
    )
    rows: list[Row] = []
    subjects: dict[str, int] = {}
    for row in records:
        cells = (
            _result(row),
            text_cell(row["check"]),
            text_cell(row["subject"], 40),
            text_cell(row["message"], 400),
            plain_cell(row["value"]),
            plain_cell(row["tolerance"]),
            count_cell(row["rows"]),
            amount_cell(row["notional"], scale),
        )
        if row["result"] == "pass":
            subjects[row["check"]] = subjects.get(row["check"], 0) + 1
        wanted = row["result"] != "pass" or subjects[row["check"]] <= PRINTED_SUBJECTS
        rows.append(Row(cells, printed=wanted and len(rows) < PRINTED_CHECKS))
    left = sum(not row.printed for row in rows)
    note = f"Left out on paper: {plural_count(left, 'row')}; of a check that passed, the {PRINTED_SUBJECTS} largest values are printed."
    return TableView("checks", "Checks", columns, tuple(rows), "No other check was recorded.", (note,) if left else ())
