"""What a grid is laid over: the instruments that accounts hold or have orders in under the model, and the same figures as if it were all."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated.books import make_book, write
from generated.portfolios import with_portfolio_models
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, run, scenario, write_run

from stresstest.config import load_run
from stresstest.margin import compile_scan
from stresstest.margin.grid_values import GridValues, grid_values
from stresstest.results.store import table_sha256
from stresstest.runs.planning import plan
from stresstest.runs.staging import stage
from stresstest.stress import comparison, static
from stresstest.stress.held import held_by_model
from stresstest.tables import RESULT_TABLES

pytestmark = pytest.mark.usefixtures("staged_once")

GRID: Row = {"kind": "portfolio", "grid": [{"spot": -0.1}, {"spot": 0.1}]}


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """Five contracts, and one account for each way to have one; nobody has the fifth, and the owner of the fourth has no grid."""
    tables = {
        "accounts": [{"account_id": name, "margin_model": model} for name, model in (("A", "pm"), ("B", "pm"), ("C", "house"), ("D", "default"))],
        "positions": [lot("A", "P3", 1.0), lot("B", "P1", -1.0), lot("C", "P1", 1.0), lot("D", "P4", 1.0)],
        "collateral": [cash(name, 1000.0) for name in "ABCD"],
        "assets": [CASH, coin("BTC")],
        "instruments": [perpetual(f"P{number}", "BTC") for number in range(1, 6)],
        "orders": [{"account_id": "C", "instrument_id": "P2", "side": "buy", "quantity": 1.0, "price": 90.0}],
    }
    models = {"pm": GRID, "house": GRID, "idle": GRID, "default": {"kind": "tiered"}}
    return write_run(tmp_path / "book", tables, [scenario("down", {"BTC": -0.5})], {"models": models})


def test_positions_and_orders_of_the_accounts_of_a_model_are_held(listed: Path, tmp_path: Path) -> None:
    planned = plan(load_run(listed))
    book = stage(planned.settings, planned.rulebook, tmp_path / "work")
    assert {name: codes.tolist() for name, codes in held_by_model(book, planned.rulebook).items()} == {"pm": [0, 2], "house": [0, 1]}


def test_only_what_is_held_is_revalued_and_under_another_model_everything_that_anybody_holds(
    listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    valued: list[list[int]] = []

    def recorded(*given: object) -> GridValues:
        valued.append(list(given[-1]))  # type: ignore[call-overload]
        return grid_values(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(compile_scan, "grid_values", recorded)
    run(listed, tmp_path / "out", **{"compare.models": ["idle"]})
    assert valued == [[0, 2], [0, 1], [0, 1, 2, 3]]


def test_not_a_bit_depends_on_what_nobody_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    book = write(with_portfolio_models(make_book(tmp_path / "book", 4, accounts=30)))
    overrides = {"compare.models": ["edge"], "compare.isolated": True}
    # Data quality counts the clamps of what was revalued.
    tables = [table.name for table in RESULT_TABLES if table.name != "data_quality"]
    held = run(book.run_file, tmp_path / "held", **overrides).folder
    for module in (static, comparison):
        monkeypatch.setattr(module, "held_by_model", lambda *_: None)
    every = run(book.run_file, tmp_path / "every", **overrides).folder
    assert {name: table_sha256(held, name) for name in tables} == {name: table_sha256(every, name) for name in tables}
