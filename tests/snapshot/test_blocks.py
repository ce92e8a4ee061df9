from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from stresstest.snapshot.blocks import read_block, write_block

INTEGERS = ("position_pool", "instrument", "collateral_pool", "asset", "location")
FLOATS = ("quantity", "cost", "funding", "leverage", "amount")


def write(path: Path, positions: int) -> None:
    arrays = {name: np.arange(positions, dtype=np.int32) for name in INTEGERS} | {name: np.arange(positions) / 8.0 for name in FLOATS}
    write_block(path, 3, 12_288, np.arange(2, dtype=np.int32), arrays)


def test_a_block_is_read_back_as_it_was_written(tmp_path: Path):
    write(tmp_path / "block.arrow", 5)
    block = read_block(tmp_path / "block.arrow")
    assert (block.number, block.first_pool, block.pools) == (3, 12_288, 2)
    for name in INTEGERS:
        assert getattr(block, name).dtype == np.int32
        assert getattr(block, name).tolist() == [0, 1, 2, 3, 4]
    for name in FLOATS:
        assert getattr(block, name).tolist() == [0.0, 0.125, 0.25, 0.375, 0.5]


def test_a_block_of_accounts_without_holdings_is_read(tmp_path: Path):
    write(tmp_path / "block.arrow", 0)
    block = read_block(tmp_path / "block.arrow")
    assert block.quantity.shape == block.asset.shape == (0,)


def test_reading_a_block_does_not_import_pandas(tmp_path: Path):
    # Where it is installed, pyarrow imports it for many a conversion: a quarter of a second and 60 MB in every run.
    write(tmp_path / "block.arrow", 5)
    script = "import sys; from pathlib import Path; from stresstest.snapshot.blocks import read_block; read_block(Path(sys.argv[1])); "
    script += "assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "block.arrow")], check=True, cwd=Path(__file__).parents[2])
