"""Published cases as one ordinary run: a case becomes accounts, instruments and rules of its own, and figures to find in the results.

Everything of a case bears its id, so hundreds of cases share one snapshot, one margin file and one scenario without touching
each other. The scenario `published` moves each case's prices to those of its publication, where these are not the snapshot's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

Row = dict[str, Any]
Found = Mapping[str, Any]
AS_OF = datetime(2026, 1, 1, tzinfo=UTC)
BASE, PUBLISHED = "base", "published"
TYPES: dict[str, dict[str, Any]] = {
    "accounts": {"account_id": pl.String, "margin_model": pl.String, "max_leverage": pl.Float64, "margin_multiplier": pl.Float64},
    "positions": {
        "account_id": pl.String, "instrument_id": pl.String, "quantity": pl.Float64, "entry_price": pl.Float64, "margin_mode": pl.String,
        "isolated_margin": pl.Float64, "leverage": pl.Float64, "accrued_funding": pl.Float64,
    },
    "collateral": {"account_id": pl.String, "asset": pl.String, "quantity": pl.Float64},
    "orders": {
        "account_id": pl.String, "instrument_id": pl.String, "side": pl.String, "quantity": pl.Float64, "price": pl.Float64, "reserved": pl.Float64,
    },
    "instruments": {
        "instrument_id": pl.String, "kind": pl.String, "underlying": pl.String, "quote": pl.String, "contract_size": pl.Float64,
        "mark_price": pl.Float64, "expiry": pl.Datetime("us", "UTC"), "strike": pl.Float64, "option_type": pl.String, "implied_vol": pl.Float64,
        "forward": pl.Float64, "settlement_averaging_seconds": pl.Float64, "settled_average": pl.Float64, "margin_schedule": pl.String,
        "risk_group": pl.String, "confidence": pl.Float64, "open_interest": pl.Float64, "skew_scale": pl.Float64,
    },
    "assets": {
        "asset": pl.String, "price": pl.Float64, "price_currency": pl.String, "collateral_schedule": pl.String, "margin_schedule": pl.String,
        "may_be_negative": pl.Boolean, "rate": pl.Float64, "confidence": pl.Float64, "price_low": pl.Float64, "price_high": pl.Float64,
        "pool_deposits": pl.Float64, "pool_borrows": pl.Float64, "tags": pl.List(pl.String),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Check:
    """A published figure and where it stands in the results; `pool` names an instrument whose isolated pool is meant."""

    what: str
    read: Callable[[Found], Any]
    expected: Any
    account: str
    scenario: str = BASE
    pool: str | None = None
    rel: float = 0.0
    abs: float = 0.0

    def wrong(self, row: Found) -> str | None:
        """Why the row does not give the published figure; None if it does."""
        got = self.read(row)
        if isinstance(self.expected, float) and not isinstance(got, bool):
            right = abs(got - self.expected) <= max(self.abs, self.rel * abs(self.expected))
        else:
            right = got == self.expected
        return None if right else f"{self.what}: {got!r}, published {self.expected!r}"


@dataclass(frozen=True)
class Runs:
    """The case runs; `how` says what of it was put into other words, where anything was."""

    checks: tuple[Check, ...]
    how: str = ""


@dataclass(frozen=True)
class Differs:
    """The case asks for what this tool does otherwise on purpose, or does not report."""

    why: str


Outcome = Runs | Differs


@dataclass
class CaseBook:
    """The snapshot, margin file and scenario of all cases added so far. Reporting currency USD, which counts in full."""

    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TYPES})
    collateral_schedules: Row = field(default_factory=dict)
    margin_schedules: Row = field(default_factory=dict)
    models: Row = field(default_factory=lambda: {"default": {"kind": "tiered"}})
    shocks: list[Row] = field(default_factory=list)

    def account(self, name: str, model: Row | None = None, max_leverage: float | None = None, **balances: float) -> str:
        """An account with balances by asset; `model` gives it a model of its own."""
        if model is not None:
            self.models[name] = {"kind": "tiered", **model}
        self.tables["accounts"].append({"account_id": name, "margin_model": None if model is None else name, "max_leverage": max_leverage})
        for asset, quantity in balances.items():
            self.deposit(name, asset, quantity)
        return name

    def deposit(self, account: str, asset: str, quantity: float) -> None:
        """A balance; negative for a borrow."""
        self.tables["collateral"].append({"account_id": account, "asset": asset, "quantity": quantity})

    def asset(self, name: str, price: float, *, rules: Row | None = None, published: float | None = None, **columns: Any) -> str:
        """An asset, with a collateral schedule of its own if `rules` are given; its price in scenario `published`, if another."""
        if rules is not None:
            self.collateral_schedules[name] = rules
            columns["collateral_schedule"] = name
        self.tables["assets"].append({"asset": name, "price": price, **columns})
        if published is not None:
            self.shocks.append({"factor": f"spot:{name}", "replace": published})
        return name

    def instrument(self, name: str, kind: str, underlying: str, mark: float, rules: Row | None, quote: str = "USD", **columns: Any) -> str:
        """An instrument, with a margin schedule of its own if `rules` are given."""
        if rules is not None:
            self.margin_schedules[name] = rules
            columns["margin_schedule"] = name
        self.tables["instruments"].append(
            {"instrument_id": name, "kind": kind, "underlying": underlying, "quote": quote, "mark_price": mark, **columns}
        )
        return name

    def perpetual(self, name: str, price: float, rules: Row, *, published: float | None = None, quote: str = "USD", spot: float | None = None) -> str:
        """A perpetual on an asset of the same name with `.index` behind it, whose price is the mark's unless `spot` says otherwise."""
        underlying = self.asset(f"{name}.index", price if spot is None else spot, published=published)
        return self.instrument(name, "perpetual", underlying, price, rules, quote)

    def position(self, account: str, instrument: str, quantity: float, entry: float | None = None, **columns: Any) -> None:
        """A position; without an entry price its P&L starts from the mark."""
        if "isolated_margin" in columns:
            columns["margin_mode"] = "isolated"
        self.tables["positions"].append({"account_id": account, "instrument_id": instrument, "quantity": quantity, "entry_price": entry, **columns})

    def order(self, account: str, instrument: str, quantity: float, price: float, reserved: float = 0.0) -> None:
        """An open order, below zero a sale; none where there is no quantity."""
        if quantity:
            side = "buy" if quantity > 0.0 else "sell"
            row = {"account_id": account, "instrument_id": instrument, "side": side, "quantity": abs(quantity), "price": price, "reserved": reserved}
            self.tables["orders"].append(row)

    def write(self, folder: Path) -> Path:
        """Write everything; gives the run file."""
        snapshot = folder / "snapshot"
        snapshot.mkdir(parents=True)
        # Nothing is added to the book itself: it may be written again.
        tables = self.tables | {"assets": [*self.tables["assets"], {"asset": "USD", "price": 1.0}]}
        for name, types in TYPES.items():
            pl.DataFrame(tables[name], schema=types, orient="row").write_parquet(snapshot / f"{name}.parquet")
        rules = {"collateral_schedules": self.collateral_schedules, "margin_schedules": self.margin_schedules, "models": self.models}
        scenario = {"id": PUBLISHED, "family": "sensitivity", "headline": True, "source": "the publications", "shocks": self.shocks}
        run = {
            "version": 1, "snapshot": "snapshot", "as_of": AS_OF.isoformat(), "reporting_currency": "USD",
            "scenarios": ["scenarios.yaml"], "margin": "margin.yaml", "keep": "all", "output": {"folder": "runs", "formats": ["json"]},
            "attribution": {"accounts": 0},
        }  # fmt: skip
        for name, document in (("margin", {"version": 1, **rules}), ("scenarios", {"version": 1, "scenarios": [scenario]}), ("run", run)):
            # JSON is YAML too, and read in a fraction of the time.
            (folder / f"{name}.yaml").write_text(json.dumps(document, indent=1), encoding="utf-8")
        return folder / "run.yaml"


def flat(maintenance: float, initial: float | None = None) -> Row:
    """A margin schedule of one rate on everything."""
    return {"tiers": [{"from": 0, "maintenance_rate": maintenance, "initial_rate": maintenance if initial is None else initial}]}


def haircuts(maintenance: float, initial: float | None = None, liability: float = 1.0, initial_liability: float | None = None) -> Row:
    """A collateral schedule of one haircut and a weight of debts."""
    return {
        "bands": [{"from": 0, "haircut": maintenance, "initial_haircut": maintenance if initial is None else initial}],
        "liability_weight": {"maintenance": liability, "initial": liability if initial_liability is None else initial_liability},
    }


def after(seconds: float) -> datetime:
    """A moment after that of the snapshot."""
    return AS_OF + timedelta(seconds=seconds)


def net(side: str) -> Callable[[Found], float]:
    """Margin balance less requirement: what venues call health, free collateral or net margin. Shortfall is its negative."""
    balance = "margin_balance_initial" if side == "initial" else "margin_balance"

    def read(row: Found) -> float:
        return float(row[balance] - row[f"{side}_margin"])

    return read


def figure(name: str) -> Callable[[Found], float]:
    """A column of the results as it is."""

    def read(row: Found) -> float:
        return float(row[name])

    return read


def liquidated(row: Found) -> bool:
    """The pool is taken over: in liquidation, or beyond it in default."""
    return row["status"] in ("liquidation", "default")
