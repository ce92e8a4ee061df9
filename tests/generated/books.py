"""Random small books, written as a user would: `write_book(folder, seed)`.

A seed is a whole book (hypothesis draws and shrinks the integer). Books are nasty but legal: nothing in them is refused.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from generated.holdings import make_accounts, make_holdings
from generated.market import AS_OF, HELD, make_assets, make_instruments
from generated.rules import ASSET_SCHEDULES, OPTION_SCHEDULES, SCHEDULES, make_margin
from generated.shocks import make_scenarios

if TYPE_CHECKING:
    from oracle.reading import Row

MOMENT = pa.timestamp("us", tz="UTC")
TYPES: dict[str, dict[str, pa.DataType]] = {
    "accounts": {
        "account_id": pa.string(), "owner_id": pa.string(), "segment": pa.string(), "netting_group": pa.string(), "margin_model": pa.string(),
        "margin_multiplier": pa.float64(), "max_leverage": pa.float64(),
    },
    "positions": {
        "account_id": pa.string(), "instrument_id": pa.string(), "quantity": pa.float64(), "entry_price": pa.float64(),
        "margin_mode": pa.string(), "isolated_margin": pa.float64(), "pool_id": pa.string(), "leverage": pa.float64(),
        "accrued_funding": pa.float64(),
    },
    "collateral": {
        "account_id": pa.string(), "asset": pa.string(), "quantity": pa.float64(), "location": pa.string(), "pool_id": pa.string(),
    },
    "orders": {
        "account_id": pa.string(), "instrument_id": pa.string(), "side": pa.string(), "quantity": pa.float64(), "price": pa.float64(),
        "reserved": pa.float64(),
    },
    "instruments": {
        "instrument_id": pa.string(), "kind": pa.string(), "underlying": pa.string(), "quote": pa.string(), "settle": pa.string(),
        "payoff": pa.string(), "contract_size": pa.float64(), "mark_price": pa.float64(), "expiry": MOMENT, "strike": pa.float64(),
        "option_type": pa.string(), "exercise": pa.string(), "implied_vol": pa.float64(), "vol_type": pa.string(),
        "forward": pa.float64(), "settlement_averaging_seconds": pa.float64(), "settled_average": pa.float64(),
        "premium_style": pa.string(), "risk_group": pa.string(), "margin_schedule": pa.string(),
        "open_interest": pa.float64(), "skew_scale": pa.float64(), "confidence": pa.float64(),
    },
    "assets": {
        "asset": pa.string(), "price": pa.float64(), "price_currency": pa.string(), "asset_class": pa.string(),
        "collateral_schedule": pa.string(), "margin_schedule": pa.string(), "tags": pa.list_(pa.string()), "rate": pa.float64(),
        "duration": pa.float64(), "convexity": pa.float64(), "may_be_negative": pa.bool_(), "price_low": pa.float64(),
        "price_high": pa.float64(), "pool_deposits": pa.float64(), "pool_borrows": pa.float64(),
        "confidence": pa.float64(), "daily_volume": pa.float64(),
    },
}  # fmt: skip
REQUIRED = {
    "account_id", "instrument_id", "quantity", "asset", "kind", "underlying", "quote", "mark_price", "price", "side",
}  # fmt: skip


@dataclass(frozen=True)
class BookSpec:
    """A generated book: where it is, and its contents as plain rows and documents."""

    folder: Path
    seed: int
    reporting: str
    tables: dict[str, list[Row]]
    margin: Row
    scenarios: list[Row]

    @property
    def run_file(self) -> Path:
        """The run file."""
        return self.folder / "run.yaml"

    @property
    def snapshot(self) -> Path:
        """The snapshot folder."""
        return self.folder / "snapshot"


def make_book(folder: Path, seed: int, accounts: int | None = None) -> BookSpec:
    """The book of a seed, not yet written; `accounts` sets their number (a few thousand fill several blocks)."""

    def stream(name: str) -> Random:
        # One stream a part: a change of one part leaves the others of a seed as they are.
        return Random(f"{seed}:{name}")

    reporting = stream("currency").choice(["USD", "USD", "EUR"])
    margin = make_margin(stream("margin"), ["USDT", "JPY", "EUR" if reporting == "USD" else "USD", "BTC"])
    assets = make_assets(stream("assets"), reporting)
    instruments = make_instruments(stream("instruments"), assets, reporting, SCHEDULES, OPTION_SCHEDULES)
    holders = make_accounts(stream("accounts"), accounts)
    positions, collateral = make_holdings(stream("holdings"), holders, assets, instruments, reporting)
    chosen = stream("schedules")
    for name, row in assets.items():
        if name in HELD:
            row["collateral_schedule"] = chosen.choice({"BOND": ["stable", "capped"], "USD": ["cash"], "EUR": ["cash", "stable"]}.get(
                name, ["stable", "coin", "by-quantity", "capped"]))  # fmt: skip
        row["margin_schedule"] = chosen.choice(ASSET_SCHEDULES)
    tables = {
        "assets": list(assets.values()), "instruments": list(instruments.values()), "accounts": holders,
        "positions": positions, "collateral": collateral,
    }  # fmt: skip
    if chosen.random() < 0.1:
        # Without accounts, every account is its own owner under the default model.
        del tables["accounts"]
    if not collateral and chosen.random() < 0.5:
        del tables["collateral"]
    return BookSpec(folder, seed, reporting, tables, margin, make_scenarios(stream("scenarios"), assets, reporting))


def write_book(folder: Path, seed: int, accounts: int | None = None) -> BookSpec:
    """Write the book of a seed."""
    return write(make_book(folder, seed, accounts))


def write(book: BookSpec) -> BookSpec:
    """Write a book: `snapshot/*.parquet`, `margin.yaml`, `scenarios.yaml`, `run.yaml`."""
    folder, seed = book.folder, book.seed
    random = Random(f"{seed}:files")
    book.snapshot.mkdir(parents=True)
    for name, rows in book.tables.items():
        write_table(random, book.snapshot, name, rows)
    write_yaml(folder / "margin.yaml", book.margin)
    write_yaml(folder / "scenarios.yaml", {"version": 1, "name": f"generated {seed}", "scenarios": book.scenarios})
    write_yaml(
        book.run_file,
        {
            "version": 1, "snapshot": "snapshot", "as_of": AS_OF.isoformat().replace("+00:00", "Z"), "reporting_currency": book.reporting,
            "scenarios": ["scenarios.yaml"], "margin": "margin.yaml", "keep": "all", "output": {"folder": "runs", "formats": ["json"]},
        },
    )  # fmt: skip
    return book


def write_table(random: Random, folder: Path, name: str, rows: list[Row]) -> None:
    """One Parquet file or a folder of parts; optional columns that hold nothing are sometimes left out."""
    types = TYPES[name]
    columns = [
        column for column in types
        if column in REQUIRED or any(row.get(column) is not None for row in rows) or random.random() < 0.5
    ]  # fmt: skip
    table = pa.Table.from_pylist(
        [{column: row.get(column) for column in columns} for row in rows], schema=pa.schema([(column, types[column]) for column in columns])
    )
    if len(rows) > 1 and random.random() < 0.15:
        (folder / name).mkdir()
        cut = random.randint(1, len(rows) - 1)
        pq.write_table(table.slice(0, cut), folder / name / "part-0.parquet")
        pq.write_table(table.slice(cut), folder / name / "part-1.parquet")
    else:
        pq.write_table(table, folder / f"{name}.parquet")


def write_yaml(path: Path, document: Row) -> None:
    """A document as JSON, which is YAML too and written at once; the files of pages and samples are in block style."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
