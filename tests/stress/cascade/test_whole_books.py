"""Cascades of generated books under every kind of model: where they begin, and whether it matters who computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from generated.books import BookSpec, make_book, write
from generated.orders import with_orders
from generated.portfolios import with_portfolio_models
from generated.strategies import with_strategies
from stress.cascade.cascading import Cascaded, cascaded, staged_run
from stress.cascade.test_engine import same
from stress.small_book import run

from stresstest.results.store import read_table

pytestmark = pytest.mark.usefixtures("read_here")

Change = Callable[[BookSpec], BookSpec]
BOOKS: dict[str, tuple[int, Change]] = {
    "tiered": (21, lambda spec: spec), "orders": (22, with_orders), "portfolio": (23, with_portfolio_models), "strategy": (24, with_strategies),
}  # fmt: skip


@pytest.mark.parametrize("name", BOOKS)
def test_it_begins_where_the_static_stress_ends(tmp_path: Path, name: str):
    seed, change = BOOKS[name]
    spec = write(change(make_book(tmp_path / "book", seed, 40)))
    static = read_table(run(spec.run_file, tmp_path / "out", **{"keep": "all", "output.formats": ["json"]}).folder, "account_scenario")
    of = staged_run(spec.run_file, tmp_path)
    found = cascaded(of, {"impact": {"kind": "none"}})
    single = of.book.dimensions.accounts["pools"].to_numpy() == 1
    names = of.book.dimensions.accounts["account_id"].to_list()
    rows = {(row["account_id"], row["scenario_id"]): row for row in static.iter_rows(named=True)}
    breaches = 0
    for number, scenario in enumerate(of.resolved.ids):
        equity, breached = found.of_accounts("equity_shocked", number), found.of_accounts("breached", number)
        for place, account in enumerate(names):
            row = rows[account, scenario]
            if single[place]:
                assert equity[account] == row["equity"]
                if abs(row["margin_balance"] - row["maintenance_margin"]) > 0.02:
                    assert breached[account] is (row["margin_shortfall"] > 0.0)
                    breaches += breached[account]
            else:
                assert equity[account] == pytest.approx(row["equity"], rel=1e-12, abs=1e-6)
    assert breaches > 0
    assert not found.outcome.accounts_by_feedback.any()
    assert (found.outcome.prices_final == found.outcome.prices_shocked).all()


@pytest.mark.parametrize("policy", ["full", "worst_first"])
def test_threads_do_not_matter_where_there_are_many_blocks(tmp_path: Path, policy: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stresstest.snapshot.blocks.BLOCK_POOLS", 16)
    of = staged_run(write(make_book(tmp_path / "book", 25, 120)).run_file, tmp_path)
    assert of.book.blocks > 3
    reporting = of.book.dimensions.reporting_currency
    assets = [name for name in of.book.dimensions.assets["asset"] if name != reporting]
    terms = {"impact": {"kind": "linear", "depth": dict.fromkeys(assets, 1e7)}, "policy": policy, "max_rounds": 6, "fees": {"liquidation": 0.002}}
    one, two = (cascaded(of, terms, log=True, workers=workers) for workers in (1, 2))
    same(one.outcome, two.outcome)
    assert one.outcome.accounts_by_feedback.any()
    rounds_add_up(one)


def rounds_add_up(found: Cascaded) -> None:
    """Orders, rounds, prices and triggers tell the same notionals."""
    outcome = found.outcome
    total = outcome.notional_sold.sum()
    assert total > 0.0
    for frame in (outcome.log, outcome.round_totals, outcome.path, outcome.traded):
        assert frame["notional"].sum() == pytest.approx(total, rel=1e-9)
    assert outcome.log["fee"].sum() == pytest.approx(outcome.fees.sum(), rel=1e-9)
    sold = np.zeros_like(outcome.sold)
    path = outcome.path
    np.add.at(sold, (path["asset"].to_numpy(), path["scenario"].to_numpy()), path["net_quantity_sold"].to_numpy())
    assert sold == pytest.approx(outcome.sold, rel=1e-9, abs=1e-9)
