"""docs/scenario-tools.md says what is: findings, columns, limits, and a query that works."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import duckdb
import pytest

from stresstest.config import load_run
from stresstest.runs.scenarios.expanding import expand
from stresstest.scenarios.findings import FindingKind
from stresstest.scenarios.plain_checks import LONGEST_ID, LONGEST_NAME
from stresstest.tables import SCENARIO_FACTORS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "scenario-tools.md").read_text(encoding="utf-8")


def first_cells(heading: str) -> list[str]:
    """The names in the first column of the table under a header line."""
    rows = PAGE.partition(heading)[2].partition("\n\n")[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[1])]


def test_every_finding_is_described():
    assert sorted(first_cells("| finding | severity")) == sorted(get_args(FindingKind))
    assert f"more than {LONGEST_ID} or {LONGEST_NAME} characters" in PAGE


def test_every_column_is_described():
    assert first_cells("| column | what |") == list(SCENARIO_FACTORS.names)


def test_the_query_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    expand(load_run(ROOT / "sample_data" / "run.yaml"), tmp_path / "factors.parquet", ids=["luna_2022_week"])
    (query,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    with duckdb.connect() as connection:
        rows = connection.sql(query).fetchall()
    # Of the scenario's own shocks the largest falls are those of the other coins, -33.3 %.
    assert {round(row[4], 6) for row in rows} == {-0.333}
    assert len(rows) == 10
