"""What holds for every cascade, whatever the book: laws that need no second calculation (`references/cascade_reverse.md`, C8)."""

from __future__ import annotations

import random as randoms
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stress.cascade.books import Book, book, linear
from stress.cascade.cascading import Cascaded, cascaded, staged
from stress.small_book import Row, cash, coin, lot, perpetual, scenario

few_books = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
seeds = st.integers(0, 10**6)

HAIRCUT = {"tenth": {"bands": [{"from": 0, "haircut": 0.1}]}}
FEES = {"fees": {"liquidation": 0.004, "insurance_share": 0.5, "collateral_bonus": 0.03}}


def run(of: Book, **terms: Any) -> Cascaded:
    """Every scenario of a book, with the log."""
    with tempfile.TemporaryDirectory() as folder:
        return cascaded(staged(Path(folder), of.tables, of.scenarios, of.margin), {**of.cascade, **terms}, log=True)


def longs(seed: int) -> Book:
    """Longs alone, thinly margined in money, in three falls, each harder than the one before."""
    random = randoms.Random(seed)
    lots, deposits = [], []
    for number in range(random.randint(3, 8)):
        quantities = {name: round(random.uniform(10.0, 150.0), 1) for name in random.choice([["PA"], ["PB"], ["PA", "PB"]])}
        lots += [lot(f"N{number}", name, quantity) for name, quantity in quantities.items()]
        deposits.append(cash(f"N{number}", round(sum(quantities.values()) * random.uniform(5.5, 35.0), 2)))
    falls = [scenario(f"fall_{size}", {"A": -size / 100, "B": -random.choice([0.0, 0.5, 1.0]) * size / 100}) for size in (6,)]
    ratio = falls[0]["shocks"][1]["relative"] / falls[0]["shocks"][0]["relative"]
    falls += [scenario(f"fall_{size}", {"A": -size / 100, "B": -ratio * size / 100}) for size in (12, 20)]
    return book(lots, deposits, falls, linear(random.choice([0.02, 0.05, 0.1]), "A", "B"))


def zero_sum(seed: int) -> Book:
    """Longs and shorts that add up to nothing, some with coins beside their money, some in debt, the rest held by one who can bear it."""
    random = randoms.Random(seed)
    lots, deposits, rest = [], [], {"PA": 0.0, "PB": 0.0}
    for number in range(random.randint(3, 6)):
        gross = 0.0
        for name in random.choice([["PA"], ["PB"], ["PA", "PB"]]):
            quantity = round(random.uniform(20.0, 150.0) * random.choice([1, 1, -1]), 1)
            rest[name] -= quantity
            gross += abs(quantity)
            lots.append(lot(f"N{number}", name, quantity))
        if random.random() < 0.5:
            deposits.append({"account_id": f"N{number}", "asset": random.choice("AB"), "quantity": round(gross * random.uniform(0.1, 0.4), 2)})
            deposits.append(cash(f"N{number}", round(gross * random.uniform(-9.0, 6.0), 2)))
        else:
            deposits.append(cash(f"N{number}", round(gross * random.uniform(5.5, 30.0), 2)))
    lots += [lot("ZZ", name, quantity) for name, quantity in rest.items() if quantity != 0.0]
    deposits.append(cash("ZZ", 1e6))
    falls = [scenario("one", {"A": -0.12, "B": 0.03}), scenario("other", {"A": 0.1, "B": -0.2})]
    found = book(lots, deposits, falls, {"impact": random.choice([
        linear(0.05, "A", "B")["impact"], {"kind": "exponential", "lambda": {"A": 0.0005, "B": 0.001}},
        {"kind": "square_root", "daily_vol": 0.04, "daily_volume": 50_000.0},
    ])})  # fmt: skip
    assets = [row if row["asset"] == "USD" else {**row, "collateral_schedule": "tenth"} for row in found.tables["assets"]]
    return Book({**found.tables, "assets": assets}, found.scenarios, found.cascade, {"collateral_schedules": HAIRCUT})


@few_books
@given(seeds)
def test_books_of_longs(seed: int) -> None:
    of = longs(seed)
    with tempfile.TemporaryDirectory() as folder:
        book_ = staged(Path(folder), of.tables, of.scenarios)
        asked = ({"impact": {"kind": "none"}}, of.cascade, of.cascade | deeper(of, 2.0), of.cascade | {"sequence": "one_at_a_time"})
        without, shallow, deep, in_turn = (cascaded(book_, terms) for terms in asked)

    # Without impact nobody is hurt by anybody: the static stress test, to the last bit of prices.
    assert np.array_equal(without.outcome.prices_final, without.outcome.prices_shocked)
    assert without.outcome.accounts_by_feedback.sum() == 0
    for number in range(1, 4):
        assert without.of_accounts("equity_final", number) == pytest.approx(without.of_accounts("equity_shocked", number), rel=1e-12, abs=1e-8)

    # A deeper market never costs longs more, nor ends lower.
    assert (deep.outcome.feedback_loss <= shallow.outcome.feedback_loss + 1e-8).all()
    assert (deep.outcome.prices_final >= shallow.outcome.prices_final - 1e-9).all()

    # One after the other they end where they end together; it is others who lose.
    assert in_turn.outcome.prices_final == pytest.approx(shallow.outcome.prices_final, rel=1e-9)

    # A harder fall never ends higher (the first scenario is base).
    assert (np.diff(shallow.outcome.prices_final, axis=1) <= 1e-9).all()
    assert shallow.outcome.converged.all()


def deeper(of: Book, times: float) -> Row:
    """The impact of a book in a market so many times as deep."""
    return {"impact": {"kind": "linear", "slope": {name: slope / times for name, slope in of.cascade["impact"]["slope"].items()}}}


@few_books
@given(seeds)
def test_what_is_transferred_adds_up_to_nothing(seed: int) -> None:
    of = zero_sum(seed)
    found = run(of, **FEES)
    outcome, dimensions = found.outcome, found.staged.book.dimensions
    assert outcome.pools_liquidated.sum() > 0
    for number in (1, 2):
        prices = {name: found.price(name, number) for name in ("A", "B", "USD")}
        log = outcome.log.filter(pl.col("scenario") == number)
        # Perpetuals have one contract a unit: what outsiders paid for what they hold now is the sum of the orders.
        paid = (log["quantity"] * log["execution_price"]).sum()
        names = dimensions.assets["asset"]
        worth = sum(float(log.filter(pl.col("asset") == code)["quantity"].sum()) * prices[name] for code, name in enumerate(names))
        had = sum(row["quantity"] * prices[row["asset"]] for row in of.tables["collateral"])
        at = outcome.scenarios.tolist().index(number)
        costs = outcome.fees[at] + outcome.collateral_bonus[at]
        assert sum(found.of_accounts("equity_final", number).values()) == pytest.approx(had + paid - worth - costs, abs=1e-6)


@few_books
@given(seeds)
def test_the_log_adds_up_to_rounds_and_totals(seed: int) -> None:
    outcome = run(zero_sum(seed), **FEES).outcome
    log, path, totals = outcome.log, outcome.path, outcome.round_totals
    keys = ["scenario", "round", "asset"]
    of_assets = log.group_by(keys).agg(
        pl.col("quantity").sum(), pl.col("notional").sum(), paid=(pl.col("quantity") * pl.col("execution_price")).sum()
    )
    both = path.join(of_assets, on=keys, how="full", coalesce=True, suffix="_log").sort(keys)
    assert both.null_count().sum_horizontal().item() == 0
    assert both["net_quantity_sold"].to_list() == pytest.approx(both["quantity"].to_list(), abs=1e-8)
    assert both["notional"].to_list() == pytest.approx(both["notional_log"].to_list())
    assert (both["net_quantity_sold"] * both["execution_price"]).to_list() == pytest.approx(both["paid"].to_list(), abs=1e-6)

    of_rounds = log.group_by("scenario", "round").agg(pl.col("notional").sum(), pl.col("fee").sum(), pools=pl.col("pool").n_unique())
    both = totals.filter(pl.col("pools") > 0).join(of_rounds, on=["scenario", "round"], suffix="_log", validate="1:1").sort("scenario", "round")
    assert both.height == of_rounds.height
    assert both["notional"].to_list() == pytest.approx(both["notional_log"].to_list())
    assert both["fees"].to_list() == pytest.approx(both["fee"].to_list())
    assert both["pools"].to_list() == both["pools_log"].to_list()

    for at, number in enumerate(outcome.scenarios.tolist()):
        rounds = totals.filter(pl.col("scenario") == number)
        assert rounds["fees"].sum() == pytest.approx(outcome.fees[at])
        assert rounds.filter(pl.col("pools") > 0).height == outcome.rounds[at]
        sold = path.filter(pl.col("scenario") == number)
        for code, amount in enumerate(outcome.sold[:, at]):
            steps = sold.filter(pl.col("asset") == code).sort("round")
            assert steps["net_quantity_sold"].sum() == pytest.approx(float(amount), abs=1e-8)
            # Every round begins where the one before ended, and the first at the shocked price.
            ends = [float(outcome.prices_shocked[code, at]), *steps["price_after"]]
            assert steps["price_before"].to_list() == ends[:-1]
            assert ends[-1] == float(outcome.prices_final[code, at])


@few_books
@given(seeds)
def test_order_and_lots_do_not_matter(seed: int) -> None:
    of = zero_sum(seed)
    first = run(of, **FEES)
    shuffled = {name: randoms.Random(seed).sample(rows, len(rows)) for name, rows in of.tables.items()}
    again = run(Book(shuffled, of.scenarios, of.cascade, of.margin), **FEES)
    for each in fields(first.outcome):
        one, other = getattr(first.outcome, each.name), getattr(again.outcome, each.name)
        assert one.equals(other) if isinstance(one, pl.DataFrame) else np.array_equal(one, other), each.name

    # Lots of one position, and other names for accounts (which turns their order around), but for rounding.
    halves = [{**row, "quantity": row["quantity"] / 2.0} for row in of.tables["positions"] for _ in range(2)]
    others = {name: [{**row, "account_id": f"{chr(200 - ord(row['account_id'][1]))}"} for row in rows] if "account_id" in rows[0] else rows
              for name, rows in (of.tables | {"positions": halves}).items()}  # fmt: skip
    same_as(first, run(Book(others, of.scenarios, of.cascade, of.margin), **FEES))


def same_as(one: Cascaded, other: Cascaded) -> None:
    """The same prices and losses but for rounding."""
    for name in ("prices_final", "sold", "notional_sold"):
        assert getattr(other.outcome, name) == pytest.approx(getattr(one.outcome, name), rel=1e-9, abs=1e-7), name
    for name in ("rounds", "feedback_loss", "loss_final", "fees"):
        assert getattr(other.outcome, name).tolist() == pytest.approx(getattr(one.outcome, name).tolist(), rel=1e-9, abs=1e-6), name


@few_books
@given(seeds)
def test_an_account_in_two_halves_sells_what_it_sold(seed: int) -> None:
    of = longs(seed)
    halves = {
        name: [{**row, "account_id": row["account_id"] + half, "quantity": row["quantity"] / 2.0} for row in of.tables[name] for half in "ab"]
        for name in ("positions", "collateral")
    }
    same_as(run(of), run(Book({**of.tables, **halves}, of.scenarios, of.cascade, of.margin)))


@few_books
@given(seeds)
def test_a_second_run_on_what_is_left_does_nothing(seed: int) -> None:
    of = zero_sum(seed)
    first = run(of, **FEES)
    left = after(of, first, 1)
    second = cascaded_at_base(left)
    assert (second.outcome.rounds.tolist(), second.outcome.pools_liquidated.tolist()) == ([0], [0])
    assert second.of_accounts("equity_final", 0) == pytest.approx(first.of_accounts("equity_final", 1), abs=1e-6)


def cascaded_at_base(of: Book) -> Cascaded:
    """The cascade of a book in which nothing happens."""
    with tempfile.TemporaryDirectory() as folder:
        return cascaded(staged(Path(folder), of.tables, of.scenarios, of.margin), of.cascade, scenarios=[0])


def after(of: Book, found: Cascaded, number: int) -> Book:
    """The book as the orders of a scenario leave it, at the prices there: a snapshot written from the log alone."""
    dimensions = found.staged.book.dimensions
    accounts, pools = dimensions.accounts["account_id"].to_list(), dimensions.pools
    instruments, assets = dimensions.instruments["instrument_id"].to_list(), dimensions.assets["asset"].to_list()
    held = {(row["account_id"], row["instrument_id"]): row["quantity"] for row in of.tables["positions"]}
    tokens: dict[tuple[str, str], float] = {}
    for row in of.tables["collateral"]:
        key = row["account_id"], row["asset"]
        tokens[key] = tokens.get(key, 0.0) + row["quantity"]
    for row in found.outcome.log.filter(pl.col("scenario") == number).iter_rows(named=True):
        account, quantity, price = accounts[pools["account_code"][row["pool"]]], row["quantity"], row["execution_price"]
        money = account, "USD"
        tokens.setdefault(money, 0.0)
        if row["action"] == "position":
            held[account, instruments[row["instrument"]]] -= quantity
            tokens[money] += quantity * (price - 100.0) - row["fee"]
        else:
            tokens[account, assets[row["asset"]]] -= quantity
            tokens[money] += quantity * price / (1.03 if row["action"] == "collateral" else 1.0)
    prices = {name: found.price(name, number) for name in ("A", "B")}
    tables = {
        "assets": [{**row, "price": prices.get(row["asset"], row["price"])} for row in of.tables["assets"]],
        "instruments": [{**row, "mark_price": prices[row["underlying"]]} for row in of.tables["instruments"]],
        "positions": [lot(*key, quantity) for key, quantity in held.items() if abs(quantity) > 1e-9],
        "collateral": [{"account_id": key[0], "asset": key[1], "quantity": quantity} for key, quantity in tokens.items() if abs(quantity) > 1e-9],
    }  # fmt: skip
    return Book(tables, of.scenarios, of.cascade, of.margin)


def test_a_floor_that_the_price_comes_back_from_is_told() -> None:
    """5,000 units sold take the price from 70 to its floor; N's contracts in coins then leave it short of coins, and it buys them back above 70."""
    of = book(
        [lot("N", "IA", 100_000.0), lot("M", "PA", 5_000.0)], [{"account_id": "N", "asset": "A", "quantity": 300.0}, cash("M", 40_000.0)],
        [scenario("fall", {"A": -0.3})], linear(0.5, "A"), instruments=[perpetual("IA", "A", payoff="inverse", settle="A")],
    )  # fmt: skip
    outcome = (found := run(of)).outcome
    assert found.price("A", 1) > 70.0
    assert outcome.floored[found.staged.asset("A"), 1]
    assert of.reference().floored == {"A"}


def test_prices_stop_at_the_floor_unless_they_may_be_negative() -> None:
    """A thousand units sold at a slope of one from 90: to the floor, a millionth of 100, or to minus 910."""
    assets = [coin("W", may_be_negative=True)]
    of = book(
        [lot("N", "PA", 1_000.0), lot("N", "PW", 1_000.0)], [cash("N", 12_000.0)], [scenario("fall", {"A": -0.1})], linear(1.0, "A", "W"),
        assets=assets, instruments=[perpetual("PW", "W")],
    )  # fmt: skip
    falls = [{**of.scenarios[0], "shocks": [*of.scenarios[0]["shocks"], {"factor": "spot:W", "absolute": -10.0}]}]
    found = run(Book(of.tables, falls, of.cascade, of.margin))
    assert {name: found.price(name, 1) for name in ("A", "W")} == pytest.approx({"A": 1e-4, "W": -910.0})
    floored = {name: bool(found.outcome.floored[found.staged.asset(name), 1]) for name in ("A", "W")}
    assert floored == {"A": True, "W": False}
