"""The tables that say why: attribution of the worst accounts and of the whole book."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from stresstest.config import RunFile
from stresstest.config.run_file import Attribution
from stresstest.errors import counted
from stresstest.results.inputs import FOLDER as INPUTS
from stresstest.results.inputs import RUN
from stresstest.results.store import empty, write_table
from stresstest.results.summary import closest_to_default
from stresstest.runs.planning import Plan
from stresstest.runs.writing import Valued
from stresstest.tables import ATTRIBUTION, ATTRIBUTION_POSITIONS, ATTRIBUTION_SUMMARY

if TYPE_CHECKING:  # the kernels take long to import, and a refused snapshot does not wait for them
    from stresstest.stress.static import StressResult


def asks_for_attribution(settings: RunFile) -> bool:
    """Whether the run file wants these tables even where no report is made."""
    return "attribution" in settings.model_fields_set


def other_attribution(settings: RunFile, folder: Path, tables: Collection[str]) -> str | None:
    """How the attribution of a finished run is not the one that settings ask for; None where it is.

    Args:
        settings: of a run that is to come.
        folder: of the finished run.
        tables: those that the finished run has.
    """
    if ATTRIBUTION.name not in tables:
        return "without the tables of `attribution`" if asks_for_attribution(settings) else None
    stated = json.loads((folder / INPUTS / RUN).read_text(encoding="utf-8")).get("attribution") or {}
    then = Attribution.model_validate(stated).accounts
    return None if then == settings.attribution.accounts else f"with the attribution of {counted(then, 'account')}"


def write_attribution(plan: Plan, result: Path, valued: Valued, stressed: StressResult, accounts: pl.DataFrame) -> None:
    """Write the tables of the attribution, without rows where none was asked for.

    Args:
        plan: of the run.
        result: its result folder.
        valued: the book under its scenarios.
        stressed: the first pass.
        accounts: account_summary, as far as summaries need it.
    """
    from stresstest.stress.attribution.accounts import attribute_accounts
    from stresstest.stress.attribution.whole_book import attribute_book

    frames = {table.name: empty(table) for table in (ATTRIBUTION, ATTRIBUTION_POSITIONS, ATTRIBUTION_SUMMARY)}
    most = plan.settings.attribution.accounts
    if most > 0:
        book, resolved, units, rulebook = valued.book, valued.resolved, valued.units, plan.rulebook
        worst = closest_to_default(accounts, most)
        found = attribute_accounts(book, resolved, units, rulebook, worst, stressed.worst_accounts)
        whole = attribute_book(book, resolved, units, rulebook, stressed.holders, stressed.scenario_summary)
        frames = {ATTRIBUTION.name: found.attribution, ATTRIBUTION_POSITIONS.name: found.positions, ATTRIBUTION_SUMMARY.name: whole}
    for table in (ATTRIBUTION, ATTRIBUTION_POSITIONS, ATTRIBUTION_SUMMARY):
        write_table(frames[table.name], table, result / f"{table.name}.parquet", plan.scenarios.ids)
