"""Exported files: whole or not at all, the same bytes, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from stresstest.results.exports import FORMATS, export
from stresstest.tables import SCENARIO_FACTORS

COLUMNS = SCENARIO_FACTORS.names


def frame(*rows: tuple[str, str, str | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        [(scenario, factor, part, value, value, 0.0, None) for scenario, factor, part, value in rows],
        schema=dict.fromkeys(COLUMNS[:3], pl.String) | dict.fromkeys(COLUMNS[3:], pl.Float64),
        orient="row",
    )


PARTS = (frame(("b", "vol:BTC", "BTC-C", 0.5), ("b", "spot:BTC", None, 100.25), ("a", "spot:BTC", None, 1e-7)), frame(("c", "spot:BTC", None, None)))


@pytest.mark.parametrize("suffix", FORMATS)
def test_parts_become_one_file_in_order_of_scenario_and_key(tmp_path: Path, suffix: str):
    path = tmp_path / "new" / f"factors{suffix}"
    assert export(iter(PARTS), SCENARIO_FACTORS, path, ["a", "b", "c"]) == 4
    read = pl.read_csv(path) if suffix == ".csv" else pl.read_parquet(path)
    assert list(read.columns) == list(COLUMNS)
    assert read["scenario_id"].to_list() == ["a", "b", "b", "c"]
    assert read["factor"].to_list() == ["spot:BTC", "spot:BTC", "vol:BTC", "spot:BTC"]
    assert read["value"].to_list() == [1e-7, 100.25, 0.5, None]
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    again = path.with_name(f"again{suffix}")
    export(iter(PARTS), SCENARIO_FACTORS, again, ["a", "b", "c"])
    assert again.read_bytes() == path.read_bytes()


def test_parquet_says_what_it_is(tmp_path: Path):
    export(iter(PARTS), SCENARIO_FACTORS, tmp_path / "f.parquet", ["a", "b", "c"])
    schema = pq.read_schema(tmp_path / "f.parquet")
    assert (schema.metadata[b"table"], schema.metadata[b"schema_version"]) == (b"scenario_factors", b"1")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "\uff1d1+1", "=cmd|' /C calc'!A0"])
def test_texts_that_look_like_formulas_are_made_harmless(tmp_path: Path, text: str):
    export([frame(("-a", "spot:BTC", text, -1.5))], SCENARIO_FACTORS, tmp_path / "f.csv")
    with (tmp_path / "f.csv").open(encoding="utf-8", newline="") as stream:
        header, row = csv.reader(stream)
    assert header == list(COLUMNS)
    assert row == ["'-a", "spot:BTC", f"'{text}", "-1.5", "-1.5", "0.0", ""]


@pytest.mark.parametrize("text", ["BTC-C", "a=b", 'with "quotes", and commas', "\u0623\u0628", "\U0001f600"])
def test_other_texts_stay_as_they_are(tmp_path: Path, text: str):
    export([frame(("a", "spot:BTC", text, 1.0))], SCENARIO_FACTORS, tmp_path / "f.csv")
    with (tmp_path / "f.csv").open(encoding="utf-8", newline="") as stream:
        assert list(csv.reader(stream))[1][2] == text


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("broken", [KeyboardInterrupt, OSError])
def test_an_export_that_breaks_off_leaves_what_was_there(tmp_path: Path, suffix: str, broken: type[BaseException]):
    def parts() -> Iterator[pl.DataFrame]:
        yield PARTS[0]
        raise broken

    path = tmp_path / f"factors{suffix}"
    path.write_text("older")
    with pytest.raises(broken):
        export(parts(), SCENARIO_FACTORS, path)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(path.name, "older")]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_table_without_rows_has_its_columns(tmp_path: Path, suffix: str):
    path = tmp_path / f"factors{suffix}"
    assert export(iter(()), SCENARIO_FACTORS, path) == 0
    assert (pl.read_csv(path) if suffix == ".csv" else pl.read_parquet(path)).columns == list(COLUMNS)
