"""What the folder of a run holds beside the large tables that the stress itself writes: small tables, settings, identity and summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

import stresstest
from stresstest.config import RunFile
from stresstest.results import quality as checks
from stresstest.results.cascade import cascade_tables
from stresstest.results.documents import write_document
from stresstest.results.identity import Identity, identity
from stresstest.results.inputs import write_run
from stresstest.results.store import empty, files_of, read_table, write_table
from stresstest.results.summary import Counts, Resources, RunFacts, Summary, closest_to_default, summarise
from stresstest.runs.drawing import tables_of_draws
from stresstest.runs.margin_checks import margin_checks
from stresstest.runs.planning import Plan
from stresstest.runs.specification import specification
from stresstest.scenarios.effects import unmatched_shocks
from stresstest.scenarios.notices import Notice
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.tables import (
    ACCOUNT_HOLDINGS,
    ACCOUNT_STEPS,
    COLLATERAL_SUMMARY,
    DATA_QUALITY,
    DETAIL,
    EXCLUDED,
    FUNDING_SUMMARY,
    LIMITS,
    OWNER_SCENARIO,
    OWNER_SUMMARY,
    SCENARIO_SUMMARY,
    SEGMENT_SUMMARY,
)
from stresstest.valuation.unit_values import UnitValues

if TYPE_CHECKING:  # the kernels take long to import, and a refused snapshot does not wait for them
    from stresstest.stress.breakdown import Breakdown
    from stresstest.stress.static import StressResult


@dataclass(frozen=True)
class Valued:
    """A book under its scenarios: everything the stress needs."""

    book: Book
    resolved: Resolved
    notices: tuple[Notice, ...]
    units: UnitValues


def write_report_tables(plan: Plan, result: Path, valued: Valued, breakdown: Breakdown, accounts: pl.DataFrame) -> None:
    """Write the tables that only a report needs: the second look at the book, and pages of the accounts closest to default."""
    from stresstest.stress.account_pages import PAGES, account_pages

    pages = account_pages(valued.book, valued.resolved, valued.units, plan.rulebook, closest_to_default(accounts, PAGES))
    for table, frame in (
        (COLLATERAL_SUMMARY, breakdown.collateral_summary),
        (SEGMENT_SUMMARY, breakdown.segment_summary),
        (OWNER_SUMMARY, breakdown.owner_summary),
        (ACCOUNT_HOLDINGS, pages.holdings),
        (ACCOUNT_STEPS, pages.steps),
    ):
        write_table(frame, table, result / f"{table.name}.parquet", plan.scenarios.ids)


def write_results(
    plan: Plan, result: Path, valued: Valued, stressed: StressResult, accounts: pl.DataFrame, besides: Sequence[checks.Check] = ()
) -> Identity:
    """Write the small tables of the stress, data quality (with checks `besides`) and settings; what the result is of, and its id."""
    ids, book, dimensions = plan.scenarios.ids, valued.book, valued.book.dimensions
    for table, frame in ((SCENARIO_SUMMARY, stressed.scenario_summary), (OWNER_SCENARIO, stressed.owner_scenario), (DETAIL, stressed.detail)):
        write_table(frame, table, result / f"{table.name}.parquet", ids)
    write_table(_quality(plan, valued, stressed, accounts, besides), DATA_QUALITY, result / "data_quality.parquet")
    write_table(book.excluded, EXCLUDED, result / "excluded.parquet")
    _write_limits(plan, result, book)
    unmatched = unmatched_shocks(plan.scenarios, dimensions, plan.rulebook.margin_names())
    write_run(result, plan.settings, plan.scenarios, unmatched, dimensions.as_of, dimensions.reporting_currency)
    asked = specification(plan.settings, plan.scenarios, plan.rulebook, dimensions.as_of, dimensions.reporting_currency)
    stated = identity(asked, book.inputs, stresstest.__version__, result)
    write_document(stated, result / "result.json")
    return stated


def _write_limits(plan: Plan, result: Path, book: Book) -> None:
    """Last of all tables: limits are about the others."""
    if not plan.settings.limits:
        write_table(empty(LIMITS), LIMITS, result / f"{LIMITS.name}.parquet")
        return
    from stresstest.results.limits import limits_table

    stated = resources_of(plan.settings, book.default_fund)
    resources = None if stated is None else stated.model_dump()
    write_table(limits_table(plan.settings.limits, result, resources, plan.settings.max_memory), LIMITS, result / f"{LIMITS.name}.parquet")


def _quality(plan: Plan, valued: Valued, stressed: StressResult, accounts: pl.DataFrame, besides: Sequence[checks.Check]) -> pl.DataFrame:
    tolerance = plan.settings.reconciliation_tolerance
    gross = checks.gross_by_instrument(valued.book, np.ascontiguousarray(valued.units.notional[:, 0]))
    headline = [each.id for each in plan.scenarios if each.headline]
    found = [
        *checks.reconciliation(accounts, valued.book.dimensions.accounts, tolerance.absolute, tolerance.relative),
        *checks.from_notices(valued.notices),
        *margin_checks(plan.rulebook, valued.book.dimensions, valued.resolved),
        *checks.unshocked(valued.resolved, valued.units, gross, headline, {each.id for each in plan.scenarios if each.any_book}),
        *checks.options(valued.units, gross),
        *checks.grid_clamps(stressed.compiled.grid_clamps),
        *checks.extended_tiers(stressed.extended),
        *besides,
    ]
    return checks.quality_table(valued.book, found)


def write_summary(plan: Plan, result: Path, book: Book, stated: Identity, accounts: pl.DataFrame) -> Summary:
    """Write `summary.json`, from tables that are in the folder by then."""
    dimensions = book.dimensions
    counts = Counts(
        owners=dimensions.owners.height,
        pools=dimensions.pools.height,
        positions=book.positions,
        lots=book.lots,
        instruments=dimensions.instruments.height,
        assets=dimensions.assets.height,
        excluded_accounts=book.excluded.height,
        incomplete_owners=book.excluded["owner_id"].n_unique(),
    )
    about = RunFacts(
        name=plan.settings.name or plan.scenarios.name,
        book=plan.book,
        snapshot_label=Path(plan.settings.snapshot).name,
        as_of=dimensions.as_of.isoformat(),
        reporting_currency=dimensions.reporting_currency,
        scenario_set=plan.scenarios.name,
        margin_rules=plan.rulebook.name or "",
    )
    summary = summarise(
        stated.result_id,
        about,
        counts,
        resources_of(plan.settings, book.default_fund),
        accounts,
        read_table(result, SCENARIO_SUMMARY.name),
        read_table(result, DATA_QUALITY.name),
        read_table(result, OWNER_SCENARIO.name).join(dimensions.owners.select("owner_id", "name"), on="owner_id", how="left"),
        read_table(result, LIMITS.name),
        read_table(result, FUNDING_SUMMARY.name) if files_of(result, FUNDING_SUMMARY.name) else None,
        tables_of_draws(result),
        cascade_tables(result),
    )
    write_document(summary, result / "summary.json")
    return summary


def resources_of(settings: RunFile, contributions: float) -> Resources | None:
    """What stands behind a default; None where the run file and the owners table say nothing."""
    stated = settings.resources
    fund = contributions if stated.default_fund is None else stated.default_fund
    total = stated.insurance_fund + stated.skin_in_the_game + fund
    if total == 0.0 and "resources" not in settings.model_fields_set:
        return None
    return Resources(insurance_fund=stated.insurance_fund, skin_in_the_game=stated.skin_in_the_game, default_fund=fund, total=total)
