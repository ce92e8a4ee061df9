"""The scenario table: every scenario by severity, with what it assumes and what it does to the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stresstest.report.answer import Record
from stresstest.report.cells import amount_cell, count_cell, left_out, name_cell, percent_cell, rank_cell, text_cell
from stresstest.report.formats import plural_count, scale_for, shown, significant
from stresstest.report.view import Cell, Column, Row, TableView

PRINTED_SCENARIOS = 32
LISTED_SCENARIOS = 400

_MONEY = ("pnl", "initial_shortfall", "margin_shortfall", "uncollateralised_loss", "cover_2_stress_loss_over_margin", "cover_2_uncollateralised_loss")


def by_severity(scenarios: Sequence[Record]) -> list[Record]:
    """Scenarios from worst to mildest: by margin shortfall, then by loss of equity; ties in file order, as in the run's summary."""
    return sorted(scenarios, key=lambda row: (-row["margin_shortfall"], row["pnl"]))


def scenario_table(
    base: Record, headline: Sequence[Record], others: Sequence[Record], shocks: Mapping[str, str], unshocked: Mapping[str, float], currency: str
) -> TableView:
    """All scenarios by severity: headline ones ranked, then the others; base stays on top for comparison.

    `shocks` are the largest shocks in words, `unshocked` the share of gross notional that a scenario leaves as it is, both by scenario.
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
        about = [shown(row["family"]), f"{significant(row['horizon_days'])} d", *([] if row["headline"] else ["not headline"])]
        return (
            rank_cell(rank),
            name_cell(row["name"], row["scenario_id"], 80),
            text_cell(shocks.get(row["scenario_id"]), 260, below=", ".join(about)),
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
