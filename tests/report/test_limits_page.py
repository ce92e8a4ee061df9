"""The page of limits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from stresstest.config.limits import Limit
from stresstest.report.limits import figure, limits_page
from stresstest.report.view import LimitsPage
from stresstest.results.limit_counts import limit_counts
from stresstest.results.limit_sql import Measured
from stresstest.results.limits import judged
from stresstest.results.store import polars_schema
from stresstest.tables import LIMIT_HISTORY, LIMITS

GIVEN: list[tuple[dict[str, Any], Measured]] = [
    ({"name": "calm", "built_in": "book_leverage", "amber": 6, "red": 8, "owner": "Risk"}, Measured(4.0)),
    ({"name": "low", "sql": "SELECT 'a',\n 1.2", "unit": "ratio", "amber": 1.5, "red": 1.0}, Measured(1.25, "acct")),
    ({"name": "fund", "built_in": "cover_2_to_resources", "amber": 0.8, "red": 1.0, "scope": "all owners"}, Measured(1.24, "crash")),
    ({"name": "lost", "built_in": "account_loss", "red": 1e6}, Measured(2e5, "x", "1 of 2 rows have no finite value")),
    ({"name": "none", "built_in": "open_interest_top_share", "red": 0.2}, Measured(None, None, "it gave no row", lacking=True)),
]


def table() -> pl.DataFrame:
    rows = [judged(Limit.model_validate(limit), found) | {"place": place} for place, (limit, found) in enumerate(GIVEN, 1)]
    return pl.DataFrame(rows, schema=polars_schema(LIMITS))


def page(history: pl.DataFrame | None = None) -> LimitsPage:
    found = limits_page(table(), history, limit_counts(table()), "USD", {"crash": "The crash"})
    assert found is not None
    return found


def test_the_worst_is_first_and_every_cell_says_its_figure():
    rows = [[cell.text for cell in row.cells] for row in page().table.rows]
    assert [row[:8] for row in rows] == [
        ["Red", "fund", "The crash", "1.24", "×", ">\xa00.80", ">\xa01.00", "124"],
        ["Unknown", "lost", "x; 1 of 2 rows have no finite value", "200.0k", "USD", "—", ">\xa01.0m", "20"],
        ["Unknown", "none", "no underlying has open interest", "—", "%", "—", ">\xa020", "—"],
        ["Amber", "low", "acct", "1.25", "×", "<\xa01.50", "<\xa01.00", "80"],
        ["Green", "calm", "—", "4.00", "×", ">\xa06.00", ">\xa08.00", "50"],
    ]
    assert page().table.rows[0].cells[1].below == "all owners"
    assert page().summary.startswith("5 limits checked: 1 red, 2 unknown, 1 amber, 1 green.")


def test_without_a_history_it_says_so():
    assert [(row.cells[8].text, row.cells[9].text) for row in page().table.rows] == [("—", "—")] * 5
    assert "This run has no history" in page().table.notes[1]


def test_with_a_history_each_limit_has_its_past():
    now = datetime(2026, 11, 13, tzinfo=UTC)
    rows = [
        {"place": place, "name": limit["name"], "previous_as_of": now, "previous_status": "amber", "previous_value": 1.0,
         "in_breach_since": now, "days_in_breach": place, "red_since": None, "days_red": 0}
        for place, (limit, _) in enumerate(GIVEN, 1)
    ]  # fmt: skip
    rows[0] |= {"previous_status": None, "previous_as_of": None, "days_in_breach": 0}
    found = page(pl.DataFrame(rows, schema=polars_schema(LIMIT_HISTORY)))
    assert [(row.cells[8].text, row.cells[9].text) for row in found.table.rows] == [
        ("Amber", "3"), ("Amber", "4"), ("Amber", "5"), ("Amber", "2"), ("—", "0"),
    ]  # fmt: skip


def test_bars_are_of_limits_with_a_utilisation_and_amber_is_on_their_scale():
    assert [(bar.name, bar.used, bar.amber) for bar in page().utilisation] == [
        ("fund", pytest.approx(1.24), pytest.approx(0.8)),
        ("lost", pytest.approx(0.2), None),
        ("low", pytest.approx(0.8), pytest.approx(1 / 1.5)),
        ("calm", pytest.approx(0.5), pytest.approx(0.75)),
    ]


def test_the_sql_is_there_on_one_line():
    rows = {row.cells[0].text: [cell.text for cell in row.cells] + [row.cells[0].below] for row in page().measures.rows}
    assert rows["low"] == ["low", "—", "SELECT 'a', 1.2", "SQL of the run file"]
    assert "`" not in "".join(cell for row in rows.values() for cell in row)
    assert rows["calm"][1] == "Gross notional over equity of all accounts together, at base"


def test_a_run_without_limits_has_no_page():
    empty = table().clear()
    assert limits_page(empty, None, limit_counts(empty), "USD", {}) is None
    assert limits_page(None, None, limit_counts(empty), "USD", {}) is None


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.05495, "share", "5.5"),
        (0.1, "share", "10"),
        (1.0, "share", "100"),
        (0.12345, "share", "12.35"),
        (0.0, "share", "0"),
        (12345.6, "number", "12,346"),
    ],
)
def test_figures_have_no_needless_zeros(value: float, unit: str, text: str):
    assert figure(value, unit) == text
