from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from generated.books import BookSpec, make_book, write
from generated.orders import with_orders
from generated.portfolios import with_portfolio_models
from generated.strategies import with_strategies
from oracle.reading import Question, read_question
from oracle.totals import run_snapshot
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, run, scenario, write_run

from stresstest.config.reverse import TYPES
from stresstest.errors import StressTestError
from stresstest.results.store import read_table, table_sha256
from stresstest.scenarios.factors import FACTOR_TYPES
from stresstest.tables import DISTANCE

pytestmark = pytest.mark.usefixtures("staged_once")

SHARED = Path(__file__).parents[3] / "../shared/data/hyperliquid_2026_01_14"

Key = tuple[str, str, str, str]


def asked(*factors: str, **terms: Any) -> Row:
    return {"reverse": {"distance": {"factors": list(factors), **terms}}}


def found(folder: Path) -> dict[Key, Row]:
    """Rows of the table by account, factor, direction and target; of accounts that have one pool with rows."""
    rows = read_table(folder, "distance").to_dicts()
    by_key = {(row["account_id"], row["factor"], row["direction"], row["target"]): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


# ---------------------------------------------------------------- closed forms


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[Key, Row]:
    """A linear and an inverse contract at 50,000, long and short, with a requirement of half a percent; and pools that cannot be reached."""
    folder = tmp_path_factory.mktemp("contracts")
    half = {"tiers": [{"from": 0, "maintenance_rate": 0.005, "initial_rate": 0.01}]}
    # Of the whole size once it has grown to 1,200 dollars: a jump.
    cliff = {"convention": "whole", "tiers": [
        {"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.1}, {"from": 1_200, "maintenance_rate": 0.5, "initial_rate": 0.5},
    ]}  # fmt: skip
    at = {"mark_price": 50_000.0, "margin_schedule": "half"}
    tables = {
        "accounts": [{"account_id": name} for name in (
            "long", "short", "inverse long", "inverse short", "jump", "gone", "rich", "idle", "payer", "same 1", "same 1000",
        )],
        "positions": [
            lot("long", "LIN", 2.0, entry_price=50_000.0), lot("short", "LIN", -2.0, entry_price=50_000.0),
            lot("inverse long", "INV", 100_000.0, entry_price=50_000.0), lot("inverse short", "INV", -100_000.0, entry_price=50_000.0),
            lot("jump", "CLIFF", -10.0),
            lot("gone", "CLIFF", 10.0, entry_price=200.0),
            lot("rich", "LIN", 1.0, entry_price=50_000.0),
            lot("same 1", "CLIFF", -10.0), lot("same 1000", "LARGE", -10_000.0),
        ],
        "collateral": [
            cash("long", 10_000.0), cash("short", 10_000.0),
            {"account_id": "inverse long", "asset": "BTC", "quantity": 0.5}, {"account_id": "inverse short", "asset": "BTC", "quantity": 0.5},
            cash("jump", 400.0), cash("gone", 10.0), cash("rich", 1e9), cash("idle", 5.0),
            {"account_id": "payer", "asset": "BTC", "quantity": -1.0}, cash("payer", 60_000.0),
            cash("same 1", 200.0), cash("same 1000", 200_000.0),
        ],
        "assets": [CASH, coin("BTC", price=50_000.0), coin("ETH")],
        "instruments": [
            perpetual("LIN", "BTC", **at), perpetual("INV", "BTC", payoff="inverse", settle="BTC", contract_size=1.0, **at),
            perpetual("CLIFF", "ETH", margin_schedule="cliff"), perpetual("LARGE", "ETH", margin_schedule="large"),
        ],
    }  # fmt: skip
    large = {**cliff, "tiers": [{**tier, "from": 1_000 * tier["from"]} for tier in cliff["tiers"]]}
    margin = {"margin_schedules": {"half": half, "cliff": cliff, "large": large}}
    scenarios = [
        scenario("fall", {"BTC": -0.1}),
        {"id": "sharp", "family": "hypothetical", "shocks": [{"factor": "spot:BTC", "absolute": -10_000.0}]},
    ]
    file = write_run(folder / "book", tables, scenarios, margin, **asked("spot:*", "margin_rate:half", along=["fall", "sharp"]))
    return found(run(file, folder / "out").folder)


@pytest.mark.parametrize(
    ("account", "direction", "default", "liquidation"),
    [
        # Bankruptcy P0 -+ C/q, liquidation that over (1 -+ m); inverse N/(C + N/P0), N(1+m)/(C + N/P0) and N/(N/P0 - C), N(1-m)/(N/P0 - C).
        ("long", "down", 45_000.0, 45_226.13065326633),
        ("short", "up", 55_000.0, 54_726.36815920399),
        ("inverse long", "down", 40_000.0, 40_200.0),
        ("inverse short", "up", 100_000 / 1.5, 99_500 / 1.5),
        ("payer", "up", 60_000.0, 60_000.0),
    ],
)
def test_prices_of_liquidation_and_bankruptcy(contracts: dict[Key, Row], account: str, direction: str, default: float, liquidation: float):
    for target, price in (("default", default), ("liquidation", liquidation)):
        row = contracts[account, "spot:BTC", direction, target]
        assert row["level"] == pytest.approx(price, rel=2e-9, abs=0)
        assert row["shift"] == pytest.approx(price / 50_000.0 - 1.0, rel=0, abs=2e-9 * price / 50_000.0)
        other = contracts[account, "spot:BTC", "up" if direction == "down" else "down", target]
        assert other["shift"] is None
        assert other["level"] is None


def test_what_is_not_reached_is_null_and_what_does_not_follow_has_no_row(contracts: dict[Key, Row]):
    assert contracts["rich", "spot:BTC", "down", "default"]["shift"] is None
    assert not [key for key in contracts if key[0] == "idle"]
    assert not [key for key in contracts if key[:2] == ("long", "spot:ETH")]


def test_at_a_jump_it_is_the_side_beyond(contracts: dict[Key, Row]):
    # 400 - 10 * 20 = 200 dollars are left at 120, where 60 were needed just before and 600 are from there on.
    shift = contracts["jump", "spot:ETH", "up", "liquidation"]["shift"]
    assert 10 * (1 + shift) * 100 >= 1_200
    assert shift == pytest.approx(0.2, rel=0, abs=1.3e-9)
    assert contracts["jump", "spot:ETH", "up", "default"]["shift"] == pytest.approx(0.4, rel=0, abs=2e-9)


def test_beyond_at_base_is_zero_in_every_direction(contracts: dict[Key, Row]):
    # 10 + 10 * (100 - 200) dollars at base.
    rows = [row for key, row in contracts.items() if key[0] == "gone" and key[1] == "spot:ETH"]
    assert len(rows) == 4
    assert {row["shift"] for row in rows} == {0.0}
    assert {row["level"] for row in rows} == {100.0}


def test_a_thousand_times_the_book_is_as_far(contracts: dict[Key, Row]):
    for target in ("default", "liquidation"):
        once, often = (contracts[name, "spot:ETH", "up", target]["shift"] for name in ("same 1", "same 1000"))
        assert once == pytest.approx(often, rel=1e-9, abs=0)
    # Half the cash of `jump`, nearer.
    assert contracts["same 1", "spot:ETH", "up", "default"]["shift"] == pytest.approx(0.2, abs=2e-9)


def test_multiples_of_scenarios(contracts: dict[Key, Row]):
    # 0.9 to the power of t is the price; with `absolute` it is 50,000 - 10,000 t, and there is no price beyond t = 5.
    price = 45_226.13065326633
    row = contracts["long", "scenario:fall", "along", "liquidation"]
    assert row["shift"] == pytest.approx(math.log(price / 50_000.0) / math.log(0.9), rel=2e-9)
    assert row["level"] is None
    assert contracts["long", "scenario:sharp", "along", "liquidation"]["shift"] == pytest.approx((50_000.0 - price) / 10_000.0, rel=3e-9)
    assert contracts["short", "scenario:sharp", "along", "default"]["shift"] is None


def test_a_higher_margin_rate(contracts: dict[Key, Row]):
    # 10,000 dollars against half a percent of 100,000: twenty times the requirement, and more than `most`; with a longer way it is 19.
    assert contracts["long", "margin_rate:half", "up", "liquidation"]["shift"] is None
    assert contracts["long", "margin_rate:half", "up", "default"]["shift"] is None


# ---------------------------------------------------------------- options


def black(forward: float, strike: float, vol: float, years: float, sign: int) -> float:
    """Undiscounted Black-76."""
    deviation = vol * math.sqrt(years)
    first = math.log(forward / strike) / deviation + deviation / 2
    cumulative = [0.5 * math.erfc(-sign * each / math.sqrt(2)) for each in (first, first - deviation)]
    return sign * (forward * cumulative[0] - strike * cumulative[1])


def test_books_of_options_at_their_first_crossing(tmp_path: Path):
    expiry, years, vol = datetime(2027, 2, 19, 22, tzinfo=UTC), 0.25, 0.2  # 91.25 days after the snapshot

    def option(name: str, sign: int, strike: float) -> Row:
        return {
            "instrument_id": name, "kind": "option", "underlying": "BTC", "quote": "USD", "mark_price": black(100.0, strike, vol, years, sign),
            "strike": strike, "option_type": "call" if sign > 0 else "put", "expiry": expiry, "margin_schedule": "flat",
        }  # fmt: skip

    straddle = 7.975522335348984
    # Long two calls at 120 against one short at 105: it loses at first, and gains in the end.
    ratio = {"C105": -1.0, "C120": 2.0}

    def ratio_value(shift: float) -> float:
        return sum(quantity * black(100.0 * (1 + shift), float(name[1:]), vol, years, 1) for name, quantity in ratio.items())

    deposit = 1.2 - ratio_value(0.0)
    tables = {
        "accounts": [{"account_id": name} for name in ("five", "ten", "ratio")],
        "positions": [
            {"account_id": name, "instrument_id": leg, "quantity": -1.0} for name in ("five", "ten") for leg in ("C100", "P100")
        ] + [{"account_id": "ratio", "instrument_id": name, "quantity": quantity} for name, quantity in ratio.items()],
        "collateral": [cash("five", straddle + 5.0), cash("ten", straddle + 10.0), cash("ratio", deposit)],
        "assets": [CASH, coin("BTC")],
        "instruments": [option("C100", 1, 100.0), option("P100", -1, 100.0), option("C105", 1, 105.0), option("C120", 1, 120.0)],
    }  # fmt: skip
    file = write_run(tmp_path / "book", tables, [scenario("fall", {"BTC": -0.1})], **asked("spot:BTC", "vol:BTC", targets=["default"]))
    rows = found(run(file, tmp_path / "out").folder)
    assert {key[3] for key in rows} == {"default"}
    # Loss of a short straddle, S = K = 100, T = 0.25, vol 20 %, r = 0: five at these moves, ten at those.
    for name, up, down in (("five", 0.11492549897449539, -0.12104738178429728), ("ten", 0.17485582641063, -0.17804757881475788)):
        assert rows[name, "spot:BTC", "up", "default"]["shift"] == pytest.approx(up, rel=0, abs=2e-9)
        assert rows[name, "spot:BTC", "down", "default"]["shift"] == pytest.approx(down, rel=0, abs=2e-9)
    # The first of the two crossings, from a scan in steps of 1e-5.
    first = next(step * 1e-5 for step in range(1, 200_000) if deposit + ratio_value(step * 1e-5) < 0.0)
    assert deposit + ratio_value(1.0) > 0.0  # it has come back by then
    assert rows["ratio", "spot:BTC", "up", "default"]["shift"] == pytest.approx(first, rel=0, abs=1.1e-5)
    low, high = first - 1e-5, first
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if deposit + ratio_value(middle) < 0.0 else (middle, high)
    assert rows["ratio", "spot:BTC", "up", "default"]["shift"] == pytest.approx(high, rel=0, abs=2e-9)
    # A vol has as many values as there are options.
    row = rows["five", "vol:BTC", "up", "default"]
    assert row["level"] is None
    assert 2 * black(100.0, 100.0, vol * (1 + row["shift"]), years, 1) == pytest.approx(straddle + 5.0, rel=1e-8)


# ---------------------------------------------------------------- against the reference


@pytest.mark.parametrize(
    ("seed", "more"),
    [(3, lambda book: book), (11, with_portfolio_models), (2, with_strategies), (5, with_orders)],
    ids=["plain", "grids", "strategies", "orders"],
)
def test_random_books_cross_where_the_reference_says(tmp_path: Path, seed: int, more: Callable[[BookSpec], BookSpec]):
    """Just before the distance nothing is crossed, nor on the way there; just beyond it is. Books with options, tiers, currencies, isolated pools."""
    book = write(more(make_book(tmp_path / "book", seed, 4)))
    assets = sorted({row["underlying"] for row in book.tables["instruments"]} - {book.reporting})[:2]
    factors = [f"spot:{asset}" for asset in assets]
    folder = run(
        book.run_file, tmp_path / "out", **{"reverse.distance.factors": factors, "output.formats": ["json"], "reverse.distance.most.up": 3.0}
    ).folder
    rows = read_table(folder, "distance").to_dicts()
    assert {row["shift"] is None for row in rows} == {True, False}
    question: Question = read_question(book.folder)
    ends = {"up": 3.0, "down": -0.999999}
    wanted: dict[tuple[str, float], None] = {}
    checks: list[tuple[Row, float, bool]] = []
    for row in rows:
        shift = row["shift"]
        if shift == 0.0:
            checks.append((row, 0.0, True))
            continue
        width = 1e-7 * (1.0 + (shift or 0.0))
        end = ends[row["direction"]] if shift is None else shift - math.copysign(width, shift)
        checks += [(row, end * part, False) for part in (1.0, 0.6, 0.2)]
        if shift is not None:
            checks.append((row, shift + math.copysign(width, shift), True))
    for row, shift, _ in checks:
        wanted[row["factor"], shift] = None
    ids = {key: f"s{number}" for number, key in enumerate(wanted)}
    scenarios = [{"id": ids[factor, shift], "family": "sensitivity", "shocks": [{"factor": factor, "relative": shift}]} for factor, shift in wanted]
    reference = run_snapshot(question.snapshot, question.margin, scenarios)
    for row, shift, beyond in checks:
        figures = reference.pools[row["account_id"], row["pool_id"], ids[row["factor"], shift]]
        value = figures["equity"] if row["target"] == "default" else figures["margin_balance"] - figures["maintenance_margin"]
        # What is zero but for rounding is on neither side.
        if abs(value) > 1e-9 * (1.0 + row["gross_notional"]):
            assert (value < 0.0) is beyond, (row, shift, value)


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded accounts are not part of the repository")
def test_the_liquidation_prices_that_a_venue_reported(tmp_path: Path):
    from stresstest.cli.main import main

    scenarios = {row["id"]: row["shocks"][0] for row in json.loads((SHARED / "scenarios.yaml").read_text())["scenarios"]}
    reported = json.loads((SHARED / "expected.json").read_text())["liquidation"]
    factors = [scenarios[case["scenario_id"]]["factor"] for case in reported]
    settings = [f"reverse.distance.factors={json.dumps(factors)}", "reverse.distance.most.up=1e8"]
    words = ["run", str(SHARED / "run.yaml"), "--out", str(tmp_path / "out"), "--quiet", *(word for each in settings for word in ("--set", each))]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert not ended.value.code
    rows = read_table(tmp_path / "out", "distance").filter(target="liquidation").to_dicts()
    assert len(reported) == 10
    for case in reported:
        shock = scenarios[case["scenario_id"]]
        isolated = f"{case['instrument_id']}:"
        levels = [
            row["level"]
            for row in rows
            if row["factor"] == shock["factor"]
            and row["shift"] is not None
            and (row["pool_id"].startswith(isolated) if case["isolated"] else row["pool_id"] == "cross")
        ]
        assert levels == pytest.approx([shock["replace"]], rel=1e-6, abs=0), case["scenario_id"]


# ---------------------------------------------------------------- the run


def test_only_where_it_is_asked_for_and_the_same_whoever_computes(tmp_path: Path):
    book = write(make_book(tmp_path / "book", 5, 30))
    wanted = {"reverse.distance.factors": ["spot:*"], "output.formats": ["json"]}
    bare = run(book.run_file, tmp_path / "bare", **{"output.formats": ["json"]})
    one = run(book.run_file, tmp_path / "one", threads=1, **wanted)
    many = run(book.run_file, tmp_path / "many", threads=2, **wanted)
    assert not (bare.folder / "distance.parquet").exists()
    assert table_sha256(one.folder, DISTANCE.name) == table_sha256(many.folder, DISTANCE.name)
    assert one.summary.result_id == bare.summary.result_id
    # A second run of the same question computes nothing; of another it says what is different.
    assert run(book.run_file, tmp_path / "one", **wanted).repeated
    with pytest.raises(StressTestError, match="cannot be written") as refused:
        run(book.run_file, tmp_path / "one", **wanted, **{"reverse.distance.targets": ["default"]})
    assert "other distances" in refused.value.faults[0].what
    with pytest.raises(StressTestError) as refused:
        run(book.run_file, tmp_path / "bare", **wanted)
    assert "without the table `distance`" in refused.value.faults[0].what


@pytest.mark.parametrize(("price", "down", "up"), [(5.0, -10.0, 8.0), (-5.0, -20.0, -2.0)])
def test_a_price_that_may_be_negative(tmp_path: Path, price: float, down: float, up: float):
    """Long 2 and short 10 with 30 dollars each are bankrupt 15 below and 3 above the price, whichever side of zero that is on."""
    tables = {
        "accounts": [{"account_id": "long"}, {"account_id": "short"}],
        "positions": [lot("long", "OIL", 2.0, entry_price=price), lot("short", "OIL", -10.0, entry_price=price)],
        "collateral": [cash("long", 30.0), cash("short", 30.0)], "assets": [CASH, coin("OIL", price=price, may_be_negative=True)],
        "instruments": [perpetual("OIL", "OIL", mark_price=price)],
    }  # fmt: skip
    file = write_run(tmp_path / "book", tables, [scenario("fall", {"OIL": -0.1})], **asked("spot:OIL", targets=["default"]))
    run(file, tmp_path / "out")
    rows = found(tmp_path / "out")
    assert rows["long", "spot:OIL", "down", "default"]["level"] == pytest.approx(down, rel=1e-8)
    assert rows["short", "spot:OIL", "up", "default"]["level"] == pytest.approx(up, rel=1e-8)
    assert rows["long", "spot:OIL", "up", "default"]["shift"] is None
    assert rows["short", "spot:OIL", "down", "default"]["shift"] is None


def test_what_is_not_there_is_refused_at_once(tmp_path: Path):
    tables = {
        "accounts": [{"account_id": "A"}], "positions": [lot("A", "BTC", 1.0)], "collateral": [cash("A", 10.0)],
        "assets": [CASH, coin("BTC"), coin("OIL", price=0.0, may_be_negative=True)], "instruments": [perpetual("BTC", "BTC")],
    }  # fmt: skip
    file = write_run(tmp_path / "book", tables, [scenario("fall", {"BTC": -0.1})])
    wanted = ["spot:BTX", "spot:USD", "vol:BTC", "spot:OIL"]
    with pytest.raises(StressTestError, match="not there") as refused:
        run(file, tmp_path / "out", **{"reverse.distance.factors": wanted, "reverse.distance.along": ["fell"]})
    assert [fault.what for fault in refused.value.faults] == [
        "the book has no factor `spot:BTX`", "USD is the reporting currency, whose price is 1",
        "the price of OIL is zero, which no relative shift moves", "no scenario `fell`",
    ]  # fmt: skip
    assert "BTC" in refused.value.faults[0].hint
    assert not (tmp_path / "out").exists()


def test_types_that_may_be_asked_for():
    assert tuple(each.name for each in FACTOR_TYPES.values() if "relative" in each.shifts and each.name != "depth") == TYPES


@pytest.mark.parametrize("factors", [["rate:USD"], ["basis:BTC"], ["depth:BTC"], ["vol:*"], ["BTC"], ["spot:"]])
def test_factors_that_have_no_relative_distance(tmp_path: Path, factors: list[str]):
    file = write_run(tmp_path, {}, [scenario("fall", {"BTC": -0.1})])
    with pytest.raises(StressTestError) as refused:
        run(file, tmp_path / "out", **{"reverse.distance.factors": factors})
    assert "reverse.distance.factors" in str(refused.value.faults[0].path)
