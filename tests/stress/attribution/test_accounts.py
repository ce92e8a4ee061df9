"""Attribution by hand and by law; `tests/test_against_oracle.py` holds whole books against the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from margin.explain_case import PERPETUAL, Case, Row
from stress.small_book import cash, coin, lot, perpetual, run, scenario, write_run
from valuation.builders import black

from stresstest.errors import StressTestError
from stresstest.margin.explain import Holdings
from stresstest.results.store import read_table
from stresstest.scenarios.resolved import PricesApart
from stresstest.stress.attribution import accounts, whole_book
from stresstest.stress.attribution.accounts import Attribution, Attributor
from stresstest.valuation.value import value_instruments

Lines = dict[tuple[str, str | None], float]

FLAT: Row = {"margin_schedules": {"flat": {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.1}]}}}
FREE: Row = {"margin_schedules": {"flat": {"tiers": [{"from": 0, "maintenance_rate": 0.0, "initial_rate": 0.0}]}}}
BTC: dict[str, Row] = {"BTC": {"price": 100.0}}
CALL: Row = {
    "kind": "option",
    "underlying": "BTC",
    "mark_price": 12.0,
    "strike": 100.0,
    "option_type": "call",
    "forward": 100.0,
    "margin_schedule": "flat",
    "expiry": datetime(2027, 6, 30, tzinfo=UTC),
}


def attributed(
    case: Case, holdings: Holdings | None = None, *, vol: float = 1.0, basis: Row | None = None, elapsed: float = 0.0, **shocks: Any
) -> Attribution:
    """The account of a case in one scenario: `shocks` as `Case.factors` has them; a scale of all vols, bases by instrument, elapsed years."""
    resolved, _ = case.factors({"s": shocks})
    options = np.array([code for code, row in enumerate(case.instruments.values()) if row["kind"] == "option"], dtype=np.int32)
    bases = np.zeros((len(case.instruments), 2))
    for name, value in (basis or {}).items():
        bases[case.instrument[name], 1] = value
    resolved = replace(
        resolved,
        option_codes=options,
        vol_scale=np.tile([1.0, vol], (len(options), 1)),
        vol_shift=np.zeros((len(options), 2)),
        basis=bases,
        elapsed_years=np.array([0.0, elapsed]),
    )
    return of(case, resolved, holdings)


def of(case: Case, resolved: Any, holdings: Holdings | None = None) -> Attribution:
    units = value_instruments(case.dimensions, resolved)
    return Attributor(case.dimensions, resolved, units, case.rulebook).of_accounts(holdings or case.holdings, {0: 1})


def lines(found: Attribution) -> Lines:
    return {(kind, subject): amount for kind, subject, amount in found.lines.select("kind", "subject", "amount").iter_rows()}


# ---------------------------------------------------------------- values


def test_a_coin_margined_contract_has_one_risk_alone():
    """100 dollars a contract, settled in BTC, long 3 at 100: worth 3 * 100 * (1/100 - 1/M) * S, which is 300 * (S/100 - 1): 300 * (0.5 - 1)."""
    coin_margined = {**PERPETUAL, "payoff": "inverse", "settle": "BTC", "contract_size": 100.0, "mark_price": 100.0}
    found = lines(attributed(Case(BTC, {"I": coin_margined}, FREE).hold("I", 3.0), spot={"BTC": 50.0}))
    assert found == {("price", "BTC"): pytest.approx(-150.0)}


def test_a_price_in_another_currency_is_split_by_the_mean_of_both_orders():
    """(M - 100) * X with M from 100 to 110 and X from 1.25 to 1: price first 10 * 1.25, last 10 * 1; currency first nothing, last 10 * -0.25."""
    case = Case(
        {"EUR": {"price": 1.25}, "IDX": {"price": 1_000.0, "price_currency": "EUR"}},
        {"F": {**PERPETUAL, "underlying": "IDX", "quote": "EUR", "mark_price": 100.0}},
        FREE,
    ).hold("F", 1.0)
    found = lines(attributed(case, spot={"EUR": 1.0, "IDX": 1_100.0}))
    assert found == {("price", "IDX"): pytest.approx(11.25), ("fx", "EUR"): pytest.approx(-1.25)}


def test_price_and_vol_of_an_option_share_what_they_do_together():
    """Four prices of Black-76 from the error function of the standard library; the base vol is the one that the mark implies."""
    case = Case(BTC, {"C": CALL}, {**FREE, "models": {"default": {"long_option_credit": 1.0}}}).hold("C", 10.0)
    found = attributed(case, vol=1.5, spot={"BTC": 80.0})
    years = (CALL["expiry"] - case.dimensions.as_of).total_seconds() / 31_536_000.0
    low, high = 0.01, 3.0
    for _ in range(200):
        middle = (low + high) / 2.0
        low, high = (middle, high) if black(100.0, 100.0, middle * math.sqrt(years), 1.0) < 12.0 else (low, middle)
    price = {(f, v): black(f, 100.0, low * v * math.sqrt(years), 1.0) for f in (100.0, 80.0) for v in (1.0, 1.5)}
    of_price = (price[80.0, 1.0] - price[100.0, 1.0] + price[80.0, 1.5] - price[100.0, 1.5]) / 2.0
    of_vol = (price[100.0, 1.5] - price[100.0, 1.0] + price[80.0, 1.5] - price[80.0, 1.0]) / 2.0
    assert lines(found) == {("price", "BTC"): pytest.approx(10.0 * of_price), ("vol", "BTC"): pytest.approx(10.0 * of_vol)}
    row = found.positions.row(0, named=True)
    assert row["price"] + row["vol"] == pytest.approx(row["value_change"])
    assert (row["rate"], row["basis"], row["time"], row["fx"]) == (0.0, 0.0, 0.0, 0.0)


def test_balances_row_by_row():
    """2 BTC of which half is lost, from 100 to 50: prices take 2 * 50 * (1 + 0.5) / 2, the place 2 * 0.5 * (100 + 50) / 2. A debt loses nothing."""
    case = Case(BTC, {"P": PERPETUAL}, FREE).deposit("BTC", 2.0, "vault").deposit("BTC", -1.0, "vault")
    found = lines(attributed(case, spot={"BTC": 50.0}, holding={("BTC", "vault"): 0.5}))
    assert found == {("collateral_price", "BTC"): pytest.approx(-75.0 + 50.0), ("holding_loss", "BTC"): pytest.approx(-75.0)}


def test_rates_and_spot_shocks_of_a_bond():
    """100 with a duration of 5: a rate of +1 % alone gives 95, -10 % alone 90, both 85.5. Rate (-5 - 4.5) / 2, price (-10 - 9.5) / 2."""
    case = Case({"BOND": {"price": 100.0, "duration": 5.0}}, {"P": {**PERPETUAL, "underlying": "BOND"}}, FREE).deposit("BOND", 1.0)
    resolved, _ = case.factors({"s": {"spot": {"BOND": 85.5}, "rate": {"BOND": 0.01}}})
    prices = {"of_rates": 95.0, "of_spots": 90.0}
    bond = case.asset["BOND"]
    apart = {name: np.where(np.arange(len(case.assets))[:, None] == bond, [100.0, price], resolved.spot) for name, price in prices.items()}
    resolved = replace(resolved, rate=np.where(np.arange(len(case.assets))[:, None] == bond, [0.0, 0.01], 0.0), apart=PricesApart(**apart))
    assert lines(of(case, resolved)) == {("rate", "BOND"): pytest.approx(-4.75), ("collateral_price", "BOND"): pytest.approx(-9.75)}


def test_a_state_between_without_a_value_leaves_all_to_the_first_factor():
    """M = 1 + (S/X - 10): with S at 9 and X at 1 it is zero, and a coin-margined contract is worth minus infinity; with X at 0.5 it is 9."""
    case = Case(
        {"EUR": {"price": 1.0}, "OIL": {"price": 10.0, "may_be_negative": True}},
        {"I": {**PERPETUAL, "underlying": "OIL", "quote": "EUR", "payoff": "inverse", "settle": "USD", "mark_price": 1.0}},
        FREE,
    ).hold("I", 1.0)
    assert lines(attributed(case, spot={"OIL": 9.0, "EUR": 0.5})) == {("price", "OIL"): pytest.approx(1.0 - 1.0 / 9.0)}


# ---------------------------------------------------------------- margin


def test_haircuts_and_profits_that_do_not_count():
    """A deposit of 10 BTC under 20 % loses 5 * 10 * 50 of haircut; a short of 4 gains 200, of which half counts."""
    margin = {
        **FREE,
        "collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.2}]}},
        "models": {"default": {"positive_pnl_weight": {"maintenance": 0.5, "initial": 0.5}, "pnl_into": "value"}},
    }
    found = lines(attributed(Case(BTC, {"P": PERPETUAL}, margin).deposit("BTC", 10.0).hold("P", -4.0), spot={"BTC": 50.0}))
    assert found == {
        ("price", "BTC"): pytest.approx(200.0),
        ("collateral_price", "BTC"): pytest.approx(-500.0),
        ("haircut", "BTC"): pytest.approx(100.0),
        ("not_counted", "BTC"): pytest.approx(-100.0),
    }


def test_margin_parameters_are_apart_from_the_requirement():
    """5 % of 100, then of 50, at twice the rate: 5, 10 with the rate alone, 2.5 with the price alone, 5 with both."""
    found = lines(attributed(Case(BTC, {"P": PERPETUAL}, FLAT).hold("P", 1.0), spot={"BTC": 50.0}, margin_rate={"flat": 2.0}))
    assert found["margin_parameters", "flat"] == pytest.approx(-((10.0 - 5.0) + (5.0 - 2.5)) / 2.0)
    assert found["requirement", "BTC"] == pytest.approx(-((2.5 - 5.0) + (5.0 - 10.0)) / 2.0)


def test_rates_of_a_schedule_and_of_a_model_share_what_they_do_together():
    """5 at base, times 2 and times 3: the schedule (1 * 5 + 3 * 5) / 2 = 10, the model (2 * 5 + 2 * 10) / 2 = 15."""
    case = Case(BTC, {"P": PERPETUAL}, {**FLAT, "models": {"default": {}}}).hold("P", 1.0)
    found = lines(attributed(case, margin_rate={"flat": 2.0, "default": 3.0}))
    assert found == {("margin_parameters", "flat"): pytest.approx(-10.0), ("margin_parameters", "default"): pytest.approx(-15.0)}


def test_open_orders_at_the_rates_of_the_scenario():
    """A bid for 3 filled at 100 needs 5 % of 300; at twice the rate 30, all of it margin parameters."""
    case = Case(BTC, {"P": PERPETUAL}, {**FLAT, "models": {"default": {"orders": "worst_side"}}}).order("P", 3.0, 100.0)
    assert lines(attributed(case, margin_rate={"flat": 2.0})) == {("margin_parameters", "flat"): pytest.approx(-15.0)}


# ---------------------------------------------------------------- laws

ASSETS: dict[str, Row] = {"EUR": {"price": 1.1, "rate": 0.02}, "BTC": {"price": 100.0}, "IDX": {"price": 40.0, "price_currency": "EUR"}}
INSTRUMENTS: dict[str, Row] = {
    "P": PERPETUAL,
    "I": {**PERPETUAL, "payoff": "inverse", "settle": "BTC", "contract_size": 10.0},
    "Q": {**PERPETUAL, "underlying": "IDX", "quote": "EUR", "settle": "BTC", "payoff": "quanto", "mark_price": 41.0},
    "C": CALL,
    "E": {**CALL, "underlying": "IDX", "quote": "EUR", "strike": 42.0, "mark_price": 3.0, "forward": 41.0, "premium_style": "margined"},
}
MARGIN: Row = {**FLAT, "collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.1}], "liability_weight": 1.2}}}
moves = st.floats(0.5, 1.6)
sizes = st.floats(-20.0, 20.0).filter(lambda size: abs(size) > 0.01)
held = st.lists(st.tuples(st.sampled_from(sorted(INSTRUMENTS)), sizes), min_size=1, max_size=5, unique_by=lambda each: each[0])
SHOCKS: dict[str, Any] = {
    "spot": st.fixed_dictionaries({name: moves.map(lambda move, base=row["price"]: base * move) for name, row in ASSETS.items()}),
    "rate": st.fixed_dictionaries({"EUR": st.floats(-0.05, 0.1)}),
    "vol": moves,
    "basis": st.fixed_dictionaries({name: st.floats(-0.2, 0.2) for name in INSTRUMENTS}),
    "elapsed": st.floats(0.01, 0.3),
    "holding": st.fixed_dictionaries({("BTC", "vault"): st.floats(0.0, 1.0)}),
    "margin_rate": st.fixed_dictionaries({"flat": st.floats(0.5, 3.0)}),
}
QUIET: dict[str, Any] = {"vol": 1.0, "elapsed": 0.0}


def held_by(positions: list[tuple[str, float]]) -> Case:
    case = Case(ASSETS, INSTRUMENTS, MARGIN).deposit("BTC", 5.0, "vault").deposit("EUR", -30.0).deposit("USD", 50.0)
    for name, quantity in positions:
        case.hold(name, quantity, funding=0.5 if INSTRUMENTS[name]["kind"] == "perpetual" else 0.0)
    return case


@settings(max_examples=10, deadline=None)
@given(held, st.fixed_dictionaries(SHOCKS))
def test_effects_add_up_and_the_order_of_positions_does_not_matter(positions: list[tuple[str, float]], shocks: dict[str, Any]):
    case = held_by(positions)
    found = attributed(case, **shocks)
    gross = 1_000.0 + sum(abs(quantity) * 1_000.0 for _, quantity in positions)
    assert math.fsum(lines(found).values()) == pytest.approx(found.changes["A"], abs=1e-9 * gross)
    six = found.positions.select(pl.sum_horizontal("price", "vol", "rate", "basis", "time", "fx") - pl.col("value_change"))
    assert six.to_series().abs().max() <= 1e-9 * gross
    turned = case.holdings
    turned = replace(turned, positions=turned.positions.reverse(), collateral=turned.collateral.reverse())
    other = lines(attributed(case, turned, **shocks))
    assert other == {key: pytest.approx(amount, abs=1e-9 * gross) for key, amount in lines(found).items()}


ALONE = {
    "vol": {"vol"},
    "rate": {"rate"},
    "basis": {"basis"},
    "elapsed": {"time"},
    "holding": {"holding_loss"},
    "margin_rate": {"margin_parameters"},
    "spot": {"price", "fx", "collateral_price"},
}


@settings(max_examples=10, deadline=None)
@given(held, st.sampled_from(sorted(ALONE)).flatmap(lambda kind: st.tuples(st.just(kind), SHOCKS[kind])))
def test_a_scenario_of_one_type_of_factor_puts_everything_there(positions: list[tuple[str, float]], shock: tuple[str, Any]):
    kind, value = shock
    found = lines(attributed(held_by(positions), **{**QUIET, kind: value}))
    assert {name for name, _ in found} <= ALONE[kind] | {"haircut", "not_counted", "requirement"}
    if kind == "margin_rate":
        assert {name for name, _ in found} <= ALONE[kind]


def test_nothing_moves_at_base():
    found = attributed(held_by([("P", 2.0), ("C", -1.0), ("E", 3.0)]), **QUIET)
    assert found.lines.is_empty()
    assert found.changes == {"A": 0.0}


# ---------------------------------------------------------------- the tables of a run

CRASH = scenario("crash", {"BTC": -0.4})
CRASH["shocks"].append({"factor": "margin_rate:*", "scale": 1.5})
RALLY = scenario("rally", {"BTC": 0.5})
TABLES: dict[str, list[Row]] = {
    "assets": [coin("BTC", collateral_schedule="banded"), coin("USD", price=1.0, asset_class="cash")],
    "instruments": [perpetual("P", "BTC"), perpetual("X", "BTC", margin_schedule="steep")],
    "positions": [lot("a", "P", 30.0), lot("b", "P", -30.0), lot("b", "X", 5.0), lot("c", "X", -5.0)],
    "collateral": [cash("a", 700.0), cash("b", 900.0), cash("c", 300.0), {"account_id": "a", "asset": "BTC", "quantity": 12.0}],
}
RULES: Row = {
    "collateral_schedules": {"banded": {"bands": [{"from": 0, "haircut": 0.1}, {"from": 1_000, "haircut": 0.5}]}},
    "margin_schedules": {"steep": {"tiers": [{"from": 0, "maintenance_rate": 0.2, "initial_rate": 0.3}]}},
}


@pytest.fixture
def crashed(tmp_path: Path) -> Path:
    return write_run(tmp_path, TABLES, [CRASH, RALLY], RULES)


def summary(folder: Path) -> Lines:
    return {
        (kind, subject): amount for kind, subject, amount in read_table(folder, "attribution_summary").select("kind", "subject", "amount").iter_rows()
    }


@pytest.mark.usefixtures("staged_once")
def test_a_book_too_large_to_explain_has_the_same_sums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    crashed = write_run(tmp_path, TABLES, [CRASH], RULES)
    explained = run(crashed, tmp_path / "explained").folder
    monkeypatch.setattr(whole_book, "EXPLAINED", 0)
    monkeypatch.setattr(accounts, "MOST_POSITIONS", 0)
    whole = run(crashed, tmp_path / "whole").folder
    fine, coarse = summary(explained), summary(whole)
    assert coarse["collateral_price", "BTC"] == fine["collateral_price", "BTC"] == pytest.approx(-480.0)
    for kind in ("margin_parameters", "requirement"):
        assert sum(amount for (name, _), amount in coarse.items() if name == kind) == pytest.approx(
            sum(amount for (name, _), amount in fine.items() if name == kind)
        )
    assert coarse["haircut", None] == pytest.approx(sum(amount for (name, _), amount in fine.items() if name in ("haircut", "not_counted")))
    sums = [read_table(folder, "attribution").group_by("account_id").agg(pl.col("amount").sum()).sort("account_id") for folder in (explained, whole)]
    assert sums[0]["amount"].to_list() == pytest.approx(sums[1]["amount"].to_list())
    # Every account in one line each: what it is short of more than at base.
    assert read_table(whole, "attribution").filter(kind="requirement")["subject"].to_list() == [None, None, None]


@pytest.mark.usefixtures("staged_once")
def test_as_many_accounts_as_asked_for(crashed: Path, tmp_path: Path):
    one = run(crashed, tmp_path / "one", **{"attribution.accounts": 1}).folder
    found = read_table(one, "attribution")
    # Short 30 at 100 and up by half: 1,500 are lost on a deposit of 900; the long account keeps 12 coins.
    assert found.select("account_id", "scenario_id").unique().rows() == [("b", "rally")]
    positions = read_table(one, "attribution_positions")
    assert set(positions["account_id"]) == {"b"}
    assert not np.signbit(positions["vol"].to_numpy()).any(), "no effect on a short position is -0.0"
    assert run(crashed, tmp_path / "one", **{"attribution.accounts": 1}).repeated
    with pytest.raises(StressTestError) as caught:
        run(crashed, tmp_path / "one", **{"attribution.accounts": 2})
    assert [fault.what for fault in caught.value.faults] == ["holds a finished run: with the attribution of 1 account"]
    none = run(crashed, tmp_path / "none", **{"attribution.accounts": 0}).folder
    assert [read_table(none, name).height for name in ("attribution", "attribution_positions", "attribution_summary")] == [0, 0, 0]
