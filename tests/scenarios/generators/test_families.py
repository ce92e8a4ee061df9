"""Grids, ladders and multiples of scenario files: which scenarios they make, and what is refused. Values worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scenarios.builders import book

from stresstest.errors import Reason, StressTestError
from stresstest.scenarios.files import lines_of, load_scenarios
from stresstest.scenarios.generators.multiples import multiple
from stresstest.scenarios.model import Shock
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import SHOCKS, ScenarioSet

ASSETS: dict[str, dict[str, Any]] = {
    "BTC": {"price": 100.0, "asset_class": "crypto"},
    "ETH": {"price": 10.0, "asset_class": "crypto"},
    "WTI": {"price": 60.0, "asset_class": "commodity", "may_be_negative": True},
}
CRASH = """
scenarios:
  - id: crash
    name: Crash
    horizon_days: 2
    decay: true
    source: hand
    shocks:
      - {factor: "spot:WTI", replace: -40.0}
      - {factor: "spot:BTC", relative: -0.36}
      - {factor: "spot:*", relative: -0.3, mode: linear}
      - {factor: "rate:USD", absolute: 0.02}
      - {factor: "margin_rate:*", scale: 3.0}
"""


def _load(folder: Path, text: str, name: str = "set.yaml") -> ScenarioSet:
    (folder / name).write_text(text, encoding="utf-8")
    return load_scenarios([folder / name])


def _faults(folder: Path, text: str) -> list[tuple[str, int | None]]:
    with pytest.raises(StressTestError) as caught:
        _load(folder, text)
    assert caught.value.reason is Reason.SCENARIO
    return [(fault.what, fault.line) for fault in caught.value.faults]


def _spot(found: ScenarioSet) -> dict[str, dict[str, float]]:
    resolved, _ = resolve(found, book(ASSETS), MarginNames(frozenset({"majors"}), frozenset(), frozenset()))
    return {scenario: dict(zip(("BTC", "ETH", "USD", "WTI"), resolved.spot[:, n].tolist(), strict=True)) for n, scenario in enumerate(resolved.ids)}


def test_a_grid_has_every_combination_and_ids_say_the_cell(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        """
generators:
  - kind: grid
    id: btc
    name: BTC and its vol
    axes:
      - {factor: "spot:BTC", relative: [-0.3, 0, 0.2]}
      - {factor: "vol:BTC", relative: [-0.2, 0.5], where: {tenor_days: [0, 90]}}
""",
    )
    assert found.ids[1:] == (
        "btc.spot_btc_-0.3.vol_btc_-0.2",
        "btc.spot_btc_-0.3.vol_btc_0.5",
        "btc.spot_btc_0.vol_btc_-0.2",
        "btc.spot_btc_0.vol_btc_0.5",
        "btc.spot_btc_0.2.vol_btc_-0.2",
        "btc.spot_btc_0.2.vol_btc_0.5",
    )
    second = found.scenarios[2]
    assert (second.name, second.family, second.headline) == ("BTC and its vol: spot:BTC -30 %, vol:BTC +50 %", "sensitivity", False)
    assert [(shock.factor, shock.value, shock.where is None) for shock in found.shocks_of(second.id)] == [
        ("spot:BTC", -0.3, True),
        ("vol:BTC", 0.5, False),
    ]


def test_a_ladder_goes_in_equal_steps_from_end_to_end(tmp_path: Path) -> None:
    found = _load(
        tmp_path,
        'generators:\n  - {kind: ladder, id: market, factor: "spot:*", relative: {from: -0.6, to: 0.6, steps: 25}, weight: 0.04, headline: true}\n',
    )
    assert found.shocks["value"].to_list() == [round(-0.6 + 0.05 * step, 2) for step in range(25)]
    assert found.ids[1] == "market.spot_all_-0.6"
    assert found.ids[13] == "market.spot_all_0"
    assert {(each.weight, each.headline) for each in found.scenarios[1:]} == {(0.04, True)}


def test_generated_scenarios_stand_behind_those_that_their_file_states(tmp_path: Path) -> None:
    ladder = 'generators:\n  - {kind: ladder, id: down, factor: "spot:BTC", relative: -0.5}\n'
    (tmp_path / "a.yaml").write_text(CRASH + ladder)
    (tmp_path / "b.yaml").write_text(CRASH.replace("id: crash", "id: other") + "generators:\n  - {kind: multiple, of: crash, by: 2}\n")
    assert load_scenarios([tmp_path / "a.yaml", tmp_path / "b.yaml"]).ids == ("base", "crash", "down.spot_btc_-0.5", "other", "crash.x2")


def test_multiples_follow_the_shift_types(tmp_path: Path) -> None:
    found = _load(tmp_path, CRASH + "generators:\n  - {kind: multiple, of: crash, by: [0, 0.5, 1, 2]}\n")
    spot = _spot(found)
    # 0.64 ** 0.5 = 0.8 and 0.64 ** 2 = 0.4096; the linear shock goes t * -30 %; WTI goes t times its way from 60 to -40.
    assert spot["crash.x0"] == pytest.approx({"BTC": 100.0, "ETH": 10.0, "USD": 1.0, "WTI": 60.0})
    assert spot["crash.x0.5"] == pytest.approx({"BTC": 80.0, "ETH": 8.5, "USD": 1.0, "WTI": 10.0})
    assert spot["crash.x1"] == spot["crash"] == pytest.approx({"BTC": 64.0, "ETH": 7.0, "USD": 1.0, "WTI": -40.0})
    half = {shock.factor: shock.value for shock in found.shocks_of("crash.x0.5")}
    double = {shock.factor: shock.value for shock in found.shocks_of("crash.x2")}
    assert (half["rate:USD"], half["margin_rate:*"]) == (0.01, 2.0)
    assert double["spot:BTC"] == pytest.approx(-0.5904, rel=1e-15)
    assert (double["rate:USD"], double["margin_rate:*"]) == (0.04, 5.0)
    scenario = found.scenario("crash.x2")
    assert (scenario.name, scenario.horizon_days, scenario.decay, scenario.source) == ("Crash, 2 times", 2.0, True, "hand")
    assert (scenario.family, scenario.headline) == ("sensitivity", False)


def test_a_share_of_a_replace_goes_from_the_base_whatever_else_moves(tmp_path: Path) -> None:
    shocks = '{factor: "spot:WTI", replace: -40.0, share: 0.5}, {factor: "spot:*", relative: -0.1}'
    text = f"scenarios:\n  - id: half\n    shocks: [{shocks}]\n"
    assert _spot(_load(tmp_path, text))["half"] == pytest.approx({"BTC": 90.0, "ETH": 9.0, "USD": 1.0, "WTI": 10.0})


def test_a_generated_set_reads_back_from_parquet_as_it_is(tmp_path: Path) -> None:
    found = _load(tmp_path, CRASH + "generators:\n  - {kind: multiple, of: crash, by: [0.5, 2]}\n")
    found.frame().write_parquet(tmp_path / "set.parquet")
    again = load_scenarios([tmp_path / "set.parquet"])
    assert again.ids == found.ids
    assert again.shocks.drop("where", "term").equals(found.shocks.drop("where", "term"))
    assert _spot(again) == _spot(found)


@pytest.mark.parametrize(
    ("generator", "faults"),
    [
        ("{kind: gird, id: a}", [("must be one of grid, ladder, multiple, historical, monte_carlo, complete, not 'gird'", 3)]),
        ("{kind: ladder, id: a, factor: 'spot:BTC'}", [("the shock has no shift", 3)]),
        ("{kind: ladder, id: a, factor: 'spot:BTC', relative: [0.1, 0.1]}", [("0.1 stands twice", 3)]),
        ("{kind: ladder, id: a, factor: 'spot:BTC', relative: []}", [("an empty list makes no scenario", 3)]),
        ("{kind: ladder, id: a, factor: 'spot:BTC', relative: {from: 0, to: 1}}", [("`steps` is missing", 3)]),
        ("{kind: ladder, id: a, factor: 'spot:BTC', relative: .nan}", [("must be a finite number, not nan", 3)]),
        ("{kind: ladder, id: a, factor: 'rate:USD', relative: 0.1}", [("`relative` has no meaning for a rate, which may be zero at base", 3)]),
        ("{kind: ladder, id: a, factor: 'spot:BTC', relative: 0.1, steps: 3}", [("unknown key `steps`", 3)]),
        ("{kind: grid, id: a, axes: []}", [("a grid without axes makes no scenario", 3)]),
        (
            "{kind: grid, id: a, axes: [{factor: 'spot:A', relative: &many {from: 0, to: 1, steps: 2000}}, {factor: 'spot:B', relative: *many}]}",
            [("makes 4,000,000 scenarios", 3)],
        ),
        ("{kind: multiple, of: crahs, by: 2}", [("no scenario `crahs` is stated", 3)]),
        ("{kind: multiple, of: base, by: 2}", [("no scenario `base` is stated", 3)]),
        ("{kind: ladder, id: base, factor: 'spot:BTC', relative: 0.1}", [("`base` is the snapshot without shocks, which is always computed", 3)]),
    ],
)
def test_faults_of_generators(tmp_path: Path, generator: str, faults: list[tuple[str, int | None]]) -> None:
    assert _faults(tmp_path, f"version: 1\ngenerators:\n  - {generator}\n") == faults


def test_ids_that_stand_twice_and_multiples_that_are_no_number_are_told_together(tmp_path: Path) -> None:
    text = (
        'version: 1\nscenarios:\n  - id: below\n    shocks: [{factor: "spot:WTI", relative: -1.5}]\n'
        "  - id: below.x2\n    shocks: []\n"
        "generators:\n  - {kind: multiple, of: below, by: [0.5, 2]}\n"
    )
    assert _faults(tmp_path, text) == [
        ("0.5 times the shock of `below` on spot:WTI is no number", 8),
        (f"scenario `below.x2` is already in {tmp_path / 'set.yaml'}", 8),
    ]


def test_a_generated_scenario_has_the_line_of_its_generator(tmp_path: Path) -> None:
    found = _load(tmp_path, 'version: 1\ngenerators:\n  - {kind: ladder, id: a, factor: "spot:BTC", relative: [-0.9, -2.0]}\n')
    assert lines_of(found.scenarios[1:]) == [3, 3]
    with pytest.raises(StressTestError) as caught:
        _spot(found)
    assert [(fault.line, "`a.spot_btc_-2`" in fault.what) for fault in caught.value.faults] == [(3, True)]


SIZES = st.floats(-0.99, 5.0)
TIMES = st.floats(0.0, 3.0)


def _table(value: float, shift: str, mode: str = "compound") -> pl.DataFrame:
    return pl.DataFrame([Shock.model_validate({"factor": "spot:BTC", shift: value, "mode": mode}).row(0)], schema=SHOCKS, orient="row")


@given(SIZES, TIMES, TIMES)
def test_multiples_of_compound_shocks_chain(value: float, first: float, second: float) -> None:
    """Going s times and then t times as far is going s + t times: (1+v)^s (1+v)^t = (1+v)^(s+t)."""
    one, two, both = (1.0 + multiple(_table(value, "relative"), times)["value"][0] for times in (first, second, first + second))
    assert one * two == pytest.approx(both, rel=1e-12)


@given(SIZES, st.sampled_from(["relative", "absolute", "scale", "replace"]))
def test_once_is_the_shock_itself_and_zero_times_is_nothing(value: float, shift: str) -> None:
    shocks = _table(value, shift)
    assert multiple(shocks, 1.0).equals(shocks)
    none = multiple(shocks, 0.0)
    moved = {"relative": none["value"][0], "absolute": none["value"][0], "scale": none["value"][0] - 1.0, "replace": none["share"][0]}[shift]
    assert np.isclose(moved, 0.0, atol=0.0)
