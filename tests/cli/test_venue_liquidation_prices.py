"""The liquidation prices that a venue reported, out of `stresstest reverse`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stresstest.errors import ExitCode

SHARED = Path(__file__).parents[2] / "../shared/data/hyperliquid_2026_01_14"

pytestmark = [
    pytest.mark.usefixtures("made_once"),
    pytest.mark.skipif(not SHARED.exists(), reason="the recorded accounts are not part of the repository"),
]


def test_they_are_where_the_account_is_first_short_of_margin(stresstest: Callable[..., Any]):
    scenarios = {row["id"]: row["shocks"][0] for row in json.loads((SHARED / "scenarios.yaml").read_text())["scenarios"]}
    reported = json.loads((SHARED / "expected.json").read_text())["liquidation"]
    prices = dict(pl.read_parquet(SHARED / "snapshot" / "assets.parquet").select("asset", "price").iter_rows())
    # One account has all ten; two of its pools are isolated. A venue reports a price in one direction: that in which the position loses.
    assert {case["account_id"] for case in reported} == {"hl_A01.00"}
    wanted = {}
    for case in reported:
        shock = scenarios[case["scenario_id"]]
        way = "up" if shock["replace"] > prices[shock["factor"].removeprefix("spot:")] else "down"
        wanted[f"{shock['factor']}:{way}"] = shock["replace"]
    assert len(wanted) == 10
    directions = [word for name in wanted for word in ("--along", name)]
    # The farthest is a multiple of what the coin stands at: further than a search goes unless it is told to.
    done = stresstest("reverse", SHARED / "run.yaml", "--target", "shortfall:hl_A01.00", *directions, "--most", "1e6", "--json")
    assert done.returncode == ExitCode.DONE, done.stderr
    found = {answer["along"]: answer["right"]["level"] for answer in json.loads(done.stdout)["answers"]}
    assert found == {name: pytest.approx(price, rel=1e-6, abs=0) for name, price in wanted.items()}
