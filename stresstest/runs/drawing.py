"""Statistics over scenarios that have a weight, where a run makes the tables that only a report needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from stresstest.results.store import files_of, read_table, write_table
from stresstest.tables import ACCOUNT_PROBABILITIES, DRAW_STATISTICS, OWNER_DISTRIBUTION

if TYPE_CHECKING:
    from stresstest.runs.planning import Plan
    from stresstest.snapshot.book import Book
    from stresstest.stress.static import StressResult


def write_draws(plan: Plan, result: Path, book: Book, stressed: StressResult, accounts: pl.DataFrame) -> None:
    """Write the tables `tables.DRAW_TABLES`; `accounts`: account_id and status at base of every account."""
    from stresstest.stress.weighted.draws import account_probabilities, draw_statistics
    from stresstest.stress.weighted.owners import owner_distribution

    families, draws, named = stressed.families, stressed.draws, book.dimensions.accounts
    status = named.select("account_id").join(accounts.select("account_id", "status"), on="account_id", how="left", maintain_order="left")["status"]
    for table, frame in (
        (DRAW_STATISTICS, draw_statistics(families, stressed.scenario_summary)),
        (ACCOUNT_PROBABILITIES, account_probabilities(families, draws, named, status)),
        (OWNER_DISTRIBUTION, owner_distribution(book, stressed.compiled, stressed.holders, families, draws)),
    ):
        write_table(frame, table, result / f"{table.name}.parquet", plan.scenarios.ids)


def tables_of_draws(result: Path) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """`draw_statistics` and `account_probabilities`; None where the run has not made them."""
    names = (DRAW_STATISTICS.name, ACCOUNT_PROBABILITIES.name)
    return (read_table(result, names[0]), read_table(result, names[1])) if all(files_of(result, name) for name in names) else None
