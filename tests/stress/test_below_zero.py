"""Against the reference: an asset through zero as collateral under every kind of schedule, and funding on whatever may have some."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from generated.books import make_book, write
from oracle.comparing import compare, read_tables
from oracle.totals import run_folder
from stress.small_book import run

pytestmark = pytest.mark.usefixtures("staged_once")

SCENARIOS = [
    {"id": "wti_zero", "family": "historical", "shocks": [{"factor": "spot:WTI", "replace": 0.0}]},
    {"id": "wti_below", "family": "historical", "shocks": [{"factor": "spot:WTI", "replace": -37.63}, {"factor": "spot:BTC", "relative": -0.3}]},
    {
        "id": "wti_cut",
        "family": "hypothetical",
        "shocks": [
            {"factor": "spot:WTI", "replace": 30.0},
            {"factor": "haircut:WTI", "absolute": 0.2},
            {"factor": "collateral:WTI", "relative": -0.3},
        ],
    },
]


@pytest.mark.parametrize("schedule", ["cash", "coin", "by-quantity", "capped"])
def test_an_asset_that_goes_through_zero(tmp_path: Path, schedule: str) -> None:
    book = make_book(tmp_path / "book", 5_013)
    random = Random(schedule)
    for row in book.tables["assets"]:
        if row["asset"] == "WTI":
            row["collateral_schedule"] = schedule
    # Funding accrues on what settles gains and losses; on spot and paid options it is refused.
    up_front = {
        row["instrument_id"]
        for row in book.tables["instruments"]
        if row["kind"] == "spot" or (row["kind"] == "option" and row.get("premium_style") != "margined")
    }
    for row in book.tables["positions"]:
        row["accrued_funding"] = None if row["instrument_id"] in up_front else random.choice([None, random.uniform(-100.0, 100.0)])
    holders = sorted({row["account_id"] for row in book.tables["positions"]})
    deposits = [
        {"account_id": name, "asset": "WTI", "quantity": random.choice([-1, 1]) * random.uniform(1.0, 900.0), "location": None, "pool_id": None}
        for name in holders
    ]
    book.tables["collateral"] = [*book.tables.get("collateral", []), *deposits]
    book.scenarios.extend(SCENARIOS)
    write(book)
    assert compare(read_tables(run(book.run_file, tmp_path / "out").folder), run_folder(book.folder)) == []
