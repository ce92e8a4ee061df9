"""Parquet rows and YAML documents as plain dictionaries, with the defaults of the specification filled in.

Nothing here comes from the package under test: the column names and defaults were typed from the specification.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from ruamel.yaml import YAML

Row = dict[str, Any]

DEFAULTS: dict[str, Row] = {
    "accounts": {"margin_model": "default", "margin_multiplier": 1.0},
    "positions": {"margin_mode": "cross", "accrued_funding": 0.0},
    "collateral": {"pool_id": "cross"},
    "orders": {"reserved": 0.0},
    "instruments": {"payoff": "linear", "contract_size": 1.0, "exercise": "european", "vol_type": "lognormal", "premium_style": "paid"},
    "assets": {"rate": 0.0, "may_be_negative": False},
}
REFERENCES: dict[str, dict[str, str]] = {"accounts": {"owner_id": "account_id"}, "instruments": {"settle": "quote", "risk_group": "underlying"}}
"""Columns that, where null, take the value of another column."""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot as dictionaries: accounts, instruments and assets by their key, positions and collateral as rows."""

    as_of: datetime
    reporting: str
    accounts: dict[str, Row]
    instruments: dict[str, Row]
    assets: dict[str, Row]
    positions: list[Row]
    collateral: list[Row]
    orders: list[Row] = field(default_factory=list)


def read_yaml(path: Path) -> Row:
    """A YAML 1.2 document as plain dictionaries and lists."""
    text = path.read_text(encoding="utf-8")
    # JSON is YAML too, and read in a fraction of the time.
    return dict(json.loads(text) if text.startswith("{\n") else YAML(typ="safe", pure=True).load(text))


@dataclass(frozen=True)
class Question:
    """What a folder with a `run.yaml` asks: a snapshot, a margin file, and scenarios as they stand in their files."""

    snapshot: Snapshot
    margin: Row
    scenarios: list[Row]


def read_question(folder: Path) -> Question:
    """The question of a folder with a `run.yaml`."""
    run = read_yaml(folder / "run.yaml")
    scenarios = [row for name in run["scenarios"] for row in read_yaml(folder / name).get("scenarios", [])]
    return Question(read_snapshot(folder / run["snapshot"], run["as_of"], run["reporting_currency"]), read_yaml(folder / run["margin"]), scenarios)


def read_rows(folder: Path, table: str) -> list[Row]:
    """The rows of `NAME.parquet` or of the folder `NAME/`; empty when the table is absent."""
    for path in (folder / f"{table}.parquet", folder / table):
        if path.exists():
            return list(pq.read_table(path).to_pylist())
    return []


def filled(table: str, row: Row) -> Row:
    """A row with defaults in place of nulls and absent columns."""
    complete = dict(row)
    for column, default in DEFAULTS[table].items():
        if complete.get(column) is None:
            complete[column] = default
    for column, other in REFERENCES.get(table, {}).items():
        if complete.get(column) is None:
            complete[column] = complete[other]
    return complete


def at_level(value: object, level: str, default: float) -> float:
    """A parameter that may be given once or for maintenance and initial separately."""
    if isinstance(value, dict):
        value = value.get(level)
    return default if value is None else float(value)  # type: ignore[arg-type]


def as_utc(moment: datetime | str) -> datetime:
    """A moment with its zone; without one it is UTC."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def read_snapshot(folder: Path, as_of: datetime | str, reporting: str) -> Snapshot:
    """Read the tables of a snapshot folder."""
    return snapshot_of({table: read_rows(folder, table) for table in DEFAULTS}, as_of, reporting)


def snapshot_of(tables: dict[str, list[Row]], as_of: datetime | str, reporting: str) -> Snapshot:
    """A snapshot of plain rows, which are copied and completed."""
    complete = {table: [filled(table, row) for row in tables.get(table, [])] for table in DEFAULTS}
    accounts = {row["account_id"]: row for row in complete["accounts"]}
    for row in (*complete["positions"], *complete["collateral"]):
        # Only legal when there is no accounts table: every account is then its own owner.
        accounts.setdefault(row["account_id"], filled("accounts", {"account_id": row["account_id"]}))
    assets = {row["asset"]: row for row in complete["assets"]}
    assets.setdefault(reporting, filled("assets", {"asset": reporting, "price": 1.0, "asset_class": "cash"}))
    for row in assets.values():
        row["price_currency"] = row.get("price_currency") or reporting
    for row in complete["positions"]:
        if row.get("pool_id") is None:
            row["pool_id"] = "cross" if row["margin_mode"] == "cross" else isolated_pool(row)
    instruments = {row["instrument_id"]: row for row in complete["instruments"]}
    return Snapshot(as_utc(as_of), reporting, accounts, instruments, assets, complete["positions"], complete["collateral"], complete["orders"])


def isolated_pool(position: Row) -> str:
    """The default pool of an isolated position: its instrument and side."""
    return f"{position['instrument_id']}:{'short' if position['quantity'] < 0 else 'long'}"
