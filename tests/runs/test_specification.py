from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from stresstest.config import RunFile
from stresstest.margin.rulebook import Rulebook
from stresstest.runs.specification import specification
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.scenario_set import ScenarioSet

SETTINGS = RunFile.model_validate({"version": 1, "snapshot": "s", "scenarios": ["x.yaml"], "margin": "m.yaml"})
RULES = Rulebook.model_validate({"version": 1, "collateral_schedules": {}, "margin_schedules": {}, "models": {"default": {"kind": "tiered"}}})
SHOCKS = '- {factor: "spot:BTC", relative: -0.3}\n      - {factor: "spot:*", where: {tags: [coin]}, relative: -0.4}'


def scenarios(folder: Path, shocks: str = SHOCKS, header: str = "id: crash") -> ScenarioSet:
    path = folder / "set.yaml"
    path.write_text(
        f"version: 1\nscenarios:\n  - {header}\n    name: Crash\n    family: hypothetical\n    shocks:\n      {shocks}\n", encoding="utf-8"
    )
    return load_scenarios([path])


def hashed(given: ScenarioSet) -> str:
    return str(specification(SETTINGS, given, RULES, None, None)["scenarios"])


def test_layout_and_the_kind_of_file_do_not_change_the_hash(tmp_path: Path):
    written = scenarios(tmp_path)
    spaced = scenarios(
        tmp_path, '# house view\n      - {relative: -0.30, factor: "spot:BTC"}\n\n      - {factor: "spot:*", relative: -0.4, where: {tags: coin}}'
    )
    written.frame().write_parquet(tmp_path / "set.parquet")
    from_parquet = load_scenarios([tmp_path / "set.parquet"])
    assert hashed(written) == hashed(spaced) == hashed(from_parquet)


@pytest.mark.parametrize(
    "shocks",
    [
        SHOCKS.replace("-0.3", "-0.31"),
        SHOCKS.replace("spot:BTC", "spot:ETH"),
        SHOCKS.replace("coin", "meme"),
        SHOCKS.replace("relative: -0.3", "absolute: -0.3"),
        "\n      ".join(reversed(SHOCKS.split("\n      "))),
        SHOCKS.split("\n", maxsplit=1)[0],
    ],
)
def test_every_change_of_a_shock_and_of_their_order_changes_the_hash(tmp_path: Path, shocks: str):
    assert hashed(scenarios(tmp_path, shocks)) != hashed(scenarios(tmp_path))


def test_what_a_scenario_is_called_and_whether_it_counts_changes_the_hash(tmp_path: Path):
    before = hashed(scenarios(tmp_path))
    assert hashed(scenarios(tmp_path, header="id: slump")) != before
    assert hashed(scenarios(tmp_path, header="headline: false\n    id: crash")) != before


def test_the_hash_does_not_depend_on_what_was_loaded_before(tmp_path: Path):
    # Categories are numbered in the order in which the process meets them.
    before = hashed(scenarios(tmp_path))
    pl.Series(["spot:ZZZ", "spot:*", "spot:AAA"], dtype=pl.Categorical)
    assert hashed(scenarios(tmp_path)) == before


def test_a_cascade_is_asked_with_what_its_depth_table_says_wherever_it_lies(tmp_path: Path):
    def asked(name: str, text: str) -> object:
        (tmp_path / name).write_text(text)
        cascade = {"impact": {"kind": "depth_table", "table": str(tmp_path / name)}}
        given = RunFile.model_validate({**SETTINGS.model_dump(), "cascade": cascade})
        return specification(given, scenarios(tmp_path), RULES, None, None)["cascade"]

    assert specification(SETTINGS, scenarios(tmp_path), RULES, None, None)["cascade"] is None
    assert asked("here.csv", "asset") == asked("there.csv", "asset")
    assert asked("here.csv", "asset") != asked("here.csv", "assets")
