"""Who breaches at the prices of a round: pools of the book that nobody has touched, and pools that are being liquidated, with what they have left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.breaches import Lines, breaches
from stresstest.margin.kernels.program import COLLATERAL_ROW, ORDER, POSITION, Holdings
from stresstest.margin.kernels.totals import Accounts
from stresstest.stress.cascade.blocks import Blocks
from stresstest.stress.cascade.liquidated import Pairs, select
from stresstest.stress.evaluation import folded, given_by_rules
from stresstest.stress.holders import BlockHoldings, Holders
from stresstest.stress.selected import selected

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

NARROW = 8
"""Lanes in which pools with holdings of their own are looked at: each is in one scenario, and kernels take eight at a time."""


class Breaches(NamedTuple):
    """Pools that breach, sorted by pool and scenario: `pool` (global, or by place where pairs were looked at) and `scenario` of the batch; equity,
    margin balance and maintenance requirement, reporting currency."""

    pool: Longs
    scenario: Longs
    equity: Floats
    balance: Floats
    requirement: Floats

    def take(self, chosen: npt.NDArray[np.generic]) -> Breaches:
        """Some of them."""
        return Breaches(*(each[chosen] for each in self))


@dataclass(frozen=True)
class Look:
    """What a block of the book needs to be looked at: tables at the prices of the round, and the scenario of the batch that each of theirs is."""

    blocks: Blocks
    compiled: Compiled
    scenario: Longs


def look_at_block(look: Look, block: tuple[int, Flags]) -> Breaches:
    """The breaches among the pools of a block where `live` bool[pools, S] says so."""
    number, live = block
    lanes = look.compiled.lanes
    held = look.blocks[number]
    pools = len(held.gross)
    # The first block of lanes is base as it was, which is nobody's state.
    items = np.tile(np.arange(pools), lanes.blocks - 1)
    blocks = np.repeat(np.arange(1, lanes.blocks), pools)
    in_lanes = np.zeros((len(items), lanes.width), dtype=np.bool_)
    for at in range(1, lanes.blocks):
        used = lanes.used[at]
        in_lanes[(at - 1) * pools : at * pools, :used] = live[:, look.scenario[lanes.scenario[at, :used]]]
    found, _ = breaches(
        folded(look.compiled, held),
        look.compiled.tables,
        given_by_rules(look.compiled, held),
        lanes.padded,
        Lines(held.accounts.tolerance, held.accounts.equality),
        items,
        blocks,
        in_lanes,
    )
    scenario = look.scenario[lanes.scenario[blocks[found["item"]], found["lane"]]]
    pool = held.pool[items[found["item"]]].astype(np.int64)
    order = np.lexsort((scenario, pool))
    columns = (np.ascontiguousarray(found[name]) for name in ("equity", "balance", "requirement"))
    return Breaches(pool, scenario, *columns).take(order)


def look_at_pairs(look: Look, pairs: Pairs, lines: Lines) -> Breaches:
    """The breaches among pools with holdings of their own; `pool` is the place in `pairs`.

    Args:
        look: as for blocks; every scenario of the pairs is in its tables.
        pairs: what they hold, shares of recovery applied.
        lines: of every pair.
    """
    compiled = plainly_priced(look.compiled)
    place = {int(scenario): number for number, scenario in enumerate(look.scenario)}
    found = []
    for scenarios in _narrow(compiled, np.array(sorted({place[int(each)] for each in pairs.scenario}), dtype=np.int64)):
        few = selected(compiled, [0, *scenarios.tolist()])
        chosen = np.flatnonzero(np.isin(pairs.scenario, look.scenario[scenarios]))
        block = own_block(look.blocks.holders, pairs, chosen, lines)
        lane = np.searchsorted(look.scenario[scenarios], pairs.scenario[chosen])
        live = np.zeros((len(chosen), few.lanes.width), dtype=np.bool_)
        live[np.arange(len(chosen)), lane] = True
        rows, _ = breaches(
            folded(few, block),
            few.tables,
            given_by_rules(few, block),
            few.lanes.padded,
            Lines(lines.tolerance[chosen], lines.equality[chosen]),
            np.arange(len(chosen)),
            np.ones(len(chosen), dtype=np.int64),
            live,
        )
        pair = chosen[rows["item"]]
        columns = (np.ascontiguousarray(rows[name]) for name in ("equity", "balance", "requirement"))
        found.append(Breaches(pair, pairs.scenario[pair].astype(np.int64), *columns))
    if not found:
        nothing = np.zeros(0)
        return Breaches(np.zeros(0, np.int64), np.zeros(0, np.int64), nothing, nothing, nothing)
    together = Breaches(*(np.concatenate(each) for each in zip(*found, strict=True)))
    return together.take(np.argsort(together.pool, kind="stable"))


def _narrow(compiled: Compiled, scenarios: Longs) -> Iterator[Longs]:
    """Scenarios, by place in the tables, some eight of one block of lanes at a time."""
    lanes = compiled.lanes
    for block in range(1, lanes.blocks):
        here = scenarios[np.isin(scenarios, lanes.scenario[block, : lanes.used[block]])]
        for start in range(0, len(here), NARROW):
            yield here[start : start + NARROW]


def plainly_priced(compiled: Compiled) -> Compiled:
    """Tables in which every row of collateral is worth its price, wherever it lies: what is recovered is in the amounts already."""
    tables = compiled.tables
    price = np.ascontiguousarray(np.repeat(tables.assets["price_row"][:, None], tables.holding_row.shape[1], axis=1))
    return Compiled(**{**vars(compiled), "tables": tables._replace(holding_row=price)})


def own_block(holders: Holders, pairs: Pairs, chosen: Longs, lines: Lines) -> BlockHoldings:
    """Some pairs as the pools of a block, each an account of its own."""
    some = select(pairs, chosen)
    positions = np.zeros(len(some.instrument), dtype=POSITION)
    for name in ("instrument", "quantity", "cost", "funding", "leverage"):
        positions[name] = getattr(some, name)
    collateral = np.zeros(len(some.asset), dtype=COLLATERAL_ROW)
    collateral["asset"], collateral["amount"], collateral["location"] = some.asset, some.amount, -1
    account = holders.account[some.pool]
    count = len(chosen)
    return BlockHoldings(
        Holdings(
            some.position_first,
            positions,
            some.token_first,
            collateral,
            holders.model[account],
            holders.multiplier[account],
            np.zeros(0, dtype=ORDER),
        ),
        Accounts(
            np.arange(count + 1, dtype=np.int64),
            np.arange(count, dtype=np.int32),
            np.arange(count, dtype=np.int32),
            np.zeros(count, dtype=np.int32),
            np.ones(count, dtype=np.bool_),
            lines.tolerance[chosen],
            lines.equality[chosen],
        ),
        np.zeros(count),
        np.arange(count, dtype=np.int32),
    )
