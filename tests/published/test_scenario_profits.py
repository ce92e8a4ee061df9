"""The published profit and loss of every grid row, scenario by scenario, beside the rows of `explain`: not the worst one alone."""

from __future__ import annotations

import polars as pl
import pytest
from published.case_book import CaseBook, Row, Runs
from published.derive_portfolio import portfolio_2
from published.venues import COLLECTION, collection

from stresstest.config import load_run
from stresstest.margin.explain import explain, holdings_of
from stresstest.margin.rulebook import load_rulebook
from stresstest.runs.planning import load_scenarios_of
from stresstest.runs.staging import stage
from stresstest.scenarios.resolve import resolve
from stresstest.valuation.value import value_instruments

CLAMPED = {"pmrm2-073", "pmrm2-083"}
"""Their rows shift vols beyond 1,000 % a year, where vols end; none of these rows is the worst."""
FAR_FROM_THE_MONEY = {"pmrm2-063": 1e-7, "pmrm2-094": 1e-7}
"""Vols of options whose marks have few digits of time value are implied with as few: rows that move spot far show it."""


@pytest.mark.slow
@pytest.mark.skipif(not COLLECTION.exists(), reason="the collection of published cases is not part of the repository")
def test_every_row_of_every_grid(tmp_path_factory: pytest.TempPathFactory) -> None:
    file, book = collection()["derive_pmrm2"], CaseBook()
    cases: dict[str, Row] = {case["id"]: case for case in file["cases"] if isinstance(portfolio_2(case, file, book), Runs)}
    run = load_run(book.write(tmp_path_factory.mktemp("published") / "in"))
    rulebook = load_rulebook(run.margin)
    staged = stage(run, rulebook, tmp_path_factory.mktemp("staged"))
    resolved, _ = resolve(load_scenarios_of(run), staged.dimensions, rulebook.margin_names())
    units = value_instruments(staged.dimensions, resolved)
    everyone = holdings_of(staged, range(staged.dimensions.accounts.height))
    rows = explain(staged.dimensions, everyone, resolved, units.mark, rulebook, [0], units).rows
    assert len(cases) == 120
    wrong = []
    for name, case in cases.items():
        expected, within = case["expected"], case["tolerance"]
        # Assets that stand still under a model are groups of their own, with no profit in any row.
        found = rows.filter(account_id=name).group_by("row", maintain_order=True).agg(pl.col("pnl").sum())
        profits = dict(found.iter_rows())
        published = {str(number): profit for number, profit in enumerate(expected["scenario_pnl"])} | {"basis": expected["basis_contingency"]}
        rel = FAR_FROM_THE_MONEY.get(name, within["rel"])
        wrong += [
            (name, row, profits.get(row, 0.0), profit)
            for row, profit in published.items()
            if abs(profits.get(row, 0.0) - profit) > max(within["abs"], rel * abs(profit)) and name not in CLAMPED
        ]
    assert wrong == []
