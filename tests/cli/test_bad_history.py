"""What is wrong with a history, or with what is asked of it: refused by the command with what, where, why and how to mend it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stresstest.errors import ExitCode

RUN = ("run",)

pytestmark = pytest.mark.usefixtures("made_once")

AS_OF = date(2026, 11, 19)


def moving(factor: str, days: int = 40, **values: float | None) -> pl.DataFrame:
    """A factor that moves by a tenth up and down up to the day of the snapshot; `values` of days counted back from it (`d0`)."""
    series: list[float | None] = [100.0 * 1.1 ** ((number + 1) // 2) * 0.9 ** (number // 2) for number in range(days)]
    for name, value in values.items():
        series[days - 1 - int(name[1:])] = value
    dates = [AS_OF - timedelta(days=days - 1 - number) for number in range(days)]
    return pl.DataFrame({"date": dates, "factor": [factor] * days, "value": series}, schema_overrides={"value": pl.Float64})


@pytest.fixture
def book(run_file: Path, tmp_path: Path) -> Callable[..., Path]:
    """The plain book with a history and with generators."""

    def made(history: pl.DataFrame, *generators: str) -> Path:
        shutil.copytree(run_file.parent, tmp_path / "book")
        history.write_parquet(tmp_path / "book" / "snapshot" / "history.parquet")
        if generators:
            (tmp_path / "book" / "scenarios.yaml").write_text("generators:\n" + "".join(f"  - {each}\n" for each in generators), encoding="utf-8")
        return tmp_path / "book" / "run.yaml"

    return made


TWINS = pl.concat([moving("spot:BTC"), moving("spot:ETH")])
DRAWS = "{kind: monte_carlo, id: mc, draws: 10}"

LIKELIEST = ("reverse", "--target", "default:a000001", "--plausible")

REFUSED: dict[str, tuple[pl.DataFrame, tuple[str, ...], tuple[str, ...], int, tuple[str, ...]]] = {
    # case: history, generators, command, exit code, what is said
    "a value that is no number": (
        moving("spot:BTC", d3=float("nan")), (), RUN, ExitCode.INPUT_REFUSED,
        ("history.parquet, history.value: not a finite number (1 row: 2026-11-16 / spot:BTC). ", "Give a number: its value that day; no row",),
    ),
    "a value that is endless, asked backwards": (
        moving("spot:BTC", d3=float("inf")), (), LIKELIEST, ExitCode.INPUT_REFUSED,
        ("history.value: not a finite number (1 row: 2026-11-16 / spot:BTC)",),
    ),
    "no value": (
        moving("spot:BTC", d3=None), (), RUN, ExitCode.INPUT_REFUSED,
        ("history.value: null where a value is needed (1 row: 2026-11-16 / spot:BTC)", "no row where it has none"),
    ),
    "a price below zero": (
        moving("spot:BTC", d3=-1.0), (DRAWS,), RUN, ExitCode.INPUT_REFUSED,
        ("history.value: is zero or below (1 row: 2026-11-16 / spot:BTC)", "only of assets with `may_be_negative`"),
    ),
    "draws of a singular covariance": (
        TWINS, (DRAWS,), RUN, ExitCode.INPUT_REFUSED,
        ("scenarios.yaml:2, generators[0].covariance: the covariance is singular: 2 factors, 39 moves. Give `shrinkage: ledoit_wolf` or `clip`",),
    ),
    "plausibility by a singular covariance": (
        TWINS, (), (*LIKELIEST, "--shrinkage", "none"), ExitCode.INPUT_REFUSED,
        ("history: the covariance is singular: 2 factors, 39 moves. Give `shrinkage", "--shrinkage and --factors are called so",),
    ),
    "draws from too few days": (
        moving("spot:BTC", 12), (DRAWS,), RUN, ExitCode.INPUT_REFUSED,
        ("generators[0].covariance: too little history: 11 moves", "At least 20 are needed: widen the window"),
    ),
    "too few days, and a factor that is not there": (
        moving("spot:BTC", 12), (DRAWS, '{kind: historical, id: h, factors: ["spot:BTX"]}'), RUN, ExitCode.CONFIGURATION,
        ("too little history: 11 moves", "`spot:BTX` has no history"),
    ),
    "plausibility by too few days": (
        moving("spot:BTC", 12), (), LIKELIEST, ExitCode.INPUT_REFUSED,
        ("history: too little history: 11 moves", "At least 20 are needed: widen the window"),
    ),
    "generators of factors that are not there": (
        moving("spot:BTC"), ('{kind: historical, id: h, factors: ["spot:BTX"]}', '{kind: complete, of: x, core: ["spot:SPX"]}'), RUN,
        ExitCode.CONFIGURATION,
        (
            "3 faults", "scenarios.yaml:2, generators[0].factors: `spot:BTX` has no history. Did you mean `spot:BTC`?",
            "scenarios.yaml:3, generators[1].core: `spot:SPX` is not in the covariance", "generators[1].of: no scenario `x` is stated",
        ),
    ),
    "plausibility of a factor that is not there": (
        moving("spot:BTC"), (), (*LIKELIEST, "--factors", "spot:BTX"), ExitCode.CONFIGURATION,
        ("`spot:BTX` has no history. Did you mean `spot:BTC`",),
    ),
    "a history of what is no factor": (
        moving("spt:BTC"), (DRAWS,), RUN, ExitCode.INPUT_REFUSED, ("history.factor: is no risk factor (spt:BTC)", "for example spot:BTC"),
    ),
    "a factor that never moves": (
        moving("spot:BTC").with_columns(value=pl.lit(5.0)), (DRAWS,), RUN, ExitCode.INPUT_REFUSED,
        ("generators[0].covariance: does not move in the window: spot:BTC. Leave these factors out, or widen the window.",),
    ),
    "a direction that is not there": (
        moving("spot:BTC"), (), ("reverse", "--target", "default:a000001", "--along", "spot:BTX:up"), ExitCode.CONFIGURATION,
        ("there is no asset `BTX`. Did you mean `BTC`?",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_what_where_and_how_to_mend(stresstest: Callable[..., Any], book: Callable[..., Path], case: str):
    history, generators, words, code, said = REFUSED[case]
    file = book(history, *generators)
    done = stresstest(words[0], file, *words[1:], *(("--out", "out") if words[0] == "run" else ()))
    assert done.returncode == code
    assert done.stdout == ""
    told = " ".join(done.stderr.split())
    assert [each for each in said if each not in told] == []
    assert not Path("out").exists()


def test_history_of_what_the_book_does_not_have_is_told(stresstest: Callable[..., Any], book: Callable[..., Path]):
    other = moving("spot:SPX").with_columns(pl.col("value") * (1.0 + 0.001 * (pl.int_range(pl.len()) ** 2 % 7)))
    done = stresstest("run", book(pl.concat([moving("spot:BTC"), other]), DRAWS), "--out", "out")
    assert done.returncode == ExitCode.DONE
    assert "unknown factor, spot:SPX in mc.01: spot:SPX matches nothing" in done.stderr
