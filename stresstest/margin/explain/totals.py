"""Equity, margin balance, requirement, shortfalls and status of pools, and their sums by account (section 4 of the methodology)."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.sums import total
from stresstest.tables import MEASURES, STATUSES

POOL = ["pool", "scenario"]
_MEASURES = [column.name for column in MEASURES]


def _summed(rows: pl.DataFrame, **columns: str) -> pl.DataFrame:
    return rows.group_by(POOL, maintain_order=True).agg(total(source).alias(name) for name, source in columns.items())


def total_pools(
    pools: pl.DataFrame, positions: pl.DataFrame, balances: pl.DataFrame, tokens: pl.DataFrame, requirements: pl.DataFrame
) -> pl.DataFrame:
    """Every measure of every pool and scenario, with status.

    Args:
        pools: `pool, scenario` and the terms of the account (`breach_at_equality`), one row for every figure wanted; base included.
        positions: with `value, base_value, base_notional, added_maintenance, added_initial`.
        balances: with `value, base_value`.
        tokens: with `margin_value_maintenance, margin_value_initial, own_kept`.
        requirements: with `requirement_maintenance, requirement_initial`.
    """
    rows = pools
    for part in (
        _summed(
            positions,
            position_value="value",
            base_position_value="base_value",
            gross_notional="base_notional",
            added_maintenance="added_maintenance",
            added_initial="added_initial",
        ),
        _summed(balances, collateral_value="value", base_collateral_value="base_value"),
        _summed(tokens, tokens_maintenance="margin_value_maintenance", tokens_initial="margin_value_initial", own_kept="own_kept"),
        _summed(requirements, maintenance_margin="requirement_maintenance", initial_margin="requirement_initial"),
    ):
        rows = rows.join(part, on=POOL, how="left", maintain_order="left")
    sums = [name for name in rows.columns if name not in pools.columns]
    rows = rows.with_columns(pl.col(sums).fill_null(0.0))
    base = rows.filter(pl.col("scenario") == 0).select("pool", base_own_kept="own_kept", base_initial_margin="initial_margin")
    rows = rows.join(base, on="pool", how="left", maintain_order="left").with_columns(
        equity=pl.col("collateral_value") + pl.col("position_value"),
        position_pnl=pl.col("position_value") - pl.col("base_position_value"),
        collateral_pnl=pl.col("collateral_value") - pl.col("base_collateral_value"),
        margin_balance=pl.col("tokens_maintenance") + pl.col("added_maintenance"),
        margin_balance_initial=pl.col("tokens_initial") + pl.col("added_initial"),
        collateral_kept=pl.when(pl.col("base_own_kept") > 0).then((pl.col("own_kept") / pl.col("base_own_kept")).clip(0.0, 1.0)).otherwise(1.0),
        tolerance=(1e-9 * pl.col("gross_notional")).clip(0.01),
    )
    rows = rows.with_columns(
        pnl=pl.col("position_pnl") + pl.col("collateral_pnl"),
        initial_shortfall=(pl.col("initial_margin") - pl.col("margin_balance_initial")).clip(0.0),
        margin_shortfall=(pl.col("maintenance_margin") - pl.col("margin_balance")).clip(0.0),
        uncollateralised_loss=(-pl.col("equity")).clip(0.0),
        stress_loss_over_margin=(-pl.col("position_pnl") - pl.col("collateral_kept") * pl.col("base_initial_margin")).clip(0.0),
    )
    return rows.with_columns(
        pl.when(pl.col("equity") < -pl.col("tolerance"))
        .then(pl.lit("default"))
        .when(_short("margin_balance", "maintenance_margin"))
        .then(pl.lit("liquidation"))
        .when(_short("margin_balance_initial", "initial_margin"))
        .then(pl.lit("call"))
        .otherwise(pl.lit("ok"))
        .cast(pl.Enum(STATUSES))
        .alias("status")
    )


def _short(balance: str, requirement: str) -> pl.Expr:
    b, r, tolerance = pl.col(balance), pl.col(requirement), pl.col("tolerance")
    return (b < r - tolerance) | (pl.col("breach_at_equality") & (r > 0) & (b <= r + tolerance))


def total_accounts(pools: pl.DataFrame) -> pl.DataFrame:
    """Accounts: every measure the sum of its pools, the status the worst of theirs, `worst_row` that of the pool with the largest scan loss;
    keeps the order of pools."""
    worst_row = pl.col("worst_row").gather(pl.col("worst_scan_loss").arg_max()).first()
    return pools.group_by("owner_id", "account_id", "scenario_id", maintain_order=True).agg(
        pl.len().alias("pools"), *(total(name).alias(name) for name in (*_MEASURES, "gross_notional")), pl.col("status").max(), worst_row
    )
