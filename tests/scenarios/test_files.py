"""Scenario files in YAML: what is read, and every fault with file, line and scenario."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stresstest.errors import ExitCode, StressTestError
from stresstest.scenarios.files import lines_of, load_scenarios
from stresstest.scenarios.scenario_file import ScenarioFile
from stresstest.scenarios.scenario_set import Scenario, ScenarioSet, with_headlines

SHARED = Path(__file__).parents[2] / "../shared/data"

FULL = """
version: 1
name: house set
scenarios:
  - id: black_thursday_2020_close
    name: Covid Black Thursday, close to close
    family: historical
    horizon_days: 1
    decay: true
    source: daily closes
    shocks:
      - {factor: "spot:BTC", relative: -0.3717}
      - {factor: "spot:*", where: {asset_class: crypto}, relative: -0.4235}
      - {factor: "vol:*", where: {asset_class: crypto, tenor_days: [0, 90], log_moneyness: [-0.5, 0.5]}, relative: 0.80,
         term: {reference_days: 30, power: 0.30, power_long: 0.13, min_days: 1}}
      - {factor: "spot:WTI", replace: -37.63}
      - {factor: "holding:*", where: {location: bridge-x}, replace: 0}
      - {factor: "margin_rate:*", scale: 1.5}
      - {factor: "basis:*", where: {kind: [future, perpetual]}, absolute: -0.1, annualised: true}
  - id: grid.1
    family: sensitivity
    shocks: [{factor: "spot:BTC", relative: 0.1, mode: linear}]
  - {id: own, family: sensitivity, headline: true, shocks: []}
"""


def _load(tmp_path: Path, text: str) -> ScenarioSet:
    (tmp_path / "s.yaml").write_text(text)
    return load_scenarios([tmp_path / "s.yaml"])


def _faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        _load(tmp_path, text)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    return [fault.text().replace(f"{tmp_path}/", "") for fault in caught.value.faults]


def test_everything_of_a_file_is_read_with_base_first(tmp_path: Path) -> None:
    loaded = _load(tmp_path, FULL)
    assert loaded.ids == ("base", "black_thursday_2020_close", "grid.1", "own")
    assert loaded.name == "house set"
    thursday = loaded.scenario("black_thursday_2020_close")
    assert (thursday.name, thursday.family, thursday.headline) == ("Covid Black Thursday, close to close", "historical", True)
    assert (thursday.horizon_days, thursday.decay, thursday.source, thursday.weight) == (1.0, True, "daily closes", None)
    assert thursday.elapsed_years == 1 / 365
    assert [each.headline for each in loaded] == [False, True, False, True]
    assert loaded.scenario("grid.1").name == "grid.1"
    assert loaded.scenario("base").elapsed_years == 0.0
    assert lines_of(loaded) == [None, 5, 20, 23]


def test_shocks_come_back_as_they_were_written(tmp_path: Path) -> None:
    shocks = _load(tmp_path, FULL).shocks_of("black_thursday_2020_close")
    assert [(each.factor, each.shift, each.value) for each in shocks] == [
        ("spot:BTC", "relative", -0.3717), ("spot:*", "relative", -0.4235), ("vol:*", "relative", 0.8), ("spot:WTI", "replace", -37.63),
        ("holding:*", "replace", 0.0), ("margin_rate:*", "scale", 1.5), ("basis:*", "absolute", -0.1),
    ]  # fmt: skip
    where, term = shocks[2].where, shocks[2].term
    assert where is not None
    assert term is not None
    assert (where.asset_class, where.tenor_days, where.log_moneyness) == (("crypto",), (0, 90), (-0.5, 0.5))
    assert (term.reference_days, term.power, term.power_long, term.min_days) == (30, 0.3, 0.13, 1)
    assert shocks[6].annualised
    assert _load(tmp_path, FULL).shocks_of("grid.1")[0].mode == "linear"
    assert _load(tmp_path, FULL).shocks_of("base") == ()


def test_a_set_survives_parquet(tmp_path: Path) -> None:
    loaded = _load(tmp_path, FULL.replace("  - {id: own, family: sensitivity, headline: true, shocks: []}", ""))
    loaded.frame().write_parquet(tmp_path / "set.parquet")
    again = load_scenarios([tmp_path / "set.parquet"])
    assert again.frame().equals(loaded.frame())
    assert [(each.id, each.name, each.headline, each.decay) for each in again] == [(each.id, each.name, each.headline, each.decay) for each in loaded]
    for scenario_id in loaded.ids:
        assert again.shocks_of(scenario_id) == loaded.shocks_of(scenario_id)


@pytest.mark.parametrize(("shock", "fault"), [
    ('{factor: "spot:BTC"}', "the shock has no shift. Give one of relative, absolute, scale, replace."),
    ('{factor: "spot:BTC", relative: 0.1, replace: 5}', "two shift types in a shock: relative and replace. Write two shocks; they compose."),
    ('{factor: "spto:BTC", relative: 0.1}', "unknown factor type `spto`. Did you mean `spot`?"),
    ('{factor: "BTC", relative: 0.1}', "unknown factor type `BTC`. Types: spot, vol, rate, basis, collateral, haircut, holding, margin_rate, depth."),
    ('{factor: "spot:", relative: 0.1}', "`spot:` names nothing. Write spot:NAME, or spot:* for all."),
    ('{factor: "spot:BT*", relative: 0.1}',
     "`spot:BT*`: * stands for all names only when it stands alone. Name the factors one by one, or use `where`."),
    ('{factor: "spot:BTC", relative: .nan}', "must be a finite number, not nan"),
    ('{factor: "spot:BTC", relative: -.inf}', "must be a finite number, not -inf"),
    ('{factor: "spot:BTC", relative: 1e999}', "must be a finite number, not inf"),
    ('{factor: "spot:BTC", relative: "-0.3"}', "must be a number, not '-0.3'. Write it without quotes."),
    ('{factor: "spot:BTC", relative: true}', "must be a number, not true"),
    ('{factor: "spot:BTC", relativ: 0.1, scale: 2}', "unknown key `relativ`. Did you mean `relative`?"),
    ('{factor: "basis:F", relative: 0.1}', "`relative` has no meaning for a basis, which may be zero at base. Use absolute or replace."),
    ('{factor: "rate:USD", scale: 2}', "`scale` has no meaning for a rate, which may be zero at base. Use absolute or replace."),
    ('{factor: "spot:*", where: {location: x}, relative: 0.1}',
     "a spot shock cannot be filtered by `location`. Filters there: asset, not_asset, asset_class, tags, not_tags, may_be_negative, risk_group."),
    ('{factor: "margin_rate:*", where: {tags: x}, scale: 2}', "a margin_rate shock cannot be filtered by `tags`. Remove `where`."),
    ('{factor: "spot:*", where: {asset_clas: x}, relative: 0.1}', "unknown key `asset_clas`. Did you mean `asset_class`?"),
    ('{factor: "spot:*", where: {tags: []}, relative: 0.1}', "an empty list selects nothing. Remove the key to select all."),
    ('{factor: "vol:*", where: {tenor_days: [90, 30]}, relative: 0.1}', "the range [90, 30] is empty. Write the smaller end first."),
    ('{factor: "vol:*", where: {option_type: calls}, relative: 0.1}', "must be one of call, put, not 'calls'. Did you mean `call`?"),
    ('{factor: "vol:*", replace: 0.5, term: {reference_days: 30, power: 0.3}}', "scales relative and absolute shifts of vols only. Remove it."),
    ('{factor: "vol:*", relative: 0.5, term: {reference_days: 0, power: 0.3}}', "must be above 0, not 0"),
    ('{factor: "spot:BTC", relative: 0.1, annualised: true}', "has no meaning for a spot shock. Only a basis can be annualised."),
    ('{factor: "spot:BTC", scale: 2, mode: linear}', "`mode: linear` is about multiples of relative shifts. Remove it."),
])  # fmt: skip
def test_faults_of_a_shock_name_line_and_scenario(tmp_path: Path, shock: str, fault: str) -> None:
    [text] = _faults(tmp_path, f"version: 1\nscenarios:\n  - id: crash\n    shocks:\n      - {shock}\n")
    where, words = text.split(": scenario `crash`: ")
    assert where.startswith("s.yaml:5, scenarios[0].shocks[0]")
    assert words == fault


@pytest.mark.parametrize(("scenario", "fault"), [
    ("{id: base, shocks: []}", "`base` is the snapshot without shocks, which is always computed. Choose another id, or remove the scenario."),
    ("{id: Crash, shocks: []}", "id 'Crash' has other characters than a-z, 0-9, _ . -. Use lower case and underscores, for example btc_down_30."),
    ("{id: x, family: historic, shocks: []}",
     "must be one of historical, hypothetical, operational, sensitivity, reverse, not 'historic'. Did you mean `historical`?"),
    ("{id: x, horizon_days: -1, shocks: []}", "must be at least 0, not -1"),
    ("{id: x, headline: yes, shocks: []}", "must be true or false, not 'yes'"),
    ("{id: x}", "`shocks` is missing. Add `shocks`."),
    ("{shocks: []}", "`id` is missing. Add `id`."),
])  # fmt: skip
def test_faults_of_a_scenario(tmp_path: Path, scenario: str, fault: str) -> None:
    [text] = _faults(tmp_path, f"scenarios:\n  - {scenario}\n")
    assert text.startswith("s.yaml:2, scenarios[0]")
    assert text.endswith(fault)


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "scenarios:\n- {id: one, shocks: []}\n- {id: two, shocks: [{factor: 'spot:X', relative: 1, replace: 2, foo: 3}]}\n"
    )
    (tmp_path / "b.yaml").write_text(
        json.dumps({"scenarios": [{"id": "two", "shocks": []}, {"id": "one", "shocks": [{"factor": "spt:X", "scale": 1}]}]}, indent=1)
    )
    with pytest.raises(StressTestError) as caught:
        load_scenarios([tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "none.yaml", tmp_path / "none.parquet"])
    texts = [fault.text().replace(f"{tmp_path}/", "") for fault in caught.value.faults]
    assert texts == [
        ("a.yaml:3, scenarios[1].shocks[0].foo: scenario `two`: unknown key `foo`. "
        "Known keys: factor, where, relative, absolute, scale, replace, share, mode, annualised, term, source, grade."),
        "a.yaml:3, scenarios[1].shocks[0].replace: scenario `two`: two shift types in a shock: relative and replace. Write two shocks; they compose.",
        "b.yaml:11, scenarios[1].shocks[0].factor: scenario `one`: unknown factor type `spt`. Did you mean `spot`?",
        "b.yaml:4, scenarios[0].id: scenario `two` is already in a.yaml. Ids are unique over all files.",
        "b.yaml:8, scenarios[1].id: scenario `one` is already in a.yaml. Ids are unique over all files.",
        "none.yaml: no such file. Check the path; paths in a file are relative to that file.",
        "none.parquet, scenario set: no such file. Check the path; paths in a file are relative to that file.",
    ]  # fmt: skip


def test_an_id_twice_in_one_file(tmp_path: Path) -> None:
    assert _faults(tmp_path, "scenarios:\n- {id: x, shocks: []}\n- {id: x, shocks: []}\n") == [
        "s.yaml:3, scenarios[1].id: scenario `x` is already in s.yaml. Ids are unique over all files."
    ]


def test_no_files_leave_the_base(tmp_path: Path) -> None:
    assert load_scenarios([]).ids == ("base",)


def test_an_unknown_scenario_is_suggested_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(StressTestError) as caught:
        _load(tmp_path, FULL).scenario("grid_1")
    assert caught.value.hint == "Did you mean `grid.1`?"


def test_scenarios_that_are_stated_are_listed_before_those_that_generators_make(tmp_path: Path) -> None:
    text = """
scenarios: [{id: crash, shocks: [{factor: "spot:BTC", relative: -0.3}]}]
generators:
  - {kind: ladder, id: btc, factor: "spot:BTC", relative: {from: -0.5, to: 0.5, steps: 41}}
  - {kind: multiple, of: crash, by: 2}
"""
    found = _load(tmp_path, text)
    assert found.suggestion("nothing") == "Scenarios: base, crash, btc.*, crash.x2."
    assert found.suggestion("nothing", base=False) == "Scenarios: crash, btc.*, crash.x2."
    assert found.suggestion("crash.x3") == "Did you mean `crash.x2`?"


def test_headlines_can_be_chosen(tmp_path: Path) -> None:
    chosen = with_headlines(_load(tmp_path, FULL), ["grid.1"])
    assert [each.id for each in chosen if each.headline] == ["grid.1"]
    with pytest.raises(StressTestError) as caught:
        with_headlines(chosen, ["base", "gird.1"])
    assert [fault.text() for fault in caught.value.faults] == [
        "headline: no scenario `base`. Scenarios: black_thursday_2020_close, grid.1, own.", "headline: no scenario `gird.1`. Did you mean `grid.1`?",
    ]  # fmt: skip


def test_the_schema_can_be_printed() -> None:
    assert "scenarios" in json.loads(json.dumps(ScenarioFile.model_json_schema()))["properties"]


def test_scenarios_are_values() -> None:
    assert Scenario("a", "A", "historical", headline=True) == Scenario("a", "A", "historical", headline=True)


@pytest.mark.skipif(not SHARED.exists(), reason="recorded data is not here")
def test_recorded_scenario_files_load() -> None:
    loaded = load_scenarios([SHARED / "hyperliquid_2026_01_14/scenarios.yaml", SHARED / "mango_2021_10_04/scenarios.yaml"])
    assert loaded.ids[1:3] == ("liq.00.btc", "liq.00.eth")
    assert loaded.shocks_of("liq.00.btc")[0].value == 5387394.780126498
    assert [each.headline for each in loaded][-2:] == [False, True]
