"""How far every margin pool is from its lines, along every axis: a search outward, by full revaluation, that stops at the first crossing.

A ladder of shifts gives for every pool the first rung beyond a line; points inside that bracket give the root (`ladder`). Each look values
the book anew at the points of all brackets in use; a pool is evaluated at those of its own alone. Formulas: docs/methodology.md, section 16.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.executors import Executor
from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.excess import EXCESS, excess
from stresstest.margin.kernels.given import nothing_given
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.distance.axes import Axis, farthest
from stresstest.stress.distance.ladder import INSIDE, PRECISION, RUNGS, first_crossing, interpolated, points_inside, rungs
from stresstest.stress.distance.states import Followers, Valuer, followers
from stresstest.stress.evaluation import folded, given_by_rules
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TARGETS = ("liquidation", "default")
"""In the order of the figures that are zero there: margin balance less maintenance margin, equity."""

NOISE = 1e-12
"""Part of gross notional and figures at base that is rounding, and no breach."""

CELLS = 24_000_000
"""Numbers that tables of states hold at most: some 200 MB, twice for a moment."""

MOST_LOOKS = 40
"""Looks after which a bracket is as narrow as numbers allow, whatever the pool."""


class Distances(NamedTuple):
    """Rows of the table by code: `pool`; `axis`; `way`, place among those of the axis; `target`; `shift`, NaN = not reached; `gross` of the pool."""

    pool: Longs
    axis: Longs
    way: Longs
    target: Longs
    shift: Floats
    gross: Floats

    def take(self, chosen: npt.NDArray[np.int64] | slice) -> Distances:
        """Some of the rows."""
        columns: list[Any] = [each[chosen] for each in self]
        return Distances(*columns)


@dataclass(frozen=True)
class _Task:
    """What a block of the book needs to be looked at in some states."""

    book: Book
    compiled: Compiled
    holders: Holders
    followers: Followers


class _Begun(NamedTuple):
    """Pools of a block that follow an axis: what a breach is measured against [pools, 2], and [pools, ways, 2] the first rung beyond: -1 none,
    -2 beyond at base."""

    pool: Longs
    gross: Floats
    line: Floats
    rung: Longs


class _Items(NamedTuple):
    """[items]: pool, way, target and line; the bracket, of which `low` is not beyond; a guess inside."""

    pool: Longs
    way: Longs
    target: Longs
    line: Floats
    low: Floats
    high: Floats
    guess: Floats

    def take(self, chosen: npt.NDArray[np.generic]) -> _Items:
        return _Items(*(each[chosen] for each in self))


def distances(
    book: Book,
    valuer: Valuer,
    holders: Holders,
    wanted: Sequence[Axis],
    targets: Sequence[str],
    executor: Executor,
    on_progress: Callable[[int, int], None] | None = None,
) -> Distances:
    """The distance of every pool that follows an axis, along it, in every direction and to every target; in order of pool, axis, way and target.

    Args:
        book: the staged snapshot.
        valuer: its valuation and rules.
        holders: its accounts and pools under these rules.
        wanted: the axes.
        targets: of `TARGETS`.
        executor: on which blocks are mapped.
        on_progress: `on_progress(done, all)` is called after every axis.

    Raises:
        StressTestError: a state in which something cannot be valued.
    """
    chosen = np.array([TARGETS.index(each) for each in TARGETS if each in targets], dtype=np.int64)
    found = []
    for number, axis in enumerate(wanted):
        found.append(_along(book, valuer, holders, number, axis, chosen, executor))
        if on_progress is not None:
            on_progress(number + 1, len(wanted))
    joined = Distances(*(np.concatenate(each) for each in zip(*found, strict=True)))
    order = np.lexsort((joined.target, joined.way, joined.axis, joined.pool))
    return joined.take(order)


def _along(book: Book, valuer: Valuer, holders: Holders, number: int, axis: Axis, targets: Longs, executor: Executor) -> Distances:
    spread = [rungs(limit) for _, limit in axis.ways]
    reach = [len(each) for each in spread]
    if axis.shocks is not None:
        reach = [farthest(axis, each, valuer.dimensions, valuer.rulebook) for each in spread]
    # Rungs that no book can be at repeat the last that one can: nothing is beyond there that was not before.
    ladders = np.stack([each[np.minimum(np.arange(RUNGS), max(count - 1, 0))] * (count > 0) for each, count in zip(spread, reach, strict=True)])
    compiled, resolved = valuer.tables(axis, ladders.reshape(-1, INSIDE))
    task = _Task(book, compiled, holders, followers(compiled, valuer.dimensions, resolved))
    parts = list(executor.map(partial(_begin, task), range(book.blocks)))
    begun = _Begun(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    rung = begun.rung[:, :, targets]
    shift = np.full(rung.shape, np.nan)
    shift[rung == -2] = 0.0
    pool, way, target = (each.astype(np.int64) for each in np.nonzero(rung >= 0))
    beyond = rung[pool, way, target]
    low = np.where(beyond > 0, ladders[way, np.maximum(beyond - 1, 0)], 0.0)
    items = _Items(begun.pool[pool], way, targets[target], begun.line[pool, targets[target]], low, ladders[way, beyond], low)
    shift[pool, way, target] = _roots(book, valuer, holders, axis, items, compiled, executor)
    place = np.indices(shift.shape).reshape(3, -1)
    return Distances(begun.pool[place[0]], np.full(shift.size, number), place[1], targets[place[2]], shift.ravel(), begun.gross[place[0]])


# ---------------------------------------------------------------- the ladder


def _begin(task: _Task, number: int) -> _Begun:
    """Where each pool of a block that follows the axis first is beyond its lines."""
    whole = block_holdings(load_block(task.book, number), task.holders, task.compiled)
    accounts, follows = _following(task.followers, whole)
    blocks = task.compiled.lanes.blocks - 1
    ways = blocks * INSIDE // RUNGS
    if not len(accounts):
        return _Begun(np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 2)), np.zeros((0, ways, 2), np.int64))
    part = whole.select(accounts)
    place = np.flatnonzero(follows[part.pool - whole.pool[0]]).astype(np.int64)
    program, given = folded(task.compiled, part), given_by_rules(task.compiled, part)
    looks = np.repeat(place, blocks + 1), np.tile(np.arange(blocks + 1), len(place))
    figures = excess(program, task.compiled.tables, given, task.compiled.lanes.padded, *looks).reshape(len(place), blocks + 1, 2, -1)
    base = figures[:, 0, :, 0]
    line = _lines(base, part, place)
    beyond = (figures[:, 1:] < line[:, None, :, None]).reshape(len(place), ways, RUNGS // INSIDE, 2, INSIDE)
    rung = first_crossing(np.moveaxis(beyond, 3, 2).reshape(len(place), ways, 2, RUNGS))
    rung[np.broadcast_to((base < line)[:, None, :], rung.shape)] = -2
    return _Begun(part.pool[place].astype(np.int64), part.gross[place], line, rung)


def _lines(base: Floats, part: BlockHoldings, place: Longs) -> Floats:
    """Below which figures are a breach [pools, 2]: zero less rounding; where equality breaches, of excess zero and rounding."""
    noise = NOISE * (part.gross[place, None] + np.abs(base))
    line = -noise
    equal = part.accounts.equality[place] & (part.gross[place] > 0.0)
    line[equal, EXCESS] = noise[equal, EXCESS]
    return np.asarray(line)


def _following(followed: Followers, block: BlockHoldings) -> tuple[Longs, Flags]:
    """Accounts of a block with a pool that follows an axis, by place; whether each pool does."""
    held = block.holdings
    moving = followed.instruments[held.positions["instrument"]], followed.assets[held.collateral["asset"]]
    counts = [np.concatenate([[0], np.cumsum(each)]) for each in moving]
    follows = (np.diff(counts[0][held.position_first]) + np.diff(counts[1][held.collateral_first])) > 0
    if followed.requirements:
        follows |= (np.diff(held.position_first) > 0) | followed.ruled[held.model]
    before = np.concatenate([[0], np.cumsum(follows)])
    return np.flatnonzero(np.diff(before[block.accounts.first_pool]) > 0), follows


# ---------------------------------------------------------------- inside a bracket


def _roots(book: Book, valuer: Valuer, holders: Holders, axis: Axis, items: _Items, ladder: Compiled, executor: Executor) -> Floats:
    """The shift of every item."""
    shift = np.full(len(items.pool), np.nan)
    tables = ladder.tables
    cells = tables.values.shape[1] + (
        tables.scans.changes.shape[1] * tables.scans.changes.shape[2] // ladder.lanes.width if tables.scans.changes.size else 0
    )
    states = max(INSIDE, CELLS // cells)
    left = np.arange(len(items.pool))
    brackets, which = np.unique(np.stack([items.low, items.high], axis=1), axis=0, return_inverse=True)
    which = which.reshape(-1)
    fraction = np.arange(INSIDE) / (INSIDE - 1.0)
    points = brackets[:, :1] * (1.0 - fraction) + brackets[:, 1:] * fraction
    nearer = []
    for some, chosen in _batches(which, len(brackets), states // INSIDE):
        step = (points[some, -1] - points[some, 0]) / (INSIDE - 1.0)
        figures = _figures(book, valuer, holders, axis, points[some], items.take(chosen), which[chosen] - some.start, executor)
        after = np.maximum(first_crossing(figures < 0.0), 1)
        after[~(figures < 0.0).any(axis=1)] = INSIDE - 1
        mine, bracket = step[which[chosen] - some.start], points[which[chosen]]
        rows = np.arange(len(chosen))
        high = bracket[rows, after]
        width = axis.width(high, PRECISION)
        root = interpolated(figures, after, mine, width)
        guess = bracket[:, 0] + root.place * mine
        shift[chosen[root.certain]] = guess[root.certain]
        rest = ~root.certain
        nearer.append((chosen[rest], bracket[rows, after - 1][rest], high[rest], guess[rest]))
    if not nearer:
        return shift
    left, low, high, guess = (np.concatenate(each) for each in zip(*nearer, strict=True))
    for _ in range(MOST_LOOKS):
        width = axis.width(high, PRECISION)
        done = np.abs(high - low) <= np.maximum(width, 2.0 * np.spacing(np.abs(high)))
        # The side beyond: at a jump there is no root.
        shift[left[done]] = high[done]
        left, low, high, guess, width = (each[~done] for each in (left, low, high, guess, width))
        if not len(left):
            break
        low, high, guess = _closer(book, valuer, holders, axis, items.take(left)._replace(low=low, high=high, guess=guess), width, states, executor)
    else:
        shift[left] = high
    return shift


def _closer(
    book: Book, valuer: Valuer, holders: Holders, axis: Axis, items: _Items, width: Floats, states: int, executor: Executor
) -> tuple[Floats, Floats, Floats]:
    """The brackets one look further, and where the root may be in them."""
    points = points_inside(items.low, items.high, items.guess, width)
    count, lanes = points.shape
    low, high, guess = items.low.copy(), items.high.copy(), items.guess.copy()
    for some, chosen in _batches(np.arange(count), count, states // lanes):
        figures = _figures(book, valuer, holders, axis, points[some], items.take(chosen), chosen - some.start, executor)
        beyond = figures < 0.0
        after = np.where(beyond.any(axis=1), beyond.argmax(axis=1), lanes)
        whole = np.concatenate([items.low[chosen, None], points[some], items.high[chosen, None]], axis=1)
        rows = np.arange(len(chosen))
        low[chosen], high[chosen] = whole[rows, after], whole[rows, after + 1]
        # The chord between the two points nearest that were looked at.
        right = np.clip(after, 1, lanes - 1)
        a, b = figures[rows, right - 1], figures[rows, right]
        with np.errstate(divide="ignore", invalid="ignore"):
            chord = points[some][rows, right - 1] + (points[some][rows, right] - points[some][rows, right - 1]) * (a / (a - b))
        middle = (low[chosen] + high[chosen]) / 2.0
        inside = np.isfinite(chord) & (np.abs(chord - middle) <= np.abs(high[chosen] - low[chosen]) / 2.0)
        guess[chosen] = np.where(inside, chord, middle)
    return low, high, guess


def _batches(which: Longs, brackets: int, most: int) -> Iterator[tuple[slice, Longs]]:
    """Consecutive brackets, at most so many at a time, with the items in them."""
    most = max(1, most)
    for start in range(0, brackets, most):
        some = slice(start, min(start + most, brackets))
        chosen = np.flatnonzero((which >= some.start) & (which < some.stop))
        if len(chosen):
            yield some, chosen


@dataclass(frozen=True)
class _Look:
    """A task with the items to be looked at: pool and target, and the row of points of each, sorted by pool."""

    book: Book
    compiled: Compiled
    holders: Holders
    pool: Longs
    target: Longs
    row: Longs


def _figures(book: Book, valuer: Valuer, holders: Holders, axis: Axis, points: Floats, items: _Items, row: Longs, executor: Executor) -> Floats:
    """Figures of items above their lines, f64[items, width], at the points of the row of each."""
    compiled, _ = valuer.tables(axis, points)
    order = np.argsort(items.pool, kind="stable")
    look = _Look(book, compiled, holders, items.pool[order], items.target[order], row[order])
    found = np.empty((len(order), points.shape[1]))
    found[order] = np.concatenate(list(executor.map(partial(_look, look), range(book.blocks))))
    return np.asarray(found - items.line[:, None])


def _look(look: _Look, number: int) -> Floats:
    staged = load_block(look.book, number)
    start, end = np.searchsorted(look.pool, [staged.first_pool, staged.first_pool + staged.pools])
    width = look.compiled.lanes.width
    if start == end:
        return np.zeros((0, width))
    whole = block_holdings(staged, look.holders, look.compiled)
    pool, target, row = look.pool[start:end] - staged.first_pool, look.target[start:end], look.row[start:end] + 1
    account_of = np.repeat(np.arange(len(whole.accounts.code)), np.diff(whole.accounts.first_pool))
    part = whole.select(np.unique(account_of[pool]))
    place = np.searchsorted(part.pool, pool + staged.first_pool)
    found = np.empty((end - start, width))
    ruled = look.compiled.tables.models["ruled"][part.holdings.model][place] != 0
    if not ruled.all():
        plain = np.flatnonzero(~ruled)
        lanes = look.compiled.lanes
        figures = excess(
            folded(look.compiled, part), look.compiled.tables, nothing_given(lanes.blocks, width), lanes.padded, place[plain], row[plain]
        )
        found[plain] = figures[np.arange(len(plain)), target[plain]]
    account_of = np.repeat(np.arange(len(part.accounts.code)), np.diff(part.accounts.first_pool))
    for block in np.unique(row[ruled]).tolist():
        here = np.flatnonzero(ruled & (row == block))
        alone = _one_block(look.compiled, block)
        few = part.select(np.unique(account_of[place[here]]))
        at = np.searchsorted(few.pool, pool[here] + staged.first_pool)
        figures = excess(
            folded(look.compiled, few), alone.tables, given_by_rules(alone, few), alone.lanes.padded, at.astype(np.int64), np.zeros(len(at), np.int64)
        )
        found[here] = figures[np.arange(len(here)), target[here]]
    return found


def _one_block(compiled: Compiled, block: int) -> Compiled:
    """The tables of one block of lanes: what rules require of a pool is found for all blocks at once."""
    one = slice(block, block + 1)
    tables, lanes = compiled.tables, compiled.lanes
    scans = tables.scans._replace(changes=tables.scans.changes[one]) if tables.scans.changes.size else tables.scans
    return dataclasses.replace(
        compiled,
        tables=tables._replace(values=tables.values[one], asset_plain=tables.asset_plain[one], weight_unit=tables.weight_unit[one], scans=scans),
        lanes=dataclasses.replace(lanes, scenario=lanes.scenario[one], used=lanes.used[one], padded=lanes.padded[one], headline=lanes.headline[one]),
    )
