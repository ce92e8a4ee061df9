"""Liquidation cascades of a whole book: a run with `cascade`, beside the same rounds as static runs of books changed by hand.

python -m benchmarks.cascade            # 1,000,000 positions, 100,000 accounts, 200 scenarios, up to 20 rounds
python -m benchmarks.cascade --quick    # a hundredth of the positions and accounts

A second row has every tenth account under a portfolio model with a grid of nine rows. Without a cascade a user takes the positions of whom the
stress finds below its line out of the book, moves the prices by what they sell, and runs again: once for every round of every scenario, since each
has a book of its own by then. What one such run takes is measured; that their number is what it is follows from the rounds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from benchmarks.books import book, sizes
from benchmarks.measuring import Measured, measure
from stresstest.results.store import read_table

ROOT = Path(__file__).parents[1]
SCENARIOS = 200
MOST_ROUNDS = 20
DEPTH = 2e9
"""Of every asset, with 5,000 positions in each: most scenarios take two to four rounds, some all of them."""
TARGET_SECONDS = 20.0
EVERY = 10
GRID = (-0.15, -0.10, -0.05, -0.02, 0.0, 0.02, 0.05, 0.10, 0.15)


@dataclass(frozen=True)
class Row:
    """A run with its cascade: seconds of that alone, scenarios by how many rounds they took, pools liquidated."""

    whole: Measured
    seconds: float
    rounds: list[int]
    pools: int
    converged: int


def run_file(folder: Path, name: str, depth: float, **changes: str) -> Path:
    """The run file of a book with a cascade, beside its own."""
    document = json.loads((folder / "run.yaml").read_text(encoding="utf-8"))
    impact = [{"kind": "none", "assets": ["USDC"]}, {"kind": "linear", "depth": depth}]
    # What only reports look at closely is left out: the cascade itself is what is measured.
    cascade = {"impact": impact, "max_rounds": MOST_ROUNDS, "detail": 0}
    file = folder / f"{name}.yaml"
    file.write_text(json.dumps({**document, **changes, "cascade": cascade}, indent=1) + "\n", encoding="utf-8")
    return file


def with_portfolio_accounts(folder: Path) -> dict[str, str]:
    """The same book with every tenth account under a portfolio model: what its run file says otherwise."""
    snapshot = folder / "snapshot-portfolio"
    shutil.rmtree(snapshot, ignore_errors=True)
    shutil.copytree(folder / "snapshot", snapshot)
    accounts = pl.read_parquet(snapshot / "accounts.parquet").with_row_index()
    model = pl.when(pl.col("index") % EVERY == 0).then(pl.lit("grid")).otherwise(pl.lit("default"))
    accounts.with_columns(margin_model=model).drop("index").write_parquet(snapshot / "accounts.parquet")
    margin = json.loads((folder / "margin.yaml").read_text(encoding="utf-8"))
    margin["models"]["grid"] = {"kind": "portfolio", "grid": [{"spot": move} for move in GRID], "loss_factor": {"maintenance": 1.0, "initial": 1.25}}
    (folder / "margin-portfolio.yaml").write_text(json.dumps(margin, indent=1) + "\n", encoding="utf-8")
    return {"snapshot": "snapshot-portfolio", "margin": "margin-portfolio.yaml"}


def run(file: Path, repeats: int, scenarios: Path | None = None) -> tuple[Measured, Path]:
    """The fastest of several runs, and where the last one is."""
    out = file.parent / f"result-{file.stem}"
    command: list[str | Path] = [Path(sys.executable).with_name("stresstest"), "run", file, "--formats", "json", "--quiet", "--out", out]
    command += [] if scenarios is None else ["--scenarios", scenarios]
    found = []
    for _ in range(repeats):
        shutil.rmtree(out, ignore_errors=True)
        found.append(measure(command))
    return min(found, key=lambda each: each.seconds), out


def cascade(file: Path, repeats: int) -> Row:
    """A run with a cascade."""
    whole, out = run(file, repeats)
    stages = json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stages"]
    seconds = sum(each["seconds"] for each in stages if each["name"] == "cascade")
    summary = read_table(out, "cascade_summary", ("rounds", "pools_liquidated", "converged"))
    return Row(whole, seconds, summary["rounds"].to_list(), int(summary["pools_liquidated"].sum()), int(summary["converged"].sum()))


def described(name: str, row: Row) -> str:
    """One row as text."""
    rounds = f"{sum(row.rounds):,} rounds in {len(row.rounds)} scenarios, at most {max(row.rounds)}; {row.converged} came to rest"
    return (
        f"{name:<34} {row.seconds:8.2f} s: {rounds}; {row.pools:,} pools liquidated\n"
        f"{'  whole run':<34} {row.whole.seconds:8.2f} s, {row.whole.cpu_seconds:.1f} s of CPU, {row.whole.peak_memory / 1e9:.2f} GB"
    )


def main() -> None:
    """Read the command line, make the book, run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cascade", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the positions and accounts")
    parser.add_argument("--books", type=Path, default=ROOT / "build" / "benchmarks", help="where the books are made and kept")
    options = parser.parse_args()
    size = replace(sizes(options.quick)["book"], scenarios=SCENARIOS)
    folder = book(options.books, size)
    depth = DEPTH * size.positions / size.underlyings / 5_000
    repeats = 1 if options.quick else 2  # the first warms the page cache and the compiled kernels
    tiered = cascade(run_file(folder, "cascade", depth), repeats)
    mixed = cascade(run_file(folder, "cascade-portfolio", depth, **with_portfolio_accounts(folder)), repeats)
    one = folder / "scenarios-one.parquet"
    moves = pl.read_parquet(folder / "scenarios.parquet")
    moves.filter(pl.col("scenario_id") == moves["scenario_id"][0]).write_parquet(one)
    static, _ = run(folder / "run.yaml", repeats, one)
    runs = sum(tiered.rounds) + len(tiered.rounds)
    by_hand = static.seconds * runs
    target = "" if options.quick else f"; asked: below {TARGET_SECONDS:.0f} s, {'met' if tiered.seconds < TARGET_SECONDS else 'missed'}"
    print(f"{size.positions:,} positions, {size.accounts:,} accounts, {SCENARIOS} scenarios and base, up to {MOST_ROUNDS} rounds{target}")
    print(described("all tiered", tiered))
    print(described("every tenth under a grid", mixed))
    print(
        f"{'one static run of a changed book':<34} {static.seconds:8.2f} s; {runs:,} of them, a look more than rounds in every scenario: "
        f"{by_hand:,.0f} s, {by_hand / tiered.seconds:,.0f} x"
    )


if __name__ == "__main__":
    main()
