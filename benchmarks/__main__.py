"""Measure how fast stresstest is, beside what a user would do instead, in one run.

    python -m benchmarks            # or: make bench; about ten minutes
    python -m benchmarks --quick    # or: make bench ARGS=--quick; a hundredth of the size, below half a minute

Prints a document of tables and writes it to benchmarks/results.md (quick: into the folder of the books).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.books import book, sizes
from benchmarks.compared import RIVALS, Compared, compare
from benchmarks.measuring import cores, machine, measure
from benchmarks.runs import WholeRun, whole_run
from benchmarks.table import GB, Kernel, Report, Run, document

ROOT = Path(__file__).parents[1]
SCENARIOS_OF_QUICK = 100
"""That every rival gets at least: a small book has room for them."""
KERNELS = (
    ("tiers as stated", "book", 2e9),
    ("all reach the last tier", "last tier", 1e9),
    ("and one scenario makes all pass through every tier", "every tier", None),
)


def say(what: str) -> None:
    """What is being done, on stderr."""
    print(what, file=sys.stderr, flush=True)


def kernels(folders: dict[str, Path], quick: bool) -> list[Kernel]:
    """The kernel alone on each book, each in a process of its own; quick: all in one, whose start takes longer than they do."""
    found = []
    for group in [KERNELS] if quick else [(kernel,) for kernel in KERNELS]:
        say(f"kernel: {'; '.join(name for name, _, _ in group)}")
        output = measure([sys.executable, "-m", "benchmarks.kernel", *(folders[which] for _, which, _ in group)], ROOT).output
        lines = output.splitlines()[-len(group) :]
        found += [Kernel(name, json.loads(line), target) for (name, _, target), line in zip(group, lines, strict=True)]
    return found


def rivals(folder: Path, full: WholeRun, quick: bool) -> list[Compared]:
    """Every rival, held against our own run of the same scenarios; quick: one such run for all that cannot do with the whole set."""
    runs = {1_000: (folder / "scenarios.parquet", full.folder)}
    found = []
    for each in RIVALS:
        rival = replace(each, scenarios=max(each.scenarios, SCENARIOS_OF_QUICK)) if quick else each
        if rival.scenarios not in runs:
            scenarios = folder / f"scenarios_{rival.scenarios}.parquet"
            runs[rival.scenarios] = (scenarios, whole_run(folder, scenarios, 1, warm=False).folder)
        say(rival.name)
        found.append(compare(rival, folder, *runs[rival.scenarios]))
    return found


def measured(folder: Path, quick: bool) -> Report:
    """Make the books and measure everything."""
    load = os.getloadavg()[0] / cores()
    folders = {}
    for name, size in sizes(quick).items():
        say(f"book: {name}, {size.positions:,} positions, {size.accounts:,} accounts, {size.scenarios:,} scenarios")
        folders[name] = book(folder, size)
    found = kernels(folders, quick)
    runs = []
    for name, repeats, seconds, memory in (("book", 1 if quick else 3, 4.0, 1.5 * GB), ("tenfold", 1 if quick else 2, 15.0, 4.0 * GB)):
        size = sizes(quick)[name]
        about = f"{size.positions:,} positions, {size.accounts:,} accounts"
        say(f"run: {about}")
        # The kernel's own rows have compiled it, and the books are small enough not to matter.
        run = whole_run(folders[name], folders[name] / "scenarios.parquet", repeats, warm=not quick)
        runs.append(Run(about, size.positions * size.scenarios, run, seconds, memory))
    beside = rivals(folders["book"], runs[0].run, quick)
    valuation = ""
    if not quick:
        say("revaluation of options")
        valuation = measure([sys.executable, "-m", "benchmarks.bench_valuation"], ROOT).output
    say("options under a portfolio model")
    options = [*(["--quick"] if quick else []), "--books", str(folder)]
    portfolio = measure([sys.executable, "-m", "benchmarks.portfolio", *options], ROOT).output
    say("distances to liquidation and default")
    distance = measure([sys.executable, "-m", "benchmarks.distance", *options], ROOT).output
    say("liquidation cascades")
    cascade = measure([sys.executable, "-m", "benchmarks.cascade", *options], ROOT).output
    say("scenarios drawn from history")
    draws = measure([sys.executable, "-m", "benchmarks.draws", *options], ROOT).output
    return Report(machine(), load, not quick, found, runs, beside, valuation, portfolio, distance, cascade, draws)


def main() -> None:
    """Read the command line, measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="everything at a hundredth of the size")
    parser.add_argument("--books", type=Path, default=ROOT / "build" / "benchmarks", help="where the books are made and kept")
    parser.add_argument("--results", type=Path, help="where the tables are written")
    options = parser.parse_args()
    text = document(measured(options.books, options.quick))
    (options.results or (options.books if options.quick else ROOT / "benchmarks") / "results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
