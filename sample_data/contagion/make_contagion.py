"""Makes the snapshot of three accounts in two assets: `python sample_data/contagion/make_contagion.py [FOLDER]`.

docs/cascade-guide.md tells their story. The same files, byte for byte, every time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

# A sale of 2,500 units would take the price of 100 to zero: 100 * 2,500 dollars. So every unit sold costs 0.04.
DEPTH = 250_000.0

TABLES: dict[str, dict[str, list[object]]] = {
    "accounts": {"account_id": ["X", "Y", "Z"], "name": ["Holds both assets", "Holds B alone", "Sold B short"]},
    "positions": {
        "account_id": ["X", "X", "Y", "Z"],
        "instrument_id": ["A-PERP", "B-PERP", "B-PERP", "B-PERP"],
        "quantity": [100.0, 100.0, 100.0, -50.0],
        "entry_price": [100.0, 100.0, 100.0, 100.0],
    },
    "collateral": {"account_id": ["X", "Y", "Z"], "asset": ["USD", "USD", "USD"], "quantity": [3_000.0, 700.0, 1_000.0]},
    "instruments": {
        "instrument_id": ["A-PERP", "B-PERP"],
        "kind": ["perpetual", "perpetual"],
        "underlying": ["A", "B"],
        "quote": ["USD", "USD"],
        "mark_price": [100.0, 100.0],
        "margin_schedule": ["five_percent", "five_percent"],
    },
    "assets": {
        "asset": ["A", "B", "USD"],
        "price": [100.0, 100.0, 1.0],
        "asset_class": ["crypto", "crypto", "cash"],
        "collateral_schedule": [None, None, "cash"],
        "depth": [DEPTH, DEPTH, None],
    },
}


def main(folder: Path) -> None:
    """Write the tables into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in TABLES.items():
        pl.DataFrame(columns).write_parquet(folder / f"{name}.parquet")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "snapshot")
