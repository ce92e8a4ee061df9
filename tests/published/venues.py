"""The venues whose published cases are tried, in the order of docs/published-cases.md, and a run of all their cases."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from published.binance import binance
from published.case_book import CaseBook, Check, Outcome, Row, Runs
from published.derive import standard
from published.derive_portfolio import portfolio_1, portfolio_2
from published.documents import exchange, span, synthetix
from published.drift import drift
from published.dydx import dydx
from published.lending import compound, mango
from published.listed_options import cboe

from stresstest.config import load_run
from stresstest.results.store import read_table
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

COLLECTION = Path(__file__).parents[2] / "../shared/references/cases"
"""All cases that were collected, with formulas and tolerances; not part of the repository."""


@dataclass(frozen=True)
class Venue:
    """A venue by the name of its file: how a case of it becomes accounts, and what it is called."""

    title: str
    translate: Callable[[Row, Row, CaseBook], Outcome]


VENUES = {
    "binance_style_perps": Venue("Binance, Gate, OKX: tiered perpetuals", binance),
    "exchange_docs": Venue("Worked examples of venues' documentation", exchange),
    "dydx_v4": Venue("dYdX v4", dydx),
    "drift_v2": Venue("Drift v2", drift),
    "mango_v4": Venue("Mango v4", mango),
    "compound_v3": Venue("Compound v3", compound),
    "synthetix_v3": Venue("Synthetix v3", synthetix),
    "cboe_strategy": Venue("CBOE margin manual", cboe),
    "derive_standard": Venue("Derive v2, standard manager", standard),
    "derive_pmrm1": Venue("Derive v2, portfolio manager, first version", portfolio_1),
    "derive_pmrm2": Venue("Derive v2, portfolio manager, second version", portfolio_2),
    "span_takasbank": Venue("SPAN, Takasbank", span),
}


def collection() -> dict[str, Row]:
    """The collected cases by venue; none where the collection is absent."""
    if not COLLECTION.exists():
        return {}
    return {name: json.loads((COLLECTION / f"{name}.json").read_text(encoding="utf-8")) for name in VENUES}


def outcomes(files: Mapping[str, Row], book: CaseBook) -> dict[str, Outcome]:
    """What becomes of every case, by id; those that run are in the book afterwards."""
    return {case["id"]: VENUES[name].translate(case, file, book) for name, file in files.items() for case in file["cases"]}


class Results:
    """The results of a run of a book of cases: `inputs` is the folder of its run file, `folder` that of the results."""

    def __init__(self, book: CaseBook, folder: Path) -> None:
        self.inputs = folder / "in"
        self.folder = out = execute(plan(load_run(book.write(self.inputs)), folder / "out")).folder
        accounts, pools = read_table(out, "account_scenario"), read_table(out, "pool_scenario").filter(pl.col("pool_id") != "cross")
        self._accounts: dict[tuple[Any, ...], Row] = {(row["account_id"], row["scenario_id"]): row for row in accounts.iter_rows(named=True)}
        self._pools: dict[tuple[Any, ...], Row] = {
            (row["account_id"], row["scenario_id"], row["pool_id"].rpartition(":")[0]): row for row in pools.iter_rows(named=True)
        }

    def row(self, check: Check) -> Row:
        """The row in which the figure stands."""
        if check.pool is None:
            return self._accounts[check.account, check.scenario]
        return self._pools[check.account, check.scenario, check.pool]

    def wrong(self, outcome: Runs) -> list[str]:
        """What is not as published."""
        return [wrong for check in outcome.checks if (wrong := check.wrong(self.row(check))) is not None]
