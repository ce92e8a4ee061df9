"""The segments' page: each business segment at base and in the worst headline scenario."""

from __future__ import annotations

import polars as pl

from stresstest.report.answer import BASE, Names
from stresstest.report.cells import amount_cell, count_cell, left_out, percent_cell, text_cell
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.formats import chart_label, scale_for, shortened, shown
from stresstest.report.parts import Column, Pair, PairedBars, Row, TableView
from stresstest.report.view import SegmentsPage
from stresstest.results.summary import Summary

PRINTED_SEGMENTS = 16
LISTED_SEGMENTS = 200
CHARTED_SEGMENTS = 10
NO_SEGMENT = "no segment"

_MONEY = (
    "equity_base",
    "equity",
    "margin_balance",
    "maintenance_margin",
    "initial_shortfall",
    "margin_shortfall",
    "uncollateralised_loss",
    "stress_loss_over_margin",
)


def segments_page(segments: pl.DataFrame | None, summary: Summary, names: Names) -> SegmentsPage | None:
    """The page of a run that has the table segment_summary; None for one that has not, or that stressed nothing."""
    if segments is None or summary.worst is None:
        return None
    worst = summary.worst.scenario_id
    base = segments.filter(pl.col("scenario_id") == BASE).select("segment", pl.col("equity").alias("equity_base"))
    there = segments.filter(pl.col("scenario_id") == worst).join(base, on="segment", how="left")
    lines = there.sort("margin_shortfall", "pnl", "segment", descending=[True, False, False])
    scenario = shortened(names.get(worst, shown(worst)), 70)
    return SegmentsPage(scenario, _chart(lines), _table(lines, summary.run.reporting_currency))


def _chart(lines: pl.DataFrame) -> PairedBars:
    rows = lines.head(CHARTED_SEGMENTS).to_dicts()
    pairs = tuple(Pair(chart_label(None, row["segment"] or NO_SEGMENT, NAME_EMS), row["margin_shortfall"], row["initial_shortfall"]) for row in rows)
    return PairedBars(pairs, "maintenance", "initial")


def _table(lines: pl.DataFrame, currency: str) -> TableView:
    records = lines.head(LISTED_SEGMENTS).to_dicts()
    scale = scale_for([float(row[name] or 0.0) for row in records for name in _MONEY])
    total = sum(float(row["margin_shortfall"]) for row in lines.to_dicts())
    unit = scale.unit(currency)
    statuses, after, losses = "Accounts", "In the worst scenario", "Loss measures"
    columns = (
        Column("Segment", "text", 14),
        Column("All", "number", 5, "", statuses),
        Column("Call", "number", 4.5, "", statuses),
        Column("Liquidation", "number", 6, "", statuses),
        Column("Default", "number", 5.5, "", statuses),
        Column("Newly below", "number", 5.5, "", statuses),
        Column("Equity at base", "number", 8, unit),
        Column("Equity", "number", 8, unit, after),
        Column("Margin balance", "number", 8, unit, after),
        Column("Maintenance margin", "number", 8, unit, after),
        Column("Initial shortfall", "number", 7, unit, losses),
        Column("Margin shortfall", "number", 7, unit, losses),
        Column("Share", "number", 5, "%", losses),
        Column("Uncollat. loss", "number", 7, unit, losses),
        Column("Loss over margin", "number", 7, unit, losses),
    )
    rows = tuple(
        Row(
            (
                text_cell(row["segment"] or NO_SEGMENT, 32),
                *(
                    count_cell(row[name])
                    for name in ("accounts", "accounts_call", "accounts_liquidation", "accounts_default", "accounts_newly_breached")
                ),
                *(amount_cell(row[name], scale) for name in _MONEY[:6]),
                percent_cell(row["margin_shortfall"] / total if total > 0 else None, 1),
                *(amount_cell(row[name], scale) for name in _MONEY[6:]),
            ),
            printed=place < PRINTED_SEGMENTS,
        )
        for place, row in enumerate(records)
    )
    notes = left_out(lines.height, len(rows), PRINTED_SEGMENTS, "segment", "segment_summary")
    return TableView("segments", "Segments", columns, rows, "Nothing to report: the book has no accounts.", notes)
