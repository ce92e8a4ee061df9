"""Variation margin against what pools hold: every case by hand, then laws on drawn books."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from generated.books import make_book, write
from polars.testing import assert_frame_equal
from stress.small_book import Row, cash, coin, lot, perpetual, rows, run, scenario, write_run

from stresstest.config import load_run
from stresstest.errors import StressTestError
from stresstest.results.store import read_table, table_sha256
from stresstest.runs import pipeline
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.snapshot import blocks
from stresstest.stress import funding as engine
from stresstest.stress import funding_sums
from stresstest.tables import FUNDING_TABLES

pytestmark = pytest.mark.usefixtures("staged_once")

CALLS = ("variation_call", "from_balance", "cash_to_find", "from_gains", "to_sell", "unpaid")
ACCOUNTS = ("accounts_calling", "accounts_selling", "accounts_not_paying")

# Bitcoin halves, and half of what lies in the vault is gone; nothing else moves. A euro is two dollars.
ASSETS = [
    coin("BTC", collateral_schedule="fifth"),
    coin("ETH", collateral_schedule="banded"),
    coin("SOL"),
    coin("EUR", price=2.0, asset_class="cash"),
    coin("USD", price=1.0, asset_class="cash"),
]
SCHEDULES = {"fifth": {"bands": [{"from": 0, "haircut": 0.2}]}, "banded": {"bands": [{"from": 0, "haircut": 0.1}, {"from": 500, "haircut": 0.5}]}}
OPTION: Row = {
    "instrument_id": "C", "kind": "option", "underlying": "SOL", "quote": "USD", "mark_price": 30.0, "strike": 100.0, "option_type": "call",
    "expiry": datetime(2027, 6, 1, tzinfo=UTC), "margin_schedule": "flat",
}  # fmt: skip
INSTRUMENTS = [
    perpetual("P", "BTC"),
    perpetual("E", "BTC", quote="EUR", mark_price=50.0),
    perpetual("I", "BTC", payoff="inverse", settle="BTC", contract_size=100.0),
    OPTION,
]
HALF = {
    "id": "half",
    "family": "hypothetical",
    "shocks": [{"factor": "spot:BTC", "relative": -0.5}, {"factor": "holding:*", "where": {"location": "vault"}, "replace": 0.5}],
}


def held(account: str, asset: str, quantity: float, location: str | None = None) -> Row:
    return {"account_id": account, "asset": asset, "quantity": quantity, "location": location}


POSITIONS = [
    lot("balance", "P", 2.0),
    *(lot("gains", "P", 2.0), lot("gains", "E", -2.0, entry_price=50.0)),
    *(lot("partly", "P", 2.0), lot("partly", "E", -1.0, entry_price=50.0)),
    *(lot("split", "P", 1.0), lot("split", "E", 3.0, entry_price=50.0)),
    lot("order", "P", 6.0),
    lot("debt", "P", 2.0),
    *(lot("written", "P", 2.0), lot("written", "C", -2.0, entry_price=30.0)),
    lot("vault", "P", 2.0),
    lot("apart", "P", 1.0, isolated_margin=30.0),
    lot("coin", "I", 2.0),
    lot("earlier", "P", 1.0, entry_price=160.0, accrued_funding=-5.0),
    *(lot("two-1", "P", 1.0), lot("two-2", "P", 1.0)),
    lot("winner", "P", -1.0),
]
COLLATERAL = [
    *(cash("balance", 30.0), held("balance", "BTC", 3.0)),
    held("gains", "SOL", 1.0),
    held("partly", "SOL", 1.0),
    held("split", "ETH", 1.0),
    *(held("order", "ETH", 10.0), held("order", "SOL", 1.0), held("order", "EUR", 50.0)),
    *(held("debt", "SOL", 3.0), held("debt", "EUR", -120.0)),
    held("written", "SOL", 1.0),
    held("vault", "USD", 100.0, "vault"),
    cash("apart", 100.0),
    *(held("coin", "BTC", 1.0), held("coin", "SOL", 1.0)),
    cash("earlier", 65.0),
    cash("two-1", 50.0),
]


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("funding")
    names = dict.fromkeys(row["account_id"] for row in (*POSITIONS, *COLLATERAL))
    tables = {
        "assets": ASSETS,
        "instruments": INSTRUMENTS,
        "accounts": [{"account_id": name, "owner_id": name.partition("-")[0]} for name in names],
        "positions": POSITIONS,
        "collateral": COLLATERAL,
    }
    return run(
        write_run(folder, tables, [HALF, scenario("cell", {"BTC": 0.5}, family="sensitivity")], {"collateral_schedules": SCHEDULES}), folder / "out"
    ).folder


@pytest.mark.parametrize(
    ("owner", "currency", "expected"),
    [
        # Loses 100 and has 30: bitcoin counts four fifths, so 87.5 is sold for the other 70.
        ("balance", "USD", (100, 30, 70, 0, 70, 0)),
        # Two euro contracts sold gain 2 * 25 euros.
        ("gains", "USD", (100, 0, 100, 100, 0, 0)),
        ("partly", "USD", (100, 0, 100, 50, 50, 0)),
        # 50 dollars and 75 euros are called, and one ether counts 90: a quarter and three quarters of it.
        ("split", "USD", (50, 0, 50, 0, 22.5, 27.5)),
        ("split", "EUR", (150, 0, 150, 0, 67.5, 82.5)),
        ("order", "USD", (300, 0, 300, 0, 300, 0)),
        # 300 less a borrow of 240, and 100 less the two calls written, worth 60.
        ("debt", "USD", (100, 0, 100, 0, 60, 40)),
        ("written", "USD", (100, 0, 100, 0, 40, 60)),
        ("vault", "USD", (100, 50, 50, 0, 0, 50)),
        # The isolated pool has 30 for a loss of 50, whatever the cross pool holds.
        ("apart", "USD", (50, 30, 20, 0, 0, 20)),
        # 100 dollars a contract: 2 * 100 * (1/100 - 1/50) coins at 50. The coin that is there pays 50 of it.
        ("coin", "BTC", (100, 50, 50, 0, 50, 0)),
        # 60 since its entry, 5 of funding and 50 of the scenario.
        ("earlier", "USD", (115, 65, 50, 0, 0, 50)),
        ("two", "USD", (100, 50, 50, 0, 0, 50)),
    ],
)
def test_each_pool_finds_its_cash(book: Path, owner: str, currency: str, expected: tuple[float, ...]) -> None:
    found = read_table(book, "funding_owners").filter(scenario_id="half", owner_id=owner, currency=currency).select(CALLS)
    assert found.rows() == [pytest.approx(expected)]


def test_only_owners_with_cash_to_find_are_listed_at_base_and_in_headline_scenarios(book: Path) -> None:
    owners = read_table(book, "funding_owners")
    assert owners["scenario_id"].unique().to_list() == ["half"]  # at base `earlier` pays its 65 from its balance
    assert set(owners["owner_id"]) == {name.partition("-")[0] for name in (row["account_id"] for row in POSITIONS)} - {"winner"}
    assert rows(book, "funding_summary", "scenario_id") == ["base", "half"]


def test_currencies_add_up(book: Path) -> None:
    by_currency = {row["currency"]: row for row in read_table(book, "funding").filter(scenario_id="half").to_dicts()}
    dollars = by_currency["USD"]
    assert [dollars[name] for name in CALLS] == pytest.approx([1_215, 225, 990, 150, 542.5, 297.5])
    # Sell: balance, partly, split, order, debt, written. Do not pay: split, debt, written, vault, apart, earlier, two-2.
    assert [dollars[name] for name in ACCOUNTS] == [11, 6, 7]
    assert dollars["owners_not_paying"] == 7
    # 50 of who sold; 30 + 50 of 100 in the vault + 30 isolated + 100 + 65 + 50.
    assert (dollars["variation_gain"], dollars["balances"]) == pytest.approx((50, 325))
    assert [by_currency["EUR"][name] for name in (*CALLS, "variation_gain")] == pytest.approx([150, 0, 150, 0, 67.5, 82.5, 150])
    assert [by_currency["BTC"][name] for name in CALLS] == pytest.approx([100, 50, 50, 0, 50, 0])


def test_what_keeps_most_of_its_value_is_sold_first(book: Path) -> None:
    sold = {
        row["currency"]: (row["sold"], row["sold_for"], row["balances"]) for row in read_table(book, "funding").filter(scenario_id="half").to_dicts()
    }
    # `order` sells euros, then coins that count in full, then ether of 1,000, of which 450 + 250 count.
    assert sold["EUR"] == pytest.approx((100, 100, 100))
    assert sold["SOL"] == pytest.approx((50 + 100 + 60 + 40 + 50, 300, 800))
    assert sold["ETH"] == pytest.approx((90 / 0.9 + 100 / 0.7, 190, 1_100))
    assert sold["BTC"] == pytest.approx((70 / 0.8, 70, 200))
    assert sold["USD"] == (0.0, 0.0, 325.0)


def test_the_whole_book_counts_every_account_once(book: Path) -> None:
    (found,) = read_table(book, "funding_summary").filter(scenario_id="half").to_dicts()
    assert [found[name] for name in CALLS] == pytest.approx([1_465, 275, 1_190, 150, 660, 380])
    assert found["sold"] == pytest.approx(100 + 300 + 100 + 100 / 0.7 + 87.5)
    # `coin` calls and sells besides those of the dollar; `split` is in two currencies, `two` has one account that fails.
    assert [found[name] for name in (*ACCOUNTS, "owners_not_paying")] == [12, 7, 7, 7]


def test_base_shows_what_is_called_without_a_stress(book: Path) -> None:
    (base,) = read_table(book, "funding_summary").filter(scenario_id="base").to_dicts()
    assert [base[name] for name in (*CALLS, *ACCOUNTS)] == [65, 65, 0, 0, 0, 0, 0, 0, 0]


def test_the_initial_margin_call_is_that_of_the_scenario(book: Path) -> None:
    short = dict(read_table(book, "scenario_summary").select("scenario_id", "initial_shortfall").rows())
    assert rows(book, "funding_summary", "initial_margin_call") == [short["base"], short["half"]]
    assert short["half"] > short["base"]


def test_the_summary_names_the_scenario_that_asks_for_most_cash(tmp_path: Path) -> None:
    # Coins at a haircut of nine tenths: half of the larger fall cannot be paid. A rise asks nothing of who is long.
    margin = {"collateral_schedules": {"tenth": {"bands": [{"from": 0, "haircut": 0.9}]}}}
    tables = {
        "assets": [coin("BTC"), coin("SOL", collateral_schedule="tenth"), coin("USD", price=1.0, asset_class="cash")],
        "instruments": [perpetual("P", "BTC")],
        "positions": [lot("a", "P", 1.0)],
        "collateral": [held("a", "SOL", 2.0)],
    }
    outcome = run(
        write_run(tmp_path, tables, [scenario("up", {"BTC": 0.5}), scenario("fifth", {"BTC": -0.2}), scenario("fall", {"BTC": -0.4})], margin),
        tmp_path / "out",
    )
    found = outcome.summary.funding
    assert found is not None
    assert found.cash_to_find.model_dump() == {"amount": 40.0, "scenario_id": "fall", "accounts": 1}
    assert found.unpaid.model_dump() == {"amount": pytest.approx(20.0), "scenario_id": "fall", "accounts": 1}


# ------------------------------------------------------------------ what a run may lack or ask for

PLAIN = {"assets": [coin("BTC"), coin("USD", price=1.0, asset_class="cash")], "instruments": [perpetual("P", "BTC")]}
FALL = [scenario("fall", {"BTC": -0.5})]


def test_without_anything_to_settle_nothing_is_called(tmp_path: Path) -> None:
    tables = {**PLAIN, "instruments": [perpetual("S", "BTC", kind="spot")], "positions": [lot("a", "S", 1.0)], "collateral": [cash("a", 5.0)]}
    outcome = run(write_run(tmp_path, tables, FALL), tmp_path / "out")
    assert read_table(outcome.folder, "funding").height == read_table(outcome.folder, "funding_owners").height == 0
    assert [sum(row) for row in rows(outcome.folder, "funding_summary", *CALLS, *ACCOUNTS)] == [0, 0]
    assert outcome.summary.funding is not None
    assert outcome.summary.funding.unpaid.scenario_id is None


def test_spot_positions_pay_as_the_balance_that_they_are(tmp_path: Path) -> None:
    # Two coins as a spot position: worth 100 in the fall, and sold for the 50 that the perpetual loses.
    tables = {
        **PLAIN,
        "instruments": [perpetual("P", "BTC"), perpetual("S", "BTC", kind="spot")],
        "positions": [lot("a", "P", 1.0), lot("a", "S", 2.0)],
    }
    folder = run(write_run(tmp_path, tables, FALL), tmp_path / "out").folder
    assert read_table(folder, "funding").filter(scenario_id="fall").select("currency", *CALLS, "balances", "sold").rows() == [
        ("BTC", 0, 0, 0, 0, 0, 0, 100, 50),
        ("USD", 50, 0, 50, 0, 50, 0, 0, 0),
    ]


def test_the_run_file_forces_the_tables_or_leaves_them_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_file = write_run(tmp_path, {**PLAIN, "positions": [lot("a", "P", 1.0)]}, FALL)

    def made(name: str, **settings: Any) -> tuple[set[str], str]:
        outcome = run(run_file, tmp_path / name, **settings)
        return {table.name for table in FUNDING_TABLES if (outcome.folder / f"{table.name}.parquet").exists()}, outcome.summary.result_id

    every = {table.name for table in FUNDING_TABLES}
    results = [made("small"), made("none", funding=False)]
    assert run(run_file, tmp_path / "none", funding=False).repeated
    with pytest.raises(StressTestError, match="cannot be written there") as refused:
        run(run_file, tmp_path / "none", funding=True)
    assert "without the tables of `funding`" in refused.value.faults[0].what
    monkeypatch.setattr(pipeline, "SMALL_BOOK", 0)
    results += [made("large"), made("forced", funding=True)]
    assert [tables for tables, _ in results] == [every, set(), set(), every]
    # They follow from the rest: the result is the same with and without them.
    assert len({result for _, result in results}) == 1


def test_the_largest_owners_are_listed_and_all_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funding_sums, "LISTED_OWNERS", 2)
    # c can pay nothing of 150, a and b nothing of 50; d finds 1,000 and pays it.
    tables = {
        **PLAIN,
        "positions": [lot(name, "P", size) for name, size in (("a", 1.0), ("b", 1.0), ("c", 3.0), ("d", 20.0))],
        "collateral": [held("d", "BTC", 40.0)],
    }
    folder = run(write_run(tmp_path, tables, FALL), tmp_path / "out").folder
    assert rows(folder, "funding_owners", "owner_id") == ["a", "c"]
    assert read_table(folder, "funding_summary").filter(scenario_id="fall").select(*ACCOUNTS, "owners_not_paying").row(0) == (4, 1, 3, 3)


# ------------------------------------------------------------------ laws


def drawn(seed: int, accounts: int = 60) -> dict[str, list[Row]]:
    """Accounts of few owners with positions settled in two currencies, in cross and isolated pools, and collateral without haircut or debt."""
    rng = random.Random(seed)
    names = [f"a{number:02d}" for number in range(accounts)]
    instruments = (("P", 100.0), ("E", 50.0))
    positions = [
        lot(
            name,
            instrument,
            rng.uniform(-9, 9),
            entry_price=price * rng.uniform(0.8, 1.2),
            isolated_margin=margin,
            margin_mode=None if margin is None else "isolated",
        )
        for name in names
        for instrument, price in instruments
        for margin in ((None, rng.uniform(0, 60)) if rng.random() < 0.3 else (None,))
    ]
    return {
        "assets": [coin("BTC"), coin("EUR", price=2.0, asset_class="cash"), coin("USD", price=1.0, asset_class="cash")],
        "instruments": [perpetual("P", "BTC", settle="USD"), perpetual("E", "BTC", quote="EUR", settle="EUR", mark_price=50.0)],
        "accounts": [{"account_id": name, "owner_id": f"o{int(name[1:]) // 5}"} for name in names],
        "positions": positions,
        "collateral": [
            held(name, asset, rng.uniform(0, 200) / price)
            for name in names
            for asset, price in (("BTC", 100), ("EUR", 2), ("USD", 1))
            if rng.random() < 0.7
        ],
    }


def test_without_haircuts_what_stays_unpaid_is_what_equity_lacks(tmp_path: Path) -> None:
    moves = [scenario("fall", {"BTC": -0.4}), scenario("rise", {"BTC": 0.6}), scenario("euro", {"BTC": -0.3, "EUR": 0.2})]
    folder = run(write_run(tmp_path, drawn(1), moves), tmp_path / "out").folder
    lost = read_table(folder, "scenario_summary").select("scenario_id", "uncollateralised_loss", "accounts_default")
    found = read_table(folder, "funding_summary").join(lost, on="scenario_id")
    assert found["unpaid"].to_list() == pytest.approx(found["uncollateralised_loss"].to_list(), rel=1e-12)
    assert found["accounts_not_paying"].to_list() == found["accounts_default"].to_list()
    assert found.filter(pl.col("unpaid") > 0).height >= 3


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated book: all kinds of instruments, haircuts in bands, borrows, isolated pools, several currencies."""
    folder = tmp_path_factory.mktemp("whole")
    book = make_book(folder / "book", 5, accounts=60)
    return execute(plan(load_run(write(book).run_file), folder / "out")).folder


def test_every_amount_goes_somewhere(whole: Path) -> None:
    currencies, summary = read_table(whole, "funding"), read_table(whole, "funding_summary")
    assert summary.filter(pl.col("unpaid") > 1).height > 1
    for frame in (currencies, summary, read_table(whole, "funding_owners")):
        called, balance, cash_, gains, sales, unpaid = (frame[name].to_numpy() for name in CALLS)
        assert called == pytest.approx(balance + cash_, rel=1e-12)
        assert cash_ == pytest.approx(gains + sales + unpaid, rel=1e-12)
        assert min(frame[name].min() for name in CALLS) >= 0.0  # type: ignore[type-var]
    assert (currencies["sold"] <= currencies["balances"] * (1 + 1e-12)).all()
    assert (currencies["sold_for"] <= currencies["sold"] * (1 + 1e-12)).all()
    for (name,), found in currencies.group_by("scenario_id"):
        (total,) = summary.filter(scenario_id=name).to_dicts()
        assert found["sold_for"].sum() == pytest.approx(total["to_sell"], rel=1e-12)
        assert [found[each].sum() for each in (*CALLS, "sold")] == pytest.approx([total[each] for each in (*CALLS, "sold")], rel=1e-12)
        assert max(found["accounts_calling"]) <= total["accounts_calling"] <= found["accounts_calling"].sum()


def test_owners_add_up_where_all_are_listed(whole: Path) -> None:
    owners, currencies = read_table(whole, "funding_owners"), read_table(whole, "funding")
    key = ["scenario_id", "currency"]
    summed = owners.group_by(key).agg(pl.sum("cash_to_find", "unpaid", *ACCOUNTS), owners_not_paying=(pl.col("accounts_not_paying") > 0).sum())
    both = currencies.join(summed, on=key, suffix="_owners")
    assert both.height > 4
    for name in ("cash_to_find", "unpaid"):
        assert both[name].to_list() == pytest.approx(both[f"{name}_owners"].to_list(), rel=1e-12, abs=0.1)
    for name in (*ACCOUNTS, "owners_not_paying"):
        assert both[name].to_list() == both[f"{name}_owners"].to_list()


def test_twice_the_holdings_call_for_twice_the_cash(tmp_path: Path) -> None:
    tables = drawn(3)

    def twice(row: Row) -> Row:
        doubled = {name: 2 * row[name] for name in ("quantity", "isolated_margin") if row.get(name) is not None}
        return row | doubled | {name: f"{row[name]}+" for name in ("account_id", "owner_id") if name in row}

    both = {name: [*found, *map(twice, found)] if name in ("accounts", "positions", "collateral") else found for name, found in tables.items()}
    folder = run(write_run(tmp_path, both, [scenario("fall", {"BTC": -0.4})]), tmp_path / "out").folder
    owners = read_table(folder, "funding_owners").select(
        "scenario_id", pl.col("owner_id").str.strip_suffix("+"), "currency", *CALLS, twice=pl.col("owner_id").str.ends_with("+")
    )
    once, doubled = (owners.filter(twice=which).drop("twice").sort("scenario_id", "owner_id", "currency") for which in (False, True))
    assert once.height > 20
    assert_frame_equal(once.with_columns(pl.col(CALLS) * 2), doubled, rel_tol=1e-12, abs_tol=1e-9)


def test_blocks_and_states_at_once_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Owners of five accounts go on from block to block, and each is counted and listed once."""
    run_file = write_run(tmp_path, drawn(4), [scenario(f"down{step}", {"BTC": -0.1 * step}) for step in range(1, 6)])
    one = run(run_file, tmp_path / "one").folder
    monkeypatch.setattr(engine, "STATES_AT_ONCE", 2)
    few = run(run_file, tmp_path / "few").folder
    assert [table_sha256(few, table.name) for table in FUNDING_TABLES] == [table_sha256(one, table.name) for table in FUNDING_TABLES]
    monkeypatch.setattr(blocks, "BLOCK_POOLS", 7)
    many = run(run_file, tmp_path / "many").folder
    for table in FUNDING_TABLES:
        assert_frame_equal(read_table(many, table.name), read_table(one, table.name), rel_tol=1e-12, abs_tol=1e-9)
    assert read_table(one, "funding_summary")["owners_not_paying"].max() > 3  # type: ignore[operator]
