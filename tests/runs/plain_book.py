"""A plain book of any size: every account long one contract more than the one before, against dollars."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl

MARGIN = """version: 1
collateral_schedules: {cash: {bands: [{from: 0, haircut: 0.0}]}}
margin_schedules: {majors: {tiers: [{from: 0, maintenance_rate: 0.05, initial_rate: 0.10}]}}
"""
SCENARIOS = """version: 1
name: two moves
scenarios:
  - {id: dip, family: hypothetical, shocks: [{factor: "spot:BTC", relative: -0.05}]}
  - {id: crash, name: Half gone, family: historical, source: made up, shocks: [{factor: "spot:BTC", relative: -0.5}]}
"""
RUN = """version: 1
snapshot: snapshot
scenarios: scenarios.yaml
margin: margin.yaml
attribution: {accounts: 0}
output: {folder: runs, formats: [json]}
"""


def write_plain_book(folder: Path, accounts: int) -> Path:
    """Write it and give its run file. Account k is long k contracts at 100 dollars, with 10 k dollars: margin 5 k and 10 k.

    At base everybody is exactly at the initial margin: ok. `dip` loses 5 k: equity 5 k covers the maintenance margin 4.75 k
    and not the initial 9.5 k: call. `crash` loses 50 k: default by 40 k.
    """
    snapshot = folder / "snapshot"
    snapshot.mkdir(parents=True)
    names = [f"a{number:06d}" for number in range(1, accounts + 1)]
    sizes = [float(number) for number in range(1, accounts + 1)]
    tables = {
        "accounts": pl.DataFrame({"account_id": names}),
        "positions": pl.DataFrame({"account_id": names, "instrument_id": "BTC-PERP", "quantity": sizes, "entry_price": 100.0}),
        "collateral": pl.DataFrame({"account_id": names, "asset": "USD", "quantity": [10.0 * size for size in sizes]}),
        "instruments": pl.DataFrame(
            {
                "instrument_id": ["BTC-PERP"],
                "kind": ["perpetual"],
                "underlying": ["BTC"],
                "quote": ["USD"],
                "mark_price": [100.0],
                "margin_schedule": ["majors"],
            }
        ),
        "assets": pl.DataFrame(
            {"asset": ["BTC", "USD"], "price": [100.0, 1.0], "asset_class": ["crypto", "cash"], "collateral_schedule": [None, "cash"]}
        ),
    }
    for name, frame in tables.items():
        frame.write_parquet(snapshot / f"{name}.parquet")
    (snapshot / "snapshot.json").write_text('{"as_of": "2026-11-19T16:00:00Z", "reporting_currency": "USD"}')
    (folder / "margin.yaml").write_text(MARGIN)
    (folder / "scenarios.yaml").write_text(SCENARIOS)
    (folder / "run.yaml").write_text(RUN)
    return folder / "run.yaml"


def write_moving(snapshot: Path, folder: Path) -> None:
    """The snapshot of a plain book again, with a history: 24 days on which the coin moves by a tenth up and down, a deviation of 10 % about zero."""
    shutil.copytree(snapshot, folder)
    days = [date(2026, 11, 19) - timedelta(days=24 - number) for number in range(25)]
    values = [100.0 * 1.1 ** ((number + 1) // 2) * 0.9 ** (number // 2) for number in range(25)]
    pl.DataFrame({"date": days, "factor": ["spot:BTC"] * 25, "value": values}).write_parquet(folder / "history.parquet")
