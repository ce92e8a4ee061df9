"""The book under isolated margin: what everybody holds is what they held, in other pools."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stress.cascade.books import linear, two_assets
from stress.cascade.cascading import Staged, cascaded, staged
from stress.small_book import Row, cash, lot, scenario

from stresstest.margin.compile import compile_tables
from stresstest.snapshot import blocks
from stresstest.snapshot.stage import load_block
from stresstest.stress.cascade.isolated_book import isolated_book
from stresstest.stress.holders import holders_of

WITH_ORDERS: Row = {"models": {"with_orders": {"kind": "tiered", "orders": "worst_side"}}}


def apart(of: Staged, folder: Path) -> Staged:
    """The same with every position on its own."""
    at_base = compile_tables(of.book.dimensions, of.resolved.take([0]), of.units.take([0]), of.rulebook, np.zeros(1, dtype=np.bool_))
    return replace(of, book=isolated_book(of.book, at_base, holders_of(of.book.dimensions, at_base.models), folder))


def held(of: Staged) -> dict[tuple[str, str], dict[str, Any]]:
    """By account and pool: positions, collateral, orders, whether isolated."""
    dimensions = of.book.dimensions
    accounts, pools = dimensions.accounts["account_id"].to_list(), dimensions.pools
    instruments, assets = dimensions.instruments["instrument_id"].to_list(), dimensions.assets["asset"].to_list()
    names = [(accounts[row["account_code"]], row["pool_id"]) for row in pools.iter_rows(named=True)]
    found: dict[tuple[str, str], dict[str, Any]] = {
        name: {"isolated": isolated, "positions": {}, "collateral": {}, "orders": {}} for name, isolated in zip(names, pools["isolated"], strict=True)
    }
    assert len(found) == len(names)
    for number in range(of.book.blocks):
        block = load_block(of.book, number)
        here = names[block.first_pool : block.first_pool + len(block.account)]
        assert [accounts[code] for code in block.account] == [account for account, _ in here]
        for pool, instrument, quantity in zip(block.position_pool, block.instrument, block.quantity, strict=True):
            found[here[pool]]["positions"][instruments[instrument]] = quantity
        for pool, asset, amount in zip(block.collateral_pool, block.asset, block.amount, strict=True):
            kept = found[here[pool]]["collateral"]
            kept[assets[asset]] = kept.get(assets[asset], 0.0) + amount
        for row, quantity in zip(block.order_position, block.bid_quantity, strict=True):
            found[here[block.position_pool[row]]]["orders"][instruments[block.instrument[row]]] = quantity
    return found


def totals(found: dict[tuple[str, str], dict[str, Any]], what: str) -> Counter[tuple[str, str]]:
    """By account and name."""
    sums: Counter[tuple[str, str]] = Counter()
    for (account, _), pool in found.items():
        for name, amount in pool[what].items():
            sums[account, name] += amount
    return sums


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """E has money alone; M two positions, an order and an isolated pool called like a position; O owes dollars; blocks of two pools."""
    tables: dict[str, list[Row]] = {
        "assets": two_assets().tables["assets"],
        "instruments": two_assets().tables["instruments"],
        "accounts": [{"account_id": name, "margin_model": "with_orders"} for name in ("E", "M", "N", "O")],
        "positions": [
            lot("M", "PA", 100.0), lot("M", "PB", -300.0), lot("M", "PA", 7.0, isolated_margin=90.0, pool_id="PA"), lot("N", "PB", 10.0),
            lot("O", "PA", 20.0), lot("O", "PB", 20.0),
        ],
        "collateral": [
            cash("E", 50.0), cash("M", 4_000.0), {"account_id": "M", "asset": "A", "quantity": 8.0}, cash("N", 70.0), cash("O", -500.0),
            {"account_id": "O", "asset": "B", "quantity": 12.0},
        ],
        "orders": [{"account_id": "M", "instrument_id": "PA", "side": "buy", "quantity": 60.0, "price": 95.0}],
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(blocks, "BLOCK_POOLS", 2)
        found = staged(tmp_path_factory.mktemp("isolated") / "book", tables, [scenario("fall", {"A": -0.3})], WITH_ORDERS)
    assert found.book.blocks > 1
    return found


def test_everything_is_in_its_place(book: Staged, tmp_path: Path) -> None:
    before, after = held(book), held(apart(book, tmp_path / "apart"))
    assert {name: pool["isolated"] for name, pool in after.items()} == {
        ("E", "cross"): False, ("M", "cross"): False, ("M", "PA"): True, ("M", "PB"): True, ("M", "PA (2)"): True, ("N", "cross"): False,
        ("N", "PB"): True, ("O", "cross"): False, ("O", "PA"): True, ("O", "PB"): True,
    }  # fmt: skip
    for what in ("positions", "orders", "collateral"):
        assert totals(after, what) == pytest.approx(totals(before, what))
    assert after["E", "cross"] == before["E", "cross"]
    assert [after["M", "cross"][what] for what in ("positions", "collateral", "orders")] == [{}, {}, {}]
    assert after["M", "PA (2)"] == before["M", "PA"]
    assert after["N", "PB"]["collateral"] == {"USD": 70.0}


def test_shares_are_those_of_the_requirement_alone(book: Staged, tmp_path: Path) -> None:
    """M: 100 A with an order for 60 more need 5 % of 160 A, 300 B short 5 % of 300: 800 and 1,500 of 2,300. O's debts go with it, in halves."""
    after = held(apart(book, tmp_path / "apart"))
    assert after["M", "PA"]["collateral"] == pytest.approx({"USD": 4_000.0 * 8 / 23, "A": 8.0 * 8 / 23})
    assert after["M", "PB"]["collateral"] == pytest.approx({"USD": 4_000.0 * 15 / 23, "A": 8.0 * 15 / 23})
    assert after["O", "PA"]["collateral"] == after["O", "PB"]["collateral"] == pytest.approx({"USD": -250.0, "B": 6.0})
    assert after["M", "PA"]["orders"] == {"PA": 60.0}


def test_two_assets_isolated(tmp_path: Path) -> None:
    """T11: the book with X's margin in one pool, taken apart, cascades as the one in which X had given each position 1,500."""
    cross, alone = two_assets(), two_assets(isolated=True)
    together = staged(tmp_path / "cross", cross.tables, cross.scenarios)
    by_hand = cascaded(staged(tmp_path / "alone", alone.tables, alone.scenarios), linear(0.04, "A", "B"), scenarios=[1])
    found = cascaded(apart(together, tmp_path / "apart"), linear(0.04, "A", "B"), scenarios=[1])
    for figure in ("equity_final", "loss_final"):
        assert found.of_accounts(figure, 1) == pytest.approx(by_hand.of_accounts(figure, 1))
    # Who had one position has the same margin on its own, and nobody sells B.
    assert (found.price("A", 1), found.price("B", 1)) == pytest.approx((74.0, 100.0))
    assert found.outcome.loss_final.tolist() == pytest.approx([900.0])
