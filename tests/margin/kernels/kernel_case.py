"""The books of `margin.explain_case` through the kernels: written by hand, compiled, folded and walked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from margin.explain_case import Case, Row

from stresstest.margin.compile import Compiled, compile_tables
from stresstest.margin.kernels.program import ORDER, Program
from stresstest.snapshot.book import Block, Dimensions
from stresstest.stress.evaluation import Evaluated, dense_rows, evaluate_block, folded
from stresstest.stress.holders import BlockHoldings, Holders, block_holdings, holders_of
from stresstest.stress.rows import measures
from stresstest.tables import STATUSES
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Value = TypeVar("Value", float, Floats)


class KernelCase(Case):
    """A book in USD, accounts of one owner each unless `owner_id` says otherwise; `run` gives the figures of its pools.

    Scenarios are dicts of factor values as in `Case.factors`; marks do not follow spots unless a scenario states both.
    """

    def run(self, *, headline: bool = True, widest: int = 256, **scenarios: Row) -> dict[str, Row]:
        """Figures and status of the only pool, by scenario."""
        (pool,) = self.pools
        return {scenario: figures for (at, scenario), figures in self.by_pool(headline=headline, widest=widest, **scenarios).items() if at == pool}

    def by_pool(self, *, headline: bool = True, widest: int = 256, **scenarios: Row) -> dict[tuple[tuple[str, str], str], Row]:
        """Figures and status by (account, pool) and scenario."""
        compiled, holders, block = self.parts(headline=headline, widest=widest, **scenarios)
        ids = ("base", *scenarios)
        found = {}
        for rows, base in dense_rows(compiled, holders, block, pool_rows=True):
            columns = measures(rows.figures, base)
            for n, (pool, scenario) in enumerate(zip(rows.holder, rows.scenario, strict=True)):
                figures: Row = {name: float(values[n]) for name, values in columns.items()}
                found[self.pools[int(pool)], ids[int(scenario)]] = figures | {"status": STATUSES[rows.status[n]]}
        return found

    def program(self, **scenarios: Row) -> Program:
        """What folding gives."""
        compiled, _, block = self.parts(**scenarios)
        return folded(compiled, block)

    def evaluated(self, *, headline: bool = True, **scenarios: Row) -> Evaluated:
        """What the reduced pass gives."""
        compiled, holders, block = self.parts(headline=headline, **scenarios)
        return evaluate_block(compiled, holders, block)

    def parts(self, *, headline: bool = True, widest: int = 256, **scenarios: Row) -> tuple[Compiled, Holders, BlockHoldings]:
        """The arrays that the kernels read."""
        resolved, marks = self.factors(scenarios)
        flags = np.array([False, *(headline for _ in scenarios)])
        dimensions = self.staged
        compiled = compile_tables(dimensions, resolved, self.units(resolved.value, marks), self.rulebook, flags, widest)
        holders = holders_of(dimensions, compiled.models)
        return compiled, holders, block_holdings(self.block, holders, compiled)

    @property
    def staged(self) -> Dimensions:
        """The dimension tables with the codes that staging adds."""
        plain = self.dimensions
        owners = sorted(set(plain.accounts["owner_id"]))
        accounts = plain.accounts.with_columns(
            owner_code=pl.Series([owners.index(owner) for owner in plain.accounts["owner_id"]], dtype=pl.Int32), pools=pl.lit(1), positions=pl.lit(1)
        )
        assert accounts["owner_code"].is_sorted(), "name accounts in the order of their owners"
        return Dimensions(
            plain.as_of, plain.reporting_currency, plain.assets, plain.instruments, pl.DataFrame({"owner_id": owners}), accounts, plain.pools,
            plain.locations,
        )  # fmt: skip

    @property
    def block(self) -> Block:
        """All holdings as one staged block."""
        assert self.pools == sorted(self.pools), "name pools in the order of accounts"
        names = list(self.accounts)
        positions = sorted(self.positions, key=lambda row: (row["pool"], row["instrument"]))
        collateral = sorted(self.collateral, key=lambda row: (row["pool"], row["asset"], row["location"]))

        def codes(rows: list[Row], key: str) -> npt.NDArray[np.int32]:
            return np.array([row[key] for row in rows], dtype=np.int32)

        def amounts(rows: list[Row], key: str) -> Floats:
            return np.array([row[key] for row in rows], dtype=np.float64)

        return Block(
            number=0, first_pool=0, account=np.array([names.index(account) for account, _ in self.pools], dtype=np.int32),
            position_pool=codes(positions, "pool"), instrument=codes(positions, "instrument"), quantity=amounts(positions, "quantity"),
            cost=amounts(positions, "cost"), funding=amounts(positions, "funding"), leverage=amounts(positions, "leverage"),
            collateral_pool=codes(collateral, "pool"), asset=codes(collateral, "asset"), location=codes(collateral, "location"),
            amount=amounts(collateral, "amount"), **self.open_orders(positions),
        )  # fmt: skip

    def open_orders(self, positions: list[Row]) -> dict[str, npt.NDArray[Any]]:
        """Columns of a block about orders, of these positions."""
        names = [str(name) for name in ORDER.names or ()]
        found: dict[int, dict[str, float]] = {}
        for order in self.orders:
            place = next(n for n, row in enumerate(positions) if (row["pool"], row["instrument"]) == (order["pool"], order["instrument"]))
            terms = list(self.instruments.values())[order["instrument"]]
            sums = found.setdefault(place, dict.fromkeys(names, 0.0))
            side, size = ("bid" if order["quantity"] > 0 else "ask"), abs(order["quantity"])
            sums[f"{side}_quantity"] += size
            sums[f"{side}_cost"] += size / order["price"] if terms.get("payoff") == "inverse" else size * order["price"]
            sums["reserved_underlying" if terms["kind"] == "spot" and side == "ask" else "reserved_settle"] += order["reserved"]
            sums["orders"] += 1.0
        places = sorted(found)
        return {"order_position": np.array(places, dtype=np.int32), **{name: np.array([found[place][name] for place in places]) for name in names}}

    def units(self, value: Floats, mark: Floats) -> UnitValues:
        """Unit values from given marks: the table of section 3 of the methodology, one instrument after the other."""
        found: dict[str, list[Floats]] = {"value_slope": [], "cost_slope": [], "notional": []}
        for code, terms in enumerate(self.instruments.values()):
            size, m = terms.get("contract_size", 1.0), mark[code]
            quote = value[self.asset[terms.get("quote", "USD")]]
            settle = value[self.asset[terms.get("settle", terms.get("quote", "USD"))]]
            option, payoff = terms["kind"] == "option", terms.get("payoff", "linear")
            margined = terms["kind"] in ("future", "perpetual") or terms.get("premium_style") == "margined"
            if payoff == "inverse" and not option:
                slopes = -size * settle / m, size * settle, size * quote
            elif payoff == "quanto":
                slopes = size * m * settle, -size * settle, size * abs(m) * settle
            else:
                slopes = size * m * quote, -size * quote if margined else 0.0 * quote, size * abs(m) * quote
            if option:
                slopes = (*slopes[:2], size * value[self.asset[terms["underlying"]]])
            for name, slope in zip(found, slopes, strict=True):
                found[name].append(slope)
        rows = {name: np.array(slopes).reshape(len(self.instruments), -1) for name, slopes in found.items()}
        none = np.zeros_like(mark)
        clamped = np.zeros(mark.shape[1], np.int64)
        return UnitValues(
            mark=mark, **rows, forward=none, base_vol=none[:, 0], treatment=("mark",) * len(mark), clamped_vols=clamped, clamped_prices=0
        )


def piecewise(tiers: list[tuple[float, float]]) -> Callable[[float], float]:
    """Marginal requirement by its definition: rate times the part of n inside each tier; `tiers` are (from, rate)."""
    edges = [*(start for start, _ in tiers), float("inf")]

    def requirement(n: float) -> float:
        return sum(rate * max(0.0, min(n, edges[k + 1]) - start) for k, (start, rate) in enumerate(tiers))

    return requirement


def spot(price: float, asset: str = "BTC", instrument: str = "X") -> dict[str, Any]:
    """A scenario in which an asset and the one instrument on it move together."""
    return {"spot": {asset: price}, "mark": {instrument: price}}
