"""Requirements of strategy models: what each recognised strategy needs in every scenario, leg by leg (section 4 of the methodology)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from stresstest.margin.explain.collateral import VERSIONS
from stresstest.margin.explain.recognition import recognise
from stresstest.margin.explain.sums import total
from stresstest.margin.rulebook import Model, StrategyModel
from stresstest.margin.strategy_terms import OptionTerms, Rules
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions

STRATEGIC = pl.col("recognition").is_not_null() & ((pl.col("kind") == "option") | ((pl.col("kind") == "spot") & pl.col("shares")))
"""Positions that a strategy model recognises; expects the terms of the model beside them."""

_KEY = ["pool", "strategy"]
_RULES = {
    "model": pl.String,
    "instrument": pl.Int32,
    "strike_currency": pl.Int32,
    "daily_multiple": pl.Float64,
    "naked_base": pl.String,
    "initial_multiple": pl.Float64,
    "round_to": pl.Float64,
    **{
        f"{stem}_{version}": pl.Float64
        for stem in ("naked_rate", "naked_minimum", "naked_of_value", "long_rate", "shares_long", "shares_short", "unpaired_scale")
        for version in VERSIONS
    },
}


def strategy_rules(models: Mapping[str, Model], dimensions: Dimensions, resolved: Resolved) -> pl.DataFrame:
    """Per strategy model (`model`) and `instrument` the rates of the rules that it would be charged by, and `round_to`, `unpaired_scale_*`."""
    frames = [pl.DataFrame(schema=_RULES)]
    rules = Rules.of(dimensions, resolved)
    for name, model in models.items():
        if not isinstance(model, StrategyModel):
            continue
        naked = rules.naked_short(model)
        columns: dict[str, object] = {
            "instrument": range(len(naked)),
            "strike_currency": OptionTerms(dimensions).strike_currency,
            "daily_multiple": rules.leverage(model),
            "naked_base": [rule.base for rule in naked],
            "initial_multiple": [rule.initial_multiple for rule in naked],
        }
        for version in VERSIONS:
            for stem in ("rate", "minimum", "of_value"):
                columns[f"naked_{stem}_{version}"] = [getattr(getattr(rule, version), stem) for rule in naked]
            columns[f"long_rate_{version}"] = rules.long_rate(model, version)
        shares = {
            f"shares_{side}_{version}": None if model.shares is None else getattr(getattr(model.shares, side), version)
            for side in ("long", "short")
            for version in VERSIONS
        }
        unpaired = {f"unpaired_scale_{version}": getattr(model.unpaired_scale, version) for version in VERSIONS}
        of_model = {"model": name, "round_to": model.round_to, **shares, **unpaired}
        literals = (pl.lit(value, _RULES[key]).alias(key) for key, value in of_model.items())
        frames.append(pl.DataFrame(columns).with_columns(*literals).select(*_RULES).cast(_RULES))  # type: ignore[arg-type]  # the stub wants another
    return pl.concat(frames)


def strategy_legs(positions: pl.DataFrame, rules: pl.DataFrame) -> pl.DataFrame:
    """Every leg of every recognised strategy in every scenario, with what it is worth and what it needs apart from the others.

    Per unit, in the strike's currency: `underlying_price` S, `unit_value` V, `out_of_the_money`, `base`, `naked_*` = N. Reporting currency: `value`
    (signed), `apart_*`.

    Args:
        positions: valued positions with the terms of their model.
        rules: see `strategy_rules`.
    """
    rows = positions.filter(STRATEGIC & (pl.col("quantity") != 0)).join(rules, on=["model", "instrument"], how="left", maintain_order="left")
    parts = _parts(rows.filter(pl.col("scenario") == 0))
    rows = parts.join(rows, on=["pool", "instrument"], how="left", maintain_order="left_right")
    option, short = pl.col("kind") == "option", pl.col("units") < 0
    price, strike = pl.col("underlying_in_strike_currency"), pl.col("strike")
    direction = pl.when(pl.col("option_type") == "call").then(1.0).otherwise(-1.0)
    rows = rows.with_columns(
        underlying_price=price,
        value=pl.col("units") * pl.col("mark") * pl.col("quote_value"),
        unit_value=pl.col("mark") * pl.col("quote_value") / pl.col("strike_currency_value"),
        out_of_the_money=(direction * (strike - price)).clip(0.0),
        base=pl.when(pl.col("naked_base") == "strike").then(strike).otherwise(price),
    )
    rows = rows.with_columns(
        pl.max_horizontal(
            pl.col(f"naked_rate_{version}") * pl.col("daily_multiple") * price.abs() - pl.col("out_of_the_money"),
            pl.col(f"naked_minimum_{version}") * pl.col("daily_multiple") * pl.col("base").abs(),
            pl.col(f"naked_of_value_{version}") * pl.col("unit_value"),
        ).alias(f"naked_{version}")
        for version in VERSIONS
    )
    multiple = pl.col("initial_multiple") * (pl.col("unit_value") + pl.col("naked_maintenance")) - pl.col("unit_value")
    rows = rows.with_columns(naked_initial=pl.max_horizontal("naked_initial", multiple))
    # A millionth of a step away from a half is a half: binary fractions seldom are one.
    gross = [(pl.col("unit_value") + pl.col(f"naked_{version}")) / pl.col("round_to") for version in VERSIONS]
    steps = [amount.round(6, mode="half_to_even").round(0, mode="half_to_even") for amount in gross]
    rows = rows.with_columns(
        pl.when(pl.col("round_to").is_null())
        .then(pl.col(f"naked_{version}"))
        .otherwise((step * pl.col("round_to") - pl.col("unit_value")).clip(0.0))
        .alias(f"naked_{version}")
        for version, step in zip(VERSIONS, steps, strict=True)
    )
    side = {version: pl.when(short).then(pl.col(f"shares_short_{version}")).otherwise(pl.col(f"shares_long_{version}")) for version in VERSIONS}
    return rows.with_columns(
        pl.when(~option)
        .then(side[version] * pl.col("value").abs())
        .when(pl.col("strategy_rule") == "covered")
        .then(0.0)
        .when(short)
        .then(-pl.col("units") * pl.col(f"naked_{version}") * pl.col("strike_currency_value"))
        .otherwise(pl.col(f"long_rate_{version}") * pl.col("value"))
        .alias(f"apart_{version}")
        for version in VERSIONS
    )


def _parts(held: pl.DataFrame) -> pl.DataFrame:
    """Pool by pool what is recognised in it: `strategy` numbers strategies, `part` their legs; with rule, loss and unpaired units."""
    rows = held.select(
        "pool", "recognition", "instrument", "underlying", "expiry", currency="strike_currency", strike=pl.col("strike").fill_null(0.0),
        kind=pl.when(pl.col("kind") == "spot").then(pl.lit("share")).otherwise("option_type"),
        units=pl.col("quantity") * pl.col("contract_size"),
    )  # fmt: skip
    found = [
        (pool, number, part, strategy.rule, leg.instrument, units, strategy.loss, strategy.unpaired)
        for (pool, recognition), own in rows.group_by("pool", "recognition", maintain_order=True)
        for number, strategy in enumerate(recognise(own.to_dicts(), str(recognition)), start=1)
        for part, (leg, units) in enumerate(strategy.parts, start=1)
    ]
    schema = {"pool": pl.Int32, "strategy": pl.Int32, "part": pl.Int32, "strategy_rule": pl.String, "instrument": pl.Int32}
    return pl.DataFrame(found, schema={**schema, "units": pl.Float64, "loss": pl.Float64, "unpaired": pl.Float64}, orient="row")


def strategy_requirements(legs: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """What every strategy needs in every scenario: `apart_*`, `loss_value`, `unpaired_*`, `debit`, `together_*`, `unscaled_*`, `requirement_*`.

    Spreads, equal legs and expiries: min(apart, max(0, loss + unpaired calls at the forward + debit)); strangles: the call's or the put's N,
    whichever is greater with its value; all else apart.

    Args:
        legs: see `strategy_legs`.
        rates: `name, scenario, margin_rate`.

    Raises:
        ValueError: calls are sold without others, and there are no forwards.
    """
    if legs.filter((pl.col("unpaired") > 0) & pl.col("forward").is_null()).height:
        raise ValueError("calls that are sold without others are charged by their forward: the valuation is needed")
    first = ("underlying", "strategy_rule", "expiry", "model", "margin_multiplier", "strike_currency_value", "forward", "loss", "unpaired")
    call, put = pl.col("option_type") == "call", pl.col("option_type") == "put"
    rows = legs.group_by([*_KEY, "scenario"], maintain_order=True).agg(
        *(pl.col(name).first() for name in first),
        *(pl.col(f"unpaired_scale_{version}").first() for version in VERSIONS),
        *(total(f"apart_{version}").alias(f"apart_{version}") for version in VERSIONS),
        *(
            total(pl.col(f"apart_{version}").filter(kind)).alias(f"{name}_{version}")
            for version in VERSIONS
            for name, kind in (("call", call), ("put", put))
        ),
        debit=total("value"),
        call_value=total((-pl.col("value")).filter(call)),
        put_value=total((-pl.col("value")).filter(put)),
        legs=pl.len(),
    )
    unit = pl.col("strike_currency_value")
    forward = pl.when(pl.col("unpaired") > 0).then(pl.col("unpaired") * pl.col("forward") * unit).otherwise(0.0)
    rows = rows.with_columns(
        *((pl.col(f"unpaired_scale_{version}") * forward).alias(f"unpaired_{version}") for version in VERSIONS), loss_value=pl.col("loss") * unit
    )
    rows = rows.with_columns(
        (pl.col("loss_value") + pl.col(f"unpaired_{version}") + pl.col("debit")).clip(0.0).alias(f"together_{version}") for version in VERSIONS
    )
    greater = {
        version: pl.when(pl.col(f"call_{version}") + pl.col("call_value") >= pl.col(f"put_{version}") + pl.col("put_value"))
        .then(pl.col(f"call_{version}"))
        .otherwise(pl.col(f"put_{version}"))
        for version in VERSIONS
    }
    jointly = pl.col("strategy_rule").is_in(["equal legs", "spread", "expiry"])
    rows = rows.with_columns(
        *(
            pl.when(jointly)
            .then(pl.min_horizontal(f"apart_{version}", f"together_{version}"))
            .when(pl.col("strategy_rule") == "strangle")
            .then(greater[version])
            .otherwise(pl.col(f"apart_{version}"))
            .alias(f"unscaled_{version}")
            for version in VERSIONS
        ),
        *(pl.when(jointly).then(pl.col(name)).alias(name) for name in ("loss_value", "debit", *(f"together_{version}" for version in VERSIONS))),
    )
    of_model = rates.rename({"name": "model"})
    rows = rows.join(of_model, on=["model", "scenario"], how="left", maintain_order="left").with_columns(pl.col("margin_rate").fill_null(1.0))
    return rows.with_columns(
        (pl.col(f"unscaled_{version}") * pl.col("margin_rate") * pl.col("margin_multiplier")).alias(f"requirement_{version}") for version in VERSIONS
    )
