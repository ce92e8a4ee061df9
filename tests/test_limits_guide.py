"""docs/limits-guide.md: its limits load, its statements run, and its table is that of the program."""

from __future__ import annotations

import re
from pathlib import Path

from stresstest.config import load_run
from stresstest.config.built_in_limits import BUILT_INS
from stresstest.results.limit_sql import MEMORY, SECONDS, check_queries
from stresstest.tables import RESULT_TABLES, RUN_TABLES

GUIDE = (Path(__file__).parents[1] / "docs" / "limits-guide.md").read_text(encoding="utf-8")


def test_the_table_of_built_ins_is_that_of_the_program():
    rows = re.findall(r"^\| `([a-z0-9_]+)` \| (\w+) \| (.*) \| (.*) \|$", GUIDE, re.MULTILINE)
    assert rows == [(each.name, each.unit, each.definition, ", ".join(f"`{name}`" for name in each.parameters)) for each in BUILT_INS.values()]


def test_its_limits_load_and_its_statements_can_be_run(tmp_path: Path):
    ((example, *more),) = [re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    assert not more
    (tmp_path / "run.yaml").write_text(f"snapshot: s\nscenarios: []\nmargin: m\n{example}")
    limits = load_run(tmp_path / "run.yaml").limits
    statements = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
    assert (len(limits), len(statements)) == (5, 4)
    queries = [*(limit.query for limit in limits), *statements]
    assert check_queries(queries, RUN_TABLES, [table.name for table in RESULT_TABLES]) == [None] * len(queries)


def test_bounds_that_it_names_are_those_of_the_program():
    assert (f"it may take {SECONDS:g} seconds", MEMORY) == ("it may take 30 seconds", 1 << 30)
    assert "it may take 30 seconds and\n1 GiB" in GUIDE
