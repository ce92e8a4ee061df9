"""Blocks on disk: how pools are cut into them, and one Arrow file each, read back without copying."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stresstest.snapshot.book import BLOCK_POOLS, Block, Codes

BOOK_FILE = "book.json"
"""Written last: a folder that has it holds a whole book."""

_COLUMNS = (
    "account", "position_pool", "instrument", "quantity", "cost", "funding", "leverage", "collateral_pool", "asset", "location", "amount",
    "order_position", "bid_quantity", "bid_cost", "ask_quantity", "ask_cost", "reserved_settle", "reserved_underlying", "orders",
)  # fmt: skip


def cut_blocks(pools_of_account: npt.NDArray[np.int64]) -> list[int]:
    """First account of every block, and the number of accounts: whole accounts, `BLOCK_POOLS` pools or more in all but the last.

    Args:
        pools_of_account: number of pools of each account, in account order.
    """
    ends = np.cumsum(pools_of_account)
    edges = [0]
    while edges[-1] < len(ends):
        before = ends[edges[-1] - 1] if edges[-1] else 0
        edges.append(min(len(ends), int(np.searchsorted(ends, before + BLOCK_POOLS)) + 1))
    return edges


def block_path(folder: Path, number: int) -> Path:
    """The file of a block in a book's folder."""
    return folder / "blocks" / f"{number:06d}.arrow"


def write_block(path: Path, number: int, first_pool: int, account: Codes, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write one block: a single row of lists, so that arrays of different lengths lie in one file, each contiguous."""
    columns = {name: np.zeros(0, np.int32 if name == "order_position" else np.float64) for name in _COLUMNS} | {"account": account, **arrays}
    lists = [pa.LargeListArray.from_arrays(pa.array([0, len(columns[name])], pa.int64()), pa.array(columns[name])) for name in _COLUMNS]
    batch = pa.RecordBatch.from_arrays([pa.array([number]), pa.array([first_pool]), *lists], names=["number", "first_pool", *_COLUMNS])
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)


def read_block(path: Path) -> Block:
    """The block of a file; its arrays are read-only views of the mapped file."""
    with pa.memory_map(str(path)) as source:
        batch = pa.ipc.open_file(source).get_batch(0)
    arrays = {name: _view(batch.column(name).values) for name in _COLUMNS}
    return Block(number=batch.column("number")[0].as_py(), first_pool=batch.column("first_pool")[0].as_py(), **arrays)


def _view(values: pa.Array) -> npt.NDArray[Any]:
    """The array's own bytes: `to_numpy` would import pandas, where that is installed, which takes longer than all blocks together."""
    kind = np.dtype(np.float64 if values.type == pa.float64() else np.int32)
    return np.frombuffer(values.buffers()[1], kind, len(values), values.offset * kind.itemsize)
