"""A book of a few rows, written as a user would, and run through the whole pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
from generated.books import write_yaml

from stresstest.config import load_run
from stresstest.results.store import read_table
from stresstest.runs.pipeline import Outcome, execute
from stresstest.runs.planning import plan

Row = dict[str, Any]

FLAT: Row = {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.10}]}
CASH: Row = {"asset": "USD", "price": 1.0, "asset_class": "cash", "collateral_schedule": "cash", "margin_schedule": "flat"}


def coin(name: str, **terms: Any) -> Row:
    """An asset at 100 dollars."""
    return {"asset": name, "price": 100.0, "asset_class": "crypto", "collateral_schedule": "cash", "margin_schedule": "flat", **terms}


def perpetual(name: str, underlying: str, **terms: Any) -> Row:
    """A linear perpetual at 100 dollars."""
    return {
        "instrument_id": name, "kind": "perpetual", "underlying": underlying, "quote": "USD", "mark_price": 100.0, "margin_schedule": "flat", **terms,
    }  # fmt: skip


def lot(account: str, instrument: str, quantity: float, **terms: Any) -> Row:
    """A position entered at 100, cross unless `isolated_margin` is given."""
    isolated = {"margin_mode": "isolated"} if "isolated_margin" in terms else {}
    return {"account_id": account, "instrument_id": instrument, "quantity": quantity, "entry_price": 100.0, **isolated, **terms}


def cash(account: str, dollars: float) -> Row:
    """A deposit of dollars."""
    return {"account_id": account, "asset": "USD", "quantity": dollars}


def scenario(name: str, shocks: Row, family: str = "hypothetical", **terms: Any) -> Row:
    """A scenario of relative moves of spots."""
    moves = [{"factor": f"spot:{asset}", "relative": move} for asset, move in shocks.items()]
    return {"id": name, "family": family, "shocks": moves, **terms}


def write_run(folder: Path, tables: dict[str, list[Row]], scenarios: list[Row], margin: Row | None = None, **run: Any) -> Path:
    """Write snapshot, margin file, scenarios and run file; returns the run file. Schedules `cash` and `flat` are always there."""
    margin = margin or {}
    snapshot = folder / "snapshot"
    snapshot.mkdir(parents=True)
    for name, rows in tables.items():
        pl.DataFrame(rows, infer_schema_length=None).write_parquet(snapshot / f"{name}.parquet")
    write_yaml(
        folder / "margin.yaml",
        {
            "version": 1,
            "collateral_schedules": {"cash": {"bands": [{"from": 0, "haircut": 0.0}]}, **margin.get("collateral_schedules", {})},
            "margin_schedules": {"flat": FLAT, **margin.get("margin_schedules", {})},
            "models": margin.get("models", {}),
        },
    )
    write_yaml(folder / "scenarios.yaml", {"version": 1, "name": "small", "scenarios": scenarios})
    write_yaml(
        folder / "run.yaml",
        {
            "version": 1, "snapshot": "snapshot", "as_of": "2026-11-20T16:00:00Z", "reporting_currency": "USD", "scenarios": ["scenarios.yaml"],
            "margin": "margin.yaml", "keep": "all", "output": {"folder": "runs", "formats": ["json"]}, **run,
        },
    )  # fmt: skip
    return folder / "run.yaml"


def run(run_file: Path, out: Path, **overrides: Any) -> Outcome:
    """Plan and execute."""
    return execute(plan(load_run(run_file, overrides), out))


def rows(folder: Path, table: str, *columns: str) -> list[Any]:
    """Rows of a result table; of one column, its values."""
    frame = read_table(folder, table)
    return frame[columns[0]].to_list() if len(columns) == 1 else frame.select(columns or frame.columns).rows()
