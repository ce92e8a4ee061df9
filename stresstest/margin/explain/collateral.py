"""Token balances, what joins them, and their haircuts band by band (section 4 of the methodology)."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.rules import HEDGE
from stresstest.margin.explain.scaling import AMOUNTS, inside_bands, token_weights
from stresstest.margin.explain.sums import total

VERSIONS = ("maintenance", "initial")
TOKEN = ["pool", "scenario", "asset"]


def value_balances(collateral: pl.DataFrame, assets: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """Every collateral row in every scenario: `value` = amount * holding share * X, the share on positive amounts only; base figures beside."""
    states = assets.select("asset", "scenario", "price", unit_value="value")
    rows = collateral.with_row_index("row").join(states, on="asset", how="left", maintain_order="left_right")
    rows = (
        rows.join(shares, on=["asset", "location", "scenario"], how="left", maintain_order="left")
        .with_columns(holding_share=pl.when(pl.col("amount") > 0).then(pl.col("holding_share").fill_null(1.0)).otherwise(1.0))
        .with_columns(value=pl.col("amount") * pl.col("holding_share") * pl.col("unit_value"))
    )
    base = rows.filter(pl.col("scenario") == 0).select("row", base_price="price", base_value="value")
    return rows.join(base, on="row", how="left", maintain_order="left")


def position_credits(positions: pl.DataFrame) -> pl.DataFrame:
    """How the value of every position enters the margin balance; expects the model's terms beside each position.

    `joins`: the token it joins (null = none), `joined_maintenance`, `joined_initial`: with how much; `added_*`: what is added unhaircut.
    P&L, at the mark that the calculation takes, where positive is weighted, then capped; spot joins its underlying in full; a paid option counts in
    full where negative, else times the credit.
    """
    style = pl.col("style")
    spot, paid = style == "spot", style == "paid option"
    credited = {
        version: pl.when(spot | ((value := pl.col(f"marked_value_{version}")) <= 0))
        .then(value)
        .when(paid)
        .then(value * pl.col(f"long_option_credit_{version}"))
        .otherwise(pl.min_horizontal(value * pl.col(f"positive_pnl_weight_{version}"), f"positive_pnl_cap_{version}"))
        for version in VERSIONS
    }
    joins = pl.when(spot).then(pl.col("underlying")).when(~paid & (pl.col("pnl_into") == "settle_balance")).then(pl.col("settle"))
    rows = positions.with_columns(joins.cast(pl.Int32).alias("joins"))
    return rows.with_columns(
        *(pl.when(pl.col("joins").is_null()).then(0.0).otherwise(credited[version]).alias(f"joined_{version}") for version in VERSIONS),
        *(pl.when(pl.col("joins").is_null()).then(credited[version]).otherwise(0.0).alias(f"added_{version}") for version in VERSIONS),
    )


def net_tokens(balances: pl.DataFrame, credited: pl.DataFrame, assets: pl.DataFrame, views: pl.DataFrame, schedules: pl.DataFrame) -> pl.DataFrame:
    """Per pool, scenario and token: balance of the rows, what joined it, the net; with the token's schedule and states.

    Args:
        views: per pool the `view` of its account's model, and in which calculations this takes conservative prices.
        schedules: per view and asset `schedule, basis, currency`, liability weights, and what weights follow.
    """
    rows = balances.group_by(TOKEN, maintain_order=True).agg(
        rows=pl.len(), amount=total(pl.col("amount") * pl.col("holding_share")), balance=total("value"), base_balance=total("base_value")
    )
    joined = (
        credited.filter(pl.col("joins").is_not_null())
        .group_by("pool", "scenario", asset="joins", maintain_order=True)
        .agg(*(total(f"joined_{version}").alias(f"joined_{version}") for version in VERSIONS))
    )
    tokens = (
        rows.join(joined, on=TOKEN, how="full", coalesce=True)
        .sort(TOKEN)
        .with_columns(pl.col("rows").fill_null(0), pl.col("amount", "balance", "base_balance", "joined_maintenance", "joined_initial").fill_null(0.0))
    )
    tokens = tokens.with_row_index("token").join(assets, on=["asset", "scenario"], how="left", maintain_order="left")
    tokens = tokens.join(views, on="pool", how="left", maintain_order="left")
    tokens = tokens.join(schedules, on=["view", "asset"], how="left", maintain_order="left")
    currency = assets.select("scenario", currency="asset", currency_value="value")
    tokens = tokens.join(currency, on=["currency", "scenario"], how="left", maintain_order="left")
    return token_weights(tokens.with_columns(*((pl.col("balance") + pl.col(f"joined_{version}")).alias(f"net_{version}") for version in VERSIONS)))


def haircut_bands(tokens: pl.DataFrame, bands: pl.DataFrame) -> pl.DataFrame:
    """Band by band, for tokens with anything positive: edges and parts in reporting currency, haircuts at base and stressed, what is kept.

    The haircut of a band applies to the part of w = net * collateral ratio inside it, at the price of the calculation. `*_own` is the token's own
    positive balance (without P&L and spot positions) after initial haircuts, from which k of `stress_loss_over_margin` comes;
    `kept_own_maintenance` the same after those of maintenance.

    Args:
        bands: `schedule, band, from, to (null = none), haircut_maintenance, haircut_initial`, edges in units of the schedule's basis.
    """
    unit = pl.when(pl.col("basis") == "quantity").then(pl.col("value").abs() * pl.col("ratio")).otherwise(pl.col("currency_value"))
    rows = (
        tokens.filter(pl.max_horizontal(*(amount for amount, _ in AMOUNTS.values())) > 0)
        .join(bands, on="schedule", how="left", maintain_order="left_right")
        .with_columns(
            (pl.col("from") * unit).alias("from"),
            (pl.col("to") * unit).alias("to"),
            *(
                pl.when(pl.col("schedule") == HEDGE)
                .then(0.0)
                .otherwise((pl.col("haircut_scale") * pl.col(f"haircut_{version}") + pl.col("haircut_shift")).clip(0.0, 1.0))
                .alias(f"stressed_haircut_{version}")
                for version in VERSIONS
            ),
        )
    )
    return inside_bands(rows)


def margin_values(tokens: pl.DataFrame, bands: pl.DataFrame) -> pl.DataFrame:
    """Adds to every token `margin_value_maintenance`, `margin_value_initial` (kept over its bands, or net * weight of a debt), `own_kept`
    and `own_kept_maintenance`."""
    kept = bands.group_by("token", maintain_order=True).agg(
        *(total(f"kept_{version}").alias(f"kept_{version}") for version in VERSIONS),
        own_kept=total("kept_own"),
        own_kept_maintenance=total("kept_own_maintenance"),
    )
    return (
        tokens.join(kept, on="token", how="left", maintain_order="left")
        .with_columns(
            *(
                pl.when(pl.col(f"net_{version}") < 0)
                .then(pl.col(f"net_{version}") * pl.col(f"debt_weight_{version}"))
                .otherwise(pl.col(f"kept_{version}").fill_null(0.0))
                .alias(f"margin_value_{version}")
                for version in VERSIONS
            ),
            pl.col("own_kept", "own_kept_maintenance").fill_null(0.0),
        )
        .drop("kept_maintenance", "kept_initial")
    )
