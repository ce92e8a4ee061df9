"""docs/cascade-guide.md: its commands run, every query gives the table below it, and the book it tells of is the one that is shipped."""

from __future__ import annotations

import filecmp
import re
import runpy
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from cli.in_process import exit_code
from oracle.cascade import cascade_of
from oracle.reading import read_question, read_yaml

from stresstest.config import load_run
from stresstest.tables import CASCADE_TABLES

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "sample_data" / "contagion"
PAGE = (ROOT / "docs" / "cascade-guide.md").read_text(encoding="utf-8")
COMMANDS = [line[2:] for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()]
QUERIES = re.findall(r"^```sql\n(.*?)^```\n\n((?:\|[^\n]*\n)+)", PAGE, re.MULTILINE | re.DOTALL)


def cell(value: object) -> str:
    """A figure as the page writes it."""
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".").replace("-0", "0" if round(value, 2) == 0.0 else "-0")
    return "" if value is None else str(value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, read_here: None, all_drawn_here: None) -> Iterator[Path]:
    """A folder in which somebody has run the commands of the page."""
    with pytest.MonkeyPatch.context() as patched:
        place = tmp_path_factory.mktemp("cascade-guide")
        (place / "sample_data").symlink_to(ROOT / "sample_data")
        patched.chdir(place)
        (command,) = COMMANDS
        assert exit_code([*command.split()[1:], "--formats", "json"]) == 0
        yield place / "contagion"


def test_every_query_gives_the_table_below_it(folder: Path):
    assert len(QUERIES) == PAGE.count("```sql")
    with duckdb.connect() as connection:
        for table in CASCADE_TABLES:
            connection.read_parquet(str(folder / f"{table.name}.parquet")).create_view(table.name)
        for query, told in QUERIES:
            found = connection.sql(query)
            names, _, *rows = [[each.strip() for each in line.strip().strip("|").split("|")] for line in told.splitlines()]
            assert found.columns == names
            assert [[cell(value) for value in row] for row in found.fetchall()] == rows


def test_the_shipped_book_is_the_one_that_its_script_makes(tmp_path: Path):
    runpy.run_path(str(EXAMPLE / "make_contagion.py"))["main"](tmp_path)
    names = sorted(path.name for path in (EXAMPLE / "snapshot").iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    assert filecmp.cmpfiles(EXAMPLE / "snapshot", tmp_path, names, shallow=False)[0] == names


def test_the_naive_calculation_tells_the_same_story():
    question, terms = read_question(EXAMPLE), read_yaml(EXAMPLE / "run.yaml")["cascade"]
    margin = {"models": {"default": {}}, **question.margin}
    found = {scenario["id"]: cascade_of(question.snapshot, margin, terms, scenario) for scenario in question.scenarios}
    prices = {name: (each.prices["A"], each.prices["B"]) for name, each in found.items()}
    assert prices == {"a_dips": (85.0, 100.0), "a_falls": pytest.approx((74.0, 92.0)), "a_crashes": pytest.approx((66.0, 92.0))}
    assert found["a_falls"].by_account(found["a_falls"].equity) == pytest.approx({"X": 400.0, "Y": 100.0, "Z": 1_400.0})
    assert [each.deficit for each in found.values()] == pytest.approx([0.0, 0.0, 400.0])


def test_its_section_loads(tmp_path: Path):
    ((section,),) = [re.findall(r"```yaml\n# cascade\.yaml\n(.*?)```", PAGE, re.DOTALL)]
    (tmp_path / "run.yaml").write_text(f"snapshot: s\nscenarios: []\nmargin: m\n{section}", encoding="utf-8")
    cascade = load_run(tmp_path / "run.yaml").cascade
    assert cascade is not None
    assert (cascade.policy, cascade.halt_rounds, len(cascade.impact)) == ("partial_to_target", 2, 2)
