"""A whole run as a user starts it: `stresstest run --keep worst --formats json` in a process of its own."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.measuring import measure
from stresstest.results.store import read_table

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class WholeRun:
    """The fastest of several warm runs: wall and CPU seconds, largest memory of them all, seconds by stage; and where the last result is."""

    seconds: float
    cpu_seconds: float
    peak_memory: int
    stages: dict[str, float]
    folder: Path


def whole_run(book: Path, scenarios: Path, repeats: int, warm: bool = True) -> WholeRun:
    """Run `repeats` times; once more before that to warm the page cache and the compiled kernels, unless they are warm."""
    out = book / f"result-{scenarios.stem}"
    command: list[str | Path] = [Path(sys.executable).with_name("stresstest"), "run", book / "run.yaml", "--scenarios", scenarios]
    command += ["--keep", "worst", "--formats", "json", "--quiet", "--out", out]
    runs = []
    for number in range(-1 if warm else 0, repeats):
        shutil.rmtree(out, ignore_errors=True)
        measured = measure(command)
        if number >= 0:
            stages = {each["name"]: each["seconds"] for each in json.loads((out / "manifest.json").read_text(encoding="utf-8"))["stages"]}
            runs.append((measured, stages))
    fastest, stages = min(runs, key=lambda run: run[0].seconds)
    stages["start and end"] = fastest.seconds - sum(stages.values())
    return WholeRun(fastest.seconds, fastest.cpu_seconds, max(run.peak_memory for run, _ in runs), stages, out)


def figures(folder: Path) -> tuple[Floats, Floats]:
    """What rivals answer (see `rivals.job.Answer`), from a result folder: totals [scenarios, 3] without base, worst [accounts]."""
    summary = read_table(folder, "scenario_summary").filter(family="hypothetical").sort("scenario_id")
    accounts = read_table(folder, "account_summary", ("account_id", "worst_margin_balance", "worst_maintenance_margin")).sort("account_id")
    return (
        summary.select("margin_shortfall", "initial_shortfall", "uncollateralised_loss").to_numpy(),
        (accounts["worst_margin_balance"] - accounts["worst_maintenance_margin"]).to_numpy(),
    )
