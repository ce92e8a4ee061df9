"""Cascades worked out by hand (`references/cascade_reverse.md`, C3) that `test_engine.py` does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from stress.cascade.books import Book, four_longs, two_assets
from stress.cascade.cascading import Cascaded, cascaded, staged
from stress.small_book import cash, lot, scenario


def run(folder: Path, book: Book) -> Cascaded:
    """The cascade of a book of one scenario."""
    return cascaded(staged(folder, book.tables, book.scenarios, book.margin), book.cascade, scenarios=[1])


def test_what_longs_lose_shorts_and_buyers_gain(tmp_path: Path) -> None:
    """T9: 300 units bought on the way down from 94 to 73 lose their buyers 3,150; longs lose 7,650 and shorts gain the sum."""
    found = run(tmp_path, four_longs(0.07, shorts=True))
    path = found.outcome.path
    paid = float((path["net_quantity_sold"] * path["execution_price"]).sum())
    outside = float(path["net_quantity_sold"].sum()) * found.price("A", 1) - paid
    equities, had = found.of_accounts("equity_final", 1), {"A1": 1_000.0, "A2": 1_500.0, "A3": 2_000.0, "A4": 4_000.0, "S1": 5_000.0, "S2": 8_000.0}
    longs, shorts = (sum(equities[name] - had[name] for name in had if name[0] == side) for side in "AS")
    assert (longs, shorts, outside) == pytest.approx((-7_650.0, 10_800.0, -3_150.0))


def test_isolated_pools_of_one_account_fail_apart(tmp_path: Path) -> None:
    """T11: X's leg in A ends 900 below zero, its leg in B stands; nobody sells B."""
    found = run(tmp_path, two_assets(isolated=True))
    assert (found.price("A", 1), found.price("B", 1)) == pytest.approx((74.0, 100.0))
    assert found.of_accounts("equity_final", 1) == pytest.approx({"X": 600.0, "Y": 700.0, "Z": 1_000.0})
    assert found.of_accounts("loss_final", 1) == pytest.approx({"X": 900.0, "Y": 0.0, "Z": 0.0})
    assert found.of_accounts("cross_final", 1) == pytest.approx({"X": 0.0, "Y": 700.0, "Z": 1_000.0})
    assert found.of_accounts("liquidated", 1) == {"X": True, "Y": False, "Z": False}


@pytest.mark.parametrize("policy", ["full", "pro_rata"])
def test_who_is_healed_by_cancelling_orders_is_not_liquidated(policy: str, tmp_path: Path) -> None:
    """N has 470; 100 units would need 475, the 50 that it holds 237.5."""
    tables = {
        **two_assets().tables,
        "accounts": [{"account_id": "N", "margin_model": "with_orders"}],
        "positions": [lot("N", "PA", 50.0)],
        "collateral": [cash("N", 720.0)],
        "orders": [{"account_id": "N", "instrument_id": "PA", "side": "buy", "quantity": 50.0, "price": 95.0}],
    }
    margin = {"models": {"with_orders": {"kind": "tiered", "orders": "worst_side"}}}
    book = Book(tables, [scenario("fall", {"A": -0.05})], {**two_assets().cascade, "policy": policy}, margin)
    found = run(tmp_path, book)
    assert found.of_accounts("breached", 1) == {"N": True}
    assert found.of_accounts("liquidated", 1) == {"N": False}
    assert (found.outcome.rounds.tolist(), found.outcome.pools_liquidated.tolist()) == ([0], [0])
    assert found.outcome.notional_sold.sum() == 0.0


def test_who_has_nothing_left_buys_back_what_it_owes_at_once(tmp_path: Path) -> None:
    """N owes 20 A and 100 dollars and has nothing: half of a debt a round would go on for ever."""
    tables = {**two_assets().tables, "positions": [lot("Z", "PB", 1.0)]}
    tables["assets"] = [row if row["asset"] == "USD" else {**row, "collateral_schedule": "cash"} for row in tables["assets"]]
    tables["collateral"] = [cash("N", -100.0), {"account_id": "N", "asset": "A", "quantity": -20.0}, cash("Z", 1_000.0)]
    found = run(tmp_path, Book(tables, [scenario("rise", {"A": 0.10})], {**two_assets().cascade, "close_factor": 0.5}))
    # 20 units at a slope of 0.04 take the price from 110 to 110.8; on average they cost 110.4.
    assert (found.outcome.rounds.tolist(), found.price("A", 1)) == ([1], pytest.approx(110.8))
    assert found.of_accounts("equity_final", 1) == pytest.approx({"N": -100.0 - 20.0 * 110.4, "Z": 1_000.0})
    assert found.outcome.unfunded_debts.tolist() == pytest.approx([2_308.0])
