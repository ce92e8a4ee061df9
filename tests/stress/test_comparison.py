from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from generated.books import write_book
from oracle.comparing import agree
from oracle.reading import Question, Row, read_question
from oracle.totals import OracleResult, is_breached, run_snapshot
from runs.plain_book import write_plain_book
from stress.small_book import CASH, cash, coin, lot, perpetual, run, scenario, write_run

from stresstest.results.store import read_table, table_sha256
from stresstest.tables import AS_BOOKED, COMPARISON_TABLES, RULED

pytestmark = pytest.mark.usefixtures("staged_once")

NETTING: Row = {"kind": "tiered", "net_by": "underlying"}


def small_book(folder: Path, own: dict[str, str]) -> Path:
    """A: long ten BTC-1, short eight BTC-2, 60 dollars. B: long ten BTC-1 and 100 dollars. 5 % of notional, or of the net."""
    tables = {
        "accounts": [{"account_id": name, "margin_model": model} for name, model in own.items()],
        "positions": [lot("A", "BTC-1", 10.0), lot("A", "BTC-2", -8.0), lot("B", "BTC-1", 10.0)],
        "collateral": [cash("A", 60.0), cash("B", 100.0)],
        "assets": [CASH, coin("BTC")],
        "instruments": [perpetual("BTC-1", "BTC"), perpetual("BTC-2", "BTC")],
    }
    scenarios = [scenario("dip", {"BTC": -0.05}), scenario("rally", {"BTC": 0.02}, headline=False)]
    return write_run(folder, tables, scenarios, {"models": {"default": {"kind": "tiered"}, "net": NETTING}})


def by_key(folder: Path, table: str, *key: str) -> dict[Any, Row]:
    return {tuple(row[name] for name in key): row for row in read_table(folder, table).to_dicts()}


# ---------------------------------------------------------------- by hand


def test_the_book_under_each_model(tmp_path: Path):
    book = small_book(tmp_path / "book", {"A": "default", "B": "default"})
    folder = run(book, tmp_path / "out", **{"compare.models": ["default", "net"]}).folder
    found = by_key(folder, "margin_comparison", "account_id", "model")
    assert set(found) == {(account, model) for account in "AB" for model in ("default", "net")}
    # dip: A loses 10, its balance is 50; 5 % of 18 x 95 is 85.5, of the net 2 x 95 is 9.5. B loses 50 and has 50 against 47.5.
    assert [found["A", model]["maintenance_margin"] for model in ("default", "net")] == pytest.approx([90.0, 10.0])
    assert [found["A", model]["worst_headline_margin_shortfall"] for model in ("default", "net")] == pytest.approx([35.5, 0.0])
    assert [found["A", model]["worst_headline_status"] for model in ("default", "net")] == ["liquidation", "ok"]
    assert [found["A", model]["headline_scenarios_breached"] for model in ("default", "net")] == [1, 0]
    assert [found["B", model]["worst_headline_margin_balance"] for model in ("default", "net")] == pytest.approx([50.0, 50.0])
    assert [found["B", model]["worst_headline_status"] for model in ("default", "net")] == ["call", "call"]
    totals = by_key(folder, "margin_comparison_summary", "scenario_id", "model")
    assert [totals["dip", model]["maintenance_margin"] for model in ("default", "net")] == pytest.approx([133.0, 57.0])
    assert [totals["dip", model]["own"] for model in ("default", "net")] == [True, False]
    assert [totals["dip", "net"][f"accounts_breached_{side}_only"] for side in ("here", "own")] == [0, 1]
    assert [totals["dip", "default"][f"accounts_breached_{side}_only"] for side in ("here", "own")] == [0, 0]
    assert [totals["base", model]["accounts_liquidation"] for model in ("default", "net")] == [1, 0]


def test_accounts_under_models_of_their_own_are_the_reference(tmp_path: Path):
    book = small_book(tmp_path / "book", {"A": "net", "B": "default"})
    folder = run(book, tmp_path / "out", **{"compare.models": ["default"]}).folder
    totals = by_key(folder, "margin_comparison_summary", "scenario_id", "model")
    assert [totals["dip", model]["maintenance_margin"] for model in (AS_BOOKED, "default")] == pytest.approx([57.0, 133.0])
    assert [totals["dip", "default"][f"accounts_breached_{side}_only"] for side in ("here", "own")] == [1, 0]
    summary = read_table(folder, "scenario_summary").filter(pl.col("scenario_id") == "dip").row(0, named=True)
    assert {name: totals["dip", AS_BOOKED][name] for name in (each.name for each in RULED)} == {each.name: summary[each.name] for each in RULED}


@pytest.mark.parametrize("keep", ["all", "breaches", "worst"])
def test_keep_says_which_rows_by_scenario_are_stored(tmp_path: Path, keep: str):
    # A is short under default throughout, B on a call in the dip alone. The worst scenario of all is the dip too, which is headline.
    book = small_book(tmp_path / "book", {"A": "default", "B": "default"})
    folder = run(book, tmp_path / "out", keep=keep, **{"compare.models": ["default", "net"]}).folder
    stored = by_key(folder, "margin_comparison_scenario", "account_id", "model", "scenario_id")
    base = {(account, model, "base") for account in "AB" for model in ("default", "net")}
    dip = {(account, model, "dip") for account in "AB" for model in ("default", "net")}
    rally = {(account, model, "rally") for account in "AB" for model in ("default", "net")}
    short = {("A", "default", "dip"), ("A", "default", "rally"), ("B", "default", "dip"), ("B", "net", "dip")}
    assert set(stored) == {"all": base | dip | rally, "breaches": base | short, "worst": base | dip}[keep]


GRID: Row = {
    "kind": "portfolio", "grid": [{"spot": -0.15, "name": "down"}, {"spot": 0.15, "name": "up"}, {"spot": 0.3, "weight": 0.3, "name": "far"}],
    "loss_factor": {"maintenance": 1.0, "initial": 1.25},
}  # fmt: skip


def test_a_grid_beside_tiers(tmp_path: Path):
    book = small_book(tmp_path / "book", {"A": "default", "B": "default"})
    (book.parent / "margin.yaml").write_text(
        (book.parent / "margin.yaml").read_text().replace('"models": {', f'"models": {{"grid": {json.dumps(GRID)}, ')
    )
    folder = run(book, tmp_path / "out", keep="all", **{"compare.models": ["default", "grid"]}).folder
    found = by_key(folder, "margin_comparison", "account_id", "model")
    # 15 % of what is net: 2 x 100 and 10 x 100.
    assert [found[account, "grid"]["maintenance_margin"] for account in "AB"] == pytest.approx([30.0, 150.0])
    assert [found[account, "grid"]["initial_margin"] for account in "AB"] == pytest.approx([37.5, 187.5])
    assert [found[account, "default"]["maintenance_margin"] for account in "AB"] == pytest.approx([90.0, 50.0])
    assert [found[account, "grid"]["worst_headline_status"] for account in "AB"] == ["ok", "liquidation"]
    rows_of = by_key(folder, "margin_comparison_scenario", "account_id", "scenario_id", "model")
    assert {model: rows_of["B", "dip", model]["worst_row"] for model in ("default", "grid")} == {"default": None, "grid": "down"}


# ---------------------------------------------------------------- against the reference


@pytest.mark.parametrize(("seed", "room", "dense"), [(0, 100, 400_000), (1, 0, 40)])
def test_generated_books(seed: int, room: int, dense: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stresstest.stress.comparison.ROOM", room)
    monkeypatch.setattr("stresstest.stress.comparison.DENSE_ROWS", dense)
    book = write_book(tmp_path / "book", seed)
    question = read_question(book.folder)
    models = list(question.margin["models"])
    assert len(models) > 1
    folder = run(book.run_file, tmp_path / "out", keep="all", **{"compare.models": models, "output.formats": ["json"]}).folder
    assert differences(folder, under_each(question, models)) == []


def test_the_figures_of_a_model_are_those_of_a_run_under_it(tmp_path: Path):
    book = write_book(tmp_path / "book", 2)
    models = list(read_question(book.folder).margin["models"])
    json_only = {"output.formats": ["json"]}
    compared = read_table(run(book.run_file, tmp_path / "compared", **{"compare.models": models, **json_only}).folder, "margin_comparison")
    for model in models:
        alone = read_table(run(book.run_file, tmp_path / model, margin_model=model, **json_only).folder, "account_summary")
        columns = [name for name in compared.columns if name in alone.columns]
        assert len(columns) > 15
        assert compared.filter(pl.col("model") == model).select(columns).equals(alone.select(columns))


def under_each(question: Question, models: list[str]) -> dict[str, OracleResult]:
    """The reference run of the book as it is and under every model."""
    snapshot = question.snapshot
    own = {row["margin_model"] for row in snapshot.accounts.values()}
    found = {} if own <= set(models) and len(own) == 1 else {AS_BOOKED: run_snapshot(snapshot, question.margin, question.scenarios)}
    for model in models:
        accounts = {name: {**row, "margin_model": model} for name, row in snapshot.accounts.items()}
        changed = type(snapshot)(**{**vars(snapshot), "accounts": accounts})
        found[model] = run_snapshot(changed, question.margin, question.scenarios)
    return found


def differences(folder: Path, expected: dict[str, OracleResult]) -> list[str]:
    """What the tables of a run and the reference disagree about."""
    found: list[str] = []
    own = next(iter(expected.values()))
    scale, total = own.scale, sum(own.scale.values())

    def figures(what: str, row: Row, wanted: Row, size: float, prefix: str = "") -> None:
        names = [each.name for each in RULED if prefix + each.name in row]
        found.extend(
            f"{what} {name}: {row[prefix + name]!r}, expected {wanted[name]!r}"
            for name in names
            if not agree(row[prefix + name], float(wanted[name]), size)
        )
        if "status" in wanted and row[f"{prefix}status"] != wanted["status"]:
            found.append(f"{what}: {row[f'{prefix}status']}, expected {wanted['status']}")

    by_scenario = by_key(folder, "margin_comparison_scenario", "account_id", "scenario_id", "model")
    assert set(by_scenario) == {(*key, model) for model, result in expected.items() for key in result.accounts}
    for (account, scenario_id, model), row in by_scenario.items():
        figures(f"{account} {scenario_id} {model}", row, expected[model].accounts[account, scenario_id], scale[account])
    for (account, model), row in by_key(folder, "margin_comparison", "account_id", "model").items():
        result = expected[model]
        figures(f"{account} {model}", row, result.accounts[account, "base"], scale[account])
        worst = row["worst_headline_scenario_id"]
        figures(f"{account} {model} worst", row, result.accounts[account, worst], scale[account], "worst_headline_")
        breached = sum(is_breached(result.accounts[account, each]) for each in result.headline)
        if row["headline_scenarios_breached"] != breached:
            found.append(f"{account} {model}: breached in {row['headline_scenarios_breached']}, expected {breached}")
    for (scenario_id, model), row in by_key(folder, "margin_comparison_summary", "scenario_id", "model").items():
        totals = expected[model].scenarios[scenario_id]
        figures(f"{scenario_id} {model}", row, {**totals.measures}, total)
        here = {each for each in scale if is_breached(expected[model].accounts[each, scenario_id])}
        there = {each for each in scale if is_breached(own.accounts[each, scenario_id])}
        counts = (row["accounts_breached_here_only"], row["accounts_breached_own_only"], row["accounts_default"] + row["accounts_liquidation"])
        if counts != (len(here - there), len(there - here), len(here)):
            found.append(f"{scenario_id} {model}: {counts}, expected {len(here - there)}, {len(there - here)}, {len(here)}")
        for n in (1, 2):
            name = f"cover_{n}_stress_loss_over_margin"
            if not agree(row[name], totals.cover("stress_loss_over_margin", n), total):
                found.append(f"{scenario_id} {model} {name}: {row[name]!r}")
    return found


def test_accounts_of_several_blocks_come_together(tmp_path: Path):
    # Accounts of k contracts at 100 with 10 k dollars: `dip` needs 4.75 k, `crash` 2.5 k, and 40 k are missing there (see plain_book).
    folder = run(write_plain_book(tmp_path / "book", 5_000), tmp_path / "out", **{"compare.models": ["default"], "compare.isolated": True}).folder
    number = 5_000 * 5_001 / 2
    totals = by_key(folder, "margin_comparison_summary", "scenario_id", "model")
    assert totals["dip", "default"]["maintenance_margin"] == pytest.approx(4.75 * number)
    assert (totals["crash", "default"]["accounts_default"], totals["crash", "default"]["margin_shortfall"]) == (5_000, pytest.approx(42.5 * number))
    apart = by_key(folder, "isolation_summary", "scenario_id")
    assert (apart["crash",]["margin_shortfall_isolated"], apart["crash",]["accounts_breached_isolated"]) == (pytest.approx(42.5 * number), 5_000)
    assert read_table(folder, "margin_comparison")["account_id"].is_sorted()
    assert read_table(folder, "isolation")["account_id"].to_list() == [f"a{each:06d}" for each in range(1, 5_001)]


def test_the_same_bytes_whoever_computes_it(tmp_path: Path):
    book = write_book(tmp_path / "book", 3)
    asked = {"compare.models": ["default"], "output.formats": ["json"]}
    folders = [run(book.run_file, tmp_path / str(threads), threads=threads, **asked).folder for threads in (1, 7)]
    for table in COMPARISON_TABLES:
        assert len({table_sha256(folder, table.name) for folder in folders}) == 1
