#!/usr/bin/env python3
"""Write the generated parts of docs/scenario-guide.md: the shipped scenarios, from the library files themselves.

A generated part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->`. Run it after a change of a library;
tests/test_scenario_guide.py fails while the page is not current.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import get_args

from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.model import Grade
from stresstest.scenarios.scenario_set import Scenario, ScenarioSet

PAGE = Path(__file__).with_name("scenario-guide.md")
PART = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end of (?P=name) -->)", re.DOTALL)


def cell(text: str) -> str:
    """The text as it may stand in a Markdown table."""
    return text.replace("|", "\\|")


def grades(found: ScenarioSet, scenario: Scenario) -> str:
    """How many shocks of a scenario have which grade, best first."""
    count = Counter(shock.grade or scenario.grade for shock in found.shocks_of(scenario.id))
    return ", ".join(f"{count[grade]} {grade}" for grade in get_args(Grade) if count[grade])


def crisis() -> str:
    """A row per historical scenario."""
    found = load_scenarios(["library:crisis"])
    lines = ["| scenario | what | source | shocks by grade |", "|---|---|---|---|"]
    for each in found.scenarios[1:]:
        about = cell(each.name) + ("" if each.headline else "; not headline")
        lines.append(f"| `{each.id}` | {about} | {cell(each.source or '')} | {grades(found, each)} |")
    return "\n".join(lines)


def standard() -> str:
    """A row per scenario of the standard set."""
    lines = ["| scenario | family | what | measured against |", "|---|---|---|---|"]
    lines += [
        f"| `{each.id}` | {each.family} | {cell(each.name)} | {cell(each.source or '')} |"
        for each in load_scenarios(["library:standard"]).scenarios[1:]
    ]  # fmt: skip
    return "\n".join(lines)


def parts() -> dict[str, str]:
    """The generated parts by name."""
    return {"crisis": crisis(), "standard": standard()}


def current(page: str) -> str:
    """The page with its generated parts renewed."""
    made = parts()
    return PART.sub(lambda match: f"{match[1]}\n{made[match['name']]}\n\n{match[3]}", page)


if __name__ == "__main__":
    PAGE.write_text(current(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
