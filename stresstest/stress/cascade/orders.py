"""What closing positions sells and buys of their underlyings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.stress.cascade.liquidated import Layout, Pairs, summed
from stresstest.valuation.states import pairs as states_of_pairs
from stresstest.valuation.states import value_states
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

BUMP = 0.001
"""Share of the price of the underlying by which it goes up and down for the delta of an option."""


def underlying_units(
    dimensions: Dimensions, resolved: Resolved, units: UnitValues, option: npt.NDArray[np.integer[Any]], scenario: npt.NDArray[np.integer[Any]]
) -> Floats:  # fmt: skip
    """Units of the underlying that one contract stands for, f64[instruments, S]: what hedges it while its settle asset is worth what it is.

    Linear and spot: cs; inverse: cs / M; quanto: cs * X_settle / X_quote; option: cs times its delta (see `option_units`), of those asked for alone.

    Args:
        dimensions: of the book.
        resolved: the states.
        units: values of instruments in them.
        option: codes of the options that are closed in any state, with
        scenario: the state of each; other cells of options are zero.
    """
    frame = dimensions.instruments
    quote, settle = (resolved.value[frame[f"{role}_code"].to_numpy()] for role in ("quote", "settle"))
    size = frame["contract_size"].to_numpy()[:, None]
    payoff = frame["payoff"].to_numpy()
    is_option = (frame["kind"] == "option").to_numpy()
    found = np.repeat(np.where(is_option[:, None], 0.0, size), resolved.scenarios, axis=1)
    inverse = np.flatnonzero((payoff == "inverse") & ~is_option)
    found[inverse] /= units.mark[inverse]
    quanto = np.flatnonzero((payoff == "quanto") & ~is_option)
    found[quanto] *= settle[quanto] / quote[quanto]
    if len(option):
        assert units.terms is not None
        cells = np.unique(np.asarray(option, dtype=np.int64) * resolved.scenarios + scenario)
        found.ravel()[cells] = option_units(units.terms, resolved, *np.divmod(cells, resolved.scenarios))
    return found


def option_units(terms: pl.DataFrame, resolved: Resolved, option: Longs, scenario: Longs) -> Floats:
    """Contract size times delta of options in a state each: cs * X * (M(S + h) - M(S - h)) / (2 h), S in reporting currency, h = `BUMP` * |S|.

    X is that of the asset of the premium and stays: for a coin option this is the delta less the premium, which is coin itself (the forward moves
    with the underlying, rates and vols stay: sticky strike). Where the underlying is at zero the step is taken of the strike, else of its price.

    `terms` as `UnitValues.terms`; `option` i64[n] codes, `scenario` i64[n] the state of each; f64[n] units of the underlying, below zero of puts.
    """
    states = states_of_pairs(terms, resolved, option, scenario)
    price, value = pl.col("underlying_price"), pl.col("underlying_value")
    # The value is the price in another currency: both move by the same share.
    step = pl.when(price == 0.0).then(pl.col("strike").abs().clip(1e-9)).otherwise(price.abs()) * BUMP
    # At a price of zero the rate between the two is that of the currency of the strike, in which it is quoted.
    exchange = pl.when(price == 0.0).then(pl.col("quote_value")).otherwise(value / price)
    states = states.with_columns(step=step, exchange=exchange)
    marks = [
        value_states(
            states.with_columns(underlying_price=price + sign * pl.col("step"), underlying_value=value + sign * pl.col("step") * pl.col("exchange"))
        )["mark"].to_numpy()
        for sign in (1.0, -1.0)
    ]
    moved = 2.0 * (states["step"] * states["exchange"]).to_numpy()
    size, money = states["contract_size"].to_numpy(), states["money_value"].to_numpy()
    delta: Floats = size * money * (marks[0] - marks[1]) / moved
    return delta


def orders(pairs: Pairs, shares: Floats, units: Floats, underlying: Codes, layout: Layout, assets: int) -> Floats:
    """Units of every underlying that closing shares of positions sells (above zero) or buys, netted over all pairs, f64[assets, S].

    Args:
        pairs: pools in liquidation.
        shares: f64[positions] what is closed of each.
        units: f64[instruments, S] units of the underlying of one contract.
        underlying: i32[instruments] its asset.
        layout: of codes.
        assets: how many.
    """
    states = units.shape[1]
    instrument = pairs.instrument % layout.instruments
    scenario = pairs.position_scenarios()
    sold = shares * pairs.quantity * units.ravel()[instrument * states + scenario]
    cells = underlying[instrument].astype(np.int64) * states + scenario
    return summed(cells, sold, assets * states).reshape(assets, states)


def closing_options(pairs: Pairs, layout: Layout) -> tuple[Codes, Longs]:
    """The options that pairs hold, by code in the book, and the scenario of each: those whose delta is asked for."""
    instrument = pairs.instrument % layout.instruments
    chosen = np.flatnonzero(layout.option[instrument])
    return instrument[chosen].astype(np.int32), pairs.position_scenarios()[chosen]
