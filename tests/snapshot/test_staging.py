"""The small book, staged: every figure of its blocks and dimensions by hand."""

from __future__ import annotations

import itertools
import math
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snapshot.books import AS_OF, LATER, as_table, small_book, write_tables

from stresstest.snapshot.stage import load_block, open_book, stage_snapshot
from stresstest.snapshot.staging import stage


def quiet(_stage: str, _detail: str) -> None:
    return None


def test_the_small_book(tmp_path, request_for):
    seen = []
    book = stage_snapshot(request_for(write_tables(tmp_path / "s", small_book())), lambda name, fraction: seen.append((name, fraction)))
    d = book.dimensions
    assert d.as_of == AS_OF
    assert d.reporting_currency == "USD"
    assert d.assets["asset"].to_list() == ["BTC", "ETH", "USD", "USDC", "WTI"]
    assert d.assets["price_currency"].to_list() == ["USD", "USDC", "USD", "USD", "USD"]
    assert d.assets["may_be_negative"].to_list() == [False, False, False, False, True]
    assert d.assets["price"].to_list()[2] == 1.0
    assert d.assets["tags"].to_list() == [[], [], [], [], []]
    assert d.instruments["instrument_id"].to_list() == ["BTC-CALL", "BTC-PERP", "ETH-INV", "ETH-SPOT", "WTI-FUT"]
    assert d.instruments["settle"].to_list() == ["USDC", "USDC", "ETH", "USDC", "USD"]
    assert d.instruments["settle_code"].to_list() == [3, 3, 1, 3, 2]
    assert d.instruments["risk_group"].to_list() == ["BTC", "BTC", "ETH", "ETH", "WTI"]
    assert d.instruments["payoff"].to_list() == ["linear", "linear", "inverse", "linear", "linear"]
    assert d.instruments["expiry"].to_list()[0] == LATER
    assert d.accounts["account_id"].to_list() == ["A1", "A2", "B1"]
    assert d.accounts["owner_code"].to_list() == [0, 0, 1]
    assert d.accounts["margin_model"].to_list() == ["default"] * 3
    assert d.accounts["pools"].to_list() == [1, 2, 1]
    assert d.accounts["positions"].to_list() == [2, 2, 2]
    assert d.owners["owner_id"].to_list() == ["O1", "O2"]
    assert d.owners["default_fund_contribution"].to_list() == [0.0, 0.0]
    assert d.owners["incomplete"].to_list() == [False, False]
    assert d.pools.rows() == [(0, "cross", False), (1, "BTC-PERP:long", True), (1, "cross", False), (2, "cross", False)]
    assert d.locations["location"].to_list() == ["bank", "vault"]
    assert (book.blocks, book.lots, book.positions) == (1, 8, 6)

    b = load_block(book, 0)
    assert (b.number, b.first_pool, b.pools) == (0, 0, 4)
    assert b.account.tolist() == [0, 1, 1, 2]
    assert b.position_pool.tolist() == [0, 0, 1, 2, 3, 3]
    assert b.instrument.tolist() == [1, 2, 1, 3, 0, 4]
    assert b.quantity.tolist() == [1.5, -6_000.0, 1.5, 4.0, -3.0, 10.0]
    # 2 * 49,000 - 0.5 * 50,000 (no entry: the mark); inverse -6,000 / 2,000; 1.5 * 50,000; 4 * 3,000; -3 * 2,000; 10 * 1
    assert b.cost.tolist() == [73_000.0, -3.0, 75_000.0, 12_000.0, -6_000.0, 10.0]
    assert b.funding.tolist() == [3.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    # the smallest of the lots' and the account's: A2 has a cap of 20
    assert b.leverage.tolist() == [10.0, 0.0, 20.0, 20.0, 0.0, 0.0]
    assert b.collateral_pool.tolist() == [0, 0, 0, 1, 3]
    assert b.asset.tolist() == [1, 3, 3, 3, 2]
    assert b.location.tolist() == [-1, 0, 0, -1, 1]
    # the borrow stays apart; isolated margin 700 + 300 is a balance of the settle asset in its pool
    assert b.amount.tolist() == [1.5, -2_000.0, 15_000.0, 1_000.0, 90_000.0]
    assert {name for name, _ in seen} >= {"looking at the files", "netting", "writing"}
    assert open_book(book.folder).dimensions.pools.equals(d.pools)
    assert {each.table for each in book.inputs} == {"accounts", "assets", "instruments", "positions", "collateral"}
    assert not list(book.folder.parent.glob("scratch*"))


def test_without_accounts_every_named_account_is_its_own_owner(tmp_path, request_for):
    tables = small_book()
    del tables["accounts"]
    tables["collateral"].append({"account_id": "Z9", "asset": "USD", "quantity": 1.0})
    book = stage_snapshot(request_for(write_tables(tmp_path / "s", tables)))
    assert book.dimensions.accounts.select("owner_id", "account_id", "margin_multiplier").rows() == [(a, a, 1.0) for a in ("A1", "A2", "B1", "Z9")]
    assert book.dimensions.accounts["positions"].to_list() == [2, 2, 2, 0]


def test_without_collateral(tmp_path, request_for):
    tables = small_book()
    del tables["collateral"]
    book = stage_snapshot(request_for(write_tables(tmp_path / "s", tables)))
    assert load_block(book, 0).amount.tolist() == [1_000.0]
    assert len(book.dimensions.locations) == 0


def test_types_that_say_the_same(tmp_path, request_for):
    """Dictionaries, decimals, integers, naive and nanosecond timestamps, all-null columns: the same book."""
    plain = stage(request_for(write_tables(tmp_path / "plain", small_book())), quiet)
    other = tmp_path / "other"
    other.mkdir()
    for name, rows in small_book().items():
        table = as_table(rows)
        for number, field in enumerate(table.schema):
            column = table.column(number)
            if pa.types.is_string(field.type):
                column = column.combine_chunks().dictionary_encode()
            elif field.name == "quantity":
                column = column.cast(pa.decimal128(18, 4))
            elif field.name == "mark_price":
                column = column.cast(pa.int64())
            elif field.name == "expiry":
                column = column.cast(pa.timestamp("ns"))
            table = table.set_column(number, field.name, column)
        table = table.append_column("comment", pa.nulls(len(table))).append_column("tags" if name == "assets" else "x", pa.nulls(len(table)))
        pq.write_table(table, other / f"{name}.parquet")
    assert contents(plain) == contents(stage(request_for(other, work="w2"), quiet))


def contents(folder: Path) -> dict[str, bytes]:
    """The bytes of everything that may not depend on how the input was cut up."""
    skipped = {"inputs.json", "quality.arrow"}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in skipped
    }


def many_lots(seed: int, positions: int = 6_000, accounts: int = 8_500) -> dict[str, list[dict[str, object]]]:
    """Enough accounts for several blocks, lots that tie in account and instrument, pools, borrows."""
    rng = random.Random(seed)
    tables = small_book()
    names = [f"acct{n}" for n in range(accounts)]
    tables["accounts"] = [
        {"account_id": name, "owner_id": f"own{rng.randrange(900)}", "segment": rng.choice([None, "pro"]), "max_leverage": rng.choice([None, 5.0])}
        for name in names
    ]
    tables["positions"] = [
        {
            "account_id": names[int(rng.random() ** 3 * accounts)], "instrument_id": rng.choice(["BTC-PERP", "ETH-INV", "WTI-FUT"]),
            "quantity": rng.choice([0.1, 0.2, 0.3, -0.7, rng.uniform(-9, 9)]), "entry_price": rng.choice([None, 3.1, rng.uniform(1, 9)]),
            "accrued_funding": rng.choice([None, rng.uniform(-1, 1)]), "leverage": rng.choice([None, 2.0, 3.0]), "margin_mode": mode,
            "isolated_margin": rng.uniform(0, 9) if mode == "isolated" else None, "pool_id": rng.choice([None, "p1"]) if mode == "isolated" else None,
        }
        for mode in rng.choices(["cross", "isolated", None], [5, 3, 1], k=positions)
    ]  # fmt: skip
    with_pool = {row["account_id"] for row in tables["positions"] if row["pool_id"] == "p1"}
    tables["collateral"] = [
        {"account_id": name, "asset": rng.choice(["USD", "USDC", "ETH"]), "quantity": rng.uniform(-3, 9),
         "location": rng.choice([None, "x", "y"]), "pool_id": rng.choice([None, "cross", *(["p1"] if name in with_pool else [])])}
        for name in rng.choices(names, k=positions)
    ]  # fmt: skip
    return tables


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    return write_tables(folder / "s", many_lots(1)), many_lots(1)


def test_owners_without_accounts_have_paid_too(tmp_path, request_for):
    paid = {"O1": 0.1, "O9": 0.2, "O2": None}
    tables = small_book() | {"owners": [{"owner_id": name, "default_fund_contribution": amount} for name, amount in paid.items()]}
    book = stage_snapshot(request_for(write_tables(tmp_path / "s", tables)))
    assert book.dimensions.owners["owner_id"].to_list() == ["O1", "O2"]
    assert book.default_fund == math.fsum([0.1, 0.2])


def test_not_one_byte_depends_on_row_order_partitioning_memory_or_threads(reference, tmp_path, request_for):
    snapshot, tables = reference
    expected = contents(stage(request_for(snapshot, work="w0", threads=1), quiet))
    assert sum(name.startswith("blocks/") for name in expected) == 3

    rng = random.Random(2)
    shuffled = {name: rng.sample(rows, len(rows)) for name, rows in tables.items()}
    assert contents(stage(request_for(write_tables(tmp_path / "shuffled", shuffled, row_group_size=500), work="w1"), quiet)) == expected

    parts = tmp_path / "parts"
    for name, rows in tables.items():
        for number in range(3):
            write_tables(parts / name / f"day={number}" / "x", {"part": rows[number::3]})
    assert contents(stage(request_for(parts, work="w2", threads=3, max_memory=200_000_000), quiet)) == expected
    assert contents(stage(request_for(snapshot, work="w3", max_memory=300_000), quiet)) == expected, "rows that went over the disk"


def test_netting_against_a_plain_loop(reference, request_for):
    """Sums per pool and instrument, in exact arithmetic, agree with what the blocks hold."""
    snapshot, tables = reference
    book = stage_snapshot(request_for(snapshot))
    marks = {row["instrument_id"]: row["mark_price"] for row in tables["instruments"]}
    terms: dict[tuple[str, str, str], list[tuple[float, float, float]]] = {}
    for lot in tables["positions"]:
        instrument, quantity, entry = lot["instrument_id"], lot["quantity"], lot["entry_price"] or marks[lot["instrument_id"]]
        default = f"{instrument}:{'long' if quantity >= 0 else 'short'}" if lot["margin_mode"] == "isolated" else "cross"
        cost = quantity / entry if instrument == "ETH-INV" else quantity * entry
        terms.setdefault((lot["account_id"], lot["pool_id"] or default, instrument), []).append((quantity, cost, lot["accrued_funding"] or 0.0))
    expected = {key: np.array([[float(x) for x in row] for row in rows]) for key, rows in terms.items()}
    d, seen = book.dimensions, 0
    accounts, pools, instruments = d.accounts["account_id"].to_list(), d.pools["pool_id"].to_list(), d.instruments["instrument_id"].to_list()
    for number in range(book.blocks):
        b = load_block(book, number)
        assert np.all(np.diff(b.position_pool) >= 0)
        for pool, instrument, quantity, cost, funding in zip(b.position_pool, b.instrument, b.quantity, b.cost, b.funding, strict=True):
            key = (accounts[b.account[pool]], pools[b.first_pool + pool], instruments[instrument])
            assert [quantity, cost, funding] == pytest.approx(expected[key].sum(axis=0), rel=1e-12, abs=1e-9)
            seen += 1
    assert seen == len(expected) == book.positions


def test_blocks_hold_whole_accounts_and_enough_pools(reference, request_for):
    book = stage_snapshot(request_for(reference[0]))
    blocks = [load_block(book, number) for number in range(book.blocks)]
    assert len(blocks) == 3
    assert all(block.pools >= 4096 for block in blocks[:-1])
    for before, after in itertools.pairwise(blocks):
        assert after.first_pool == before.first_pool + before.pools
        assert before.account[-1] < after.account[0]
    assert sum(block.pools for block in blocks) == len(book.dimensions.pools)
    assert np.concatenate([block.account for block in blocks]).tolist() == book.dimensions.pools["account_code"].to_list()
    assert not blocks[0].quantity.flags.writeable
