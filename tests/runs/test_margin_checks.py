"""The margin file and the haircuts in data quality: a run and `validate` say the same of them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
from generated.books import BookSpec

from stresstest.config import load_run
from stresstest.margin.rulebook import Rulebook
from stresstest.results.store import read_table
from stresstest.runs.checking import validate
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

SCENARIOS = "version: 1\nscenarios: [{id: worthless, shocks: [{factor: 'haircut:*', absolute: 1.5}]}]\n"
LATE = {"positive_pnl_weight": {"maintenance": 0.5, "initial": 1.0}}


def test_doubts_are_warnings_and_clamped_haircuts_are_counted(book: BookSpec, tmp_path: Path, out: Path) -> None:
    margin, scenarios = tmp_path / "margin.yaml", tmp_path / "scenarios.yaml"
    margin.write_text(json.dumps({**book.margin, "models": {**book.margin.get("models", {}), "late": LATE}}))
    scenarios.write_text(SCENARIOS)
    settings = load_run(book.run_file, {"margin": str(margin), "scenarios": [str(scenarios)]})

    checked = validate(settings).findings
    assert checked.filter(pl.col("check") == "margin file", pl.col("subject") == "model late")["result"].to_list() == ["warn"]
    # `*` leaves out the reporting currency; every band of every other schedule goes beyond 1, those at 1 already among them.
    schedules = Rulebook.model_validate(book.margin).collateral_schedules
    bands = {
        f"haircut:{asset['asset']} in worthless": len(schedules[asset["collateral_schedule"]].bands)
        for asset in book.tables["assets"]
        if asset.get("collateral_schedule") is not None and asset["asset"] != book.reporting
    }
    clamped = checked.filter(pl.col("check") == "scenario factors: clamped")
    assert dict(clamped.select("subject", "rows").rows()) == bands

    ours = pl.col("check").is_in(["margin file", "scenario factors: clamped"])
    of_run = read_table(execute(plan(settings, out)).folder, "data_quality")
    assert of_run.filter(ours).rows() == checked.filter(ours).rows()
