"""Reverse stress by plausibility on small books, from the history to a scenario that runs to the target."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.optimize import minimize_scalar
from threadpoolctl import threadpool_info, threadpool_limits

import stresstest
from stresstest.config import RunFile, load_run
from stresstest.errors import Reason, StressTestError
from stresstest.runs.reverse.covariance import MoveTerms
from stresstest.runs.reverse.plausible import FoundMove, likeliest_move, worst_move
from stresstest.scenarios.text import scenario_file
from stresstest.stress.plausible.search import nearest

pytestmark = pytest.mark.usefixtures("made_once")

MARGIN = """version: 1
collateral_schedules: {cash: {bands: [{from: 0, haircut: 0.0}]}}
margin_schedules: {majors: {tiers: [{from: 0, maintenance_rate: 0.05, initial_rate: 0.10}]}}
"""
SIGMA = np.array([[4e-4, 3e-4], [3e-4, 9e-4]])
"""Vols 2 % and 3 %, correlation 0.5."""
TOLERANCE = 0.01
"""What a status forgives, which a default must exceed."""
LINEAR = MoveTerms(shrinkage="none", returns="relative")


def history(covariance: np.ndarray, factors: list[str], days: int = 24) -> pl.DataFrame:
    """Prices whose relative moves have exactly this covariance about zero: plus and minus sqrt(2) times each column of its root, in turn."""
    columns = np.linalg.cholesky(covariance).T * np.sqrt(len(covariance))
    moves = np.array([(1 - 2 * (k % 2)) * columns[(k // 2) % len(columns)] for k in range(days)])
    prices = 100.0 * np.cumprod(np.vstack([np.ones(len(covariance)), 1.0 + moves]), axis=0)
    last = date(2026, 11, 19)
    rows = [(last - timedelta(days=days - k), factor, float(prices[k, at])) for at, factor in enumerate(factors) for k in range(days + 1)]
    return pl.DataFrame(rows, schema=["date", "factor", "value"], orient="row").sort("factor", "date")


def write(folder: Path, positions: list[tuple[str, str, float]], cash: dict[str, float], moves: pl.DataFrame | None, resources: str = "") -> RunFile:
    """Perpetuals AAA-PERP and BBB-PERP at 100 dollars, against dollars."""
    snapshot = folder / "snapshot"
    snapshot.mkdir(parents=True)
    account, instrument, quantity = zip(*positions, strict=True)
    tables = {
        "accounts": pl.DataFrame({"account_id": list(cash)}),
        "positions": pl.DataFrame({"account_id": account, "instrument_id": instrument, "quantity": quantity, "entry_price": [100.0] * len(account)}),
        "collateral": pl.DataFrame({"account_id": list(cash), "asset": ["USD"] * len(cash), "quantity": list(cash.values())}),
        "instruments": pl.DataFrame(
            {
                "instrument_id": ["AAA-PERP", "BBB-PERP"],
                "kind": ["perpetual"] * 2,
                "underlying": ["AAA", "BBB"],
                "quote": ["USD"] * 2,
                "mark_price": [100.0] * 2,
                "margin_schedule": ["majors"] * 2,
            }
        ),
        "assets": pl.DataFrame(
            {
                "asset": ["AAA", "BBB", "USD"],
                "price": [100.0, 100.0, 1.0],
                "asset_class": ["crypto", "crypto", "cash"],
                "collateral_schedule": [None, None, "cash"],
            }
        ),
    }
    if moves is not None:
        tables["history"] = moves
    for name, frame in tables.items():
        frame.write_parquet(snapshot / f"{name}.parquet")
    (snapshot / "snapshot.json").write_text('{"as_of": "2026-11-19T16:00:00Z", "reporting_currency": "USD"}')
    (folder / "margin.yaml").write_text(MARGIN)
    (folder / "scenarios.yaml").write_text(
        'version: 1\nscenarios: [{id: dip, family: hypothetical, shocks: [{factor: "spot:AAA", relative: -0.01}]}]\n'
    )
    (folder / "run.yaml").write_text(
        f"version: 1\nsnapshot: snapshot\nscenarios: scenarios.yaml\nmargin: margin.yaml\nattribution: {{accounts: 0}}\n{resources}"
        "output: {folder: runs, formats: [json]}\n"
    )
    return load_run(folder / "run.yaml")


BOTH = history(SIGMA, ["spot:AAA", "spot:BBB"])


@pytest.fixture(scope="module")
def linear_book(tmp_path_factory: pytest.TempPathFactory) -> RunFile:
    """T25: 1,000,000 of the one and 500,000 of the other, with 100,000 to lose."""
    return write(tmp_path_factory.mktemp("linear"), [("a1", "AAA-PERP", 10_000.0), ("a1", "BBB-PERP", 5_000.0)], {"a1": 100_000.0}, BOTH)


@pytest.fixture(scope="module")
def t25(linear_book: RunFile) -> FoundMove:
    return likeliest_move(linear_book, "default:a1", LINEAR)


def test_t25_by_revaluation(t25: FoundMove) -> None:
    found = t25.document
    assert found.label == "exact"
    lost = 100_000.0 + TOLERANCE
    assert found.distance == pytest.approx(3.287979746107146 * lost / 100_000.0, rel=1e-9)
    assert found.distance_linear == pytest.approx(found.distance, rel=1e-9)
    assert found.distance_delta_gamma == pytest.approx(found.distance, rel=1e-6)
    assert {each.factor: each.size for each in found.moves} == pytest.approx(
        {"spot:AAA": -0.0594594595 * lost / 100_000.0, "spot:BBB": -0.0810810811 * lost / 100_000.0}, abs=1e-9
    )
    assert found.half_space == pytest.approx(0.0005045454940480226, rel=1e-5)
    assert found.outside_ellipsoid == pytest.approx(0.004492232856494, rel=1e-5)
    assert found.half_space_t == pytest.approx(0.004831068731575, rel=1e-5)
    # w'S*w with correlation 0.9: 4e8 + 2.25e8 + 2 * 0.9 * 20,000 * 15,000.
    assert found.distance_correlated == pytest.approx(lost / np.sqrt(4e8 + 2.25e8 + 5.4e8), rel=1e-6)
    assert (found.covariance.moves, found.covariance.condition) == (24, pytest.approx(3.0))
    assert found.nearest_accounts[0].distance == pytest.approx(found.distance)


def test_the_scenario_runs_to_the_target(linear_book: RunFile, t25: FoundMove, tmp_path: Path) -> None:
    answer = t25
    assert answer.scenarios is not None
    found = answer.scenarios.scenarios[1]
    assert (found.family, found.headline) == ("reverse", False)
    assert "standard deviations away" in (found.source or "")
    assert (found.source or "").endswith(", over 1 day")
    (tmp_path / "found.yaml").write_text("".join(f"{line}\n" for line in scenario_file(answer.scenarios)))
    done = stresstest.run(linear_book, scenarios=tmp_path / "found.yaml", keep="all")
    rows = done.table("account_scenario", ("scenario_id", "status", "equity")).sort("scenario_id").rows()
    assert rows[1] == ("reverse.plausible", "default", pytest.approx(-TOLERANCE, abs=1e-6))
    # A hair nearer it is none.
    nearer = answer.scenarios.shocks.with_columns(pl.col("value") * (1.0 - 1e-6))
    (tmp_path / "nearer.yaml").write_text(
        "".join(f"{line}\n" for line in scenario_file(type(answer.scenarios)(answer.scenarios.scenarios, nearer, "nearer")))
    )
    again = stresstest.run(linear_book, scenarios=tmp_path / "nearer.yaml", keep="all")
    assert "default" not in again.table("account_scenario", ("status",))["status"].to_list()


def test_the_same_question_has_the_same_answer(linear_book: RunFile, t25: FoundMove) -> None:
    assert likeliest_move(linear_book, "default:a1", LINEAR).document == t25.document


def test_t25_the_worst_inside_three_deviations(linear_book: RunFile) -> None:
    found = worst_move(linear_book, "default:a1", MoveTerms(shrinkage="none", returns="relative", within=3.0)).document
    assert found.label == "exact"
    assert found.figure == pytest.approx(91_241.4379544733 - 100_000.0 - TOLERANCE, abs=1e-3)
    assert found.distance == pytest.approx(3.0)
    assert (found.box, found.one_factor) == (pytest.approx(105_000.0), pytest.approx(60_000.0))


def test_moves_measured_as_logarithms(linear_book: RunFile) -> None:
    """w1 (exp(x1) - 1) + w2 (exp(x2) - 1) = -L is curved: the nearest point of that line, found on its own one parameter."""
    found = likeliest_move(linear_book, "default:a1", MoveTerms(shrinkage="none")).document
    moves = np.log(np.array([rows["value"].to_list() for _, rows in sorted(BOTH.group_by("factor"))]))
    steps = np.diff(moves, axis=1)
    inverse = np.linalg.inv(steps @ steps.T / steps.shape[1])

    def squared(x1: float) -> float:
        x2 = np.log1p((-100_000.0 - TOLERANCE - 1e6 * np.expm1(x1)) / 5e5)
        x = np.array([x1, x2])
        return float(x @ inverse @ x)

    nearest = minimize_scalar(squared, bounds=(-0.1, -0.02), method="bounded", options={"xatol": 1e-10})
    assert found.label == "best found"
    assert found.distance == pytest.approx(np.sqrt(nearest.fun), rel=1e-6)


def test_a_margin_shortfall(linear_book: RunFile) -> None:
    """Margin 5 % of what is left: 100,000 + w'x - 0.05 (1,500,000 + w'x) = 0 at w'x = -25,000 / 0.95."""
    found = likeliest_move(linear_book, "shortfall:a1", LINEAR).document
    assert found.label == "exact"
    assert found.distance == pytest.approx((25_000.0 + TOLERANCE) / 0.95 / 30_413.8126514911, rel=1e-9)


def test_what_is_out_of_reach_is_said(linear_book: RunFile) -> None:
    found = likeliest_move(linear_book, "default:a1", MoveTerms(shrinkage="none", within=2.0))
    assert (found.document.distance, found.document.label, found.document.figure, found.scenarios) == (None, None, None, None)
    assert (found.document.within, found.document.moves) == (2.0, ())


def test_what_is_at_base_needs_no_move(tmp_path: Path) -> None:
    book = write(tmp_path, [("a1", "AAA-PERP", 10.0)], {"a1": -5.0}, BOTH)
    found = likeliest_move(book, "default:a1", LINEAR)
    assert (found.document.distance, found.document.moves, found.scenarios) == (0.0, (), None)


@pytest.fixture(scope="module")
def two_sides(tmp_path_factory: pytest.TempPathFactory) -> RunFile:
    """Long and short 1,000,000 of the one, with 100,000 each; and long 1,000,000 of the other with 150,000. An insurance fund of 20,000."""
    return write(
        tmp_path_factory.mktemp("sides"),
        [("long", "AAA-PERP", 10_000.0), ("short", "AAA-PERP", -10_000.0), ("other", "BBB-PERP", 10_000.0)],
        {"long": 100_000.0, "short": 100_000.0, "other": 150_000.0},
        history(np.diag([4e-4, 9e-4]), ["spot:AAA", "spot:BBB"]),
        "resources: {insurance_fund: 20_000}\n",
    )


def test_the_likeliest_way_through_the_insurance_fund(two_sides: RunFile) -> None:
    """One alone: 170,000 of `other` is 5.667 deviations, 120,000 of a side of AAA 6. Together `long` and `other` start to lose at 5 and 5 of two
    independent factors, 7.07 away: never nearer than one alone."""
    found = likeliest_move(two_sides, "uncollateralised-loss", LINEAR).document
    assert (found.level, found.label) == (20_000.0, "best found")
    assert found.distance == pytest.approx(170_000.0 / 30_000.0, rel=1e-8)
    assert found.moves[0].factor == "spot:BBB"


def test_several_accounts_in_default(two_sides: RunFile) -> None:
    """The second account: `other` at 5 deviations of BBB and a side of AAA at 5 of its own: 5 * sqrt(2); both sides of AAA never."""
    one = likeliest_move(two_sides, "accounts-in-default:1", LINEAR).document
    assert (one.label, one.distance) == ("exact", pytest.approx(5.0, rel=1e-6))
    two = likeliest_move(two_sides, "accounts-in-default:2", LINEAR).document
    assert two.distance == pytest.approx(5.0 * np.sqrt(2.0), rel=1e-5)
    assert likeliest_move(two_sides, "accounts-in-default:3", LINEAR).document.distance is None


def test_the_system_inside_an_ellipsoid(two_sides: RunFile) -> None:
    """Inside 8 deviations: z1, z2 with z1^2 + z2^2 = 64 lose 20,000 z1 - 100,000 and 30,000 z2 - 150,000 where above zero."""
    found = worst_move(two_sides, "uncollateralised-loss", MoveTerms(shrinkage="none", returns="relative", within=8.0)).document
    angles = np.linspace(0.0, np.pi / 2.0, 100_001)
    losses = np.maximum(20_000.0 * 8.0 * np.cos(angles) - 100_000.0, 0.0) + np.maximum(30_000.0 * 8.0 * np.sin(angles) - 150_000.0, 0.0)
    assert found.figure == pytest.approx(losses.max(), rel=1e-7)
    assert found.label == "best found"


@pytest.fixture(scope="module")
def two_owners(tmp_path_factory: pytest.TempPathFactory) -> RunFile:
    """1,000,000 of the one and of the other, each with initial margin of 100,000; resources of 300,000."""
    return write(
        tmp_path_factory.mktemp("owners"),
        [("a", "AAA-PERP", 10_000.0), ("b", "BBB-PERP", 10_000.0)],
        {"a": 500_000.0, "b": 500_000.0},
        BOTH,
        "resources: {insurance_fund: 300_000}\n",
    )


FAR = MoveTerms(shrinkage="none", returns="relative", within=20.0)


def test_the_likeliest_way_through_the_resources(two_owners: RunFile, tmp_path: Path) -> None:
    """Cover-1: `b` alone loses 400,000 of 30,000 a deviation. Cover-2: both lose 500,000, sqrt(4e8 + 9e8 + 2 * 3e8) a deviation, which is nearer."""
    one = likeliest_move(two_owners, "cover-1", FAR).document
    assert (one.level, one.label, one.figure_at_base) == (300_000.0, "best found", 0.0)
    assert one.distance == pytest.approx(400.0 / 30.0, rel=1e-8)
    two = likeliest_move(two_owners, "cover-2", FAR)
    assert two.document.distance == pytest.approx(500_000.0 / np.sqrt(1.9e9), rel=1e-8)
    assert two.document.distance_linear == pytest.approx(two.document.distance, rel=1e-8)
    assert two.document.figure == pytest.approx(300_000.0, rel=1e-8)
    two.write(tmp_path / "found.yaml")
    done = stresstest.run(two_owners, scenarios=tmp_path / "found.yaml")
    covered = done.table("scenario_summary", ("cover_1_stress_loss_over_margin", "cover_2_stress_loss_over_margin")).rows()[1]
    assert covered[1] == two.document.figure
    assert covered[0] < covered[1]


def test_the_worst_cover_within_twelve_deviations(two_owners: RunFile) -> None:
    found = worst_move(two_owners, "cover-2", MoveTerms(shrinkage="none", returns="relative", within=12.0)).document
    assert found.figure == pytest.approx(12.0 * np.sqrt(1.9e9) - 200_000.0, rel=1e-8)


def test_the_same_bytes_whatever_the_threads(two_owners: RunFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks on one worker and on three; linear algebra always on one thread, however many its libraries would use."""
    seen: list[int] = []

    def watched(*args: Any, **named: Any) -> Any:
        seen.extend(each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas")
        return nearest(*args, **named)

    monkeypatch.setattr("stresstest.runs.reverse.plausible_question.nearest", watched)
    found = []
    for threads in (1, 3):
        with threadpool_limits(limits=threads, user_api="blas"):
            before = [each["num_threads"] for each in threadpool_info()]
            found.append(likeliest_move(two_owners.model_copy(update={"threads": threads}), "cover-2", FAR).document.model_dump_json())
            assert [each["num_threads"] for each in threadpool_info()] == before
    assert found[0] == found[1]
    assert set(seen) == {1}


REFUSED: list[tuple[str, MoveTerms, str, Reason]] = [
    ("default:a2", LINEAR, "no account `a2`", Reason.USAGE),
    ("ruin:a1", LINEAR, "no target `ruin", Reason.USAGE),
    ("accounts-in-default:0", LINEAR, "number of accounts", Reason.USAGE),
    ("default:a1", MoveTerms(factors=("spot:AAB",)), "`spot:AAB` has no history", Reason.USAGE),
    ("default:a1", MoveTerms(covariance_days=10), "too little history", Reason.INPUT_DATA),
    ("default:a1", MoveTerms(within=float("nan")), "must be above zero", Reason.USAGE),
]


@pytest.mark.parametrize(("target", "asked", "said", "reason"), REFUSED)
def test_refusals(linear_book: RunFile, target: str, asked: MoveTerms, said: str, reason: Reason) -> None:
    with pytest.raises(StressTestError) as caught:
        likeliest_move(linear_book, target, asked)
    assert said in " ".join([str(caught.value), *(fault.what for fault in caught.value.faults)])
    assert caught.value.reason == reason


def test_factors_that_move_as_one_are_refused_unless_shrunk(tmp_path: Path) -> None:
    one = history(np.array([[4e-4]]), ["spot:AAA"])
    twins = pl.concat([one, one.with_columns(factor=pl.lit("spot:BBB"))])
    book = write(tmp_path, [("a1", "AAA-PERP", 100.0)], {"a1": 1_000.0}, twins)
    with pytest.raises(StressTestError) as caught:
        likeliest_move(book, "default:a1", LINEAR)
    assert "singular" in caught.value.faults[0].what


def test_a_book_without_history_is_refused(tmp_path: Path) -> None:
    book = write(tmp_path, [("a1", "AAA-PERP", 100.0)], {"a1": 1_000.0}, None)
    with pytest.raises(StressTestError) as caught:
        likeliest_move(book, "default:a1")
    assert caught.value.faults[0].what == "the snapshot has no history"
