"""Factor values in long form, on a book whose figures fit on a page."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scenarios.builders import book, in_days

from stresstest.scenarios import expansion
from stresstest.scenarios.expansion import Haircut, Vols, Which, expanded, factors
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.resolve import resolve

BOOK = book(
    {"BTC": {"price": 100.0, "asset_class": "crypto", "depth": 1e6}, "ETH": {"price": 10.0}, "WTI": {"price": -2.0, "may_be_negative": True}},
    {
        "BTC-C": {"kind": "option", "underlying": "BTC", "strike": 100.0, "option_type": "call", "expiry": in_days(30)},
        "BTC-P": {"kind": "option", "underlying": "BTC", "strike": 90.0, "option_type": "put", "expiry": in_days(30)},
        "BTC-PERP": {"kind": "perpetual", "underlying": "BTC"},
    },
    ("bridge-x", "custodian"),
)
SCENARIOS = """version: 1
scenarios:
  - id: crash
    shocks:
      - {factor: "spot:BTC", relative: -0.5}
      - {factor: "spot:WTI", absolute: -3}
      - {factor: "vol:*", where: {option_type: call}, relative: 0.5}
      - {factor: "vol:*", where: {option_type: put}, absolute: 12}
      - {factor: "basis:BTC-PERP", absolute: -0.05}
      - {factor: "haircut:BTC", absolute: 0.75}
  - id: custody
    shocks:
      - {factor: "holding:*", where: {location: bridge-x}, replace: 0}
      - {factor: "holding:BTC", scale: 0.5}
      - {factor: "collateral:ETH", relative: -0.1}
      - {factor: "margin_rate:majors", scale: 1.5}
      - {factor: "depth:*", scale: 0.25}
  - id: nothing
    shocks: []
"""
CODES = {"BTC": 0, "ETH": 1, "USD": 2, "WTI": 3}
VOLS = Vols(np.array([0.8, math.nan]), np.array([10.0, 10.0]))  # the put has none
HAIRCUTS = [Haircut(0, "maintenance from 0", 0.1), Haircut(0, "initial from 0", 0.4)]
HELD = {(0, 0), (0, -1), (1, 1), (2, -1)}  # BTC at bridge-x and nowhere, ETH with the custodian


@pytest.fixture
def rows(tmp_path: Path):
    (tmp_path / "set.yaml").write_text(SCENARIOS)
    resolved, _ = resolve(load_scenarios([tmp_path / "set.yaml"]), BOOK, MarginNames(("majors", "minors")))

    def of(which: Which) -> pl.DataFrame:
        return pl.concat(expanded(factors(BOOK, resolved, VOLS, HAIRCUTS, HELD), resolved.ids, which))

    return of


CRASH = [
    ("basis:BTC-PERP", None, 0.0, -0.05, -0.05, None),
    ("haircut:BTC", "initial from 0", 0.4, 1.0, 0.6, 1.5),  # 1.15, clamped
    ("haircut:BTC", "maintenance from 0", 0.1, 0.85, 0.75, 7.5),
    ("spot:BTC", None, 100.0, 50.0, -50.0, -0.5),
    ("spot:WTI", None, -2.0, -5.0, -3.0, None),  # a share of a negative price means nothing
    ("vol:BTC", "BTC-C", 0.8, 1.2, 0.4, 0.5),
]
CUSTODY = [
    ("collateral:ETH", None, 1.0, 0.9, -0.1, -0.1),
    ("depth:BTC", None, 1e6, 2.5e5, -7.5e5, -0.75),
    ("holding:BTC", None, 1.0, 0.5, -0.5, -0.5),
    ("holding:BTC", "bridge-x", 1.0, 0.0, -1.0, -1.0),  # replace has the last word
    ("margin_rate:majors", None, 1.0, 1.5, 0.5, 0.5),
]


def test_moved_rows_are_what_each_scenario_changes(rows):
    moved = rows("moved")
    assert moved["scenario_id"].to_list() == ["crash"] * len(CRASH) + ["custody"] * len(CUSTODY)
    for found, expected in zip(moved.drop("scenario_id").iter_rows(), CRASH + CUSTODY, strict=True):
        assert found[:2] == expected[:2]
        assert found[2:] == tuple(None if each is None else pytest.approx(each, abs=1e-12) for each in expected[2:])


def test_shocked_rows_are_the_same_factors_in_every_scenario(rows):
    shocked = rows("shocked")
    names = sorted(CRASH + CUSTODY, key=lambda row: (row[0], row[1] is not None, row[1] or ""))
    for scenario in ("base", "crash", "custody", "nothing"):
        mine = shocked.filter(scenario_id=scenario)
        assert list(mine.select("factor", "part").iter_rows()) == [row[:2] for row in names]
    base = shocked.filter(scenario_id="base")
    assert base["value"].to_list() == base["base"].to_list()


def test_all_rows_add_what_nothing_moves(rows):
    every = rows("all")
    kinds = every.filter(scenario_id="crash").group_by(pl.col("factor").str.split(":").list.first()).len().sort("factor")
    # Assets 4, instruments 3, options 2; holdings, margin rates and depths that some shock means, of the holdings those that there are.
    assert dict(kinds.iter_rows()) == {
        "basis": 3, "collateral": 4, "depth": 4, "haircut": 2, "holding": 2, "margin_rate": 1, "rate": 4, "spot": 4, "vol": 2,
    }  # fmt: skip
    put = every.filter(scenario_id="crash", part="BTC-P")
    assert put.select("base", "value", "absolute", "relative").row(0) == (None, None, None, None)


def test_chunks_do_not_change_a_row(rows, monkeypatch: pytest.MonkeyPatch):
    whole = rows("all")
    monkeypatch.setattr(expansion, "CELLS", 1)
    assert rows("all").equals(whole)
