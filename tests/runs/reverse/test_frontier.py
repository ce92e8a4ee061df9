"""The coverage frontier of a book whose losses are known by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from stress.small_book import CASH, Row, cash, coin, lot, perpetual, write_run

import stresstest
from stresstest.errors import StressTestError
from stresstest.runs.console import Silent

pytestmark = pytest.mark.usefixtures("made_once")

TERMS = (("A", 4.0, 20.0), ("B", 3.0, 25.0), ("C", 2.0, 30.0), ("D", 1.0, 40.0))
"""T21: owners, contracts at 100 (so losses of 40, 30, 20, 10 at -10 %) and margins."""


def book(folder: Path, caps: dict[str, float]) -> Path:
    tables: dict[str, list[Row]] = {
        "accounts": [{"account_id": name.lower(), "owner_id": name} for name, _, _ in TERMS],
        "owners": [{"owner_id": name, "assessment_cap": cap} for name, cap in caps.items()],
        "assets": [coin("BTC"), CASH],
        "instruments": [perpetual(f"P{name}", "BTC", margin_schedule=name) for name, _, _ in TERMS],
        "positions": [lot(name.lower(), f"P{name}", size) for name, size, _ in TERMS],
        "collateral": [cash(name.lower(), margin) for name, _, margin in TERMS],
    }
    rates = {name: margin / (100.0 * size) for name, size, margin in TERMS}
    margin = {"margin_schedules": {name: {"tiers": [{"from": 0, "maintenance_rate": rate, "initial_rate": rate}]} for name, rate in rates.items()}}
    fall = {"id": "fall", "family": "hypothetical", "shocks": [{"factor": "spot:BTC", "relative": -0.1, "mode": "linear"}]}
    return write_run(folder / "book", tables, [fall], margin, resources={"insurance_fund": 60.0})


def test_the_published_frontier(tmp_path: Path):
    # T21: m*(1) = 2, m*(2) = m*(3) = m*(4) = 1.5. E does not trade, and is assessed all the same.
    run_file = book(tmp_path, {"A": 100.0, "B": 15.0, "C": 0.0, "D": 5.0, "E": 10.0})
    report = stresstest.frontier(run_file, multiples=(1.0, 2.0, 3), console=Silent())
    (direction,) = report.directions
    assert (report.prefunded, report.assessments) == (60.0, 130.0)
    assert [point.prefunded.at for point in direction.frontier] == pytest.approx([2.0, 1.5, 1.5, 1.5, 1.5], rel=2e-9)
    assert [point.prefunded.owners for point in direction.frontier] == [("A",), ("A", "B"), ("A", "B"), ("A", "B"), ("A", "B")]
    # One default: 40 m - 20 > 60 + 130 - 100. Two: 70 m - 45 > 60 + 15. Three, C from 1.5 on: 90 m - 75 > 75. Four, D from 4 on: the same.
    assert [point.total.at for point in direction.frontier] == pytest.approx(
        [110.0 / 40.0, 120.0 / 70.0, 150.0 / 90.0, 150.0 / 90.0, 150.0 / 90.0], rel=2e-9
    )
    assert direction.frontier[2].total.owners == ("A", "B", "C")
    # At 1, 1.5 and 2 times: A 20, 40, 60; B 5, 20, 35; C 0, 0, 10.
    assert [point.losses[:3] for point in direction.surface] == [
        pytest.approx(each) for each in [(20.0, 25.0, 25.0), (40.0, 60.0, 60.0), (60.0, 95.0, 105.0)]
    ]
    assert direction.surface[0].smallest_set is None
    assert direction.surface[2].smallest_set == ("A", "B")


def test_what_is_not_exhausted_is_no_number(tmp_path: Path):
    run_file = book(tmp_path, {"A": 1e6})
    (direction,) = stresstest.frontier(run_file, most=1.2, console=Silent()).directions
    assert all(point.prefunded.at is None and point.prefunded.owners == () for point in direction.frontier)
    assert [point.at for point in direction.surface] == [0.5, 1.0]
    with pytest.raises(StressTestError, match="no multiples"):
        stresstest.frontier(run_file, multiples=(0.0, 5.0, 3), console=Silent())
    settings = stresstest.plan(run_file, resources={"insurance_fund": 0.0}).settings
    with pytest.raises(StressTestError, match="states no resources"):
        stresstest.frontier(settings, console=Silent())
