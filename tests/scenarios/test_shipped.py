"""`library:NAME` wherever a scenario file may be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from stresstest.config import load_run, overrides_from
from stresstest.errors import ExitCode, Reason, StressTestError
from stresstest.scenarios.files import lines_of, load_scenarios
from stresstest.scenarios.scenario_set import PROVENANCE
from stresstest.scenarios.shipped import file_of, libraries, library_name


def test_the_libraries_are_named_after_their_files() -> None:
    assert libraries() == ("crisis", "standard")
    assert library_name("library:crisis") == "crisis"
    assert library_name("libraries/crisis.yaml") is None
    assert file_of("library:crisis").name == "crisis.yaml"
    assert file_of("own.yaml") == Path("own.yaml")


@pytest.mark.parametrize(("name", "hint"), [
    ("library:crises", "Did you mean `crisis`?"), ("library:house", "Libraries: crisis, standard."), ("library:", "Libraries: crisis, standard."),
    ("library:../../x", "Libraries: crisis, standard."),
])  # fmt: skip
def test_an_unknown_library_is_refused_with_those_that_there_are(name: str, hint: str) -> None:
    with pytest.raises(StressTestError) as caught:
        load_scenarios([name])
    assert caught.value.reason is Reason.SCENARIO
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert caught.value.faults[0].text() == f"{name}: there is no scenario library `{name.removeprefix('library:')}`. {hint}"


def test_libraries_mix_with_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("name: own\nscenarios: [{id: own, shocks: []}]")
    found = load_scenarios([tmp_path / "own.yaml", "library:standard", Path("library:crisis")])
    assert found.ids[:3] == ("base", "own", "coins_down_30")
    assert found.name == "own, Standard hypothetical and operational scenarios, Historical events"
    [line] = lines_of([found.scenario("coins_down_30")])
    assert (file_of("library:standard")).read_text().splitlines()[(line or 0) - 1].strip() == "- id: coins_down_30"


def test_an_id_of_a_library_cannot_be_used_again(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("scenarios: [{id: coins_down_30, shocks: []}]")
    with pytest.raises(StressTestError, match="1 fault"):
        load_scenarios(["library:standard", tmp_path / "own.yaml"])


def test_a_run_file_a_flag_and_a_variable_may_name_one(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("snapshot: s\nscenarios: [library:crisis, own.yaml]\nmargin: m\n")
    assert load_run(tmp_path / "run.yaml").scenarios == ("library:crisis", str(tmp_path / "own.yaml"))
    flag = overrides_from({}, {"scenarios": [Path("library:standard")]}, directory=tmp_path)
    assert load_run(tmp_path / "run.yaml", flag).scenarios == ("library:standard",)
    variable = overrides_from({}, {}, ["scenarios=library:crisis,x.yaml"], directory=tmp_path)
    assert load_run(tmp_path / "run.yaml", variable).scenarios == ("library:crisis", str(tmp_path / "x.yaml"))


def test_a_set_in_parquet_says_the_same(tmp_path: Path) -> None:
    found = load_scenarios(["library:crisis"])
    found.frame().write_parquet(tmp_path / "again.parquet")
    again = load_scenarios([tmp_path / "again.parquet"])
    assert [(each.id, each.source, each.grade, each.any_book) for each in again] == [
        (each.id, each.source, each.grade, each.any_book) for each in found
    ]
    assert again.shocks.select(PROVENANCE).equals(found.shocks.select(PROVENANCE))
    assert again.shocks_of("metals_crash_2026_01_30_close") == found.shocks_of("metals_crash_2026_01_30_close")
