"""From a finished run folder to the report's view model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import polars as pl

from stresstest.report import answer, chart_data
from stresstest.report.account_pages import CROSS, account_pages
from stresstest.report.accounts import DEFINITIONS, account_table, worst_accounts
from stresstest.report.attribution import attribution_page
from stresstest.report.audit import audit_view
from stresstest.report.cascade import cascade_page
from stresstest.report.changes import changes_page, since
from stresstest.report.collateral import collateral_page
from stresstest.report.contagion import contagion_page
from stresstest.report.distance import distance_page
from stresstest.report.draws import draws_page
from stresstest.report.drivers import drivers
from stresstest.report.formats import count, moment, money, named, percent, plural_count, shortened, shown, significant
from stresstest.report.funding import funding_page
from stresstest.report.isolation import isolation_page, saving_most
from stresstest.report.limits import limits_page
from stresstest.report.margin_rules import margin_rules_page
from stresstest.report.owners import leading_owners, owners_page
from stresstest.report.parts import Fact, Light
from stresstest.report.quality import quality_page, unshocked_shares
from stresstest.report.scenario_table import LISTED_SCENARIOS, by_severity, scenario_table, source_table
from stresstest.report.segments import segments_page
from stresstest.report.shocks import scenario_sources, shock_words
from stresstest.report.statistics import statistics_page
from stresstest.report.trend import trend_page
from stresstest.report.view import (
    CascadePage,
    ChangesPage,
    ContagionPage,
    DrawsPage,
    IsolationPage,
    MarginRulesPage,
    ReportFacts,
    StatisticsPage,
    WaterfallPage,
)
from stresstest.report.who_pays import waterfall_page
from stresstest.results.changes import read_changes
from stresstest.results.comparison import comparison_of
from stresstest.results.distance import read_distance
from stresstest.results.documents import read_document
from stresstest.results.identity import Identity
from stresstest.results.store import files_of, read_table
from stresstest.results.summary import Summary
from stresstest.tables import CASCADE_ROUNDS, CASCADE_TABLES, DRAW_TABLES, STATISTICS_TABLES

TITLE = 80
"""Characters of the title that fit above the contents on the cover."""
REASON_NAME = 64
"""Characters of a scenario's name that fit into a reason of the light."""


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
    base = next(row for row in scenarios if row["scenario_id"] == answer.BASE)
    stressed = [row for row in scenarios if row["scenario_id"] != answer.BASE]
    headline = by_severity([row for row in stressed if row["headline"]])
    others = by_severity([row for row in stressed if not row["headline"]])
    names = {row["scenario_id"]: named(row["name"], row["scenario_id"]) for row in scenarios}
    ranked = worst_accounts(read_table(folder, "account_summary"), bool(headline))
    in_scope = _any_of(len(headline), "headline scenario") if headline else _any_of(len(others), "scenario")
    resources = summary.resources.total if summary.resources else None
    detail, losses, segments = (_optional(folder, name) for name in ("detail", "owner_scenario", "segment_summary"))
    checks, holdings = read_table(folder, "data_quality"), _optional(folder, "account_holdings")
    attributed = _optional(folder, "attribution")
    ordered = [*headline, *others][:LISTED_SCENARIOS]
    listed = [row["scenario_id"] for row in ordered]
    shocks, sources = _shocks(folder, listed), _sources(folder, listed)
    title = shown(summary.run.name or summary.run.snapshot_label or "Stress test")
    return ReportFacts(
        title=shortened(title, TITLE),
        full_title=title,
        as_of=moment(summary.run.as_of),
        created=summary.run.as_of,
        currency=currency,
        short_id=shown(summary.result_id[:12]),
        cover=_cover(summary, identity, len(headline), len(others)),
        scope=_scope(summary, len(headline), len(others)),
        light=Light(
            summary.status.light,
            shown(summary.status.sentence),
            shown(answer.detail(summary, headline, names, len(others))),
            summary.status.rule,
            _reasons(summary.status.reasons, scenarios),
        ),
        figures=answer.figures(summary, base, headline, names),
        drivers=drivers(summary, shocks, detail, segments, leading_owners(losses, summary)),
        limits=limits_page(_optional(folder, "limits"), _optional(folder, "limit_history"), summary.limits, currency, names),
        charts=chart_data.charts(base, headline, resources, chart_data.heat_map(detail, ranked, base, headline or others)),
        scenarios=scenario_table(base, headline, others, shocks, sources, unshocked_shares(checks), currency),
        sources=source_table(ordered, sources),
        accounts=account_table(ranked, bool(headline), names, summary.counts.accounts, in_scope if stressed else "a stress", currency),
        definitions=DEFINITIONS,
        owners=owners_page(losses, _optional(folder, "owner_summary"), summary, names),
        collateral=collateral_page(_optional(folder, "collateral_summary"), summary, names),
        segments=segments_page(segments, summary, names),
        statistics=_statistics(folder, identity, currency),
        funding=funding_page(_optional(folder, "funding"), _optional(folder, "funding_summary"), _optional(folder, "funding_owners"), summary, names),
        distance=distance_page(read_distance(folder), names, currency),
        **_cascade(folder, names, summary),
        draws=_draws(folder, summary, scenarios, dict(ranked.select("account_id", "name").iter_rows()), currency),
        attribution=attribution_page(
            _optional(folder, "attribution_summary"), attributed, {row["scenario_id"]: row for row in scenarios}, segments, ranked, summary, names
        ),
        **_comparison(folder, identity, names, summary),
        **_changes(folder, names),
        account_pages=account_pages(_optional(folder, "account_steps"), holdings, _pools(folder, holdings), ranked, names, currency, attributed),
        trend=trend_page(_optional(folder, "trend"), names, currency),
        absent=answer.absent(summary),
        quality=quality_page(checks, summary),
        methods=_methods(identity.specification, currency),
        audit=audit_view(identity, (folder / "result.json").read_text(encoding="utf-8"), audit),
    )


def _reasons(reasons: Sequence[str], scenarios: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The reasons of the light, each a sentence that fits: of very long names of scenarios the ends."""
    found = []
    for reason in reasons:
        text = reason[:1].upper() + reason[1:]
        for row in scenarios:
            if len(row["name"] or "") > REASON_NAME:
                text = text.replace(row["name"], shortened(row["name"], REASON_NAME))
        found.append(shown(text))
    return tuple(found)


def _statistics(folder: Path, identity: Identity, currency: str) -> StatisticsPage | None:
    tables = {table.name: read_table(folder, table.name) for table in STATISTICS_TABLES if files_of(folder, table.name)}
    return statistics_page(tables, identity.specification.get("statistics", {}), currency)


def _draws(
    folder: Path, summary: Summary, scenarios: Sequence[Mapping[str, Any]], names: Mapping[str, str | None], currency: str
) -> DrawsPage | None:
    if not all(files_of(folder, table.name) for table in DRAW_TABLES):
        return None
    tables = {table.name: read_table(folder, table.name) for table in DRAW_TABLES}
    return draws_page(tables, summary.draws or (), scenarios, names, currency, summary.counts.accounts)


class _Changed(TypedDict):
    changes: ChangesPage | None
    since: str


def _changes(folder: Path, names: Mapping[str, str]) -> _Changed:
    """The page of a run that was set against an earlier one, and its sentence for the first page."""
    found = read_changes(folder)
    if found is None:
        return _Changed(changes=None, since="")
    return _Changed(changes=changes_page(found, read_table(folder, "changed_accounts"), names), since=since(found))


class _Cascaded(TypedDict):
    cascade: CascadePage | None
    contagion: ContagionPage | None
    waterfall: WaterfallPage | None


def _cascade(folder: Path, names: Mapping[str, str], summary: Summary) -> _Cascaded:
    """The pages of a run that was asked for a cascade."""
    # Every order of the cascade may be millions of rows, and no page shows them.
    wanted = (table.name for table in CASCADE_TABLES if table is not CASCADE_ROUNDS)
    tables = {name: read_table(folder, name) for name in wanted if files_of(folder, name)}
    currency = shown(summary.run.reporting_currency)
    known = _optional(folder, "owner_summary")
    owners = summary.owner_names | ({} if known is None else dict(known.select("owner_id", "name").iter_rows()))
    return _Cascaded(
        cascade=cascade_page(tables, names, currency),
        contagion=contagion_page(tables, names, currency),
        waterfall=waterfall_page(tables, names, owners, currency),
    )


class _Compared(TypedDict):
    margin_rules: MarginRulesPage | None
    isolation: IsolationPage | None


def _comparison(folder: Path, identity: Identity, names: Mapping[str, str], summary: Summary) -> _Compared:
    """The pages of a run that compares."""
    asked = identity.specification.get("compare") or {}
    found = comparison_of(folder, asked.get("models", ()))
    if found is None:
        return _Compared(margin_rules=None, isolation=None)
    currency = shown(summary.run.reporting_currency)
    saving = saving_most(read_table(folder, "isolation")) if found.isolation else None
    wanted = {each.account_id for each in found.accounts}
    if found.isolation and saving is not None:
        wanted |= {each.account_id for each in found.isolation.positions} | set(saving["account_id"])
    called = read_table(folder, "account_summary", ["account_id", "name"]).filter(pl.col("account_id").is_in(wanted))
    accounts = dict(called.iter_rows())
    return _Compared(
        margin_rules=margin_rules_page(found, _optional(folder, "margin_comparison_summary"), names, accounts, currency, summary.counts.accounts),
        isolation=isolation_page(found.isolation, _optional(folder, "isolation_summary"), saving, names, accounts, currency),
    )


def _any_of(number: int, noun: str) -> str:
    return f"the one {noun}" if number == 1 else f"any of {plural_count(number, noun)}"


def _optional(folder: Path, name: str) -> pl.DataFrame | None:
    return read_table(folder, name) if files_of(folder, name) else None


def _pools(folder: Path, holdings: pl.DataFrame | None) -> pl.DataFrame | None:
    """The shortfalls of single pools, where an account that has a page has several; the table may be large."""
    isolated = holdings is not None and not holdings.filter(pl.col("pool_id") != CROSS).is_empty()
    if not isolated or not files_of(folder, "pool_scenario"):
        return None
    return read_table(folder, "pool_scenario", ["account_id", "pool_id", "scenario_id", "margin_shortfall"])


def _shocks(folder: Path, scenario_ids: Sequence[str]) -> dict[str, str]:
    """What each scenario assumes; empty where the run did not keep its scenarios."""
    if not (folder / "inputs" / "scenarios.parquet").is_file():
        return {}
    return dict.fromkeys(scenario_ids, "nothing in this book is shocked") | shock_words(folder, scenario_ids)


def _sources(folder: Path, scenario_ids: Sequence[str]) -> dict[str, str]:
    return scenario_sources(folder, scenario_ids) if (folder / "inputs" / "scenarios.parquet").is_file() else {}


def _cover(summary: Summary, identity: Identity, headline: int, others: int) -> tuple[Fact, ...]:
    """What stands on the cover: of what, when, by which rules, and how to find it again."""
    counts, currency = summary.counts, summary.run.reporting_currency
    label = summary.run.snapshot_label
    book = f"{plural_count(counts.accounts, 'account')} of {plural_count(counts.owners, 'owner')}, {plural_count(counts.positions, 'position')}"
    stressed = plural_count(headline, "headline scenario") + (f", {plural_count(others, 'other')}" if others else "")
    resources = "not stated" if summary.resources is None else f"{currency} {money(summary.resources.total)}"
    return (
        Fact("As of", moment(summary.run.as_of)),
        *([Fact("Snapshot", shortened(shown(label), 60))] if label else []),
        Fact("Book", book),
        Fact("Gross notional", f"{currency} {money(counts.gross_notional)}"),
        Fact("Scenarios", stressed),
        *([Fact("Scenario set", shortened(shown(summary.run.scenario_set), 90))] if summary.run.scenario_set.strip() else []),
        *([Fact("Margin rules", shortened(shown(summary.run.margin_rules), 90))] if summary.run.margin_rules.strip() else []),
        Fact("Resources", resources),
        Fact("Amounts in", currency),
        Fact("Run", shown(summary.result_id[:12])),
        Fact("Made by", f"stresstest {shown(identity.code_version)}"),
    )


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


def _methods(specification: Mapping[str, Any], currency: str) -> tuple[Fact, ...]:
    """The settings of this run that its figures depend on, from what its identity states; what an older run did not state is left out."""
    found = []
    if specification.get("margin_model"):
        found.append(Fact("Margin model", f"every account under {shown(specification['margin_model'])}, whatever the snapshot names"))
    tolerance = specification.get("reconciliation_tolerance")
    if isinstance(tolerance, Mapping):
        most = f"max({currency} {significant(tolerance['absolute'])}, {percent(tolerance['relative'], 2)} of the reported figure)"
        found.append(Fact("Reconciliation", f"reported and computed figures agree within {most}"))
    if "max_price_age" in specification:
        age = specification["max_price_age"]
        found.append(Fact("Age of prices", "not checked" if age is None else f"older than {significant(float(age))} seconds is a warning"))
    if specification.get("on_missing"):
        excluded = specification["on_missing"] == "exclude"
        found.append(
            Fact("Faulty input", "the accounts concerned are left out and listed" if excluded else "refused: the run would not have started")
        )
    if specification.get("headline"):
        found.append(
            Fact("Headline scenarios", f"{count(len(specification['headline']))} named in the run file, in place of those the scenario files name")
        )
    return tuple(found)
