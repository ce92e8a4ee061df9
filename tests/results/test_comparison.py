"""What a run that compares has found, out of its tables: by hand, from tables of a few rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stresstest.results.comparison import comparison_of
from stresstest.results.store import polars_schema, write_table
from stresstest.tables import ISOLATION, ISOLATION_POSITIONS, ISOLATION_SUMMARY, MARGIN_COMPARISON, MARGIN_COMPARISON_SUMMARY, SCENARIO_SUMMARY, Table

Row = dict[str, Any]


def write(folder: Path, table: Table, rows: list[Row]) -> None:
    """Rows of which only some columns matter: the others are zero, empty or null."""
    empty = {"float": 0.0, "integer": 0, "string": "", "boolean": False}
    blank = {column.name: None if column.nullable else column.choices[0] if column.choices else empty[column.type] for column in table.columns}
    frame = pl.DataFrame([{**blank, **row} for row in rows], schema=polars_schema(table))
    write_table(frame, table, folder / f"{table.name}.parquet", ["base", "dip", "crash"])


def account(name: str, model: str, breached: int, shortfall: float) -> Row:
    return {
        "account_id": name, "owner_id": f"owner of {name}", "model": model, "headline_scenarios_breached": breached,
        "worst_headline_scenario_id": "crash", "worst_headline_status": "liquidation" if breached else "ok",
        "worst_headline_maintenance_margin": 100.0, "worst_headline_margin_shortfall": shortfall,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(
        tmp_path,
        MARGIN_COMPARISON_SUMMARY,
        [
            {"scenario_id": scenario, "model": model, "own": model == "own", "headline": scenario != "base", "initial_margin": initial,
             "margin_shortfall": short, "cover_2_stress_loss_over_margin": cover}
            for scenario, model, initial, short, cover in [
                ("base", "own", 10.0, 0.0, 99.0), ("dip", "own", 9.0, 1.0, 3.0), ("crash", "own", 8.0, 5.0, 2.0),
                ("base", "mild", 5.0, 0.0, 0.0), ("dip", "mild", 5.0, 7.0, 1.0), ("crash", "mild", 4.0, 7.0, 4.0),
                ("base", "stern", 20.0, 0.0, 0.0), ("dip", "stern", 19.0, 0.0, 0.0), ("crash", "stern", 18.0, 50.0, 0.0),
            ]
        ],
    )  # fmt: skip
    write(
        tmp_path,
        MARGIN_COMPARISON,
        [
            account("a", "own", 2, 30.0), account("a", "mild", 0, 0.0), account("a", "stern", 2, 40.0),
            account("b", "own", 0, 0.0), account("b", "mild", 1, 10.0), account("b", "stern", 1, 90.0),
            account("c", "own", 0, 0.0), account("c", "mild", 0, 0.0), account("c", "stern", 0, 0.0),
        ],
    )  # fmt: skip
    return tmp_path


def test_models_come_in_the_order_asked_for_after_the_books_own(folder: Path):
    for order, names in [(["stern", "mild"], ["own", "stern", "mild"]), ([], ["own", "mild", "stern"])]:
        found = comparison_of(folder, order)
        assert found is not None
        assert [each.model for each in found.models] == names
        assert [each.own for each in found.models] == [True, False, False]


def test_figures_of_a_model_are_those_at_base_and_where_it_is_worst(folder: Path):
    found = comparison_of(folder, ["mild", "stern"])
    assert found is not None
    assert [each.initial_margin for each in found.models] == [10.0, 5.0, 20.0]
    # Equal shortfalls: the first scenario. Base is no scenario.
    assert [each.worst_scenario_id for each in found.models] == ["crash", "dip", "crash"]
    assert [each.worst_scenario_margin_shortfall for each in found.models] == [5.0, 7.0, 50.0]
    assert [each.cover_2_stress_loss_over_margin for each in found.models] == [3.0, 4.0, 0.0]


def test_accounts_that_breach_under_one_and_not_the_other_are_counted_and_listed(folder: Path):
    found = comparison_of(folder, ["mild", "stern"])
    assert found is not None
    counts = [(each.accounts_breached, each.accounts_breached_only_here, each.accounts_breached_only_own) for each in found.models]
    assert counts == [(1, 0, 0), (1, 1, 1), (2, 1, 0)]
    assert found.accounts_differing == 3
    listed = [(each.account_id, each.model, each.only_here, each.here.margin_shortfall, each.own.margin_shortfall) for each in found.accounts]
    assert listed == [("b", "stern", True, 90.0, 0.0), ("a", "mild", False, 0.0, 30.0), ("b", "mild", True, 10.0, 0.0)]
    assert found.isolation is None


def test_cross_against_isolated(tmp_path: Path):
    sums = {"initial_margin_cross": 2.0, "initial_margin_isolated": 3.0, "free_collateral_cross": 5.0, "free_collateral_isolated": 4.0}
    counted = [(1, 2, 1, 1), (0, 3, 0, 3), (0, 0, 0, 0)]
    names = [f"headline_scenarios_{each}" for each in ("breached_cross", "breached_isolated", "taken_down", "spared")]
    accounts = [{"account_id": name, **sums, **dict(zip(names, each, strict=True))} for name, each in zip("abc", counted, strict=True)]
    write(tmp_path, ISOLATION, accounts)
    write(
        tmp_path,
        ISOLATION_POSITIONS,
        [
            {"account_id": "a", "instrument_id": "X", "headline_scenarios_breached": 2, "headline_scenarios_taken_down": 1, "quantity": -3.0,
             "taken_down_scenario_id": "crash", "taken_down_margin_shortfall": 8.0, "taken_down_margin_shortfall_cross": 6.0},
            {"account_id": "b", "instrument_id": "X", "headline_scenarios_breached": 3},
        ],
    )  # fmt: skip
    write(tmp_path, SCENARIO_SUMMARY, [{"scenario_id": name, "headline": name != "base", "margin_shortfall": 1.0} for name in ("base", "dip")])
    amounts = {"margin_shortfall_cross": 1.0, "margin_shortfall_isolated": 9.0}
    write(tmp_path, ISOLATION_SUMMARY, [{"scenario_id": "base"}, {"scenario_id": "dip", "headline": True, **amounts}])
    found = comparison_of(tmp_path)
    assert found is not None
    assert found.models == ()
    apart = found.isolation
    assert apart is not None
    assert (apart.initial_margin_cross, apart.initial_margin_isolated) == (6.0, 9.0)
    assert (apart.free_collateral_cross, apart.free_collateral_isolated) == (15.0, 12.0)
    assert (apart.accounts_breached_cross, apart.accounts_breached_isolated, apart.accounts_taken_down, apart.accounts_spared) == (1, 2, 1, 2)
    assert (apart.worst_scenario_id, apart.worst_scenario_margin_shortfall_cross, apart.worst_scenario_margin_shortfall_isolated) == ("dip", 1.0, 9.0)
    assert apart.positions_taking_down == 1
    assert [(each.account_id, each.instrument_id, each.quantity, each.scenario_id) for each in apart.positions] == [("a", "X", -3.0, "crash")]


def test_a_run_that_compares_nothing_has_none(tmp_path: Path):
    assert comparison_of(tmp_path) is None
