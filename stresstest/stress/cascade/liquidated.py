"""Pools that are being liquidated, each in a scenario of its own: what they still hold, apart from the book.

A *pair* is a pool in a scenario. Until it is touched its holdings are those of the book; from then on they are here, and nobody else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.margin.compile import Compiled
from stresstest.stress.holders import BlockHoldings, offsets, ranges

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[Any]

NO_DEBT = 1e-12
"""A balance below zero by less than this share of all balances of its pool is rounding."""


class Layout(NamedTuple):
    """How codes of instruments and assets are read: code in the book = code modulo `instruments` (or `assets`), those of one view.

    `settle` i32[views * instruments]: the settle asset, as the same view codes it. `reporting`: the reporting currency in the book.
    `view` i32[models]. `option` bool[instruments].
    """

    instruments: int
    assets: int
    settle: Codes
    reporting: int
    view: Codes
    option: Flags


class Pairs(NamedTuple):
    """Touched pools with what they hold, sorted by (pool, scenario); rows of pair i are those from `*_first[i]` to `*_first[i + 1]`.

    `pool` (global), `scenario` i32[n]. Positions, sorted as in the book: `instrument` code as the pool's model sees it, `quantity`, `cost`,
    `funding`, `leverage` as in `snapshot.book.Block`, `credited`: which token of its pair closing it is paid in (0 = the first).
    Tokens, sorted by asset and one row each: `asset` code as the pool's model sees it, `amount` in units, below zero for a debt: deposits are
    what is recovered of them, and what was reserved for orders is theirs again, since these are cancelled. Each pair has rows of all its settle
    assets and of the reporting currency, if need be of nothing.
    """

    pool: Codes
    scenario: Codes
    position_first: Longs
    instrument: Codes
    quantity: Floats
    cost: Floats
    funding: Floats
    leverage: Floats
    credited: Codes
    token_first: Longs
    asset: Codes
    amount: Floats

    def of_positions(self) -> Longs:
        """The pair of every position."""
        return np.repeat(np.arange(len(self.pool)), np.diff(self.position_first))

    def of_tokens(self) -> Longs:
        """The pair of every token."""
        return np.repeat(np.arange(len(self.pool)), np.diff(self.token_first))

    def position_scenarios(self) -> Longs:
        """The scenario of every position."""
        return np.repeat(self.scenario, np.diff(self.position_first)).astype(np.int64)

    def token_scenarios(self) -> Longs:
        """The scenario of every token."""
        return np.repeat(self.scenario, np.diff(self.token_first)).astype(np.int64)


def summed(place: npt.NDArray[np.integer[Any]], weights: Floats, count: int) -> Floats:
    """Sums of weights by place, in their order, f64[count]."""
    return np.bincount(place, weights=weights, minlength=count).astype(np.float64, copy=False)


_OF_POSITIONS = ("instrument", "quantity", "cost", "funding", "leverage", "credited")
_OF_TOKENS = ("asset", "amount")
_HELD = ("quantity", "cost", "funding")


def layout_of(compiled: Compiled, option: Flags, reporting: int) -> Layout:
    """The layout of compiled tables; `option` bool[instruments]: which are options; `reporting`: code of the reporting currency."""
    views = compiled.views
    settle = np.ascontiguousarray(compiled.tables.instruments["settle"])
    return Layout(views.instruments, views.assets, settle, reporting, views.of_model, option)


def touch(
    block: BlockHoldings, pool: npt.NDArray[np.integer[Any]], scenario: npt.NDArray[np.integer[Any]], layout: Layout,
    holding: Mapping[tuple[int, int], Floats],
) -> Pairs:  # fmt: skip
    """Pools of a block with holdings of their own in some scenarios.

    Args:
        block: the holdings of the book.
        pool: of every pair, by place in the block; sorted, then by scenario.
        scenario: of every pair.
        layout: of codes.
        holding: recoverable shares by asset and location (`Resolved.holding_rows`); they apply to deposits row by row, before these net.
    """
    held = block.holdings
    # What does not depend on the scenario is found once for every pool.
    pools, of_pair = np.unique(pool, return_inverse=True)
    lines = ranges(held.position_first[pools], held.position_first[pools + 1])
    line_pool = np.repeat(np.arange(len(pools)), held.position_first[pools + 1] - held.position_first[pools])
    columns = {name: held.positions[name][lines] for name in ("instrument", *_HELD, "leverage")}
    # A position that is there for its orders alone is gone with them.
    kept = np.any([columns[name] != 0.0 for name in _HELD], axis=0)
    if not kept.all():
        line_pool, columns = line_pool[kept], {name: column[kept] for name, column in columns.items()}
    line_first = np.searchsorted(line_pool, np.arange(len(pools) + 1))
    rows = ranges(held.collateral_first[pools], held.collateral_first[pools + 1])
    row_first = offsets(held.collateral_first[pools + 1] - held.collateral_first[pools])
    row_pool = np.repeat(np.arange(len(pools)), np.diff(row_first))
    row_asset = held.collateral["asset"][rows]
    home = layout.reporting + layout.view[held.model[pools]].astype(np.int64) * layout.assets
    wide = layout.assets * (1 + int(layout.view.max(initial=0)))
    keys = (row_pool * wide + row_asset, line_pool * wide + layout.settle[columns["instrument"]], np.arange(len(pools)) * wide + home)
    token, place = np.unique(np.concatenate(keys), return_inverse=True)
    token_pool, token_asset = np.divmod(token, wide)
    token_first = np.searchsorted(token_pool, np.arange(len(pools) + 1))
    row_place, line_place = place[: len(rows)], place[len(rows) : len(rows) + len(line_pool)]
    columns["credited"] = (line_place - token_first[line_pool]).astype(np.int32)

    chosen = ranges(line_first[of_pair], line_first[of_pair + 1])
    tokens = ranges(token_first[of_pair], token_first[of_pair + 1])
    pair_tokens = offsets(np.diff(token_first)[of_pair])
    if holding:
        of_rows = ranges(row_first[of_pair], row_first[of_pair + 1])
        pair = np.repeat(np.arange(len(pool)), np.diff(row_first)[of_pair])
        recovered = _recovered(held.collateral[rows], of_rows, scenario[pair], layout.assets, holding)
        at = pair_tokens[pair] + (row_place - token_first[row_pool])[of_rows]
        amount = summed(at, recovered, len(tokens))
    else:
        amount = summed(row_place, held.collateral["amount"][rows], len(token))[tokens]
    return Pairs(
        pool=block.pool[pool],
        scenario=scenario.astype(np.int32),
        position_first=offsets(np.diff(line_first)[of_pair]),
        **{name: columns[name][chosen] for name in _OF_POSITIONS},
        token_first=pair_tokens,
        asset=token_asset[tokens].astype(np.int32),
        amount=amount,
    )


def _recovered(rows: Records, row: Longs, scenario: npt.NDArray[np.integer[Any]], assets: int, holding: Mapping[tuple[int, int], Floats]) -> Floats:
    """What rows of collateral amount to in a scenario each: deposits times what is recovered of them where they lie."""
    places = int(rows["location"].max(initial=-1)) + 2
    shares = np.stack([np.ones_like(next(iter(holding.values()))), *holding.values()])
    which = np.zeros((assets, places), dtype=np.int64)
    for number, (asset, location) in enumerate(holding, start=1):
        if location + 1 < places:
            which[asset, location + 1] = number
    amount = rows["amount"][row]
    share = shares[which[rows["asset"] % assets, rows["location"] + 1][row], scenario]
    return np.where(amount > 0.0, amount * share, amount)


def select(pairs: Pairs, chosen: npt.NDArray[np.integer[Any]]) -> Pairs:
    """Some pairs, by place i[n], in the order given."""
    positions = ranges(pairs.position_first[chosen], pairs.position_first[chosen + 1])
    tokens = ranges(pairs.token_first[chosen], pairs.token_first[chosen + 1])
    return Pairs(
        pool=pairs.pool[chosen],
        scenario=pairs.scenario[chosen],
        position_first=offsets(np.diff(pairs.position_first)[chosen]),
        **{name: getattr(pairs, name)[positions] for name in _OF_POSITIONS},
        token_first=offsets(np.diff(pairs.token_first)[chosen]),
        **{name: getattr(pairs, name)[tokens] for name in _OF_TOKENS},
    )


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Pairs one part after the other, which keeps them sorted where the parts are of consecutive blocks."""
    return Pairs(
        pool=np.concatenate([part.pool for part in parts]),
        scenario=np.concatenate([part.scenario for part in parts]),
        position_first=offsets(np.concatenate([np.diff(part.position_first) for part in parts])),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _OF_POSITIONS},
        token_first=offsets(np.concatenate([np.diff(part.token_first) for part in parts])),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in _OF_TOKENS},
    )
