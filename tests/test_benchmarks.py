"""`make bench` at a hundredth of its size: everything runs, the answers of the other tools agree with ours, the tables are written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_quick_benchmark_measures_everything_and_the_rivals_agree(tmp_path: Path):
    command = [sys.executable, "-m", "benchmarks", "--quick", "--books", str(tmp_path / "books"), "--results", str(tmp_path / "results.md")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr  # rivals that disagree end it with an error
    text = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert ended.stdout.strip() == text.strip()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for expected in (
        "kernel: tiers as stated",
        "kernel: all reach the last tier",
        "run: 10,000 positions",
        "run: 100,000 positions",
        "its peak memory",
    ):
        assert any(expected in row for row in rows), expected
    for rival in ("SciPy", "NumPy", "pandas", "DuckDB", "Polars"):
        assert any(row.startswith(f"| {rival}:") for row in rows), rival
    assert "option positions in 1,000 accounts" in text
    assert "accounts x 20 factors" in text
    assert "every tenth under a grid" in text
    assert "target" in text
    assert "missed" not in text  # targets are for the full size
