"""The same book under other margin models: every account's model replaced, one pass of the kernels for each, block by block.

A block is evaluated under all models one after the other, so that it is known in which scenarios an account breaches under one and not
under another, and nothing of size accounts x scenarios is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.executors import Executor
from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.kernels.figures import LIQUIDATION
from stresstest.margin.kernels.totals import Edges, Totals
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.scenario_set import Scenario
from stresstest.snapshot.book import Block, Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.blocks import PARTS_PER_BLOCK, Sink
from stresstest.stress.evaluation import DENSE_ROWS, Evaluated, RowArrays, dense_rows, evaluate_block
from stresstest.stress.held import held_by_model
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings, holders_of
from stresstest.stress.merge import Merger
from stresstest.stress.rows import Keep, Names, account_frame, account_frames, names_of, summary_frame
from stresstest.stress.static import StressResult, headline_flags
from stresstest.stress.totals import scenario_summary
from stresstest.tables import AS_BOOKED, MARGIN_COMPARISON, MARGIN_COMPARISON_SCENARIO, MARGIN_COMPARISON_SUMMARY
from stresstest.valuation.unit_values import UnitValues

Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ROOM = 8
"""Rows of breaches an account that there is room for, in the mean of a block; a block with more is evaluated again, some accounts at a time."""


@dataclass(frozen=True)
class Rules:
    """What the book is looked at under: a model for every account, or (`as booked`) each under its own."""

    name: str
    compiled: Compiled
    holders: Holders
    names: Names


class _Part(NamedTuple):
    """What one block gives, [models]: totals and edges; [models, S] accounts that breach under this model only, under the book's own only.

    `ends`: first owner, last owner, whether the last goes on in the next block.
    """

    totals: tuple[Totals, ...]
    edges: tuple[Edges, ...]
    here_only: Longs
    own_only: Longs
    ends: tuple[int, int, bool]


@dataclass(frozen=True)
class _Task:
    """What a block needs; the first rules are the book's own."""

    book: Book
    rules: tuple[Rules, ...]
    headline: Flags
    keep: Keep
    sink: Sink


def compare_models(
    book: Book,
    resolved: Resolved,
    scenarios: tuple[Scenario, ...],
    rulebook: Rulebook,
    units: UnitValues,
    stressed: StressResult,
    executor: Executor,
    models: Sequence[str],
    *,
    keep: Keep,
    sink: Sink,
    on_progress: Callable[[int, int], None] | None = None,
) -> pl.DataFrame:
    """The table `margin_comparison_summary`; `margin_comparison` and `margin_comparison_scenario` go to the sink part by part.

    The book's own rules come first and are what the others are held against: the model that all accounts have where it is one
    of `models`, else `as booked`.

    Args:
        book: the staged snapshot.
        resolved: factor values of every scenario.
        scenarios: in file order, base first.
        rulebook: the margin file, which has the models.
        units: unit values of every instrument.
        stressed: the run under the book's own rules.
        executor: on which blocks are mapped.
        models: names of models of the margin file.
        keep: which rows `margin_comparison_scenario` has of each model.
        sink: writes parts of tables.
        on_progress: `on_progress(done, all)` is called after every block.
    """
    headline = headline_flags(scenarios)
    rules = _rules(book, resolved, rulebook, units, stressed, headline, models)
    task = _Task(book, rules, headline, keep, sink)
    mergers = [Merger(each.compiled.lanes.used, each.compiled.lanes.width, each.holders.slots) for each in rules]
    here_only, own_only = np.zeros((len(rules), len(scenarios)), np.int64), np.zeros((len(rules), len(scenarios)), np.int64)
    for number, part in enumerate(executor.map(partial(_block, task), range(book.blocks))):
        for merger, totals, edges in zip(mergers, part.totals, part.edges, strict=True):
            merger.add(totals, edges, *part.ends)
        here_only += part.here_only
        own_only += part.own_only
        if on_progress is not None:
            on_progress(number + 1, book.blocks)
    frames = [
        scenario_summary(each.compiled.lanes, merger.result(), scenarios, book.dimensions).with_columns(
            pl.lit(each.name).alias("model"),
            pl.lit(place == 0).alias("own"),
            pl.Series("accounts_breached_here_only", here_only[place]),
            pl.Series("accounts_breached_own_only", own_only[place]),
        )
        for place, (each, merger) in enumerate(zip(rules, mergers, strict=True))
    ]
    return pl.concat(frames).select(MARGIN_COMPARISON_SUMMARY.names)


def _rules(
    book: Book, resolved: Resolved, rulebook: Rulebook, units: UnitValues, stressed: StressResult, headline: Flags, models: Sequence[str]
) -> tuple[Rules, ...]:
    own = book.dimensions.accounts["margin_model"].unique().to_list()
    name = own[0] if len(own) == 1 and own[0] in models else AS_BOOKED
    ids = resolved.ids
    found = [Rules(name, stressed.compiled, stressed.holders, names_of(book.dimensions, ids, stressed.compiled.grid_rows))]
    for model in models:
        if model != name:
            under = replace(book, dimensions=book.dimensions.under_model(model))
            dimensions = under.dimensions
            compiled = compile_tables(dimensions, resolved, units, rulebook, headline, held=held_by_model(under, rulebook))
            found.append(Rules(model, compiled, holders_of(dimensions, compiled.models), names_of(dimensions, ids, compiled.grid_rows)))
    return tuple(found)


def _block(task: _Task, number: int) -> _Part:
    staged = load_block(task.book, number)
    owner = task.rules[0].holders.owner
    account = int(staged.account[0])
    last = int(staged.account[-1])
    open_ends = task.rules[0].holders.open_ends(account, last)
    evaluated, blocks, breached = [], [], []
    for rules in task.rules:
        block = block_holdings(staged, rules.holders, rules.compiled)
        room = ROOM * len(block.accounts.code)
        found = evaluate_block(rules.compiled, rules.holders, block, open_ends=open_ends, room=room, keep_breaches=True)
        evaluated.append(found)
        blocks.append(block)
        breached.append(_breached(rules, block, found, len(task.headline)))
    _write(task, number, staged, blocks, evaluated, breached)
    own = breached[0]
    scenarios = len(task.headline)
    return _Part(
        tuple(each.totals for each in evaluated),
        tuple(each.edges for each in evaluated),
        np.stack([np.bincount(np.setdiff1d(each, own, True) % scenarios, minlength=scenarios) for each in breached]),
        np.stack([np.bincount(np.setdiff1d(own, each, True) % scenarios, minlength=scenarios) for each in breached]),
        (int(owner[account]), int(owner[last]), open_ends[1]),
    )


def _breaches(rules: Rules, block: BlockHoldings, found: Evaluated) -> Iterator[RowArrays]:
    """The rows of accounts that are not ok, and those of base; chunk by chunk where there was no room for them."""
    if found.rows is not None:
        yield found.rows
        return
    for rows, _ in dense_rows(rules.compiled, rules.holders, block, breaches_only=True):
        yield rows


def _breached(rules: Rules, block: BlockHoldings, found: Evaluated, scenarios: int) -> Longs:
    """Account (local) times S plus scenario, wherever an account is in liquidation or default; ascending."""
    first = int(block.accounts.code[0])
    keys = []
    for rows in _breaches(rules, block, found):
        worse = rows.status >= LIQUIDATION
        keys.append((rows.holder[worse].astype(np.int64) - first) * scenarios + rows.scenario[worse])
    return np.concatenate(keys)


def _write(task: _Task, number: int, staged: Block, blocks: Sequence[BlockHoldings], evaluated: Sequence[Evaluated], breached: list[Longs]) -> None:
    """The rows of a block, all models of an account together."""
    first, count = int(staged.account[0]), len(blocks[0].accounts.code)
    headline = np.flatnonzero(task.headline)
    summaries = []
    for rules, block, found, keys in zip(task.rules, blocks, evaluated, breached, strict=True):
        gross = np.add.reduceat(block.gross, block.accounts.first_pool[:-1])
        counted = np.bincount(keys[np.isin(keys % len(task.headline), headline)] // len(task.headline), minlength=count)
        columns = pl.lit(rules.name).alias("model"), pl.Series("headline_scenarios_breached", counted)
        summaries.append(summary_frame(rules.names, first, found.kept, gross).with_columns(*columns).select(MARGIN_COMPARISON.names))
    part = number * PARTS_PER_BLOCK
    task.sink(MARGIN_COMPARISON, part, pl.concat(summaries))
    for chunk, frames in enumerate(_stored(task, blocks, evaluated)):
        named = [frame.with_columns(pl.lit(rules.name).alias("model")) for rules, frame in frames]
        task.sink(MARGIN_COMPARISON_SCENARIO, part + chunk, pl.concat(named).select(MARGIN_COMPARISON_SCENARIO.names))


def _stored(task: _Task, blocks: Sequence[BlockHoldings], evaluated: Sequence[Evaluated]) -> Iterator[list[tuple[Rules, pl.DataFrame]]]:
    """The rows that `keep` stores, of all models; chunk by chunk of accounts where they are many."""
    if task.keep == "worst" or (task.keep == "breaches" and all(found.rows is not None for found in evaluated)):
        yield [
            (rules, frame)
            for rules, block, found in zip(task.rules, blocks, evaluated, strict=True)
            for frame in account_frames(rules.compiled, rules.holders, rules.names, block, found, task.keep)
        ]
        return
    most = max(1, DENSE_ROWS // (len(task.headline) * len(task.rules)))
    count = len(blocks[0].accounts.code)
    for start in range(0, count, most):
        chosen = np.arange(start, min(start + most, count))
        yield [
            (rules, account_frame(rules.names, rows, base))
            for rules, block in zip(task.rules, blocks, strict=True)
            for rows, base in dense_rows(rules.compiled, rules.holders, block.select(chosen), breaches_only=task.keep == "breaches")
        ]
