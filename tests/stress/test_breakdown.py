"""The second look at a book: collateral, segments, owners, and the pages of the worst accounts, by hand and by law."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from generated.books import make_book, write, write_book
from polars.testing import assert_frame_equal
from stress.small_book import Row, cash, coin, lot, perpetual, rows, run, scenario, write_run

from stresstest.config import load_run
from stresstest.errors import StressTestError
from stresstest.results.integrity import intact
from stresstest.results.store import read_table
from stresstest.runs import pipeline
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.stress import account_lines, account_pages
from stresstest.tables import MEASURES, REPORT_TABLES, STATUSES

pytestmark = pytest.mark.usefixtures("staged_once")

FIGURES = [column.name for column in MEASURES]
HALF = [scenario("half", {"BTC": -0.5})]
BTC = {"assets": [coin("BTC"), coin("USD", price=1.0, asset_class="cash")], "instruments": [perpetual("P", "BTC")]}


def held(account: str, quantity: float, location: str | None = None) -> Row:
    return {"account_id": account, "asset": "BTC", "quantity": quantity, "location": location}


# Half a price and a fifth of what the vault holds. Haircuts: 10 % up to 1,000, half of what is above; a debt counts 1.2 times.
BANDED: Row = {"bands": [{"from": 0, "haircut": 0.1}, {"from": 1_000, "haircut": 0.5}], "liability_weight": {"maintenance": 1.2, "initial": 1.5}}
STORM = {
    "id": "storm",
    "family": "hypothetical",
    "shocks": [{"factor": "spot:BTC", "relative": -0.5}, {"factor": "holding:*", "where": {"location": "vault"}, "replace": 0.8}],
}
WEATHER: dict[str, list[Row]] = {
    "assets": [coin("BTC", collateral_schedule="banded"), coin("USD", price=1.0, asset_class="cash")],
    "instruments": [perpetual("P", "BTC")],
    "accounts": [
        {"account_id": "a", "owner_id": "o1", "segment": "desk"},
        {"account_id": "b", "owner_id": "o2", "segment": None},
        {"account_id": "c", "owner_id": "o2", "segment": "retail"},
    ],
    "positions": [lot("a", "P", 12.0), lot("b", "P", -3.0)],
    "collateral": [held("a", 12.0, "vault"), held("a", 3.0), held("b", 5.0, "vault"), held("b", -2.0), held("c", -4.0), cash("c", 1_000.0)],
}


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("storm")
    return run(write_run(folder, WEATHER, [STORM], {"collateral_schedules": {"banded": BANDED}}), folder / "out").folder


# ------------------------------------------------------------------ collateral


def test_collateral_counts_at_the_mean_rate_of_its_balance(storm: Path) -> None:
    columns = ("scenario_id", "asset", "location", "accounts", "quantity", "value", "value_after_haircut")
    # a holds 1,500: 900 + 250 of it count, 76.7 %. b's 500 less a borrow of 200 count 270, 90 % of either.
    assert [row[:5] for row in rows(storm, "collateral_summary", *columns)] == [
        ("base", "BTC", None, 1, 3.0),
        ("base", "BTC", "vault", 2, 17.0),
        ("base", "USD", None, 1, 1_000.0),
        ("storm", "BTC", None, 1, 3.0),
        ("storm", "BTC", "vault", 2, 17.0),
        ("storm", "USD", None, 1, 1_000.0),
    ]
    assert rows(storm, "collateral_summary", "value") == pytest.approx([300, 1_700, 1_000, 150, 680, 1_000])
    # In the storm a holds 480 + 150 and b 200 - 100, all inside the first band.
    assert rows(storm, "collateral_summary", "value_after_haircut") == pytest.approx([230, 920 + 450, 1_000, 135, 432 + 180, 1_000])
    assert rows(storm, "collateral_summary", "price") == [100.0, 100.0, 1.0, 50.0, 50.0, 1.0]
    assert rows(storm, "collateral_summary", "holding_share") == [1.0, 1.0, 1.0, 1.0, 0.8, 1.0]
    assert rows(storm, "collateral_summary", "asset_class") == ["crypto", "crypto", "cash"] * 2
    assert rows(storm, "collateral_summary", "collateral_schedule") == ["banded", "banded", "cash"] * 2


def test_borrows_stand_beside_deposits(storm: Path) -> None:
    assert rows(storm, "collateral_summary", "borrowing_accounts") == [2, 0, 0, 2, 0, 0]
    assert rows(storm, "collateral_summary", "borrowed_quantity") == [6, 0, 0, 6, 0, 0]
    assert rows(storm, "collateral_summary", "borrowed_value") == [600, 0, 0, 300, 0, 0]
    # b's borrow takes 90 % of itself off what its deposit counts, c's debt 120 %.
    assert rows(storm, "collateral_summary", "borrowed_value_weighted") == pytest.approx([180 + 480, 0, 0, 90 + 240, 0, 0])


def test_wrong_way_is_what_is_lost_with_the_positions(storm: Path) -> None:
    # a is long and loses 150 without a location and 1,200 - 480 in the vault; b is short: its 500 - 200 are lost while its positions gain.
    assert rows(storm, "collateral_summary", "loss") == pytest.approx([0, 0, 0, 150, 720 + 300, 0])
    assert rows(storm, "collateral_summary", "wrong_way_accounts") == [0, 0, 0, 1, 1, 0]
    assert rows(storm, "collateral_summary", "wrong_way_loss") == pytest.approx([0, 0, 0, 150, 720, 0])
    # a is the one that is short: 567 - 600 against 30.
    assert rows(storm, "collateral_summary", "shortfall_loss") == pytest.approx([0, 0, 0, 150, 720, 0])


def test_what_gains_is_no_wrong_way_loss(tmp_path: Path) -> None:
    # A short position against the coin itself: the deposit gains what the position loses.
    tables = {**BTC, "positions": [lot("a", "P", -1.0)], "collateral": [held("a", 1.0)]}
    folder = run(write_run(tmp_path, tables, [scenario("up", {"BTC": 0.5})]), tmp_path / "out").folder
    assert read_table(folder, "collateral_summary").filter(scenario_id="up").select("loss", "wrong_way_accounts", "wrong_way_loss").row(0) == (
        -50.0,
        1,
        0.0,
    )


def test_an_account_counts_once_where_several_of_its_pools_hold_the_same(tmp_path: Path) -> None:
    # 30 posted for the isolated position lie, like the 5 of the cross pool, at no stated place.
    tables = {**BTC, "positions": [lot("a", "P", 1.0, isolated_margin=30.0)], "collateral": [cash("a", 5.0), cash("b", 7.0), cash("c", 0.0)]}
    folder = run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder
    assert rows(folder, "collateral_summary", "asset", "accounts", "quantity", "wrong_way_accounts") == [("USD", 2, 42.0, 0), ("USD", 2, 42.0, 1)]


# ------------------------------------------------------------------ segments


def test_segments_add_up_their_accounts(storm: Path) -> None:
    columns = ("scenario_id", "segment", "accounts", "accounts_ok", "accounts_liquidation", "accounts_newly_breached")
    assert rows(storm, "segment_summary", *columns) == [
        ("base", "", 1, 1, 0, 0),
        ("base", "desk", 1, 1, 0, 0),
        ("base", "retail", 1, 1, 0, 0),
        ("storm", "", 1, 1, 0, 0),
        ("storm", "desk", 1, 0, 1, 1),
        ("storm", "retail", 1, 1, 0, 0),
    ]
    assert rows(storm, "segment_summary", "equity") == pytest.approx([300, 1_500, 600, 250, 30, 800])
    assert rows(storm, "segment_summary", "position_pnl") == pytest.approx([0, 0, 0, 150, -600, 0])
    assert rows(storm, "segment_summary", "margin_balance") == pytest.approx([270, 1_150, 520, 240, -33, 760])
    assert rows(storm, "segment_summary", "maintenance_margin") == pytest.approx([15, 60, 0, 7.5, 30, 0])
    assert rows(storm, "segment_summary", "margin_shortfall") == pytest.approx([0, 0, 0, 0, 63, 0])


# ------------------------------------------------------------------ owners


def test_a_netting_group_nets_before_its_owner_is_judged(tmp_path: Path) -> None:
    # Long 10 and short 6 of one owner net: equity -500 + 300, loss 500 - 300 - 160; long 1 beside them: 50, and 50 - 10.
    tables = {
        **BTC,
        "accounts": [{"account_id": name, "owner_id": "o", "netting_group": group} for name, group in (("a", "n"), ("b", "n"), ("c", None))],
        "positions": [lot("a", "P", 10.0), lot("b", "P", -6.0), lot("c", "P", 1.0)],
        "owners": [{"owner_id": "o", "name": "Owner and sons", "default_fund_contribution": 1_000.0}],
    }
    (found,) = read_table(run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder, "owner_summary").to_dicts()
    assert {name: found[name] for name in ("scenario_id", "owner_id", "name", "accounts", "in_default", "incomplete")} == {
        "scenario_id": "half", "owner_id": "o", "name": "Owner and sons", "accounts": 3, "in_default": True, "incomplete": False,
    }  # fmt: skip
    assert found["equity"] == pytest.approx(-250)
    assert found["uncollateralised_loss"] == pytest.approx(200 + 50)
    assert found["stress_loss_over_margin"] == pytest.approx(40 + 40)
    assert found["margin_shortfall"] == pytest.approx(525 + 52.5)
    assert found["default_fund_contribution"] == 1_000.0


def test_the_loss_of_an_isolated_pool_is_no_default(tmp_path: Path) -> None:
    tables = {**BTC, "positions": [lot("a", "P", 1.0, isolated_margin=30.0), lot("b", "P", 1.0)], "collateral": [cash("a", 5.0), cash("b", 30.0)]}
    folder = run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder
    assert rows(folder, "owner_summary", "owner_id", "uncollateralised_loss", "in_default") == [("a", 20.0, False), ("b", 20.0, True)]


def test_owners_stand_where_the_book_is_worst_and_where_cover_is_set(tmp_path: Path) -> None:
    # Small accounts lose more margin in total when BTC falls, one large owner loses more over its margin when ETH falls.
    tables = {
        "assets": [coin("BTC"), coin("ETH"), coin("USD", price=1.0, asset_class="cash")],
        "instruments": [perpetual("P", "BTC"), perpetual("Q", "ETH")],
        "positions": [*(lot(f"s{n}", "P", 1.0) for n in range(8)), lot("whale", "Q", 6.0)],
    }
    scenarios = [scenario("btc", {"BTC": -0.5}), scenario("eth", {"ETH": -0.5}), scenario("mild", {"BTC": -0.01})]
    found = read_table(run(write_run(tmp_path, tables, scenarios), tmp_path / "out").folder, "owner_summary")
    # In `btc` all eight are in default, more than the five largest; in `eth` only those who lost are named.
    assert found.filter(scenario_id="btc")["owner_id"].to_list() == [f"s{n}" for n in range(8)]
    assert found.filter(scenario_id="eth").select("owner_id", "uncollateralised_loss", "stress_loss_over_margin").rows() == [("whale", 300.0, 240.0)]
    assert found["scenario_id"].unique().sort().to_list() == ["btc", "eth"]


# ------------------------------------------------------------------ pages of accounts


def steps(folder: Path, account: str) -> list[Any]:
    frame = read_table(folder, "account_steps").filter(account_id=account)
    return [
        (kind, subject, pytest.approx(amount), pytest.approx(level))
        for kind, subject, amount, level in frame.select("kind", "subject", "amount", "level").rows()
    ]


def test_steps_lead_from_equity_at_base_to_the_shortfall(storm: Path) -> None:
    assert steps(storm, "a") == [
        ("equity at base", None, 1_500, 1_500),
        ("position P&L", "BTC", -600, 900),
        ("collateral P&L", "BTC", -750, 150),
        ("collateral lost", None, -120, 30),
        ("equity", None, 30, 30),
        ("haircut", None, -63, -33),
        ("margin balance", None, -33, -33),
        ("maintenance margin", None, -30, -63),
        ("excess", None, -63, -63),
    ]
    # c holds no position, and its debt counts 1.2 times.
    assert [row for row in steps(storm, "c") if row[0] in ("position P&L", "liability weight")] == [("liability weight", None, -40, 760)]


def test_surplus_in_another_pool_does_not_make_good(tmp_path: Path) -> None:
    # The isolated pool is short: 30 - 50 against 2.5; 100 in the cross pool do not help it.
    tables = {**BTC, "positions": [lot("a", "P", 1.0, isolated_margin=30.0)], "collateral": [cash("a", 100.0)]}
    folder = run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder
    assert steps(folder, "a") == [
        ("equity at base", None, 130, 130),
        ("position P&L", "BTC", -50, 80),
        ("equity", None, 80, 80),
        ("margin balance", None, 80, 80),
        ("maintenance margin", None, -2.5, 77.5),
        ("excess", None, 77.5, 77.5),
        ("surplus elsewhere", None, -100, -22.5),
        ("shortfall", None, -22.5, -22.5),
    ]
    assert rows(folder, "account_steps", "total") == [True, False, True, True, False, True, False, True]


def test_what_does_not_count_is_named(tmp_path: Path) -> None:
    # All doubles: the short loses 100, of the 200 that the long gains a quarter counts; coins of 40 are worth 80, taken at 3/4, then less 10 %.
    margin = {
        "collateral_schedules": {"banded": BANDED},
        "models": {"default": {"kind": "tiered", "positive_pnl_weight": {"maintenance": 0.25, "initial": 0.25}}},
    }
    tables = {
        "assets": [coin("BTC", collateral_schedule="banded"), coin("ETH"), coin("USD", price=1.0, asset_class="cash")],
        "instruments": [perpetual("P", "BTC"), perpetual("Q", "ETH")],
        "positions": [lot("a", "P", -1.0), lot("a", "Q", 2.0)],
        "collateral": [held("a", 0.4)],
    }
    shocks = [{"factor": "spot:*", "where": {"asset_class": "crypto"}, "relative": 1.0}, {"factor": "collateral:BTC", "replace": 0.75}]
    folder = run(write_run(tmp_path, tables, [{"id": "up", "family": "hypothetical", "shocks": shocks}], margin), tmp_path / "out").folder
    assert steps(folder, "a")[1:9] == [
        ("position P&L", "ETH", 200, 240),
        ("position P&L", "BTC", -100, 140),
        ("collateral P&L", "BTC", 40, 180),
        ("equity", None, 180, 180),
        ("profit not counted", None, -150, 30),
        ("collateral ratio", None, -20, 10),
        ("haircut", None, -6, 4),
        ("margin balance", None, 4, 4),
    ]


def test_small_movers_are_one_step(tmp_path: Path) -> None:
    names = [f"C{n}" for n in range(8)]
    tables = {
        "assets": [*(coin(name) for name in names), coin("USD", price=1.0, asset_class="cash")],
        "instruments": [perpetual(f"P{n}", name) for n, name in enumerate(names)],
        # a holds eight underlyings, b six: a sixth stands by itself rather than as one other.
        "positions": [lot(account, f"P{n}", float(n + 1)) for account, count in (("a", 8), ("b", 6)) for n in range(count)],
    }
    folder = run(write_run(tmp_path, tables, [scenario("down", dict.fromkeys(names, -0.1))]), tmp_path / "out").folder
    frame = read_table(folder, "account_steps").filter(kind="position P&L")
    of_a = frame.filter(account_id="a")
    assert of_a["subject"].to_list() == ["C7", "C6", "C5", "C4", "C3", None]
    assert of_a["amount"].to_list() == pytest.approx([-80, -70, -60, -50, -40, -60])
    assert of_a["subjects"].to_list() == [1, 1, 1, 1, 1, 3]
    assert frame.filter(account_id="b")["subject"].to_list() == ["C5", "C4", "C3", "C2", "C1", "C0"]


def test_lines_of_what_an_account_holds(storm: Path) -> None:
    frame = read_table(storm, "account_holdings").filter(account_id="a")
    assert frame.select("owner_id", "scenario_id", "place", "pool_id", "kind", "item", "location", "quantity").rows() == [
        ("o1", "storm", 1, "cross", "position", "P", None, 12.0),
        ("o1", "storm", 2, "cross", "deposit", "BTC", "vault", 12.0),
        ("o1", "storm", 3, "cross", "deposit", "BTC", None, 3.0),
    ]
    assert frame.select("base_price", "stressed_price", "price_currency").rows() == [(100.0, 50.0, "USD")] * 3
    assert frame["base_value"].to_list() == pytest.approx([0, 1_200, 300])
    assert frame["value_change"].to_list() == pytest.approx([-600, -720, -150])
    assert frame.select("notional", "base_maintenance_margin", "maintenance_margin", "initial_margin").row(0) == pytest.approx((600, 60, 30, 60))
    assert frame["maintenance_margin"].to_list()[1:] == [None, None]
    assert frame["value_after_haircut"].to_list()[1:] == pytest.approx([432, 135])
    borrow = read_table(storm, "account_holdings").filter(account_id="b", kind="borrow").row(0, named=True)
    assert (borrow["quantity"], borrow["stressed_value"], borrow["value_after_haircut"]) == pytest.approx((-2, -100, -90))


def test_the_smallest_positions_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_lines, "MOST_LINES", 2)
    names = [f"C{n}" for n in range(5)]
    tables = {
        "assets": [*(coin(name) for name in names), coin("USD", price=1.0, asset_class="cash")],
        "instruments": [perpetual(f"P{n}", name) for n, name in enumerate(names)],
        "positions": [lot("a", f"P{n}", float(n + 1)) for n in range(5)],
    }
    folder = run(write_run(tmp_path, tables, [scenario("down", dict.fromkeys(names, -0.1))]), tmp_path / "out").folder
    columns = ("item", "lines", "pool_id", "value_change", "notional", "maintenance_margin")
    assert rows(folder, "account_holdings", *columns) == [
        ("P4", 1, "cross", pytest.approx(-50), pytest.approx(450), pytest.approx(22.5)),
        ("P3", 1, "cross", pytest.approx(-40), pytest.approx(360), pytest.approx(18)),
        (None, 3, "cross", pytest.approx(-60), pytest.approx(540), pytest.approx(27)),
    ]


def test_positions_that_net_have_their_requirement_in_a_line_of_its_own(tmp_path: Path) -> None:
    # 5 long in one expiry and 2 short in the other: 5 % of the net of 300 at base, 150 at half the price.
    tables = {
        **BTC,
        "instruments": [perpetual("P", "BTC"), perpetual("Q", "BTC", kind="future", expiry="2027-01-01T00:00:00Z")],
        "positions": [lot("a", "P", 5.0), lot("a", "Q", -2.0)],
    }
    tables["instruments"] = pl.DataFrame(tables["instruments"]).with_columns(pl.col("expiry").str.to_datetime(time_zone="UTC")).to_dicts()
    folder = run(write_run(tmp_path, tables, HALF, {"models": {"default": {"kind": "tiered", "net_by": "underlying"}}}), tmp_path / "out").folder
    assert rows(folder, "account_holdings", "kind", "item", "base_maintenance_margin", "maintenance_margin") == [
        ("position", "P", None, None),
        ("position", "Q", None, None),
        ("net", "BTC", pytest.approx(15), pytest.approx(7.5)),
    ]


def test_pages_made_one_by_one_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = write_book(tmp_path / "book", 3, accounts=30)
    together = run(book.run_file, tmp_path / "together").folder
    monkeypatch.setattr(account_pages, "MOST_ROWS", 1)
    apart = run(book.run_file, tmp_path / "apart").folder
    for table in ("account_holdings", "account_steps"):
        assert read_table(together, table)["account_id"].n_unique() == 10
        assert_frame_equal(read_table(apart, table), read_table(together, table), check_exact=True)


def test_an_account_of_too_many_positions_has_no_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_pages, "MOST_POSITIONS", 1)
    tables = {
        **BTC,
        "instruments": [perpetual("P", "BTC"), perpetual("Q", "BTC")],
        "positions": [lot("a", "P", 1.0), lot("a", "Q", 1.0), lot("b", "P", 1.0)],
    }
    folder = run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder
    assert set(rows(folder, "account_steps", "account_id")) == {"b"}


# ------------------------------------------------------------------ what a run may lack


def test_without_a_headline_scenario_base_alone_is_shown(tmp_path: Path) -> None:
    tables = {**BTC, "positions": [lot("a", "P", 1.0)], "collateral": [cash("a", -5.0)]}
    folder = run(write_run(tmp_path, tables, [scenario("half", {"BTC": -0.5}, family="sensitivity")]), tmp_path / "out").folder
    for table in ("collateral_summary", "segment_summary"):
        assert rows(folder, table, "scenario_id") == ["base"]
    assert rows(folder, "owner_summary", "scenario_id", "owner_id", "in_default") == [("base", "a", True)]
    assert read_table(folder, "account_steps").height == read_table(folder, "account_holdings").height == 0


def test_without_collateral_there_is_none_to_show(tmp_path: Path) -> None:
    folder = run(write_run(tmp_path, {**BTC, "positions": [lot("a", "P", 1.0)]}, HALF), tmp_path / "out").folder
    assert read_table(folder, "collateral_summary").height == 0
    assert rows(folder, "segment_summary", "scenario_id", "segment") == [("base", ""), ("half", "")]


def test_a_large_book_has_the_tables_only_where_a_report_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_file = write_run(tmp_path, {**BTC, "positions": [lot("a", "P", 1.0)]}, HALF)
    whole = run(run_file, tmp_path / "whole")
    monkeypatch.setattr(pipeline, "SMALL_BOOK", 0)
    bare = run(run_file, tmp_path / "bare")
    assert [table.name for table in REPORT_TABLES if (bare.folder / f"{table.name}.parquet").exists()] == ["limits"]
    # They follow from the rest: the result is the same with and without them.
    assert bare.summary.result_id == whole.summary.result_id
    assert intact(bare.folder)[1].result_id == intact(whole.folder)[1].result_id
    with pytest.raises(StressTestError, match="cannot be written there") as refused:
        run(run_file, tmp_path / "bare", **{"output.formats": ["html"]})
    assert "without the tables that a report needs" in refused.value.faults[0].what


# ------------------------------------------------------------------ laws


@pytest.fixture(scope="module")
def own_segments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated book where every account is a segment of its own, with isolated pools, borrows, netting groups."""
    folder = tmp_path_factory.mktemp("segments")
    book = make_book(folder / "book", 3, accounts=80)
    for row in book.tables["accounts"]:
        row["segment"] = row["account_id"]
    return execute(plan(load_run(write(book).run_file), folder / "out")).folder


def test_the_second_pass_gives_the_same_bits(own_segments: Path) -> None:
    found = read_table(own_segments, "segment_summary")
    every = read_table(own_segments, "account_scenario")
    shown = found.select("scenario_id", account_id="segment")
    expected = every.join(shown, on=["scenario_id", "account_id"]).rename({"account_id": "segment"})
    assert found.height == expected.height == 160
    key = ["scenario_id", "segment"]
    assert_frame_equal(*(frame.select(*key, *FIGURES).sort(key) for frame in (found, expected)), check_exact=True)


def test_parts_add_up_to_the_whole(own_segments: Path) -> None:
    segments, collateral = read_table(own_segments, "segment_summary"), read_table(own_segments, "collateral_summary")
    totals = read_table(own_segments, "scenario_summary").filter(pl.col("scenario_id").is_in(segments["scenario_id"].unique().implode()))
    assert totals.height == 2
    for row in totals.iter_rows(named=True):
        mine, held_ = segments.filter(scenario_id=row["scenario_id"]), collateral.filter(scenario_id=row["scenario_id"])
        for name in FIGURES:
            assert mine[name].sum() == pytest.approx(row[name], rel=1e-12, abs=1e-6), name
        for name in (*(f"accounts_{status}" for status in STATUSES), "accounts_newly_breached"):
            assert mine[name].sum() == row[name], name
        assert held_["value"].sum() - held_["borrowed_value"].sum() == pytest.approx(row["collateral_value"], rel=1e-12)
    base, stressed = (collateral.filter(scenario_id=name) for name in totals["scenario_id"])
    assert stressed["loss"].to_list() == pytest.approx((base["value"] - stressed["value"]).to_list(), abs=1e-6)
    assert (collateral["wrong_way_loss"] <= collateral["loss"].clip(0.0) + 1e-6).all()


def test_owners_agree_with_the_ranking_and_the_count(own_segments: Path) -> None:
    owners, summary = read_table(own_segments, "owner_summary"), read_table(own_segments, "scenario_summary")
    ranked = read_table(own_segments, "owner_scenario").join(owners, on=["scenario_id", "owner_id"])
    assert ranked.height > 0
    for row in ranked.iter_rows(named=True):
        assert row[row["basis"]] == pytest.approx(row["loss"], rel=1e-12)
    (worst,) = read_table(own_segments, "segment_summary").filter(pl.col("scenario_id") != "base")["scenario_id"].unique()
    assert owners.filter(scenario_id=worst)["in_default"].sum() == summary.filter(scenario_id=worst)["owners_in_default"][0]


def test_steps_re_add(own_segments: Path) -> None:
    frame = read_table(own_segments, "account_steps")
    assert frame["account_id"].n_unique() == 10
    summary = read_table(own_segments, "account_summary")
    for (account,), found in frame.group_by("account_id", maintain_order=True):
        level = 0.0
        for row in found.iter_rows(named=True):
            level = row["amount"] if row["total"] and row["step"] == 1 else level + (0.0 if row["total"] else row["amount"])
            assert level == pytest.approx(row["level"], rel=1e-12, abs=1e-9)
            level = row["level"]
        of = summary.filter(account_id=account).row(0, named=True)
        levels = dict(found.filter("total").select("kind", "level").rows())
        # Levels are the run's own figures, to the last bit.
        assert levels["equity at base"] == of["equity"]
        assert levels["equity"] == of["worst_headline_equity"]
        assert levels["margin balance"] == of["worst_headline_margin_balance"]
        assert levels["excess"] == of["worst_headline_margin_balance"] - of["worst_headline_maintenance_margin"]
        assert -min(0.0, found["level"][-1]) == pytest.approx(of["worst_headline_margin_shortfall"], rel=1e-12, abs=1e-9)
