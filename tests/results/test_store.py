from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from stresstest.errors import StressTestError
from stresstest.results import store
from stresstest.tables import ACCOUNT_SCENARIO, MEASURES, OWNER_SCENARIO, POOL_SCENARIO, RESULT_TABLES

LOSSES = pl.DataFrame(
    [
        ("crash", "uncollateralised_loss", 1, "bob", 7.0),
        ("boom", "uncollateralised_loss", 2, "bob", 1.0),
        ("boom", "uncollateralised_loss", 1, "ann", 2.5),
    ],
    schema=["scenario_id", "basis", "rank", "owner_id", "loss"],
    orient="row",
)


def figures(*keys: tuple[str, str, str]) -> pl.DataFrame:
    row = {measure.name: 1.0 for measure in MEASURES} | {"status": "ok", "worst_row": None}
    return pl.DataFrame([{"owner_id": o, "account_id": a, "scenario_id": s} | row for o, a, s in keys], schema_overrides={"worst_row": pl.String})


def test_rows_are_ordered_by_key_and_scenarios_by_file():
    assert store.conform(LOSSES, OWNER_SCENARIO, ["base", "crash", "boom"]).rows() == [
        ("crash", "uncollateralised_loss", 1, "bob", 7.0),
        ("boom", "uncollateralised_loss", 1, "ann", 2.5),
        ("boom", "uncollateralised_loss", 2, "bob", 1.0),
    ]


def test_accounts_are_ordered_by_owner_first():
    frame = store.conform(figures(("zoe", "a1", "s2"), ("zoe", "a1", "s1"), ("ann", "z9", "s1")), ACCOUNT_SCENARIO, ["s2", "s1"])
    assert frame.select("owner_id", "account_id", "scenario_id").rows() == [("ann", "z9", "s1"), ("zoe", "a1", "s2"), ("zoe", "a1", "s1")]


def test_the_same_rows_give_the_same_bytes(tmp_path: Path):
    order = ["crash", "boom"]
    one = store.write_table(LOSSES, OWNER_SCENARIO, tmp_path / "one.parquet", order)
    shuffled = pl.concat([LOSSES[2:], LOSSES[:1], LOSSES[1:2]], rechunk=False).select(reversed(LOSSES.columns))
    other = store.write_table(shuffled, OWNER_SCENARIO, tmp_path / "other.parquet", order)
    assert one.read_bytes() == other.read_bytes()


def test_a_table_comes_back_with_its_version_and_units(tmp_path: Path):
    path = store.write_table(LOSSES, OWNER_SCENARIO, tmp_path / "owner_scenario.parquet")
    schema = pq.read_schema(path)
    assert schema.metadata[b"schema_version"] == b"1"
    assert schema.field("loss").metadata[b"unit"] == b"reporting currency"
    assert store.read_table(tmp_path, "owner_scenario").equals(store.conform(LOSSES, OWNER_SCENARIO))
    assert store.rows_of(tmp_path, "owner_scenario") == 3


def test_parts_are_one_table_in_order(tmp_path: Path):
    for number, owner in enumerate(["ann", "bob", "cyd"]):
        store.write_table(figures((owner, "a", "s")), ACCOUNT_SCENARIO, store.part_path(tmp_path, ACCOUNT_SCENARIO, number))
    assert store.read_table(tmp_path, "account_scenario")["owner_id"].to_list() == ["ann", "bob", "cyd"]
    assert store.rows_of(tmp_path, "account_scenario") == 3
    before = store.table_sha256(tmp_path, "account_scenario")
    store.part_path(tmp_path, ACCOUNT_SCENARIO, 2).unlink()
    assert store.table_sha256(tmp_path, "account_scenario") != before


@pytest.mark.parametrize("table", RESULT_TABLES, ids=lambda table: table.name)
def test_every_table_can_be_empty(tmp_path: Path, table):
    store.write_table(store.empty(table), table, tmp_path / f"{table.name}.parquet")
    assert store.read_table(tmp_path, table.name).schema == store.polars_schema(table)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (LOSSES.drop("loss"), "missing \\['loss'\\]"),
        (LOSSES.with_columns(extra=1), "unknown \\['extra'\\]"),
        (LOSSES.with_columns(owner_id=None), "owner_scenario.owner_id: null"),
        (LOSSES.with_columns(loss=float("nan")), "owner_scenario.loss: a value is not finite"),
        (LOSSES.with_columns(rank=1, scenario_id=pl.lit("x")), "owner_scenario.key: occurs twice"),
    ],
)
def test_a_frame_that_breaks_the_schema_is_never_written(frame: pl.DataFrame, words: str):
    with pytest.raises(ValueError, match=words):
        store.conform(frame, OWNER_SCENARIO)


def test_a_status_must_be_one_of_the_four():
    with pytest.raises(ValueError, match="none of ok, call, liquidation, default"):
        store.conform(figures(("o", "a", "s")).with_columns(status=pl.lit("fine")), ACCOUNT_SCENARIO)


def test_a_flipped_byte_is_noticed(tmp_path: Path):
    path = store.write_table(LOSSES, OWNER_SCENARIO, tmp_path / "owner_scenario.parquet")
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    with pytest.raises(StressTestError, match="cannot be read"):
        store.read_table(tmp_path, "owner_scenario")


def test_parts_of_an_interrupted_run_are_replaced_and_tiny_ones_joined(tmp_path: Path):
    write = store.PartWriter(tmp_path / "parts", ("s",))
    for number, owner in ((20_000, "cyd"), (0, "ann"), (10_000, "bob"), (0, "ann")):
        write(ACCOUNT_SCENARIO, number, figures((owner, "a", "s")))
    write(ACCOUNT_SCENARIO, 10_001, store.empty(ACCOUNT_SCENARIO))
    (tmp_path / "parts" / "account_scenario" / "part-0000030000.partial").write_bytes(b"half")
    (tmp_path / "result").mkdir()
    store.finish_parts(tmp_path / "parts", tmp_path / "result", ACCOUNT_SCENARIO)
    store.finish_parts(tmp_path / "parts", tmp_path / "result", POOL_SCENARIO)
    assert store.files_of(tmp_path / "result", "account_scenario") == (tmp_path / "result" / "account_scenario.parquet",)
    assert store.read_table(tmp_path / "result", "account_scenario", ["owner_id"])["owner_id"].to_list() == ["ann", "bob", "cyd"]
    assert store.rows_of(tmp_path / "result", "pool_scenario") == 0


def test_joined_parts_have_the_bytes_of_one_that_was_never_cut(tmp_path: Path):
    write = store.PartWriter(tmp_path / "parts", ("s",))
    for number, owner in enumerate(("ann", "bob")):
        write(ACCOUNT_SCENARIO, number, figures((owner, owner, "s")))
    store.finish_parts(tmp_path / "parts", tmp_path, ACCOUNT_SCENARIO)
    whole = store.write_table(figures(("ann", "ann", "s"), ("bob", "bob", "s")), ACCOUNT_SCENARIO, tmp_path / "whole.parquet")
    assert (tmp_path / "account_scenario.parquet").read_bytes() == whole.read_bytes()


def test_large_parts_stay_files_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(store, "PART_ROWS", 2)
    write = store.PartWriter(tmp_path / "parts", ("s", "t"))
    write(ACCOUNT_SCENARIO, 0, figures(("ann", "a", "s"), ("ann", "a", "t")))
    for number, owner in ((1, "bob"), (2, "cyd"), (3, "dan")):
        write(ACCOUNT_SCENARIO, number, figures((owner, "a", "s")))
    store.finish_parts(tmp_path / "parts", tmp_path, ACCOUNT_SCENARIO)
    assert [int(pq.read_metadata(file).num_rows) for file in store.files_of(tmp_path, "account_scenario")] == [2, 2, 1]
    assert store.read_table(tmp_path, "account_scenario")["owner_id"].to_list() == ["ann", "ann", "bob", "cyd", "dan"]


def test_a_missing_table_is_named(tmp_path: Path):
    with pytest.raises(StressTestError) as caught:
        store.read_table(tmp_path, "limits")
    assert caught.value.faults[0].table == "limits"
