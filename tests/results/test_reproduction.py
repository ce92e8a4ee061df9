from __future__ import annotations

import math
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.results.reproduction import CLOSE, TableCheck, compare_document, compare_table
from stresstest.results.store import write_table
from stresstest.tables import Column, Table

TABLE = Table(
    "figures",
    "For tests.",
    (
        Column("account_id", "string", "the account", nullable=False),
        Column("status", "string", "text"),
        Column("equity", "float", "money", "USD"),
        Column("pnl", "float", "money", "USD"),
        Column("leverage", "float", "no unit"),
        Column("positions", "integer", "a number"),
    ),
    key=("account_id",),
)
ROWS = {
    "account_id": ["a", "b", "c"], "status": ["ok", "ok", "call"], "equity": [1e6, 2e6, 3e6], "pnl": [-0.5, 0.25, None], "leverage": [2.0, 3.0, 4.0],
    "positions": [1, 2, 3],
}  # fmt: skip


def check(folder: Path, again: dict[str, list[object]], relative: float | None = None, run: dict[str, list[object]] | None = None) -> TableCheck:
    for name, rows in (("run", run or ROWS), ("again", ROWS | again)):
        frame = pl.DataFrame(rows, schema_overrides={"pnl": pl.Float64, "leverage": pl.Float64})
        write_table(frame, TABLE, folder / name / "figures.parquet")
    return compare_table(folder / "run", folder / "again", TABLE, relative)


def test_the_first_value_that_differs_is_named_with_its_row_and_counted(tmp_path: Path):
    found = check(tmp_path, {"pnl": [-0.5, 0.5, 7.0], "status": ["ok", "call", "call"]})
    assert (found.outcome, found.rows, found.different_rows, found.different_values) == ("different", 3, 2, 3)
    assert found.first is not None
    assert found.first.model_dump() == {"key": {"account_id": "b"}, "present": "both", "column": "status", "run": "ok", "again": "call"}


def test_bit_for_bit_the_last_bit_counts(tmp_path: Path):
    found = check(tmp_path, {"equity": [1e6, math.nextafter(2e6, 3e6), 3e6]})
    assert (found.outcome, found.different_rows, found.different_values) == ("different", 1, 1)
    assert found.first is not None
    assert (found.first.column, found.first.run, found.first.again) == ("equity", 2e6, 2000000.0000000002)


def test_a_row_that_one_side_lacks_differs_as_a_whole(tmp_path: Path):
    short = {name: values[:2] for name, values in ROWS.items()}
    found = check(tmp_path, dict(short))
    assert (found.outcome, found.different_rows, found.different_values) == ("different", 1, 0)
    assert found.first is not None
    assert (found.first.key, found.first.present, found.first.column) == ({"account_id": "c"}, "run", None)


# A figure may be the small difference of large ones of its unit: 1e-12 of the equity of a million is 1e-6, whatever the pnl is.
@pytest.mark.parametrize(
    ("again", "outcome"),
    [
        ({"pnl": [-0.5 + 0.9e-6, 0.25, None]}, "close"),
        ({"pnl": [-0.5 + 1.1e-6, 0.25, None]}, "different"),
        ({"equity": [1e6 * (1 + 0.9e-12), 2e6, 3e6]}, "close"),
        ({"equity": [1e6 * (1 + 1.2e-12), 2e6, 3e6]}, "different"),
        ({"leverage": [2.0 * (1 + 0.9e-12), 3.0, 4.0]}, "close"),
        ({"leverage": [2.0 * (1 + 1.1e-12), 3.0, 4.0]}, "different"),
        ({"pnl": [None, 0.25, None]}, "different"),
        ({"positions": [1, 2, 4]}, "different"),
        ({"status": ["ok", "ok", "ok"]}, "different"),
    ],
)
def test_on_another_machine_figures_may_differ_by_rounding_and_nothing_else(tmp_path: Path, again: dict[str, list[object]], outcome: str):
    assert check(tmp_path, again, CLOSE).outcome == outcome


def test_the_largest_difference_is_relative_to_the_largest_figure_of_its_unit_in_its_row(tmp_path: Path):
    found = check(tmp_path, {"pnl": [-0.5, 0.25 + 1e-6, None], "leverage": [2.0 + 2**-50, 3.0, 4.0]}, CLOSE)
    assert found.outcome == "close"
    assert found.largest == pytest.approx(1e-6 / 2e6, rel=1e-6)


def test_the_same_values_in_other_bytes_are_not_the_same_bit_for_bit(tmp_path: Path):
    run = ROWS | {"pnl": [-0.5, 0.0, None]}
    for relative, outcome in ((None, "different"), (CLOSE, "close")):
        found = check(tmp_path, {"pnl": [-0.5, -0.0, None]}, relative, dict(run))
        assert (found.outcome, found.different_rows, found.first) == (outcome, 0, None)


def test_a_table_in_parts_is_compared_as_a_whole(tmp_path: Path):
    for name, last in (("run", 3.0), ("again", 3.5)):
        for number, (account, equity) in enumerate((("a", 1.0), ("b", last))):
            frame = pl.DataFrame({"account_id": [account], "status": ["ok"], "equity": [equity], "pnl": [0.0], "leverage": [1.0], "positions": [1]})
            write_table(frame, TABLE, tmp_path / name / "figures" / f"part-{number}.parquet")
    found = compare_table(tmp_path / "run", tmp_path / "again", TABLE, None)
    assert found.first is not None
    assert (found.rows, found.different_rows, found.first.key, found.first.run, found.first.again) == (2, 1, {"account_id": "b"}, 3.0, 3.5)


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_closeness_is_the_documented_inequality(tmp_path_factory: pytest.TempPathFactory, ours: float, theirs: float, large: float):
    folder = tmp_path_factory.mktemp("close")
    rows = {"account_id": ["a"], "status": ["ok"], "equity": [large], "leverage": [1.0], "positions": [1]}
    found = check(folder, rows | {"pnl": [theirs]}, CLOSE, rows | {"pnl": [ours]})
    close = abs(theirs - ours) <= CLOSE * max(abs(ours), abs(theirs), large)
    assert (found.outcome == "close") == close


SUMMARY = {"light": "red", "worst": {"equity": 1e6, "pnl": -0.5, "accounts": {"ok": 3}}, "owners": ["a", "b"], "resources": None}


@pytest.mark.parametrize(
    ("again", "relative", "outcome", "first"),
    [
        ({}, None, "same", None),
        ({"light": "green"}, None, "different", ("summary.json", "light", "red", "green")),
        ({"worst": {"equity": 1e6, "pnl": -0.5 + 0.9e-6, "accounts": {"ok": 3}}}, CLOSE, "close", None),
        ({"worst": {"equity": 1e6, "pnl": -0.25, "accounts": {"ok": 3}}}, CLOSE, "different", ("worst", "pnl", -0.5, -0.25)),
        ({"worst": {"equity": 1e6, "pnl": -0.5, "accounts": {"ok": 4}}}, CLOSE, "different", ("worst.accounts", "ok", 3, 4)),
        ({"owners": ["a", "c"]}, None, "different", ("owners", "1", "b", "c")),
        ({"owners": ["a"]}, None, "different", ("owners", "1", "b", None)),
        ({"resources": {"total": 1.0}}, None, "different", ("summary.json", "resources", None, "{'total': 1.0}")),
    ],
)
def test_a_document_is_compared_part_by_part(again: dict[str, object], relative: float | None, outcome: str, first: tuple[object, ...] | None):
    found = compare_document("summary.json", SUMMARY, SUMMARY | again, relative, shared=False)
    told = found.first and (found.first.key["part"], found.first.column, found.first.run, found.first.again)
    assert (found.outcome, told) == (outcome, first)


def test_keys_that_only_other_code_writes_do_not_count():
    new = SUMMARY | {"limits": {"red": 1}}
    assert compare_document("summary.json", SUMMARY, new, None, shared=True).outcome == "same"
    assert compare_document("summary.json", SUMMARY, new, None, shared=False).outcome == "different"
