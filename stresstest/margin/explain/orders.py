"""Open orders: the worse of all bids and all asks filled, instrument by instrument and market by market (docs/methodology.md, section 4)."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.collateral import TOKEN, VERSIONS, haircut_bands, margin_values
from stresstest.margin.explain.scaling import token_weights
from stresstest.margin.explain.sums import total

NO_ORDERS = pl.DataFrame(
    schema={
        "pool": pl.Int32,
        "scenario": pl.Int32,
        "instrument": pl.Int32,
        "side": pl.Int32,
        "orders": pl.Float64,
        "filled": pl.Float64,
        "order_cost": pl.Float64,
        "held": pl.Float64,
        **{f"{stem}_{version}": pl.Float64 for stem in ("asked", "lost", "need", "worth", "requirement") for version in VERSIONS},
    }
)
"""What is shown of orders; `instrument` null: all spot markets of a pool together, and with `side` null the amount for every order."""
_MARKET = ["pool", "scenario", "instrument"]


def sides_of(orders: pl.DataFrame) -> pl.DataFrame:
    """Both sides of every row of orders: `side` (0 bids, 1 asks), `filled` contracts with their sign, `order_cost` with the same sign."""
    bids = orders.with_columns(side=pl.lit(0, pl.Int32), filled="bid_quantity", order_cost="bid_cost")
    asks = orders.with_columns(side=pl.lit(1, pl.Int32), filled=-pl.col("ask_quantity"), order_cost=-pl.col("ask_cost"))
    return pl.concat([bids, asks]).drop("bid_quantity", "bid_cost", "ask_quantity", "ask_cost")


def fill_losses(fills: pl.DataFrame) -> pl.DataFrame:
    """Adds `lost_*`, what is lost by fills: max(0, -G), G the value of what was filled at the order's price.

    Expects positions valued as if they were the fills alone (`quantity`, `cost` those of the fills), and what was `held` before.
    """
    held, after = pl.col("held"), pl.col("held") + pl.col("quantity")

    def lost(version: str) -> pl.Expr:
        credit = pl.col(f"long_option_credit_{version}")
        counted = (after.clip(upper_bound=0.0) + credit * after.clip(0.0)) - (held.clip(upper_bound=0.0) + credit * held.clip(0.0))
        paid = pl.col("contract_size") * pl.col("quote_value") * (pl.col("mark") * counted - pl.col("cost"))
        return (-pl.when(pl.col("style") == "paid option").then(paid).otherwise(pl.col("value"))).clip(0.0).alias(f"lost_{version}")

    return fills.with_columns(lost(version) for version in VERSIONS)


def worse_sides(sides: pl.DataFrame) -> pl.DataFrame:
    """Adds `need_*` = asked + lost, and `requirement_*`: the larger of an instrument's sides, on the first side that has it, else null."""
    rows = sides.sort(*_MARKET, "side").with_columns(
        (pl.col(f"asked_{version}") + pl.col(f"lost_{version}")).alias(f"need_{version}") for version in VERSIONS
    )
    return rows.with_columns(
        pl.when(pl.int_range(pl.len()).over(_MARKET) == pl.col(f"need_{version}").arg_max().over(_MARKET))
        .then(f"need_{version}")
        .alias(f"requirement_{version}")
        for version in VERSIONS
    )


def spot_sides(sides: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """What a spot market has of its tokens after a side is filled, one row a token: `asset`, `amount` in reporting currency, `reserved` of it.

    Bids: reserved + min(q*S, c*X_quote) of the base token, reserved - c*X_quote of the settle token; asks: reserved - q*S, reserved +
    min(c*X_quote, q*S).

    Args:
        sides: of spot instruments.
        states: per instrument and scenario `underlying, settle, contract_size, underlying_value, quote_value, settle_value`.
    """
    rows = sides.join(states, on="instrument", how="left", maintain_order="left_right")
    size = pl.col("filled").abs() * pl.col("contract_size") * pl.col("underlying_value")
    cost = pl.col("order_cost").abs() * pl.col("contract_size") * pl.col("quote_value")
    brought, bids = pl.min_horizontal(size, cost), pl.col("side") == 0
    of_base, of_settle = pl.col("reserved_underlying") * pl.col("underlying_value"), pl.col("reserved_settle") * pl.col("settle_value")
    base = rows.with_columns(leg=pl.lit(0), asset="underlying", reserved=of_base, amount=of_base + pl.when(bids).then(brought).otherwise(-size))
    settle = rows.with_columns(leg=pl.lit(1), asset="settle", reserved=of_settle, amount=of_settle + pl.when(bids).then(-cost).otherwise(brought))
    return pl.concat([base, settle]).select(*_MARKET, "side", "leg", "asset", "filled", "order_cost", "orders", "reserved", "amount")


def spot_requirements(legs: pl.DataFrame, tokens: pl.DataFrame, bands: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The sides of every market with their `worth_*`, and per pool and scenario the requirement of all markets together.

    max(0, sum over tokens of (W(v + r) - W(v)) - sum over markets of the lower side), every amount the last to be added: see the methodology.

    Args:
        legs: see `spot_sides`.
        tokens: net balances with everything that their weights are made of; every token of a market is among them.
        bands: of collateral schedules.
    """
    once = legs.unique([*_MARKET, "leg"], keep="first", maintain_order=True).group_by(TOKEN, maintain_order=True).agg(reserved=total("reserved"))
    most = (
        legs.group_by(*_MARKET, "leg", "asset", maintain_order=True)
        .agg(above=pl.col("amount").max().clip(0.0), below=pl.col("amount").min().clip(upper_bound=0.0))
        .group_by(TOKEN, maintain_order=True)
        .agg(above=total("above"), below=total("below"))
    )
    around = once.join(most, on=TOKEN, how="left", maintain_order="left")
    placed = legs.drop("reserved").join(around, on=TOKEN, how="left", maintain_order="left")
    added = pl.when(pl.col("amount") >= 0).then("above").otherwise("below") - pl.col("reserved")
    moves = [
        placed.select(*TOKEN, "instrument", "side", sign=pl.lit(1.0), move=added),
        placed.select(*TOKEN, "instrument", "side", sign=pl.lit(-1.0), move=added - pl.col("amount")),
        around.select(*TOKEN, pl.lit(None, pl.Int32).alias("instrument"), pl.lit(None, pl.Int32).alias("side"), sign=pl.lit(1.0), move=pl.lit(0.0)),
        around.select(
            *TOKEN, pl.lit(None, pl.Int32).alias("instrument"), pl.lit(None, pl.Int32).alias("side"), sign=pl.lit(-1.0), move=-pl.col("reserved")
        ),
    ]
    shapes = tokens.drop("token", "margin_value_maintenance", "margin_value_initial", "own_kept", "own_kept_maintenance", strict=False)
    asked = pl.concat(moves).join(shapes, on=TOKEN, how="left", maintain_order="left").with_row_index("token")
    asked = token_weights(asked.with_columns((pl.col(f"net_{version}") + pl.col("move")).alias(f"net_{version}") for version in VERSIONS))
    worth = margin_values(asked, haircut_bands(asked, bands)).with_columns(
        (pl.col("sign") * pl.col(f"margin_value_{version}")).alias(f"worth_{version}") for version in VERSIONS
    )
    sums = [total(f"worth_{version}").alias(f"worth_{version}") for version in VERSIONS]
    of_sides = worth.filter(pl.col("instrument").is_not_null()).group_by(*_MARKET, "side", maintain_order=True).agg(sums)
    of_tokens = worth.filter(pl.col("instrument").is_null()).group_by("pool", "scenario", maintain_order=True).agg(sums)
    lower = of_sides.group_by(_MARKET, maintain_order=True).agg(pl.col(f"worth_{version}").min() for version in VERSIONS)
    together = lower.group_by("pool", "scenario", maintain_order=True).agg(
        total(f"worth_{version}").alias(f"lower_{version}") for version in VERSIONS
    )
    pools = of_tokens.join(together, on=["pool", "scenario"], how="left", maintain_order="left").select(
        "pool", "scenario", *((pl.col(f"worth_{v}") - pl.col(f"lower_{v}")).clip(0.0).alias(f"requirement_{v}") for v in VERSIONS)
    )
    base = legs.group_by(*_MARKET, "side", maintain_order=True).agg(pl.col("filled", "order_cost", "orders").first())
    return base.join(of_sides, on=[*_MARKET, "side"], how="left", maintain_order="left"), pools


def order_balances(balances: pl.DataFrame, orders: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """The balances, and one of zero for every token of a spot market with orders, so that all of them have a net."""
    tokens = states.filter(pl.col("kind") == "spot").select("instrument", "scenario", asset=pl.concat_list("underlying", "settle")).explode("asset")
    nothing = (
        orders.select("pool", "instrument")
        .join(tokens, on="instrument", how="inner", maintain_order="left")
        .select(TOKEN)
        .unique(maintain_order=True)
    )
    nothing = nothing.join(balances, on=TOKEN, how="anti", maintain_order="left")
    zeros = nothing.with_columns(amount=pl.lit(0.0), holding_share=pl.lit(1.0), value=pl.lit(0.0), base_value=pl.lit(0.0))
    return pl.concat([balances, zeros], how="diagonal_relaxed")


def ordered_requirements(
    orders: pl.DataFrame, sided: pl.DataFrame, pools: pl.DataFrame, states: pl.DataFrame, tokens: pl.DataFrame, bands: pl.DataFrame
) -> pl.DataFrame:
    """What open orders are asked for: rows of `NO_ORDERS`.

    Args:
        orders: of the pools whose model counts them.
        sided: both sides of derivatives, with `asked_*` and `lost_*`.
        pools: with `order_amount_*`.
        states: instruments in every scenario.
        tokens: see `spot_requirements`.
        bands: of collateral schedules.
    """
    if orders.is_empty():
        return NO_ORDERS
    found = [NO_ORDERS, worse_sides(sided)]
    kinds = states.select("instrument", "kind").unique()
    spot = orders.join(kinds.filter(pl.col("kind") == "spot"), on="instrument", how="semi", maintain_order="left")
    if not spot.is_empty():
        terms = ["contract_size", "underlying", "settle", "underlying_value", "quote_value", "settle_value"]
        found += spot_requirements(spot_sides(sides_of(spot), states.select("instrument", "scenario", *terms)), tokens, bands)
    counts = orders.group_by("pool", maintain_order=True).agg(total("orders").alias("orders"))
    amounts = counts.join(pools, on="pool", how="left", maintain_order="left").join(states.select("scenario").unique(), how="cross")
    each = amounts.select(
        "pool", "scenario", "orders", *((pl.col("orders") * pl.col(f"order_amount_{v}")).alias(f"requirement_{v}") for v in VERSIONS)
    )
    found.append(each.filter(pl.max_horizontal("requirement_maintenance", "requirement_initial") > 0))
    return pl.concat(found, how="diagonal_relaxed").select(NO_ORDERS.columns)
