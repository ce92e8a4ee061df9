"""The explanation as one versioned document of plain values, for `--json` and as the terminal's view model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from stresstest.margin.explain.derivation import Explanation

SCHEMA_VERSION = 1
KIND = "explain"
_HEAD = ("account_id", "pool_id", "scenario_id")


def as_document(explanation: Explanation) -> dict[str, Any]:
    """One account in one scenario as nested plain values: `account` (totals), and `pools`, each with totals, positions, charges, strategies, tokens.

    A charge holds its `tiers`, a strategy its `legs`, a token its `balances` and `bands`; under portfolio models there are `scans`, each with
    its `groups`, and those with their `rows`, `expiries` and `positions`, and `credits`; where the model has them, `add_ons` with their
    `tiers`. Numbers are unrounded, in the units of `Explanation`; absent is null. Keys are added, never renamed, within a `schema_version`.

    Raises:
        ValueError: the explanation is not of exactly one account and scenario.
    """
    if explanation.accounts.height != 1:
        raise ValueError(f"a document explains one account in one scenario, not {explanation.accounts.height}")
    account = explanation.accounts.row(0, named=True)
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "account_id": account.pop("account_id"),
        "owner_id": account.pop("owner_id"),
        "scenario_id": account.pop("scenario_id"),
        "reporting_currency": explanation.reporting_currency,
        "account": account,
        "pools": [_pool(explanation, pool) for pool in explanation.pools.to_dicts()],
    }


def _pool(explanation: Explanation, pool: dict[str, Any]) -> dict[str, Any]:
    def of_pool(frame: pl.DataFrame) -> pl.DataFrame:
        return frame.filter(pl.col("pool_id") == pool["pool_id"]).drop(_HEAD)

    tiers, balances, bands = (of_pool(frame) for frame in (explanation.tiers, explanation.balances, explanation.bands))
    legs = of_pool(explanation.strategy_legs)
    return {
        "pool_id": pool["pool_id"],
        "totals": {name: value for name, value in pool.items() if name not in (*_HEAD, "owner_id")},
        "positions": of_pool(explanation.positions).to_dicts(),
        "charges": [
            {**charge, "tiers": tiers.filter(pl.col("subject") == charge["subject"]).drop("subject").to_dicts()}
            for charge in of_pool(explanation.charges).to_dicts()
        ],
        "strategies": [
            {**strategy, "legs": legs.filter(pl.col("strategy") == strategy["strategy"]).drop("strategy").to_dicts()}
            for strategy in of_pool(explanation.strategies).to_dicts()
        ],
        "orders": of_pool(explanation.orders).to_dicts(),
        "tokens": [
            {
                **token,
                "balances": balances.filter(pl.col("asset") == token["asset"]).drop("asset").to_dicts(),
                "bands": bands.filter(pl.col("asset") == token["asset"]).drop("asset", "schedule", "basis").to_dicts(),
            }
            for token in of_pool(explanation.tokens).to_dicts()
        ],
        **_beside_schedules(explanation, of_pool),
    }


def _beside_schedules(explanation: Explanation, of_pool: Callable[[pl.DataFrame], pl.DataFrame]) -> dict[str, Any]:
    """Scans with their groups, and groups with the row that sets their scan; credits; add-ons."""
    frames = {name: _written(of_pool(getattr(explanation, name))) for name in ("rows", "expiries", "grid_positions", "add_ons", "add_on_tiers")}

    def of_group(name: str, group: str) -> list[dict[str, Any]]:
        rows = frames[name].filter(pl.col("risk_group") == group)
        return rows.drop([column for column in ("risk_group", "scan") if column in rows.columns]).to_dicts()

    groups = [
        {
            **group,
            "rows": of_group("rows", group["risk_group"]),
            "expiries": of_group("expiries", group["risk_group"]),
            "positions": of_group("grid_positions", group["risk_group"]),
        }
        for group in of_pool(explanation.groups).to_dicts()
    ]
    tiers = frames["add_on_tiers"]
    return {
        "scans": [
            {**scan, "groups": [group for group in groups if group["scan"] == scan["scan"]]}
            for scan in of_pool(explanation.scans).drop("group_count").to_dicts()
        ],
        "credits": of_pool(explanation.credits).to_dicts(),
        "add_ons": [
            {**net, "tiers": tiers.filter(pl.col("line") == net["line"], pl.col("subject") == net["subject"]).drop("line", "subject").to_dicts()}
            for net in frames["add_ons"].to_dicts()
        ],
    }


def _written(rows: pl.DataFrame) -> pl.DataFrame:
    """Moments as text."""
    return rows.with_columns(pl.col(pl.Datetime).dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
