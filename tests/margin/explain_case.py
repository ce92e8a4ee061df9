"""Small books, factor values and marks written out by hand, for the tests of `explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import polars as pl

from stresstest.margin.explain import Explanation, Holdings, explain
from stresstest.margin.explain.holdings import COLLATERAL_SCHEMA, ORDERS_SCHEMA, POOLS_SCHEMA, POSITIONS_SCHEMA
from stresstest.margin.rulebook import Rulebook
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.tables import ACCOUNTS, ASSETS, INSTRUMENTS, Table
from stresstest.valuation.value import value_instruments

AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
TYPES = {"string": pl.String, "float": pl.Float64, "boolean": pl.Boolean, "string list": pl.List(pl.String), "timestamp": pl.Datetime("us", "UTC")}
SCHEDULES: dict[str, Any] = {
    "collateral_schedules": {"par": {"bands": [{"from": 0, "haircut": 0.0}]}},
    "margin_schedules": {"flat": {"tiers": [{"from": 0, "maintenance_rate": 0.05, "initial_rate": 0.10}]}},
}
"""Zero haircuts, and 5 % / 10 % of notional."""

Row = dict[str, Any]


def _frame(table: Table, rows: Sequence[Row], **extra: pl.DataType | type[pl.DataType]) -> pl.DataFrame:
    schema = {column.name: TYPES[column.type] for column in table.columns}
    defaults = {column.name: column.default for column in table.columns}
    return pl.DataFrame([{**defaults, **row} for row in rows], schema={**schema, **extra})


class Case:
    """A book in USD. Assets default to one collateral schedule `par`; every scenario is a dict of factor values that differ from base."""

    def __init__(
        self, assets: dict[str, Row], instruments: dict[str, Row], margin: Row | None = None, accounts: dict[str, Row] | None = None
    ) -> None:
        assets = {"USD": {"price": 1.0}, **assets}
        self.assets = dict(sorted(assets.items()))
        self.asset = {name: code for code, name in enumerate(self.assets)}
        self.instruments = dict(sorted(instruments.items()))
        self.instrument = {name: code for code, name in enumerate(self.instruments)}
        self.accounts = dict(sorted((accounts or {"A": {}}).items()))
        self.rulebook = Rulebook.model_validate({**SCHEDULES, **(margin or {})})
        self.pools: list[tuple[str, str]] = []
        self.positions: list[Row] = []
        self.collateral: list[Row] = []
        self.orders: list[Row] = []
        self.locations: list[str] = []
        for account in self.accounts:
            self.pool(account, "cross")

    def pool(self, account: str, pool_id: str) -> int:
        """Code of a pool; pools must come in order of accounts."""
        if (account, pool_id) not in self.pools:
            self.pools.append((account, pool_id))
        return self.pools.index((account, pool_id))

    def hold(
        self,
        instrument: str,
        quantity: float,
        entry: float | None = None,
        *,
        account: str = "A",
        pool: str = "cross",
        funding: float = 0.0,
        leverage: float = 0.0,
    ) -> Case:
        """Adds a position; `cost` follows from the entry price (null = mark)."""
        terms = self.instruments[instrument]
        e = terms["mark_price"] if entry is None else entry
        cost = quantity / e if terms.get("payoff") == "inverse" and terms["kind"] != "option" else quantity * e
        self.positions.append(
            {
                "pool": self.pool(account, pool),
                "instrument": self.instrument[instrument],
                "quantity": quantity,
                "cost": cost,
                "funding": funding,
                "leverage": leverage,
            }
        )
        return self

    def order(self, instrument: str, quantity: float, price: float, *, account: str = "A", reserved: float = 0.0) -> Case:
        """Adds an open order of the cross pool, plus = buy, in a position that is there already if need be of quantity zero."""
        self.orders.append(
            {
                "pool": self.pool(account, "cross"),
                "instrument": self.instrument[instrument],
                "quantity": quantity,
                "price": price,
                "reserved": reserved,
            }
        )
        if reserved:
            terms = self.instruments[instrument]
            settle = terms.get("settle", terms.get("quote", "USD"))
            self.deposit(terms["underlying"] if terms["kind"] == "spot" and quantity < 0.0 else settle, reserved, account=account)
        if not any(row["instrument"] == self.instrument[instrument] and row["pool"] == self.pool(account, "cross") for row in self.positions):
            self.hold(instrument, 0.0, account=account)
        return self

    def deposit(self, asset: str, amount: float, location: str | None = None, *, account: str = "A", pool: str = "cross") -> Case:
        """Adds a collateral row."""
        if location is not None and location not in self.locations:
            self.locations.append(location)
        code = -1 if location is None else self.locations.index(location)
        self.collateral.append({"pool": self.pool(account, pool), "asset": self.asset[asset], "location": code, "amount": amount})
        return self

    @property
    def dimensions(self) -> Dimensions:
        """The dimension tables."""
        assets = _frame(
            ASSETS,
            [
                {"asset": name, "price_currency": "USD", "collateral_schedule": None if name == "USD" else "par", "tags": [], **row}
                for name, row in self.assets.items()
            ],
        )
        instruments = _frame(
            INSTRUMENTS,
            [
                {
                    "instrument_id": name,
                    "quote": "USD",
                    **row,
                    "settle": row.get("settle", row.get("quote", "USD")),
                    "risk_group": row.get("risk_group", row["underlying"]),
                    "underlying_code": self.asset[row["underlying"]],
                    "quote_code": self.asset[row.get("quote", "USD")],
                    "settle_code": self.asset[row.get("settle", row.get("quote", "USD"))],
                }
                for name, row in self.instruments.items()
            ],
            underlying_code=pl.Int32,
            quote_code=pl.Int32,
            settle_code=pl.Int32,
        )
        names = list(self.accounts)
        accounts = _frame(ACCOUNTS, [{"account_id": name, "owner_id": name, **row} for name, row in self.accounts.items()])
        pools = pl.DataFrame(
            {
                "account_code": [names.index(account) for account, _ in self.pools],
                "pool_id": [pool for _, pool in self.pools],
                "isolated": [pool != "cross" for _, pool in self.pools],
            },
            schema={"account_code": pl.Int32, "pool_id": pl.String, "isolated": pl.Boolean},
        )
        owners = pl.DataFrame({"owner_id": names})
        return Dimensions(
            AS_OF, "USD", assets, instruments, owners, accounts, pools, pl.DataFrame({"location": self.locations}, schema={"location": pl.String})
        )

    @property
    def holdings(self) -> Holdings:
        """What every account holds."""
        names = list(self.accounts)
        pools = [{"pool": code, "account": names.index(account)} for code, (account, _) in enumerate(self.pools)]
        return Holdings(
            pl.DataFrame(pools, schema=POOLS_SCHEMA),
            pl.DataFrame(self.positions, schema=POSITIONS_SCHEMA),
            pl.DataFrame(self.collateral, schema=COLLATERAL_SCHEMA),
            pl.DataFrame([self._summed(order) for order in self.orders], schema=ORDERS_SCHEMA),
        )

    def _summed(self, order: Row) -> Row:
        """The one order in an instrument as `Holdings` has sums of them."""
        terms = list(self.instruments.values())[order["instrument"]]
        buys, size = order["quantity"] > 0, abs(order["quantity"])
        cost = size / order["price"] if terms.get("payoff") == "inverse" else size * order["price"]
        side = {"bid_quantity": size, "bid_cost": cost} if buys else {"ask_quantity": size, "ask_cost": cost}
        aside = "reserved_underlying" if terms["kind"] == "spot" and not buys else "reserved_settle"
        nothing = dict.fromkeys(ORDERS_SCHEMA, 0.0)
        return {**nothing, **side, aside: order["reserved"], "pool": order["pool"], "instrument": order["instrument"], "orders": 1.0}

    def explain(self, **scenarios: Row) -> Explanation:
        """The explanation in base and the scenarios; see `factors` for the keys."""
        resolved, marks = self.factors(scenarios)
        return explain(self.dimensions, self.holdings, resolved, marks, self.rulebook, range(resolved.scenarios))

    def valued(self, **scenarios: Row) -> Explanation:
        """As `explain`, with instruments valued in the scenarios: `spot` moves their marks, and grids can move them on."""
        resolved, _ = self.factors(scenarios)
        options = np.array([code for code, row in enumerate(self.instruments.values()) if row["kind"] == "option"], dtype=np.int32)
        vols = np.ones((len(options), resolved.scenarios))
        resolved = replace(resolved, option_codes=options, vol_scale=vols, vol_shift=0.0 * vols)
        units = value_instruments(self.dimensions, resolved)
        return explain(self.dimensions, self.holdings, resolved, units.mark, self.rulebook, range(resolved.scenarios), units)

    def factors(self, scenarios: dict[str, Row]) -> tuple[Resolved, np.ndarray[Any, np.dtype[np.float64]]]:
        """Factor values and marks, from dicts by name: `spot`, `mark`, `ratio`, `haircut` (shift), `haircut_scale`, `holding`, `margin_rate`."""
        every = [{}, *scenarios.values()]
        count = len(every)

        def table(key: str, base: list[float], codes: dict[str, int]) -> np.ndarray[Any, np.dtype[np.float64]]:
            values = np.repeat(np.array(base, dtype=float).reshape(-1, 1), count, axis=1)
            for column, scenario in enumerate(every):
                for name, value in scenario.get(key, {}).items():
                    values[codes[name], column] = value
            return values

        spot = table("spot", [row["price"] for row in self.assets.values()], self.asset)
        currency = {name: row.get("price_currency", "USD") for name, row in self.assets.items()}
        value = spot.copy()
        for name, code in self.asset.items():
            if currency[name] != "USD":  # one step of a chain is enough here
                value[code] = spot[code] * spot[self.asset[currency[name]]]
        holding: dict[tuple[int, int], Any] = {}
        rates: dict[str, Any] = {}
        for column, scenario in enumerate(every):
            for (asset, location), share in scenario.get("holding", {}).items():
                code = -1 if location is None else self.locations.index(location)
                holding.setdefault((self.asset[asset], code), np.ones(count))[column] = share
            for name, rate in scenario.get("margin_rate", {}).items():
                rates.setdefault(name, np.ones(count))[column] = rate
        assets, instruments = len(self.assets), len(self.instruments)
        resolved = Resolved(
            ids=("base", *scenarios),
            spot=spot,
            value=value,
            rate=table("rate", [row.get("rate", 0.0) for row in self.assets.values()], self.asset),
            basis=np.zeros((instruments, count)),
            option_codes=np.zeros(0, dtype=np.int32),
            vol_scale=np.ones((0, count)),
            vol_shift=np.zeros((0, count)),
            collateral_ratio=table("ratio", [1.0] * assets, self.asset),
            haircut_scale=table("haircut_scale", [1.0] * assets, self.asset),
            haircut_shift=table("haircut", [0.0] * assets, self.asset),
            holding_rows=holding,
            margin_rate=rates,
            depth={},
            elapsed_years=np.zeros(count),
        )
        return resolved, table("mark", [row["mark_price"] for row in self.instruments.values()], self.instrument)


PERPETUAL: Row = {"kind": "perpetual", "underlying": "BTC", "mark_price": 100.0, "margin_schedule": "flat"}
"""A linear perpetual on BTC in USD."""


def row(frame: pl.DataFrame, scenario: str = "s", **where: str) -> Row:
    """The only row of a frame in a scenario."""
    return frame.filter(pl.col("scenario_id") == scenario, *(pl.col(name) == value for name, value in where.items())).row(0, named=True)
