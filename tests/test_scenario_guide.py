"""The scenario guide: its tables are those of the libraries, its examples load, and its lists of keys are complete."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import get_args

import pytest

from stresstest.config import load_run
from stresstest.runs.scenarios.expanding import write_scenarios
from stresstest.scenarios.factors import FACTOR_TYPES, SHIFTS
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.model import Grade, Where
from stresstest.scenarios.shipped import file_of, libraries

pytestmark = pytest.mark.usefixtures("made_once")

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "scenario-guide.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_generated_parts_are_current():
    current = runpy.run_path(str(ROOT / "docs" / "make_scenario_tables.py"))["current"]
    assert current(GUIDE) == GUIDE, "run docs/make_scenario_tables.py"


def test_every_shipped_scenario_is_listed():
    for library in libraries():
        assert f"## library:{library}" in GUIDE
        assert [each for each in load_scenarios([f"library:{library}"]).ids[1:] if f"| `{each}` |" not in GUIDE] == []


@pytest.mark.parametrize("text", EXAMPLES, ids=range(len(EXAMPLES)))
def test_examples_load(text: str, tmp_path: Path):
    (tmp_path / "example.yaml").write_text(text, encoding="utf-8")
    if "historical" in text:
        # On the sample's history, expanded to what a run computes: base, the stated one, the days of half a year (coins trade on all), a thousand
        # draws, and the completion.
        settings = load_run(ROOT / "sample_data" / "run.yaml", {"scenarios": [str(tmp_path / "example.yaml")]})
        found = load_scenarios([write_scenarios(settings, tmp_path / "expanded.parquet").file])
        kinds = [name.partition(".")[0] for name in found.ids]
        assert {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)} == {"base": 1, "crash": 2, "replay": 181, "mc": 1000}
        assert "spot:USDE as 0.01 x spot:BTC" in str(found.scenario("replay.2026-03-12").source)
        assert len(found.shocks_of("crash.complete")) == 66
        return
    # Base and the one scenario; of the example of generators those of a grid of 15, a ladder of 25 and three multiples besides.
    assert len(load_scenarios([tmp_path / "example.yaml"])) == (2 if "generators" not in text else 2 + 15 + 25 + 3)


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


def test_every_factor_shift_filter_and_grade_is_explained():
    rows = re.findall(r"^\| (.*?) \|", GUIDE, re.MULTILINE)
    assert [kind for kind in FACTOR_TYPES if not any(row.startswith(f"`{kind}:") for row in rows)] == []
    assert [shift for shift in SHIFTS if f"`{shift}: v`" not in rows] == []
    assert [key for key in Where.model_fields if not any(f"`{key}`" in row for row in rows)] == []
    assert [grade for grade in get_args(Grade) if grade not in rows] == []


def test_names_and_tags_that_the_libraries_look_for_are_told():
    told = GUIDE.partition("## What the libraries look for")[2].partition("## library:crisis")[0]
    for library in libraries():
        text = file_of(f"library:{library}").read_text(encoding="utf-8")
        tags = {word for found in re.findall(r"(?<!not_)tags: (\[.*?\]|\w+)", text) for word in re.findall(r"\w+", found)}
        assert [tag for tag in sorted(tags) if f"`{tag}`" not in told] == []
        classes = {word for found in re.findall(r"asset_class: (\[.*?\]|\w+)", text) for word in re.findall(r"\w+", found)}
        assert [each for each in sorted(classes) if f"`{each}`" not in told] == []
