"""A book as arrays: what the rivals in NumPy and SciPy start from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from benchmarks.rivals.job import SETTLE, Curve, Floats, rules

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arrays:
    """Positions sorted by account: `account`, `underlying`, signed `value` and `cost`; `coins`: per collateral asset that moves, its underlying, its
    curve and the value [accounts]; `cash` [accounts]; `moves` [underlyings, scenarios]: prices relative to the base."""

    accounts: int
    account: Codes
    underlying: Codes
    value: Floats
    cost: Floats
    coins: tuple[tuple[int, Curve, Floats], ...]
    cash: Floats
    moves: Floats
    margin: Curve
    held: Curve


def read(book: Path, scenarios: Path) -> Arrays:
    """Read and code everything; accounts and scenarios in order of id."""
    margin, schedules = rules(book)
    snapshot = book / "snapshot"
    names = pl.read_parquet(snapshot / "accounts.parquet", columns=["account_id"]).sort("account_id").with_row_index("account")
    assets = pl.read_parquet(snapshot / "assets.parquet").with_row_index("code")
    instruments = (
        pl.scan_parquet(snapshot / "instruments.parquet")
        .join(assets.lazy().select("code", underlying="asset"), on="underlying")
        .select("instrument_id", "code", "mark_price")
    )
    positions = (
        pl.scan_parquet(snapshot / "positions.parquet")
        .group_by("account_id", "instrument_id")
        .agg(pl.col("quantity").sum(), cost=(pl.col("quantity") * pl.col("entry_price")).sum())
        .join(instruments, on="instrument_id")
        .join(names.lazy(), on="account_id")
        .select(pl.col("account", "code").cast(pl.Int64), "cost", value=pl.col("quantity") * pl.col("mark_price"))
        .sort("account", "code")
        .collect()
    )
    collateral = (
        pl.scan_parquet(snapshot / "collateral.parquet")
        .join(names.lazy(), on="account_id")
        .join(assets.lazy(), on="asset")
        .select("asset", "code", "collateral_schedule", pl.col("account").cast(pl.Int64), value=pl.col("quantity") * pl.col("price"))
        .collect()
    )
    held = {
        asset[0]: (
            int(rows["code"][0]),
            schedules[rows["collateral_schedule"][0]],
            np.bincount(rows["account"].to_numpy(), rows["value"].to_numpy(), names.height).astype(np.float64),
        )
        for asset, rows in collateral.group_by("asset")
    }
    shocks = (
        pl.scan_parquet(scenarios)
        .select("scenario_id", "value", asset=pl.col("factor").str.slice(5))
        .join(assets.lazy().select("asset", "code"), on="asset")
        .sort("scenario_id", "code")
        .collect()
    )
    moved = shocks["code"].n_unique()
    return Arrays(
        accounts=names.height,
        account=positions["account"].to_numpy(),
        underlying=positions["code"].to_numpy(),
        value=positions["value"].to_numpy(),
        cost=positions["cost"].to_numpy(),
        coins=tuple(held[asset] for asset in sorted(held) if asset != SETTLE),
        cash=held[SETTLE][2],
        moves=np.ascontiguousarray(1.0 + shocks["value"].to_numpy().reshape(-1, moved).T),
        margin=margin,
        held=held[SETTLE][1],
    )


def finished(
    arrays: Arrays, moves: Floats, pnl: Floats, maintenance_margin: Floats, initial_margin: Floats, accounts: slice = slice(None)
) -> tuple[Floats, Floats]:
    """Totals [scenarios, 3] and excess of every account, of the scenarios [accounts, scenarios] that are given."""
    settled = arrays.cash[accounts].reshape(-1, *[1] * (pnl.ndim - 1)) + pnl
    equity, excess, initial_excess = settled.copy(), arrays.held(settled, 0) - maintenance_margin, arrays.held(settled, 1) - initial_margin
    for underlying, curve, amount in arrays.coins:
        value = np.multiply.outer(amount[accounts], moves[underlying])
        equity += value
        excess += curve(value, 0)
        initial_excess += curve(value, 1)
    totals = [np.maximum(-each, 0.0).sum(axis=0) for each in (excess, initial_excess, equity)]
    return np.stack(totals, axis=-1), excess
