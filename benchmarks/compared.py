"""Rivals beside our own run on the same files, and whether they agree."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measuring import measure
from benchmarks.runs import Floats, figures

TOLERANCE = 1e-6
"""Largest difference of an agreeing figure, relative to it (and in reporting currency below one)."""


@dataclass(frozen=True)
class Rival:
    """What is done beside ours: with what, on how many of the scenarios, on how many cores."""

    module: str
    name: str
    scenarios: int
    cores: str


RIVALS = (
    Rival("scipy_sparse", "SciPy: sparse products, only crossed tiers one by one", 1_000, "1"),
    Rival("numpy_loop", "NumPy: loop over scenarios, `add.reduceat`", 100, "1"),
    Rival("pandas_loop", "pandas: loop over scenarios, `groupby`", 100, "1"),
    Rival("duckdb_sql", "DuckDB: SQL on position x scenario rows", 10, "all"),
    Rival("polars_long", "Polars: expressions on position x scenario rows", 10, "all"),
)


@dataclass(frozen=True)
class Compared:
    """Seconds of a rival for its share of the scenarios, its memory, and its largest difference from ours."""

    rival: Rival
    prepare_seconds: float
    compute_seconds: float
    seconds: float
    peak_memory: int
    difference: float

    def projected(self, scenarios: int) -> float:
        """Wall seconds of the whole process for all scenarios, the time a scenario takes being what it was."""
        return self.seconds + self.compute_seconds * (scenarios / self.rival.scenarios - 1.0)


def compare(rival: Rival, book: Path, scenarios: Path, ours: Path) -> Compared:
    """Run a rival on `scenarios` and hold its answer against our result folder `ours` of the same set.

    Raises:
        RuntimeError: they do not agree, so that comparing their speed says nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "answer.npz")
        measured = measure([sys.executable, "-m", "benchmarks.rivals", rival.module, book, scenarios, out], Path(__file__).parents[1])
        with np.load(out) as answer:
            difference = max(_difference(a, b) for a, b in zip((answer["totals"], answer["worst"]), figures(ours), strict=True))
    if not difference <= TOLERANCE:
        raise RuntimeError(f"{rival.name} and stresstest differ by {difference:.3g}")
    seconds = json.loads(measured.output)
    return Compared(rival, seconds["prepare_seconds"], seconds["compute_seconds"], measured.seconds, measured.peak_memory, difference)


def _difference(theirs: Floats, ours: Floats) -> float:
    if theirs.shape != ours.shape:
        return np.inf
    return float((np.abs(theirs - ours) / np.maximum(np.abs(ours), 1.0)).max())
