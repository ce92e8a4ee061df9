"""Models that give schedules of their own: one book under any rules, from the snapshot to the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, rows, run, scenario, write_run

from stresstest.config import load_run
from stresstest.errors import ExitCode, StressTestError
from stresstest.runs.checking import Checked, validate
from stresstest.runs.console import Silent
from stresstest.runs.explaining import explain_run

pytestmark = pytest.mark.usefixtures("staged_once")

BARE: Row = {"margin_schedule": None, "collateral_schedule": None}
HEAVY: Row = {"tiers": [{"from": 0, "maintenance_rate": 0.20, "initial_rate": 0.40}]}
MARGIN: Row = {
    "collateral_schedules": {"coins": {"bands": [{"from": 0, "haircut": 0.25, "initial_haircut": 0.5}], "liability_weight": 1.5}},
    "margin_schedules": {"heavy": HEAVY},
    "models": {
        "venue": {
            "kind": "tiered",
            "assign": [{"where": {"asset": "BTC"}, "margin_schedule": "heavy"}, {"margin_schedule": "flat"}],
            "assign_collateral": [{"where": {"asset_class": "crypto"}, "collateral_schedule": "coins"}],
        },
        "net": {"kind": "tiered", "net_by": "underlying", "assign": [{"where": {"asset": "BTC"}, "margin_schedule": "heavy"}]},
        "pm": {"kind": "portfolio", "grid": [{"spot": 0.0}], "hedges": ["ETH"], "assign_collateral": [{"collateral_schedule": "coins"}]},
    },
}


class Strict(Silent):
    """Takes a warning, that explain and the run differ, for a failure."""

    def warn(self, text: str) -> None:
        raise AssertionError(text)


def write_book(folder: Path, model: str, scenarios: list[Row] | None = None, *, margin: Row | None = None, **snapshot: list[Row]) -> Path:
    """Ten BTC long, eight ETH short, two coins of each and 1,000 dollars, in one account under a model; instruments without schedules."""
    tables = {
        "accounts": [{"account_id": "A", "margin_model": model}],
        "positions": [lot("A", "BTC-P", 10.0), lot("A", "ETH-P", -8.0)],
        "collateral": [cash("A", 1000.0), {"account_id": "A", "asset": "BTC", "quantity": 2.0}, {"account_id": "A", "asset": "ETH", "quantity": 2.0}],
        "assets": [CASH, coin("BTC", **BARE), coin("ETH", **BARE)],
        "instruments": [perpetual("BTC-P", "BTC", margin_schedule=None), perpetual("ETH-P", "ETH", margin_schedule=None)],
        **snapshot,
    }
    return write_run(folder, tables, scenarios or [scenario("still", {})], margin or MARGIN)


def figures(folder: Path, *columns: str) -> list[Any]:
    return rows(folder, "account_scenario", *columns)


def accepted(run_file: Path, **settings: Any) -> Checked:
    # Read by this process: what is asked is what schedules are for, not what a damaged file does.
    return validate(load_run(run_file, settings), ours=True)


def refused(run_file: Path, **settings: Any) -> StressTestError:
    with pytest.raises(StressTestError) as caught:
        accepted(run_file, **settings)
    return caught.value


def test_a_book_without_schedules_under_a_model_that_gives_them_all(tmp_path: Path):
    scenarios = [
        scenario("up", {"BTC": 0.5}),
        {"id": "stricter", "shocks": [{"factor": "margin_rate:heavy", "scale": 2.0}, {"factor": "haircut:BTC", "absolute": 0.25}]},
    ]
    folder = run(write_book(tmp_path / "book", "venue", scenarios), tmp_path / "out").folder
    # 20 % of 10 BTC and 5 % of 8 ETH; 75 % (50 %) of two coins each beside 1,000 dollars.
    assert figures(folder, "scenario_id", "maintenance_margin", "initial_margin", "margin_balance", "margin_balance_initial") == [
        ("base", pytest.approx(240.0), pytest.approx(480.0), pytest.approx(1300.0), pytest.approx(1200.0)),
        ("up", pytest.approx(340.0), pytest.approx(680.0), pytest.approx(1875.0), pytest.approx(1750.0)),
        ("stricter", pytest.approx(440.0), pytest.approx(880.0), pytest.approx(1250.0), pytest.approx(1150.0)),
    ]
    assert rows(folder, "collateral_summary", "asset", "collateral_schedule", "value_after_haircut")[:3] == [
        ("BTC", None, pytest.approx(150.0)), ("ETH", None, pytest.approx(150.0)), ("USD", "cash", pytest.approx(1000.0)),
    ]  # fmt: skip
    explained = explain_run(folder, "A", "up", console=Strict())["pools"][0]
    assert {row["schedule"] for row in explained["positions"]} == {"heavy", "flat"}
    assert {row["asset"]: row["schedule"] for row in explained["tokens"]} == {"BTC": "coins", "ETH": "coins", "USD": "cash"}


def test_the_same_account_is_charged_by_the_model_asked_for(tmp_path: Path):
    scheduled = [perpetual("BTC-P", "BTC"), perpetual("ETH-P", "ETH")]
    book = write_book(tmp_path / "book", "default", assets=[CASH, coin("BTC"), coin("ETH")], instruments=scheduled)
    needs = {name: figures(run(book, tmp_path / name, margin_model=name).folder, "maintenance_margin")[0] for name in ("default", "net")}
    # 5 % of all; 20 % of BTC by the schedule that its net is given, 5 % of ETH by its own.
    assert needs == {"default": pytest.approx(90.0), "net": pytest.approx(240.0)}


def test_nothing_needs_a_margin_schedule_under_a_portfolio_model(tmp_path: Path):
    book = write_book(tmp_path / "book", "pm")
    assert accepted(book).accounts == 1
    assert [fault.what for fault in refused(book, margin_model="default").faults if fault.table == "instruments"] == [
        "held, without a margin schedule"
    ]


@pytest.mark.parametrize("compared", [False, True])
def test_what_a_model_leaves_without_schedule_is_refused(tmp_path: Path, compared: bool):
    given = [{"where": {"asset": "BTC"}, "margin_schedule": "heavy"}], [{"where": {"asset": "BTC"}, "collateral_schedule": "coins"}]
    models = {"half": {"kind": "tiered", "assign": given[0], "assign_collateral": given[1]}, "venue": MARGIN["models"]["venue"]}
    book = write_book(tmp_path / "book", "venue" if compared else "half", margin={**MARGIN, "models": models})
    error = refused(book, **{"compare.models": ["half"]} if compared else {})
    assert error.exit_code == ExitCode.INPUT_REFUSED
    assert [(fault.table, fault.column, fault.what, fault.keys, fault.rows) for fault in error.faults] == [
        ("instruments", "margin_schedule", "held, without a margin schedule (under model half)", ("ETH-P",), 1),
        ("assets", "collateral_schedule", "held as collateral, without a collateral schedule (under model half)", ("ETH",), 1),
    ]
    assert error.faults[0].hint == "Add an entry that it passes to models.half.assign, or name a schedule in the snapshot."
    assert error.faults[0].file is not None
    assert error.faults[0].file.endswith("instruments.parquet")


def test_nets_spot_and_what_profit_is_paid_in_need_schedules_too(tmp_path: Path):
    models = {
        "net": {"kind": "tiered", "net_by": "underlying", "assign": [{"where": {"asset": "BTC"}, "margin_schedule": "heavy"}]},
        "few": {
            "kind": "tiered",
            "assign": [{"margin_schedule": "short"}],
            "assign_collateral": [{"where": {"asset": "BTC"}, "collateral_schedule": "coins"}],
        },
    }
    short = {"short_option": {"maintenance": {"rate": 0.1, "minimum": 0.05}, "initial": {"rate": 0.1, "minimum": 0.05}}}
    margin = {**MARGIN, "models": models, "margin_schedules": {"heavy": HEAVY, "short": short}}
    spot = {"instrument_id": "ETH-S", "kind": "spot", "underlying": "ETH", "quote": "USD", "mark_price": 100.0}
    paid_in_eth = perpetual("BTC-P", "BTC", margin_schedule=None, settle="ETH", payoff="quanto")
    book = write_book(
        tmp_path / "book", "net", margin=margin, instruments=[paid_in_eth, perpetual("ETH-P", "ETH", margin_schedule=None), spot],
        accounts=[{"account_id": "A", "margin_model": "net"}, {"account_id": "B", "margin_model": "few"}],
        positions=[lot("A", "BTC-P", 1.0), lot("A", "ETH-P", 1.0), lot("B", "BTC-P", 1.0), lot("B", "ETH-S", 1.0)], collateral=[cash("A", 9.0)],
        assets=[CASH, coin("BTC", **BARE), coin("ETH", margin_schedule=None, collateral_schedule=None)],
    )  # fmt: skip
    found = [(fault.what.partition(",")[0], fault.keys) for fault in refused(book, margin_model="few").faults]
    assert found == [
        ("held", ("BTC-P", "ETH-P", "ETH-S")),
        ("underlying of a held spot instrument", ("ETH",)),
        ("receives P&L of held instruments", ("ETH",)),
    ]
    # Net by underlying with collateral as the snapshot has it: the settle asset is refused by the snapshot's own checks.
    kept = write_book(
        tmp_path / "kept", "net", margin=margin, positions=[lot("A", "BTC-P", 1.0), lot("A", "ETH-P", 1.0)], collateral=[cash("A", 9.0)]
    )  # fmt: skip
    (fault,) = refused(kept).faults
    assert (fault.table, fault.column, fault.keys) == ("assets", "margin_schedule", ("ETH",))


def test_the_limit_of_the_schedule_that_is_assigned_counts(tmp_path: Path):
    limited = {**MARGIN, "margin_schedules": {"heavy": {**HEAVY, "max_notional": 900.0, "above_max": "refuse"}}}
    (fault,) = refused(write_book(tmp_path / "book", "venue", margin=limited)).faults
    assert fault.keys == ("A BTC-P",)
    # Schedules do not govern what a portfolio model charges, and the snapshot's own govern nothing that has another one.
    assert accepted(write_book(tmp_path / "pm", "pm", margin=limited)).accounts == 1


def test_a_position_that_a_scenario_takes_beyond_the_assigned_schedule_is_counted(tmp_path: Path):
    limited = {**MARGIN, "margin_schedules": {"heavy": {**HEAVY, "max_notional": 1200.0}}}
    folder = run(write_book(tmp_path / "book", "venue", [scenario("up", {"BTC": 0.5})], margin=limited), tmp_path / "out").folder
    extended = [row for row in rows(folder, "data_quality", "check", "subject", "rows") if row[1] == "heavy"]
    assert [row[2] for row in extended] == [1]


def test_hedges_count_in_full_whatever_moves_haircuts_and_their_debts_keep_their_weight(tmp_path: Path):
    scenarios = [
        {"id": "haircuts", "shocks": [{"factor": "haircut:*", "replace": 0.9}]},
        {"id": "ratio", "shocks": [{"factor": "collateral:ETH", "relative": -0.5}]},
    ]
    deposits = [{"account_id": "A", "asset": "ETH", "quantity": 2.0}, {"account_id": "B", "asset": "ETH", "quantity": -2.0}, cash("B", 1000.0)]
    book = write_book(
        tmp_path / "book", "pm", scenarios, positions=[lot("C", "BTC-P", 1.0)], collateral=[*deposits, cash("C", 1000.0)],
        accounts=[{"account_id": "A", "margin_model": "pm"}, {"account_id": "B", "margin_model": "pm"}, {"account_id": "C", "margin_model": "venue"}],
    )  # fmt: skip
    folder = run(book, tmp_path / "out").folder
    found = {(account, scenario_id): balance for account, scenario_id, balance in figures(folder, "account_id", "scenario_id", "margin_balance")}
    # Two ETH of 100 in full, at half the ratio half; a debt of two at 1.5 against 750 of the dollars that `coins` gives under pm.
    assert [found["A", name] for name in ("base", "haircuts", "ratio")] == pytest.approx([200.0, 200.0, 100.0])
    assert found["B", "base"] == pytest.approx(750.0 - 300.0)
    explained = explain_run(folder, "A", "haircuts", console=Strict())["pools"][0]
    assert [(row["schedule"], row["margin_value_maintenance"]) for row in explained["tokens"]] == [("(hedge)", pytest.approx(200.0))]
