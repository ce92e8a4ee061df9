"""Whole cascades of small books, against numbers worked out by hand (`references/cascade_reverse.md`, part C3) and closed forms."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from stress.cascade import cascading
from stress.cascade.books import LADDERS, ladder
from stress.cascade.cascading import Cascaded, Staged, cascaded, staged
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, scenario

from stresstest.executors.threads import ThreadExecutor
from stresstest.stress.cascade import batch, engine
from stresstest.stress.cascade.outcome import Outcome

NOTHING: Row = {"kind": "none"}


def linear(slope: float) -> Row:
    """Every asset falls by so much for every unit sold."""
    return {"impact": {"kind": "linear", "slope": {"A": slope, "B": slope}}}


def book(folder: Path, lots: list[Row], deposits: list[Row], scenarios: list[Row], margin: Row | None = None) -> Staged:
    tables = {
        "accounts": [{"account_id": name} for name in dict.fromkeys(row["account_id"] for row in [*lots, *deposits])],
        "positions": lots,
        "collateral": deposits,
        "assets": [CASH, coin("A"), coin("B")],
        "instruments": [perpetual("PA", "A"), perpetual("PB", "B")],
    }
    return staged(folder, tables, scenarios, margin)


@pytest.fixture(scope="module")
def longs(tmp_path_factory: pytest.TempPathFactory) -> Staged:
    """T7: four longs of 100 units; the price falls by 6 %, or by less than takes the first below its line."""
    money = {"A1": 1_000.0, "A2": 1_500.0, "A3": 2_000.0, "A4": 4_000.0}
    return book(
        tmp_path_factory.mktemp("longs") / "book",
        [lot(name, "PA", 100.0) for name in money],
        [cash(name, amount) for name, amount in money.items()],
        [scenario("fall", {"A": -0.06}), scenario("dip", {"A": -0.05})],
    )


@pytest.mark.parametrize(
    ("slope", "rounds", "price", "equities", "deficit", "feedback"),
    [
        (None, 1, 94.0, (400.0, 900.0, 1_400.0, 3_400.0), 0.0, 0),
        (0.03, 1, 91.0, (250.0, 600.0, 1_100.0, 3_100.0), 0.0, 0),
        (0.05, 3, 79.0, (150.0, 150.0, 150.0, 1_900.0), 0.0, 2),
        (0.07, 3, 73.0, (50.0, -150.0, -350.0, 1_300.0), 500.0, 2),
    ],
)
def test_four_longs_take_each_other_down(
    longs: Staged, slope: float | None, rounds: int, price: float, equities: tuple[float, ...], deficit: float, feedback: int
):
    found = cascaded(longs, {"impact": NOTHING} if slope is None else linear(slope))
    outcome = found.outcome
    assert found.price("A", 1) == pytest.approx(price, rel=1e-14)
    assert tuple(found.of_accounts("equity_final", 1).values()) == pytest.approx(equities, rel=1e-13)
    assert outcome.loss_final[1] == pytest.approx(deficit, abs=1e-9)
    # Base and a fall that nobody breaches in stay as they are.
    assert outcome.rounds.tolist() == [0, rounds, 0]
    assert outcome.converged.all()
    assert outcome.accounts_by_feedback.tolist() == [0, feedback, 0]
    assert outcome.accounts_liquidated.tolist() == [0, feedback + 1, 0]
    # 4 longs of 100 units lose 6 dollars a unit by the shock; the rest of what they lose is feedback.
    assert outcome.direct_loss.tolist() == pytest.approx([0.0, 2_400.0, 2_000.0])
    assert outcome.feedback_loss[1] == pytest.approx(8_500.0 - 2_400.0 - sum(equities))
    assert found.price("A", 2) == 95.0


def test_every_round_of_the_steepest_slope(longs: Staged):
    outcome = cascaded(longs, linear(0.07), scenarios=[1], log=True).outcome
    # Each sells 100 units at 3.5 below where the round began, and leaves the price 7 lower.
    assert outcome.path.drop("scenario", "asset").rows() == [
        (1, 100.0, pytest.approx(9_050.0), pytest.approx(90.5), 94.0, pytest.approx(87.0)),
        (2, 100.0, pytest.approx(8_350.0), pytest.approx(83.5), pytest.approx(87.0), pytest.approx(80.0)),
        (3, 100.0, pytest.approx(7_650.0), pytest.approx(76.5), pytest.approx(80.0), pytest.approx(73.0)),
    ]
    log = outcome.log
    assert log["pool"].to_list() == [0, 1, 2]
    assert log["equity_before"].to_list() == pytest.approx([400.0, 200.0, 0.0], abs=1e-9)
    assert log["equity_after"].to_list() == pytest.approx([50.0, -150.0, -350.0])
    # 5 % of 9,400, 8,700 and 8,000 are required.
    assert log["margin_shortfall"].to_list() == pytest.approx([70.0, 235.0, 400.0])
    totals = outcome.round_totals
    assert totals["pools"].to_list() == [1, 1, 1]
    assert totals["notional"].to_list() == pytest.approx(log["notional"].to_list())
    # A4, A2 and A3 withstand a fall of 6 % alone: they lose 21, and 10.5 and 17.5 dollars a unit until they are sold.
    assert outcome.loss_of_survivors.sum() == pytest.approx(100.0 * (21.0 + 10.5 + 17.5))
    assert outcome.traded.drop("scenario").rows() == [(0, 0, pytest.approx(25_050.0), 3)]


def test_cross_margin_spreads_what_isolated_margin_keeps_apart(tmp_path: Path):
    """T11: the loss of A makes X sell B, which takes Y down; with X split in two, only its leg in A goes, and that below zero."""
    others = [lot("Y", "PB", 100.0), lot("Z", "PB", -50.0)]
    money = [cash("Y", 700.0), cash("Z", 1_000.0)]
    fall = [scenario("fall", {"A": -0.22})]
    cross = book(tmp_path / "cross", [lot("X", "PA", 100.0), lot("X", "PB", 100.0), *others], [cash("X", 3_000.0), *money], fall)
    found = cascaded(cross, linear(0.04), scenarios=[1])
    assert found.of_accounts("equity_final", 1) == pytest.approx({"X": 400.0, "Y": 100.0, "Z": 1_400.0})
    assert (found.price("A", 1), found.price("B", 1)) == pytest.approx((74.0, 92.0))
    assert found.outcome.rounds.tolist() == [2]
    assert found.outcome.accounts_by_feedback.tolist() == [1]
    assert found.outcome.loss_final.tolist() == [0.0]
    # X is brought down by A and sells both; Y by B, which only the sales moved.
    assert found.outcome.traded.select("trigger", "asset", "pools").rows() == [(0, 0, 1), (0, 1, 1), (1, 1, 1)]

    legs = [lot("X1", "PA", 100.0), lot("X2", "PB", 100.0), *others]
    isolated = book(tmp_path / "isolated", legs, [cash("X1", 1_500.0), cash("X2", 1_500.0), *money], fall)
    found = cascaded(isolated, linear(0.04), scenarios=[1])
    assert found.of_accounts("equity_final", 1) == pytest.approx({"X1": -900.0, "X2": 1_500.0, "Y": 700.0, "Z": 1_000.0})
    assert (found.price("A", 1), found.price("B", 1)) == pytest.approx((74.0, 100.0))
    assert found.outcome.loss_final.tolist() == pytest.approx([900.0])


@pytest.mark.parametrize(("step", "at_equality", "rounds", "price"), LADDERS[:4])
def test_thresholds_close_together_approach_the_closed_form(tmp_path: Path, step: float, at_equality: bool, rounds: int, price: float):
    """T10: ten units on every price point at slope 0.05 make 5 / (1 - 0.5) of a fall of 5; from above, the smaller the accounts the nearer."""
    of = ladder(step, at_equality)
    found = cascaded(staged(tmp_path / "book", of.tables, of.scenarios, of.margin), of.cascade, scenarios=[1])
    assert found.price("A", 1) == pytest.approx(price, rel=1e-12)
    assert found.outcome.rounds.tolist() == [rounds]


def same(one: Outcome, other: Outcome) -> None:
    for field in fields(Outcome):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, pl.DataFrame):
            assert a.equals(b), field.name
        else:
            assert a.tobytes() == b.tobytes(), field.name


def test_threads_batches_and_groups_of_scenarios_give_the_same_bytes(longs: Staged, monkeypatch: pytest.MonkeyPatch):
    terms = {**linear(0.05), "fees": {"liquidation": 0.001, "insurance_share": 0.5}}
    one = cascaded(longs, terms, log=True)
    same(one.outcome, cascaded(longs, terms, log=True, workers=2).outcome)
    monkeypatch.setattr(batch, "PAIRS", 1)
    same(one.outcome, cascaded(longs, terms, log=True).outcome)
    monkeypatch.setattr(engine, "POOL_STATES", 4)
    same(one.outcome, cascaded(longs, terms, log=True).outcome)


def figures(found: Cascaded, figure: str) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.concatenate([getattr(part, figure) for part in found.parts])


def test_without_impact_nobody_else_is_touched(longs: Staged):
    found = cascaded(longs, {"impact": NOTHING})
    assert figures(found, "equity_final").tobytes() == figures(found, "equity_shocked").tobytes()
    assert found.outcome.feedback_loss.tolist() == [0.0, 0.0, 0.0]
    assert (found.outcome.prices_final == found.outcome.prices_shocked).all()


def one_long(fall: float, slope: float, target: float, fee: float) -> tuple[float, float, int]:
    """A long of 100 units at 100 with 1,360 dollars under 5 %, liquidated in part until its margin is `target` of its size: price, equity, rounds."""
    price, units, money, rounds = 100.0 * (1.0 + fall), 100.0, 1_360.0, 0
    while units > 0.0:
        balance, size = money + units * (price - 100.0), units * price
        if 0.05 * size - balance <= 0.01:
            break
        aim = max(target * size, 0.05 * size)
        share = min(1.0, (aim - balance) / (aim - fee * size)) if aim > fee * size else 1.0
        sold = share * units
        paid = price - slope * sold / 2.0
        left = balance + units * (paid - price)
        money += sold * (paid - 100.0) - min(fee * sold * paid, max(0.0, left))
        price, units, rounds = price - slope * sold, units - sold, rounds + 1
    return price, money + units * (price - 100.0), rounds


def test_partial_liquidations_go_on_with_what_is_left(tmp_path: Path):
    """T12 among them: at 90 the pool has 360 of 540 dollars, and 40 % of it bring it to exactly 6 %; impact takes it below its line again."""
    falls = [-0.085, -0.09, -0.095, -0.1, *(-0.1 - 0.002 * step for step in range(1, 17))]
    of = book(tmp_path / "book", [lot("L", "PA", 100.0)], [cash("L", 1_360.0)], [scenario(f"fall_{n}", {"A": fall}) for n, fall in enumerate(falls)])
    fees = {"fees": {"liquidation": 0.01}, "policy": "partial_to_target", "target_ratio": 0.06}
    at_90 = falls.index(-0.1)
    alone = cascaded(of, {"impact": NOTHING, **fees}).outcome
    assert alone.sold[of.asset("A"), 1 + at_90] == pytest.approx(40.0)
    seen = set()
    for slope in (0.01, 0.05, 0.2):
        found = cascaded(of, {**linear(slope), **fees}, log=True)
        for number, fall in enumerate(falls, start=1):
            price, left, rounds = one_long(fall, slope, 0.06, 0.01)
            assert found.price("A", number) == pytest.approx(price, rel=1e-12)
            assert found.of_accounts("equity_final", number)["L"] == pytest.approx(left, rel=1e-9, abs=1e-9)
            assert found.outcome.rounds[number] == rounds
            seen.add(rounds)
        log = found.outcome.log
        assert log.group_by("scenario").agg(pl.col("quantity").sum()).sort("scenario")["quantity"].to_list() == pytest.approx(
            [sold for sold in found.outcome.sold[of.asset("A")] if sold > 0.0]
        )
        # A pool that trades an asset in several rounds is one pool.
        assert set(found.outcome.traded["pools"]) == {1}
    assert {0, 1} < seen


@pytest.mark.parametrize(
    ("sequence", "equities", "pools", "waiting"),
    [
        # At 88 A1 and A2 fail. Together they sell 200 units at 83; at 78 A3 follows at 75.5.
        ("simultaneous", {"A1": -700.0, "A2": -200.0, "A3": -450.0}, [2, 1], [0, 0]),
        # One at a time A1, who lacks 640, sells at 85.5, A2 at 80.5, A3 at 75.5: the same end, and the loss split otherwise.
        ("one_at_a_time", {"A1": -450.0, "A2": -450.0, "A3": -450.0}, [1, 1, 1], [1, 1, 0]),
    ],
)
def test_one_at_a_time_ends_at_the_same_price_with_other_losers(
    tmp_path: Path, sequence: str, equities: dict[str, float], pools: list[int], waiting: list[int]
):
    money = {"A1": 1_000.0, "A2": 1_500.0, "A3": 2_000.0, "A4": 4_000.0}
    lots, deposits = [lot(name, "PA", 100.0) for name in money], [cash(name, amount) for name, amount in money.items()]
    found = cascaded(book(tmp_path / "book", lots, deposits, [scenario("fall", {"A": -0.12})]), {**linear(0.05), "sequence": sequence})
    assert found.price("A", 1) == pytest.approx(73.0)
    assert found.of_accounts("equity_final", 1) == pytest.approx({**equities, "A4": 1_300.0})
    totals = found.outcome.round_totals
    assert (totals["pools"].to_list(), totals["waiting"].to_list()) == (pools, waiting)


def test_while_trading_is_halted_pools_wait(longs: Staged):
    halted, open_ = (cascaded(longs, {**linear(0.05), "halt_rounds": rounds}, log=True).outcome for rounds in (2, 0))
    assert (halted.halted.tolist(), halted.rounds.tolist()) == ([0, 2, 0], [0, 3, 0])
    assert halted.round_totals.select("round", "waiting", "pools").rows() == [(1, 1, 0), (2, 1, 0), (3, 0, 1), (4, 0, 1), (5, 0, 1)]
    assert halted.log["round"].to_list() == [3, 4, 5]
    assert halted.prices_final.tobytes() == open_.prices_final.tobytes()


def test_a_cascade_that_is_cut_short_has_not_converged(longs: Staged):
    outcome = cascaded(longs, {**linear(0.05), "max_rounds": 2}).outcome
    assert outcome.converged.tolist() == [True, False, True]
    assert outcome.rounds.tolist() == [0, 2, 0]
    # Two have sold 100 units each, and A3, whose line is at 84.21, is left where it is.
    assert outcome.prices_final[longs.asset("A"), 1] == pytest.approx(84.0)
    assert cascaded(longs, {**linear(0.05), "max_rounds": 3}).outcome.converged.all()


class Elsewhere(ThreadExecutor):
    """What another process would be given and give back: functions, items and results are copies."""

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        there = pickle.dumps(function)
        return (pickle.loads(pickle.dumps(pickle.loads(there)(pickle.loads(pickle.dumps(item))))) for item in items)


def test_workers_may_be_other_processes(longs: Staged, monkeypatch: pytest.MonkeyPatch):
    terms = {**linear(0.05), "policy": "partial_to_target", "target_ratio": 0.06}
    one = cascaded(longs, terms, log=True)
    monkeypatch.setattr(cascading, "ThreadExecutor", Elsewhere)
    same(one.outcome, cascaded(longs, terms, log=True).outcome)
