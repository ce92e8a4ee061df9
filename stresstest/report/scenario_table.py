"""The scenario table: every scenario by severity, with what it assumes and what it does to the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from stresstest.report.answer import Record
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, rank_cell, text_cell
from stresstest.report.formats import beginning, count, plural_count, scale_for, shown, significant
from stresstest.report.parts import Cell, Column, Row, TableView

PRINTED_SCENARIOS = 32
LISTED_SCENARIOS = 400
PRINTED_SOURCES = 30
PRINTED_SOURCE = 280
"""Characters of a source that stand in the table: two lines on paper."""


_MONEY = ("pnl", "initial_shortfall", "margin_shortfall", "uncollateralised_loss", "cover_2_stress_loss_over_margin", "cover_2_uncollateralised_loss")


def by_severity(scenarios: Sequence[Record]) -> list[Record]:
    """Scenarios from worst to mildest: by margin shortfall, then by loss of equity; ties in file order, as in the run's summary."""
    return sorted(scenarios, key=lambda row: (-row["margin_shortfall"], row["pnl"]))


def scenario_table(
    base: Record,
    headline: Sequence[Record],
    others: Sequence[Record],
    shocks: Mapping[str, str],
    sources: Mapping[str, str],
    unshocked: Mapping[str, float],
    currency: str,
) -> TableView:
    """All scenarios by severity: headline ones ranked, then the others; base stays on top for comparison.

    By scenario: `shocks` are the largest shocks in words, `sources` what its file states of data and dates, `unshocked` the share of gross
    notional that it leaves as it is.
    """
    ordered = [*headline, *others][:LISTED_SCENARIOS]
    scale = scale_for([float(row[name]) for row in (base, *ordered) for name in _MONEY])
    unit = scale.unit(currency)
    totals, statuses, covers = "All accounts", "Accounts", "Cover-2"
    columns = (
        Column("Rank", "number", 3.2),
        Column("Scenario", "text", 17),
        Column("Largest shocks", "text", 29),
        Column("Not shocked", "number", 5, "%"),
        Column("P&L", "number", 6, unit, totals),
        Column("Initial shortfall", "number", 5.6, unit, totals),
        Column("Margin shortfall", "number", 5.6, unit, totals),
        Column("Uncollat. loss", "number", 5.6, unit, totals),
        Column("Call", "number", 3.2, "", statuses),
        Column("Liquidation", "number", 6.4, "", statuses),
        Column("Default", "number", 4.6, "", statuses),
        Column("Newly below", "number", 4, "", statuses),
        Column("Owners in default", "number", 4.4),
        Column("Loss over margin", "number", 5.6, unit, covers),
        Column("Uncollat. loss", "number", 5.6, unit, covers),
    )

    def cells(row: Record, rank: int | None) -> tuple[Cell, ...]:
        return (
            rank_cell(rank),
            name_cell(row["name"], row["scenario_id"], 80),
            _about(row, shocks.get(row["scenario_id"]), sources.get(row["scenario_id"])),
            percent_cell(unshocked.get(row["scenario_id"])),
            *(amount_cell(row[name], scale) for name in _MONEY[:4]),
            *(count_cell(row[name]) for name in ("accounts_call", "accounts_liquidation", "accounts_default", "accounts_newly_breached")),
            count_cell(row["owners_in_default"]),
            *(amount_cell(row[name], scale) for name in _MONEY[4:]),
        )

    reference = cells(base, None)
    rows = [Row((reference[0], reference[1], Cell("", ""), Cell("", float("-inf")), *reference[4:]), fixed=True)]
    for place, row in enumerate(ordered):
        rows.append(Row(cells(row, place + 1 if row["headline"] else None), printed=place < PRINTED_SCENARIOS))
    notes = left_out(len(headline) + len(others), len(ordered), PRINTED_SCENARIOS, "scenario", "scenario_summary")
    said = [
        *([f"{plural_count(len(headline), 'headline scenario')} by margin shortfall, then by loss."] if headline else []),
        "Not shocked: share of gross notional in instruments whose value the scenario leaves as it is.",
        *(["Others, which do not count for the light, stand below."] if headline and others else []),
    ]
    return TableView("scenarios", "Scenarios by severity", columns, tuple(rows), "", (*said, *notes))


def _about(row: Record, shocks: str | None, source: str | None) -> Cell:
    """What a scenario assumes; below it family and horizon and, on screen, where its figures are from."""
    kind = ", ".join([shown(row["family"]), f"{significant(row['horizon_days'])} d", *([] if row["headline"] else ["not headline"])])
    return replace(text_cell(shocks, 260, below=kind), on_screen=shown(source) if source and source.strip() else "")


def source_table(ordered: Sequence[Record], sources: Mapping[str, str]) -> TableView:
    """Where the figures of the scenarios are from and of which dates, in the words of their files, for those that say it."""
    stated = [row for row in ordered if (sources.get(row["scenario_id"]) or "").strip()]
    columns = (Column("Scenario", "text", 25), Column("Family", "text", 8), Column("Dates and source, as its file states them", "text", 67))
    rows = tuple(
        Row(
            (
                text_cell(row["name"] if (row["name"] or "").strip() else row["scenario_id"], 56),
                text_cell(row["family"]),
                _source(sources[row["scenario_id"]]),
            ),
            printed=place < PRINTED_SOURCES,
        )
        for place, row in enumerate(stated)
    )
    silent = len(ordered) - len(stated)
    notes = [f"By severity; {plural_count(silent, 'scenario')} without a stated source." if silent else "By severity."]
    notes += [f"On paper those of the {count(PRINTED_SOURCES)} most severe."] if len(rows) > PRINTED_SOURCES else []
    return TableView("sources", "Sources of the scenarios", columns, rows, "No scenario states a source.", tuple(notes))


def _source(source: str) -> Cell:
    whole = shown(source)
    brief = beginning(whole, PRINTED_SOURCE)
    return Cell(brief, whole.casefold(), full=whole if brief != whole else "")
