"""The whole pipeline against the reference calculation: every account, pool, scenario and total, on generated and recorded books.

Two figures agree when they differ by at most 1e-9 of the larger one plus 1e-11 of all amounts that are added up for the account
(`oracle.comparing`); statuses, counts and names are equal.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import pytest
from generated.assignments import with_assignments
from generated.books import make_book, write, write_book
from generated.market import AS_OF
from generated.orders import with_orders
from generated.portfolios import with_portfolio_models
from generated.scalings import with_scalings
from generated.strategies import with_strategies
from oracle.comparing import COMPARED, compare, read_tables
from oracle.comparing_attribution import compare_attribution
from oracle.comparing_breakdown import compare_breakdown
from oracle.reading import Row, read_question, snapshot_of
from oracle.statistics import compare_statistics
from oracle.totals import OracleResult, run_question, run_snapshot

from stresstest.config import load_run
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

SHARED = Path(__file__).parents[1] / "../shared/data"
SAMPLE = Path(__file__).parents[1] / "sample_data"


pytestmark = pytest.mark.usefixtures("read_here")


def differences(run_file: Path, out: Path, keep: str = "all") -> list[str]:
    """What a run of the pipeline and the reference disagree about."""
    outcome = execute(plan(load_run(run_file, {"keep": keep, "output.formats": ["json"], "history": None}), out))
    tables = read_tables(outcome.folder)
    assert set(tables) >= set(COMPARED) - {"pool_scenario"}
    question = read_question(run_file.parent)
    expected = run_question(question)
    worst = None if outcome.summary.worst is None else outcome.summary.worst.scenario_id
    return [
        *compare(tables, expected, complete=keep == "all"),
        *compare_breakdown(outcome.folder, question, worst, expected),
        *compare_attribution(outcome.folder, question, worst, expected),
        *compare_statistics(outcome.folder, question, expected),
    ]


@pytest.mark.parametrize(
    "seed",
    [
        0,
        1,
        2,
        66,  # a haircut shock on a token whose bands all scenarios have passed
        78,  # a deduction schedule whose line crosses the leverage floor above the range of the scenarios
        95,  # spread charge and leverage floor of an underlying together
        133,  # a debt without positions under `breach_at_equality`
        289,  # an underlying with an instrument whose lots cancel
        1_003,  # two shocks on one factor that match nothing
    ],
)
def test_generated_books(seed: int, tmp_path: Path) -> None:
    book = write_book(tmp_path / "book", seed)
    assert differences(book.run_file, tmp_path / "result") == []


@pytest.mark.parametrize("seed", [0, 66])
def test_models_with_schedules_of_their_own(seed: int, tmp_path: Path) -> None:
    book = with_assignments(make_book(tmp_path / "book", seed), hedges=True)
    assert differences(write(book).run_file, tmp_path / "result") == []


@pytest.mark.parametrize("seed", [1, 4, 9])
def test_open_orders(seed: int, tmp_path: Path) -> None:
    book = with_orders(make_book(tmp_path / "book", seed))
    assert differences(write(book).run_file, tmp_path / "result") == []


@pytest.mark.parametrize("seed", [0, 3, 12])
def test_rates_and_weights_that_follow_something(seed: int, tmp_path: Path) -> None:
    book = with_scalings(make_book(tmp_path / "book", seed))
    assert differences(write(book).run_file, tmp_path / "result") == []


@pytest.mark.parametrize("seed", [0, 3, 5])
def test_strategy_models(seed: int, tmp_path: Path) -> None:
    book = with_strategies(make_book(tmp_path / "book", seed))
    assert differences(write(book).run_file, tmp_path / "result") == []


@pytest.mark.parametrize("seed", [4, 9])
def test_portfolio_models(seed: int, tmp_path: Path) -> None:
    book = with_portfolio_models(make_book(tmp_path / "book", seed, accounts=30))
    assert differences(write(book).run_file, tmp_path / "result") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2_000, 2_010))
def test_many_books_with_portfolio_models(seed: int, tmp_path: Path) -> None:
    book = with_portfolio_models(make_book(tmp_path / "book", seed, accounts=30))
    assert differences(write(book).run_file, tmp_path / "result") == []


@pytest.mark.parametrize("seed", [0, 1])
def test_american_options(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Generated books, every option of which is American. The reference has them on a tree, which sets how closely figures agree."""
    monkeypatch.setattr("oracle.comparing.RELATIVE", 2e-4)
    monkeypatch.setattr("oracle.comparing.NOISE", 5e-5)
    book = make_book(tmp_path / "book", seed)
    options = [row for row in book.tables["instruments"] if row["kind"] == "option"]
    for row in options:
        row["exercise"] = "american"
    assert len(options) >= 4
    assert differences(write(book).run_file, tmp_path / "result") == []


def test_options_settled_at_an_average(tmp_path: Path) -> None:
    """A generated book whose options are inside their averaging windows, which are years here: the share that is fixed differs with the expiry."""
    book = make_book(tmp_path / "book", 0)
    options = [row for row in book.tables["instruments"] if row["kind"] == "option"]
    for number, row in enumerate(options):
        row |= {"settlement_averaging_seconds": 2e8, "settled_average": row["strike"] * 1.02 if number % 2 else None}
    assert len(options) >= 4
    assert differences(write(book).run_file, tmp_path / "result") == []


@pytest.mark.slow
def test_a_book_of_several_blocks(tmp_path: Path) -> None:
    # A block has 4,096 pools or a few more, and owners with thousands of accounts reach over its border.
    book = write_book(tmp_path / "book", 11, accounts=4_300)
    assert differences(book.run_file, tmp_path / "result") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1_000, 1_010))
def test_many_generated_books(seed: int, tmp_path: Path) -> None:
    book = write_book(tmp_path / "book", seed)
    assert differences(book.run_file, tmp_path / "result") == []


@pytest.mark.parametrize("keep", ["breaches", "worst"])
def test_what_is_kept_is_the_same(keep: str, tmp_path: Path) -> None:
    book = write_book(tmp_path / "book", 7)
    assert differences(book.run_file, tmp_path / "result", keep) == []


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded accounts are not part of the repository")
@pytest.mark.parametrize("name", ["hyperliquid_2026_01_14", "mango_2021_10_04"])
def test_recorded_accounts(name: str, tmp_path: Path) -> None:
    assert differences(SHARED / name / "run.yaml", tmp_path / "result") == []


@pytest.mark.slow
def test_sample_data(tmp_path: Path) -> None:
    assert differences(SAMPLE / "run.yaml", tmp_path / "result") == []


# ------------------------------------------------------------------ the comparison itself


def as_tables(result: OracleResult) -> dict[str, list[Row]]:
    """The reference's own figures as result tables."""
    isolated = {account for account, pool, _ in result.pools if pool != "cross"}
    return {
        "account_scenario": [
            {"owner_id": result.owner_of[account], "account_id": account, "scenario_id": scenario, **figures}
            for (account, scenario), figures in result.accounts.items()
        ],
        "pool_scenario": [
            {"account_id": account, "pool_id": pool, "scenario_id": scenario, **figures}
            for (account, pool, scenario), figures in result.pools.items()
            if account in isolated
        ],
    }


def test_the_comparison_finds_every_kind_of_difference() -> None:
    book = make_book(Path("unwritten"), 3)
    result = run_snapshot(snapshot_of(book.tables, AS_OF, book.reporting), book.margin, book.scenarios)
    tables = as_tables(result)
    assert compare(tables, result) == []

    def with_change(table: str, **columns: object) -> dict[str, list[Row]]:
        changed = copy.deepcopy(tables)
        changed[table][-1].update(columns)
        return changed

    last = tables["account_scenario"][-1]
    off = float(last["equity"]) + 1e-7 * result.scale[last["account_id"]]
    for changed, expected in (
        (with_change("account_scenario", equity=off), "equity"),
        (with_change("account_scenario", status="none"), "status"),
        (with_change("account_scenario", owner_id="nobody"), "owner_id"),
        (with_change("account_scenario", maintenance_margin=None), "maintenance_margin"),
        (with_change("account_scenario", maintenance_margin=float("nan")), "maintenance_margin"),
        (with_change("account_scenario", scenario_id="unheard_of"), "not in the book"),
        (tables | {"account_scenario": tables["account_scenario"][1:]}, "missing"),
    ):
        assert any(expected in line for line in compare(changed, result)), expected
    assert compare(tables | {"account_scenario": tables["account_scenario"][1:]}, result, complete=False) == []
    shifted = dataclasses.replace(result, owner_of=dict.fromkeys(result.owner_of, "nobody"))
    assert compare(tables, shifted)
