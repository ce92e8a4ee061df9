"""What pools in liquidation are paid for the positions that they close, and what it costs them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.stress.cascade.liquidated import Layout, Pairs, summed
from stresstest.stress.holders import offsets
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]


class Fills(NamedTuple):
    """What closing gave, reporting currency at the state of execution.

    f64[positions]: `notional` executed (options: premium), `paid` what the positions were worth there (below zero: what the pool had to pay), of
    which `spread` and `fee` are taken off. f64[pairs]: `equity` after all of it, `fees`.
    """

    notional: Floats
    paid: Floats
    spread: Floats
    fee: Floats
    equity: Floats
    fees: Floats


def position_cells(pairs: Pairs, layout: Layout, states: int) -> tuple[Longs, Longs]:
    """Where a flat table [instruments, states], and one [assets, states] of settle assets, has the cell of every position."""
    scenario = pairs.position_scenarios()
    return (pairs.instrument % layout.instruments) * states + scenario, (layout.settle[pairs.instrument] % layout.assets) * states + scenario


def position_values(pairs: Pairs, units: UnitValues, value: Floats, layout: Layout) -> Floats:
    """What every position is worth: q * value slope + cost * cost slope + funding * X_settle, f64[positions], reporting currency.

    Args:
        pairs: pools with holdings of their own.
        units: values of instruments in some states.
        value: f64[assets, states] X in the same.
        layout: of codes.
    """
    cells, settled = position_cells(pairs, layout, value.shape[1])
    worth: Floats = pairs.quantity * units.value_slope.ravel()[cells] + pairs.cost * units.cost_slope.ravel()[cells]
    return worth + pairs.funding * value.ravel()[settled] if pairs.funding.any() else worth


def position_notionals(pairs: Pairs, units: UnitValues, layout: Layout) -> Floats:
    """Absolute notional of every position, as margin counts it, f64[positions], reporting currency."""
    states = units.notional.shape[1]
    scenario = pairs.position_scenarios()
    notional: Floats = np.abs(pairs.quantity) * units.notional.ravel()[(pairs.instrument % layout.instruments) * states + scenario]
    return notional


def token_values(pairs: Pairs, value: Floats, layout: Layout) -> Floats:
    """What every token is worth at spot, f64[tokens], reporting currency."""
    scenario = pairs.token_scenarios()
    worth: Floats = pairs.amount * value.ravel()[(pairs.asset % layout.assets) * value.shape[1] + scenario]
    return worth


def equity(pairs: Pairs, units: UnitValues, value: Floats, layout: Layout) -> Floats:
    """Tokens at spot and positions, f64[pairs], reporting currency."""
    found: Floats = summed(pairs.of_tokens(), token_values(pairs, value, layout), len(pairs.pool)) + summed(
        pairs.of_positions(), position_values(pairs, units, value, layout), len(pairs.pool)
    )
    return found


def fill(
    pairs: Pairs, shares: Floats, units: UnitValues, value: Floats, layout: Layout, *, liquidation_fee: float = 0.0, option_spread: float = 0.0
) -> tuple[Pairs, Fills]:
    """Close shares of positions at what they are worth in the state of execution, paid in units of their settle assets.

    The accrued funding of what is closed settles with it. Options are closed `option_spread` of their price below it if they are sold, above it
    if they are bought. The fee is a share of the notional (options: of the premium) and never takes more than the equity that the pool has left.

    Args:
        pairs: pools in liquidation.
        shares: f64[positions] from 0 to 1; what is closed whole is gone.
        units: values of instruments in the state of execution.
        value: f64[assets, S] X in the state of execution.
        layout: of codes.
        liquidation_fee: as a share.
        option_spread: as a share.
    """
    count, states = len(pairs.pool), value.shape[1]
    pair = pairs.of_positions()
    cells, settled = position_cells(pairs, layout, states)
    slope, price = units.value_slope.ravel()[cells], value.ravel()[settled]
    worth = pairs.quantity * slope + pairs.cost * units.cost_slope.ravel()[cells] + pairs.funding * price
    option = layout.option[pairs.instrument % layout.instruments]
    notional = np.abs(shares * pairs.quantity) * np.where(option, np.abs(slope), units.notional.ravel()[cells])
    paid = shares * worth
    spread = np.where(option, option_spread * notional, 0.0)
    tokens = summed(pairs.of_tokens(), token_values(pairs, value, layout), count)
    left = tokens + summed(pair, worth - spread, count)
    fee = liquidation_fee * notional
    asked = summed(pair, fee, count)
    fees = np.minimum(asked, np.maximum(left, 0.0))
    fee *= np.divide(fees, asked, out=np.zeros_like(fees), where=asked > 0.0)[pair]
    credit = paid - spread - fee
    # What is settled in an asset worth nothing is paid in reporting currency: no amount of that asset would be enough.
    payable = price > 0.0
    place = pairs.token_first[pair] + pairs.credited
    if not payable.all():
        home = np.flatnonzero(pairs.asset % layout.assets == layout.reporting)
        place = np.where(payable, place, home[pair])
    credit /= np.where(payable, price, 1.0)
    kept = np.flatnonzero(shares < 1.0)
    rest = 1.0 - shares[kept]
    after = pairs._replace(
        position_first=offsets(np.bincount(pair[kept], minlength=count)),
        instrument=pairs.instrument[kept],
        quantity=pairs.quantity[kept] * rest,
        cost=pairs.cost[kept] * rest,
        funding=pairs.funding[kept] * rest,
        leverage=pairs.leverage[kept],
        credited=pairs.credited[kept],
        amount=pairs.amount + summed(place, credit, len(pairs.amount)),
    )
    return after, Fills(notional, paid, spread, fee, left - fees, fees)
