"""Damaged files: refused with their name, never a crash of this process, never other numbers without notice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import sys

import duckdb
import pyarrow.parquet as pq
import pytest
from snapshot.books import as_table, small_book, write_tables

from stresstest.errors import Reason, StressTestError
from stresstest.snapshot.parquet_file import DamagedFileError, inspect
from stresstest.snapshot.stage import stage_snapshot
from stresstest.snapshot.staging import stage


def quiet(_stage: str, _detail: str) -> None:
    return None


@pytest.fixture(scope="module")
def lots():
    return as_table([row | {"entry_price": 100.0 + n, "pool_id": None} for n in range(60) for row in small_book()["positions"]])


def rows(path) -> list[tuple[object, ...]]:
    return duckdb.connect().sql(f"SELECT COLUMNS(*)::VARCHAR FROM read_parquet('{path}')").fetchall()


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["none", "snappy"])
def test_no_mutant_of_a_file_with_checksums_reads_differently(version, compression, lots, tmp_path):
    path, mutant = tmp_path / "whole.parquet", tmp_path / "mutant.parquet"
    pq.write_table(lots, path, write_page_checksum=True, data_page_version=version, compression=compression)
    assert inspect(path).checked
    whole, truth, rng, refused = path.read_bytes(), rows(path), random.Random(4), 0
    for _ in range(40):
        data = bytearray(whole)
        data[rng.randrange(len(data))] ^= rng.randrange(1, 256)
        mutant.write_bytes(data)
        try:
            inspect(mutant)
            assert rows(mutant) == truth
        except (DamagedFileError, duckdb.Error):
            refused += 1
    assert refused > 15


def test_every_lost_tail_is_noticed(lots, tmp_path):
    path = tmp_path / "whole.parquet"
    pq.write_table(lots, path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 397):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedFileError):
            inspect(path)


@pytest.mark.parametrize("what", ["noise", "text", "empty", "footer", "header"])
def test_a_damaged_table_is_named(what, tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", small_book())
    path = snapshot / "collateral.parquet"
    whole = path.read_bytes()
    path.write_bytes({
        "noise": random.Random(1).randbytes(4_000), "text": b"account_id,asset,quantity\n" * 9, "empty": b"",
        "footer": whole[:-40] + bytes(20) + whole[-20:], "header": whole[:4] + bytes(30) + whole[34:],
    }[what])  # fmt: skip
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot), quiet)
    (fault,) = refused.value.faults
    assert (fault.table, fault.rule, fault.file) == ("collateral", "readable file", str(path))


def test_a_page_that_only_the_decoder_finds_damaged(tmp_path, request_for):
    """No checksums: the structure is sound, the compressed bytes are not."""
    snapshot = write_tables(tmp_path / "s", small_book())
    path = snapshot / "positions.parquet"
    column = pq.ParquetFile(path).metadata.row_group(0).column(2)
    start = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(path.read_bytes())
    data[start + 30 : start + column.total_compressed_size] = b"\xff" * (column.total_compressed_size - 30)
    path.write_bytes(data)
    with pytest.raises(StressTestError) as refused:
        stage(request_for(snapshot), quiet)
    assert [fault.table for fault in refused.value.faults] == ["positions"]


def test_mutants_never_end_this_process(tmp_path, request_for):
    """Through the whole way, in the reading process: a book or a refusal, never another end."""
    snapshot = write_tables(tmp_path / "s", small_book())
    path = snapshot / "positions.parquet"
    whole, rng = path.read_bytes(), random.Random(8)
    for number in range(4):
        data = bytearray(whole)
        for _ in range(3):
            data[rng.randrange(4, len(data) - 8)] = rng.randrange(256)
        path.write_bytes(data)
        with contextlib.suppress(StressTestError):
            stage_snapshot(request_for(snapshot, work=f"w{number}"))


def crashing(signal: str) -> tuple[str, ...]:
    """A reading process that dies of a signal while it reads the positions."""
    said = json.dumps({"stage": "reading", "detail": "s/positions.parquet"})
    return (sys.executable, "-c", f"import os, signal; print('{said}', flush=True); os.kill(os.getpid(), signal.{signal})")


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGABRT", "SIGBUS"])
def test_a_crash_of_the_reader_is_a_fault_of_the_file_it_read(signal, tmp_path, request_for):
    with pytest.raises(StressTestError) as refused:
        stage_snapshot(request_for(tmp_path), reader=crashing(signal))
    (fault,) = refused.value.faults
    assert (fault.table, fault.file, refused.value.exit_code) == ("positions", "s/positions.parquet", 3)
    assert signal in fault.what


def test_a_reader_that_was_killed_is_no_fault_of_the_file(tmp_path, request_for):
    with pytest.raises(StressTestError) as refused:
        stage_snapshot(request_for(tmp_path), reader=crashing("SIGKILL"))
    assert refused.value.reason is Reason.ENVIRONMENT


def test_a_mistake_of_ours_is_not_blamed_on_the_file(tmp_path, request_for):
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        stage_snapshot(request_for(tmp_path), reader=(sys.executable, "-c", "1 / 0"))


def test_stated_digests(tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", {name: rows for name, rows in small_book().items() if name != "accounts"})
    write_tables(snapshot / "accounts", {"p1": small_book()["accounts"][:2], "p2": small_book()["accounts"][2:]}, write_page_checksum=True)
    digests = {path.relative_to(snapshot).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in snapshot.rglob("*.parquet")}
    described = snapshot / "snapshot.json"
    described.write_text(json.dumps({"sha256": {name: digest for name, digest in digests.items() if name != "assets.parquet"}}))
    book = stage_snapshot(request_for(snapshot))
    note = book.quality.filter(check="file integrity").row(0, named=True)
    assert (note["rows"], note["value"], note["result"]) == (5, 1.0, "pass")
    assert note["message"].startswith("4 of 5 tables verified: 1 by page checksums, 4 by the SHA-256")

    described.write_text(json.dumps({"sha256": digests | {"assets.parquet": "0" * 64, "accounts/p2.parquet": "1" * 64, "orders.parquet": "2" * 64}}))
    with pytest.raises(StressTestError) as refused:
        stage_snapshot(request_for(snapshot, work="w2"))
    assert [(fault.file, fault.rule) for fault in refused.value.faults] == [
        (str(snapshot / "accounts" / "p2.parquet"), "stated SHA-256"), (str(snapshot / "assets.parquet"), "stated SHA-256"),
        ("orders.parquet", "stated SHA-256"),
    ]  # fmt: skip


def test_hash_of_a_partitioned_table(tmp_path, request_for):
    """SHA-256 over the sorted lines of relative path, size, SHA-256."""
    tables = small_book()
    snapshot = write_tables(tmp_path / "s", {name: rows for name, rows in tables.items() if name != "accounts"})
    for asset in ("b", "a"):
        write_tables(snapshot / "accounts" / f"desk={asset}", {"part": tables["accounts"][:2] if asset == "a" else tables["accounts"][2:]})
    book = stage_snapshot(request_for(snapshot))
    lines = ""
    for name in ("desk=a/part.parquet", "desk=b/part.parquet"):
        data = (snapshot / "accounts" / name).read_bytes()
        lines += f"{name}\t{len(data)}\t{hashlib.sha256(data).hexdigest()}\n"
    (found,) = [each for each in book.inputs if each.table == "accounts"]
    assert (found.rows, found.sha256) == (3, hashlib.sha256(lines.encode()).hexdigest())


def test_a_url_prefix(tmp_path, request_for):
    snapshot = write_tables(tmp_path / "s", {name: rows for name, rows in small_book().items() if name != "accounts"})
    write_tables(snapshot / "accounts" / "x=1", {"part": small_book()["accounts"]})
    (snapshot / "snapshot.json").write_text('{"reporting_currency": "USD"}')
    folder = stage(request_for(f"file://{snapshot}", reporting_currency=None), quiet)
    local = stage(request_for(snapshot, work="w2"), quiet)
    assert (folder / "accounts.arrow").read_bytes() == (local / "accounts.arrow").read_bytes()
    with pytest.raises(StressTestError) as refused:
        stage(request_for(f"file://{tmp_path}/none", work="w3"), quiet)
    assert {fault.table for fault in refused.value.faults} == {"positions", "instruments", "assets"}
