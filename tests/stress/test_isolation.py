from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from generated.books import make_book, write, write_book
from generated.orders import with_orders
from oracle.comparing import agree
from oracle.isolation import Isolation, isolate
from oracle.reading import read_question
from oracle.totals import is_breached
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, rows, run, scenario, write_run

from stresstest.results.store import read_table, table_sha256
from stresstest.stress import isolation
from stresstest.tables import ISOLATION_TABLES

pytestmark = pytest.mark.usefixtures("staged_once")

ISOLATED = {"compare.isolated": True, "output.formats": ["json"]}


def by_key(folder: Path, table: str, *key: str) -> dict[Any, Row]:
    return {tuple(row[name] for name in key) if len(key) > 1 else row[key[0]]: row for row in read_table(folder, table).to_dicts()}


# ---------------------------------------------------------------- by hand


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Requirement 5 % (initial 10 %) of notional. A holds ten BTC long and thirty ETH short at 100, and 400 dollars: alone 50 + 150 are
    needed, so BTC gets 100 dollars and ETH 300.
    """
    folder = tmp_path_factory.mktemp("small")
    tables = {
        "accounts": [{"account_id": name} for name in "ABCDE"],
        "positions": [
            lot("A", "BTC", 10.0), lot("A", "ETH", -30.0),
            lot("B", "BTC", 10.0),
            lot("C", "BTC", 10.0), lot("C", "ETH", 10.0, isolated_margin=60.0),
            lot("E", "BTC", 10.0), lot("E", "ETH", -10.0),
        ],
        "collateral": [cash("A", 400.0), cash("B", 100.0), cash("C", 100.0), cash("D", 7.0), cash("E", 200.0)],
        "assets": [CASH, coin("BTC"), coin("ETH")],
        "instruments": [perpetual("BTC", "BTC"), perpetual("ETH", "ETH")],
    }  # fmt: skip
    scenarios = [
        scenario("small", {"BTC": -0.06}),
        scenario("crash", {"BTC": -0.4, "ETH": -0.1}),
        scenario("rally", {"BTC": 0.5, "ETH": 0.3}),
        scenario("up", {"ETH": 0.2}, headline=False),
    ]
    return run(write_run(folder / "book", tables, scenarios), folder / "out", **ISOLATED).folder


def test_what_netting_saves_at_base(small: Path):
    # Tiers by instrument do not net: both sides need the same. Free collateral is what is above the initial requirement: A 400 - 400, E 200 - 200.
    found = by_key(small, "isolation", "account_id")
    assert [found[each]["initial_margin_cross"] for each in "ABCDE"] == pytest.approx([400, 100, 100, 0, 200])
    assert [found[each]["initial_margin_isolated"] for each in "ABCDE"] == pytest.approx([400, 100, 100, 0, 200])
    assert [found[each]["maintenance_margin_saved"] for each in "ABCDE"] == pytest.approx([0] * 5)
    assert [found[each]["free_collateral_cross"] for each in "ABCDE"] == pytest.approx([0, 0, 0, 7, 0])
    # The isolated ETH of C is isolated on both sides, and left out.
    assert [found[each]["positions"] for each in "ABCDE"] == [2, 1, 1, 0, 2]


def test_what_netting_spares_and_what_it_takes_down(small: Path):
    found = by_key(small, "isolation", "account_id")
    names = ("breached_cross", "breached_isolated", "taken_down", "spared")
    counted = {each: [found[each][f"headline_scenarios_{name}"] for name in names] for each in "ABCDE"}
    # small: BTC loses 60. A's BTC has 100 - 60 = 40 left and needs 47: alone it breaches, the account (340 against 197) holds.
    # crash: BTC loses 400. A has 400 - 400 + 300 = 300 against 30 + 135: it holds, spared again.
    # rally: BTC gains 500, ETH loses 900: A is worth nothing, 0 against 75 + 195, and ETH alone has 300 - 900: one position takes it down.
    assert counted["A"] == [1, 3, 1, 2]
    # One position: both sides are the same, and nothing is taken down by one of several.
    assert counted["B"] == [2, 2, 0, 0]
    assert counted["C"] == [2, 2, 0, 0]
    assert counted["D"] == [0, 0, 0, 0]
    # E in small: 200 - 60 against 97, BTC alone 40 against 47. crash: 200 - 400 + 100 = -100, only BTC breaches. rally: 200 + 500 - 300 holds.
    assert counted["E"] == [1, 3, 1, 2]


def test_the_position_that_takes_the_account_down_is_named(small: Path):
    account = by_key(small, "isolation", "account_id")["A"]
    assert (account["worst_headline_scenario_id"], account["worst_headline_taken_down_by"]) == ("rally", "ETH")
    assert account["worst_headline_margin_shortfall_cross"] == pytest.approx(75 + 195)
    assert account["worst_headline_margin_shortfall_isolated"] == pytest.approx(600 + 195)
    assert account["worst_headline_positions_breached"] == 1
    positions = by_key(small, "isolation_positions", "account_id", "instrument_id")
    assert set(positions) == {("A", "BTC"), ("A", "ETH"), ("B", "BTC"), ("C", "BTC"), ("E", "BTC"), ("E", "ETH")}
    ether = positions["A", "ETH"]
    assert (ether["collateral_share"], ether["quantity"], ether["notional"]) == (pytest.approx(0.75), -30.0, 3000.0)
    assert (ether["headline_scenarios_breached"], ether["headline_scenarios_taken_down"]) == (1, 1)
    assert (ether["taken_down_scenario_id"], ether["worst_headline_scenario_id"]) == ("rally", "rally")
    assert ether["taken_down_margin_shortfall"] == pytest.approx(600 + 195)
    assert ether["taken_down_margin_shortfall_cross"] == pytest.approx(75 + 195)
    bitcoin = positions["A", "BTC"]
    assert (bitcoin["headline_scenarios_breached"], bitcoin["headline_scenarios_taken_down"]) == (2, 0)
    assert (bitcoin["worst_headline_scenario_id"], bitcoin["worst_headline_margin_shortfall"]) == ("crash", pytest.approx(300 + 30))
    assert (bitcoin["taken_down_scenario_id"], bitcoin["taken_down_margin_shortfall"]) == (None, None)


def test_totals_by_scenario(small: Path):
    total = by_key(small, "isolation_summary", "scenario_id")
    counts = ("accounts_breached_cross", "accounts_breached_isolated", "positions_breached_isolated", "accounts_taken_down", "accounts_spared")
    assert [total["small"][name] for name in counts] == [2, 4, 4, 0, 2]
    assert [total["rally"][name] for name in counts] == [1, 2, 2, 1, 1]
    # What others pay: losses of one position are not covered by the gains of another.
    assert total["rally"]["uncollateralised_loss_cross"] == pytest.approx(0.0)
    assert total["rally"]["uncollateralised_loss_isolated"] == pytest.approx(600.0 + 200.0)
    assert total["up"]["headline"] is False


GRID: Row = {
    "kind": "portfolio", "grid": [{"spot": -0.15}, {"spot": 0.15}], "offsets": [{"groups": ["BTC", "ETH"], "rate": 0.5}], "hedges": ["BTC"],
    "add_ons": [{"name": "size", "of": "notional", "rate": 0.01}],
}  # fmt: skip


def test_a_grid_nets_what_positions_on_their_own_cannot(tmp_path: Path):
    """Long ten BTC, short nine BTC-2 and four ETH; 2 BTC and 300 dollars. Alone they need 150 + 10, 135 + 9 and 60 + 4."""
    tables = {
        "accounts": [{"account_id": "A", "margin_model": "grid"}],
        "positions": [lot("A", "BTC", 10.0), lot("A", "BTC-2", -9.0), lot("A", "ETH", -4.0)],
        "collateral": [cash("A", 300.0), {"account_id": "A", "asset": "BTC", "quantity": 2.0}],
        "assets": [CASH, coin("BTC"), coin("ETH")],
        "instruments": [perpetual("BTC", "BTC"), perpetual("BTC-2", "BTC"), perpetual("ETH", "ETH")],
    }
    run_file = write_run(tmp_path / "book", tables, [scenario("crash", {"BTC": -0.4, "ETH": -0.1})], {"models": {"grid": GRID}})
    folder = run(run_file, tmp_path / "out", **ISOLATED).folder
    account = by_key(folder, "isolation", "account_id")["A"]
    # Cross: BTC 10 - 9 + 2 x 0.15 x 100 = 45 down, ETH 60 up; in a row gains count half: 45 - 30 = 15 down, 60 - 22.5 = 37.5 up; lines 23.
    assert account["maintenance_margin_cross"] == pytest.approx(37.5 + 23.0)
    # On their own each has its part of the 2 BTC, which lose with BTC, gain where BTC-2 loses, and gain at half where ETH does.
    share = {"BTC": 160.0 / 368.0, "BTC-2": 144.0 / 368.0, "ETH": 64.0 / 368.0}
    needed = {"BTC": 160.0 + 30.0 * share["BTC"], "BTC-2": 144.0 - 30.0 * share["BTC-2"], "ETH": 64.0 - 0.5 * 30.0 * share["ETH"]}
    assert account["maintenance_margin_isolated"] == pytest.approx(sum(needed.values()))
    positions = by_key(folder, "isolation_positions", "account_id", "instrument_id")
    assert {name: row["collateral_share"] for (_, name), row in positions.items()} == pytest.approx({"BTC": share["BTC"]})
    assert differences(folder, isolate(read_question(run_file.parent))) == []


# ---------------------------------------------------------------- against the reference


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_generated_books(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Some accounts at a time: what is found of each does not depend on it.
    monkeypatch.setattr(isolation, "POSITION_STATES", 60)
    book = write_book(tmp_path / "book", seed)
    folder = run(book.run_file, tmp_path / "out", **ISOLATED).folder
    assert differences(folder, isolate(read_question(book.folder))) == []


def test_orders_and_what_is_set_aside_for_them_stay_with_their_position(tmp_path: Path):
    book = with_orders(make_book(tmp_path / "book", 1))
    write(book)
    folder = run(book.run_file, tmp_path / "out", **ISOLATED).folder
    assert differences(folder, isolate(read_question(book.folder))) == []


def differences(folder: Path, expected: Isolation) -> list[str]:
    """What the tables of a run and the reference disagree about."""
    found: list[str] = []
    headline = expected.cross.headline

    def amount(what: str, value: Any, wanted: float, scale: float) -> None:
        if not agree(value, wanted, scale):
            found.append(f"{what}: {value!r}, expected {wanted!r}")

    def same(what: str, value: Any, wanted: Any) -> None:
        if value != wanted:
            found.append(f"{what}: {value!r}, expected {wanted!r}")

    accounts = by_key(folder, "isolation", "account_id")
    same("accounts", set(accounts), set(expected.instruments))
    for account, row in accounts.items():
        scale = expected.cross.scale[account]
        cross, parts = expected.cross_pool(account, "base"), expected.parts(account, "base")
        same(f"{account} positions", row["positions"], len(expected.instruments[account]))
        for measure in ("initial_margin", "maintenance_margin"):
            amount(f"{account} {measure}", row[f"{measure}_cross"], float(cross[measure]), scale)
            alone = sum(float(each[measure]) for each in parts)
            amount(f"{account} {measure} alone", row[f"{measure}_isolated"], alone, scale)
            amount(f"{account} {measure} saved", row[f"{measure}_saved"], alone - float(cross[measure]), scale)
        for side, pools in (("cross", [cross]), ("isolated", parts)):
            free = sum(max(0.0, float(each["margin_balance_initial"]) - float(each["initial_margin"])) for each in pools)
            amount(f"{account} free {side}", row[f"free_collateral_{side}"], free, scale)
        down = [is_breached(expected.cross_pool(account, each)) for each in headline]
        apart = [any(is_breached(pool) for pool in expected.parts(account, each)) for each in headline]
        by = [expected.taken_down_by(account, each) for each in headline]
        same(f"{account} cross", row["headline_scenarios_breached_cross"], sum(down))
        same(f"{account} isolated", row["headline_scenarios_breached_isolated"], sum(apart))
        same(f"{account} taken down", row["headline_scenarios_taken_down"], sum(each is not None for each in by))
        same(f"{account} spared", row["headline_scenarios_spared"], sum(b and not a for a, b in zip(down, apart, strict=True)))
        worst = row["worst_headline_scenario_id"]
        same(f"{account} has a worst scenario", worst is not None, bool(headline))
        if worst is not None:
            short = [max(0.0, float(expected.cross_pool(account, each)["margin_shortfall"])) for each in headline]
            amount(f"{account} shortfall", row["worst_headline_margin_shortfall_cross"], max(short), scale)
            amount(
                f"{account} shortfall alone",
                row["worst_headline_margin_shortfall_isolated"],
                sum(float(each["margin_shortfall"]) for each in expected.parts(account, worst) if each["status"] != "ok"),
                scale,
            )
            same(f"{account} breached there", row["worst_headline_positions_breached"], len(expected.breached(account, worst)))
            same(f"{account} taken down by", row["worst_headline_taken_down_by"], expected.taken_down_by(account, worst))
    positions = by_key(folder, "isolation_positions", "account_id", "instrument_id")
    wanted = {
        (account, each): [scenario for scenario in headline if each in expected.breached(account, scenario)]
        for account, held in expected.instruments.items()
        for each in held
    }
    same("positions", set(positions), {key for key, scenarios in wanted.items() if scenarios})
    for (account, instrument), row in positions.items():
        what, scale = f"{account} {instrument}", expected.cross.scale[account]
        amount(f"{what} share", row["collateral_share"], expected.share[account, instrument], 1.0)
        base = expected.position(account, instrument, "base")
        amount(f"{what} margin", row["maintenance_margin"], float(base["maintenance_margin"]), scale)
        same(f"{what} scenarios", row["headline_scenarios_breached"], len(wanted[account, instrument]))
        falls = [each for each in headline if expected.taken_down_by(account, each) == instrument]
        same(f"{what} taken down", row["headline_scenarios_taken_down"], len(falls))
        largest = max(float(expected.position(account, instrument, each)["margin_shortfall"]) for each in headline)
        amount(f"{what} worst", row["worst_headline_margin_shortfall"], largest, scale)
        same(f"{what} takes down", row["taken_down_scenario_id"] in falls, bool(falls))
        if falls:
            there = row["taken_down_scenario_id"]
            largest = max(float(expected.position(account, instrument, each)["margin_shortfall"]) for each in falls)
            amount(f"{what} short where it takes down", row["taken_down_margin_shortfall"], largest, scale)
            short = float(expected.cross_pool(account, there)["margin_shortfall"])
            amount(f"{what} cross where it takes down", row["taken_down_margin_shortfall_cross"], short, scale)
    for scenario_id, row in by_key(folder, "isolation_summary", "scenario_id").items():
        scale = sum(expected.cross.scale.values())
        cross_pools = [expected.cross_pool(account, scenario_id) for account in expected.instruments]
        alone_pools = [pool for account in expected.instruments for pool in expected.parts(account, scenario_id)]
        for measure in ("initial_margin", "maintenance_margin", "margin_shortfall", "uncollateralised_loss"):
            amount(f"{scenario_id} {measure}", row[f"{measure}_cross"], sum(float(each[measure]) for each in cross_pools), scale)
            amount(f"{scenario_id} {measure} alone", row[f"{measure}_isolated"], sum(float(each[measure]) for each in alone_pools), scale)
        held = list(expected.instruments)
        same(f"{scenario_id} cross", row["accounts_breached_cross"], sum(map(is_breached, cross_pools)))
        alone = [any(map(is_breached, expected.parts(each, scenario_id))) for each in held]
        same(f"{scenario_id} isolated", row["accounts_breached_isolated"], sum(alone))
        same(f"{scenario_id} positions", row["positions_breached_isolated"], sum(len(expected.breached(each, scenario_id)) for each in held))
        same(f"{scenario_id} taken", row["accounts_taken_down"], sum(expected.taken_down_by(each, scenario_id) is not None for each in held))
        spared = sum(apart and not is_breached(pool) for apart, pool in zip(alone, cross_pools, strict=True))
        same(f"{scenario_id} spared", row["accounts_spared"], spared)
    return found


def test_the_same_bytes_whoever_computes_it(tmp_path: Path):
    book = write_book(tmp_path / "book", 3)
    first, second = (run(book.run_file, tmp_path / str(threads), **ISOLATED, threads=threads).folder for threads in (1, 7))
    assert all(table_sha256(first, table.name) == table_sha256(second, table.name) for table in ISOLATION_TABLES)


def test_without_being_asked_nothing_is_taken_apart(tmp_path: Path):
    tables = {"positions": [lot("A", "BTC", 1.0)], "collateral": [cash("A", 10.0)], "assets": [CASH, coin("BTC")],
              "instruments": [perpetual("BTC", "BTC")]}  # fmt: skip
    folder = run(write_run(tmp_path / "book", tables, []), tmp_path / "out").folder
    assert not any((folder / f"{table.name}.parquet").exists() for table in ISOLATION_TABLES)
    alone = run(write_run(tmp_path / "other", tables, []), tmp_path / "other-out", **ISOLATED).folder
    assert rows(alone, "isolation", "worst_headline_scenario_id", "worst_headline_taken_down_by") == [(None, None)]
    assert rows(alone, "isolation_positions") == []
