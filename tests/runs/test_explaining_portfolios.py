"""The kernels and `explain` on accounts under portfolio models: every row of a run and its worst row."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from generated.books import make_book, write
from generated.portfolios import with_portfolio_models
from margin.explain_case import PERPETUAL, Case, Row

from stresstest.cli.explain_document import Explanation as Printed
from stresstest.config import load_run
from stresstest.results.store import read_table
from stresstest.runs.console import Silent
from stresstest.runs.explaining import explain_run, worst_rows
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

pytestmark = pytest.mark.usefixtures("staged_once")


class Strict(Silent):
    """Takes a warning, that explain and the run differ, for a failure."""

    def warn(self, text: str) -> None:
        raise AssertionError(text)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a generated book in which most accounts are under portfolio models, with add-ons, hedges and lists of offsets."""
    spec = with_portfolio_models(make_book(tmp_path_factory.mktemp("book"), 4))
    write(spec)
    return execute(plan(load_run(spec.run_file, {"keep": "all"}), tmp_path_factory.mktemp("portfolios") / "out")).folder


def test_explain_agrees_with_the_rows_of_a_run(finished: Path) -> None:
    rows = read_table(finished, "account_scenario").filter(pl.col("worst_row").is_not_null()).to_dicts()
    assert len(rows) >= 4
    for row in rows[:2] + rows[-2:]:
        found = explain_run(finished, row["account_id"], row["scenario_id"], console=Strict())
        printed = Printed.model_validate(found)
        assert printed.account.worst_row == row["worst_row"]
        assert any(pool.scans for pool in printed.pools)
        required = sum(part.requirement_maintenance or 0.0 for pool in printed.pools for part in (*pool.scans, *pool.add_ons, *pool.charges))
        assert required == pytest.approx(row["maintenance_margin"], rel=1e-9)


def test_rows_that_lose_the_same_are_all_worst() -> None:
    perpetual: Row = {**PERPETUAL, "margin_schedule": None}
    grid: list[Row] = [{"spot": -0.1}, {"spot": -0.3, "weight": 1 / 3}, {"spot": 0.2}, {"spot": -0.2, "weight": 0.4}]
    book = Case({"BTC": {"price": 100.0}}, {"X": perpetual}, {"models": {"pm": {"kind": "portfolio", "grid": grid}}}, {"A": {"margin_model": "pm"}})
    found = book.hold("X", 1.0).valued()
    assert worst_rows(found, 1e-9) == {"spot -10 %", "spot -30 %"}
    assert worst_rows(found, 3.0) == {"spot -10 %", "spot -30 %", "spot -20 %"}
    assert worst_rows(found, 20.0) == {"spot -10 %", "spot -30 %", "spot -20 %", None}
