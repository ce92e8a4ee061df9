"""Liquidation cascades over the whole book: rounds of liquidations, sales and price moves in all scenarios at once, until nothing breaches.

Who breaches in a scenario depends on its prices, which depend on what was sold in it: scenarios go through their rounds side by side and leave when
they have come to rest. A batch of them is held at a time. Formulas: docs/methodology.md, section 17.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from stresstest.config.cascade import Cascade
from stresstest.executors import Executor
from stresstest.margin.compile import compile_tables
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book
from stresstest.snapshot.stage import load_block
from stresstest.stress.cascade.batch import Batch, Engine
from stresstest.stress.cascade.ending import BlockState, Ending, drift_of, end_of_block
from stresstest.stress.cascade.fills import equity, position_values, token_values
from stresstest.stress.cascade.funding import can_act
from stresstest.stress.cascade.liquidated import Pairs
from stresstest.stress.cascade.market.prices import Market
from stresstest.stress.cascade.outcome import AccountsPart, Outcome, together
from stresstest.stress.held import held_by_model
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]

POOL_STATES = 64_000_000
"""Pools times scenarios of a batch at most: what is known of each is three bytes."""
INSTRUMENT_STATES = 8_000_000
"""Instruments times scenarios of a batch at most: unit values of three states take 1 GB."""


def run_cascade(
    book: Book,
    resolved: Resolved,
    units: UnitValues,
    rulebook: Rulebook,
    terms: Cascade,
    market: Market,
    executor: Executor,
    *,
    scenarios: Sequence[int] | None = None,
    log: bool = False,
    on_accounts: Callable[[AccountsPart], object] | None = None,
    on_round: Callable[[int, int], object] | None = None,
) -> Outcome:
    """Cascade a book in every scenario.

    Args:
        book: the staged snapshot.
        resolved: factor values, base first; prices are those of the scenarios before anything is sold.
        units: what instruments are worth there.
        rulebook: the margin file.
        terms: policy, fees and limits of the cascade.
        market: what sales do to prices, in the scenarios of `resolved`.
        executor: on which blocks are mapped.
        scenarios: places of those that are asked for, ascending; None: all. Base is one of them like any other.
        log: whether every order is told; of few scenarios.
        on_accounts: takes what became of accounts, block by block of every batch of scenarios.
        on_round: `on_round(rounds, scenarios)`: called after every round with how many rounds its batch has had and how many scenarios go on.

    Raises:
        StressTestError: a price at which an instrument cannot be valued.
    """
    chosen = np.arange(resolved.scenarios) if scenarios is None else np.asarray(scenarios, dtype=np.int64)
    firsts = [load_block(book, number).first_pool for number in range(book.blocks)]
    engine = Engine(
        book, resolved, units, rulebook, terms, market, executor, held_by_model(book, rulebook),
        np.array([*firsts, book.dimensions.pools.height], dtype=np.int64),
    )  # fmt: skip
    width = max(1, min(POOL_STATES // max(1, int(engine.starts[-1])), INSTRUMENT_STATES // max(1, len(units.mark))))
    batches = np.array_split(chosen, max(1, -(-len(chosen) // width)))
    outcomes = []
    for batch in batches:
        run = Batch(engine, batch.astype(np.int32), log)
        run.to_the_end(on_round)
        outcomes.append(outcome_of(run, on_accounts))
    return together(outcomes)


def outcome_of(batch: Batch, on_accounts: Callable[[AccountsPart], object] | None) -> Outcome:
    """What became of the scenarios."""
    engine, rounds = batch.engine, batch.rounds
    moved = bool((batch.now.resolved.spot != batch.shocked.resolved.spot).any())
    # Only what pools are worth is asked now, so that no grid needs to be laid over anything.
    nothing = dict.fromkeys(engine.held, np.zeros(0, dtype=np.int32))
    headline = np.zeros(batch.states, dtype=np.bool_)
    final = batch.first
    if moved:
        final = compile_tables(batch.dimensions, batch.now.resolved, batch.now.units, engine.rulebook, headline, held=nothing)
    settle = batch.dimensions.instruments["settle_code"].to_numpy()
    drift = drift_of(batch.shocked, batch.now, batch.underlying, settle, batch.dimensions.locations.height)
    ending = Ending(batch.blocks, batch.first, final, moved, drift, batch.scenarios)
    left = [*batch.finished, *([] if batch.open is None else [batch.open.pairs])]
    own = _Left.of(left, batch)
    sums = np.zeros((4, batch.states))
    counts = np.zeros((2, batch.states), dtype=np.int64)
    lost = rounds.survivors_loss + own.lost
    for end in engine.executor.map(partial(end_of_block, ending), _block_states(batch, own)):
        sums += np.stack([end.direct_loss, end.feedback_loss, end.loss_shocked, end.loss_final])
        counts += np.stack([end.liquidated, end.by_feedback])
        lost += end.lost
        if on_accounts is not None:
            on_accounts(end.accounts)
    s = slice(1, None)
    fees = rounds.fees[s]
    return Outcome(
        scenarios=batch.scenarios,
        rounds=rounds.rounds[s],
        halted=rounds.halted[s],
        converged=rounds.converged[s],
        pools_liquidated=batch.liquidated.sum(axis=0)[s],
        accounts_liquidated=counts[0][s],
        accounts_by_feedback=counts[1][s],
        direct_loss=sums[0][s],
        feedback_loss=sums[1][s],
        loss_shocked=sums[2][s],
        loss_final=sums[3][s],
        fees=fees,
        fees_to_insurance=fees * engine.terms.fees.insurance_share,
        collateral_bonus=rounds.bonus[s],
        option_spread=rounds.spread[s],
        unfunded_debts=own.debts[s],
        prices_shocked=batch.shocked.resolved.spot[:, s],
        prices_final=batch.now.resolved.spot[:, s],
        sold=batch.sold[:, s],
        notional_sold=rounds.notional[:, s],
        loss_of_survivors=lost[:, s],
        triggered=rounds.triggered[:, s],
        floored=batch.floored[:, s],
        exhausted=batch.exhausted[:, s],
        missing=batch.market.missing[:, s],
        **rounds.frames(batch.scenarios),
    )


def _block_states(batch: Batch, own: _Left) -> Iterator[BlockState]:
    starts = batch.engine.starts
    for number in range(batch.engine.book.blocks):
        first, last = int(starts[number]), int(starts[number + 1])
        here = slice(*np.searchsorted(own.pool, [first, last]))
        yield BlockState(
            number, batch.breached[first:last], batch.liquidated[first:last], own.pool[here] - first, own.scenario[here], own.equity[here]
        )


@dataclass(frozen=True)
class _Left:
    """Touched pools, sorted by pool and scenario, with what they are worth at the end; f64[S] `debts` that nothing is left to repay;
    f64[assets, S] `lost`: what they still hold has lost since the shocked prices, of accounts that withstand the scenario itself."""

    pool: Longs
    scenario: Longs
    equity: Floats
    debts: Floats
    lost: Floats

    @staticmethod
    def of(parts: Sequence[Pairs], batch: Batch) -> _Left:
        """What pairs are left with."""
        layout, shocked, now = batch.layout, batch.shocked, batch.now
        debts, lost = np.zeros(batch.states), np.zeros((batch.assets, batch.states))
        found: list[tuple[Longs, Longs, Floats]] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
        for pairs in parts:
            tokens = token_values(pairs, now.resolved.value, layout)
            of_token, of_position = pairs.of_tokens(), pairs.of_positions()
            spent = ~can_act(pairs, now.resolved.value, layout)
            debts += np.bincount(pairs.scenario[of_token], weights=np.where(spent[of_token], np.maximum(-tokens, 0.0), 0.0), minlength=batch.states)
            stands = batch.withstands[batch.account[pairs.pool], pairs.scenario]
            if stands.any():
                token_loss = token_values(pairs, shocked.resolved.value, layout) - tokens
                position_loss = position_values(pairs, shocked.units, shocked.resolved.value, layout) - position_values(
                    pairs, now.units, now.resolved.value, layout
                )
                asset, underlying = pairs.asset % layout.assets, batch.underlying[pairs.instrument % layout.instruments]
                np.add.at(lost, (asset, pairs.scenario[of_token]), np.where(stands[of_token], np.maximum(token_loss, 0.0), 0.0))
                np.add.at(lost, (underlying, pairs.scenario[of_position]), np.where(stands[of_position], np.maximum(position_loss, 0.0), 0.0))
            worth = equity(pairs, now.units, now.resolved.value, layout)
            found.append((pairs.pool.astype(np.int64), pairs.scenario.astype(np.int64), worth))
        pool, scenario, worth = (np.concatenate(each) for each in zip(*found, strict=True))
        order = np.lexsort((scenario, pool))
        return _Left(pool[order], scenario[order], worth[order], debts, lost)
