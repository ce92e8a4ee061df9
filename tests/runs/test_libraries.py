"""The shipped scenarios in whole runs: the sample book and the recorded accounts."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from stresstest.config import load_run
from stresstest.results.store import read_table
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.shipped import file_of

pytestmark = pytest.mark.usefixtures("read_here")

ROOT = Path(__file__).parents[2]
SHARED = ROOT / "../shared/data"
LIBRARIES = ["library:crisis", "library:standard"]
SETTINGS = {"scenarios": LIBRARIES, "output.formats": ["json"], "keep": "worst", "history": None}


def ran(run_file: Path, out: Path) -> Path:
    return execute(plan(load_run(run_file, SETTINGS), out)).folder


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran(ROOT / "sample_data/run.yaml", tmp_path_factory.mktemp("libraries") / "out")


def test_all_scenarios_have_results_and_nothing_warns_of_them(sample: Path) -> None:
    found = read_table(sample, "scenario_summary")
    assert found["scenario_id"].to_list() == list(load_scenarios(LIBRARIES).ids)
    quality = read_table(sample, "data_quality")
    about = quality.filter(pl.col("check").str.starts_with("scenario factors") | (pl.col("check") == "unshocked notional"))
    assert about.height > 100
    assert about.filter(pl.col("result") != "pass").height == 0


def test_the_libraries_are_kept_as_they_were(sample: Path) -> None:
    copies = sample / "inputs" / "scenarios"
    assert sorted(path.relative_to(copies).as_posix() for path in copies.rglob("*.yaml")) == ["01/crisis.yaml", "02/standard.yaml"]
    assert (copies / "01" / "crisis.yaml").read_bytes() == file_of("library:crisis").read_bytes()
    assert json.loads((sample / "inputs" / "run.json").read_text())["scenarios"] == ["scenarios/01/crisis.yaml", "scenarios/02/standard.yaml"]
    again = load_scenarios([copies / "01" / "crisis.yaml", copies / "02" / "standard.yaml"])
    assert again.shocks.equals(load_scenarios(LIBRARIES).shocks)


def test_severe_days_are_severe(sample: Path) -> None:
    shortfall = dict(read_table(sample, "scenario_summary").select("scenario_id", "margin_shortfall").iter_rows())
    for scenario in ("black_monday_1987_10_19_close", "black_thursday_2020_03_12_close", "negative_oil_2020_04_20_close", "coins_down_50"):
        assert shortfall[scenario] > 100 * shortfall["base"]
    assert shortfall["black_thursday_2020_03_12_intraday"] > shortfall["black_thursday_2020_03_12_close"]


@pytest.mark.skipif(not SHARED.exists(), reason="the recorded accounts are not part of the repository")
@pytest.mark.parametrize("name", ["hyperliquid_2026_01_14", "mango_2021_10_04"])
def test_recorded_accounts(name: str, tmp_path: Path) -> None:
    folder = ran(SHARED / name / "run.yaml", tmp_path / "out")
    found = read_table(folder, "scenario_summary")
    assert found["scenario_id"].to_list() == list(load_scenarios(LIBRARIES).ids)
    quality = read_table(folder, "data_quality")
    assert quality.filter(pl.col("check").str.starts_with("scenario factors"), pl.col("result") != "pass").height == 0
    # A day before the first coin moves nothing here; one of coins does. Almost all collateral is USDC, here of class `crypto` without
    # a tag: it must not fall with the coins.
    rows = {row["scenario_id"]: row for row in found.iter_rows(named=True)}
    assert rows["black_monday_1987_10_19_close"]["pnl"] == 0.0
    thursday = rows["black_thursday_2020_03_12_close"]
    assert thursday["pnl"] != 0.0
    assert thursday["collateral_value"] == pytest.approx(rows["base"]["collateral_value"], rel=0.01)
    assert rows["usdc_depeg_2023_03_11_intraday"]["collateral_value"] == pytest.approx(0.8774 * rows["base"]["collateral_value"], rel=0.01)
