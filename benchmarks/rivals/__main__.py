"""One rival in a process of its own: `python -m benchmarks.rivals NAME BOOK SCENARIOS OUT` writes its answer to OUT and its seconds to stdout."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path

import numpy as np

NAMES = ("duckdb_sql", "polars_long", "pandas_loop", "numpy_loop", "scipy_sparse")


def main() -> None:
    """Do the job and leave the answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=NAMES)
    for place in ("book", "scenarios", "out"):
        parser.add_argument(place, type=Path)
    asked = parser.parse_args()
    answer = importlib.import_module(f"benchmarks.rivals.{asked.name}").work(asked.book, asked.scenarios)
    np.savez(asked.out, totals=answer.totals, worst=answer.worst)
    print(json.dumps({"prepare_seconds": answer.prepare_seconds, "compute_seconds": answer.compute_seconds}))


if __name__ == "__main__":
    main()
