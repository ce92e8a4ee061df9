"""`stresstest.reverse` on small books whose answers are known by hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from generated.books import write_yaml
from runs.plain_book import write_plain_book
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, rows, run, scenario, write_run

import stresstest
from stresstest.config import RunFile
from stresstest.errors import Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.runs import staging
from stresstest.runs.console import Silent
from stresstest.runs.reverse import answers as told
from stresstest.runs.reverse.report import Answer
from stresstest.runs.staging import stage
from stresstest.snapshot.book import Book

pytestmark = pytest.mark.usefixtures("made_once")

HALF_PER_CENT: Row = {"margin_schedules": {"half": {"tiers": [{"from": 0, "maintenance_rate": 0.005, "initial_rate": 0.01}]}}}
TEN_DOWN = scenario("ten_down", {"BTC": -0.1})


@pytest.fixture(scope="module", autouse=True)
def one_event(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A library of one event: reading the shipped one takes longer than a search (tests/cli/test_reverse.py has it)."""
    file = tmp_path_factory.mktemp("events") / "events.yaml"
    write_yaml(file, {"version": 1, "name": "events", "any_book": True, "scenarios": [scenario("event", {"BTC": -0.3}, "historical")]})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(told, "LIBRARY", str(file))
        yield


@pytest.fixture(scope="module", autouse=True)
def staged_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The books that many tests ask are staged by the first of them."""
    known: dict[str, Book] = {}

    def once(settings: RunFile, rulebook: Rulebook, work: Path, *, ours: bool = False) -> Book:
        shared = any(name in settings.snapshot for name in ("leveraged", "owners"))
        if not shared:
            return stage(settings, rulebook, work, ours=ours)
        if settings.snapshot not in known:
            known[settings.snapshot] = stage(settings, rulebook, tmp_path_factory.mktemp("staged"))
        return known[settings.snapshot]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(staging, "stage", once)
        yield


def answers(what: Any, target: str, along: Sequence[str] = (), **more: Any) -> tuple[Answer, ...]:
    return stresstest.reverse(what, target, along=along, console=Silent(), **more).report.answers


def answer(what: Any, target: str, along: str, **more: Any) -> Answer:
    (only,) = answers(what, target, [along], **more)
    return only


@pytest.fixture(scope="module")
def leveraged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T5 of the linear contract: a long and a short of 2 coins at 50,000 against 10,000 dollars, maintenance 0.5 %; `idle` holds dollars alone and
    `broken` is in default at base."""
    tables: dict[str, list[Row]] = {
        "accounts": [{"account_id": name} for name in ("long", "short", "idle", "broken")],
        "assets": [coin("BTC", price=50_000.0), CASH],
        "instruments": [perpetual("P", "BTC", mark_price=50_000.0, margin_schedule="half")],
        "positions": [lot(name, "P", size, entry_price=50_000.0) for name, size in (("long", 2.0), ("short", -2.0))]
        + [lot("broken", "P", 1.0, entry_price=60_000.0)],
        "collateral": [cash("long", 10_000.0), cash("short", 10_000.0), cash("idle", 500.0), cash("broken", 1_000.0)],
    }
    scenarios = [
        TEN_DOWN,
        {**scenario("linear", {}), "shocks": [{"factor": "spot:BTC", "relative": -0.1, "mode": "linear"}]},
        scenario("rally", {"BTC": 0.05}),
    ]  # fmt: skip
    return write_run(tmp_path_factory.mktemp("leveraged") / "book", tables, scenarios, HALF_PER_CENT, headline=["ten_down", "rally"])


@pytest.mark.parametrize(
    ("target", "way", "level"),
    [
        ("shortfall:long", "down", 45_226.13065326633),
        ("default:long", "down", 45_000.0),
        ("shortfall:short", "up", 54_726.36815920399),
        ("default:short", "up", 55_000.0),
    ],
)
def test_published_liquidation_prices(leveraged: Path, target: str, way: str, level: float):
    # T5. A status forgives a cent, here 1e-7 of the notional.
    found = answer(leveraged, target, f"spot:BTC:{way}")
    assert found.outcome == "reached"
    assert found.right is not None
    assert found.right.level == pytest.approx(level, rel=3e-7)
    assert found.shift == pytest.approx(level / 50_000.0 - 1.0, rel=5e-6)
    assert not found.jump


def test_the_tolerance_of_a_status_is_in_the_answer(leveraged: Path):
    # Default is E < -0.01: 10,000 - 2 * 50,000 * s = -0.01.
    assert answer(leveraged, "default:long", "spot:BTC:down").shift == pytest.approx(-0.1000001, rel=2e-9)


def test_multiples_are_those_of_the_shocks(leveraged: Path):
    multiple, linear = (answer(leveraged, "default:long", name).multiple for name in ("ten_down", "linear"))
    # 0.9^t = 1 - s, or t * 0.1 = s, of the same price.
    assert multiple == pytest.approx(math.log(1.0 - 0.1000001) / math.log(0.9), rel=2e-9)
    assert linear == pytest.approx(1.000001, rel=2e-9)


def test_not_reachable_is_said_and_no_number(leveraged: Path):
    along = answer(leveraged, "default:long", "rally")
    assert (along.outcome, along.multiple, along.right, along.searched_to, along.story) == ("not reachable", None, None, 5.0, None)
    assert answer(leveraged, "default:long", "ten_down", most=0.9).searched_to == 0.9
    assert answer(leveraged, "default:long", "ten_down", most=0.9).outcome == "not reachable"
    assert [each.outcome for each in answers(leveraged, "shortfall:idle", ["spot:BTC"])] == ["not reachable"] * 2


def test_a_direction_ends_where_prices_do(leveraged: Path):
    down = answer(leveraged, "default:short", "spot:BTC:down")
    assert down.outcome == "not reachable"
    assert down.searched_to == pytest.approx(-1.0, abs=2e-6)
    assert down.stopped == "the price of BTC would be zero or below"
    linear = answer(leveraged, "default:short", "linear", most=20.0)
    assert linear.searched_to == pytest.approx(10.0, rel=2e-6)


def test_hit_at_base(leveraged: Path):
    found = answer(leveraged, "default:broken", "ten_down")
    assert (found.outcome, found.multiple, found.scenario_id) == ("at base", 0.0, None)
    # 1,000 - (60,000 - 50,000): nothing needs to happen.
    assert found.right is not None
    assert found.right.figure == pytest.approx(9_000.0)


def test_headline_scenarios_are_the_default_and_answers_stand_in_order(leveraged: Path):
    assert [each.along for each in answers(leveraged, "default:long")] == ["ten_down", "rally"]
    assert [each.along for each in answers(leveraged, "default:short")] == ["rally", "ten_down"]
    mixed = answers(leveraged, "default:long", ["spot:BTC", "rally", "linear", "ten_down", "spot:BTC:down"])
    assert [each.along for each in mixed] == ["linear", "ten_down", "rally", "spot:BTC:down", "spot:BTC:up"]


def test_the_scenario_found_hits_the_target_and_the_one_before_does_not(leveraged: Path, tmp_path: Path):
    found = stresstest.reverse(leveraged, "shortfall:long", along=["ten_down", "spot:BTC"], console=Silent())
    file = found.write(tmp_path / "found.yaml")
    reached = [each for each in found.report.answers if each.outcome == "reached"]
    assert [each.scenario_id for each in reached] == ["reverse.shortfall.long.ten_down", "reverse.shortfall.long.spot_btc_down"]
    ten_down, down = reached
    assert ten_down.left is not None
    assert down.left is not None
    before = [scenario("before_multiple", {"BTC": math.expm1(ten_down.left.at * math.log1p(-0.1))}), scenario("before_shift", {"BTC": down.left.at})]
    write_yaml(tmp_path / "before.yaml", {"version": 1, "name": "before", "scenarios": before})
    again = run(leveraged, tmp_path / "again", scenarios=[str(file), str(tmp_path / "before.yaml")], headline=["before_shift"])
    by_scenario = {(row[0], row[1]): row[2] for row in rows(again.folder, "account_scenario", "account_id", "scenario_id", "status")}
    assert by_scenario["long", "reverse.shortfall.long.ten_down"] == "liquidation"
    assert by_scenario["long", "reverse.shortfall.long.spot_btc_down"] == "liquidation"
    assert by_scenario["long", "before_multiple"] == "call"
    assert by_scenario["long", "before_shift"] == "call"
    summary = pl.read_parquet(again.folder / "scenario_summary.parquet").filter(pl.col("scenario_id").str.starts_with("reverse"))
    assert summary["family"].unique().to_list() == ["reverse"]
    assert not summary["headline"].any()
    assert "largest price moves: BTC -9.5" in file.read_text()


def test_a_short_straddle(tmp_path: Path):
    # T23: premium 7.975522335348984 a straddle; cash of premium + 5 (or 10) is gone at a loss of 5 (or 10).
    expiry = datetime(2026, 11, 20, 16, tzinfo=UTC) + timedelta(days=91.25)
    common: Row = {"kind": "option", "underlying": "BTC", "quote": "USD", "strike": 100.0, "expiry": expiry, "margin_schedule": "flat",
                   "mark_price": 7.975522335348984 / 2.0, "mark_vol": 0.2, "forward": 100.0}  # fmt: skip
    tables: dict[str, list[Row]] = {
        "accounts": [{"account_id": "five"}, {"account_id": "ten"}],
        "assets": [coin("BTC"), CASH],
        "instruments": [{**common, "instrument_id": "C", "option_type": "call"}, {**common, "instrument_id": "P", "option_type": "put"}],
        "positions": [lot(name, option, -1e6, entry_price=None) for name in ("five", "ten") for option in "CP"],
        "collateral": [cash("five", 1e6 * 12.975522335348984), cash("ten", 1e6 * 17.975522335348984)],
    }
    run_file = write_run(tmp_path / "book", tables, [TEN_DOWN])
    for name, down, up in (("five", -0.12104738178429728, 0.11492549897449539), ("ten", -0.17804757881475788, 0.17485582641063)):
        found = {each.along: each.shift for each in answers(run_file, f"default:{name}", ["spot:BTC"])}
        # The status forgives 1e-9 of a notional of 2e8: 0.2 of a loss of 5e6.
        assert found == pytest.approx({"spot:BTC:down": down, "spot:BTC:up": up}, rel=2e-7)


@pytest.fixture(scope="module")
def four_owners(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """T21: base losses 40, 30, 20, 10 of four owners with margins 20, 25, 30, 40; resources of 60, 25 of them an insurance fund."""
    terms = (("A", 4.0, 0.05), ("B", 3.0, 25.0 / 300.0), ("C", 2.0, 0.15), ("D", 1.0, 0.4))
    tables: dict[str, list[Row]] = {
        "accounts": [{"account_id": name.lower(), "owner_id": name} for name, _, _ in terms],
        "assets": [coin("BTC"), CASH],
        "instruments": [perpetual(f"P{name}", "BTC", margin_schedule=name) for name, _, _ in terms],
        "positions": [lot(name.lower(), f"P{name}", size) for name, size, _ in terms],
        "collateral": [cash(name.lower(), amount) for (name, _, _), amount in zip(terms, (20.0, 25.0, 30.0, 40.0), strict=True)],
    }
    margin = {"margin_schedules": {name: {"tiers": [{"from": 0, "maintenance_rate": rate, "initial_rate": rate}]} for name, _, rate in terms}}
    moves = {"id": "fall", "family": "hypothetical", "shocks": [{"factor": "spot:BTC", "relative": -0.1, "mode": "linear"}]}
    resources = {"insurance_fund": 25.0, "skin_in_the_game": 35.0}
    return write_run(tmp_path_factory.mktemp("owners") / "book", tables, [moves], margin, resources=resources)


def test_cover_above_resources(four_owners: Path):
    # m*(1) = 2: 40 m - 20 > 60; m*(2) = 1.5: 70 m - 45 > 60.
    assert answer(four_owners, "cover-1", "fall").multiple == pytest.approx(2.0, rel=2e-9)
    cover_2 = answer(four_owners, "cover-2", "fall")
    assert cover_2.multiple == pytest.approx(1.5, rel=2e-9)
    assert cover_2.right is not None
    assert cover_2.right.figure == pytest.approx(60.0, abs=1e-6)
    assert answer(four_owners, "cover-2:25", "fall").multiple == pytest.approx(1.0, rel=2e-9)


def test_loss_above_the_insurance_fund(four_owners: Path):
    # Cash is the margin, so the loss beyond collateral is (40 m - 20) + (30 m - 25) = 25 at m = 1.
    assert answer(four_owners, "uncollateralised-loss", "fall").multiple == pytest.approx(1.0, rel=2e-9)
    # A alone at half of it; B follows at 5/6, C at 1.5, D at 4: a cent of tolerance each.
    multiples = [answer(four_owners, f"accounts-in-default:{count}", "fall").multiple for count in (1, 2, 3, 4)]
    assert multiples == pytest.approx([20.01 / 40.0, 25.01 / 30.0, 30.01 / 20.0, 40.01 / 10.0], rel=2e-9)


def test_threads_and_repetition_give_the_same(four_owners: Path):
    once = stresstest.reverse(four_owners, "cover-2", console=Silent())
    settings = stresstest.plan(four_owners, threads=2).settings
    assert stresstest.reverse(settings, "cover-2", console=Silent()).report == once.report
    assert stresstest.reverse(stresstest.plan(four_owners), "cover-2", console=Silent()).report == once.report


def test_nearest_event_and_plausibility(leveraged: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # 30 days of moves of +2 % and -1 % (logarithmic) by turns.
    start, value, history = date(2026, 10, 20), 100.0, []
    for number in range(31):
        history.append({"date": start + timedelta(days=number), "factor": "spot:BTC", "value": value})
        value *= math.exp(0.02 if number % 2 else -0.01)
    tables = {
        "accounts": [{"account_id": "long"}],
        "assets": [coin("BTC"), coin("ETH"), CASH],
        "instruments": [perpetual("P", "BTC")],
        "positions": [lot("long", "P", 1_000.0)],
        "collateral": [cash("long", 20_000.0)],
        "history": history,
    }
    run_file = write_run(tmp_path / "book", tables, [TEN_DOWN, scenario("both", {"BTC": -0.1, "ETH": -0.2})])
    events = [
        scenario("far", {"BTC": -0.5}, "historical"),
        {**scenario("near", {"BTC": -0.25, "ETH": -0.4}, "historical"), "name": "The near one"},
        scenario("elsewhere", {"ETH": -0.2}, "historical"),
        scenario("impossible", {"BTC": -1.5}, "historical"),
    ]
    write_yaml(tmp_path / "events.yaml", {"version": 1, "name": "events", "scenarios": events})
    monkeypatch.setattr(told, "LIBRARY", str(tmp_path / "events.yaml"))
    found = {each.along: each.story for each in answers(run_file, "default:long", ["ten_down", "both"])}
    fall = math.log(0.8 - 1e-7)
    one, both = found["ten_down"], found["both"]
    assert one is not None
    assert both is not None
    assert one.nearest_event is not None
    assert (one.nearest_event.scenario_id, one.nearest_event.name, one.nearest_event.assets) == ("near", "The near one", 1)
    assert one.nearest_event.distance == pytest.approx(fall - math.log(0.75), rel=1e-6)
    other = math.log(0.8) * fall / math.log(0.9)
    assert both.nearest_event is not None
    assert both.nearest_event.distance == pytest.approx(math.hypot(fall - math.log(0.75), other - math.log(0.6)) / math.sqrt(2.0), rel=1e-6)
    assert one.plausibility is not None
    deviation = math.sqrt((15 * 0.0001 + 15 * 0.0004) / 30)
    assert one.plausibility.distance == pytest.approx(-fall / deviation, rel=1e-6)
    assert one.plausibility.half_space_probability == pytest.approx(0.5 * math.erfc(-fall / deviation / math.sqrt(2.0)), rel=1e-4)
    assert [(move.asset, round(move.change, 4)) for move in both.largest_moves] == [("ETH", round(math.expm1(other), 4)), ("BTC", -0.2)]
    without = answer(leveraged, "default:long", "ten_down").story
    assert without is not None
    assert (without.plausibility, without.why_no_plausibility) == (None, "the snapshot has no history")


@pytest.mark.parametrize(
    ("target", "along", "says"),
    [
        ("default:lnog", "ten_down", "no account `lnog`"),
        ("default:long", "ten_dwon", "Did you mean `ten_down`?"),
        ("default:long", "base", "no shocks to go along"),
        ("default:long", "spot:BTCC", "BTCC"),
        ("default:long", "depth:BTC", "depth only counts in a liquidation cascade"),
        ("default:long", "depth:*:down", "depth only counts in a liquidation cascade"),
        ("default:long", "sopt:BTC", "Did you mean `spot`?"),
        ("default:long", "spot:", "names no factor"),
        ("default:long", "spot:B*:up", "names no factor"),
        ("cover-2", "ten_down", "states no resources"),
        ("accounts-in-default", "ten_down", "needs a number"),
    ],
)
def test_what_cannot_be_asked_is_refused(leveraged: Path, target: str, along: str, says: str):
    with pytest.raises(StressTestError) as refused:
        answers(leveraged, target, [along])
    assert refused.value.reason is Reason.USAGE
    assert says in str(refused.value)


@pytest.mark.parametrize("bad", [{"most": 0.0}, {"most": math.nan}, {"most": math.inf}, {"tolerance": 0.0}, {"tolerance": math.nan}])
def test_numbers_that_are_no_use_are_refused(leveraged: Path, bad: dict[str, float]):
    with pytest.raises(StressTestError) as refused:
        answers(leveraged, "default:long", ["ten_down"], **bad)
    assert refused.value.reason is Reason.USAGE


def test_a_scenario_without_small_multiples_is_refused(tmp_path: Path):
    tables = {
        "accounts": [{"account_id": "a"}],
        "assets": [coin("OIL", may_be_negative=True), CASH],
        "instruments": [perpetual("P", "OIL")],
        "positions": [lot("a", "P", 1.0)],
        "collateral": [cash("a", 150.0)],
    }
    below = {"id": "below", "family": "historical", "shocks": [{"factor": "spot:OIL", "relative": -3.0}]}
    run_file = write_run(tmp_path / "book", tables, [below, {**below, "id": "line", "shocks": [{**below["shocks"][0], "mode": "linear"}]}])
    with pytest.raises(StressTestError, match="mode: linear"):
        answers(run_file, "default:a", ["below"])
    # 150 dollars are gone at a price of -50, half of the way.
    assert answer(run_file, "default:a", "line").multiple == pytest.approx(150.01 / 300.0, rel=2e-9)


def oil(folder: Path, price: float, *scenarios: dict[str, Any]) -> Path:
    """Long 2 and short 10 of a price that may be negative, with 30 dollars each: bankrupt 15 below and 3 above it (and a tolerance of a cent)."""
    tables = {
        "accounts": [{"account_id": "long"}, {"account_id": "short"}],
        "assets": [coin("OIL", price=price, may_be_negative=True), CASH],
        "instruments": [perpetual("P", "OIL", mark_price=price)],
        "positions": [lot("long", "P", 2.0, entry_price=price), lot("short", "P", -10.0, entry_price=price)],
        "collateral": [cash("long", 30.0), cash("short", 30.0)],
    }
    return write_run(folder / "book", tables, list(scenarios) or [{"id": "still", "family": "hypothetical", "shocks": []}])


def test_a_price_that_may_be_negative_falls_below_zero(tmp_path: Path):
    run_file = oil(tmp_path, 5.0)
    found = answer(run_file, "default:long", "spot:OIL:down")
    assert (found.outcome, found.searched_to, found.shift) == ("reached", -4.0, pytest.approx(-30.01 / 10.0, rel=2e-9))
    assert level(found) == pytest.approx(-10.005, rel=2e-9)
    assert answer(run_file, "default:long", "spot:OIL:down", most=1.0).outcome == "not reachable"


def test_from_below_zero_down_is_where_the_price_falls(tmp_path: Path):
    run_file = oil(tmp_path, -5.0)
    down, up = answers(run_file, "default:long", ["spot:OIL"])
    assert (down.along, down.outcome, up.along, up.outcome) == ("spot:OIL:down", "reached", "spot:OIL:up", "not reachable")
    assert level(down) == pytest.approx(-20.005, rel=2e-9)
    assert down.story is not None
    assert down.story.largest_moves[0].change < 0.0
    assert down.story.nearest_event is None
    up, down = answers(run_file, "default:short", ["spot:OIL"])
    assert (down.along, down.outcome, up.along, up.outcome) == ("spot:OIL:down", "not reachable", "spot:OIL:up", "reached")
    assert level(up) == pytest.approx(-1.999, rel=2e-9)


def level(found: Answer) -> float | None:
    return found.right and found.right.level


def test_a_price_of_zero_has_no_relative_shifts(tmp_path: Path):
    run_file = oil(tmp_path, 0.0, {"id": "fall", "family": "hypothetical", "shocks": [{"factor": "spot:OIL", "absolute": -10.0}]})
    with pytest.raises(StressTestError, match="the price of OIL is zero") as refused:
        answers(run_file, "default:long", ["spot:OIL:down"])
    assert refused.value.reason is Reason.USAGE
    assert answer(run_file, "default:long", "fall").multiple == pytest.approx(30.01 / 20.0, rel=2e-9)


def test_a_haircut_of_zero_can_be_raised(tmp_path: Path):
    """A hundred dollars at a haircut of nothing, a requirement of 50: short of it once the haircut is half (and a cent)."""
    tables = {
        "accounts": [{"account_id": "a"}],
        "assets": [coin("BTC"), CASH],
        "instruments": [perpetual("P", "BTC")],
        "positions": [lot("a", "P", 10.0)],
        "collateral": [cash("a", 100.0)],
    }
    run_file = write_run(tmp_path / "book", tables, [{"id": "still", "family": "hypothetical", "shocks": []}])
    found = answer(run_file, "shortfall:a", "haircut:USD:up")
    assert (found.shift_type, found.shift, found.searched_to) == ("absolute", pytest.approx(0.5001, rel=2e-9), 1.0)


def test_a_finished_run_is_asked_with_its_own_inputs(tmp_path: Path):
    run_file = write_plain_book(tmp_path / "book", 3)
    finished = stresstest.run(run_file, out=tmp_path / "out", console=Silent())
    # `crash` halves the price: account k defaults when 100 k (1 - 0.5^t) > 10 k + 0.01.
    expected = pytest.approx(math.log(1.0 - 20.01 / 200.0) / math.log(0.5), rel=2e-9)
    (tmp_path / "book" / "scenarios.yaml").write_text("version: 1\nscenarios: []\n")
    assert answer(finished, "default:a000002", "crash").multiple == expected
    assert answer(tmp_path / "out", "default:a000002", "crash").multiple == expected
    collateral = tmp_path / "book" / "snapshot" / "collateral.parquet"
    pl.read_parquet(collateral).with_columns(pl.col("quantity") * 2.0).write_parquet(collateral)
    with pytest.raises(StressTestError, match="not the one of the run") as refused:
        answers(finished, "default:a000002", ["crash"])
    assert [fault.table for fault in refused.value.faults] == ["collateral"]


def test_a_set_without_headline_needs_a_direction(tmp_path: Path):
    run_file = write_plain_book(tmp_path / "book", 1)
    settings = stresstest.plan(run_file, headline=[]).settings
    with pytest.raises(StressTestError, match="no headline scenario to go along"):
        answers(settings, "default:a000001")


def test_nothing_found_is_not_written(leveraged: Path, tmp_path: Path):
    found = stresstest.reverse(leveraged, "shortfall:idle", console=Silent())
    with pytest.raises(StressTestError, match="no scenario to write"):
        found.write(tmp_path / "none.yaml")
    assert found.table["outcome"].to_list() == ["not reachable"] * 2
    assert "reached along 0 of 2" in repr(found)
