"""The same inputs give the same bytes in every table, whoever computes them, in what order they come, and whatever happened on the way."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from generated.books import BookSpec, make_book, write, write_book
from generated.portfolios import with_portfolio_models
from polars.testing import assert_frame_equal

from stresstest.config import load_run
from stresstest.results.documents import read_document
from stresstest.results.manifest import Manifest
from stresstest.results.store import read_table, table_sha256
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.snapshot.book import BLOCK_POOLS
from stresstest.stress import blocks
from stresstest.tables import RUN_TABLES

pytestmark = pytest.mark.usefixtures("read_here")

SEED, ACCOUNTS = 1, 3_500
"""With their isolated pools, two blocks; owners of hundreds of accounts reach over the border."""


def run(run_file: Path, out: Path, **overrides: Any) -> Path:
    return execute(plan(load_run(run_file, overrides), out)).folder


def hashes(folder: Path, *but: str) -> dict[str, str]:
    return {table.name: table_sha256(folder, table.name) for table in RUN_TABLES if table.name not in but}


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> BookSpec:
    return write_book(tmp_path_factory.mktemp("two-blocks") / "book", SEED, accounts=ACCOUNTS)


@pytest.fixture(scope="module")
def finished(book: BookSpec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One thread, every row kept."""
    folder = run(book.run_file, tmp_path_factory.mktemp("finished") / "out", threads=1)
    assert BLOCK_POOLS < read_table(folder, "account_summary")["pools"].sum() < 2 * BLOCK_POOLS
    return folder


@pytest.mark.parametrize("overrides", [{"threads": 1}, {"threads": 2}, {"threads": 7}, {"executor": "processes", "threads": 2}], ids=str)
def test_whoever_computes_it(book: BookSpec, finished: Path, tmp_path: Path, overrides: dict[str, Any]) -> None:
    folder = run(book.run_file, tmp_path / "out", **overrides)
    assert hashes(folder) == hashes(finished)
    assert (folder / "result.json").read_bytes() == (finished / "result.json").read_bytes()


def test_whoever_computes_what_rules_require(tmp_path: Path) -> None:
    run_file = write(with_portfolio_models(make_book(tmp_path / "book", 4, accounts=30))).run_file
    once = run(run_file, tmp_path / "once", threads=1)
    folder = run(run_file, tmp_path / "again", executor="processes", threads=2)
    assert hashes(folder) == hashes(once)
    assert read_table(once, "account_summary")["worst_maintenance_margin"].max() > 0.0


# ------------------------------------------------------------------ the order and the files of input


def rearranged(book: BookSpec, folder: Path) -> Path:
    """The same rows in another order and in other files: partitions by a column that says nothing, and many small parts."""
    shuffle = random.Random(5)
    snapshot = folder / "snapshot"
    snapshot.mkdir(parents=True)
    for name in book.tables:
        (source,) = (path for path in (book.snapshot / f"{name}.parquet", book.snapshot / name) if path.exists())
        table = pq.read_table(source)
        order = list(range(table.num_rows))
        shuffle.shuffle(order)
        table = table.take(order)
        for number in range(3):
            part = (
                snapshot / name / f"shard={number}" / "rows.parquet"
                if name in ("positions", "collateral")
                else snapshot / name / f"{2 - number}.parquet"
            )
            part.parent.mkdir(parents=True, exist_ok=True)
            first, last = (table.num_rows * k // 3 for k in (number, number + 1))
            pq.write_table(table.slice(first, last - first), part, row_group_size=500, compression="none")
    for document in ("margin.yaml", "scenarios.yaml", "run.yaml"):
        (folder / document).write_bytes((book.folder / document).read_bytes())
    return folder / "run.yaml"


def test_rows_in_another_order_and_in_other_files(book: BookSpec, finished: Path, tmp_path: Path) -> None:
    folder = run(rearranged(book, tmp_path / "book"), tmp_path / "out")
    assert hashes(folder) == hashes(finished)
    # What was read is other files, and the result says so.
    stated, before = (read_document(Manifest, each / "manifest.json") for each in (folder, finished))
    assert {each.table: each.rows for each in stated.inputs} == {each.table: each.rows for each in before.inputs}
    assert {each.sha256 for each in stated.inputs}.isdisjoint({each.sha256 for each in before.inputs})
    assert stated.result_id != before.result_id


# ------------------------------------------------------------------ a large book is evaluated in groups of blocks


def test_blocks_in_groups_give_the_same_tables(book: BookSpec, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "GROUPS", 1)
    assert blocks.blocks_a_group(2) == 2
    folder = run(book.run_file, tmp_path / "out", threads=2)
    # Tables that are written by block are cut into other files; what is in them is the same.
    by_block = {"account_scenario", "account_summary", "pool_scenario"}
    assert hashes(folder, *by_block) == hashes(finished, *by_block)
    for name in by_block:
        assert_frame_equal(read_table(folder, name), read_table(finished, name), check_exact=True)


@pytest.mark.parametrize(("book_blocks", "size"), [(1, 1), (25, 1), (127, 1), (128, 2), (245, 3), (10_000, 4)])
def test_groups_follow_from_the_size_of_the_book_alone(book_blocks: int, size: int) -> None:
    assert blocks.blocks_a_group(book_blocks) == size


def test_finished_blocks_are_counted_not_groups(tmp_path: Path) -> None:
    # 130 blocks in groups of two; the last one of 129 stands alone.
    for number in (0, 7, 64):
        (tmp_path / f"blocks-{number:06d}.npz").touch()
    assert blocks.finished_blocks(tmp_path, 129) == 2 + 2 + 1


# ------------------------------------------------------------------ killed and resumed

STUCK = """
import sys, time
from pathlib import Path
from stresstest.config import load_run
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan
from stresstest.stress import static

whole = static.run_group

def stuck(task, number):
    if number:
        time.sleep(600)
    return whole(task, number)

static.run_group = stuck
execute(plan(load_run(sys.argv[1], {"threads": 1}), Path(sys.argv[2])))
"""
"""A run that never gets beyond its first block."""


def test_a_run_killed_between_blocks_is_taken_up(book: BookSpec, finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with subprocess.Popen([sys.executable, "-c", STUCK, str(book.run_file), str(out)], stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 240
            while not list(tmp_path.glob(".out.work-*/blocks-*/blocks-000000.npz")):
                assert process.poll() is None, "it ended by itself"
                assert time.monotonic() < deadline
                time.sleep(0.02)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    folder = run(book.run_file, out, threads=1)
    assert read_document(Manifest, folder / "manifest.json").reused_blocks == 1
    assert hashes(folder) == hashes(finished)
    assert (folder / "result.json").read_bytes() == (finished / "result.json").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# ------------------------------------------------------------------ without compiled code

RUN = """
import sys
from pathlib import Path
from stresstest.config import load_run
from stresstest.runs.pipeline import execute
from stresstest.runs.planning import plan

execute(plan(load_run(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.mark.parametrize("seed", [3, 7])
def test_interpreted_kernels_give_the_same_values(tmp_path: Path, seed: int) -> None:
    small = write_book(tmp_path / "book", seed)
    compiled = run(small.run_file, tmp_path / "compiled")
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    subprocess.run([sys.executable, "-c", RUN, str(small.run_file), str(tmp_path / "interpreted")], env=environment, check=True, timeout=240)
    for table in RUN_TABLES:
        # Not the same bytes by promise: the compiler may order the sums of unlike steps otherwise. In fact they are.
        assert_frame_equal(read_table(tmp_path / "interpreted", table.name), read_table(compiled, table.name), rel_tol=1e-12, abs_tol=1e-9)


# ------------------------------------------------------------------ what may change


def test_another_book_gives_other_bytes(book: BookSpec, finished: Path, tmp_path: Path) -> None:
    # The comparison itself is not blind: one position a little larger shows in the tables of accounts and totals.
    run_file = rearranged(book, tmp_path / "book")
    moved = dataclasses.replace(book, folder=tmp_path / "book")
    part = moved.snapshot / "positions" / "shard=1" / "rows.parquet"
    frame = pl.read_parquet(part, hive_partitioning=False)
    frame.with_columns(
        pl.when(pl.int_range(pl.len()) == 17).then(pl.col("quantity") * 1.5).otherwise(pl.col("quantity")).alias("quantity")
    ).write_parquet(part)
    found, expected = hashes(run(run_file, tmp_path / "out")), hashes(finished)
    assert {name for name in expected if found[name] != expected[name]} >= {"account_scenario", "account_summary", "scenario_summary"}
