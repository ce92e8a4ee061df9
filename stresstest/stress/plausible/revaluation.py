"""A book revalued in full under any moves of its factors: cushions of pools, as a run would have them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import compile_tables
from stresstest.margin.kernels.figures import BALANCE, COLLATERAL, MAINTENANCE_MARGIN, POSITIONS
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.generators.history import Return, shift_of, size_of
from stresstest.scenarios.generators.windows import as_shocks
from stresstest.scenarios.resolve import resolve
from stresstest.scenarios.scenario_set import BASE, SHOCKS, Scenario, ScenarioSet
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.evaluation import dense_rows
from stresstest.stress.held import held_by_model
from stresstest.stress.holders import block_holdings, holders_of
from stresstest.stress.plausible.targets import Target
from stresstest.valuation.value import value_instruments

Floats = npt.NDArray[np.float64]

_VALUES = 8_000_000
"""Unit values that are held at a time: scenarios times instruments."""

_CUSHIONS = 16_000_000
"""Cushions that are held at a time: scenarios times pools."""

_LEAST_SCENARIOS, _MOST_SCENARIOS = 64, 2_048


class Revaluation:
    """Cushions of a target's pools under moves of factors: equity, or margin balance less maintenance margin, plus the tolerance of a status.

    Args:
        book: a staged book.
        rulebook: its margin file.
        target: whose pools, and what of them.
        factors: names of the factors, in the order of the moves.
        kinds: how the moves are measured.
    """

    def __init__(self, book: Book, rulebook: Rulebook, target: Target, factors: tuple[str, ...], kinds: tuple[Return, ...]) -> None:
        self._book, self._rulebook, self._target = book, rulebook, target
        self._factors, self._kinds = factors, kinds
        self._held = held_by_model(book, rulebook)
        accounts = book.dimensions.pools["account_code"].to_numpy().astype(np.int64)
        self.account = accounts if target.account is None else accounts[accounts == target.account]
        """Account code of every pool, ascending."""
        widest = min(_VALUES // max(1, book.dimensions.instruments.height), _CUSHIONS // max(1, len(self.account)))
        self._chunk = max(_LEAST_SCENARIOS, min(_MOST_SCENARIOS, widest))

    def sizes(self, moves: Floats) -> Floats:
        """The sizes of the shocks that make moves f64[moves, factors]."""
        return np.stack([size_of(moves[:, place], kind) for place, kind in enumerate(self._kinds)], axis=1)

    def possible(self, moves: Floats) -> npt.NDArray[np.bool_]:
        """Whether each move can be made: nothing that moves in proportion loses all of its value or more."""
        share = np.array([kind != "absolute" for kind in self._kinds])
        return np.asarray((self.sizes(moves)[:, share] > -1.0).all(axis=1))

    def cushions(self, moves: Floats) -> Floats:
        """f64[pools, moves]; NaN where a move cannot be made."""
        found = np.full((len(self.account), len(moves)), np.nan)
        can = np.flatnonzero(self.possible(moves))
        for first in range(0, len(can), self._chunk):
            part = can[first : first + self._chunk]
            found[:, part] = self._cushions(moves[part])
        return found

    def binding(self, move: Floats) -> npt.NDArray[np.int64]:
        """Pools that decide about the target at a move f64[factors]: of each of its accounts that are deepest below (or nearest to it) the worst."""
        cushions = self.cushions(move[np.newaxis, :])[:, 0]
        order = np.argsort(cushions, kind="stable")
        _, first = np.unique(self.account[order], return_index=True)
        return np.asarray(order[np.sort(first)[: self._target.count]], dtype=np.int64)

    def figure(self, moves: Floats) -> Floats:
        """The target's figure, f64[moves]; NaN where a move cannot be made."""
        found = np.full(len(moves), np.nan)
        can = np.flatnonzero(self.possible(moves))
        for first in range(0, len(can), self._chunk):
            part = can[first : first + self._chunk]
            found[part] = self._target.figure(self._cushions(moves[part]), self.account)
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

    def _cushions(self, moves: Floats) -> Floats:
        dimensions = self._book.dimensions
        resolved, _ = resolve(self.scenarios(moves), dimensions, self._rulebook.margin_names())
        units = value_instruments(dimensions, resolved)
        flags = np.zeros(len(moves) + 1, dtype=np.bool_)
        compiled = compile_tables(dimensions, resolved, units, self._rulebook, flags, held=self._held)
        holders = holders_of(dimensions, compiled.models)
        wanted, parts = self._target.account, []
        for number in range(self._book.blocks):
            staged = load_block(self._book, number)
            if wanted is not None and not int(staged.account[0]) <= wanted <= int(staged.account[-1]):
                continue
            block = block_holdings(staged, holders, compiled)
            if wanted is not None:
                block = block.select(np.flatnonzero(block.accounts.code == wanted))
            tolerance = block.accounts.tolerance if self._target.tolerant else np.zeros(len(block.pool))
            above = [self._above(rows.figures) for rows, _ in dense_rows(compiled, holders, block, pool_rows=True)]
            parts.append(np.concatenate(above).reshape(len(block.pool), len(moves) + 1)[:, 1:] + tolerance[:, np.newaxis])
        return np.concatenate(parts)

    def _above(self, figures: Floats) -> Floats:
        if self._target.measure == "equity":
            return np.asarray(figures[:, POSITIONS] + figures[:, COLLATERAL])
        return np.asarray(figures[:, BALANCE] - figures[:, MAINTENANCE_MARGIN])
