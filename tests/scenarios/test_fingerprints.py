"""Which scenarios are the same on a book."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenarios.builders import book, in_days

from stresstest.scenarios import fingerprints
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.fingerprints import first_alike
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.resolve import resolve

BOOK = book(
    {"BTC": {"price": 100.0, "asset_class": "crypto", "depth": 1e6}, "ETH": {"price": 10.0, "asset_class": "crypto"}},
    {"BTC-C": {"kind": "option", "underlying": "BTC", "strike": 100.0, "option_type": "call", "expiry": in_days(30)}},
    ("bridge-x",),
)

SHOCKS = (
    "{factor: 'spot:*', relative: -0.5}",
    "{factor: 'spot:BTC', replace: 50}, {factor: 'spot:ETH', scale: 0.5}",  # the same two prices
    "{factor: 'spot:BTC', replace: 50}",
    "{factor: 'spot:XXX', relative: -0.5}",  # nothing
    "{factor: 'depth:*', scale: 0.5}",
    "{factor: 'depth:BTC', replace: 5e5}",
    "{factor: 'holding:*', where: {location: bridge-x}, replace: 0}",
    "{factor: 'holding:*', where: {location: bridge-x}, scale: 0}",
    "{factor: 'holding:BTC', where: {location: bridge-x}, replace: 0}",
    "{factor: 'margin_rate:*', scale: 2}",
    "{factor: 'vol:BTC', relative: 0.0}",
)
FIRST = (0, 1, 1, 3, 0, 5, 5, 7, 7, 9, 10, 0)


@pytest.mark.parametrize("lanes", [1, 5, 256])
def test_scenarios_with_the_same_factor_values_are_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lanes: int):
    monkeypatch.setattr(fingerprints, "_LANES", lanes)
    text = "".join(f"  - {{id: s{number}, shocks: [{shocks}]}}\n" for number, shocks in enumerate(SHOCKS, start=1))
    (tmp_path / "set.yaml").write_text(f"version: 1\nscenarios:\n{text}")
    resolved, _ = resolve(load_scenarios([tmp_path / "set.yaml"]), BOOK, MarginNames(("majors",)))
    assert tuple(first_alike(resolved)) == FIRST


def test_time_that_passes_makes_another_scenario(tmp_path: Path):
    (tmp_path / "set.yaml").write_text("version: 1\nscenarios: [{id: week, decay: true, horizon_days: 7, shocks: []}, {id: none, shocks: []}]\n")
    resolved, _ = resolve(load_scenarios([tmp_path / "set.yaml"]), BOOK, MarginNames())
    assert first_alike(resolved) == [0, 1, 0]
