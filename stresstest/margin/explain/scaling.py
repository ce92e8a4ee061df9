"""Rates and weights that follow size, the venue's open interest and pools, and conservative prices (section 4 of the methodology)."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.positions import VALUE

_VERSIONS = ("maintenance", "initial")


def rounded_down(figure: pl.Expr, step: pl.Expr) -> pl.Expr:
    """To a multiple of the step (null = as it is); what is a multiple but for rounding stays one."""
    return pl.when(step.is_not_null()).then((figure / step + 1e-9).floor() * step).otherwise(figure)


def price_factors(assets: pl.DataFrame) -> pl.DataFrame:
    """Adds what a price is multiplied by to be the conservative one: `low_factor` of what is owned, `high_factor` of what is owed."""
    price = pl.when(pl.col("price") > 0).then(pl.col("price"))
    return assets.with_columns(
        low_factor=(pl.min_horizontal(price, "price_low") / price).fill_null(1.0),
        high_factor=(pl.max_horizontal(price, "price_high") / price).fill_null(1.0),
    )


def conservative_positions(positions: pl.DataFrame) -> pl.DataFrame:
    """Adds for each calculation `notional_factor_*` and `marked_value_*`, the value of the position at the mark that the model takes there.

    Money of a notional is at its high price. With `marks`, futures and perpetuals move with their underlying's conservative price: long ones to the
    low, short ones to the high; the notional of an inverse contract does not follow its mark.
    """
    money = pl.when(pl.col("payoff") == "quanto").then(pl.col("settle_high_factor")).otherwise(pl.col("quote_high_factor"))
    side = pl.when(pl.col("quantity") > 0).then(pl.col("underlying_low_factor")).otherwise(pl.col("underlying_high_factor"))
    marked = pl.col("conservative_marks") & pl.col("kind").is_in(["future", "perpetual"])
    for version in _VERSIONS:
        asked = pl.col(f"conservative_{version}")
        mark = pl.when(asked & marked).then(side).otherwise(1.0)
        in_notional = pl.when(pl.col("payoff") == "inverse").then(1.0).otherwise(mark)
        positions = positions.with_columns(
            pl.when(asked & (pl.col("kind") != "option")).then(money * in_notional).otherwise(1.0).alias(f"notional_factor_{version}"),
            positions.with_columns(pl.col("mark") * mark).select(VALUE.alias(f"marked_value_{version}")).to_series(),
        )
    return positions


def grown_rates(tiers: pl.DataFrame) -> pl.DataFrame:
    """Adds `base_rate_*`, as the schedule has them, `growth_size`, and puts max(r, share * r + factor * growth_size) in place of the rates.

    `growth_size` is sqrt(contracts * contract size) or contracts / skew scale; null where rates do not follow size.
    """
    contracts = pl.col("contracts")
    size = pl.when(pl.col("growth") == "square_root").then((contracts * pl.col("contract_size")).sqrt())
    rows = tiers.with_columns(
        size.when(pl.col("growth") == "skew").then(contracts / pl.col("skew_scale")).alias("growth_size"),
        *(pl.col(f"rate_{version}").alias(f"base_rate_{version}") for version in _VERSIONS),
    )

    def grown(version: str) -> pl.Expr:
        rate = pl.col(f"rate_{version}")
        figure = rounded_down(pl.col("rate_share") * rate + pl.col(f"growth_factor_{version}") * pl.col("growth_size"), pl.col("rate_floor_to"))
        return pl.when(pl.col("growth_size").is_null()).then(rate).otherwise(pl.max_horizontal(rate, figure)).alias(f"rate_{version}")

    return rows.with_columns(grown(version) for version in _VERSIONS)


INTEREST_SHARE = (
    (pl.col("open_interest") * pl.col("notional") / pl.col("contracts") / pl.col("currency_value") - pl.col("interest_from"))
    / (pl.col("interest_to") - pl.col("interest_from"))
).clip(0.0, 1.0)
"""How far open interest has taken the initial rate on its way to 1; null where the rate does not follow it."""


def token_weights(tokens: pl.DataFrame) -> pl.DataFrame:
    """Adds what a token's weights are made of, `own` and `own_maintenance` being those of its rows alone.

    `price_low_*`, `price_high_*`: multiples of the price in the calculation; `deposit_share_*`, `borrow_multiple_*`: of the weights, by what the
    venue holds; `most_*`: what counts of a deposit at most, by its size (null = not limited); `debt_weight_*`: what a debt is multiplied by.
    """

    def above(level: str, pool: str) -> pl.Expr:
        return (pl.col(pool) * pl.col("value").abs() / (pl.col(level) * pl.col("currency_value"))).clip(1.0).fill_null(1.0)

    rows = tokens.with_columns(
        *(
            pl.when(pl.col(f"conservative_{version}")).then(pl.col(f"{side}_factor")).otherwise(1.0).alias(f"price_{side}_{version}")
            for version in _VERSIONS
            for side in ("low", "high")
        ),
        *((1.0 / above(f"deposits_above_{version}", "pool_deposits")).alias(f"deposit_share_{version}") for version in _VERSIONS),
        *(above(f"borrows_above_{version}", "pool_borrows").alias(f"borrow_multiple_{version}") for version in _VERSIONS),
    )
    return rows.with_columns(
        expression
        for name, (amount, version) in AMOUNTS.items()
        for expression in (_most(amount, version).alias(f"most_{name}"), _debt_weight(amount, version).alias(f"debt_weight_{name}"))
    )


AMOUNTS = {
    "maintenance": ("net_maintenance", "maintenance"),
    "initial": ("net_initial", "initial"),
    "own": ("balance", "initial"),
    "own_maintenance": ("balance", "maintenance"),
}
"""Balances that are weighted, each in one of the two calculations."""


def _root(amount: str) -> pl.Expr:
    """Of the units of a balance."""
    price = pl.col("value").abs()
    return pl.when(price > 0).then((pl.col(amount).abs() / price).sqrt()).otherwise(0.0)


def _most(amount: str, version: str) -> pl.Expr:
    return rounded_down(pl.col("asset_numerator") / (1.0 + pl.col(f"size_factor_{version}") * _root(amount)), pl.col("weight_floor_to"))


def _debt_weight(amount: str, version: str) -> pl.Expr:
    weight = pl.col(f"liability_weight_{version}") * pl.col(f"borrow_multiple_{version}")
    grown = rounded_down(pl.col("liability_share") * weight + pl.col(f"size_factor_{version}") * _root(amount), pl.col("weight_floor_to"))
    return pl.max_horizontal(weight, grown) * pl.col(f"price_high_{version}")


def inside_bands(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds `part_*`, what of each balance is inside a band at the price of the calculation, and `kept_*`, what of it counts."""

    def part(amount: str, version: str) -> pl.Expr:
        # Thresholds in units of the asset are worth its price each, whichever price that is.
        low, by_quantity = pl.col(f"price_low_{version}"), pl.col("basis") == "quantity"
        balance = pl.col(amount).clip(0.0) * pl.col("ratio") * pl.when(by_quantity).then(1.0).otherwise(low)
        return (pl.min_horizontal(balance, "to") - pl.col("from")).clip(0.0) * pl.when(by_quantity).then(low).otherwise(1.0)

    rows = rows.with_columns(part(*of).alias(f"part_{name}") for name, of in AMOUNTS.items())
    return rows.with_columns(
        (
            pl.min_horizontal((1.0 - pl.col(f"stressed_haircut_{version}")) * pl.col(f"deposit_share_{version}"), f"most_{name}")
            * pl.col(f"part_{name}")
        ).alias(f"kept_{name}")
        for name, (_, version) in AMOUNTS.items()
    )
