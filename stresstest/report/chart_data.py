"""What the charts by scenario and the heat map show, from the result tables of a run."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from stresstest.report.answer import BASE, SIZING_BASIS, Record
from stresstest.report.charts.bars import NAME_EMS
from stresstest.report.charts.heat_map import ACCOUNT_EMS, SCENARIO_EMS
from stresstest.report.formats import chart_label, identified_label, plural_count
from stresstest.report.parts import Charts, HeatMap, Pair, PairedBars, Stack, StackedBars

CHARTED_SCENARIOS = 13
COVER_SCENARIOS = 9
HEAT_MAP_ACCOUNTS = 25
HEAT_MAP_SCENARIOS = 20


def paired(rows: Sequence[Record], narrow: tuple[str, str], wide: tuple[str, str]) -> PairedBars:
    """Two columns of scenario_summary, each with the word that heads its figures, by scenario in the order given."""
    pairs = tuple(Pair(_label(row), float(row[narrow[0]]), float(row[wide[0]])) for row in rows)
    return PairedBars(pairs, narrow[1], wide[1])


def requirement(rows: Sequence[Record]) -> PairedBars:
    """Maintenance requirement of the whole book against its margin balance."""
    return paired(rows, ("maintenance_margin", "required"), ("margin_balance", "balance"))


def shortfall(rows: Sequence[Record]) -> PairedBars:
    """Maintenance shortfall within initial shortfall, all accounts."""
    return paired(rows, ("margin_shortfall", "maintenance"), ("initial_shortfall", "initial"))


def loss(rows: Sequence[Record]) -> PairedBars:
    """Uncollateralised loss beside stress loss over margin, all accounts."""
    return paired(rows, ("uncollateralised_loss", "uncollat."), ("stress_loss_over_margin", "stress"))


def cover(rows: Sequence[Record], resources: float | None) -> PairedBars:
    """Cover-1 within Cover-2, in the basis that is held against resources, with them as a line."""
    bars = paired(rows, (f"cover_1_{SIZING_BASIS}", "Cover-1"), (f"cover_2_{SIZING_BASIS}", "Cover-2"))
    return PairedBars(bars.pairs, bars.narrow, bars.wide, resources, "resources")


def statuses(rows: Sequence[Record]) -> StackedBars:
    """Accounts with a call, in liquidation and in default."""
    stacks = tuple(Stack(_label(row), tuple(int(row[f"accounts_{status}"]) for status in ("call", "liquidation", "default"))) for row in rows)
    return StackedBars(stacks, ("call", "liquidation", "default"))


def _label(row: Record) -> str:
    return "Base" if row["scenario_id"] == BASE else chart_label(row["name"], row["scenario_id"], NAME_EMS)


def charts(base: Record, headline: Sequence[Record], resources: float | None, heat: tuple[HeatMap | None, str]) -> Charts:
    """The charts of a run: the most severe headline scenarios with base on top; for Cover those with the largest Cover-2, by it."""
    chosen = [base, *headline[:CHARTED_SCENARIOS]] if headline else []
    covering = sorted(headline, key=lambda row: -float(row[f"cover_2_{SIZING_BASIS}"]))[:COVER_SCENARIOS]
    return Charts(
        _scope(len(headline), len(chosen) - 1, "most severe"),
        _scope(len(headline), len(covering), "largest") + " by Cover-2",
        cover(covering, resources),
        requirement(chosen),
        shortfall(chosen),
        loss(chosen),
        statuses(chosen),
        *heat,
    )


def _scope(total: int, shown: int, which: str) -> str:
    return plural_count(shown, "headline scenario") if total <= shown else f"{shown} {which} of {total} headline scenarios"


# ---------------------------------------------------------------- heat map


def heat_map(detail: pl.DataFrame | None, ranked: pl.DataFrame, base: Record, scenarios: Sequence[Record]) -> tuple[HeatMap | None, str]:
    """The worst accounts that have detail, by the most severe scenarios, base first, and which they are; None where there is no detail."""
    if detail is None or detail.is_empty() or not scenarios:
        return None, ""
    columns = [base, *scenarios[:HEAT_MAP_SCENARIOS]]
    wanted = detail.filter(pl.col("scenario_id").is_in([row["scenario_id"] for row in columns]))
    cells = {(row["account_id"], row["scenario_id"]): row for row in wanted.to_dicts()}
    rows = ranked.filter(pl.col("account_id").is_in(wanted["account_id"].unique().to_list())).head(HEAT_MAP_ACCOUNTS).to_dicts()
    grid = [[cells.get((account["account_id"], scenario["scenario_id"])) for scenario in columns] for account in rows]
    drawn = HeatMap(
        accounts=tuple(identified_label(row["name"], row["account_id"], ACCOUNT_EMS) for row in rows),
        scenarios=tuple("Base" if row is base else chart_label(row["name"], row["scenario_id"], SCENARIO_EMS) for row in columns),
        ratios=tuple(tuple(cell_ratio(cell) for cell in line) for line in grid),
        in_default=tuple(tuple(cell is not None and cell["status"] == "default" for cell in line) for line in grid),
    )
    return drawn, f"{plural_count(len(rows), 'worst account')}, base and {plural_count(len(columns) - 1, 'scenario')} by severity"


def cell_ratio(cell: Record | None) -> float | None:
    """1 - shortfall / requirement where a pool is short, whatever other pools hold; else balance / requirement. The same for a single pool."""
    if cell is None or cell["maintenance_margin"] <= 0:
        return None
    if cell["margin_shortfall"] > 0:
        return float(1.0 - cell["margin_shortfall"] / cell["maintenance_margin"])
    return float(cell["margin_balance"] / cell["maintenance_margin"])
