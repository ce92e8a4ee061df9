"""What holds for every book: laws that need no second calculation, through the whole pipeline on generated books.

A drawn seed is a whole book. Variants of its accounts stand beside the originals in one snapshot, so that one run shows several laws.
"""

from __future__ import annotations

import copy
import dataclasses
import random
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from generated.books import BookSpec, make_book, write
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from margin.explain_case import PERPETUAL, Row
from margin.kernels.kernel_case import KernelCase
from polars.testing import assert_frame_equal

from stresstest.config import load_run
from stresstest.results.store import read_table, table_sha256
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.tables import MEASURES, RUN_TABLES

FIGURES = [column.name for column in MEASURES]
SHORTFALLS = ["initial_shortfall", "margin_shortfall", "uncollateralised_loss"]

pytestmark = pytest.mark.usefixtures("read_here")

NOTHING: list[Row] = [
    {"factor": "spot:*", "where": {"asset_class": ["crypto", "cash", "equity", "fx", "commodity", "rates"]}, "relative": 0.0},
    {"factor": "spot:*", "absolute": 0.0},
    {"factor": "vol:*", "scale": 1.0},
    {"factor": "rate:*", "absolute": 0.0},
    {"factor": "basis:*", "absolute": 0.0},
    {"factor": "collateral:*", "relative": 0.0},
    {"factor": "haircut:*", "absolute": 0.0},
    {"factor": "holding:*", "scale": 1.0},
    {"factor": "margin_rate:*", "scale": 1.0},
]
"""Every type of factor shocked by nothing."""

whole_books = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 10**6)


def run(book: BookSpec) -> Path:
    return execute(plan(load_run(book.run_file), book.folder.parent / f"{book.folder.name}-result")).folder


def variant(book: BookSpec, name: str) -> dict[str, list[Row]]:
    """Accounts, positions and collateral once more, for accounts, owners and netting groups of other names."""
    changed = {table: copy.deepcopy(book.tables.get(table, [])) for table in ("accounts", "positions", "collateral")}
    for row in (row for rows in changed.values() for row in rows):
        for column in ("account_id", "owner_id", "netting_group"):
            if row.get(column) is not None:
                row[column] = f"{row[column]}+{name}"
    return changed


def halves(rows: list[Row]) -> list[Row]:
    """Every lot as two halves at the same entry."""
    found = []
    for row in rows:
        half = {name: None if row.get(name) is None else row[name] / 2 for name in ("quantity", "isolated_margin", "accrued_funding")}
        found += [{**row, **half}, {**row, **half}]
    return found


def beside(book: BookSpec, *variants: dict[str, list[Row]]) -> BookSpec:
    """The book with variants of its accounts in it."""
    tables = dict(book.tables)
    for table in ("accounts", "positions", "collateral"):
        if table in tables or table == "collateral":
            tables[table] = [*tables.get(table, []), *(row for changed in variants for row in changed[table])]
    if not tables["collateral"]:
        del tables["collateral"]
    return dataclasses.replace(book, tables=tables)


def of_variant(frame: pl.DataFrame, name: str | None) -> pl.DataFrame:
    """The rows of a variant's accounts (None: the originals) under their original names."""
    suffix = f"+{name}"
    chosen = frame.filter(pl.col("account_id").str.ends_with(suffix) if name else ~pl.col("account_id").str.contains("+", literal=True))
    return chosen.with_columns(pl.col("account_id", "owner_id").str.strip_suffix(suffix)).sort("account_id", "scenario_id", maintain_order=True)


@whole_books
@given(seeds)
@example(836_517)  # a schedule in another currency beside scenarios that shock margin rates
@example(650)  # short options on a price below zero: less than nothing was asked for them
def test_laws_of_accounts(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        book = make_book(Path(folder, "book"), seed)
        split, richer = variant(book, "split"), variant(book, "richer")
        split["positions"] = halves(split["positions"])
        # An asset of the reporting currency's price that counts in full, which only some scenarios touch at all.
        gift = {"asset": "GIFT", "price": 1.0, "asset_class": "cash", "collateral_schedule": "cash", "margin_schedule": "marginal"}
        names = sorted({row["account_id"] for table in richer.values() for row in table})
        richer["collateral"] += [{"account_id": name, "asset": "GIFT", "quantity": 1_000.0} for name in names]
        book = beside(book, split, richer)
        book = dataclasses.replace(book, tables={**book.tables, "assets": [*book.tables["assets"], gift]})
        book = write(dataclasses.replace(book, scenarios=[*book.scenarios, {"id": "nothing", "family": "sensitivity", "shocks": NOTHING}]))
        result = run(book)

        every = read_table(result, "account_scenario")
        original = of_variant(every, None)
        assert original.height > 0

        # Base is where everything starts.
        base = original.filter(scenario_id="base")
        assert base.select("pnl", "position_pnl", "collateral_pnl", "stress_loss_over_margin").sum().row(0) == (0.0, 0.0, 0.0, 0.0)

        # Shocks that do nothing give the base, bit by bit.
        for frame in (every, read_table(result, "pool_scenario")):
            still, before = (frame.filter(scenario_id=scenario).drop("scenario_id") for scenario in ("nothing", "base"))
            assert_frame_equal(still, before, check_exact=True)

        # A lot in two halves is the lot.
        scale = 1.0 + original.select(pl.max_horizontal(pl.col(FIGURES).abs())).to_series()
        halved = of_variant(every, "split")
        assert halved["account_id"].to_list() == original["account_id"].to_list()
        for name in FIGURES:
            assert ((halved[name] - original[name]).abs() <= 1e-12 * scale).all(), name

        # More of what counts in full makes no shortfall larger.
        given_more = of_variant(every, "richer")
        assert given_more["account_id"].to_list() == original["account_id"].to_list()
        for name in SHORTFALLS:
            assert (given_more[name] <= original[name] + 1e-12 * scale).all(), name

        # Figures that are one another's sums and parts.
        identities = {
            "pnl": pl.col("position_pnl") + pl.col("collateral_pnl"),
            "margin_shortfall": (pl.col("maintenance_margin") - pl.col("margin_balance")).clip(0.0),
            "initial_shortfall": (pl.col("initial_margin") - pl.col("margin_balance_initial")).clip(0.0),
            "uncollateralised_loss": (-pl.col("equity")).clip(0.0),
        }
        pools = read_table(result, "pool_scenario")
        single = every.join(pools.select("account_id").unique(), on="account_id", how="anti")
        for frame in (pools, single):
            size = 1.0 + frame.select(pl.max_horizontal(pl.col(FIGURES).abs())).to_series()
            for name, expression in identities.items():
                assert ((frame[name] - frame.select(expression).to_series()).abs() <= 1e-12 * size).all(), name

        # Accounts of an owner do not cover each other, unless they net, and netting makes no loss larger.
        losses = pl.concat(
            every.group_by("owner_id", "scenario_id").agg(pl.col(basis).sum().alias("alone"), pl.lit(basis).alias("basis"))
            for basis in ("stress_loss_over_margin", "uncollateralised_loss")
        )
        groups = {row["owner_id"] for row in book.tables.get("accounts", []) if row.get("netting_group")}
        ranked = read_table(result, "owner_scenario").join(losses, on=["owner_id", "scenario_id", "basis"])
        assert (ranked["loss"] <= ranked["alone"] * (1.0 + 1e-12)).all()
        apart = ranked.filter(~pl.col("owner_id").is_in(sorted(groups)))
        assert ((apart["loss"] - apart["alone"]).abs() <= 1e-12 * apart["alone"]).all()


@settings(parent=whole_books, max_examples=3)
@given(seeds)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        book = make_book(Path(folder, "book"), seed)
        shuffle = random.Random(seed)
        mixed = {name: shuffle.sample(rows, len(rows)) for name, rows in book.tables.items()}
        found, again = (run(write(each)) for each in (book, dataclasses.replace(book, folder=Path(folder, "mixed"), tables=mixed)))
        for table in RUN_TABLES:
            assert table_sha256(found, table.name) == table_sha256(again, table.name), table.name


# ------------------------------------------------------------------ on the kernels alone

amounts = st.floats(-1e4, 1e4).map(lambda x: round(x, 3))
prices = st.floats(1.0, 400.0).map(lambda x: round(x, 2))


@st.composite
def linear_books(draw: st.DrawFn) -> tuple[dict[str, float], float, dict[str, Row]]:
    quantities = {name: draw(amounts) for name in ("X", "Y")}
    scenarios = {f"s{n}": {"mark": {"X": draw(prices), "Y": draw(prices)}} for n in range(draw(st.integers(1, 4)))}
    return quantities, draw(amounts), scenarios


def figures(
    quantities: dict[str, float], dollars: float, scenarios: dict[str, Row], factor: float = 1.0, margin: Row | None = None
) -> dict[str, Any]:
    book = KernelCase({"BTC": {"price": 100.0}}, {"X": PERPETUAL, "Y": {**PERPETUAL, "mark_price": 50.0}}, margin)
    for name, quantity in quantities.items():
        book.hold(name, factor * quantity)
    book.deposit("USD", factor * dollars)
    return book.run(**scenarios)


@settings(max_examples=30, deadline=None)
@given(linear_books())
def test_a_linear_book_of_twice_the_size_has_twice_the_figures(drawn: tuple[dict[str, float], float, dict[str, Row]]) -> None:
    once, twice = figures(*drawn), figures(*drawn, factor=2.0)
    for scenario, found in once.items():
        assert {name: 2.0 * found[name] for name in FIGURES} == {name: twice[scenario][name] for name in FIGURES}


@settings(max_examples=30, deadline=None)
@given(linear_books())
def test_the_other_side_of_a_book_has_the_other_profit_and_the_same_requirement(drawn: tuple[dict[str, float], float, dict[str, Row]]) -> None:
    quantities, dollars, scenarios = drawn
    one, other = figures(quantities, dollars, scenarios), figures({name: -q for name, q in quantities.items()}, dollars, scenarios)
    for scenario, found in one.items():
        assert found["position_pnl"] == -other[scenario]["position_pnl"]
        assert found["maintenance_margin"] == other[scenario]["maintenance_margin"]


@settings(max_examples=30, deadline=None)
@given(linear_books(), st.floats(0.0, 0.2), st.floats(0.0, 0.2))
def test_larger_rates_need_more(drawn: tuple[dict[str, float], float, dict[str, Row]], rate: float, more: float) -> None:
    def at(maintenance: float) -> dict[str, Any]:
        tiers = [{"from": 0, "maintenance_rate": maintenance, "initial_rate": 2 * maintenance}]
        return figures(*drawn, margin={"margin_schedules": {"flat": {"tiers": tiers}}})

    small, large = at(rate), at(rate + more)
    for scenario, found in small.items():
        for name in ("maintenance_margin", "initial_margin", "margin_shortfall", "initial_shortfall"):
            assert found[name] <= large[scenario][name]


@settings(max_examples=30, deadline=None)
@given(linear_books(), st.integers(1, 3))
def test_the_width_of_blocks_of_scenarios_changes_no_bit(drawn: tuple[dict[str, float], float, dict[str, Row]], repeats: int) -> None:
    quantities, dollars, scenarios = drawn
    many = {f"{name}.{n}": scenario for n in range(6 * repeats) for name, scenario in scenarios.items()}
    book = KernelCase({"BTC": {"price": 100.0}}, {"X": PERPETUAL, "Y": {**PERPETUAL, "mark_price": 50.0}})
    for name, quantity in quantities.items():
        book.hold(name, quantity)
    book.deposit("USD", dollars)
    assert book.run(widest=8, **many) == book.run(widest=256, **many)
