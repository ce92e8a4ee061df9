"""What the tables say of themselves: columns that this version reads and does not use are named, in every description of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stresstest.cli.main import app
from stresstest.tables import INPUT_TABLES, RESULT_TABLES

ROOT = Path(__file__).parents[1]
TO_COME = {"owners": {"clearing_member_id"}}


def test_columns_and_tables_that_do_nothing_yet():
    columns = {table.name: {column.name for column in table.columns if column.not_used_yet} for table in INPUT_TABLES}
    assert {name: found for name, found in columns.items() if found} == TO_COME
    assert [table.name for table in INPUT_TABLES if table.not_used_yet] == []
    assert not any(column.not_used_yet for table in RESULT_TABLES for column in table.columns)


def test_no_figure_is_made_of_them():
    """No module behind the checks names such a column."""
    named = {
        node.value
        for room in ("valuation", "margin", "stress", "results")
        for path in (ROOT / "stresstest" / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert named & set().union(*TO_COME.values()) == set()


@pytest.mark.parametrize("table", TO_COME)
def test_formats_and_schema_say_so(table: str):
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    section = page[page.index(f"### {table}\n") :].split("\n### ")[0]
    shown = CliRunner().invoke(app, ["schema", table]).stdout
    for name in TO_COME[table]:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{name}` |")]
        assert "not used in this version" in row
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [name]]
        assert "not used in this version" in line
