"""The margin file and the haircuts in data quality: a run and `validate` say the same of them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from generated.books import BookSpec
from margin.explain_case import Case

from stresstest.config import load_run
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.rulebook.presets import with_presets
from stresstest.results.store import read_table
from stresstest.runs.checking import validate
from stresstest.runs.margin_checks import margin_checks
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

pytestmark = pytest.mark.usefixtures("staged_once")

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


def test_entries_of_presets_that_find_nothing_are_listed_and_warn_of_nothing() -> None:
    # Of the two assets, cash takes the preset's entry for cash and bitcoin the one for larger coins: those for stablecoins and all others are left,
    # and all of its schedules for contracts, which the book has none of.
    assets = {"USD": {"price": 1.0, "asset_class": "cash"}, "BTC": {"price": 100.0, "asset_class": "crypto"}}
    margin = {
        "margin_schedules": {},
        "collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.0}]}},
        "models": {"b": {"preset": "binance"}},
    }
    case = Case(assets, {}, with_presets(margin)[0], {"A": {"margin_model": "b"}})
    (check,) = margin_checks(case.rulebook, case.dimensions, case.factors({})[0])
    assert (check.severity, check.result, check.subject, check.rows) == ("info", "pass", "model b, preset", 5)
    assert check.message == (
        "Entries of the preset that find nothing in this book to give their schedule: assign 1 (binance/btcusdt), assign 2 (binance/ethusdt), "
        "assign 3 (binance/solusdt), assign_collateral 2 (binance/stable), assign_collateral 4 (binance/other)."
    )
