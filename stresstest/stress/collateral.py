"""Collateral by asset and location: what it is worth, what it counts for, what of it is lost together with its holders' positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.kernels.program import Holdings
from stresstest.margin.kernels.tables import BAND_START, INITIAL_HAIRCUT, MAINTENANCE_HAIRCUT, QUANTITY, Tables
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.stress.rows import words
from stresstest.stress.scaled_weights import Weights, scaled_weights
from stresstest.tables import COLLATERAL_SUMMARY

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ACCOUNTS, AMOUNT, VALUE, COUNTED, LOSS, WRONG_WAY_ACCOUNTS, WRONG_WAY_LOSS, SHORTFALL_LOSS = range(8)
SUMS = 8


class CollateralSums(NamedTuple):
    """Sums by asset, location and side (deposits, borrows): `key` ascending, `sums` [keys, states, SUMS], signed as the rows are."""

    key: Longs
    sums: Floats


def kept_after_haircut(tables: Tables, rows: Floats, asset: npt.NDArray[np.int32], weights: Weights, balance: Floats, column: int) -> Floats:
    """What balances of tokens keep after haircuts: sum over bands of (1 - h) * (part of max(0, balance) * collateral ratio inside the band).

    Args:
        tables: of a run.
        rows: every row of the tables at the state (`selected.row_values`).
        asset: [n] code of each token.
        weights: of each token, for the same calculation.
        balance: [n] at spot, reporting currency; what is negative keeps nothing.
        column: MAINTENANCE_HAIRCUT or INITIAL_HAIRCUT.
    """
    # Terms by asset first: assets are few, tokens many.
    terms = tables.assets
    by_quantity = terms["band_basis"] == QUANTITY
    ratio = rows[terms["ratio_row"]]
    # Thresholds in units of the token are worth price * ratio each: the ratio then scales the whole part.
    measured = np.maximum(balance, 0.0) * np.where(by_quantity[asset], 1.0, weights.low * ratio[asset])
    unit = np.where(terms["threshold_row"] < 0, 1.0, rows[terms["threshold_row"]])
    kept = np.zeros(len(balance))
    for band in range(int(terms["band_count"][asset].max(initial=0))):
        there = band < terms["band_count"]
        row = terms["band_first"] + np.minimum(band, terms["band_count"] - 1)
        start = np.where(there, tables.bands[row, BAND_START] * unit, np.inf)
        # The last band has no end, also where a unit is worth nothing: infinity times zero is not a number.
        last = band + 1 >= terms["band_count"]
        end = np.where(last, np.inf, tables.bands[np.minimum(row + 1, len(tables.bands) - 1), BAND_START] * unit)
        capped = last & (terms["capped"] != 0)
        haircut = np.clip(rows[terms["haircut_scale_row"]] * tables.bands[row, column] + rows[terms["haircut_shift_row"]], 0.0, 1.0)
        reached = np.flatnonzero(measured > start[asset])
        of = asset[reached]
        share = np.minimum(np.where(capped, 0.0, 1.0 - haircut)[of] * weights.share[reached], weights.most[reached])
        kept[reached] += share * (np.minimum(measured[reached], end[of]) - start[of])
    return kept * np.where(by_quantity[asset], weights.low * ratio[asset], 1.0)


class Tokens(NamedTuple):
    """The rows of a block's collateral by token: `start` of each token's rows, its `asset` and `pool`, and `token` of each row."""

    start: Longs
    asset: npt.NDArray[np.int32]
    pool: Longs
    token: Longs


def tokens_of(holdings: Holdings) -> Tokens:
    """The tokens of each pool; rows are sorted by pool and asset."""
    asset = holdings.collateral["asset"]
    pool = np.repeat(np.arange(len(holdings.model)), np.diff(holdings.collateral_first))
    first = np.ones(len(asset), dtype=np.bool_)
    first[1:] = (asset[1:] != asset[:-1]) | (pool[1:] != pool[:-1])
    start = np.flatnonzero(first)
    return Tokens(start, np.ascontiguousarray(asset[start]), pool[start], np.cumsum(first) - 1)


def _spot_values(tables: Tables, rows: Floats, holdings: Holdings) -> Floats:
    """Each row of collateral at spot, what is lost of deposits left out."""
    held = holdings.collateral
    price = rows[tables.assets["price_row"][held["asset"]]]
    recovered = rows[tables.holding_row[held["asset"], held["location"] + 1]]
    return np.asarray(held["amount"] * np.where(held["amount"] > 0.0, recovered, price))


def kept_by_pool(tables: Tables, rows: Floats, holdings: Holdings) -> Floats:
    """K of the methodology [pools]: positive balances, without P&L and spot positions, after initial haircuts."""
    tokens = tokens_of(holdings)
    if not len(tokens.start):
        return np.zeros(len(holdings.model))
    balance = np.add.reduceat(_spot_values(tables, rows, holdings), tokens.start)
    weights = scaled_weights(tables, rows, tokens.asset, holdings.model[tokens.pool], balance, INITIAL_HAIRCUT)
    kept = kept_after_haircut(tables, rows, tokens.asset, weights, balance, INITIAL_HAIRCUT)
    return np.bincount(tokens.pool, weights=kept, minlength=len(holdings.model)).astype(np.float64)


def block_collateral(
    tables: Tables, states: Sequence[Floats], holdings: Holdings, account: Longs, losing: Flags, short: Flags, assets: int, locations: int
) -> CollateralSums:
    """The sums of one block.

    A row counts, as collateral, its value times the mean rate of its token's balance in its pool: the share of a positive balance that is kept after
    maintenance haircuts, or the liability weight of a negative one. Rows of one pool and asset so add up to what their balance counts.

    Args:
        tables: of a run.
        states: every row of the tables at base, and in the scenario looked at, if any.
        holdings: the block's, rows sorted by pool and asset.
        account: [pools] place of each pool's account.
        losing: [accounts] whether its positions lose in the scenario.
        short: [accounts] whether it has a margin shortfall there.
        assets: number of assets of the book.
        locations: number of its locations.
    """
    held = holdings.collateral
    if not len(held):
        return CollateralSums(np.zeros(0, dtype=np.int64), np.zeros((0, len(states), SUMS)))
    tokens = tokens_of(holdings)
    # By the asset of the book: models may see it under codes of their own.
    place = (held["asset"].astype(np.int64) % assets * (locations + 1) + held["location"] + 1) * 2 + (held["amount"] < 0.0)
    key, inverse = np.unique(place, return_inverse=True)
    holder = account[tokens.pool[tokens.token]]
    once = _once_an_account(inverse, holder, held["amount"] != 0.0, len(account) > len(losing))
    sums = np.zeros((len(key), len(states), SUMS))

    def add(state: int, what: int, amounts: Floats) -> None:
        sums[:, state, what] = np.bincount(inverse, weights=amounts, minlength=len(key))

    base = _spot_values(tables, states[0], holdings)
    for state, rows in enumerate(states):
        value = base if state == 0 else _spot_values(tables, rows, holdings)
        balance = np.add.reduceat(value, tokens.start)
        weights = scaled_weights(tables, rows, tokens.asset, holdings.model[tokens.pool], balance, MAINTENANCE_HAIRCUT)
        kept = kept_after_haircut(tables, rows, tokens.asset, weights, balance, MAINTENANCE_HAIRCUT)
        rate = np.where(balance < 0.0, weights.debt, np.divide(kept, balance, out=np.zeros_like(kept), where=balance > 0.0))
        add(state, ACCOUNTS, once.astype(np.float64))
        add(state, AMOUNT, held["amount"])
        add(state, VALUE, value)
        add(state, COUNTED, value * rate[tokens.token])
        if state > 0:
            loss = base - value
            add(state, LOSS, loss)
            add(state, WRONG_WAY_ACCOUNTS, (once & losing[holder]).astype(np.float64))
            add(state, WRONG_WAY_LOSS, np.where(losing[holder], loss, 0.0))
            add(state, SHORTFALL_LOSS, np.where(short[holder], loss, 0.0))
    return CollateralSums(key, sums)


def _once_an_account(inverse: Longs, holder: Longs, held: Flags, several_pools: bool) -> Flags:
    """The first row of each account in each group, of rows that hold something: pools of one account may hold the same asset at the same place."""
    if not several_pools:
        return held
    rows = np.flatnonzero(held)
    _, first = np.unique(holder[rows] * (int(inverse.max(initial=0)) + 1) + inverse[rows], return_index=True)
    found = np.zeros(len(inverse), dtype=np.bool_)
    found[rows[first]] = True
    return found


def collateral_summary(
    parts: Sequence[CollateralSums], dimensions: Dimensions, resolved: Resolved, tables: Tables, states: Sequence[Floats], positions: Sequence[int]
) -> pl.DataFrame:
    """The table `collateral_summary` from the sums of all blocks, in their order.

    Args:
        parts: of the blocks, in order.
        dimensions: of the book.
        resolved: of the run.
        tables: of the run.
        states: every row of the tables at each state.
        positions: position in `resolved` of each state.
    """
    every = np.concatenate([part.key for part in parts])
    key, inverse = np.unique(every, return_inverse=True)
    whole = np.zeros((len(key), len(states), SUMS))
    # One block after the other: the same sums whoever computed them.
    np.add.at(whole, inverse, np.concatenate([part.sums for part in parts]))
    place, side = np.divmod(key, 2)
    where, row = np.unique(place, return_inverse=True)
    sides = np.zeros((2, len(where), len(states), SUMS))
    sides[side, row] = whole
    deposits, borrows = sides
    filled = (deposits[:, 0, ACCOUNTS] > 0.0) | (borrows[:, 0, ACCOUNTS] > 0.0)
    deposits, borrows, where = deposits[filled], borrows[filled], where[filled]
    asset, location = np.divmod(where, dimensions.locations.height + 1)
    names = dimensions.assets.select("asset", "asset_class", "collateral_schedule")[asset.astype(np.uint32)]
    stated = words((*dimensions.locations["location"], ""), location - 1).alias("location")
    pairs = list(zip(asset.tolist(), (location - 1).tolist(), strict=True))
    frames = []
    for state, position in enumerate(positions):
        deposit, borrow = deposits[:, state], borrows[:, state]
        shares = [float(resolved.holding_rows[pair][position]) if pair in resolved.holding_rows else 1.0 for pair in pairs]
        frames.append(
            names.with_columns(
                stated,
                scenario_id=pl.lit(resolved.ids[position]),
                price=pl.Series(states[state][tables.assets["price_row"][asset]]),
                holding_share=pl.Series(shares, dtype=pl.Float64),
                accounts=pl.Series(deposit[:, ACCOUNTS].astype(np.int64)),
                quantity=pl.Series(deposit[:, AMOUNT]),
                value=pl.Series(deposit[:, VALUE]),
                value_after_haircut=pl.Series(deposit[:, COUNTED]),
                loss=pl.Series(deposit[:, LOSS] + 0.0),
                wrong_way_accounts=pl.Series(deposit[:, WRONG_WAY_ACCOUNTS].astype(np.int64)),
                wrong_way_loss=pl.Series(np.maximum(deposit[:, WRONG_WAY_LOSS], 0.0)),
                shortfall_loss=pl.Series(np.maximum(deposit[:, SHORTFALL_LOSS], 0.0)),
                borrowing_accounts=pl.Series(borrow[:, ACCOUNTS].astype(np.int64)),
                # Less from zero: no borrows are 0.0, not -0.0.
                borrowed_quantity=pl.Series(0.0 - borrow[:, AMOUNT]),
                borrowed_value=pl.Series(0.0 - borrow[:, VALUE]),
                borrowed_value_weighted=pl.Series(0.0 - borrow[:, COUNTED]),
            )
        )
    return pl.concat(frames).select(COLLATERAL_SUMMARY.names)
