"""Scenario sets in Parquet: what is read, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from stresstest.errors import Reason, StressTestError
from stresstest.scenarios.files import load_scenarios

COLUMNS: dict[str, Any] = {
    "scenario_id": pl.String, "ord": pl.Int64, "factor": pl.String, "where": pl.String, "shift": pl.String, "value": pl.Float64,
}  # fmt: skip
ROWS: list[tuple[Any, ...]] = [
    ("mc.2", 1, "spot:*", None, "relative", -0.2),
    ("mc.1", 0, "spot:BTC", None, "relative", 0.1),
    ("mc.2", 0, "spot:BTC", '{"asset_class": "crypto"}', "replace", 5.0),
]


def _write(path: Path, rows: list[tuple[Any, ...]], **more: list[Any]) -> Path:
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    frame.with_columns(pl.Series(name, values) for name, values in more.items()).write_parquet(path / "set.parquet")
    return path / "set.parquet"


def _faults(path: Path) -> list[str]:
    with pytest.raises(StressTestError) as caught:
        load_scenarios([path])
    assert caught.value.reason is Reason.SCENARIO
    return [fault.text().replace(f"{path}, scenario set", "set") for fault in caught.value.faults]


def test_scenarios_come_in_order_of_appearance_and_shocks_in_that_of_ord(tmp_path: Path) -> None:
    loaded = load_scenarios([_write(tmp_path, ROWS)])
    assert loaded.ids == ("base", "mc.2", "mc.1")
    assert [(each.factor, each.shift, each.value) for each in loaded.shocks_of("mc.2")] == [
        ("spot:BTC", "replace", 5.0),
        ("spot:*", "relative", -0.2),
    ]
    assert [each.value for each in loaded.shocks_of("mc.1")] == [0.1]
    assert (loaded.scenario("mc.1").family, loaded.scenario("mc.1").headline, loaded.scenario("mc.1").horizon_days) == ("hypothetical", True, 1.0)


def test_optional_columns(tmp_path: Path) -> None:
    path = _write(tmp_path, ROWS, name=[None, "one", "two"], family=["sensitivity"] * 3, headline=[None, True, None], horizon_days=[10, 1, 10])
    two, one = load_scenarios([path]).scenarios[1:]
    assert (two.name, two.family, two.headline, two.horizon_days) == ("two", "sensitivity", False, 10.0)
    assert (one.name, one.headline) == ("one", True)


def test_where_and_term_are_those_of_the_yaml_format(tmp_path: Path) -> None:
    path = _write(
        tmp_path, [("a", 0, "vol:*", '{"tenor_days": [null, 90], "tags": ["x"]}', "relative", 0.5)], term=['{"reference_days": 30, "power": 0.3}']
    )
    [shock] = load_scenarios([path]).shocks_of("a")
    assert shock.where is not None
    assert shock.term is not None
    assert (shock.where.tenor_days, shock.where.tags, shock.term.power) == ((None, 90), ("x",), 0.3)


def test_ids_are_unique_over_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("scenarios: [{id: mc.1, shocks: []}]")
    with pytest.raises(StressTestError) as caught:
        load_scenarios([tmp_path / "a.yaml", _write(tmp_path, ROWS)])
    assert caught.value.faults[0].what == f"scenario `mc.1` is already in {tmp_path / 'a.yaml'}"


def test_sets_and_files_join(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("scenarios: [{id: a, shocks: [{factor: 'spot:X', scale: 2}]}]")
    (tmp_path / "b.yaml").write_text("scenarios: [{id: b, shocks: [{factor: 'spot:Y', scale: 3}]}]")
    loaded = load_scenarios([tmp_path / "a.yaml", _write(tmp_path, ROWS), tmp_path / "b.yaml"])
    assert loaded.ids == ("base", "a", "mc.2", "mc.1", "b")
    assert [loaded.shocks_of(each)[0].value for each in loaded.ids[1:]] == [2.0, 5.0, 0.1, 3.0]


@pytest.mark.parametrize(("row", "faults"), [
    (("mc.3", 0, "spot:X", None, "relative", float("nan")),
     ["set.value: is not finite (1 row: mc.3). Leave the shock out, or give a number."]),
    (("mc.3", 0, "spot:X", None, "relative", None), ["set.value: is null (1 row: mc.3). Every shock needs it."]),
    (("MC", 0, "spt:X", None, "realtive", 1.0), [
        "set.scenario_id: id 'MC' has other characters than a-z, 0-9, _ . - (1 row: MC). Use lower case and underscores, for example btc_down_30.",
        "set.factor: unknown factor type `spt` (1 row: MC). Did you mean `spot`?",
        "set.shift: 'realtive' is not one of relative, absolute, scale, replace (1 row: MC). Did you mean `relative`?"]),
    (("base", 0, "spot:X", None, "scale", 1.0), [
        ("set.scenario_id: `base` is the snapshot without shocks, which is always computed (1 row: base). "
        "Choose another id, or remove the scenario.")]),
    (("mc.1", 0, "spot:X", None, "scale", 1.0), ["set.ord: stands twice in a scenario (1 row: mc.1). Number the shocks of a scenario 0, 1, 2, ..."]),
    (("mc.3", 0, "rate:X", None, "scale", 1.0),
     ["set.scale: `scale` has no meaning for a rate, which may be zero at base (1 row: mc.3). Use absolute or replace."]),
    (("mc.3", 0, "spot:*", "{tags: x}", "scale", 1.0), [
        "set.where: '{tags: x}' is not JSON: Expecting property name enclosed in double quotes (1 row: mc.3). Write a JSON object, or null."]),
    (("mc.3", 0, "spot:*", '{"tag": "x"}', "scale", 1.0), ["set.where: tag: unknown key `tag` (1 row: mc.3). Did you mean `tags`?"]),
    (("mc.3", 0, "spot:*", '{"location": "x"}', "scale", 1.0), [
        ("set.where: a spot shock cannot be filtered by `location` (1 row: mc.3). "
         "Filters there: asset, not_asset, asset_class, tags, not_tags, may_be_negative, risk_group.")]),
])  # fmt: skip
def test_faults_name_column_rows_and_scenarios(tmp_path: Path, row: tuple[Any, ...], faults: list[str]) -> None:
    assert _faults(_write(tmp_path, [*ROWS, row])) == faults


def test_rows_of_a_scenario_must_agree_about_it(tmp_path: Path) -> None:
    path = _write(tmp_path, ROWS, horizon_days=[1.0, -1.0, 2.0])
    assert _faults(path) == ["set.horizon_days: is below zero or not finite (1 row: mc.1). Give a number of 0 or more."]
    path = _write(tmp_path, ROWS, horizon_days=[1.0, 1.0, 2.0])
    assert _faults(path) == [
        "set.horizon_days: differs between the rows of a scenario (1 row: mc.2). Repeat the same value in all rows of a scenario."
    ]


def test_missing_and_mistyped_columns(tmp_path: Path) -> None:
    pl.DataFrame({"scenario_id": [1], "ord": [0.5], "factor": ["spot:X"], "value": ["1"], "extra": [1]}).write_parquet(tmp_path / "set.parquet")
    hint = " A scenario set has scenario_id, ord, factor, shift, value."
    columns = (
        " Columns: scenario_id, ord, factor, shift, value, share, where, term, annualised, mode, name, family, headline, horizon_days, "
        "decay, source, weight, grade, any_book, shock_source, shock_grade."
    )
    assert _faults(tmp_path / "set.parquet") == [
        f"set.extra: unknown column `extra`.{columns}",
        "set.scenario_id: holds Int64, not text", "set.ord: holds Float64, not whole numbers", f"set.shift: the column is missing.{hint}",
        "set.value: holds String, not numbers",
    ]  # fmt: skip


@pytest.mark.parametrize(("column", "hint"), [("headlines", "headline"), ("were", "where"), ("anualised", "annualised")])
def test_an_unknown_column_is_refused_however_good_the_rest(tmp_path: Path, column: str, hint: str) -> None:
    path = _write(tmp_path, ROWS, **{column: [None, None, None]})
    assert _faults(path) == [f"set.{column}: unknown column `{column}`. Did you mean `{hint}`?"]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
@pytest.mark.parametrize("writer", ["polars", "arrow"])
def test_no_damaged_byte_does_worse_than_a_refusal(tmp_path: Path, compression: Any, writer: str) -> None:
    path = _write(tmp_path, ROWS * 40, ord=list(range(120)))
    frame = pl.read_parquet(path)
    if writer == "polars":
        frame.write_parquet(path, compression="uncompressed" if compression == "none" else compression)
    else:
        pq.write_table(frame.to_arrow(), path, compression=compression)
    whole, rng, refused = path.read_bytes(), random.Random(8), 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.randrange(len(damaged))] ^= rng.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            load_scenarios([path])
        except StressTestError as error:
            refused += error.reason is Reason.SCENARIO
    assert refused > 20


def test_a_reader_that_panics_is_a_fault_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def panic(*_: object, **__: object) -> pl.DataFrame:
        raise pl.exceptions.PanicException("assertion failed: offset + length <= self.length")

    monkeypatch.setattr(pl, "read_parquet", panic)
    path = _write(tmp_path, ROWS)
    assert _faults(path) == ["set: cannot be read: its pages are damaged, and the reader gave up on them. Write the file again."]


def test_empty_and_damaged_sets_are_refused(tmp_path: Path) -> None:
    assert _faults(_write(tmp_path, [])) == ["set: has no rows. A scenario without shocks is the base, which is always computed."]
    path = _write(tmp_path, ROWS)
    for damaged in (b"", b"nothing of the kind", path.read_bytes()[:-20]):
        path.write_bytes(damaged)
        assert "cannot be read" in _faults(path)[0]
