"""Pools in liquidation written out by hand, on the small books of `valuation.builders`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from valuation.builders import book, states

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.stress.cascade.liquidated import Layout, Pairs
from stresstest.stress.holders import offsets
from stresstest.valuation.unit_values import UnitValues
from stresstest.valuation.value import value_instruments

Row = dict[str, Any]


@dataclass(frozen=True)
class Pool:
    """`positions`: instrument, quantity, entry price (None = base mark), and accrued funding if any."""

    tokens: Mapping[str, float]
    positions: Sequence[tuple[Any, ...]] = ()
    scenario: int = 0


class LiquidatedCase:
    """A book with its states: the scenarios are those of `valuation.builders.states`, base first."""

    def __init__(self, assets: dict[str, Row], instruments: dict[str, Row], *scenarios: Row) -> None:
        self.dimensions: Dimensions = book(assets, [{"instrument_id": name, **terms} for name, terms in instruments.items()])
        self.resolved: Resolved = states(self.dimensions, *scenarios)
        self.units: UnitValues = value_instruments(self.dimensions, self.resolved)
        frame = self.dimensions.instruments
        self.asset = {name: code for code, name in enumerate(self.dimensions.assets["asset"])}
        self.instrument = {name: code for code, name in enumerate(frame["instrument_id"])}
        self.layout = Layout(
            instruments=frame.height,
            assets=len(self.asset),
            settle=frame["settle_code"].to_numpy().astype(np.int32),
            reporting=self.asset["USD"],
            view=np.zeros(1, dtype=np.int32),
            option=(frame["kind"] == "option").to_numpy(),
        )

    def pairs(self, *pools: Pool) -> Pairs:
        """Each pool in its scenario; the tokens that its positions settle in, and dollars, are there anyway."""
        positions: list[tuple[float, ...]] = []
        tokens: list[tuple[int, float]] = []
        for pool in pools:
            codes = [self.instrument[name] for name, *_ in pool.positions]
            held = {self.asset[name]: amount for name, amount in pool.tokens.items()}
            mine = sorted({*held, self.layout.reporting, *(int(self.layout.settle[code]) for code in codes)})
            tokens += [(code, held.get(code, 0.0)) for code in mine]
            for code, (_, quantity, entry, *funding) in zip(codes, pool.positions, strict=True):
                terms = self.dimensions.instruments.row(code, named=True)
                price = terms["mark_price"] if entry is None else entry
                coin = terms["payoff"] == "inverse" and terms["kind"] != "option"
                cost = quantity / price if coin else quantity * price
                positions.append((code, quantity, cost, funding[0] if funding else 0.0, mine.index(int(self.layout.settle[code]))))
        table = np.array(positions, dtype=np.float64).reshape(-1, 5)
        counts = [sum(1 for _ in {*map(self.asset.__getitem__, p.tokens), self.layout.reporting, *self._settled(p)}) for p in pools]
        return Pairs(
            pool=np.arange(len(pools), dtype=np.int32),
            scenario=np.array([pool.scenario for pool in pools], dtype=np.int32),
            position_first=offsets(np.array([len(pool.positions) for pool in pools], dtype=np.int64)),
            instrument=table[:, 0].astype(np.int32),
            quantity=table[:, 1].copy(),
            cost=table[:, 2].copy(),
            funding=table[:, 3].copy(),
            leverage=np.zeros(len(table)),
            credited=table[:, 4].astype(np.int32),
            token_first=offsets(np.array(counts, dtype=np.int64)),
            asset=np.array([code for code, _ in tokens], dtype=np.int32),
            amount=np.array([amount for _, amount in tokens], dtype=np.float64),
        )

    def _settled(self, pool: Pool) -> list[int]:
        return [int(self.layout.settle[self.instrument[name]]) for name, *_ in pool.positions]

    def tokens(self, pairs: Pairs, pair: int = 0) -> dict[str, float]:
        """Balances of a pair by name."""
        names = list(self.asset)
        rows = range(int(pairs.token_first[pair]), int(pairs.token_first[pair + 1]))
        return {names[int(pairs.asset[row])]: float(pairs.amount[row]) for row in rows}
