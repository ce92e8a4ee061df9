"""The static stress through the whole pipeline: what is kept, what is counted, and what a book may lack."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from generated.books import write_book
from polars.testing import assert_frame_equal
from stress.small_book import cash, coin, lot, perpetual, rows, run, scenario, write_run

from stresstest.config import load_run
from stresstest.errors import ExitCode, StressTestError
from stresstest.results.store import read_table
from stresstest.runs.checking import validate
from stresstest.runs.console import Advance, Silent
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.tables import MEASURES

pytestmark = pytest.mark.usefixtures("staged_once")

FIGURES = [column.name for column in MEASURES]
BTC = {"assets": [coin("BTC"), coin("USD", price=1.0, asset_class="cash")], "instruments": [perpetual("P", "BTC")]}
HALF = [scenario("half", {"BTC": -0.5})]


# ------------------------------------------------------------------ Cover-N


def test_cover_n_adds_losses_of_the_same_scenario(tmp_path: Path) -> None:
    # The worked example of a cover requirement: losses of four groups in three scenarios, margins 20, 25, 30, 40. Cover-2 is
    # 60 + 45 of the third scenario, not 60 + 60 of the first and the third. Groups hold through affiliates: accounts of one owner.
    losses = [[80, 20, 10, 0], [30, 70, 60, 5], [10, 15, 90, 85]]
    margins = [20, 25, 30, 40]
    groups = range(4)
    rates = {f"g{g}": {"tiers": [{"from": 0, "maintenance_rate": margin / 200, "initial_rate": margin / 100}]} for g, margin in enumerate(margins)}
    tables = {
        "accounts": [{"account_id": f"{side}{g}", "owner_id": f"group-{g}"} for side in "ab" for g in groups],
        "assets": [*(coin(f"C{g}") for g in groups), coin("USD", price=1.0, asset_class="cash")],
        "instruments": [perpetual(f"P{g}", f"C{g}", margin_schedule=f"g{g}") for g in groups],
        "positions": [lot(f"{side}{g}", f"P{g}", share) for side, share in (("a", 0.25), ("b", 0.75)) for g in groups],
    }
    scenarios = [scenario(f"s{s}", {f"C{g}": -loss / 100 for g, loss in enumerate(row) if loss}) for s, row in enumerate(losses)]
    outcome = run(write_run(tmp_path, tables, scenarios, {"margin_schedules": rates}), tmp_path / "out")
    found = read_table(outcome.folder, "scenario_summary").filter(pl.col("scenario_id") != "base")
    assert found["cover_1_stress_loss_over_margin"].to_list() == pytest.approx([60, 45, 60])
    assert found["cover_2_stress_loss_over_margin"].to_list() == pytest.approx([60, 75, 105])
    assert found["cover_owner_2_stress_loss_over_margin"].to_list() == [None, "group-2", "group-3"]
    cover = outcome.summary.cover["stress_loss_over_margin"]
    assert cover.cover_1.amount == pytest.approx(60)
    assert cover.cover_2.amount == pytest.approx(105)
    assert set(cover.cover_2.owners) == {"group-2", "group-3"}
    ranked = read_table(outcome.folder, "owner_scenario").filter(pl.col("scenario_id") == "s1", basis="stress_loss_over_margin")
    assert ranked.select("rank", "owner_id").rows() == [(1, "group-1"), (2, "group-2"), (3, "group-0")]
    assert ranked["loss"].to_list() == pytest.approx([45, 30, 10])


def test_a_netting_group_nets_before_cover(tmp_path: Path) -> None:
    # Long 10 and short 6 of one owner: alone 500 - 100; as a group 500 - 300 - 160.
    tables = {
        **BTC,
        "accounts": [{"account_id": name, "owner_id": "o", "netting_group": group} for name, group in (("a", "n"), ("b", "n"), ("c", None))],
        "positions": [lot("a", "P", 10.0), lot("b", "P", -6.0), lot("c", "P", 1.0)],
    }
    found = read_table(run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder, "scenario_summary").row(1, named=True)
    assert found["cover_1_stress_loss_over_margin"] == pytest.approx((500 - 300 - 160) + (50 - 10))
    # Equity: -500 + 300 in the group, -50 outside.
    assert found["cover_1_uncollateralised_loss"] == pytest.approx(250)
    # The figures of the accounts themselves do not net.
    assert found["stress_loss_over_margin"] == pytest.approx(400 + 40)


def test_the_loss_of_an_isolated_pool_counts_and_its_owner_does_not_default(tmp_path: Path) -> None:
    tables = {**BTC, "positions": [lot("a", "P", 1.0, isolated_margin=30.0), lot("b", "P", 1.0)], "collateral": [cash("a", 5.0), cash("b", 30.0)]}
    folder = run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder
    found = read_table(folder, "scenario_summary").row(1, named=True)
    assert found["cover_2_uncollateralised_loss"] == pytest.approx(40)
    assert found["owners_in_default"] == 1
    assert found["accounts_default"] == 2
    pools = read_table(folder, "pool_scenario").filter(scenario_id="half")
    assert pools.select("pool_id", "equity", "uncollateralised_loss", "status").rows() == [
        ("P:long", -20.0, 20.0, "default"),
        ("cross", 5.0, 0.0, "ok"),
    ]


# ------------------------------------------------------------------ what is kept


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One book with isolated pools run with every `keep`."""
    folder = tmp_path_factory.mktemp("kept")
    book = write_book(folder / "book", 3, accounts=80)
    return {keep: run(book.run_file, folder / keep, keep=keep).folder for keep in ("all", "breaches", "worst")}


def test_all_keeps_every_account_and_scenario_in_order(kept: dict[str, Path]) -> None:
    found = read_table(kept["all"], "account_scenario")
    accounts = read_table(kept["all"], "account_summary")
    scenarios = rows(kept["all"], "scenario_summary", "scenario_id")
    assert accounts.height == 80
    assert found["account_id"].to_list() == [name for name in accounts["account_id"] for _ in scenarios]
    assert found["scenario_id"].to_list() == scenarios * 80


def test_breaches_keeps_base_and_what_is_not_ok(kept: dict[str, Path]) -> None:
    expected = read_table(kept["all"], "account_scenario").filter((pl.col("scenario_id") == "base") | (pl.col("status") != "ok"))
    assert expected.filter(pl.col("scenario_id") != "base").height > 0
    assert_frame_equal(read_table(kept["breaches"], "account_scenario"), expected, check_exact=True)


def test_worst_keeps_base_and_the_worst_scenarios(kept: dict[str, Path]) -> None:
    every = read_table(kept["all"], "account_scenario")
    summary = read_table(kept["all"], "account_summary")
    chosen = {
        (row["account_id"], scenario_id)
        for row in summary.iter_rows(named=True)
        for scenario_id in ("base", row["worst_headline_scenario_id"], row["worst_scenario_id"])
    }
    wanted = pl.Series([(a, s) in chosen for a, s in every.select("account_id", "scenario_id").rows()])
    assert_frame_equal(read_table(kept["worst"], "account_scenario"), every.filter(wanted), check_exact=True)


@pytest.mark.parametrize("keep", ["breaches", "worst"])
@pytest.mark.parametrize("table", ["account_summary", "scenario_summary", "owner_scenario", "detail", "data_quality"])
def test_what_is_kept_changes_no_other_table(kept: dict[str, Path], keep: str, table: str) -> None:
    assert_frame_equal(read_table(kept[keep], table), read_table(kept["all"], table), check_exact=True)


@pytest.mark.parametrize("keep", ["breaches", "worst"])
def test_pools_are_those_of_the_rows_that_are_kept(kept: dict[str, Path], keep: str) -> None:
    stored = read_table(kept[keep], "account_scenario").select("account_id", "scenario_id")
    expected = read_table(kept["all"], "pool_scenario").join(stored, on=["account_id", "scenario_id"], how="semi", maintain_order="left")
    assert_frame_equal(read_table(kept[keep], "pool_scenario"), expected, check_exact=True)


def headroom(prefix: str = "") -> pl.Expr:
    """What makes a scenario the worst: less the shortfall, without one the balance less the requirement."""
    short = pl.col(f"{prefix}margin_shortfall")
    return pl.when(short > 0).then(-short).otherwise(pl.col(f"{prefix}margin_balance") - pl.col(f"{prefix}maintenance_margin"))


def test_worst_is_the_largest_shortfall_or_the_smallest_balance_less_requirement(kept: dict[str, Path]) -> None:
    every = read_table(kept["all"], "account_scenario").filter(pl.col("scenario_id") != "base")
    headline = read_table(kept["all"], "scenario_summary").filter(pl.col("headline"))["scenario_id"]
    for prefix, frame in (("worst_", every), ("worst_headline_", every.filter(pl.col("scenario_id").is_in(headline.implode())))):
        excess = frame.with_columns(excess=headroom())
        # Ties go to the first in file order, which is the order of the rows.
        worst = excess.filter(pl.col("excess") == pl.col("excess").min().over("account_id")).group_by("account_id", maintain_order=True).first()
        summary = read_table(kept["all"], "account_summary").filter(pl.col(f"{prefix}scenario_id").is_not_null())
        found = summary.select("account_id", *(pl.col(f"{prefix}{name}").alias(name) for name in ("scenario_id", *FIGURES, "status")))
        assert_frame_equal(found, worst.select(found.columns), check_exact=True)


def test_detail_is_every_scenario_of_the_worst_accounts(kept: dict[str, Path]) -> None:
    summary = read_table(kept["all"], "account_summary").with_columns(excess=headroom("worst_headline_"))
    worst = summary.sort("excess", maintain_order=True).head(50)["account_id"]
    every = read_table(kept["all"], "account_scenario")
    assert_frame_equal(read_table(kept["all"], "detail"), every.filter(pl.col("account_id").is_in(worst.implode())), check_exact=True)


def test_pools_add_up_to_their_accounts(kept: dict[str, Path]) -> None:
    pools = read_table(kept["all"], "pool_scenario")
    assert pools["account_id"].n_unique() > 10
    sums = pools.group_by("account_id", "scenario_id", maintain_order=True).agg(pl.col(FIGURES).sum())
    accounts = read_table(kept["all"], "account_scenario").join(
        sums.select("account_id", "scenario_id"), on=["account_id", "scenario_id"], how="semi"
    )
    joined = accounts.join(sums, on=["account_id", "scenario_id"], suffix="_pools")
    for name in FIGURES:
        scale = joined.select(pl.max_horizontal(pl.col(name).abs(), pl.col("equity").abs(), pl.col("collateral_value").abs(), 1.0)).to_series()
        assert ((joined[name] - joined[f"{name}_pools"]).abs() <= 1e-9 * scale).all(), name


def test_scenario_totals_are_the_sums_of_accounts(kept: dict[str, Path]) -> None:
    every = read_table(kept["all"], "account_scenario")
    sums = every.group_by("scenario_id", maintain_order=True).agg(pl.col(FIGURES).sum(), pl.col(FIGURES).abs().sum().name.suffix("_gross"))
    totals = read_table(kept["all"], "scenario_summary")
    assert totals["scenario_id"].to_list() == sums["scenario_id"].to_list()
    for name in FIGURES:
        assert ((totals[name] - sums[name]).abs() <= 1e-9 * (sums[f"{name}_gross"] + 1.0)).all(), name
    for status in ("ok", "call", "liquidation", "default"):
        counted = every.group_by("scenario_id", maintain_order=True).agg((pl.col("status") == status).sum().cast(pl.Int64))["status"]
        assert totals[f"accounts_{status}"].to_list() == counted.to_list()


# ------------------------------------------------------------------ limits of schedules


def limited(above_max: str, **terms: object) -> dict[str, dict[str, object]]:
    return {
        "margin_schedules": {
            "capped": {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.1}], "max_notional": 900, "above_max": above_max, **terms}
        }
    }


CAPPED = {**BTC, "instruments": [perpetual("P", "BTC", margin_schedule="capped")]}


class BeforeTheStress(Silent):
    """Notes the stages of a run."""

    def __init__(self) -> None:
        self.stages: list[str] = []

    def stage(self, name: str, total: int | None = None) -> AbstractContextManager[Advance]:
        self.stages.append(name)
        return super().stage(name, total)


@pytest.mark.parametrize("command", ["run", "validate"])
def test_beyond_max_notional_at_base_is_refused_and_named_before_the_stress(tmp_path: Path, command: str) -> None:
    tables = {**CAPPED, "positions": [lot("a", "P", 9.0), lot("b", "P", -9.5), *(lot(f"c{n}", "P", 10.0) for n in range(7))]}
    settings, console = load_run(write_run(tmp_path, tables, HALF, limited("refuse"))), BeforeTheStress()
    with pytest.raises(StressTestError) as caught:
        validate(settings, console) if command == "validate" else execute(plan(settings, tmp_path / "out"), console)
    assert "stress" not in console.stages
    assert caught.value.exit_code == ExitCode.INPUT_REFUSED
    (fault,) = caught.value.faults
    assert fault.file is not None
    assert fault.file.endswith("positions.parquet")
    assert (fault.table, fault.column, fault.rows) == ("positions", "quantity", 8)
    assert fault.keys == ("b P", "c0 P", "c1 P", "c2 P", "c3 P")
    assert "capped" in fault.what
    assert not (tmp_path / "out").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["margin.yaml", "run.yaml", "scenarios.yaml", "snapshot"]


def test_every_schedule_has_its_own_limit_currency_and_keys(tmp_path: Path) -> None:
    # At 100 dollars a contract and 2 dollars a euro: 4.5 contracts are 225 euros, above 200; 9.5 are 950 dollars, above 900.
    terms = {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.1}], "max_notional": 200, "above_max": "refuse", "currency": "EUR"}
    margin = {"margin_schedules": {**limited("refuse")["margin_schedules"], "euro": terms}}
    tables = {
        "assets": [*BTC["assets"], coin("EUR", price=2.0, asset_class="cash")],
        "instruments": [perpetual("P", "BTC", margin_schedule="capped"), perpetual("E", "BTC", margin_schedule="euro")],
        "positions": [lot("a", "P", 9.0), lot("a", "E", 4.0), lot("b", "P", 9.5), *(lot(f"c{n}", "E", -4.5) for n in range(7))],
    }
    with pytest.raises(StressTestError) as caught:
        run(write_run(tmp_path, tables, HALF, margin), tmp_path / "out")
    assert [(fault.rows, fault.keys) for fault in caught.value.faults] == [(1, ("b P",)), (7, tuple(f"c{n} E" for n in range(5)))]


def test_a_long_option_is_not_measured_by_its_schedule(tmp_path: Path) -> None:
    call = {
        "instrument_id": "C", "kind": "option", "underlying": "BTC", "quote": "USD", "mark_price": 20.0, "margin_schedule": "capped",
        "expiry": datetime(2027, 11, 20, tzinfo=UTC), "strike": 100.0, "option_type": "call",
    }  # fmt: skip
    tables = {**BTC, "instruments": [call], "positions": [lot("a", "C", 20.0, entry_price=None), lot("b", "C", -8.0, entry_price=None)]}
    run_file = write_run(tmp_path, tables, [*HALF, scenario("double", {"BTC": 1.0})], limited("refuse"))
    quality = read_table(run(run_file, tmp_path / "out").folder, "data_quality")
    (found,) = quality.filter(pl.col("check").str.contains("extended")).iter_rows(named=True)
    assert (found["rows"], found["notional"]) == (1, 800.0), "the short ones alone"
    tables["positions"] = [lot("b", "C", -10.0, entry_price=None)]
    with pytest.raises(StressTestError, match="larger than their margin schedules allow"):
        run(write_run(tmp_path / "short", tables, HALF, limited("refuse")), tmp_path / "out-short")


def test_beyond_max_notional_in_a_scenario_is_extended_and_counted(tmp_path: Path) -> None:
    tables = {**CAPPED, "positions": [lot("a", "P", 9.0), lot("b", "P", -4.0)]}
    folder = run(write_run(tmp_path, tables, [*HALF, scenario("double", {"BTC": 1.0})], limited("refuse")), tmp_path / "out").folder
    assert read_table(folder, "account_scenario").filter(account_id="a", scenario_id="double")["maintenance_margin"].item() == pytest.approx(90)
    (found,) = read_table(folder, "data_quality").filter(pl.col("check").str.contains("extended")).iter_rows(named=True)
    assert (found["subject"], found["rows"], found["notional"]) == ("capped", 1, 900.0)


def test_beyond_max_notional_at_base_may_be_extended(tmp_path: Path) -> None:
    tables = {**CAPPED, "positions": [lot("a", "P", 12.0)]}
    folder = run(write_run(tmp_path, tables, HALF, limited("extend")), tmp_path / "out").folder
    assert rows(folder, "account_scenario", "maintenance_margin") == [pytest.approx(60), pytest.approx(30)]


# ------------------------------------------------------------------ what a book may lack


def test_accounts_without_holdings_are_there_and_well(tmp_path: Path) -> None:
    tables = {
        **BTC,
        "accounts": [{"account_id": name} for name in ("a", "idle", "rich")],
        "positions": [lot("a", "P", 1.0)],
        "collateral": [cash("rich", 7.0)],
    }
    folder = run(write_run(tmp_path, tables, HALF), tmp_path / "out").folder
    assert rows(folder, "account_scenario", "account_id", "scenario_id", "equity", "status") == [
        ("a", "base", 0.0, "liquidation"), ("a", "half", -50.0, "default"), ("idle", "base", 0.0, "ok"), ("idle", "half", 0.0, "ok"),
        ("rich", "base", 7.0, "ok"), ("rich", "half", 7.0, "ok"),
    ]  # fmt: skip
    assert rows(folder, "account_summary", "account_id", "pools", "positions", "gross_notional") == [
        ("a", 1, 1, 100.0),
        ("idle", 1, 0, 0.0),
        ("rich", 1, 0, 0.0),
    ]


@pytest.mark.parametrize("keep", ["all", "breaches", "worst"])
def test_no_scenarios_leave_the_base(tmp_path: Path, keep: str) -> None:
    tables = {**BTC, "positions": [lot("a", "P", 1.0), lot("b", "P", 1.0)], "collateral": [cash("a", 8.0), cash("b", 20.0)]}
    outcome = run(write_run(tmp_path, tables, []), tmp_path / "out", keep=keep)
    assert rows(outcome.folder, "account_scenario", "account_id", "scenario_id", "status") == [("a", "base", "call"), ("b", "base", "ok")]
    assert rows(outcome.folder, "scenario_summary", "scenario_id", "accounts_call", "accounts_newly_breached") == [("base", 1, 0)]
    assert rows(outcome.folder, "account_summary", "worst_scenario_id", "worst_headline_scenario_id", "worst_status") == [(None, None, None)] * 2
    assert rows(outcome.folder, "detail", "account_id") == ["a", "b"]


def test_scenarios_without_a_headline_give_a_worst_and_no_headline(tmp_path: Path) -> None:
    tables = {**BTC, "positions": [lot("a", "P", 1.0)], "collateral": [cash("a", 20.0)]}
    scenarios = [scenario("up", {"BTC": 0.5}, "sensitivity"), scenario("down", {"BTC": -0.5}, "sensitivity")]
    outcome = run(write_run(tmp_path, tables, scenarios), tmp_path / "out", keep="worst")
    assert rows(outcome.folder, "account_scenario", "scenario_id") == ["base", "down"]
    assert rows(outcome.folder, "account_summary", "worst_scenario_id", "worst_headline_scenario_id", "worst_headline_equity") == [
        ("down", None, None)
    ]
    assert outcome.summary.worst is None
