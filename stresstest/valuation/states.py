"""One state per row: instruments with the factor values they are to be valued at, as a frame, and their values.

This is the elementwise core. Root finding builds the rows itself, one per instrument and trial state; a block of scenarios is the same
frame with the rows `pairs` makes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.valuation.marks import additive_mark, inverse_unit_value, linear_mark, option_steps, unit_cost, unit_value

STATE = ("underlying_price", "underlying_value", "quote_value", "money_value", "basis", "rate", "elapsed_years", "vol_scale", "vol_shift")
"""The columns of a state, f64: price of the underlying in its price currency; X of `underlying_code`, `quote_code`, `money_code`; basis of
the instrument; rate of `rate_code`; elapsed time in years; scale and shift of the vol (options; others may hold null)."""

VALUES = ("mark", "value_slope", "cost_slope", "notional", "forward", "vol_clamped", "price_clamped")
"""The columns that valuing adds: those of `UnitValues`, and whether the vol and the price were clamped."""

Codes = npt.NDArray[np.integer]


def pairs(terms: pl.DataFrame, resolved: Resolved, instrument: Codes, scenario: Codes) -> pl.DataFrame:
    """Terms and state of instruments (codes) in scenarios (numbers), row by row; both arrays have one length."""
    rows = terms[instrument]
    underlying, quote, money, rate = (rows[name].to_numpy() for name in ("underlying_code", "quote_code", "money_code", "rate_code"))
    # Of an instrument that is no option these point at some option's row; its vol is not looked at.
    option = np.searchsorted(resolved.option_codes, instrument).clip(max=max(len(resolved.option_codes) - 1, 0))
    state = {
        "underlying_price": resolved.spot[underlying, scenario],
        "underlying_value": resolved.value[underlying, scenario],
        "quote_value": resolved.value[quote, scenario],
        "money_value": resolved.value[money, scenario],
        "basis": resolved.basis[instrument, scenario],
        "rate": resolved.rate[rate, scenario],
        "elapsed_years": resolved.elapsed_years[scenario],
    }
    if len(resolved.option_codes):
        state |= {"vol_scale": resolved.vol_scale[option, scenario], "vol_shift": resolved.vol_shift[option, scenario]}
    else:
        state |= {"vol_scale": np.ones(len(instrument)), "vol_shift": np.zeros(len(instrument))}
    return rows.with_columns(pl.Series(name, values, dtype=pl.Float64) for name, values in state.items())


def value_states(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds the columns `VALUES` to rows of terms (see `instrument_terms`) and states (see `STATE`), in their order.

    Elementwise: a row's values depend on that row alone, to the last bit.
    """
    numbered = frame.with_row_index("row")
    options = value_options(numbered.filter("option"))
    others = value_others(numbered.filter(~pl.col("option")))
    values = pl.concat([options.select("row", *VALUES), others.select("row", *VALUES)]).sort("row")
    return frame.hstack(values.drop("row"))


def value_options(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds `VALUES` to rows that are all options."""
    ratio = pl.when("inverse").then("underlying_price").otherwise(pl.col("underlying_value") / pl.col("quote_value"))
    frame = frame.with_columns(ratio=ratio)
    for columns in option_steps():
        frame = frame.with_columns(columns)
    size, money = pl.col("contract_size"), pl.col("money_value")
    return frame.with_columns(
        value_slope=unit_value(size, money, pl.col("mark")),
        cost_slope=unit_cost(pl.col("cost_sign"), size, money),
        notional=(size * pl.col("underlying_value")).abs(),
    )


def value_others(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds `VALUES` to rows none of which is an option."""
    size, money, mark, inverse = pl.col("contract_size"), pl.col("money_value"), pl.col("mark"), pl.col("inverse")
    inputs = (pl.col("mark_price"), pl.col("underlying_value") / pl.col("quote_value"), pl.col("base_ratio"), pl.col("basis"))
    return frame.with_columns(mark=pl.when("additive").then(additive_mark(*inputs)).otherwise(linear_mark(*inputs))).with_columns(
        value_slope=pl.when(inverse).then(inverse_unit_value(size, money, mark)).otherwise(unit_value(size, money, mark)),
        cost_slope=unit_cost(pl.col("cost_sign"), size, money),
        notional=pl.when(inverse).then(size * pl.col("quote_value")).otherwise(unit_value(size, money, mark).abs()),
        forward=pl.lit(0.0),
        vol_clamped=pl.lit(False),
        price_clamped=pl.lit(False),
    )
