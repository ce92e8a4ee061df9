"""Scenarios drawn from history: 10,000 Student-t draws over 500 factors, made and resolved by a run, beside a library's draws alone.

python -m benchmarks.draws            # 10,000 draws, 500 factors, 750 days
python -m benchmarks.draws --quick    # 100 draws, 50 factors
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measuring import measure

ROOT = Path(__file__).parents[1]
TARGET_SECONDS = 5.0
DAYS = 750
LAST = date(2026, 11, 13)

RUN = """\
version: 1
snapshot: snapshot
as_of: "2026-11-13T21:00:00Z"
reporting_currency: USD
scenarios: [scenarios.yaml]
margin: margin.yaml
keep: worst
output: {formats: [json]}
"""
MARGIN = """\
version: 1
collateral_schedules: {cash: {bands: [{from: 0, haircut: 0}]}}
margin_schedules: {all: {tiers: [{from: 0, maintenance_rate: 0.05, initial_rate: 0.1}]}}
models: {default: {kind: tiered}}
"""
SCENARIOS = """\
version: 1
name: draws
scenarios: []
generators:
  - {{kind: monte_carlo, id: mc, draws: {draws}, seed: 7, distribution: student_t, df: 4, covariance: {{window_days: 500, shrinkage: ledoit_wolf}}}}
"""


def make(folder: Path, factors: int, draws: int) -> None:
    """A book of one account with a perpetual on each of so many assets, and their history."""
    shutil.rmtree(folder, ignore_errors=True)
    tables = folder / "snapshot"
    tables.mkdir(parents=True)
    moves = np.random.default_rng(7).standard_normal((DAYS, factors)) * 0.03 + np.random.default_rng(8).standard_normal((DAYS, 1)) * 0.02
    prices = 100.0 * np.exp(np.cumsum(moves, axis=0) - moves.sum(axis=0))
    names = [f"A{number:03d}" for number in range(factors)]
    days = [LAST - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    pl.DataFrame({"asset": ["USD", *names], "price": [1.0] + [100.0] * factors, "collateral_schedule": ["cash"] + [None] * factors}).write_parquet(
        tables / "assets.parquet"
    )
    pl.DataFrame(
        {"instrument_id": names, "kind": "perpetual", "underlying": names, "quote": "USD", "mark_price": 100.0, "margin_schedule": "all"}
    ).write_parquet(tables / "instruments.parquet")
    pl.DataFrame({"account_id": "a", "instrument_id": names, "quantity": 1.0, "entry_price": 100.0}).write_parquet(tables / "positions.parquet")
    pl.DataFrame({"account_id": ["a"], "asset": ["USD"], "quantity": [100.0 * factors]}).write_parquet(tables / "collateral.parquet")
    pl.DataFrame(
        {
            "date": np.repeat(np.array(days, dtype="datetime64[D]"), factors),
            "factor": [f"spot:{name}" for name in names] * DAYS,
            "value": prices.ravel(),
        }
    ).write_parquet(tables / "history.parquet")
    (folder / "run.yaml").write_text(RUN, encoding="utf-8")
    (folder / "margin.yaml").write_text(MARGIN, encoding="utf-8")
    (folder / "scenarios.yaml").write_text(SCENARIOS.format(draws=draws), encoding="utf-8")


def drawn_by_a_library(factors: int, draws: int) -> float:
    """Seconds that scipy takes for such draws alone, from a covariance that is known."""
    from scipy.stats import multivariate_t

    moves = np.random.default_rng(7).standard_normal((500, factors)) * 0.03
    shape = np.cov(moves, rowvar=False) * 0.5
    started = time.perf_counter()
    multivariate_t.rvs(shape=shape, df=4.0, size=draws, random_state=7)
    return time.perf_counter() - started


def main() -> None:
    """Read the command line, make the book, run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.draws", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few draws, few factors")
    parser.add_argument("--books", type=Path, default=ROOT / "build" / "benchmarks", help="where the book is made")
    options = parser.parse_args()
    factors, draws = (50, 100) if options.quick else (500, 10_000)
    folder = options.books / f"draws-{factors}"
    make(folder, factors, draws)
    command: list[str | Path] = [Path(sys.executable).with_name("stresstest"), "run", folder / "run.yaml", "--quiet", "--out", folder / "result"]
    for _ in range(1 if options.quick else 2):  # the first warms the page cache and the compiled kernels
        shutil.rmtree(folder / "result", ignore_errors=True)
        whole = measure(command)
    stages = {each["name"]: each["seconds"] for each in json.loads((folder / "result" / "manifest.json").read_text(encoding="utf-8"))["stages"]}
    print(f"{draws:,} Student-t draws over {factors} factors from {DAYS} days, one position in each")
    made = f"estimated, drawn and resolved {stages['scenarios']:.1f} s"
    print(made + ("" if options.quick else f" (target: below {TARGET_SECONDS:.0f} s, {'met' if stages['scenarios'] < TARGET_SECONDS else 'missed'})"))
    print(f"SciPy, the draws alone         {drawn_by_a_library(factors, draws):.1f} s")
    print(f"whole run {whole.seconds:.1f} s, {whole.cpu_seconds:.1f} s of CPU, peak memory {whole.peak_memory / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
