"""Recorded accounts of two venues, run as they are: what the venues reported is what comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stresstest.config import load_run
from stresstest.results.store import read_table
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

SHARED = Path(__file__).parents[1] / "../shared/data"

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the recorded accounts are not part of the repository")


def ran(name: str, out: Path) -> Path:
    return execute(plan(load_run(SHARED / name / "run.yaml", {"output.formats": ["json"], "keep": "all"}), out)).folder


def expected(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SHARED / name / "expected.json").read_text())
    return document


@pytest.fixture(scope="module")
def perpetuals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ran("hyperliquid_2026_01_14", tmp_path_factory.mktemp("perpetuals") / "out")


def test_the_maintenance_margin_is_what_the_venue_reported(perpetuals: Path) -> None:
    pools = read_table(perpetuals, "pool_scenario").filter(scenario_id="base", pool_id="cross")
    reported = expected("hyperliquid_2026_01_14")["maintenance"]
    assert set(pools["account_id"]) == set(reported)
    for row in pools.iter_rows(named=True):
        assert row["maintenance_margin"] == pytest.approx(reported[row["account_id"]]["cross"], abs=1e-3, rel=0)


def test_at_each_reported_liquidation_price_nothing_is_left(perpetuals: Path) -> None:
    pools = read_table(perpetuals, "pool_scenario")
    reported = expected("hyperliquid_2026_01_14")["liquidation"]
    assert len(reported) == 10
    for case in reported:
        rows = pools.filter(account_id=case["account_id"], scenario_id=case["scenario_id"])
        isolated = f"{case['instrument_id']}:"
        (row,) = (
            row for row in rows.iter_rows(named=True) if (row["pool_id"].startswith(isolated) if case["isolated"] else row["pool_id"] == "cross")
        )
        left = row["margin_balance"] - row["maintenance_margin"]
        assert abs(left) <= 1e-6 * case["notional"], case["scenario_id"]


def test_before_its_liquidation_prices_the_account_is_well(perpetuals: Path) -> None:
    base = read_table(perpetuals, "pool_scenario").filter(scenario_id="base")
    assert (base["margin_balance"] > base["maintenance_margin"]).all()


def test_both_healths_of_a_lending_account(tmp_path: Path) -> None:
    base = read_table(ran("mango_2021_10_04", tmp_path / "out"), "account_scenario").filter(scenario_id="base")
    reported = expected("mango_2021_10_04")
    assert set(base["account_id"]) == set(reported)
    for row in base.iter_rows(named=True):
        health = reported[row["account_id"]]
        assert row["margin_balance"] - row["maintenance_margin"] == pytest.approx(health["maint_health"], rel=1e-9, abs=0)
        assert row["margin_balance_initial"] - row["initial_margin"] == pytest.approx(health["init_health"], rel=1e-9, abs=0)
        assert (row["status"] == "liquidation") is health["liquidatable"]
