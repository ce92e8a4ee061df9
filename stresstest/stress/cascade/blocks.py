"""The blocks of a book as kernel arrays, which every round of a cascade looks at: read once and kept, as long as there are not too many."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stresstest.margin.compile import Compiled
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings

MOST_BYTES = 256 * 2**20
"""Of the blocks that are kept: those of some five million positions. The others are read anew by every round, a tenth of a second for a million."""


@dataclass
class Blocks:
    """What accounts hold, block by block. `compiled`: tables of any prices, since what holdings take from them is the same at all."""

    book: Book
    holders: Holders
    compiled: Compiled
    known: dict[int, BlockHoldings] = field(default_factory=dict)

    def __getitem__(self, number: int) -> BlockHoldings:
        """A block; nobody writes into its arrays. Threads that ask for the same one at the same time each read it."""
        found = self.known.get(number)
        if found is None:
            found = block_holdings(load_block(self.book, number), self.holders, self.compiled)
            if _bytes(found) * (len(self.known) + 1) <= MOST_BYTES:
                self.known[number] = found
        return found

    def __getstate__(self) -> dict[str, Any]:
        """Other processes read for themselves."""
        return {**vars(self), "known": {}}


def _bytes(block: BlockHoldings) -> int:
    held = block.holdings
    return int(held.positions.nbytes + held.collateral.nbytes + held.orders.nbytes + 64 * len(block.gross))
