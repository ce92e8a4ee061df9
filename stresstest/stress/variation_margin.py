"""Variation margin of pools: what is due in each currency of settlement, what pays it, what is sold for it, what stays unpaid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from stresstest.margin.kernels.program import Holdings
from stresstest.margin.kernels.tables import MAINTENANCE_HAIRCUT, MARGINED_OPTION, MARKED, PAID_OPTION, SPOT, Tables
from stresstest.stress.collateral import kept_after_haircut
from stresstest.stress.scaled_weights import scaled_weights

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

SAME_RATE = 9
"""Decimals of what a token counts per unit of its value: rates that agree in them are equal, and the asset's own order decides."""


class Claims(NamedTuple):
    """What the pools of a block owe and own, as linear functions of the rows of the tables.

    `pool`, `currency`, `token` [pairs]: a pool, a currency of settlement (as the pool's model codes it), and the pool's own token of it, -1
    for none. `token_pool`, `token_asset` [tokens]. `unsettled` [pairs, rows]: value of futures, perpetuals and margined options; `held` [tokens,
    rows]: balances with spot positions; `written` [pools, rows]: value of short paid options. `model` [pools].
    """

    pool: Longs
    currency: Longs
    token: Longs
    token_pool: Longs
    token_asset: Longs
    unsettled: csr_array
    held: csr_array
    written: csr_array
    model: npt.NDArray[np.int32]


class Calls(NamedTuple):
    """[pairs, states] in reporting currency: `due` and `gained`, one of them zero; due = from_balance + cash, cash = from_gains + to_sell + unpaid.

    [tokens, states]: the positive `balances`, what of them is `sold` for calls in other currencies, at spot, and what it is `sold_for`.
    """

    due: Floats
    gained: Floats
    from_balance: Floats
    cash: Floats
    from_gains: Floats
    to_sell: Floats
    unpaid: Floats
    balances: Floats
    sold: Floats
    sold_for: Floats


def summing(place: Longs, places: int) -> csr_array:
    """The matrix that adds rows up by their place, in their order."""
    return _matrix([(place, np.arange(len(place)), np.ones(len(place)))], (places, len(place)))


def _matrix(entries: Sequence[tuple[Longs, Longs, Floats]], shape: tuple[int, int]) -> csr_array:
    row, column, factor = (np.concatenate([each[part] for each in entries]) for part in range(3))
    return csr_array((factor, (row, column)), shape=shape)


def claims_of(tables: Tables, holdings: Holdings) -> Claims:
    """The claims of the pools of a block."""
    positions, held = holdings.positions, holdings.collateral
    pools, rows, assets = len(holdings.model), len(tables.span), len(tables.assets)
    terms = {name: tables.instruments[name][positions["instrument"]] for name in ("kind", "settle", "underlying", "value_row", "cost_row")}
    pool = np.repeat(np.arange(pools), np.diff(holdings.position_first))
    kind = terms["kind"]
    settled = np.flatnonzero((kind == MARKED) | (kind == MARGINED_OPTION))
    spot = np.flatnonzero(kind == SPOT)
    short = np.flatnonzero((kind == PAID_OPTION) & (positions["quantity"] < 0.0))

    def value(place: Longs, chosen: Longs) -> tuple[Longs, Longs, Floats]:
        return place, terms["value_row"][chosen], positions["quantity"][chosen]

    pair, of_pair = np.unique(pool[settled] * assets + terms["settle"][settled], return_inverse=True)
    cost = positions["cost"][settled] * tables.instruments["cost_factor"][positions["instrument"][settled]]
    funding = tables.assets["price_row"][terms["settle"][settled]], positions["funding"][settled]
    unsettled = _matrix([value(of_pair, settled), (of_pair, terms["cost_row"][settled], cost), (of_pair, *funding)], (len(pair), rows))
    held_pool = np.repeat(np.arange(pools), np.diff(holdings.collateral_first))
    price = tables.assets["price_row"][held["asset"]]
    price = np.where(held["amount"] > 0.0, tables.holding_row[held["asset"], held["location"] + 1], price)
    token, of_token = np.unique(
        np.concatenate([held_pool * assets + held["asset"], pool[spot] * assets + terms["underlying"][spot]]), return_inverse=True
    )
    balances = _matrix([(of_token[: len(held)], price, held["amount"]), value(of_token[len(held) :], spot)], (len(token), rows))
    place = np.searchsorted(token, pair)
    own = np.append(token, -1)[place] == pair
    return Claims(
        *np.divmod(pair, assets),
        np.where(own, place, -1),
        *np.divmod(token, assets),
        unsettled,
        balances,
        _matrix([value(pool[short], short)], (pools, rows)),
        holdings.model,
    )


def variation_calls(tables: Tables, rows: Floats, claims: Claims) -> Calls:
    """What every pool has to pay in every currency, and how it finds it (methodology, section 9).

    Args:
        tables: of a run.
        rows: [rows, states] every row of the tables in some states.
        claims: of the pools.
    """
    worth, held = claims.unsettled @ rows, claims.held @ rows
    due, gained = np.maximum(-worth, 0.0), np.maximum(worth, 0.0)
    own = np.flatnonzero(claims.token >= 0)
    from_balance = np.zeros_like(due)
    from_balance[own] = np.minimum(due[own], np.maximum(held[claims.token[own]], 0.0))
    cash = due - from_balance
    balances = np.maximum(held, 0.0)
    held[claims.token[own]] -= from_balance[own]
    by_pool = summing(claims.pool, len(claims.model))
    need, gains, written = by_pool @ cash, by_pool @ gained, claims.written @ rows
    met, sold, sold_for = np.zeros_like(need), np.zeros_like(held), np.zeros_like(held)
    for state in np.flatnonzero((need > 0.0).any(axis=0)).tolist():
        needs = need[:, state]
        tokens = np.flatnonzero((needs > 0.0)[claims.token_pool] & (held[:, state] != 0.0))
        pool, asset, balance = claims.token_pool[tokens], claims.token_asset[tokens].astype(np.int32), held[tokens, state]
        row = np.ascontiguousarray(rows[:, state])
        weights = scaled_weights(tables, row, asset, claims.model[pool], balance, MAINTENANCE_HAIRCUT)
        kept = kept_after_haircut(tables, row, asset, weights, balance, MAINTENANCE_HAIRCUT)
        counted = kept + np.minimum(balance, 0.0) * weights.debt
        free = np.bincount(pool, weights=counted, minlength=len(needs)) + gains[:, state] + written[:, state]
        met[:, state] = np.minimum(needs, np.maximum(free, 0.0))
        wanted = np.maximum(met[:, state] - gains[:, state], 0.0)
        sold_for[tokens, state] = _sold_for(wanted, pool, asset, balance, kept)
        sold[tokens, state] = balance * np.divide(sold_for[tokens, state], kept, out=np.zeros_like(kept), where=kept > 0.0)
    # The calls of a pool are met, or not, in proportion: none of its currencies comes first.
    share = np.divide(cash, need[claims.pool], out=np.zeros_like(cash), where=cash > 0.0)
    from_gains = np.minimum(met, gains)
    to_sell, unpaid = met - from_gains, need - met
    split = [share * each[claims.pool] for each in (from_gains, to_sell, unpaid)]
    return Calls(due, gained, from_balance, cash, split[0], split[1], split[2], balances, sold, sold_for)


def _sold_for(wanted: Floats, pool: Longs, asset: npt.NDArray[np.int32], balance: Floats, kept: Floats) -> Floats:
    """What each token brings, when every pool sells what it wants: what counts most per unit of value first, then by asset.

    Args:
        wanted: [pools] what sales must bring; at most what all tokens of the pool count.
        pool: [tokens] of each.
        asset: [tokens] code of each.
        balance: [tokens] at spot.
        kept: [tokens] what it counts, zero where the balance is a debt.
    """
    brought = np.zeros(len(pool))
    chosen = np.flatnonzero((kept > 0.0) & (wanted[pool] > 0.0))
    rate = np.round(kept[chosen] / balance[chosen], SAME_RATE)
    chosen = chosen[np.lexsort((asset[chosen], -rate, pool[chosen]))]
    # One token of every pool after the other: the first of each, the second of each, and so on.
    _, start, count = np.unique(pool[chosen], return_index=True, return_counts=True)
    turn = np.arange(len(chosen)) - np.repeat(start, count)
    left = wanted.copy()
    turns = np.argsort(turn, kind="stable")
    for tokens in np.split(chosen[turns], np.cumsum(np.bincount(turn))[:-1]):
        taken = np.minimum(kept[tokens], left[pool[tokens]])
        left[pool[tokens]] -= taken
        brought[tokens] = taken
    return brought
