"""Weighted scenarios in whole runs: against the reference, closed forms, and figures that are known by hand."""

from __future__ import annotations

import dataclasses
import math
import statistics
from datetime import date, timedelta
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from generated.books import make_book, write
from oracle.draws import compare_draws
from oracle.reading import read_question
from oracle.totals import run_question
from runs.plain_book import write_plain_book

import stresstest
from stresstest.config import load_run
from stresstest.margin.kernels.totals import MOMENTS, P_LOSS, P_SHORT
from stresstest.results.store import read_table, table_sha256
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.stress.weighted.owners import largest_owners
from stresstest.tables import DRAW_TABLES

pytestmark = pytest.mark.usefixtures("staged_once")

NORMAL = statistics.NormalDist()


@pytest.mark.parametrize("seed", [0, 10, 30])
def test_generated_books_against_the_reference(seed: int, tmp_path: Path) -> None:
    """Netting groups, isolated pools, several models; a family of four scenarios and more, one scenario of its own, one without a weight."""
    random = Random(seed)
    book = make_book(tmp_path / "book", seed)
    alone, without, *others = book.scenarios
    several = [
        row | {"id": f"draw.{place}", "weight": random.choice([0.1, 0.25, 1, 3]), "horizon_days": 2, "headline": place % 2 == 0}
        for place, row in enumerate([*others, alone | {"decay": True}])
    ]
    write(dataclasses.replace(book, scenarios=[alone | {"id": "alone", "weight": 2}, without, *several]))
    folder = execute(plan(load_run(book.run_file, {}), tmp_path / "out")).folder
    question = read_question(book.folder)
    assert read_table(folder, "owner_distribution").filter(pl.col("family") == "draw").height > 1
    assert compare_draws(folder, question.scenarios, run_question(question)) == []


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> stresstest.Result:
    """Three accounts long BTC, whose moves are normal with a deviation of 5 % a day: its history goes up and down by that in turn."""
    folder = tmp_path_factory.mktemp("normal")
    run = write_plain_book(folder / "book", 3)
    levels = np.cumprod([100.0, *[1.05, 0.95] * 40])
    days = [date(2026, 11, 19) - timedelta(days=len(levels) - 1 - place) for place in range(len(levels))]
    pl.DataFrame({"date": days, "factor": "spot:BTC", "value": levels}).write_parquet(run.parent / "snapshot" / "history.parquet")
    (run.parent / "scenarios.yaml").write_text(
        "generators:\n  - {kind: monte_carlo, id: mc, draws: 4000, seed: 7, returns: {spot: relative}, factors: [spot:BTC]}\n"
    )
    return stresstest.run(run, out=folder / "out")


def test_expected_shortfall_of_a_linear_book_under_normal_moves(normal: stresstest.Result) -> None:
    """Six contracts at 100: a deviation of 600 * 5 % = 30; value at risk 30 z, expected shortfall 30 phi(z) / alpha."""
    found = {(row["figure"], row["measure"], row["level"]): row for row in normal.table("draw_statistics").to_dicts()}
    mean, deviation = found["loss", "mean", None], found["loss", "standard_deviation", None]
    assert mean["value"] == pytest.approx(0.0, abs=4 * 30 / math.sqrt(4000))
    assert mean["standard_error"] == pytest.approx(30 / math.sqrt(4000), rel=0.05)
    assert deviation["value"] == pytest.approx(30.0, abs=4 * deviation["standard_error"])
    for level in (0.95, 0.975, 0.99):
        z = NORMAL.inv_cdf(level)
        for measure, expected in (("value_at_risk", 30 * z), ("expected_shortfall", 30 * NORMAL.pdf(z) / (1 - level))):
            row = found["loss", measure, level]
            assert 0.1 < row["standard_error"] < 3.0
            assert row["value"] == pytest.approx(expected, abs=4 * row["standard_error"])
        assert found["loss", "expected_shortfall", level]["scenarios_in_tail"] == round(4000 * (1 - level))
    assert {(row["scenarios"], row["horizon_days"], row["family"]) for row in found.values()} == {(4000, 1.0, "mc")}
    assert mean["effective_scenarios"] == pytest.approx(4000.0)
    assert mean["stated_weight"] == pytest.approx(1.0)


def test_probabilities_under_normal_moves(normal: stresstest.Result) -> None:
    """A contract has 10 of equity + 100 x and needs 5 (1 + x): liquidation below x = -5/95, default below x = -10 %.

    The expected shortfall of the margin is E max(0, -5 - 95 x) = 95 sigma phi(d) - 5 Phi(-d), d = 5 / (95 sigma).
    """
    sigma = 0.05
    d = 5 / (95 * sigma)
    short = 95 * sigma * NORMAL.pdf(d) - 5 * NORMAL.cdf(-d)
    rows = normal.table("account_probabilities").to_dicts()
    assert [row["account_id"] for row in rows] == ["a000001", "a000002", "a000003"]
    for size, row in enumerate(rows, 1):
        assert row["p_liquidation"] == pytest.approx(NORMAL.cdf(-d), abs=4 * row["p_liquidation_standard_error"])
        assert row["p_default"] == pytest.approx(NORMAL.cdf(-2.0), abs=4 * row["p_default_standard_error"])
        assert row["p_default_standard_error"] == pytest.approx(math.sqrt(0.02275 * 0.97725 / 4000), rel=0.1)
        assert row["survival_probability"] == 1.0 - row["p_liquidation"]
        assert row["margin_shortfall"] == pytest.approx(size * short, abs=4 * row["margin_shortfall_standard_error"])
        assert row["base_status"] == "ok"
    # Each account is an owner, and all fail together.
    owners = normal.table("owner_distribution").filter(pl.col("figure") == "margin_shortfall").to_dicts()
    assert [row["mean"] for row in owners] == [pytest.approx(row["margin_shortfall"]) for row in rows]
    z = NORMAL.inv_cdf(0.95)
    worst = -5 + 95 * sigma * NORMAL.pdf(z) / 0.05
    for size, row in enumerate(owners, 1):
        assert row["expected_shortfall_95"] == pytest.approx(size * worst, abs=4 * row["expected_shortfall_95_standard_error"])
        assert row["quantile_50"] == 0.0


def test_the_summary_says_the_same(normal: stresstest.Result) -> None:
    (found,) = normal.summary.draws or ()
    table = {(row["figure"], row["measure"], row["level"]): row["value"] for row in normal.table("draw_statistics").to_dicts()}
    assert [each.expected_shortfall for each in found.tails] == [table["loss", "expected_shortfall", level] for level in (0.95, 0.975, 0.99)]
    assert (found.accounts_that_may_fail, found.accounts_likely_to_fail) == (3, 0)
    # All three default in the same draws.
    assert found.probability_of_a_default == pytest.approx(normal.table("account_probabilities")["p_default"][0])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """9,000 accounts, three blocks, of which 4,000 to 8,500 are one owner's; `dip` is a call, `crash` a default by 40 a contract."""
    run = write_plain_book(tmp_path_factory.mktemp("plain") / "book", 9_000)
    names = [f"a{number:06d}" for number in range(1, 9_001)]
    owners = ["house" if 4_000 <= number <= 8_500 else f"o{number:06d}" for number in range(1, 9_001)]
    pl.DataFrame({"account_id": names, "owner_id": owners}).write_parquet(run.parent / "snapshot" / "accounts.parquet")
    text = (run.parent / "scenarios.yaml").read_text().replace("family: hypothetical", "family: historical, weight: 3")
    (run.parent / "scenarios.yaml").write_text(text.replace("source: made up", "source: made up, weight: 1"))
    return run


@pytest.fixture(scope="module")
def by_threads(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    return {
        workers: execute(plan(load_run(plain, {"threads": workers, "keep": "worst"}), tmp_path_factory.mktemp("out") / "r")).folder
        for workers in (1, 3)
    }


def test_an_owner_of_several_blocks(by_threads: dict[int, Path]) -> None:
    """A quarter of the probability is the crash: everybody defaults, contract by contract 40 below zero and 42.5 short of margin."""
    folder = by_threads[1]
    contracts = sum(range(4_000, 8_501))
    rows = {row["figure"]: row for row in read_table(folder, "owner_distribution").filter(pl.col("owner_id") == "house").to_dicts()}
    for figure, each in (("uncollateralised_loss", 40.0), ("margin_shortfall", 42.5)):
        row = rows[figure]
        assert row["mean"] == pytest.approx(each * contracts / 4)
        assert row["mean_standard_error"] == pytest.approx(each * contracts * math.sqrt(2 * (0.75 * 0.25) ** 2))
        assert (row["quantile_75"], row["quantile_90"]) == (0.0, pytest.approx(each * contracts))
        assert row["expected_shortfall_97_5"] == row["maximum"] == pytest.approx(each * contracts)
        assert row["expected_shortfall_97_5_standard_error"] is None
    accounts = read_table(folder, "account_probabilities")
    assert accounts.height == 9_000
    assert accounts["p_default"].unique().to_list() == [0.25]
    # sqrt(p (1 - p) sum of squares): 3/4 and 1/4.
    assert accounts["p_default_standard_error"].unique().to_list() == [pytest.approx(math.sqrt(0.25 * 0.75 * 0.625))]
    # Of 4,500 owners the house and those with most contracts.
    owners = read_table(folder, "owner_distribution")["owner_id"].unique().sort().to_list()
    assert owners == ["house", *(f"o{number:06d}" for number in (*range(3_501, 4_000), *range(8_501, 9_001)))]


def test_the_same_bytes_whatever_the_threads(by_threads: dict[int, Path]) -> None:
    one, three = by_threads[1], by_threads[3]
    assert [table_sha256(one, table.name) for table in DRAW_TABLES] == [table_sha256(three, table.name) for table in DRAW_TABLES]


def test_an_interrupted_run_finds_the_sums_of_finished_blocks(plain: Path, by_threads: dict[int, Path], tmp_path: Path) -> None:
    settings = load_run(plain, {"threads": 1, "keep": "worst"})

    def cut(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("stresstest.stress.breakdown.break_down", cut)
        with pytest.raises(KeyboardInterrupt):
            execute(plan(settings, tmp_path / "cut"))
    resumed = execute(plan(settings, tmp_path / "cut")).folder
    assert [table_sha256(resumed, table.name) for table in DRAW_TABLES] == [table_sha256(by_threads[1], table.name) for table in DRAW_TABLES]


def test_without_weights_the_tables_are_empty(tmp_path: Path) -> None:
    done = stresstest.run(write_plain_book(tmp_path / "book", 3), out=tmp_path / "out")
    assert [done.table(table.name).height for table in DRAW_TABLES] == [0, 0, 0]
    assert done.summary.draws == ()


def test_which_owners_are_listed() -> None:
    """By expected uncollateralised loss, then by margin shortfall, then in the order of the book; who loses nothing is not."""
    owner = np.repeat(np.arange(1_400, dtype=np.int32), 1)
    sums = np.zeros((1_400, MOMENTS))
    sums[:1_200, P_SHORT] = 1.0
    sums[1_100:1_200, P_SHORT] = 2.0
    sums[5, P_LOSS] = 0.5
    found = largest_owners(owner, sums)
    assert found.tolist() == sorted([5, *range(1_100, 1_200), *[each for each in range(900) if each != 5]])
    assert largest_owners(np.zeros(0, dtype=np.int32), np.zeros((0, MOMENTS))).tolist() == []
