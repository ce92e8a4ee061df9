"""`margin_model`: every account under one model of the margin file, whatever the snapshot names."""

from __future__ import annotations

from pathlib import Path

import pytest
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, rows, run, scenario, write_run

from stresstest.config import load_run
from stresstest.errors import Reason, StressTestError
from stresstest.runs.planning import plan

pytestmark = pytest.mark.usefixtures("staged_once")

NETTING: Row = {"kind": "tiered", "net_by": "underlying"}


def hedged_book(folder: Path, margin_model: str | None, **schedules: object) -> Path:
    """Long ten perpetuals and short eight of another one on the same coin: 18 x 100 of notional, 2 x 100 net."""
    account = {"account_id": "A"} if margin_model is None else {"account_id": "A", "margin_model": margin_model}
    tables = {
        "accounts": [account],
        "positions": [lot("A", "BTC-1", 10.0), lot("A", "BTC-2", -8.0)],
        "collateral": [cash("A", 1000.0)],
        "assets": [CASH, coin("BTC", **schedules)],
        "instruments": [perpetual("BTC-1", "BTC"), perpetual("BTC-2", "BTC")],
    }
    return write_run(folder, tables, [scenario("down", {"BTC": -0.5})], {"models": {"default": {"kind": "tiered"}, "net": NETTING}})


@pytest.mark.parametrize(("own", "asked", "needed"), [(None, None, 90.0), ("net", None, 10.0), (None, "net", 10.0), ("net", "default", 90.0)])
def test_the_requirement_is_that_of_the_model_asked_for(tmp_path: Path, own: str | None, asked: str | None, needed: float):
    # 5 % of 1,800, or of the net 200.
    finished = run(hedged_book(tmp_path / "book", own), tmp_path / "out", margin_model=asked)
    assert rows(finished.folder, "account_summary", "maintenance_margin") == [pytest.approx(needed)]


def test_a_model_that_the_margin_file_lacks_matters_no_more(tmp_path: Path):
    book = hedged_book(tmp_path / "book", "spam")
    with pytest.raises(StressTestError, match="1 fault"):
        run(book, tmp_path / "refused")
    assert rows(run(book, tmp_path / "out", margin_model="net").folder, "account_summary", "maintenance_margin") == [pytest.approx(10.0)]


def test_schedules_that_only_the_model_asked_for_needs_are_asked_for(tmp_path: Path):
    book = hedged_book(tmp_path / "book", None, margin_schedule=None)
    run(book, tmp_path / "out")
    for overrides in ({"margin_model": "net"}, {"compare.models": ["default", "net"]}):
        with pytest.raises(StressTestError) as caught:
            run(book, tmp_path / "refused", **overrides)
        assert caught.value.faults[0].what == "underlying of what accounts hold whose model nets by underlying, without a margin schedule"


def test_a_plan_says_which_models(tmp_path: Path):
    planned = plan(load_run(hedged_book(tmp_path / "book", None), {"margin_model": "net", "compare.models": ["default"], "compare.isolated": True}))
    lines = planned.lines()
    assert "models      default, net; every account under net" in lines
    assert "compares    default, every position on its own" in lines


def test_a_model_by_the_name_of_the_books_own_rules_is_refused(tmp_path: Path):
    book = hedged_book(tmp_path / "book", None)
    margin = book.parent / "margin.yaml"
    margin.write_text(margin.read_text().replace('"net":', '"as booked":'))
    with pytest.raises(StressTestError, match="cannot be told from the book's own rules"):
        plan(load_run(book, {"compare.models": ["as booked"]}))


def test_models_that_are_none_are_told_with_what_there_is(tmp_path: Path):
    settings = load_run(hedged_book(tmp_path / "book", None), {"margin_model": "nte", "compare.models": ["default", "spam"]})
    with pytest.raises(StressTestError) as caught:
        plan(settings)
    assert caught.value.reason is Reason.CONFIGURATION
    told = [(fault.path, fault.what, fault.hint) for fault in caught.value.faults]
    assert told == [
        ("margin_model", "the margin file has no model `nte`, and no preset is called so", "Did you mean `net`?"),
        ("compare.models", "the margin file has no model `spam`, and no preset is called so", "Did you mean `span16`?"),
    ]
