"""What valuation needs to know of every instrument, once: codes, flags and base figures, options with their implied vols."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl

from stresstest.scenarios.option_terms import base_forwards, base_ratios, strike_currencies, years_to_expiry
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.implied import EXPIRED, FOUND, NO_TIME_VALUE, NOISE, ImpliedVols, imply_vols
from stresstest.valuation.implied_american import imply_american_vols
from stresstest.valuation.marks import MAX_VOL, american_model, european_price, price_scale

COMMON = (
    "instrument",
    "option",
    "inverse",
    "additive",
    "underlying_code",
    "quote_code",
    "rate_code",
    "money_code",
    "contract_size",
    "cost_sign",
    "mark_price",
    "base_ratio",
)
OF_OPTIONS = (
    "instrument",
    "sign",
    "strike",
    "normal",
    "american",
    "discounting",
    "base_years",
    "base_rate",
    "market_forward",
    "variable_share",
    "fixed_forward",
    "base_forward",
    "carry",
    "base_vol",
    "offset",
    "outcome",
)
_TYPES = dict.fromkeys(OF_OPTIONS, pl.Float64()) | {
    "instrument": pl.Int32(),
    "normal": pl.Boolean(),
    "american": pl.Boolean(),
    "outcome": pl.String(),
}


def instrument_terms(dimensions: Dimensions, resolved: Resolved) -> pl.DataFrame:
    """One row per instrument, in code order.

    Every instrument: `instrument` code i32; `option`, `inverse`, `additive` (the underlying may be negative) bool; `underlying_code`,
    `quote_code`, `rate_code` (whose rate carries and discounts), `money_code` (asset whose X turns price into value) i32;
    `contract_size`, `cost_sign`, `mark_price`, `base_ratio` = R(0) f64.
    Options, null elsewhere: `sign` w, `strike`, `normal` bool, `american` bool, `discounting` (1 discounted, 0 margined or inverse), `base_years`,
    `base_rate`, `carry`, `market_forward`, `variable_share`, `fixed_forward` and `base_forward` (see `base_forwards`), `base_vol` (implied; no root:
    the given vol, or zero), `offset` (quote units), `outcome` of implying.

    A quanto option is treated as one of linear payoff: the snapshot refuses those that are held, so nothing uses the figures.
    """
    instruments = dimensions.instruments
    underlying, quote, settle = (instruments[f"{role}_code"].to_numpy() for role in ("underlying", "quote", "settle"))
    option = (instruments["kind"] == "option").to_numpy()
    inverse = (instruments["payoff"] == "inverse").to_numpy()
    by_settle = ~option & instruments["payoff"].is_in(["inverse", "quanto"]).to_numpy()
    up_front = (instruments["kind"] == "spot").to_numpy() | (option & (instruments["premium_style"] == "paid").to_numpy())
    terms = instruments.with_columns(
        pl.Series("instrument", np.arange(instruments.height, dtype=np.int32)),
        pl.Series("option", option),
        pl.Series("inverse", inverse),
        pl.Series("additive", dimensions.assets["may_be_negative"].to_numpy()[underlying]),
        pl.Series("rate_code", strike_currencies(dimensions)),
        pl.Series("money_code", np.where(by_settle, settle, quote).astype(np.int32)),
        pl.Series("cost_sign", np.where(up_front, 0.0, np.where(inverse & ~option, 1.0, -1.0))),
        pl.Series("base_ratio", base_ratios(dimensions, resolved.spot[:, 0], resolved.value[:, 0])),
        pl.Series("base_years", years_to_expiry(dimensions)),
    )
    options = _option_terms(dimensions, resolved, terms)
    return terms.select(COMMON).join(options, on="instrument", how="left", maintain_order="left")


def _option_terms(dimensions: Dimensions, resolved: Resolved, terms: pl.DataFrame) -> pl.DataFrame:
    """The columns `OF_OPTIONS`, one row per option."""
    options = terms.filter("option")
    if options.is_empty():
        return pl.DataFrame(schema=_TYPES)
    rate_code = options["rate_code"].to_numpy()
    options = options.with_columns(
        dimensions.assets["asset"].gather(rate_code).alias("strike_currency"),
        pl.when(pl.col("option_type") == "call").then(1.0).otherwise(-1.0).alias("sign"),
        (pl.col("vol_type") == "normal").alias("normal"),
        (pl.col("exercise") == "american").alias("american"),
        pl.when((pl.col("premium_style") == "margined") | pl.col("inverse")).then(0.0).otherwise(1.0).alias("discounting"),
        pl.Series("base_rate", resolved.rate[rate_code, 0], dtype=pl.Float64),
    )
    forwards = base_forwards(options, terms.filter(pl.col("kind") == "future"))
    kinds = {kind: forwards.filter((pl.col("normal") == kind[0]) & (pl.col("american") == kind[1])) for kind in product((False, True), repeat=2)}
    # Most books have one kind of option: looking for the vols of no option takes as long as for those of a few.
    held = [(kind, options) for kind, options in kinds.items() if not options.is_empty()]
    return pl.concat([_with_vols(options, normal=normal, american=american).select(OF_OPTIONS) for (normal, american), options in held])


def _with_vols(options: pl.DataFrame, *, normal: bool, american: bool) -> pl.DataFrame:
    """Adds `base_vol`, `offset` and `outcome`: the implied vol, else the given one with the constant offset mark - model(given vol)."""
    # The base state, as the formulas of a state read it.
    options = options.with_columns(forward="base_forward", years="base_years", rate="base_rate", ratio="base_ratio", basis=pl.lit(0.0)).with_columns(
        scale=price_scale(pl.col("forward"), pl.col("rate"), pl.col("years"))
    )
    implied = imply_american_vols(options, normal=normal, max_vol=MAX_VOL) if american else _imply_european_vols(options, normal=normal)
    given = pl.col("implied_vol").fill_null(0.0).clip(0.0, None if normal else MAX_VOL)
    options = options.with_columns(
        pl.Series("outcome", implied.outcome, dtype=pl.String), pl.Series("base_vol", implied.vol, dtype=pl.Float64)
    ).with_columns(base_vol=pl.when(pl.col("outcome") == FOUND).then("base_vol").otherwise(given))
    options = options.with_columns(deviation=pl.col("base_vol") * pl.col("years").sqrt())
    model = american_model(normal=normal).struct.field("value") if american else european_price(normal=normal)
    offset = pl.col("mark_price") - model
    # Rounding of the mark is no offset: left in, it would push prices over their bounds by a last digit and be counted.
    rounding = NOISE * pl.col("scale") * pl.max_horizontal(pl.col("forward").abs(), pl.col("strike").abs())
    options = options.with_columns(offset=pl.when(offset.abs() > rounding).then(offset).otherwise(0.0))
    if american:
        # Deep in the money any vol up to some level gives what exercise gives: if the given one does, it is implied by the mark.
        explained = (pl.col("outcome") == NO_TIME_VALUE) & (pl.col("offset") == 0.0) & (given > 0.0)
        options = options.with_columns(outcome=pl.when(explained).then(pl.lit(FOUND)).otherwise("outcome"))
    return options.with_columns(offset=pl.when(pl.col("outcome").is_in([FOUND, EXPIRED])).then(0.0).otherwise("offset"))


def _imply_european_vols(options: pl.DataFrame, *, normal: bool) -> ImpliedVols:
    return imply_vols(
        price=(options["mark_price"] / options["scale"]).to_numpy(),
        forward=options["forward"].to_numpy(),
        strike=options["strike"].to_numpy(),
        sign=options["sign"].to_numpy(),
        years=options["years"].to_numpy(),
        normal=normal,
        max_vol=MAX_VOL,
    )
