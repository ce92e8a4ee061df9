"""From a finished run folder to the report's view model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.report import answer, listings
from stresstest.report.audit import audit_view
from stresstest.report.charts import ACCOUNT_LABEL, BAR_LABEL, SCENARIO_LABEL
from stresstest.report.formats import chart_label, count, identified_label, money, named, plural_count, shortened, shown
from stresstest.report.view import ChartData, Definition, HeatMap, Light, ReportFacts, SeverityBar
from stresstest.results.documents import read_document
from stresstest.results.identity import Identity
from stresstest.results.store import files_of, read_table
from stresstest.results.summary import Summary

CHARTED_SCENARIOS = 8
HEAT_MAP_ACCOUNTS = 25
HEAT_MAP_SCENARIOS = 24
BASE = "base"

DEFINITIONS = (
    Definition(
        "Margin shortfall",
        "max(0, maintenance margin \N{MINUS SIGN} margin balance)",
        "Where a liquidation starts: the headline number, by which accounts and scenarios are ranked.",
    ),
    Definition(
        "Uncollateralised loss",
        "max(0, \N{MINUS SIGN}equity)",
        "What others pay once everything the account holds is gone. An owner in default turns the light red.",
    ),
    Definition(
        "Stress loss over margin",
        "max(0, \N{MINUS SIGN}P&L of positions \N{MINUS SIGN} k \N{MULTIPLICATION SIGN} initial margin at base)",
        "What the margin held did not cover, with k = stressed over base collateral after haircuts, at most 1. "
        "Cover-2 in this measure is held against resources.",
    ),
)


def facts(folder: Path, audit: Mapping[str, Any]) -> ReportFacts:
    """Everything the report of a finished run shows.

    Args:
        folder: the run folder, with its result tables (files or folders of parts), `summary.json` and `result.json`.
        audit: how the run came to be, with the keys of the manifest: `inputs` (table, rows, bytes, sha256), `versions`, `command`, `seed`.

    Raises:
        StressTestError: (input data) when a table or document of the run is missing or damaged.
    """
    summary = read_document(Summary, folder / "summary.json")
    identity = read_document(Identity, folder / "result.json")
    currency = shown(summary.run.reporting_currency)
    scenarios = read_table(folder, "scenario_summary").to_dicts()
    base = next(row for row in scenarios if row["scenario_id"] == BASE)
    stressed = [row for row in scenarios if row["scenario_id"] != BASE]
    headline = listings.by_severity([row for row in stressed if row["headline"]])
    others = listings.by_severity([row for row in stressed if not row["headline"]])
    names = {row["scenario_id"]: named(row["name"], row["scenario_id"]) for row in scenarios}
    ranked = listings.worst_accounts(read_table(folder, "account_summary"), bool(headline))
    in_scope = "any of " + (plural_count(len(headline), "headline scenario") if headline else plural_count(len(others), "scenario"))
    covered = summary.cover[answer.SIZING_BASIS].cover_2.scenario_id
    heat_map = _heat_map(_optional_table(folder, "detail"), ranked, base, headline or others)
    resources = summary.resources.total if summary.resources else None
    return ReportFacts(
        title=shortened(shown(summary.run.name or summary.run.snapshot_label or "Stress test"), 120),
        as_of=moment(summary.run.as_of),
        created=summary.run.as_of,
        currency=currency,
        short_id=shown(summary.result_id[:12]),
        scope=_scope(summary, len(headline), len(others)),
        light=Light(
            summary.status.light,
            shown(summary.status.sentence),
            shown(answer.detail(summary, names, len(others))),
            summary.status.rule,
            tuple(shown(reason[:1].upper() + reason[1:]) for reason in summary.status.reasons),
        ),
        figures=answer.figures(summary, base, headline, names),
        charts=_charts(headline, covered, resources, heat_map),
        scenarios=listings.scenario_table(base, headline, others, currency),
        accounts=listings.account_table(ranked, bool(headline), names, summary.counts.accounts, in_scope if stressed else "a stress", currency),
        definitions=DEFINITIONS,
        owners=listings.owner_table(
            _optional_table(folder, "owner_scenario"), covered, summary.cover["uncollateralised_loss"].cover_2, names, summary.owner_names, currency
        ),
        quality=listings.quality_table(read_table(folder, "data_quality"), currency),
        quality_summary=_quality_summary(summary),
        audit=audit_view(identity, (folder / "result.json").read_text(encoding="utf-8"), audit),
    )


def _optional_table(folder: Path, name: str) -> pl.DataFrame | None:
    return read_table(folder, name) if files_of(folder, name) else None


def moment(value: str) -> str:
    """`2026-11-19 16:00 UTC` from ISO 8601; text that is no timestamp is shown as it is."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return shown(value)
    parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return f"{parsed:%Y-%m-%d %H:%M} UTC"


def _scope(summary: Summary, headline: int, others: int) -> str:
    counts = summary.counts
    parts = [
        plural_count(counts.accounts, "account"),
        plural_count(counts.owners, "owner"),
        plural_count(counts.positions, "position"),
        plural_count(counts.instruments, "instrument"),
        f"gross notional {summary.run.reporting_currency} {money(counts.gross_notional)}",
        plural_count(headline, "headline scenario"),
    ]
    parts += [plural_count(others, "other scenario")] if others else []
    label = summary.run.snapshot_label
    return ", ".join(parts) + (f"; snapshot {shortened(shown(label), 60)}" if label and label != "snapshot" else "")


def _quality_summary(summary: Summary) -> str:
    words = (("fail", "failed"), ("warn", "warned"), ("pass", "passed"))
    checks = ", ".join(f"{count(summary.checks[result])} {word}" for result, word in words)  # type: ignore[index]  # keys are literals
    excluded, owners = summary.counts.excluded_accounts, summary.counts.incomplete_owners
    if not excluded:
        return f"Checks: {checks}. No account was excluded."
    return (
        f"Checks: {checks}. Excluded: {plural_count(excluded, 'account')}, which leaves {plural_count(owners, 'owner')} incomplete, "
        "so totals and Cover-N are lower bounds."
    )


def _charts(headline: Sequence[answer.Record], covered: str | None, resources: float | None, heat_map: HeatMap | None) -> ChartData:
    """The most severe headline scenarios, with the one of the largest Cover-2 always among them."""
    chosen = list(headline[:CHARTED_SCENARIOS])
    scope = plural_count(len(chosen), "headline scenario") if len(headline) <= len(chosen) else f"{len(chosen)} most severe headline scenarios"
    if covered is not None and covered not in [row["scenario_id"] for row in chosen]:
        chosen[-1:] = [row for row in headline if row["scenario_id"] == covered]
        scope = f"{len(chosen) - 1} most severe headline scenarios and the largest Cover-2"
    first, both = f"cover_1_{answer.SIZING_BASIS}", f"cover_2_{answer.SIZING_BASIS}"
    bars = tuple(
        SeverityBar(chart_label(row["name"], row["scenario_id"], BAR_LABEL), float(row["margin_shortfall"]), float(row[first]), float(row[both]))
        for row in chosen
    )
    return ChartData(bars, scope, resources, heat_map)


def _heat_map(detail: pl.DataFrame | None, ranked: pl.DataFrame, base: answer.Record, scenarios: Sequence[answer.Record]) -> HeatMap | None:
    """The worst accounts that have detail, by the most severe scenarios, base first; None where there is no detail."""
    if detail is None or detail.is_empty() or not scenarios:
        return None
    columns = [base, *scenarios[:HEAT_MAP_SCENARIOS]]
    wanted = detail.filter(pl.col("scenario_id").is_in([row["scenario_id"] for row in columns]))
    cells = {(row["account_id"], row["scenario_id"]): row for row in wanted.to_dicts()}
    rows = ranked.filter(pl.col("account_id").is_in(wanted["account_id"].unique().to_list())).head(HEAT_MAP_ACCOUNTS).to_dicts()
    grid = [[cells.get((account["account_id"], scenario["scenario_id"])) for scenario in columns] for account in rows]
    return HeatMap(
        accounts=tuple(identified_label(row["name"], row["account_id"], ACCOUNT_LABEL) for row in rows),
        scenarios=tuple("Base" if row is base else chart_label(row["name"], row["scenario_id"], SCENARIO_LABEL) for row in columns),
        ratios=tuple(tuple(cell_ratio(cell) for cell in line) for line in grid),
        in_default=tuple(tuple(cell is not None and cell["status"] == "default" for cell in line) for line in grid),
    )


def cell_ratio(cell: answer.Record | None) -> float | None:
    """1 - shortfall / requirement where a pool is short, whatever other pools hold; else balance / requirement. The same for a single pool."""
    if cell is None or cell["maintenance_margin"] <= 0:
        return None
    if cell["margin_shortfall"] > 0:
        return float(1.0 - cell["margin_shortfall"] / cell["maintenance_margin"])
    return float(cell["margin_balance"] / cell["maintenance_margin"])
