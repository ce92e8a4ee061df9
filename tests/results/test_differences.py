from __future__ import annotations

import polars as pl
import pytest

from stresstest.errors import Reason, StressTestError
from stresstest.results.differences import difference
from stresstest.tables import Column, Table

BOOK = Table(
    "book",
    "A table with an owner, a key of two, two numbers and a text.",
    (
        Column("owner_id", "string", "the owner"),
        Column("account_id", "string", "the account"),
        Column("scenario_id", "string", "the scenario"),
        Column("loss", "float", "a loss"),
        Column("rows", "integer", "a count"),
        Column("status", "string", "a status"),
    ),
    key=("account_id", "scenario_id"),
)
Row = tuple[str, str, str, float | None, int, str | None]


def frame(*rows: Row) -> pl.DataFrame:
    kinds = (pl.String, pl.String, pl.String, pl.Float64, pl.Int64, pl.String)
    return pl.DataFrame(rows, schema=dict(zip(BOOK.names, kinds, strict=True)), orient="row")


BEFORE = frame(
    ("o", "a", "base", 1.0, 3, "ok"), ("o", "a", "dip", 2.0, 3, "call"), ("o", "b", "base", None, 1, None), ("o", "b", "dip", None, 1, "ok")
)


def test_rows_that_differ_with_both_values_and_the_change():
    after = frame(
        ("o", "a", "base", 1.0, 3, "ok"), ("o", "a", "dip", 5.5, 1, "default"), ("o", "b", "base", None, 1, None), ("o", "b", "dip", 4.0, 1, "ok")
    )
    assert difference(BEFORE, after, BOOK).to_dicts() == [
        {
            "owner_id": "o", "account_id": "a", "scenario_id": "dip", "present": "both", "loss_before": 2.0, "loss_after": 5.5, "loss_change": 3.5,
            "rows_before": 3, "rows_after": 1, "rows_change": -2, "status_before": "call", "status_after": "default",
        },
        {
            "owner_id": "o", "account_id": "b", "scenario_id": "dip", "present": "both", "loss_before": None, "loss_after": 4.0, "loss_change": None,
            "rows_before": 1, "rows_after": 1, "rows_change": 0, "status_before": "ok", "status_after": "ok",
        },
    ]  # fmt: skip


def test_rows_of_one_side_have_no_change():
    after = frame(("o", "c", "base", 7.0, 1, "ok"), *BEFORE.rows()[1:])
    found = difference(BEFORE, after, BOOK, ["loss"])
    assert found.columns == ["owner_id", "account_id", "scenario_id", "present", "loss_before", "loss_after", "loss_change"]
    assert found.rows() == [("o", "c", "base", "after", None, 7.0, None), ("o", "a", "base", "before", 1.0, None, None)]


def test_rows_stand_as_they_do_after():
    after = BEFORE.reverse().with_columns(rows=pl.lit(9, pl.Int64))
    found = difference(BEFORE, after, BOOK, ["rows"])
    assert found["account_id"].to_list() == ["b", "b", "a", "a"]
    assert found["scenario_id"].to_list() == ["dip", "base", "dip", "base"]


def test_equal_tables_do_not_differ():
    assert difference(BEFORE, BEFORE, BOOK).is_empty()
    assert difference(BEFORE.clear(), BEFORE.clear(), BOOK).is_empty()
    assert difference(BEFORE.clear(), BEFORE, BOOK)["present"].to_list() == ["after"] * 4


@pytest.mark.parametrize(("tolerance", "expected"), [(0.0, 1), (0.25, 0), (0.2, 1)])
def test_numbers_within_the_tolerance_are_the_same(tolerance: float, expected: int):
    after = BEFORE.with_columns(loss=pl.when(scenario_id="dip").then(pl.col("loss") + 0.25).otherwise("loss"))
    assert difference(BEFORE, after, BOOK, tolerance=tolerance).height == expected


def test_a_null_is_no_number_within_any_tolerance():
    after = BEFORE.with_columns(loss=pl.lit(0.0))
    assert difference(BEFORE, after, BOOK, ["loss"], tolerance=10.0)["account_id"].to_list() == ["b", "b"]


@pytest.mark.parametrize("tolerance", [-1.0, float("nan")])
def test_what_cannot_be_compared_is_named_all_at_once(tolerance: float):
    with pytest.raises(StressTestError) as caught:
        difference(BEFORE, BEFORE, BOOK, ["los", "account_id"], tolerance)
    assert caught.value.reason is Reason.USAGE
    assert [fault.column for fault in caught.value.faults] == ["los", "account_id", None]
    assert "loss" in caught.value.faults[0].hint
