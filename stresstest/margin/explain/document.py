"""The explanation as one versioned document of plain values, for `--json` and as the terminal's view model."""

from __future__ import annotations

from typing import Any

import polars as pl

from stresstest.margin.explain.derivation import Explanation

SCHEMA_VERSION = 1
KIND = "explain"
_HEAD = ("account_id", "pool_id", "scenario_id")


def as_document(explanation: Explanation) -> dict[str, Any]:
    """One account in one scenario as nested plain values: `account` (totals), and `pools`, each with its totals, positions, charges, tokens.

    A charge holds its `tiers`, a token its `balances` and `bands`; numbers are unrounded, in the units of `Explanation`; absent is null. Keys
    are added, never renamed, within a `schema_version`.

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
    return {
        "pool_id": pool["pool_id"],
        "totals": {name: value for name, value in pool.items() if name not in (*_HEAD, "owner_id")},
        "positions": of_pool(explanation.positions).to_dicts(),
        "charges": [
            {**charge, "tiers": tiers.filter(pl.col("subject") == charge["subject"]).drop("subject").to_dicts()}
            for charge in of_pool(explanation.charges).to_dicts()
        ],
        "tokens": [
            {
                **token,
                "balances": balances.filter(pl.col("asset") == token["asset"]).drop("asset").to_dicts(),
                "bands": bands.filter(pl.col("asset") == token["asset"]).drop("asset", "schedule", "basis").to_dicts(),
            }
            for token in of_pool(explanation.tokens).to_dicts()
        ],
    }
