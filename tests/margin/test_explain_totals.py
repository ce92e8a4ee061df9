"""Totals of pools and accounts, status and tolerance, and the laws that tie them together."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.explain_case import PERPETUAL, Case, Row, row
from polars.testing import assert_frame_equal

from stresstest.margin.explain import explain
from stresstest.tables import MEASURES

COIN: dict[str, Row] = {"BTC": {"price": 100.0, "collateral_schedule": "coin"}}
COIN_SCHEDULE: Row = {
    "collateral_schedules": {
        "par": {"bands": [{"from": 0, "haircut": 0.0}]},
        "coin": {"bands": [{"from": 0, "haircut": 0.10, "initial_haircut": 0.20}]},
    }
}
MEASURE_NAMES = [column.name for column in MEASURES]


def test_all_measures_of_a_small_account() -> None:
    # 10 contracts long from 95 at 100, then 70; 4 BTC and 100 USD of collateral
    book = Case(COIN, {"X": PERPETUAL}, COIN_SCHEDULE).hold("X", 10.0, 95.0).deposit("BTC", 4.0).deposit("USD", 100.0)
    pool = row(book.explain(s={"spot": {"BTC": 70.0}, "mark": {"X": 70.0}}).pools)
    expected = {
        "equity": 280.0 + 100.0 - 250.0,
        "pnl": -120.0 - 300.0,
        "position_pnl": -300.0,
        "collateral_pnl": -120.0,
        "collateral_value": 380.0,
        "margin_balance_initial": 0.8 * 280 - 150.0,
        "margin_balance": 0.9 * 280 - 150.0,
        "initial_margin": 70.0,
        "maintenance_margin": 35.0,
        "initial_shortfall": 0.0,
        "margin_shortfall": 0.0,
        "uncollateralised_loss": 0.0,
        # k = (0.8*280 + 100) / (0.8*400 + 100) and R_IM(0) = 100
        "stress_loss_over_margin": 300.0 - 324.0 / 420.0 * 100.0,
        "status": "ok",
        "gross_notional": 1000.0,
    }
    assert {name: pool[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize(("cash", "status"), [(1000.0, "ok"), (360.0, "call"), (330.0, "liquidation"), (290.0, "default")])
def test_status(cash: float, status: str) -> None:
    # loss 300; R_MM = 35, R_IM = 70
    book = Case({"BTC": {"price": 100.0}}, {"X": PERPETUAL}).hold("X", 10.0).deposit("USD", cash)
    pool = row(book.explain(s={"mark": {"X": 70.0}}).pools)
    assert pool["status"] == status
    assert pool["initial_shortfall"] == pytest.approx(max(0.0, 370.0 - cash))
    assert pool["margin_shortfall"] == pytest.approx(max(0.0, 335.0 - cash))
    assert pool["uncollateralised_loss"] == pytest.approx(max(0.0, 300.0 - cash))


@pytest.mark.parametrize(
    ("cash", "at_equality", "status"),
    [
        (100.0, False, "ok"),
        (99.995, False, "ok"),
        (99.98, False, "call"),
        (100.0, True, "call"),
        (100.02, True, "ok"),
        (50.0, False, "call"),
        (50.0, True, "liquidation"),
        (0.0, False, "liquidation"),
        (-0.005, False, "liquidation"),
        (-0.02, False, "default"),
    ],
)
def test_tolerance_and_equality(cash: float, at_equality: bool, status: str) -> None:
    book = Case({"BTC": {"price": 100.0}}, {"X": PERPETUAL}, {"models": {"default": {"breach_at_equality": at_equality}}})
    assert row(book.hold("X", 10.0).deposit("USD", cash).explain().pools, "base")["status"] == status


def test_equality_is_safe_where_nothing_is_required() -> None:
    book = Case({}, {}, {"models": {"default": {"breach_at_equality": True}}})
    explained = book.explain()
    assert (explained.accounts.height, row(explained.accounts, "base")["status"]) == (1, "ok"), "an account with nothing in it is shown too"


def test_a_debt_is_a_breach_whatever_the_model_says_of_equality() -> None:
    book = Case(COIN, {}, {**COIN_SCHEDULE, "models": {"default": {"breach_at_equality": True}}}).deposit("BTC", 1.0).deposit("USD", -95.0)
    pool = row(book.explain().pools, "base")
    assert (pool["equity"], pool["margin_balance"], pool["maintenance_margin"], pool["status"]) == (5.0, -5.0, 0.0, "liquidation")


def test_tolerance_grows_with_notional() -> None:
    book = Case({"BTC": {"price": 1e9}}, {"X": {**PERPETUAL, "mark_price": 1e9}}).hold("X", 1.0).deposit("USD", 1e8 - 0.9)
    assert row(book.explain().pools, "base")["status"] == "ok"


@pytest.mark.parametrize(("base", "stressed", "loss"), [(10.0, 40.0, 0.0), (-5.0, 1.0, 0.0), (5.0, -5.0, 100.0)])
def test_k_is_between_zero_and_one_and_one_without_collateral(base: float, stressed: float, loss: float) -> None:
    # R_IM(0) = 100; the loss is 100 in each; base * X is the collateral, a stressed X below zero stands for all of it lost
    book = Case({"BTC": {"price": 100.0}, "OIL": {"price": 1.0, "may_be_negative": True}}, {"X": PERPETUAL}).hold("X", 10.0).deposit("OIL", base)
    pool = row(book.explain(s={"mark": {"X": 90.0}, "spot": {"OIL": stressed / abs(base)}}).pools)
    assert pool["stress_loss_over_margin"] == pytest.approx(loss)


def test_isolated_pools_stand_alone_and_the_account_is_their_sum() -> None:
    book = Case({"BTC": {"price": 100.0}}, {"X": PERPETUAL}).hold("X", 1.0).deposit("USD", 500.0)
    book.hold("X", -10.0, pool="X short").deposit("USD", 120.0, pool="X short")
    explained = book.explain(s={"mark": {"X": 115.0}})
    pools = explained.pools.filter(scenario_id="s")
    assert pools.select("pool_id", "equity", "status").rows() == [("cross", 515.0, "ok"), ("X short", -30.0, "default")]
    account = row(explained.accounts)
    assert (account["status"], account["equity"], account["uncollateralised_loss"]) == ("default", 485.0, 30.0)
    assert account["pools"] == 2


def test_rows_come_in_order_of_pools_and_scenarios() -> None:
    book = Case({"BTC": {"price": 100.0}}, {"X": PERPETUAL}, None, {"B": {}, "A": {}}).hold("X", 1.0, account="B").deposit("USD", 1.0)
    explained = book.explain(z={}, a={})
    assert explained.pools.select("account_id", "scenario_id").rows() == [(account, s) for account in "AB" for s in ("base", "z", "a")]


def test_an_unknown_scenario_is_refused() -> None:
    book = Case({}, {})
    resolved, marks = book.factors({})
    with pytest.raises(IndexError, match="position 1"):
        explain(book.dimensions, book.holdings, resolved, marks, book.rulebook, [1])


def test_only_the_scenarios_asked_for_are_shown_against_base() -> None:
    book = Case({"BTC": {"price": 100.0}}, {"X": PERPETUAL}).hold("X", 1.0).deposit("USD", 1.0)
    resolved, marks = book.factors({"s": {"mark": {"X": 90.0}}})
    explained = explain(book.dimensions, book.holdings, resolved, marks, book.rulebook, [1])
    whole = book.explain(s={"mark": {"X": 90.0}})
    for name, frame in vars(explained).items():
        if isinstance(frame, pl.DataFrame):
            assert_frame_equal(frame, getattr(whole, name).filter(scenario_id="s"))


AMOUNT = st.floats(-50, 50).map(lambda x: round(x, 3))
PRICE = st.floats(1, 300).map(lambda x: round(x, 2))


@st.composite
def books(draw: st.DrawFn) -> tuple[Case, Row]:
    """Two accounts with futures, an inverse and a quanto perpetual, spot and collateral in a scenario; haircuts zero."""
    instruments: dict[str, Row] = {
        "LIN": PERPETUAL,
        "INV": {**PERPETUAL, "payoff": "inverse", "settle": "BTC", "contract_size": 10.0},
        "QUA": {**PERPETUAL, "payoff": "quanto", "settle": "ETH"},
        "SPOT": {**PERPETUAL, "kind": "spot"},
    }
    case = Case({"BTC": {"price": 100.0}, "ETH": {"price": 10.0}}, instruments, None, {"A": {}, "B": {"margin_multiplier": 1.3}})
    pools = [("A", "cross"), ("B", "cross"), ("B", "iso")]
    for account, pool in pools:
        for instrument in draw(st.lists(st.sampled_from(sorted(instruments)), unique=True)):
            case.hold(instrument, draw(AMOUNT), draw(PRICE), account=account, pool=pool, funding=draw(AMOUNT))
        for asset in draw(st.lists(st.sampled_from(["BTC", "ETH", "USD"]))):
            case.deposit(asset, draw(AMOUNT), draw(st.sampled_from([None, "bridge"])), account=account, pool=pool)
    scenario = {
        "spot": {"BTC": draw(PRICE), "ETH": draw(PRICE)},
        "mark": {name: draw(PRICE) for name in instruments},
        "holding": {("BTC", "bridge"): 0.5} if "bridge" in case.locations else {},
    }
    return case, scenario


@settings(max_examples=40, deadline=None)
@given(books())
def test_without_haircuts_the_margin_balance_is_the_equity(book: tuple[Case, Row]) -> None:
    case, scenario = book
    pools = case.explain(s=scenario).pools
    assert_frame_equal(
        pools.select(pl.col("margin_balance", "margin_balance_initial")),
        pools.select(margin_balance="equity", margin_balance_initial="equity"),
        abs_tol=1e-6,
        rel_tol=1e-9,
    )


@settings(max_examples=20, deadline=None)
@given(books())
def test_laws_of_totals(book: tuple[Case, Row]) -> None:
    case, scenario = book
    explained = case.explain(s=scenario, same_as_base={})
    sums = explained.pools.group_by("account_id", "scenario_id", maintain_order=True).agg(pl.col(MEASURE_NAMES).sum())
    assert_frame_equal(sums.select(MEASURE_NAMES), explained.accounts.select(MEASURE_NAMES))
    changes = explained.pools.select(pl.col("pnl") - pl.col("position_pnl") - pl.col("collateral_pnl")).to_series()
    assert changes.abs().max() < 1e-6
    unchanged = explained.pools.filter(scenario_id="same_as_base")
    assert unchanged["pnl"].abs().max() == 0.0
    assert_frame_equal(unchanged.select(MEASURE_NAMES), explained.pools.filter(scenario_id="base").select(MEASURE_NAMES))
    charged = explained.charges.group_by("account_id", "pool_id", "scenario_id").agg(pl.col("requirement_maintenance").sum())
    joined = explained.pools.join(charged, on=["account_id", "pool_id", "scenario_id"], how="left").with_columns(
        pl.col("requirement_maintenance").fill_null(0.0)
    )
    assert (joined["requirement_maintenance"] - joined["maintenance_margin"]).abs().max() < 1e-6
