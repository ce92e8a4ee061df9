"""The documents say what is: generated parts are current, examples load, every key is described, links lead somewhere."""

from __future__ import annotations

import re
import runpy
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from stresstest.cli.main import app
from stresstest.config import USUAL_WATERFALL, Cascade, RunFile, load_run
from stresstest.config.impact import KINDS
from stresstest.documents import read_document
from stresstest.errors import ExitCode, Reason
from stresstest.margin.rulebook import Rulebook, load_rulebook
from stresstest.results.identity import Identity
from stresstest.results.manifest import Manifest
from stresstest.results.summary import Summary
from stresstest.scenarios.factors import FACTOR_TYPES
from stresstest.scenarios.files import load_scenarios
from stresstest.scenarios.scenario_file import ScenarioFile

ROOT = Path(__file__).parents[1]
NEEDED = {"version": 1, "snapshot": "s", "scenarios": ["s.yaml"], "margin": "m.yaml"}
FORMATS = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])
YAML = re.compile(r"^```yaml\n# (?P<name>[a-z]+\.yaml)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"`stresstest ([a-z][^`]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder with the example files of docs/formats.md under the names in their first lines."""
    for match in YAML.finditer(FORMATS):
        (tmp_path / match["name"]).write_text(match["text"], encoding="utf-8")
    return tmp_path


def test_generated_parts_are_current():
    current = runpy.run_path(str(ROOT / "docs" / "make_formats.py"))["current"]
    assert current(FORMATS) == FORMATS, "run docs/make_formats.py"


def test_example_run_file_loads(examples: Path):
    run = load_run(examples / "run.yaml")
    assert run.margin == str(examples / "margin.yaml")
    assert run.max_price_age == 3600.0


def test_example_run_file_states_the_defaults(examples: Path):
    run, plain = load_run(examples / "run.yaml"), examples / "plain.yaml"
    plain.write_text("{snapshot: snapshots/2026-11-13, scenarios: [scenarios.yaml], margin: margin.yaml}\n", encoding="utf-8")
    named = {"name", "as_of", "reporting_currency", "max_price_age"}
    assert run.model_dump(exclude=named) == load_run(plain).model_dump(exclude=named)


def test_example_cascade_states_the_defaults(examples: Path):
    run = RunFile.model_validate({**NEEDED, **read_document(examples / "cascade.yaml", Reason.CONFIGURATION).data})
    assert run.cascade == Cascade()
    assert run.waterfall == USUAL_WATERFALL


def test_example_impacts_load_and_are_of_every_kind(examples: Path):
    found = Cascade.model_validate(read_document(examples / "impact.yaml", Reason.CONFIGURATION).data).impact
    assert {each.kind for each in found} == set(KINDS)
    stated = {name for each in found for name, value in each.stated() if value is not None}
    assert stated == {"depth", "slope", "from_volume", "lambda", "y", "daily_vol", "daily_volume", "table"}


def test_example_scenarios_load_and_use_every_factor_type(examples: Path):
    scenarios = load_scenarios([examples / "scenarios.yaml"])
    assert [scenario.id for scenario in scenarios] == ["base", "coin_crash", "operations"]
    assert {factor.partition(":")[0] for factor in scenarios.shocks["factor"]} == set(FACTOR_TYPES)


def test_example_margin_file_loads(examples: Path):
    rulebook = load_rulebook(examples / "margin.yaml")
    assert set(rulebook.margin_schedules) == {"majors", "with_deductions", "by_contract"}


def test_example_portfolio_models_load(examples: Path):
    models = load_rulebook(examples / "portfolio.yaml").models
    assert {name: model.kind for name, model in models.items()} == {
        "default": "tiered",
        "house": "portfolio",
        "clearing_house": "portfolio",
        "by_expiry": "portfolio",
    }


def keys(model: type[BaseModel]) -> set[str]:
    """Every key of a document, at any depth."""
    found: set[str] = set()

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.update(node.get("properties", {}))
            for below in node.values():
                walk(below)
        elif isinstance(node, list):
            for below in node:
                walk(below)

    walk(model.model_json_schema())
    return found


@pytest.mark.parametrize("model", [RunFile, ScenarioFile, Rulebook], ids=lambda model: model.__name__)
def test_every_key_of_the_files_is_in_the_formats(model: type[BaseModel]):
    assert [key for key in sorted(keys(model)) if not re.search(rf"(?:\b{key}:)|(?:`{key}`)", FORMATS)] == []


@pytest.mark.parametrize("model", [Summary, Identity, Manifest], ids=lambda model: model.__name__)
def test_every_key_of_the_documents_is_in_the_formats(model: type[BaseModel]):
    assert [key for key in sorted(keys(model)) if f"`{key}`" not in FORMATS] == []


def test_factor_table_says_what_the_program_knows():
    table = FORMATS.partition("Factors are `type:name`")[2]
    for factor in FACTOR_TYPES.values():
        row = next(line for line in table.splitlines() if line.startswith(f"| `{factor.name}` |"))
        shifts, filters = row.split(" | ")[3:5]
        assert shifts == ("all" if len(factor.shifts) == 4 else ", ".join(f"`{shift}`" for shift in factor.shifts))
        if not filters.startswith("the same"):
            assert re.findall(r"`([a-z_]+)`", filters) == list(factor.filters)


def test_exit_codes_of_the_readme_are_those_of_the_program():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", readme, re.MULTILINE)] == [int(code) for code in ExitCode]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_named_in_the_text_exist(page: Path):
    for words in map(str.split, COMMAND.findall(page.read_text(encoding="utf-8"))):
        command: Any = typer.main.get_command(app)
        while words and hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)} | {"--help"}
        assert [word for word in words if word.startswith("-") and word not in known] == []


def test_the_map_of_the_documents_has_every_page_once():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[[^]]+\]\(([a-z-]+\.md)\) \|", text.partition("## All pages")[2], re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in PAGES if page.parent.name == "docs" and page.name != "index.md")


def _extras(project: dict[str, Any]) -> list[str]:
    return [each for extra in project["project"]["optional-dependencies"].values() for each in extra]


def test_dependencies_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = {re.split(r"[^\w.-]", each)[0] for each in (*project["project"]["dependencies"], *_extras(project), *project["dependency-groups"]["dev"])}
    page = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    told = {name for cell in re.findall(r"^\| ([a-z][^|]*) \|", page, re.MULTILINE) for name in cell.split(", ")} - {"package"}
    assert told == asked


def anchors(text: str) -> Iterator[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    text = page.read_text(encoding="utf-8")
    for target, anchor in LINK.findall(text):
        file = page.parent / target if target else page
        assert file.exists(), target
        if anchor:
            assert anchor in set(anchors(file.read_text(encoding="utf-8"))), f"{target}#{anchor}"
