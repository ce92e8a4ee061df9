"""One state per row: instruments with the factor values they are to be valued at, as a frame, and their values.

This is the elementwise core. Root finding makes rows of its own, one per instrument and trial state; `pairs` and `block` make them
from resolved scenarios.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.valuation.marks import (
    additive_mark,
    inverse_unit_notional,
    inverse_unit_value,
    linear_mark,
    option_steps,
    unit_cost,
    unit_notional,
    unit_value,
)

STATE = ("underlying_price", "underlying_value", "quote_value", "money_value", "basis", "rate", "elapsed_years", "vol_scale", "vol_shift")
"""The columns of a state, f64: price of the underlying in its price currency; X of `underlying_code`, `quote_code`, `money_code`; basis of
the instrument; rate of `rate_code`; elapsed time in years; scale and shift of the vol (options; others may hold null)."""

VALUES = ("mark", "value_slope", "cost_slope", "notional", "forward", "vol_clamped", "price_clamped")
"""The columns that valuing adds: those of `UnitValues`, and whether the vol and the price were clamped."""

CODES = ("instrument", "underlying_code", "quote_code", "money_code", "rate_code", "outcome")
"""Columns of terms that no formula reads."""

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


def pairs(terms: pl.DataFrame, resolved: Resolved, instrument: Codes, scenario: Codes) -> pl.DataFrame:
    """Terms and states of instruments (codes) in scenarios (numbers), row by row; both arrays have one length."""
    rows = terms[instrument]
    return rows.with_columns(_series(_states(rows, resolved, lambda table, code: table[code, scenario])))


def block(terms: pl.DataFrame, resolved: Resolved) -> pl.DataFrame:
    """Terms and states of the instruments of `terms` in all scenarios, sorted as `terms`, then by scenario."""
    return laid_out(terms, states_of(terms, resolved))


def states_of(terms: pl.DataFrame, resolved: Resolved) -> dict[str, Floats]:
    """The columns `STATE` of the instruments of `terms` in all scenarios, f64[instruments, S] each."""
    return _states(terms, resolved, lambda table, code: table[code])


def laid_out(terms: pl.DataFrame, states: dict[str, Floats]) -> pl.DataFrame:
    """One row per cell of `states`, f64[instruments, ...] each, with the terms of its instrument."""
    cells = next(iter(states.values())).size // max(terms.height, 1)
    repeated = [pl.Series(name, np.repeat(terms[name].to_numpy(), cells)) for name in terms.columns if name not in CODES]
    return pl.DataFrame([*repeated, *_series(states)])


def _series(states: dict[str, Floats]) -> list[pl.Series]:
    return [pl.Series(name, states[name].ravel(), dtype=pl.Float64) for name in STATE]


def _states(terms: pl.DataFrame, resolved: Resolved, look: Callable[[Floats, Codes], Floats]) -> dict[str, Floats]:
    """The columns `STATE`; `look` reads a table of codes x scenarios at the code of every row of `terms`."""
    instrument, underlying, quote, money, rate = (
        terms[name].to_numpy() for name in ("instrument", "underlying_code", "quote_code", "money_code", "rate_code")
    )
    # What is no option reads some option's vol, or the neutral one of a book without options: it is not looked at.
    none = len(resolved.option_codes) == 0
    option = np.searchsorted(resolved.option_codes, instrument).clip(max=max(len(resolved.option_codes) - 1, 0))
    neutral = np.ones((1, resolved.scenarios))
    return {
        "underlying_price": look(resolved.spot, underlying),
        "underlying_value": look(resolved.value, underlying),
        "quote_value": look(resolved.value, quote),
        "money_value": look(resolved.value, money),
        "basis": look(resolved.basis, instrument),
        "rate": look(resolved.rate, rate),
        "elapsed_years": look(resolved.elapsed_years[None, :], np.zeros_like(instrument)),
        "vol_scale": look(neutral if none else resolved.vol_scale, option),
        "vol_shift": look(0.0 * neutral if none else resolved.vol_shift, option),
    }


def value_states(frame: pl.DataFrame) -> pl.DataFrame:
    """Adds the columns `VALUES` to rows of terms (see `instrument_terms`) and states (see `STATE`), in their order.

    Elementwise: a row's values depend on that row alone, to the last bit.
    """
    numbered = frame.with_row_index("row")
    option, normal = pl.col("option"), pl.col("normal").fill_null(False)
    parts = [value_others(numbered.filter(~option))]
    for kind, american in product((False, True), repeat=2):
        of_kind = numbered.filter(option & (normal == kind) & (pl.col("american").fill_null(False) == american))
        if of_kind.height:
            parts.append(value_options(of_kind, normal=kind, american=american))
    values = pl.concat([part.select("row", *VALUES) for part in parts]).sort("row")
    return frame.hstack(values.drop("row"))


def value_options(frame: pl.DataFrame, *, normal: bool, american: bool) -> pl.DataFrame:
    """Adds `VALUES` to rows that are all options, all with lognormal or all with `normal` vols, all `american` or all European."""
    ratio = pl.when("inverse").then("underlying_price").otherwise(pl.col("underlying_value") / pl.col("quote_value"))
    frame = frame.with_columns(ratio=ratio)
    for columns in option_steps(normal=normal, american=american):
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
        notional=pl.when(inverse).then(inverse_unit_notional(size, pl.col("quote_value"))).otherwise(unit_notional(unit_value(size, money, mark))),
        forward=pl.lit(0.0),
        vol_clamped=pl.lit(False),
        price_clamped=pl.lit(False),
    )
