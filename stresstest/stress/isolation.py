"""Cross against isolated: every cross pool beside the same pool with each of its positions in a margin pool of its own.

The collateral of the pool is split in proportion to R_MM(0), the maintenance requirement at base of each position alone (without collateral), and
equally where all of them are zero. Pools that are isolated already are the same on both sides and left out. Formulas: docs/methodology.md, section 8.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.executors import Executor
from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.figures import INITIAL_BALANCE, INITIAL_MARGIN, LIQUIDATION, LOSS, MAINTENANCE_MARGIN, MARGIN_SHORTFALL
from stresstest.scenarios.scenario_set import Scenario
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.blocks import PARTS_PER_BLOCK, Sink
from stresstest.stress.evaluation import Evaluated, evaluate_block
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings
from stresstest.stress.positions_alone import Alone, cross_pools, positions_alone
from stresstest.stress.rows import WORST_HEADLINE, Names, names_of, words
from stresstest.stress.selected import selected
from stresstest.stress.static import StressResult, headline_flags
from stresstest.tables import ISOLATION, ISOLATION_POSITIONS, ISOLATION_SUMMARY

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

POSITION_STATES = 1_000_000
"""Positions times scenarios that are looked at together: a row of each takes some 100 MB, so that there is always room for those that breach."""

_SUMMED = (("initial_margin", INITIAL_MARGIN), ("maintenance_margin", MAINTENANCE_MARGIN), ("margin_shortfall", MARGIN_SHORTFALL),
           ("uncollateralised_loss", LOSS))  # fmt: skip
_COUNTED = ("accounts_breached_cross", "accounts_breached_isolated", "positions_breached_isolated", "accounts_taken_down", "accounts_spared")


class _Part(NamedTuple):
    """What one block gives: `figures` [cross and isolated, lane blocks, FIGURES, width], `counts` [_COUNTED, S]."""

    figures: Floats
    counts: Longs


@dataclass(frozen=True)
class _Task:
    """What a block needs; `at_base` are the tables of base alone."""

    book: Book
    compiled: Compiled
    at_base: Compiled
    holders: Holders
    headline: Flags
    names: Names
    sink: Sink


def isolate(
    book: Book,
    ids: tuple[str, ...],
    scenarios: tuple[Scenario, ...],
    stressed: StressResult,
    executor: Executor,
    *,
    sink: Sink,
    on_progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """The table `isolation_summary`; `isolation` and `isolation_positions` go to the sink part by part.

    Args:
        book: the staged snapshot.
        ids: the scenarios by id, in file order.
        scenarios: the same as values, base first.
        stressed: the run, whose rules both sides are under.
        executor: on which blocks are mapped.
        sink: writes parts of tables.
        on_progress: `on_progress(done, all)` is called after every block.
    """
    compiled, headline = stressed.compiled, headline_flags(scenarios)
    task = _Task(book, compiled, selected(compiled, [0]), stressed.holders, headline, names_of(book.dimensions, ids, compiled.grid_rows), sink)
    figures: Floats | None = None
    counts = np.zeros((len(_COUNTED), len(scenarios)), dtype=np.int64)
    for number, part in enumerate(executor.map(partial(_block, task), range(book.blocks))):
        figures = part.figures if figures is None else figures + part.figures
        counts += part.counts
        if on_progress is not None:
            on_progress(number + 1, book.blocks)
    assert figures is not None
    # For cross and isolated every figure by scenario.
    sums = np.asarray(compiled.lanes.unpack(np.moveaxis(figures, 1, -2)), dtype=np.float64)
    columns: dict[str, object] = {"scenario_id": list(ids), "headline": headline}
    for name, place in _SUMMED:
        columns |= {f"{name}_cross": sums[0, place] + 0.0, f"{name}_isolated": sums[1, place] + 0.0}
    return pl.DataFrame(columns | dict(zip(_COUNTED, counts, strict=True))).select(ISOLATION_SUMMARY.names)


def _block(task: _Task, number: int) -> _Part:
    cross = cross_pools(block_holdings(load_block(task.book, number), task.holders, task.compiled))
    lanes = task.compiled.lanes
    count = len(cross.accounts.code)
    pools = np.maximum(np.diff(cross.holdings.position_first), 1)
    most = max(1, POSITION_STATES // len(task.headline))
    edges = np.concatenate([[0], 1 + np.flatnonzero(np.diff(np.cumsum(pools) // most)), [count]])
    figures: Floats | None = None
    counts = np.zeros((len(_COUNTED), len(task.headline)), dtype=np.int64)
    for chunk, (start, end) in enumerate(itertools.pairwise(edges)):
        if start < end:
            part = _compare(task, cross.select(np.arange(start, end)), number * PARTS_PER_BLOCK + chunk)
            figures = part.figures if figures is None else figures + part.figures
            counts += part.counts
    assert figures is not None
    assert figures.shape[1] == lanes.blocks
    return _Part(figures, counts)


@dataclass(frozen=True)
class _Breaches:
    """Of some accounts: [accounts, S] whether the cross pool breaches and what it is short of, how many pools of its positions do and what
    they are short of; and every (position, scenario) that breaches alone, with its shortfall. A cross pool without positions is its own pool.
    """

    cross: Flags
    cross_short: Floats
    alone: Longs
    alone_short: Floats
    position: Codes
    scenario: Codes
    short: Floats


def _breaches(task: _Task, cross: BlockHoldings, found: Evaluated, alone: Alone, found_alone: Evaluated) -> _Breaches:
    shape = len(cross.accounts.code), len(task.headline)
    rows, parts = found.rows, found_alone.rows
    assert rows is not None
    assert parts is not None
    breached, short = np.zeros(shape, np.bool_), np.zeros(shape)
    place = np.searchsorted(cross.accounts.code, rows.holder), rows.scenario
    breached[place] = rows.status >= LIQUIDATION
    short[place] = rows.figures[:, MARGIN_SHORTFALL]
    worse = parts.status >= LIQUIDATION
    cell, amount = alone.source[parts.holder] * shape[1] + parts.scenario, parts.figures[:, MARGIN_SHORTFALL]
    return _Breaches(
        breached,
        short,
        alone=np.bincount(cell[worse], minlength=short.size).reshape(shape),
        alone_short=np.bincount(cell, weights=amount, minlength=short.size).reshape(shape).astype(np.float64),
        position=parts.holder[worse],
        scenario=parts.scenario[worse],
        short=amount[worse],
    )


def _compare(task: _Task, cross: BlockHoldings, part: int) -> _Part:
    """Some accounts cross and isolated: their rows are written, their sums returned."""
    alone = positions_alone(task.at_base, task.holders, cross)
    evaluated = []
    for block in (cross, alone.block):
        room = len(block.accounts.code) * len(task.headline)
        evaluated.append(evaluate_block(task.compiled, task.holders, block, room=room, keep_breaches=True))
    found = _breaches(task, cross, evaluated[0], alone, evaluated[1])
    number = np.diff(cross.holdings.position_first)[:, np.newaxis]
    taken = found.cross & (found.alone == 1) & (number > 1)
    spared = ~found.cross & (found.alone > 0)
    task.sink(ISOLATION, part, _accounts_frame(task, cross, alone, evaluated, found, taken, spared))
    task.sink(ISOLATION_POSITIONS, part, _positions_frame(task, cross, alone, evaluated[1], found, taken))
    counts = np.stack([each.sum(axis=0, dtype=np.int64) for each in (found.cross, found.alone > 0, found.alone * (number > 0), taken, spared)])
    return _Part(np.stack([each.totals.figures for each in evaluated]), counts)


def _accounts_frame(
    task: _Task, cross: BlockHoldings, alone: Alone, evaluated: list[Evaluated], found: _Breaches, taken: Flags, spared: Flags
) -> pl.DataFrame:
    count, headline = len(cross.accounts.code), task.headline
    codes = cross.accounts.code
    positions = np.diff(cross.holdings.position_first)
    columns: dict[str, npt.NDArray[Any] | pl.Series] = {"positions": positions}
    base = [each.kept.figures[:, 0] for each in evaluated]
    sides: dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]] = {}
    for name, amounts in (
        ("initial_margin", [each[:, INITIAL_MARGIN] for each in base]),
        ("maintenance_margin", [each[:, MAINTENANCE_MARGIN] for each in base]),
        ("free_collateral", [np.maximum(0.0, each[:, INITIAL_BALANCE] - each[:, INITIAL_MARGIN]) for each in base]),
    ):
        sides[name] = amounts[0], np.bincount(alone.source, weights=amounts[1], minlength=count)
        columns |= {f"{name}_cross": sides[name][0] + 0.0, f"{name}_isolated": sides[name][1] + 0.0}
    for name in ("initial_margin", "maintenance_margin"):
        columns[f"{name}_saved"] = sides[name][1] - sides[name][0]
    for name, flags in (("breached_cross", found.cross), ("breached_isolated", found.alone > 0), ("taken_down", taken), ("spared", spared)):
        columns[f"headline_scenarios_{name}"] = flags[:, headline].sum(axis=1, dtype=np.int64)
    worst = evaluated[0].kept.scenario[:, WORST_HEADLINE]
    there = np.arange(count), np.maximum(worst, 0)
    # The one position that breaches alone in an account's worst scenario where that takes the account down.
    by = np.full(count, -1, dtype=np.int64)
    account = alone.source[found.position]
    falls = (found.scenario == worst[account]) & taken[account, found.scenario]
    by[account[falls]] = _instruments(task, alone, found.position[falls])
    columns |= {
        "worst_headline_scenario_id": words(task.names.scenarios, worst),
        "worst_headline_margin_shortfall_cross": evaluated[0].kept.figures[:, WORST_HEADLINE, MARGIN_SHORTFALL],
        "worst_headline_margin_shortfall_isolated": found.alone_short[there],
        "worst_headline_positions_breached": np.where(positions > 0, found.alone[there], 0).astype(np.int64),
        "worst_headline_taken_down_by": words(_instrument_ids(task), by),
    }
    frame = _accounts(task, codes).with_columns(pl.Series(name, values) for name, values in columns.items())
    if (worst < 0).any():
        stated = pl.Series(worst >= 0)
        names = [name for name in columns if name.startswith("worst_headline_")]
        frame = frame.with_columns(pl.when(stated).then(pl.col(name)).alias(name) for name in names)
    return frame.select(ISOLATION.names)


def _accounts(task: _Task, codes: Codes) -> pl.DataFrame:
    return task.names.accounts.select("owner_id", "account_id")[codes.astype(np.uint32)]


def _instrument_ids(task: _Task) -> tuple[str, ...]:
    return tuple(task.book.dimensions.instruments["instrument_id"])


def _instruments(task: _Task, alone: Alone, pools: npt.NDArray[np.integer[Any]]) -> Codes:
    """Codes in the book of the instruments of positions on their own; those of a block say how the account's model sees them, too."""
    held = alone.block.holdings
    codes: Codes = held.positions["instrument"][held.position_first[pools]] % task.compiled.views.instruments
    return codes


def _positions_frame(task: _Task, cross: BlockHoldings, alone: Alone, evaluated: Evaluated, found: _Breaches, taken: Flags) -> pl.DataFrame:
    """Positions that breach alone in a headline scenario. A pool without positions (a debt alone, which falls short) is none."""
    held = np.diff(alone.block.holdings.position_first) > 0
    counts = task.headline[found.scenario] & held[found.position]
    position, scenario, short = found.position[counts], found.scenario[counts], found.short[counts]
    account = alone.source[position]
    falls = taken[account, scenario]
    chosen, number = np.unique(position, return_counts=True)
    taken_down = np.bincount(position[falls], minlength=len(alone.source))[chosen]
    # Of those scenarios in which it takes its account down, the one with its largest shortfall; of equals the first.
    order = np.lexsort((scenario[falls], -short[falls], position[falls]))
    which, first = np.unique(position[falls][order], return_index=True)
    row = order[first]
    fall_scenario, fall_short, fall_cross = np.full(len(chosen), -1), np.zeros(len(chosen)), np.zeros(len(chosen))
    at = np.searchsorted(chosen, which)
    fall_scenario[at], fall_short[at] = scenario[falls][row], short[falls][row]
    fall_cross[at] = found.cross_short[account[falls][row], scenario[falls][row]]
    worst = evaluated.kept.scenario[chosen, WORST_HEADLINE]
    quantity = alone.block.holdings.positions["quantity"][alone.block.holdings.position_first[chosen]]
    frame = _accounts(task, cross.accounts.code[alone.source[chosen]]).with_columns(
        words(_instrument_ids(task), _instruments(task, alone, chosen)).alias("instrument_id"),
        pl.Series("quantity", quantity),
        pl.Series("notional", alone.block.gross[chosen]),
        pl.Series("maintenance_margin", evaluated.kept.figures[chosen, 0, MAINTENANCE_MARGIN]),
        pl.Series("collateral_share", alone.share[chosen]),
        pl.Series("headline_scenarios_breached", number.astype(np.int64)),
        pl.Series("headline_scenarios_taken_down", taken_down.astype(np.int64)),
        words(task.names.scenarios, worst).alias("worst_headline_scenario_id"),
        pl.Series("worst_headline_margin_shortfall", evaluated.kept.figures[chosen, WORST_HEADLINE, MARGIN_SHORTFALL]),
        words(task.names.scenarios, fall_scenario).alias("taken_down_scenario_id"),
        pl.Series("taken_down_margin_shortfall", fall_short),
        pl.Series("taken_down_margin_shortfall_cross", fall_cross),
    )
    never = pl.col("taken_down_scenario_id").is_null()
    amounts = ("taken_down_margin_shortfall", "taken_down_margin_shortfall_cross")
    return frame.with_columns(pl.when(~never).then(pl.col(name)).alias(name) for name in amounts).select(ISOLATION_POSITIONS.names)
