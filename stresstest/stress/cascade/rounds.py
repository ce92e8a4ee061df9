"""What every round of a batch of scenarios did, as it happens: sums by scenario, the price path, who traded what for whose sake, and every order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.stress.cascade.closing import Chunk, Closed, among, sum_by_cell, traded
from stresstest.stress.cascade.fills import equity
from stresstest.stress.cascade.funding import Funding
from stresstest.stress.cascade.liquidated import Layout, Pairs
from stresstest.stress.cascade.outcome import LOG, PATH, ROUND_TOTALS, TRADED, frame
from stresstest.stress.cascade.states import State

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]
Rows = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Liquidation:
    """One round of some scenarios, chunk by chunk.

    `share` f64[positions] closed; `notional`, `survivors_loss` f64[assets, S]: those of `closed`, summed; `withstands` bool[pairs]: accounts that the
    scenario itself leaves standing; `after`: what pairs hold now.
    `indebted`: chunk and place of the pairs that `funding` numbers. `waiting` i64[S]: pools that breach and have something to liquidate.
    `sold_before`, `sold` f64[assets, S] cumulative net units; `average`: mean price of what the round traded, net.
    `began`, `executed`, `ended`: states. `goes_on` bool[pairs]: something is left to liquidate.
    """

    number: int
    scenarios: Longs
    chunks: Sequence[Chunk]
    shares: Sequence[Floats]
    closed: Sequence[Closed]
    notional: Floats
    survivors_loss: Floats
    withstands: Sequence[Flags]
    after: Sequence[Pairs]
    funding: Funding | None
    indebted: tuple[Longs, Longs]
    waiting: Longs
    sold_before: Floats
    sold: Floats
    average: Floats
    began: State
    executed: State
    ended: State
    goes_on: Sequence[Flags]

    @property
    def starts(self) -> Longs:
        """Where the pairs of each chunk begin among those of all, and where the last ones end."""
        return np.concatenate([[0], np.cumsum([len(chunk.pairs.pool) for chunk in self.chunks])]).astype(np.int64)


class Rounds:
    """Accumulates; scenarios by place in the batch, the first of which is nobody's."""

    def __init__(self, assets: int, states: int, shocked: State, account: Codes, layout: Layout, underlying: Codes) -> None:
        self.assets, self.states, self.shocked, self.account = assets, states, shocked, account
        self.layout, self.underlying = layout, underlying
        self.rounds, self.halted = (np.zeros(states, dtype=np.int64) for _ in range(2))
        self.converged = np.ones(states, dtype=np.bool_)
        self.fees, self.bonus, self.spread = (np.zeros(states) for _ in range(3))
        self.notional, self.survivors_loss = (np.zeros((assets, states)) for _ in range(2))
        self.triggered = np.zeros((assets, states), dtype=np.int64)
        self.path: list[Rows] = []
        self.totals: list[Rows] = []
        self.traded: list[Rows] = []
        self.log: list[Rows] = []
        self.known = np.zeros(0, dtype=np.int64)

    def halt(self, number: int, scenarios: Longs, waiting: Longs) -> None:
        """A round in which nothing can be liquidated."""
        self.halted[scenarios] += 1
        nothing, none = np.zeros(len(scenarios)), np.zeros(len(scenarios), dtype=np.int64)
        amounts = ("margin_shortfall", "notional", "fees", "debts_repaid", "collateral_sold", "equity_before", "equity_after")
        self.totals.append(
            {"scenario": scenarios, "round": np.full(len(scenarios), number), "waiting": waiting[scenarios], "pools": none, "accounts": none}
            | dict.fromkeys(amounts, nothing)
        )

    def add(self, done: Liquidation, log: bool) -> None:
        """A round in which something was liquidated."""
        self.rounds[done.scenarios] += 1
        gross = done.notional.copy()
        self.survivors_loss += done.survivors_loss
        fees = self._by_scenario(done, [closed.fills.fees for closed in done.closed])
        self.fees += fees
        for chunk, closed in zip(done.chunks, done.closed, strict=True):
            self.spread += np.bincount(chunk.pairs.position_scenarios(), weights=closed.fills.spread, minlength=self.states)
        repaid, collateral = (np.zeros(self.states) for _ in range(2))
        if done.funding is not None:
            repaid, collateral = self._funded(done, done.funding, gross)
        self.notional += gross
        after = [equity(pairs, done.ended.units, done.ended.resolved.value, self.layout) for pairs in done.after]
        scenarios = done.scenarios
        pools = self._by_scenario(done, [np.ones(len(chunk.pairs.pool)) for chunk in done.chunks]).astype(np.int64)
        columns = {
            "waiting": done.waiting - pools,
            "pools": pools,
            "accounts": self._accounts(done),
            "margin_shortfall": self._by_scenario(done, [chunk.breach.requirement - chunk.breach.balance for chunk in done.chunks]),
            "notional": gross.sum(axis=0),
            "fees": fees,
            "debts_repaid": repaid,
            "collateral_sold": collateral,
            "equity_before": self._by_scenario(done, [chunk.breach.equity for chunk in done.chunks]),
            "equity_after": self._by_scenario(done, after),
        }
        number = np.full(len(scenarios), done.number)
        self.totals.append({"scenario": scenarios, "round": number} | {name: column[scenarios] for name, column in columns.items()})
        for chunk in done.chunks:
            new = ~chunk.again
            np.add.at(self.triggered, (chunk.trigger[new], chunk.pairs.scenario[new]), 1)
        self._prices(done, gross)
        self._trades(done)
        if log:
            self._orders(done, after)

    def _by_scenario(self, done: Liquidation, amounts: Sequence[Floats]) -> Floats:
        scenario = np.concatenate([chunk.pairs.scenario for chunk in done.chunks])
        return np.bincount(scenario, weights=np.concatenate(amounts), minlength=self.states).astype(np.float64)

    def _accounts(self, done: Liquidation) -> Longs:
        keys = [self.account[chunk.pairs.pool].astype(np.int64) * self.states + chunk.pairs.scenario for chunk in done.chunks]
        # Sorted by hand: `unique` hashes, which takes many times as long here.
        ordered = np.sort(np.concatenate(keys))
        return np.bincount(ordered[np.diff(ordered, prepend=-1) > 0] % self.states, minlength=self.states).astype(np.int64)

    def _funded(self, done: Liquidation, funding: Funding, gross: Floats) -> tuple[Floats, Floats]:
        """Debts repaid and collateral sold by scenario; adds the notional of what was traded for them."""
        pair = done.starts[done.indebted[0]] + done.indebted[1]
        scenario = np.concatenate([chunk.pairs.scenario for chunk in done.chunks])[pair].astype(np.int64)
        stands = np.concatenate(done.withstands)[pair]
        repaid = np.bincount(scenario, weights=funding.repaid, minlength=self.states).astype(np.float64)
        sales = funding.sales
        where = scenario[sales.pair]
        np.add.at(gross, (sales.asset, where), np.abs(sales.value))
        self.bonus += np.bincount(where, weights=sales.bonus, minlength=self.states)
        fetched = np.where(sales.units > 0.0, sales.value, 0.0)
        lost = np.where(stands[sales.pair], sales.units * self.shocked.resolved.value[sales.asset, where] - sales.value, 0.0)
        np.add.at(self.survivors_loss, (sales.asset, where), np.maximum(lost, 0.0))
        return repaid, np.bincount(where, weights=fetched, minlength=self.states).astype(np.float64)

    def _prices(self, done: Liquidation, gross: Floats) -> None:
        asset, scenario = np.nonzero((gross != 0.0) | (done.sold != done.sold_before))
        cells = asset, scenario
        self.path.append(
            {
                "scenario": scenario,
                "round": np.full(len(asset), done.number),
                "asset": asset,
                "net_quantity_sold": (done.sold - done.sold_before)[cells],
                "notional": gross[cells],
                "execution_price": done.average[cells],
                "price_before": done.began.resolved.spot[cells],
                "price_after": done.ended.resolved.spot[cells],
            }
        )

    def _trades(self, done: Liquidation) -> None:
        """What pools of each trigger traded; a pool counts once for every asset, whatever the number of rounds."""
        starts = done.starts
        parts = [(start + each.traded.pair, each.traded.asset, each.traded.notional) for start, each in zip(starts, done.closed, strict=False)]
        if done.funding is not None:
            sales = done.funding.sales
            parts.append(((starts[done.indebted[0]] + done.indebted[1])[sales.pair], sales.asset, np.abs(sales.value)))
        pair, asset, notional = (np.concatenate(each) for each in zip(*parts, strict=True))
        deals = traded(pair, asset, notional, self.assets)
        pool, scenario, trigger = (
            np.concatenate(each).astype(np.int64)
            for each in zip(*((chunk.pairs.pool, chunk.pairs.scenario, chunk.trigger) for chunk in done.chunks), strict=True)
        )
        keys = (pool[deals.pair] * self.states + scenario[deals.pair]) * self.assets + deals.asset
        new = ~among(keys, self.known)
        cells = (scenario[deals.pair] * self.assets + trigger[deals.pair]) * self.assets + deals.asset
        distinct, notional = sum_by_cell(cells, deals.notional)
        counts = np.bincount(np.searchsorted(distinct, cells), weights=new, minlength=len(distinct))
        self.traded.append({"cell": distinct, "notional": notional, "pools": counts})
        # Only pools that go on can trade an asset again.
        self.known = np.sort(np.concatenate([self.known, keys[new & np.concatenate(done.goes_on)[deals.pair]]]))

    def _orders(self, done: Liquidation, after: Sequence[Floats]) -> None:
        """Every order of the round."""
        for chunk, share, closed, left in zip(done.chunks, done.shares, done.closed, after, strict=True):
            pairs = chunk.pairs
            row = np.flatnonzero(share > 0.0)
            pair, instrument = pairs.of_positions()[row], pairs.instrument[row] % self.layout.instruments
            self._log(
                done.number, chunk, pair, left, "position",
                instrument=instrument, asset=self.underlying[instrument], quantity=(share * pairs.quantity)[row],
                execution_price=done.executed.units.mark[instrument, pairs.scenario[pair]],
                notional=closed.fills.notional[row], fee=closed.fills.fee[row],
            )  # fmt: skip
        if done.funding is None:
            return
        sales, (of_chunk, place) = done.funding.sales, done.indebted
        for number, (chunk, left) in enumerate(zip(done.chunks, after, strict=True)):
            for action, some in (("collateral", sales.units > 0.0), ("repayment", sales.units < 0.0)):
                row = np.flatnonzero(some & (of_chunk[sales.pair] == number))
                self._log(
                    done.number, chunk, place[sales.pair[row]], left, action,
                    instrument=np.full(len(row), -1), asset=sales.asset[row], quantity=sales.units[row], execution_price=sales.price[row],
                    notional=np.abs(sales.value[row]), fee=np.zeros(len(row)),
                )  # fmt: skip

    def _log(self, number: int, chunk: Chunk, pair: Longs, left: Floats, action: str, **columns: npt.NDArray[Any]) -> None:
        self.log.append(
            {
                "scenario": chunk.pairs.scenario[pair],
                "round": np.full(len(pair), number),
                "pool": chunk.pairs.pool[pair],
                "action": np.full(len(pair), action),
                "equity_before": chunk.breach.equity[pair],
                "equity_after": left[pair],
                "margin_shortfall": (chunk.breach.requirement - chunk.breach.balance)[pair],
                "trigger": chunk.trigger[pair],
                **columns,
            }
        )

    # ------------------------------------------------------------ as tables

    def frames(self, scenarios: Codes) -> dict[str, pl.DataFrame]:
        """The frames of `Outcome`; `scenarios` are the places in the run of those of the batch, the first left out."""
        place = np.concatenate([[-1], scenarios]).astype(np.int32)
        parts = [{**rows, "scenario": place[rows["scenario"]]} for rows in self.path]
        totals = [{**rows, "scenario": place[rows["scenario"]]} for rows in self.totals]
        log = [{**rows, "scenario": place[rows["scenario"]]} for rows in self.log]
        keys = ["scenario", "round"]
        return {
            "path": frame(PATH, parts).sort(*keys, "asset"),
            "round_totals": frame(ROUND_TOTALS, totals).sort(*keys),
            "traded": self._all_traded(place),
            "log": frame(LOG, log).sort(*keys, "pool", "action", "instrument", "asset"),
        }

    def _all_traded(self, place: Codes) -> pl.DataFrame:
        """What pools of each trigger traded, over all rounds."""
        cells, notional, pools = (
            np.concatenate([np.zeros(0, kind), *(part[name] for part in self.traded)])
            for name, kind in (("cell", np.int64), ("notional", np.float64), ("pools", np.float64))
        )
        distinct, amounts = sum_by_cell(cells, notional)
        rest, asset = np.divmod(distinct, self.assets)
        scenario, trigger = np.divmod(rest, self.assets)
        counts = sum_by_cell(cells, pools)[1].astype(np.int64)
        return frame(TRADED, [{"scenario": place[scenario], "trigger": trigger, "asset": asset, "notional": amounts, "pools": counts}])
