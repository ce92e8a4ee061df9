"""The pages of the worst accounts: what each holds, and how its worst scenario comes about.

`explain` derives both from the account's rows; the levels between the steps are the run's own figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from stresstest.margin.explain import Explanation, explain, holdings_of
from stresstest.margin.rulebook import PortfolioModel, Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.stress.account_lines import account_lines
from stresstest.stress.account_steps import account_steps
from stresstest.tables import ACCOUNT_HOLDINGS, ACCOUNT_STEPS
from stresstest.valuation.unit_values import UnitValues

PAGES = 10
"""Accounts that have a page."""

MOST_POSITIONS = 50_000
"""Positions of an account beyond which it has no page: explaining takes some 3 kB a position and state."""

MOST_ROWS = 100_000
"""Rows (positions of accounts and all instruments, times states; positions in every row of a grid) that are explained at once: about 300 MB."""


@dataclass(frozen=True)
class AccountPages:
    """The tables `account_holdings` and `account_steps`."""

    holdings: pl.DataFrame
    steps: pl.DataFrame


def account_pages(book: Book, resolved: Resolved, units: UnitValues, rulebook: Rulebook, worst: pl.DataFrame) -> AccountPages:
    """The pages of some accounts, each at base and in its own worst headline scenario.

    Args:
        book: the staged snapshot.
        resolved: factor values of every scenario.
        units: what instruments are worth in them.
        rulebook: the margin file.
        worst: rows of account_summary: `account_id, equity, positions` and `worst_headline_*` of the accounts, each with such a scenario.
    """
    lines, steps = [], []
    moves = 1 + max((len(model.grid) for model in rulebook.models.values() if isinstance(model, PortfolioModel)), default=0)
    for batch in _batches(worst.filter(pl.col("positions") <= MOST_POSITIONS).to_dicts(), book.dimensions.instruments.height, moves):
        for account, explanation in _explained(book, resolved, units, rulebook, batch):
            lines.append(account_lines(explanation, account["worst_headline_scenario_id"], book.dimensions))
            steps.append(account_steps(explanation, account, resolved, book.dimensions))
    return AccountPages(_together(lines, ACCOUNT_HOLDINGS.names), _together(steps, ACCOUNT_STEPS.names))


def _together(frames: Sequence[pl.DataFrame], columns: Sequence[str]) -> pl.DataFrame:
    return pl.concat(frames, how="vertical_relaxed") if frames else pl.DataFrame(schema=dict.fromkeys(columns, pl.Null))


def _batches(accounts: Sequence[Mapping[str, Any]], instruments: int, moves: int) -> Iterator[list[Mapping[str, Any]]]:
    """The accounts in groups that may be explained at once: mostly all of them, because a call costs more than its rows.

    `moves`: how often a position is looked at in every state, once and in the rows of the largest grid.
    """
    batch: list[Mapping[str, Any]] = []
    for account in accounts:
        together = [*batch, account]
        states = 1 + len({each["worst_headline_scenario_id"] for each in together})
        if batch and (sum(each["positions"] for each in together) * moves + instruments) * states > MOST_ROWS:
            yield batch
            together = [account]
        batch = together
    if batch:
        yield batch


def _explained(
    book: Book, resolved: Resolved, units: UnitValues, rulebook: Rulebook, accounts: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Mapping[str, Any], Explanation]]:
    """Each account with its explanation at base and in its scenario."""
    names = book.dimensions.accounts["account_id"]
    codes = [names.index_of(account["account_id"]) for account in accounts]
    scenarios = [account["worst_headline_scenario_id"] for account in accounts]
    positions = sorted({0, *(resolved.ids.index(scenario) for scenario in scenarios)})
    holdings = holdings_of(book, [code for code in codes if code is not None])
    whole = explain(book.dimensions, holdings, resolved, units.mark, rulebook, positions, units)
    for account, scenario in zip(accounts, scenarios, strict=True):
        wanted = (pl.col("account_id") == account["account_id"]) & pl.col("scenario_id").is_in([resolved.ids[0], scenario])
        frames = {name: frame.filter(wanted) for name, frame in vars(whole).items() if isinstance(frame, pl.DataFrame)}
        yield account, Explanation(reporting_currency=whole.reporting_currency, **frames)
