"""Generators that need history, on histories of a few days worked out by hand, and against published values."""

from __future__ import annotations

import datetime
import math
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios.builders import AS_OF, book
from scipy import stats
from sklearn.covariance import ledoit_wolf

from stresstest.errors import Reason, StressTestError
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.generators.completion import completed
from stresstest.scenarios.generators.covariance import Moves, cholesky, estimate, solved
from stresstest.scenarios.generators.draws import uniforms
from stresstest.scenarios.generators.of_history import Covariance
from stresstest.scenarios.generators.with_history import on_the_history
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.snapshot.book import Book

MARKET = Path(__file__).parents[3] / "../shared/data/market/daily_prices.parquet"
ASSETS: dict[str, dict[str, Any]] = {
    "BTC": {"price": 100.0, "asset_class": "crypto"},
    "SPX": {"price": 10.0, "asset_class": "equity"},
    "WTI": {"price": 60.0, "asset_class": "commodity", "may_be_negative": True},
}
FRIDAY = date(2020, 4, 17)


def _rows(values: dict[str, dict[date, float]]) -> pl.DataFrame:
    rows = [(day, factor, value) for factor in sorted(values) for day, value in sorted(values[factor].items())]
    return pl.DataFrame(rows, schema={"date": pl.Date, "factor": pl.String, "value": pl.Float64}, orient="row")


def _days(first: date, values: list[float]) -> dict[date, float]:
    return {first + datetime.timedelta(days=number): value for number, value in enumerate(values)}


WEEKEND = _rows(
    {
        # Crypto trades on Saturday and Sunday, the others do not.
        "spot:BTC": _days(FRIDAY, [100.0, 80.0, 90.0, 99.0]),
        "spot:SPX": {FRIDAY: 2000.0, date(2020, 4, 20): 1900.0},
        "spot:WTI": {FRIDAY: 18.0, date(2020, 4, 20): -37.0},
        "vol:BTC": {FRIDAY: 0.5, date(2020, 4, 20): 1.0},
        "rate:USD": {FRIDAY: 0.01, date(2020, 4, 20): 0.0025},
    }
)


def _book(folder: Path, rows: pl.DataFrame) -> Book:
    folder.mkdir(exist_ok=True)
    rows.sort("factor", "date").write_ipc(folder / "history.arrow")
    return Book(book(ASSETS), folder, 0, (), pl.DataFrame(), pl.DataFrame(), 0, 0)


def _made(folder: Path, generator: str, rows: pl.DataFrame, stated: str = "") -> ScenarioSet:
    (folder / "set.yaml").write_text(f"version: 1\n{stated}generators:\n  - {generator}\n", encoding="utf-8")
    return on_the_history(load_scenarios([folder / "set.yaml"]), _book(folder / "book", rows))


def _faults(folder: Path, generator: str, rows: pl.DataFrame, stated: str = "") -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _made(folder, generator, rows, stated)
    assert caught.value.reason in (Reason.SCENARIO, Reason.INPUT_DATA)
    return [fault.what for fault in caught.value.faults]


def _shocks(found: ScenarioSet, scenario: str) -> dict[str, tuple[str, float]]:
    return {shock.factor: (shock.shift, pytest.approx(shock.value, rel=1e-12)) for shock in found.shocks_of(scenario)}


# ---------------------------------------------------------------- historical


def test_every_day_of_any_factor_is_the_end_of_a_window(tmp_path: Path) -> None:
    found = _made(tmp_path, "{kind: historical, id: replay}", WEEKEND)
    assert found.ids == ("base", "replay.2020-04-18", "replay.2020-04-19", "replay.2020-04-20")
    assert _shocks(found, "replay.2020-04-18") == {"spot:BTC": ("relative", -0.2)}
    assert _shocks(found, "replay.2020-04-19") == {"spot:BTC": ("relative", 0.125)}
    # On Monday the others move from their value of Friday; a price that may be negative, and a rate, by differences.
    assert _shocks(found, "replay.2020-04-20") == {
        "rate:USD": ("absolute", -0.0075),
        "spot:BTC": ("relative", 0.1),
        "spot:SPX": ("relative", -0.05),
        "spot:WTI": ("absolute", -55.0),
        "vol:BTC": ("relative", 1.0),
    }
    monday = found.scenario("replay.2020-04-20")
    assert (monday.family, monday.headline, monday.horizon_days) == ("historical", False, 1.0)
    assert monday.source == "history, close of 2020-04-19 to close of 2020-04-20"


def test_overlapping_windows_of_several_days_between_dates(tmp_path: Path) -> None:
    found = _made(tmp_path, "{kind: historical, id: r, windows: {horizon_days: 2, from: 2020-04-20, to: 2020-04-30}, factors: 'spot:BTC'}", WEEKEND)
    assert found.ids == ("base", "r.2020-04-20")
    assert _shocks(found, "r.2020-04-20") == {"spot:BTC": ("relative", 99.0 / 80.0 - 1.0)}


def test_named_windows(tmp_path: Path) -> None:
    found = _made(
        tmp_path,
        "{kind: historical, id: r, windows: [{id: oil, name: Oil below zero, from: 2020-04-17, to: 2020-04-20}], factors: 'spot:*', headline: true}",
        WEEKEND,
    )
    assert found.ids == ("base", "r.oil")
    assert _shocks(found, "r.oil") == {"spot:BTC": ("relative", -0.01), "spot:SPX": ("relative", -0.05), "spot:WTI": ("absolute", -55.0)}
    oil = found.scenario("r.oil")
    assert (oil.name, oil.headline, oil.horizon_days) == ("r: Oil below zero", True, 3.0)


def test_moves_may_be_measured_otherwise(tmp_path: Path) -> None:
    found = _made(
        tmp_path, "{kind: historical, id: r, returns: {vol: absolute, spot: log}, windows: [{id: x, from: 2020-04-17, to: 2020-04-20}]}", WEEKEND
    )
    shocks = _shocks(found, "r.x")
    # A logarithmic move is applied as the relative one that it is.
    assert (shocks["vol:BTC"], shocks["spot:SPX"]) == (("absolute", 0.5), ("relative", -0.05))


def test_what_has_no_history_moves_as_its_proxy_or_is_told(tmp_path: Path) -> None:
    proxies = "proxies: {'spot:ETH': {factor: 'spot:BTC', beta: 1.5}, 'spot:SPX': {factor: 'spot:BTC'}}"
    found = _made(tmp_path, f"{{kind: historical, id: r, {proxies}, max_gap_days: 1}}", WEEKEND)
    # On Sunday the stock index is two days old: it moves as its proxy then; the others have nothing in its place.
    assert _shocks(found, "r.2020-04-19") == {"spot:BTC": ("relative", 0.125), "spot:ETH": ("relative", 0.1875), "spot:SPX": ("relative", 0.125)}
    assert found.scenario("r.2020-04-19").source == (
        "history, close of 2020-04-18 to close of 2020-04-19; spot:SPX as 1 x spot:BTC, spot:ETH as 1.5 x spot:BTC; "
        "no history then, so left as it is: rate:USD, spot:WTI, vol:BTC"
    )


def test_a_proxy_moves_as_its_own_moves_are_measured(tmp_path: Path) -> None:
    # Oil, which may be negative, moves by dollars; on a day without a price of its own it moves as bitcoin, by 12.5 %, not by 0.125 dollars.
    generator = "{kind: historical, id: r, factors: 'spot:*', proxies: {'spot:WTI': {factor: 'spot:BTC', beta: 0.5}}, max_gap_days: 1}"
    found = _made(tmp_path, generator, WEEKEND)
    assert _shocks(found, "r.2020-04-19")["spot:WTI"] == ("relative", 0.0625)
    # The other way round a proxy in dollars stays in dollars.
    generator = (
        "{kind: historical, id: r, factors: 'spot:*', proxies: {'spot:BTC': {factor: 'spot:WTI', beta: 2}}, "
        "windows: [{id: all, from: 2020-04-17, to: 2020-04-20}, {id: early, from: 2020-04-16, to: 2020-04-20}]}"
    )
    found = _made(tmp_path, generator, WEEKEND)
    assert _shocks(found, "r.all") == {"spot:BTC": ("relative", -0.01), "spot:SPX": ("relative", -0.05), "spot:WTI": ("absolute", -55.0)}
    assert not _shocks(found, "r.early")
    assert "left as it is: spot:BTC" in str(found.scenario("r.early").source)


def test_days_after_the_snapshot_are_not_known_to_it(tmp_path: Path) -> None:
    later = AS_OF.date() + datetime.timedelta(days=1)
    rows = _rows({"spot:BTC": {later - datetime.timedelta(days=2): 1.0, later - datetime.timedelta(days=1): 2.0, later: 3.0}})
    assert _made(tmp_path, "{kind: historical, id: r}", rows).ids == ("base", f"r.{AS_OF.date()}")


# ---------------------------------------------------------------- covariance and completion

SIGMA_30 = np.array([[4e-4, 3e-4, 5e-5], [3e-4, 9e-4, -1e-4], [5e-5, -1e-4, 1e-4]])


def test_completion_of_two_published_cases() -> None:
    """Values T29 and T30 of the reference notes: vols 2 % and 3 %, correlation 0.5; and three factors."""
    two = np.array([[4e-4, 3e-4], [3e-4, 9e-4]])
    found = completed(two, [0], np.array([-0.05]))
    assert found.expected == pytest.approx([-0.0375], rel=1e-14)
    assert found.deviation == pytest.approx([0.02598076211353316], rel=1e-14)
    found = completed(SIGMA_30, [0, 1], np.array([-0.05, -0.08]))
    assert found.expected == pytest.approx([0.0024074074], abs=1e-10)
    assert found.distance == pytest.approx(2.987628813277501, rel=1e-14)


def test_a_completed_scenario(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    steps = rng.multivariate_normal(np.zeros(3), SIGMA_30, 200)
    first = AS_OF.date() - datetime.timedelta(days=200)
    levels = 100.0 * np.exp(np.vstack([np.zeros(3), np.cumsum(steps, axis=0)]))
    rows = _rows({name: _days(first, levels[:, place].tolist()) for place, name in enumerate(("spot:A", "spot:B", "spot:C"))})
    stated = "scenarios:\n  - id: core\n    name: Core\n    horizon_days: 4\n    shocks:\n"
    stated += "      - {factor: 'spot:B', relative: -0.1}\n      - {factor: 'spot:*', relative: -0.01}\n"
    found = _made(tmp_path, "{kind: complete, of: core, core: ['spot:B'], covariance: {window_days: 400}}", rows, stated)
    logs = np.diff(np.log(levels), axis=0)
    covariance = logs.T @ logs / len(logs)
    beta = covariance[:, 1] / covariance[1, 1]
    whole = found.shocks_of("core.complete")
    # What is stated of a factor by name comes first, what is expected then, what is said of all last.
    assert [shock.factor for shock in whole] == ["spot:B", "spot:A", "spot:C", "spot:*"]
    assert whole[1].value == pytest.approx(math.expm1(beta[0] * math.log(0.9)), rel=1e-9)
    assert whole[2].value == pytest.approx(math.expm1(beta[2] * math.log(0.9)), rel=1e-9)
    distance = abs(math.log(0.9)) / math.sqrt(4.0 * covariance[1, 1])
    assert f"{distance:.3f} standard deviations away (Mahalanobis)" in str(found.scenario("core.complete").source)


def test_what_a_scenario_says_of_a_factor_itself_is_not_added_to(tmp_path: Path) -> None:
    """Shift types compose, so an expected relative move behind a stated absolute one would count as well."""
    stated = "scenarios:\n  - id: core\n    name: Core\n    shocks:\n"
    stated += "      - {factor: 'spot:BTC', relative: -0.1}\n      - {factor: 'spot:SPX', absolute: -5.0}\n"
    found = _made(tmp_path, "{kind: complete, of: core, core: 'spot:BTC', factors: 'spot:*'}", _market(), stated)
    assert _shocks(found, "core.complete") == {"spot:BTC": ("relative", -0.1), "spot:SPX": ("absolute", -5.0)}
    found = _made(tmp_path, "{kind: complete, of: core, core: 'spot:BTC'}", _market(), stated)
    beta = _sample()[0, 2] / _sample()[0, 0]
    assert _shocks(found, "core.complete")["vol:BTC"] == ("relative", math.expm1(beta * math.log(0.9)))
    assert "spot:SPX" in _shocks(found, "core.complete")
    general = stated + "      - {factor: 'vol:*', absolute: 0.2}\n"
    wrong = _faults(tmp_path, "{kind: complete, of: core, core: 'spot:BTC'}", _market(), general)
    assert wrong == ["the scenario `core` moves vol:* (absolute) on top of what is expected of vol:BTC"]
    narrow = stated + "      - {factor: 'vol:*', absolute: 0.2, where: {not_asset: BTC}}\n"
    assert _made(tmp_path, "{kind: complete, of: core, core: 'spot:BTC'}", _market(), narrow).ids[-1] == "core.complete"


def test_a_core_names_each_factor_once(tmp_path: Path) -> None:
    stated = "scenarios:\n  - {id: core, name: Core, shocks: [{factor: 'spot:BTC', relative: -0.1}]}\n"
    assert _faults(tmp_path, "{kind: complete, of: core, core: ['spot:BTC', 'spot:BTC']}", _market(), stated) == ["`spot:BTC` stands twice"]


def _moves(values: np.ndarray) -> Moves:
    count = len(values)
    return Moves(tuple(f"spot:{n}" for n in range(values.shape[1])), ("log",) * values.shape[1], values, np.ones(count), np.arange(count))


def test_shrinkage_is_that_of_the_library_and_of_the_definition() -> None:
    values = np.random.default_rng(1).multivariate_normal(np.zeros(3), SIGMA_30, 60)
    deviation = np.sqrt((values**2).mean(axis=0))
    expected, intensity = ledoit_wolf(values / deviation, assume_centered=True)
    found, problems = estimate(_moves(values), Covariance(shrinkage="ledoit_wolf"))
    assert not problems
    assert found is not None
    assert found.shrinkage == pytest.approx(intensity, rel=1e-8)
    assert found.matrix == pytest.approx(expected * np.outer(deviation, deviation), rel=1e-8)


def test_noise_of_correlations_is_clipped_and_their_trace_stays() -> None:
    """Two factors move as one among eighteen that do not: the common eigenvalue stays, those of noise become one."""
    rng = np.random.default_rng(5)
    values = rng.standard_normal((60, 20))
    values[:, 1] = values[:, 0] + 0.05 * values[:, 1]
    found, _ = estimate(_moves(values), Covariance(shrinkage="clip"))
    assert found is not None
    deviation = np.sqrt(np.diagonal(found.matrix))
    eigenvalues = np.linalg.eigvalsh(found.matrix / np.outer(deviation, deviation))
    assert eigenvalues.sum() == pytest.approx(20.0)
    assert eigenvalues[-1] > 1.8
    assert deviation == pytest.approx(np.sqrt((values**2).mean(axis=0)))
    assert eigenvalues[0] > 0.3


def test_weights_and_gaps_of_a_covariance() -> None:
    """Moves of +1 and +2, the first over three days: (1 * w + 4) / (3 w + 1), with w = 1/2 a half-life of one day older."""
    many = np.array([[0.0]] * 30 + [[1.0], [2.0]])
    gap = np.array([1.0] * 30 + [3.0, 1.0])
    moves = Moves(("spot:A",), ("log",), many, gap, np.concatenate([np.arange(30) - 2000, [0, 1]]))
    found, _ = estimate(moves, Covariance(half_life_days=1.0))
    assert found is not None
    assert found.matrix[0, 0] == pytest.approx((0.5 * 1.0 + 4.0) / (0.5 * 3.0 + 1.0), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(0, 10_000))
def test_cholesky_and_solution_against_numpy(count: int, seed: int) -> None:
    half = np.random.default_rng(seed).standard_normal((count, count + 2))
    matrix = half @ half.T
    lower = cholesky(matrix)
    assert lower is not None
    assert lower == pytest.approx(np.linalg.cholesky(matrix), rel=1e-7, abs=1e-9)
    right = np.arange(1.0, count + 1.0)
    assert matrix @ solved(lower, right) == pytest.approx(right, rel=1e-6, abs=1e-6)


# ---------------------------------------------------------------- draws


def _market(draws: int = 300) -> pl.DataFrame:
    steps = np.random.default_rng(11).multivariate_normal(np.zeros(3), SIGMA_30, draws)
    levels = 100.0 * np.exp(np.vstack([np.zeros(3), np.cumsum(steps, axis=0)]))
    first = AS_OF.date() - datetime.timedelta(days=draws)
    return _rows({name: _days(first, levels[:, place].tolist()) for place, name in enumerate(("spot:BTC", "spot:SPX", "vol:BTC"))})


def _drawn(found: ScenarioSet) -> np.ndarray:
    """Logarithmic moves [draws, factors]."""
    return np.log1p(found.shocks["value"].to_numpy().reshape(len(found) - 1, 3))


def _sample() -> np.ndarray:
    wide = _market().pivot(on="factor", index="date", values="value").sort("date").drop("date").to_numpy()
    logs = np.diff(np.log(wide), axis=0)
    return logs.T @ logs / len(logs)


@pytest.mark.parametrize(("shape", "kurtosis"), [("distribution: normal", 3.0), ("distribution: student_t, df: 9", 3.0 * 7.0 / 5.0)])
def test_draws_have_the_covariance_that_they_are_from(tmp_path: Path, shape: str, kurtosis: float) -> None:
    """Both have the covariance of the sample times the horizon; kurtosis of Student-t: 3 (df - 2) / (df - 4). Tolerances: four standard errors."""
    draws = 20_000
    found = _made(
        tmp_path, f"{{kind: monte_carlo, id: mc, draws: {draws}, seed: 7, horizon_days: 5, {shape}, covariance: {{window_days: 400}}}}", _market()
    )
    moves, wanted = _drawn(found), 5.0 * _sample()
    spread = np.sqrt(np.outer(np.diagonal(wanted), np.diagonal(wanted)))
    assert np.abs(moves.T @ moves / draws - wanted).max() < 4.0 * np.sqrt(kurtosis / draws) * spread.max()
    assert stats.kurtosis(moves[:, 0], fisher=False) == pytest.approx(kurtosis, rel=0.15)
    assert found.ids[1] == "mc.00001"
    assert {each.weight for each in found.scenarios[1:]} == {1.0 / draws}
    about = found.scenarios[1]
    assert (about.family, about.headline, about.horizon_days) == ("hypothetical", False, 5.0)


def test_filtered_history_draws_days_scaled_to_the_volatility_of_today(tmp_path: Path) -> None:
    """A calm history that ends wild: draws of one day are its scaled days, computed here once more, and nothing else."""
    steps = np.concatenate([np.tile([0.01, -0.01, 0.005], 30), [0.1, -0.1, 0.1]])
    levels = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(steps)]))
    rows = _rows({"spot:BTC": _days(AS_OF.date() - datetime.timedelta(days=len(steps)), levels.tolist())})
    text = "{kind: monte_carlo, id: mc, draws: 2000, seed: 1, distribution: filtered_history, decay_factor: 0.9, covariance: {window_days: 400}}"
    found = _made(tmp_path, text, rows)
    variance, scaled = float(np.mean(steps[:20] ** 2)), []
    for step in steps[20:]:
        scaled.append(step / math.sqrt(variance))
        variance = 0.9 * variance + 0.1 * step * step
    expected = np.array(scaled) * math.sqrt(variance)
    moves = np.log1p(found.shocks["value"].to_numpy())
    distance = np.abs(moves[:, None] - expected[None, :]).min(axis=1)
    assert distance.max() < 1e-12
    assert np.unique(np.abs(moves[:, None] - expected[None, :]).argmin(axis=1)).size > 60


def test_a_draw_depends_on_seed_draw_and_factor_alone() -> None:
    few, more = uniforms(7, 0, 10, 3), uniforms(7, 0, 1000, 5)
    assert np.array_equal(few, more[:10, :3])
    assert not np.array_equal(few, uniforms(8, 0, 10, 3))
    assert not np.array_equal(few, uniforms(7, 1, 10, 3))
    assert stats.kstest(more.ravel(), "uniform").pvalue > 0.001
    assert 0.0 < more.min() < more.max() < 1.0


# ---------------------------------------------------------------- what is refused

FLAT = _rows({"spot:BTC": _days(AS_OF.date() - datetime.timedelta(days=60), [100.0] * 61)})
TWINS = pl.concat([_market(), _market().filter(pl.col("factor") == "spot:BTC").with_columns(factor=pl.lit("spot:TWIN"))])


@pytest.mark.parametrize(
    ("generator", "rows", "faults"),
    [
        ("{kind: historical, id: r}", WEEKEND.clear(), ["needs a history, and the snapshot has none"]),
        ("{kind: historical, id: r, factors: 'spot:BTX'}", WEEKEND, ["`spot:BTX` has no history"]),
        ("{kind: historical, id: r, proxies: {'spot:ETH': {factor: 'spot:DOGE'}}}", WEEKEND, ["`spot:DOGE` has no history"]),
        ("{kind: historical, id: r, windows: {from: 2021-01-01}}", WEEKEND, ["the history, from 2020-04-17 to 2020-04-20, has no such window"]),
        ("{kind: historical, id: r, windows: [{id: a, from: 2020-04-20, to: 2020-04-17}]}", WEEKEND,
         ["the window from 2020-04-20 to 2020-04-17 is empty"]),
        ("{kind: historical, id: r, returns: {rate: log}}", WEEKEND, ["a rate may be zero, so its moves have no ratio"]),
        ("{kind: monte_carlo, id: mc, draws: 10, distribution: student_t}", WEEKEND,
         ["`df` is missing: a Student-t distribution has degrees of freedom"]),
        ("{kind: monte_carlo, id: mc, draws: 10, distribution: student_t, df: 2}", WEEKEND, ["must be above 2, not 2"]),
        ("{kind: monte_carlo, id: mc, draws: 10, covariance: {window_days: 9000}}", WEEKEND,
         ["too little history: 1 moves on days with a value of every factor, in 9000 days up to 2026-01-01"]),
        ("{kind: monte_carlo, id: mc, draws: 10}", FLAT, ["does not move in the window: spot:BTC"]),
        ("{kind: monte_carlo, id: mc, draws: 10}", TWINS, ["the covariance is singular: 4 factors, 300 moves"]),
        (
            "{kind: monte_carlo, id: mc.btc, draws: 2}",
            _market(),
            ["`mc.btc` holds a dot, and draws belong together by their ids up to the first dot"],
        ),
        ("{kind: complete, of: nobody, core: ['spot:BTC']}", _market(), ["no scenario `nobody` is stated"]),
        ("{kind: historical, id: r}", _rows({"spot:BTC": _days(FRIDAY, [1.0, 0.0])}), ["is zero or below"]),
        ("{kind: historical, id: r}", _rows({"BTC": _days(FRIDAY, [1.0, 2.0])}), ["is no risk factor"]),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, generator: str, rows: pl.DataFrame, faults: list[str]) -> None:
    assert _faults(tmp_path, generator, rows) == faults


def test_twins_are_told_apart_once_shrunk(tmp_path: Path) -> None:
    found = _made(tmp_path, "{kind: monte_carlo, id: mc, draws: 10, covariance: {shrinkage: ledoit_wolf}}", TWINS)
    assert len(found) == 11


def test_a_core_that_the_scenario_does_not_state(tmp_path: Path) -> None:
    stated = "scenarios:\n  - id: core\n    shocks: [{factor: 'spot:SPX', relative: -0.1}, {factor: 'spot:BTC', absolute: -3.0}]\n"
    wrong = _faults(tmp_path, "{kind: complete, of: core, core: ['spot:BTC', 'vol:BTC', 'spot:SPX']}", _market(), stated)
    assert wrong == [f"the scenario `core` does not state one relative move of {name}" for name in ("spot:BTC", "vol:BTC")]


# ---------------------------------------------------------------- years of prices


@pytest.mark.skipif(not MARKET.is_file(), reason="the recorded prices are not here")
def test_replay_of_26_years_of_30_factors(tmp_path: Path) -> None:
    """Every move of every scenario against the prices themselves, in plain Python; the price of oil below zero and weekends of crypto among them."""
    prices = pl.read_parquet(MARKET).select(pl.col("date").str.to_date(), factor="spot:" + pl.col("factor"), value="close")
    rows = prices.filter(pl.col("factor").is_in(["spot:WTI"]) | (pl.col("value") > 0.0)).sort("factor", "date")
    found = _made(tmp_path, "{kind: historical, id: replay, max_gap_days: 5}", rows)
    assert rows["factor"].n_unique() == 30
    closes: dict[str, dict[date, float]] = {}
    for day, factor, value in rows.iter_rows():
        closes.setdefault(factor, {})[day] = value

    def close(factor: str, day: date) -> float | None:
        return next((closes[factor][at] for at in (day - datetime.timedelta(days=back) for back in range(6)) if at in closes[factor]), None)

    wanted = [*found.scenarios[1::97], found.scenario("replay.2020-04-20"), found.scenario("replay.2020-03-12"), found.scenario("replay.2021-05-23")]
    for scenario in wanted:
        day = date.fromisoformat(scenario.id.removeprefix("replay."))
        expected = {}
        for factor in closes:
            before, after = close(factor, day - datetime.timedelta(days=1)), close(factor, day)
            if before is not None and after is not None and before != after:
                expected[factor] = after - before if factor == "spot:WTI" else after / before - 1.0
        assert {shock.factor: pytest.approx(shock.value, rel=1e-12) for shock in found.shocks_of(scenario.id)} == expected
    assert dict(_shocks(found, "replay.2020-04-20"))["spot:WTI"][0] == "absolute"
    sunday = {shock.factor for shock in found.shocks_of("replay.2021-05-23")}
    assert "spot:BTC" in sunday
    assert "spot:SP500" not in sunday
