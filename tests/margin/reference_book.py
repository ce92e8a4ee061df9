"""A snapshot of the reference calculation as dimensions, holdings, factor values and marks: what `explain` takes.

Nothing is computed here that `explain` computes: prices, factors and lots netted to positions come from the reference, all from the mark
on is the business of the two sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from oracle.margin import Pool, build_pools
from oracle.shocks import BASE, State, holding_share, margin_rate, resolve
from oracle.valuation import option_terms, value_instruments

from stresstest.margin.explain import Holdings
from stresstest.margin.explain.holdings import COLLATERAL_SCHEMA, ORDERS_SCHEMA, POOLS_SCHEMA, POSITIONS_SCHEMA
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions, Floats
from stresstest.tables import ACCOUNTS, ASSETS, INSTRUMENTS, Table

if TYPE_CHECKING:
    from oracle.reading import Row, Snapshot

TYPES = {
    "string": pl.String, "float": pl.Float64, "boolean": pl.Boolean, "string list": pl.List(pl.String), "timestamp": pl.Datetime("us", "UTC"),
}  # fmt: skip


@dataclass(frozen=True)
class ReferenceBook:
    """What `explain` takes, of all accounts."""

    dimensions: Dimensions
    holdings: Holdings
    resolved: Resolved
    marks: Floats


def reference_book(snapshot: Snapshot, margin: Row, scenarios: list[Row]) -> ReferenceBook:
    """The snapshot in base and every scenario."""
    pools = build_pools(snapshot)
    return _Bridge(snapshot, margin, pools).book([BASE, *(row for row in scenarios if row["id"] != "base")])


def _frame(table: Table, rows: list[Row], **extra: Any) -> pl.DataFrame:
    schema = {column.name: TYPES[column.type] for column in table.columns}
    return pl.DataFrame([{name: row.get(name) for name in (*schema, *extra)} for row in rows], schema={**schema, **extra})


class _Bridge:
    def __init__(self, snapshot: Snapshot, margin: Row, pools: list[Pool]) -> None:
        self.snapshot, self.margin, self.pools = snapshot, margin, pools
        self.assets, self.instruments = sorted(snapshot.assets), sorted(snapshot.instruments)
        self.accounts = sorted(snapshot.accounts, key=lambda name: (snapshot.accounts[name]["owner_id"], name))
        self.locations = sorted({location for pool in pools for _, location, _ in pool.balances if location is not None})
        self.asset = {name: code for code, name in enumerate(self.assets)}
        self.instrument = {name: code for code, name in enumerate(self.instruments)}

    def book(self, scenarios: list[Row]) -> ReferenceBook:
        base = resolve(self.snapshot, BASE, {})
        terms = option_terms(self.snapshot, base)
        forwards = {name: term.base_forward for name, term in terms.items()}
        states = [resolve(self.snapshot, scenario, forwards) for scenario in scenarios]
        priced = [value_instruments(self.snapshot, base, state, terms) for state in states]
        marks = np.array([[prices[name].mark for prices in priced] for name in self.instruments]).reshape(-1, len(states))
        return ReferenceBook(self.dimensions(), self.holdings(), self.resolved([row["id"] for row in scenarios], states), marks)

    def dimensions(self) -> Dimensions:
        code = self.asset
        instruments = [
            {**row, "underlying_code": code[row["underlying"]], "quote_code": code[row["quote"]], "settle_code": code[row["settle"]]}
            for row in (self.snapshot.instruments[name] for name in self.instruments)
        ]
        codes = {"underlying_code": pl.Int32, "quote_code": pl.Int32, "settle_code": pl.Int32}
        pools = {
            "account_code": [self.accounts.index(pool.account_id) for pool in self.pools],
            "pool_id": [pool.pool_id for pool in self.pools], "isolated": [pool.pool_id != "cross" for pool in self.pools],
        }  # fmt: skip
        return Dimensions(
            as_of=self.snapshot.as_of,
            reporting_currency=self.snapshot.reporting,
            assets=_frame(ASSETS, [self.snapshot.assets[name] for name in self.assets]),
            instruments=_frame(INSTRUMENTS, instruments, **codes),
            owners=pl.DataFrame({"owner_id": sorted({row["owner_id"] for row in self.snapshot.accounts.values()})}),
            accounts=_frame(ACCOUNTS, [self.snapshot.accounts[name] for name in self.accounts]),
            pools=pl.DataFrame(pools, schema={"account_code": pl.Int32, "pool_id": pl.String, "isolated": pl.Boolean}),
            locations=pl.DataFrame({"location": self.locations}, schema={"location": pl.String}),
        )

    def holdings(self) -> Holdings:
        positions = [
            {"pool": code, "instrument": self.instrument[name], "quantity": held.quantity, "cost": held.cost, "funding": held.funding,
             "leverage": held.leverage or 0.0}
            for code, pool in enumerate(self.pools) for name, held in pool.positions.items()
        ]  # fmt: skip
        positions += [
            {"pool": code, "instrument": self.instrument[name], "quantity": 0.0, "cost": 0.0, "funding": 0.0,
             "leverage": self.snapshot.accounts[pool.account_id].get("max_leverage") or 0.0}
            for code, pool in enumerate(self.pools) for name in pool.orders if name not in pool.positions
        ]  # fmt: skip
        orders = [
            {"pool": code, "instrument": self.instrument[name], "bid_quantity": placed.bids, "bid_cost": placed.paid, "ask_quantity": placed.asks,
             "ask_cost": placed.received, "reserved_settle": placed.of_settle, "reserved_underlying": placed.of_underlying,
             "orders": float(placed.count)}
            for code, pool in enumerate(self.pools) for name, placed in pool.orders.items()
        ]  # fmt: skip
        collateral = [
            {"pool": code, "asset": self.asset[asset], "location": -1 if location is None else self.locations.index(location), "amount": amount}
            for code, pool in enumerate(self.pools) for asset, location, amount in pool.balances
        ]  # fmt: skip
        pools = [{"pool": code, "account": self.accounts.index(pool.account_id)} for code, pool in enumerate(self.pools)]
        return Holdings(
            pl.DataFrame(pools, schema=POOLS_SCHEMA), pl.DataFrame(positions, schema=POSITIONS_SCHEMA),
            pl.DataFrame(collateral, schema=COLLATERAL_SCHEMA), pl.DataFrame(orders, schema=ORDERS_SCHEMA),
        )  # fmt: skip

    def resolved(self, ids: list[str], states: list[State]) -> Resolved:
        def of_assets(figure: Callable[[State, str], float]) -> Floats:
            return np.array([[figure(state, name) for state in states] for name in self.assets])

        places = [(name, location) for name in self.assets for location in (None, *self.locations)]
        rates: dict[str, Floats] = {}
        for names, starred in ((self.margin["margin_schedules"], True), (self.margin["models"], False)):
            rates |= {name: np.array([margin_rate(state, name, starred=starred) for state in states]) for name in names}
        nothing = np.zeros((len(self.instruments), len(states)))
        return Resolved(
            ids=tuple(ids),
            spot=of_assets(lambda state, name: state.spot[name]),
            value=of_assets(lambda state, name: state.value[name]),
            rate=of_assets(lambda state, name: state.rate[name]),
            basis=nothing, option_codes=np.zeros(0, dtype=np.int32), vol_scale=nothing[:0], vol_shift=nothing[:0],
            collateral_ratio=of_assets(lambda state, name: state.collateral_ratio[name]),
            haircut_scale=of_assets(lambda state, name: state.haircut[name][0]),
            haircut_shift=of_assets(lambda state, name: state.haircut[name][1]),
            holding_rows={
                (self.asset[name], -1 if location is None else self.locations.index(location)):
                    np.array([holding_share(self.snapshot, state, name, location) for state in states])
                for name, location in places
            },
            margin_rate=rates, depth={}, elapsed_years=np.array([state.elapsed_years for state in states]),
        )  # fmt: skip
