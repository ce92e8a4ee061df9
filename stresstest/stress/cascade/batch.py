"""Some scenarios on their way through the rounds of a cascade, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from stresstest.config.cascade import Cascade
from stresstest.executors import Executor
from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.kernels.breaches import Lines
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.prices import in_reporting_currency
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.stress.cascade.blocks import Blocks
from stresstest.stress.cascade.closing import Chunk, Closed, Closing, Deciding, Round, among, close, decide, touch_block
from stresstest.stress.cascade.ending import any_by_account
from stresstest.stress.cascade.funding import Funding, can_act, collateral_ranks, fund
from stresstest.stress.cascade.liquidated import Pairs, joined, layout_of, select
from stresstest.stress.cascade.look import Breaches, Look, look_at_block, look_at_pairs
from stresstest.stress.cascade.market.prices import Market
from stresstest.stress.cascade.orders import closing_options, underlying_units
from stresstest.stress.cascade.rounds import Liquidation, Rounds
from stresstest.stress.cascade.states import State, at_prices
from stresstest.stress.holders import holders_of, ranges
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]

PAIRS = 500_000
"""Pools that are liquidated together at most, in all scenarios; scenarios of one round take turns beyond that."""
NOTHING = np.zeros((0, 0))


@dataclass(frozen=True)
class Engine:
    """A book and its rules, ready for cascades; `starts` i64[blocks + 1]: first pool of every block."""

    book: Book
    resolved: Resolved
    units: UnitValues
    rulebook: Rulebook
    terms: Cascade
    market: Market
    executor: Executor
    held: Mapping[str, Codes]
    starts: Longs


class Batch:
    """Scenarios on their way through the rounds. Arrays have one more than there are, the first: base as it was, which nothing moves."""

    def __init__(self, engine: Engine, scenarios: Codes, log: bool) -> None:
        self.engine, self.scenarios, self.log = engine, scenarios, log
        chosen = [0, *scenarios.tolist()]
        self.market = engine.market.take(chosen)
        self.shocked = State(engine.resolved, engine.units).take(chosen)
        self.now = self.shocked
        dimensions = engine.book.dimensions
        self.dimensions = dimensions
        pools, self.assets = dimensions.pools.height, dimensions.assets.height
        self.states = len(chosen)
        self.sold = np.zeros((self.assets, self.states))
        self.floored, self.exhausted = (np.zeros(self.sold.shape, dtype=np.bool_) for _ in range(2))
        self.live = np.ones((pools, self.states), dtype=np.bool_)
        self.breached = np.zeros((pools, self.states), dtype=np.bool_)
        self.liquidated = np.zeros((pools, self.states), dtype=np.bool_)
        self.open: Chunk | None = None
        self.finished: list[Pairs] = []
        self.account = dimensions.pools["account_code"].to_numpy()
        self.first_pool = np.append(np.flatnonzero(np.diff(self.account, prepend=-1)), pools)
        codes = {asset: code for code, asset in enumerate(dimensions.assets["asset"])}
        self.parent = np.array([codes[currency] for currency in dimensions.assets["price_currency"]], dtype=np.int64)
        self.underlying = dimensions.instruments["underlying_code"].to_numpy().astype(np.int32)
        # The tables of the first round, in which the batch stands as it began: all that is asked of those who are never touched.
        self.first = self._tables(np.arange(1, self.states))
        self.blocks = Blocks(engine.book, holders_of(dimensions, self.first.models), self.first)
        option = (dimensions.instruments["kind"] == "option").to_numpy()
        self.layout = layout_of(self.first, option, codes[dimensions.reporting_currency])
        self.rounds = Rounds(self.assets, self.states, self.shocked, self.account, self.layout, self.underlying)

    # ------------------------------------------------------------ rounds

    def to_the_end(self, on_round: Callable[[int, int], object] | None) -> None:
        """Round after round, until no scenario has anything left to liquidate, or the last round is over."""
        active = np.arange(1, self.states)
        number = 0
        while len(active):
            number += 1
            active = self._round(number, active)
            if on_round is not None:
                on_round(number, len(active))

    def _round(self, number: int, active: Longs) -> Longs:
        """One round of the active scenarios; those that go on."""
        engine, terms = self.engine, self.engine.terms
        compiled = self.first if number == 1 else self._tables(active)
        look = Look(self.blocks, compiled, np.concatenate([[0], active]))
        fresh = list(engine.executor.map(partial(look_at_block, look), self._live_blocks(active)))
        if number == 1:
            for part in fresh:
                self.breached[part.pool, part.scenario] = True
            self.withstands = ~any_by_account(self.breached, self.first_pool)
        round_ = Round(self.blocks, compiled, self.layout, self.underlying, terms, self.now)
        over = number > terms.max_rounds
        going: list[Longs] = []
        for some in _groups(active, fresh):
            chunks = self._breaching(round_, look, some, fresh)
            waiting = np.bincount(np.concatenate([np.zeros(0, np.int64), *(each.pairs.scenario for each in chunks)]), minlength=self.states)
            going.append(some[waiting[some] > 0])
            if over:
                continue
            if number <= terms.halt_rounds:
                self.rounds.halt(number, going[-1], waiting)
                continue
            if terms.sequence == "one_at_a_time":
                chunks = _worst_of_each(chunks)
            self._liquidate(number, round_, chunks, waiting)
        further = np.concatenate([np.zeros(0, np.int64), *going])
        if over:
            self.rounds.converged[further] = False
            return np.zeros(0, dtype=np.int64)
        return further

    def _tables(self, active: Longs) -> Compiled:
        """The kernels' tables of active scenarios at the prices of now."""
        engine, now = self.engine, self.now.take([0, *active.tolist()])
        headline = np.zeros(len(active) + 1, dtype=np.bool_)
        return compile_tables(self.dimensions, now.resolved, now.units, engine.rulebook, headline, held=engine.held)

    def _live_blocks(self, active: Longs) -> Iterator[tuple[int, Flags]]:
        for number in range(self.engine.book.blocks):
            live = self.live[self.engine.starts[number] : self.engine.starts[number + 1]]
            if live[:, active].any():
                yield number, live

    def _breaching(self, round_: Round, look: Look, some: Longs, fresh: Sequence[Breaches]) -> list[Chunk]:
        """Everything that is below its requirement in some scenarios and has something to liquidate: of the book, then what is open."""
        parts = []
        for breach in fresh:
            mine = np.flatnonzero(np.isin(breach.scenario, some))
            if len(mine):
                number = int(np.searchsorted(self.engine.starts, breach.pool[0], side="right")) - 1
                parts.append((number, breach.take(mine)))
        chunks = []
        for touched in self.engine.executor.map(partial(touch_block, round_), parts):
            self.live[touched.idle] = False
            chunk = self._without_orders(look, touched) if touched.ordered.any() else touched
            if len(chunk.pairs.pool):
                chunks.append(chunk)
        if self.open is not None:
            here = np.flatnonzero(np.isin(self.open.pairs.scenario, some))
            if len(here):
                mine_open = self.open.take(here)
                breach = look_at_pairs(look, mine_open.pairs, mine_open.lines)
                if len(breach.pool):
                    chunk = mine_open.take(breach.pool)
                    chunks.append(chunk._replace(breach=breach._replace(pool=chunk.pairs.pool.astype(np.int64))))
        return chunks

    def _without_orders(self, look: Look, chunk: Chunk) -> Chunk:
        """Open orders are cancelled before anything is closed: pools that this alone brings above their line are open, and close nothing."""
        chosen = np.flatnonzero(chunk.ordered)
        few = chunk.take(chosen)
        breach = look_at_pairs(look, few.pairs, few.lines)
        at = chosen[breach.pool]
        equity, balance, requirement = (each.copy() for each in chunk.breach[2:])
        equity[at], balance[at], requirement[at] = breach.equity, breach.balance, breach.requirement
        chunk = chunk._replace(breach=chunk.breach._replace(equity=equity, balance=balance, requirement=requirement))
        healed = np.setdiff1d(chosen, at)
        if len(healed):
            rest = chunk.take(healed)
            self.live[rest.pairs.pool, rest.pairs.scenario] = False
            self._keep_open([rest])
            chunk = chunk.take(np.setdiff1d(np.arange(len(chunk.pairs.pool)), healed))
        return chunk

    def _liquidate(self, number: int, round_: Round, chunks: list[Chunk], waiting: Longs) -> None:
        """Close, fund, and move prices."""
        if not chunks:
            return
        engine, layout = self.engine, round_.layout
        scenarios = np.unique(np.concatenate([chunk.pairs.scenario for chunk in chunks])).astype(np.int64)
        options = [closing_options(chunk.pairs, layout) for chunk in chunks]
        per_contract = underlying_units(
            self.dimensions, self.now.resolved, self.now.units, *(np.concatenate(each) for each in zip(*options, strict=True))
        )
        sold, shares = self.sold.copy(), []
        for share, order in engine.executor.map(partial(decide, Deciding(round_, per_contract)), chunks):
            sold += order
            shares.append(share)
        trades = sold != self.sold
        average = np.where(trades, self.market.average(self.sold, sold), self.now.resolved.spot)
        executed = at_prices(self.now, self.dimensions, average, scenarios)
        withstands = [self.withstands[self.account[chunk.pairs.pool], chunk.pairs.scenario] for chunk in chunks]
        notional, lost, closed = np.zeros_like(sold), np.zeros_like(sold), []
        items = zip(chunks, shares, withstands, strict=True)
        for each in engine.executor.map(partial(close, Closing(round_, executed, self.shocked)), items):
            # Tables of all assets are added up as they come: one for every block would be more than the book.
            notional += each.notional
            lost += each.survivors_loss
            closed.append(each._replace(notional=NOTHING, survivors_loss=NOTHING))
        after, funding, indebted = self._fund(round_, closed, sold)
        before, self.sold = self.sold, sold if funding is None else funding.sold
        final = self.market.after(self.sold)
        # A price that came back from its end has been held at it all the same.
        for level in (sold,) if funding is None else (sold, funding.least, funding.sold):
            self.floored |= self.market.floored(level)
            self.exhausted |= self.market.exhausted(level)
        began, self.now = self.now, at_prices(self.now, self.dimensions, final, scenarios)
        mean = self.market.average(before, self.sold)
        done = Liquidation(
            number,
            scenarios,
            chunks,
            shares,
            closed,
            notional,
            lost,
            withstands,
            after,
            funding,
            indebted,
            waiting,
            before,
            self.sold,
            mean,
            began,
            executed,
            self.now,
            [can_act(pairs, self.now.resolved.value, layout) for pairs in after],
        )
        self.rounds.add(done, self.log)
        self._settle([chunk._replace(pairs=pairs) for chunk, pairs in zip(chunks, after, strict=True)], done.goes_on)

    def _fund(self, round_: Round, closed: Sequence[Closed], sold: Floats) -> tuple[list[Pairs], Funding | None, tuple[Longs, Longs]]:
        """Pairs without positions repay their debts; which pairs did (chunk and place) as `Funding` numbers them."""
        after = [each.pairs for each in closed]
        chosen = []
        for pairs in after:
            debts = np.bincount(pairs.of_tokens()[pairs.amount < 0.0], minlength=len(pairs.pool)) > 0
            chosen.append(np.flatnonzero(debts & (np.diff(pairs.position_first) == 0)))
        where = np.repeat(np.arange(len(after)), [len(each) for each in chosen]), np.concatenate(chosen)
        if not len(where[0]):
            return after, None, where
        layout, terms = round_.layout, round_.terms
        market_value = in_reporting_currency(self.dimensions, self.market.after(sold))
        settles = np.zeros(self.assets, dtype=np.bool_)
        settles[layout.settle % layout.assets] = True
        ranks = collateral_ranks(terms.collateral_order, round_.compiled.tables, layout, settles, self.market.depth)
        asking = joined([select(pairs, some) for pairs, some in zip(after, chosen, strict=True)])
        paid, funding = fund(
            asking, self.market, sold, market_value[self.parent], ranks, layout,
            close_factor=terms.close_factor, collateral_bonus=terms.fees.collateral_bonus,
        )  # fmt: skip
        start = 0
        for number, (pairs, some) in enumerate(zip(after, chosen, strict=True)):
            rows = ranges(pairs.token_first[some], pairs.token_first[some + 1])
            amount = pairs.amount.copy()
            amount[rows] = paid.amount[start : start + len(rows)]
            start += len(rows)
            after[number] = pairs._replace(amount=amount)
        return after, funding, where

    def _settle(self, chunks: Sequence[Chunk], goes_on: Sequence[Flags]) -> None:
        """Those that have something left to liquidate stay open."""
        for chunk in chunks:
            self.liquidated[chunk.pairs.pool, chunk.pairs.scenario] = True
            self.live[chunk.pairs.pool, chunk.pairs.scenario] = False
        if self.open is not None:
            # Those that were looked at again are among the chunks.
            keys = self.open.pairs.pool.astype(np.int64) * self.states + self.open.pairs.scenario
            again = np.concatenate([chunk.pairs.pool.astype(np.int64) * self.states + chunk.pairs.scenario for chunk in chunks])
            self.open = self.open.take(np.flatnonzero(~among(keys, np.sort(again))))
        going = []
        for chunk, acts in zip(chunks, goes_on, strict=True):
            self.finished.append(select(chunk.pairs, np.flatnonzero(~acts)) if acts.any() else chunk.pairs)
            if acts.any():
                going.append(chunk.take(np.flatnonzero(acts))._replace(again=np.ones(int(acts.sum()), dtype=np.bool_)))
        self._keep_open(going)

    def _keep_open(self, chunks: Sequence[Chunk]) -> None:
        parts = [*([] if self.open is None else [self.open]), *chunks]
        if not parts:
            return
        pairs = joined([part.pairs for part in parts])
        nothing = np.zeros(0, dtype=np.int64)
        lines = Lines(np.concatenate([part.lines.tolerance for part in parts]), np.concatenate([part.lines.equality for part in parts]))
        breach = Breaches(*(np.concatenate(each) for each in zip(*(part.breach for part in parts), strict=True)))
        trigger = np.concatenate([part.trigger for part in parts])
        again = np.concatenate([part.again for part in parts])
        whole = Chunk(pairs, breach, lines, trigger, np.zeros(len(pairs.pool), dtype=np.bool_), again, (nothing, nothing))
        self.open = whole.take(np.lexsort((pairs.scenario, pairs.pool)))


def _groups(active: Longs, fresh: Sequence[Breaches]) -> Iterator[Longs]:
    """Consecutive scenarios in which at most `PAIRS` pools breach together, or one."""
    counts = np.bincount(np.concatenate([np.zeros(0, np.int64), *(each.scenario for each in fresh)]), minlength=int(active[-1]) + 1)[active]
    start, total = 0, 0
    for place, count in enumerate(counts.tolist()):
        if place > start and total + count > PAIRS:
            yield active[start:place]
            start, total = place, 0
        total += count
    yield active[start:]


def _worst_of_each(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Of each scenario the pair with the largest margin shortfall; of equals the first pool."""
    if not chunks:
        return []
    shortfall = np.concatenate([chunk.breach.requirement - chunk.breach.balance for chunk in chunks])
    scenario, pool = (np.concatenate([getattr(chunk.pairs, name) for chunk in chunks]) for name in ("scenario", "pool"))
    order = np.lexsort((pool, -shortfall, scenario))
    first = order[np.flatnonzero(np.diff(scenario[order], prepend=-1))]
    starts = np.cumsum([0, *(len(chunk.pairs.pool) for chunk in chunks)])
    chosen = [np.sort(first[(first >= start) & (first < end)]) - start for start, end in pairwise(starts)]
    return [chunk.take(some) for chunk, some in zip(chunks, chosen, strict=True) if len(some)]
