"""How the losses of owners are spread over scenarios that have a weight: a dense second pass over the owners that lose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.accumulators import RECORDED
from stresstest.margin.kernels.figures import COLLATERAL, LOSS, MARGIN_SHORTFALL, POSITIONS
from stresstest.margin.kernels.totals import P_LOSS, P_SHORT
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.evaluation import DENSE_ROWS, evaluate_block
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings
from stresstest.stress.selected import selected
from stresstest.stress.weighted.draws import DrawSums, frame_of
from stresstest.stress.weighted.families import Family
from stresstest.stress.weighted.statistics import Losses
from stresstest.tables import DRAW_LEVELS, MOST_OWNERS, OWNER_DISTRIBUTION, OWNER_QUANTILES, level_name

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Row = dict[str, str | float | None]


def owner_distribution(book: Book, compiled: Compiled, holders: Holders, families: Sequence[Family], draws: DrawSums) -> pl.DataFrame:
    """The table `owner_distribution`.

    Accounts are sorted by owner, so one owner is open at a time, and no more than its losses in every scenario are held.

    Args:
        book: the staged snapshot.
        compiled: tables of the run, with which the book was stressed.
        holders: who holds what.
        families: of scenarios with a weight.
        draws: sums of accounts over them, which say who loses.
    """
    rows: list[Row] = []
    owners = book.dimensions.owners
    for place, family in enumerate(families):
        chosen = largest_owners(holders.owner[draws.account], draws.sums[:, place])
        narrow = selected(compiled, [0, *family.scenarios.tolist()])
        for owner, shortfall, loss in _losses(book, narrow, holders, chosen, len(family.scenarios)):
            about: Row = {"family": family.name, "horizon_days": family.horizon_days}
            about |= owners.select("owner_id", "name").row(owner, named=True)
            rows += [about | {"figure": "margin_shortfall"} | _spread(shortfall, family.weights)]
            rows += [about | {"figure": "uncollateralised_loss"} | _spread(loss, family.weights)]
    return frame_of(rows, OWNER_DISTRIBUTION)


def largest_owners(owner: Codes, sums: Floats) -> Codes:
    """Owners that lose, ascending: at most MOST_OWNERS, the largest by expected uncollateralised loss of their accounts, then by margin shortfall.

    Args:
        owner: of every account that has sums.
        sums: [accounts, MOMENTS] of the family.
    """
    found, inverse = np.unique(owner, return_inverse=True)
    loss, short = (np.bincount(inverse, weights=sums[:, each], minlength=len(found)) for each in (P_LOSS, P_SHORT))
    order = np.lexsort((found, -short, -loss))
    losing = order[(loss[order] > 0.0) | (short[order] > 0.0)]
    return np.sort(found[losing[:MOST_OWNERS]])


def _losses(book: Book, narrow: Compiled, holders: Holders, owners: Codes, scenarios: int) -> Iterator[tuple[int, Floats, Floats]]:
    """Margin shortfall and uncollateralised loss [scenarios] of every one of these owners."""
    wanted = np.isin(holders.owner, owners)
    open_owner = -1
    shortfall, loss = np.zeros(scenarios), np.zeros(scenarios)
    groups: dict[int, Floats] = {}
    for number in range(book.blocks):
        stored = load_block(book, number)
        here = np.flatnonzero(wanted[stored.account[0] : stored.account[-1] + 1])
        if not len(here):
            continue
        for block in _chunks(block_holdings(stored, holders, narrow), here, scenarios + 1):
            pools = len(block.gross)
            found = evaluate_block(narrow, holders, block, room=pools * (scenarios + 1), keep_all=True, pool_rows=True).rows
            assert found is not None
            # Rows are sorted by pool and scenario, base first.
            figures = found.figures.reshape(pools, scenarios + 1, RECORDED)[:, 1:]
            account = np.repeat(np.arange(len(block.accounts.code)), np.diff(block.accounts.first_pool))
            for pool, at in enumerate(account.tolist()):
                owner, slot = int(block.accounts.owner[at]), int(block.accounts.netting[at])
                if owner != open_owner:
                    if open_owner >= 0:
                        yield open_owner, shortfall, _closed(loss, groups)
                    open_owner, shortfall, loss, groups = owner, np.zeros(scenarios), np.zeros(scenarios), {}
                shortfall += figures[pool, :, MARGIN_SHORTFALL]
                if slot > 0 and not block.accounts.isolated[pool]:
                    equity = figures[pool, :, POSITIONS] + figures[pool, :, COLLATERAL]
                    groups[slot] = groups[slot] + equity if slot in groups else equity
                else:
                    loss += figures[pool, :, LOSS]
    if open_owner >= 0:
        yield open_owner, shortfall, _closed(loss, groups)


def _closed(loss: Floats, groups: dict[int, Floats]) -> Floats:
    """The owner's loss with those of its netting groups, each netted (section 5 of the methodology)."""
    for slot in sorted(groups):
        loss = loss + np.maximum(-groups[slot], 0.0)
    return loss


def _chunks(block: BlockHoldings, accounts: npt.NDArray[np.int64], states: int) -> Iterator[BlockHoldings]:
    """These accounts of a block, in order, as blocks of some DENSE_ROWS rows."""
    pools = np.diff(block.accounts.first_pool)[accounts]
    piece = np.cumsum(pools * states) // DENSE_ROWS
    for each in np.unique(piece):
        yield block.select(accounts[piece == each])


def _spread(values: Floats, p: Floats) -> Row:
    """The figures of one owner."""
    losses = Losses(values, p)
    mean = losses.mean()
    found: Row = {"mean": mean.value, "mean_standard_error": mean.standard_error, "maximum": float(values.max())}
    found |= {f"quantile_{level_name(level)}": losses.quantile(level) for level in OWNER_QUANTILES}
    for level in DRAW_LEVELS:
        tail = losses.expected_shortfall(level)
        name = f"expected_shortfall_{level_name(level)}"
        found |= {name: tail.value, f"{name}_standard_error": tail.standard_error}
    return found
