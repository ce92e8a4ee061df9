"""Distances of every account to liquidation and default: a whole run with `reverse.distance`.

python -m benchmarks.distance            # 1,000,000 positions, 100,000 accounts, 20 factors, both directions, both targets
python -m benchmarks.distance --quick    # a hundredth of the positions and accounts
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.books import book, sizes
from benchmarks.measuring import measure
from stresstest.results.store import rows_of

ROOT = Path(__file__).parents[1]
FACTORS = 20
TARGET_SECONDS = 60.0


def main() -> None:
    """Read the command line, make the book, run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distance", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a hundredth of the size")
    parser.add_argument("--books", type=Path, default=ROOT / "build" / "benchmarks", help="where the books are made and kept")
    options = parser.parse_args()
    # Ten instruments an underlying: as many underlyings as factors, so that many accounts follow each. Few scenarios: they are not what is measured.
    size = replace(sizes(options.quick)["book"], instruments=10 * FACTORS, scenarios=10)
    folder = book(options.books, size)
    out = folder / "result-distance"
    command: list[str | Path] = [Path(sys.executable).with_name("stresstest"), "run", folder / "run.yaml"]
    command += ["--set", "reverse.distance.factors=spot:*", "--keep", "worst", "--formats", "json", "--quiet", "--out", out]
    for _ in range(1 if options.quick else 2):  # the first warms the page cache and the compiled kernels
        shutil.rmtree(out, ignore_errors=True)
        whole = measure(command)
    stages = {each["name"]: each["seconds"] for each in json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stages"]}
    rows = rows_of(out, "distance")
    print(f"{size.positions:,} positions, {size.accounts:,} accounts x {FACTORS} factors, up and down, liquidation and default: {rows:,} distances")
    print(f"distances {stages['distance']:.1f} s" + ("" if options.quick else f" (target: below {TARGET_SECONDS:.0f} s)"))
    print(f"whole run {whole.seconds:.1f} s, {whole.cpu_seconds:.1f} s of CPU, peak memory {whole.peak_memory / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
