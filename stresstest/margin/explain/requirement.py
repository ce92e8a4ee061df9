"""Requirements of the tiered model: tier by tier, for short options, and net by underlying (section 4 of the methodology)."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.collateral import VERSIONS
from stresstest.margin.explain.scaling import INTEREST_SHARE, grown_rates
from stresstest.margin.explain.strategies import STRATEGIC
from stresstest.margin.explain.sums import total

_OPTION, _SPOT = pl.col("kind") == "option", pl.col("kind") == "spot"
_NETTED = (pl.col("net_by") == "underlying") & ~_OPTION
_SHORT = pl.col("quantity") < 0

CHARGES = {
    "pool": pl.Int32,
    "scenario": pl.Int32,
    "instrument": pl.Int32,
    "underlying": pl.Int32,
    "schedule": pl.String,
    "rule": pl.String,
    "contracts": pl.Float64,
    "notional": pl.Float64,
    "leverage": pl.Float64,
    "long": pl.Float64,
    "short": pl.Float64,
    "notional_factor_maintenance": pl.Float64,
    "notional_factor_initial": pl.Float64,
}
"""What a charge by tiers is made from: amounts in reporting currency; `instrument` null = a net of an underlying; `leverage` null = none.
`notional_factor_*`: the notional at conservative prices, as a multiple."""


def charge_by_tiers(positions: pl.DataFrame) -> pl.DataFrame:
    """The positions that tiers charge one by one: columns of `CHARGES`.

    Every instrument that carries a schedule, except long options (charged by their value) and short ones whose schedule has its own formula.
    """
    tiered = pl.when(_OPTION).then(_SHORT & ~pl.col("short_option")).otherwise(pl.col("net_by") == "instrument")
    rows = positions.filter(tiered & ~STRATEGIC & pl.col("schedule").is_not_null() & (pl.col("quantity") != 0))
    return rows.select(
        "pool",
        "scenario",
        "instrument",
        "underlying",
        "schedule",
        rule=pl.lit("tiers"),
        contracts=pl.col("quantity").abs(),
        notional="notional",
        leverage=pl.when(~_OPTION & (pl.col("leverage") > 0)).then(pl.col("leverage")),
        long=pl.lit(0.0),
        short=pl.lit(0.0),
        notional_factor_maintenance="notional_factor_maintenance",
        notional_factor_initial="notional_factor_initial",
    ).cast(CHARGES)  # type: ignore[arg-type]  # the stub wants another mapping


def charge_by_underlying(positions: pl.DataFrame) -> pl.DataFrame:
    """The nets of models with `net_by: underlying`: columns of `CHARGES`, with `long` and `short` the sums of expiry nets of either sign.

    `notional` is |long - short|; spot positions take part when they carry a schedule; `leverage` is the smallest in the group.
    """
    rows = positions.filter(_NETTED & pl.col("net_schedule").is_not_null() & (~_SPOT | pl.col("schedule").is_not_null())).with_columns(
        signed=pl.col("quantity").sign() * pl.col("notional"),
        leverage=pl.when((pl.col("leverage") > 0) & (pl.col("quantity") != 0)).then(pl.col("leverage")),
    )
    group = ["pool", "scenario", "underlying", "net_schedule"]
    expiries = rows.group_by([*group, "expiry"], maintain_order=True).agg(
        pl.col("leverage").min(), signed=total("signed"), contracts=total("quantity")
    )
    nets = expiries.group_by(group, maintain_order=True).agg(
        long=total(pl.col("signed").clip(0.0)),
        short=total((-pl.col("signed")).clip(0.0)),
        contracts=total("contracts").abs(),
        leverage=pl.col("leverage").min(),
    )
    return nets.select(
        "pool",
        "scenario",
        pl.lit(None).alias("instrument"),
        "underlying",
        schedule="net_schedule",
        rule=pl.lit("net by underlying"),
        contracts="contracts",
        notional=(pl.col("long") - pl.col("short")).abs(),
        leverage="leverage",
        long="long",
        short="short",
        notional_factor_maintenance=pl.lit(1.0),
        notional_factor_initial=pl.lit(1.0),
    ).cast(CHARGES)  # type: ignore[arg-type]  # the stub wants another mapping


def sizes(charges: pl.DataFrame) -> pl.DataFrame:
    """Adds `size`, the notional in the schedule's currency, `size_*` at the prices of either calculation, and `interest_share`.

    Expects the terms of the schedule and of the market on every row. Where open interest sets the rate, the notional is at plain prices.
    """
    size = pl.col("notional") / pl.col("currency_value")
    plain = pl.col("interest_from").is_not_null()
    charges = charges.with_columns(
        pl.when(plain).then(1.0).otherwise(pl.col(f"notional_factor_{version}")).alias(f"notional_factor_{version}") for version in VERSIONS
    )
    factors = ((size * pl.col(f"notional_factor_{version}")).alias(f"size_{version}") for version in VERSIONS)
    return charges.with_columns(size.alias("size"), INTEREST_SHARE.alias("interest_share"), *factors)


def tier_parts(charges: pl.DataFrame, tiers: pl.DataFrame) -> pl.DataFrame:
    """Tier by tier what is inside and what it charges, in the schedule's currency; expects `charge` and the schedule's terms on every row.

    Measured on n (notional in the currency, at the prices of the calculation) or |Q| (basis contracts; then a marginal charge is n/|Q| times that of
    the contracts):
    `marginal` rate * part inside; `deduction` max(0, rate*n - deduction) and `whole` rate*n in the tier that holds the measure, lower edge inclusive.

    Args:
        tiers: `schedule, tier, from, to (null = none), rate_*, deduction_*`.
    """
    by_contracts = pl.col("basis") == "contracts"
    rows = grown_rates(charges.filter(~pl.col("per_contract")).join(tiers, on="schedule", how="inner", maintain_order="left_right"))
    for version in VERSIONS:
        size = pl.col(f"size_{version}")
        measure = pl.when(by_contracts).then(pl.col("contracts")).otherwise(size)
        inside = (measure >= pl.col("from")) & (pl.col("to").is_null() | (measure < pl.col("to")))
        part = (
            pl.when(pl.col("convention") == "marginal")
            .then((pl.min_horizontal(measure, "to") - pl.col("from")).clip(0.0))
            .when(inside)
            .then(measure)
            .otherwise(0.0)
        )
        per_measure = pl.when(by_contracts & (pl.col("contracts") > 0)).then(size / pl.col("contracts")).otherwise(1.0)
        charge = (
            pl.when(pl.col("convention") == "marginal")
            .then(pl.col(f"rate_{version}") * part * per_measure)
            .when(~inside)
            .then(0.0)
            .when(pl.col("convention") == "deduction")
            .then((pl.col(f"rate_{version}") * size - pl.col(f"deduction_{version}")).clip(0.0))
            .otherwise(pl.col(f"rate_{version}") * size)
        )
        rows = rows.with_columns(part.alias(f"part_{version}"), charge.alias(f"charge_{version}"))
    return rows.with_columns(part="part_maintenance")


def tier_requirements(charges: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Adds `tiers_*`, `spread_*`, `interest`, `leverage_floor` (all in reporting currency) and `unscaled_*`, before margin rate and multiplier.

    maintenance: tiers (or amount * |Q|) + spread_rate * min(long, short); initial: the same with its rates, plus what open interest adds, its share
    of what the notional is more than the tiers; at least notional / leverage.
    """
    sums = parts.group_by("charge", maintain_order=True).agg(total(f"charge_{version}").alias(f"charge_{version}") for version in VERSIONS)
    rows = charges.join(sums, on="charge", how="left", maintain_order="left").with_columns(
        *(
            (
                pl.when("per_contract").then(pl.col(f"amount_{version}") * pl.col("contracts")).otherwise(pl.col(f"charge_{version}").fill_null(0.0))
                * pl.col("currency_value")
            ).alias(f"tiers_{version}")
            for version in VERSIONS
        ),
        *((pl.col(f"spread_rate_{version}") * pl.min_horizontal("long", "short")).alias(f"spread_{version}") for version in VERSIONS),
        leverage_floor=(pl.col("size_initial") * pl.col("currency_value") / pl.col("leverage")).fill_null(0.0),
    )
    beyond = (pl.col("size_initial") * pl.col("currency_value") - pl.col("tiers_initial")).clip(0.0)
    return rows.with_columns(interest=(pl.col("interest_share") * beyond).fill_null(0.0)).with_columns(
        unscaled_maintenance=pl.col("tiers_maintenance") + pl.col("spread_maintenance"),
        unscaled_initial=pl.max_horizontal(pl.col("tiers_initial") + pl.col("interest") + pl.col("spread_initial"), "leverage_floor"),
    )


def option_requirements(positions: pl.DataFrame) -> pl.DataFrame:
    """Options charged by formula, with `unscaled_maintenance`, `unscaled_initial` in reporting currency and their `rule`.

    Short, with `short_option` in the schedule: max(rate*|S| - otm, minimum*|base|) * cs * |Q| in the strike's currency, otm = max(0, w*(K - S)),
    w = +1 call, -1 put. Long and margined: (1 - long_option_credit) of the current value cs*Q*M*X_quote. Long and paid: nothing.
    """
    price, strike = pl.col("underlying_in_strike_currency"), pl.col("strike")
    direction = pl.when(pl.col("option_type") == "call").then(1.0).otherwise(-1.0)
    rows = positions.filter(_OPTION & ~STRATEGIC & (pl.col("quantity") != 0) & (~_SHORT | pl.col("short_option"))).with_columns(
        out_of_the_money=(direction * (strike - price)).clip(0.0),
        short_base=pl.when(pl.col("short_base") == "strike").then(strike).otherwise(price),
        underlying_price=price,
        current_value=(pl.col("contract_size") * pl.col("quantity") * pl.col("mark") * pl.col("quote_value")).clip(0.0),
    )
    paid = pl.col("premium_style") == "paid"

    def unscaled(version: str) -> pl.Expr:
        per_unit = pl.max_horizontal(
            pl.col(f"short_rate_{version}") * price.abs() - pl.col("out_of_the_money"),
            pl.col(f"short_minimum_{version}") * pl.col("short_base").abs(),
        )
        short = per_unit * pl.col("contract_size") * pl.col("quantity").abs() * pl.col("strike_currency_value")
        long = (1.0 - pl.col(f"long_option_credit_{version}")) * pl.col("current_value")
        return pl.when(_SHORT).then(short).when(paid).then(0.0).otherwise(long)

    rule = pl.when(_SHORT).then(pl.lit("short option")).when(paid).then(pl.lit("long paid option")).otherwise(pl.lit("long margined option"))
    return rows.with_columns(*(unscaled(version).alias(f"unscaled_{version}") for version in VERSIONS), rule=rule).select(
        "pool",
        "scenario",
        "instrument",
        "underlying",
        "schedule",
        "rule",
        "notional",
        "model",
        "margin_multiplier",
        "out_of_the_money",
        "short_base",
        "underlying_price",
        "current_value",
        "strike_currency_value",
        *(f"{stem}_{version}" for stem in ("short_rate", "short_minimum", "long_option_credit", "unscaled") for version in VERSIONS),
        contracts=pl.col("quantity").abs(),
        units=pl.col("contract_size") * pl.col("quantity").abs(),
    )


def scale_requirements(rows: pl.DataFrame, rates: pl.DataFrame, strategy_models: pl.Series | None = None) -> pl.DataFrame:
    """Adds `margin_rate` (of the schedule times of the model, 1 where no scenario touches it) and `requirement_*`, what enters R.

    requirement = unscaled * margin_rate * margin_multiplier. The rates of `strategy_models` are not those of what schedules charge.
    """
    of_schedule = rates.rename({"name": "schedule", "margin_rate": "schedule_rate"})
    of_model = rates.rename({"name": "model", "margin_rate": "model_rate"})
    if strategy_models is not None:
        of_model = of_model.filter(~pl.col("model").is_in(strategy_models.implode()))
    rows = rows.join(of_schedule, on=["schedule", "scenario"], how="left", maintain_order="left")
    rows = rows.join(of_model, on=["model", "scenario"], how="left", maintain_order="left")
    rows = rows.with_columns(margin_rate=pl.col("schedule_rate").fill_null(1.0) * pl.col("model_rate").fill_null(1.0))
    return rows.drop("schedule_rate", "model_rate").with_columns(
        (pl.col(f"unscaled_{version}") * pl.col("margin_rate") * pl.col("margin_multiplier")).alias(f"requirement_{version}") for version in VERSIONS
    )
