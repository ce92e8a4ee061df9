"""Polars: one row a position and scenario, summed by account and scenario, in expressions."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl

from benchmarks.rivals.job import SETTLE, Answer, Curve, rules


def expression(curve: Curve, x: pl.Expr, which: int) -> pl.Expr:
    """The curve as an expression."""
    result = curve.liability[which] * x.clip(upper_bound=0.0)
    for start, slope in zip(curve.starts, (curve.maintenance, curve.initial)[which], strict=True):
        result += slope * (x - start).clip(lower_bound=0.0)
    return result


def work(book: Path, scenarios: Path) -> Answer:
    """The job, on all cores, in the streaming engine."""
    margin, schedules = rules(book)
    snapshot = book / "snapshot"
    started = time.perf_counter()
    instruments = pl.scan_parquet(snapshot / "instruments.parquet").select("instrument_id", "underlying", "mark_price")
    positions = (
        pl.scan_parquet(snapshot / "positions.parquet")
        .group_by("account_id", "instrument_id")
        .agg(pl.col("quantity").sum(), cost=(pl.col("quantity") * pl.col("entry_price")).sum())
        .join(instruments, on="instrument_id")
        .select("account_id", "cost", asset="underlying", value=pl.col("quantity") * pl.col("mark_price"))
        .collect()
    )
    collateral = (
        pl.scan_parquet(snapshot / "collateral.parquet")
        .join(pl.scan_parquet(snapshot / "assets.parquet").select("asset", "price", "collateral_schedule"), on="asset")
        .group_by("account_id", "asset", "collateral_schedule")
        .agg(value=(pl.col("quantity") * pl.col("price")).sum())
        .collect()
    )
    moves = pl.scan_parquet(scenarios).select("scenario_id", asset=pl.col("factor").str.slice(5), factor=1.0 + pl.col("value")).collect()
    prepared = time.perf_counter()
    value = pl.col("value") * pl.col("factor")
    key = ["account_id", "scenario_id"]
    pnl = (
        positions.lazy()
        .join(moves.lazy(), on="asset")
        .group_by(key)
        .agg(
            pnl=(value - pl.col("cost")).sum(),
            maintenance_margin=expression(margin, value.abs(), 0).sum(),
            initial_margin=expression(margin, value.abs(), 1).sum(),
        )
    )
    haircut = [
        pl.coalesce(pl.when(pl.col("collateral_schedule") == name).then(expression(curve, value, which)) for name, curve in schedules.items())
        for which in (0, 1)
    ]
    coins = (
        collateral.lazy().join(moves.lazy(), on="asset").group_by(key).agg(coins=value.sum(), maintenance=haircut[0].sum(), initial=haircut[1].sum())
    )
    cash = collateral.lazy().filter(pl.col("asset") == SETTLE).select("account_id", "value")
    settled = pl.col("value") + pl.col("pnl")
    held = schedules[SETTLE.lower()]
    both = (
        coins.join(cash, on="account_id")
        .join(pnl, on=key, how="left")
        .with_columns(pl.col("pnl", "maintenance_margin", "initial_margin").fill_null(0.0))
        .select(
            *key,
            excess=pl.col("maintenance") + expression(held, settled, 0) - pl.col("maintenance_margin"),
            initial_excess=pl.col("initial") + expression(held, settled, 1) - pl.col("initial_margin"),
            equity=pl.col("coins") + settled,
        )
        .collect()
    )
    short = both.group_by("scenario_id").agg((-pl.col(name)).clip(lower_bound=0.0).sum() for name in ("excess", "initial_excess", "equity"))
    worst = both.group_by("account_id").agg(pl.col("excess").min()).sort("account_id")["excess"].to_numpy()
    return Answer(short.sort("scenario_id").drop("scenario_id").to_numpy(), worst, prepared - started, time.perf_counter() - prepared)
