"""A book revalued in full under any moves of its factors: cushions of pools, as a run would have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.kernels.figures import BALANCE, COLLATERAL, INITIAL_MARGIN, MAINTENANCE_MARGIN, POSITIONS
from stresstest.scenarios.generators.history import Return, shift_of, size_of
from stresstest.scenarios.generators.windows import as_shocks
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, SHOCKS, Scenario, ScenarioSet
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.evaluation import dense_rows
from stresstest.stress.held import held_by_model
from stresstest.stress.holders import Holders, block_holdings, holders_of
from stresstest.stress.plausible.targets import Target
from stresstest.stress.reverse.measuring import Measurer
from stresstest.valuation.value import value_instruments

Floats = npt.NDArray[np.float64]
Figure = Callable[[Floats], Floats]

_VALUES = 8_000_000
"""Unit values that are held at a time: scenarios times instruments."""

_CUSHIONS = 16_000_000
"""Cushions that are held at a time: scenarios times pools."""

_BEYOND = 1e6
"""Size of a shock from which on there is no such move: a price a million times as high."""

_LEAST_SCENARIOS, _MOST_SCENARIOS = 64, 2_048


@dataclass(frozen=True)
class _Task:
    """What a block is revalued with; blocks in order make the book, or the `accounts` (codes, ascending) that are meant."""

    book: Book
    compiled: Compiled
    holders: Holders
    target: Target
    accounts: npt.NDArray[np.int64] | None


class Revaluation:
    """Cushions of a target's pools under moves of factors, and its figure: blocks in parallel, put together in their order.

    A cushion is equity, margin balance less maintenance margin (both plus the tolerance of a status), or for Cover initial margin at base less
    the loss of positions. Figures of amounts of the whole book are the totals that a run would have.

    Args:
        measurer: a staged book with its margin file, and workers.
        target: whose pools, and what of them.
        factors: names of the factors, in the order of the moves.
        kinds: how the moves are measured.
    """

    def __init__(self, measurer: Measurer, target: Target, factors: tuple[str, ...], kinds: tuple[Return, ...]) -> None:
        book = measurer.book
        self._measurer, self._book, self._rulebook, self._target = measurer, book, measurer.rulebook, target
        self._factors, self._kinds = factors, kinds
        self._held = held_by_model(book, self._rulebook)
        accounts = book.dimensions.pools["account_code"].to_numpy().astype(np.int64)
        self.account = accounts if target.account is None else accounts[accounts == target.account]
        """Account code of every pool, ascending."""
        owner = book.dimensions.accounts["owner_code"].to_numpy().astype(np.int64)
        self.code = owner[self.account] if target.of_owners else self.account
        """Of every pool, what the target counts: accounts, or owners."""
        values = _VALUES // max(1, book.dimensions.instruments.height)
        self._chunk = max(_LEAST_SCENARIOS, min(_MOST_SCENARIOS, values, _CUSHIONS // max(1, len(self.account))))
        self._chunk_of_totals = max(_LEAST_SCENARIOS, min(_MOST_SCENARIOS, values))

    def units(self) -> npt.NDArray[np.int64]:
        """Of every pool the number of what Cover cuts at zero: a number of its own, for cross pools of a netting group that of the first of them."""
        found = np.arange(len(self.account))
        if not self._target.of_owners:
            return found
        # A netting group belongs to one owner.
        group = self._book.dimensions.accounts["netting_group"].rank("dense").fill_null(0).to_numpy().astype(np.int64)[self.account]
        cross = np.flatnonzero((group > 0) & ~self._book.dimensions.pools["isolated"].to_numpy())
        _, first, member = np.unique(group[cross], return_index=True, return_inverse=True)
        found[cross] = cross[first][member]
        return found

    def sizes(self, moves: Floats) -> Floats:
        """The sizes of the shocks that make moves f64[moves, factors]; infinite where a search has strayed so far."""
        with np.errstate(over="ignore"):
            return np.stack([size_of(moves[:, place], kind) for place, kind in enumerate(self._kinds)], axis=1)

    def possible(self, moves: Floats) -> npt.NDArray[np.bool_]:
        """Whether each move can be made: nothing that moves in proportion loses all of its value or more, and nothing goes beyond all bounds."""
        share = np.array([kind != "absolute" for kind in self._kinds])
        sizes = self.sizes(moves)
        return np.asarray((sizes[:, share] > -1.0).all(axis=1) & (np.abs(sizes) < _BEYOND).all(axis=1))

    def cushions(self, moves: Floats) -> Floats:
        """f64[pools, moves]; NaN where a move cannot be made."""
        return self._all_cushions(moves, None)

    def cushions_of(self, pools: npt.NDArray[np.int64], moves: Floats) -> Floats:
        """Of some pools (places among all), f64[pools, moves]: the accounts of others are not computed."""
        accounts = np.unique(self.account[pools])
        rows = np.searchsorted(np.flatnonzero(np.isin(self.account, accounts)), pools)
        return np.asarray(self._all_cushions(moves, accounts)[rows])

    def _all_cushions(self, moves: Floats, accounts: npt.NDArray[np.int64] | None) -> Floats:
        pools = len(self.account) if accounts is None else int(np.isin(self.account, accounts).sum())
        found = np.full((pools, len(moves)), np.nan)
        can = np.flatnonzero(self.possible(moves))
        for first in range(0, len(can), self._chunk):
            part = can[first : first + self._chunk]
            found[:, part] = self._cushions(moves[part], accounts)
        return found

    def binding(self, move: Floats) -> npt.NDArray[np.int64]:
        """Pools that decide about the target at a move f64[factors]: of each of its accounts that are deepest below (or nearest to it) the worst."""
        cushions = self.cushions(move[np.newaxis, :])[:, 0]
        order = np.argsort(cushions, kind="stable")
        _, first = np.unique(self.account[order], return_index=True)
        return np.asarray(order[np.sort(first)[: self._target.count]], dtype=np.int64)

    def figure(self, moves: Floats) -> Floats:
        """The target's figure, f64[moves]; NaN where a move cannot be made."""
        if self._target.of_totals:
            return self._totals(moves, None)
        found = np.full(len(moves), np.nan)
        can = np.flatnonzero(self.possible(moves))
        for first in range(0, len(can), self._chunk):
            part = can[first : first + self._chunk]
            found[part] = self._target.figure(self._cushions(moves[part], None), self.account)
        return found

    def held_figure(self, move: Floats) -> Figure:
        """The figure near a move as if only those could have it that have it there: the same at the move, nowhere above the figure, and quick."""
        if self._target.of_owners:
            owners = self.largest_owners(move)
            return lambda moves: self._totals(moves, owners)
        if self._target.of_totals or self._target.account is not None:
            return self.figure
        pools = self.binding(move)
        return lambda moves: -self.cushions_of(pools, moves).max(axis=0)

    def largest_owners(self, move: Floats) -> npt.NDArray[np.int32]:
        """Codes of the owners that Cover is of at a move f64[factors]."""
        found = self._measurer.whole_book(self.scenarios(move[np.newaxis, :])).owner[: self._target.count, 1]
        return np.asarray(found[found >= 0])

    def _totals(self, moves: Floats, owners: npt.NDArray[np.int32] | None) -> Floats:
        found = np.full(len(moves), np.nan)
        can = np.flatnonzero(self.possible(moves))
        for first in range(0, len(can), self._chunk_of_totals):
            part = can[first : first + self._chunk_of_totals]
            states = self._measurer.whole_book(self.scenarios(moves[part]), owners=owners)
            if self._target.kind == "uncollateralised-loss":
                found[part] = states.uncollateralised_loss[1:]
            else:
                # The largest first, as in scenario_summary.
                found[part] = states.owner_loss[0, 1:] if self._target.count == 1 else states.owner_loss[0, 1:] + states.owner_loss[1, 1:]
        return found

    def scenarios(self, moves: Floats) -> ScenarioSet:
        """The moves as scenarios behind the base."""
        sizes = self.sizes(moves)
        number, place = np.nonzero(sizes)
        shifts = [shift_of(kind) for kind in self._kinds]
        rows = pl.DataFrame(
            {
                "scenario": pl.Series(number + 1, dtype=pl.Int32),
                "factor": pl.Series([self._factors[at] for at in place], dtype=pl.String),
                "shift": pl.Series([shifts[at] for at in place], dtype=pl.String),
                "value": pl.Series(sizes[number, place], dtype=pl.Float64),
            }
        )
        ends = np.searchsorted(number, np.arange(len(moves) + 1)).tolist()
        made = [Scenario(f"move.{at}", f"move {at}", "reverse", headline=False, first=ends[at], last=ends[at + 1]) for at in range(len(moves))]
        return ScenarioSet((BASE, *made), as_shocks(rows) if len(rows) else pl.DataFrame(schema=SHOCKS))

    def _cushions(self, moves: Floats, accounts: npt.NDArray[np.int64] | None) -> Floats:
        dimensions = self._book.dimensions
        resolved, _ = resolve(self.scenarios(moves), dimensions, self._rulebook.margin_names())
        units = value_instruments(dimensions, resolved)
        flags = np.zeros(len(moves) + 1, dtype=np.bool_)
        compiled = compile_tables(dimensions, resolved, units, self._rulebook, flags, held=self._held)
        if accounts is None and self._target.account is not None:
            accounts = np.array([self._target.account])
        task = _Task(self._book, compiled, holders_of(dimensions, compiled.models), self._target, accounts)
        parts = self._measurer.executor.map(partial(_cushions_of_block, task), range(self._book.blocks))
        return np.concatenate([part for part in parts if part is not None])


def _cushions_of_block(task: _Task, number: int) -> Floats | None:
    """f64[pools, moves] of the target's pools in a block; None where it has none."""
    staged, wanted = load_block(task.book, number), task.accounts
    if wanted is not None:
        wanted = wanted[(wanted >= int(staged.account[0])) & (wanted <= int(staged.account[-1]))]
        if not len(wanted):
            return None
    block = block_holdings(staged, task.holders, task.compiled)
    if wanted is not None:
        block = block.select(np.flatnonzero(np.isin(block.accounts.code, wanted)))
    tolerance = block.accounts.tolerance if task.target.tolerant else np.zeros(len(block.pool))
    scenarios = int(task.compiled.lanes.used.sum())
    above = [
        _above(rows.figures.reshape(-1, scenarios, rows.figures.shape[1]), task.target)
        for rows, _ in dense_rows(task.compiled, task.holders, block, pool_rows=True)
    ]
    return np.asarray(np.concatenate(above) + tolerance[:, np.newaxis])


def _above(figures: Floats, target: Target) -> Floats:
    """Cushions f64[pools, moves] of figures f64[pools, 1 + moves, figures], base first."""
    here, moved = figures[:, :1], figures[:, 1:]
    match target.measure:
        case "equity":
            return np.asarray(moved[..., POSITIONS] + moved[..., COLLATERAL])
        case "excess":
            return np.asarray(moved[..., BALANCE] - moved[..., MAINTENANCE_MARGIN])
        case "margin":
            return np.asarray(here[..., INITIAL_MARGIN] + (moved[..., POSITIONS] - here[..., POSITIONS]))
