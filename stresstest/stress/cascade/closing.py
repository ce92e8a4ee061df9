"""One round for some of the pools that are liquidated in it: what they close, what that sells, what they are paid, and who set it off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.config.cascade import Cascade
from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.breaches import Lines
from stresstest.stress.cascade.blocks import Blocks
from stresstest.stress.cascade.fills import Fills, fill, position_notionals, position_values, token_values
from stresstest.stress.cascade.funding import can_act
from stresstest.stress.cascade.liquidated import Layout, Pairs, select, touch
from stresstest.stress.cascade.look import Breaches
from stresstest.stress.cascade.orders import orders
from stresstest.stress.cascade.policy import shares
from stresstest.stress.cascade.states import State

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TRIGGER_CELLS = 4_000_000
"""Losses of pairs by asset that are held at once."""


class Chunk(NamedTuple):
    """Pairs that are liquidated in a round, with their breaches row by row.

    `lines` of each; `trigger` i32[pairs], the asset that cost it most; `ordered`: open orders were cancelled, of which the figures of the breach
    still knew; `again`: something of it was liquidated before; `idle` (pool, scenario): breaches of pools that have nothing to liquidate.
    """

    pairs: Pairs
    breach: Breaches
    lines: Lines
    trigger: Codes
    ordered: Flags
    again: Flags
    idle: tuple[Longs, Longs]

    def take(self, chosen: npt.NDArray[np.integer]) -> Chunk:
        """Some of its pairs."""
        lines = Lines(self.lines.tolerance[chosen], self.lines.equality[chosen])
        flags = self.ordered[chosen], self.again[chosen]
        return Chunk(select(self.pairs, chosen), self.breach.take(chosen), lines, self.trigger[chosen], *flags, self.idle)


@dataclass(frozen=True)
class Round:
    """What all pools of a round share: the book, how codes are read, the state of base and of the round.

    `underlying` i32[instruments].
    """

    blocks: Blocks
    compiled: Compiled
    layout: Layout
    underlying: Codes
    terms: Cascade
    now: State

    @property
    def assets(self) -> int:
        """How many."""
        return len(self.now.resolved.value)


def touch_block(round_: Round, item: tuple[int, Breaches]) -> Chunk:
    """The pools of a block that breach, taken out of the book; those that have nothing to liquidate are named and left in it."""
    number, breach = item
    block = round_.blocks[number]
    place = breach.pool - int(block.pool[0])
    resolved = round_.now.resolved
    pairs = touch(block, place, breach.scenario, round_.layout, resolved.holding_rows)
    acts = can_act(pairs, resolved.value, round_.layout)
    idle = breach.pool[~acts], breach.scenario[~acts]
    if not acts.all():
        chosen = np.flatnonzero(acts)
        pairs, breach, place = select(pairs, chosen), breach.take(chosen), place[chosen]
    at_base = touch(block, place, breach.scenario, round_.layout, {}) if resolved.holding_rows else pairs
    has_order = np.concatenate([[0], np.cumsum(block.holdings.positions["order"] > 0)])
    ordered = np.diff(has_order[block.holdings.position_first]) > 0
    lines = Lines(block.accounts.tolerance[place], block.accounts.equality[place])
    return Chunk(pairs, breach, lines, triggers(round_, pairs, at_base), ordered[place], np.zeros(len(place), dtype=np.bool_), idle)


def triggers(round_: Round, pairs: Pairs, whole: Pairs) -> Codes:
    """The asset, underlying or collateral, on which each pair lost most between base and now (of one that lost nothing: gained least).

    The first of equals; the reporting currency where deposits of it are lost, or a pair has nothing else. `whole`: the same pairs with deposits as
    they are at base, whatever of them is recovered now.
    """
    layout, assets = round_.layout, round_.assets
    at_base = whole._replace(scenario=np.zeros_like(pairs.scenario))
    value, units = round_.now.resolved.value, round_.now.units
    position = position_values(at_base, units, value, layout) - position_values(pairs, units, value, layout)
    token = token_values(at_base, value, layout) - token_values(pairs, value, layout)
    underlying = round_.underlying[pairs.instrument % layout.instruments].astype(np.int64)
    asset = (pairs.asset % layout.assets).astype(np.int64)
    found = np.empty(len(pairs.pool), dtype=np.int32)
    step = max(1, TRIGGER_CELLS // assets)
    for start in range(0, len(found), step):
        end = min(start + step, len(found))
        p = slice(pairs.position_first[start], pairs.position_first[end])
        t = slice(pairs.token_first[start], pairs.token_first[end])
        pair = np.repeat(np.arange(end - start), np.diff(pairs.position_first[start : end + 1]))
        owner = np.repeat(np.arange(end - start), np.diff(pairs.token_first[start : end + 1]))
        cells = np.concatenate([pair * assets + underlying[p], owner * assets + asset[t]])
        lost = np.bincount(cells, weights=np.concatenate([position[p], token[t]]), minlength=(end - start) * assets).reshape(-1, assets)
        held = np.bincount(cells, minlength=(end - start) * assets).reshape(-1, assets) > 0
        held[:, layout.reporting] &= lost[:, layout.reporting] > 0.0
        lost = np.where(held, lost, -np.inf)
        found[start:end] = np.where(held.any(axis=1), lost.argmax(axis=1), layout.reporting)
    return found


@dataclass(frozen=True)
class Deciding:
    """`per_contract` f64[instruments, S]: units of the underlying of one contract (see `orders.underlying_units`)."""

    round: Round
    per_contract: Floats


def decide(deciding: Deciding, chunk: Chunk) -> tuple[Floats, Floats]:
    """The share of every position that is closed, and the units of every asset that this sells, f64[assets, S]."""
    round_, pairs, breach = deciding.round, chunk.pairs, chunk.breach
    terms, layout = round_.terms, round_.layout
    share = np.ones(len(pairs.instrument))
    if terms.policy != "full":
        value, units = round_.now.resolved.value, round_.now.units
        lost = None
        if terms.policy == "worst_first":
            at_base = pairs._replace(scenario=np.zeros_like(pairs.scenario))
            lost = position_values(at_base, units, value, layout) - position_values(pairs, units, value, layout)
        share = shares(
            pairs,
            terms.policy,
            balance=breach.balance,
            requirement=breach.requirement + np.where(chunk.lines.equality, 2.0 * chunk.lines.tolerance, 0.0),
            notional=position_notionals(pairs, units, layout),
            lost=lost,
            target_ratio=terms.target_ratio,
            liquidation_fee=terms.fees.liquidation,
        )
    return share, orders(pairs, share, deciding.per_contract, round_.underlying, layout, round_.assets)


@dataclass(frozen=True)
class Closing:
    """`executed`: every asset that trades at its mean price, everything else as before; `shocked`: the scenario before anything was sold."""

    round: Round
    executed: State
    shocked: State


class Closed(NamedTuple):
    """What closing did to a chunk.

    f64[assets, S]: `notional` executed, by underlying; `survivors_loss`: what positions of accounts that withstood the scenario itself lost to
    feedback until they were closed. `traded`: what each pair traded.
    """

    pairs: Pairs
    fills: Fills
    notional: Floats
    survivors_loss: Floats
    traded: Traded


class Traded(NamedTuple):
    """Each pair (by place) with each asset of which it traded something, and the notional of that; sorted."""

    pair: Longs
    asset: Longs
    notional: Floats


def close(closing: Closing, item: tuple[Chunk, Floats, Flags]) -> Closed:
    """Fill what was decided; the flags say whose accounts did not breach in the scenario itself."""
    chunk, share, survivor = item
    round_, pairs = closing.round, chunk.pairs
    layout, assets, terms = round_.layout, round_.assets, round_.terms
    value = closing.executed.resolved.value
    states = value.shape[1]
    after, fills = fill(
        pairs, share, closing.executed.units, value, layout, liquidation_fee=terms.fees.liquidation, option_spread=terms.fees.option_spread
    )
    of_pair = pairs.of_positions()
    underlying = round_.underlying[pairs.instrument % layout.instruments].astype(np.int64)
    cells = underlying * states + pairs.scenario[of_pair]
    notional = _by_cell(cells, fills.notional, assets, states)
    survivors = np.zeros((assets, states))
    if survivor.any():
        shocked = position_values(pairs, closing.shocked.units, closing.shocked.resolved.value, layout)
        lost = np.where(survivor[of_pair], np.maximum(share * shocked - fills.paid, 0.0), 0.0)
        survivors = _by_cell(cells, lost, assets, states)
    some = share > 0.0
    return Closed(after, fills, notional, survivors, traded(of_pair[some], underlying[some], fills.notional[some], assets))


def _by_cell(cells: Longs, weights: Floats, assets: int, states: int) -> Floats:
    found: Floats = np.bincount(cells, weights=weights, minlength=assets * states).astype(np.float64)
    return found.reshape(assets, states)


def traded(pair: Longs, asset: Longs, notional: Floats, assets: int) -> Traded:
    """Deals (row by row: place of the pair, asset, notional in reporting currency) added up by pair and asset, in order of the rows."""
    distinct, place = np.unique(pair * assets + asset, return_inverse=True)
    total = np.bincount(place, weights=notional, minlength=len(distinct)).astype(np.float64)
    return Traded(*np.divmod(distinct, assets), total)


def among(keys: Longs, known: Longs) -> Flags:
    """bool[keys]: which keys (at least zero) are among the known ones, which are sorted; `isin` hashes, which takes many times as long."""
    found: Flags = np.append(known, -1)[np.searchsorted(known, keys)] == keys
    return found


def sum_by_cell(cells: Longs, weights: Floats) -> tuple[Longs, Floats]:
    """The distinct cells i64[n], ascending, and of each the sum f64[n] of the weights of its rows, in their order."""
    distinct, place = np.unique(cells, return_inverse=True)
    return distinct, np.bincount(place, weights=weights, minlength=len(distinct)).astype(np.float64)
