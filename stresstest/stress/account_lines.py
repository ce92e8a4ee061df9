"""What an account holds, line by line: positions, deposits, borrows and nets, at base and in one scenario."""

from __future__ import annotations

import math

import polars as pl

from stresstest.margin.explain import Explanation
from stresstest.margin.explain.sums import total
from stresstest.scenarios.scenario_set import BASE
from stresstest.snapshot.book import Dimensions
from stresstest.tables import ACCOUNT_HOLDINGS

MOST_LINES = 200
"""Lines of each kind; those beyond it, the smallest, become one."""

_SUMMED = (
    "base_value",
    "stressed_value",
    "value_change",
    "notional",
    "base_maintenance_margin",
    "maintenance_margin",
    "initial_margin",
    "value_after_haircut",
)


def account_lines(explanation: Explanation, scenario: str, dimensions: Dimensions) -> pl.DataFrame:
    """The lines of one account in the table `account_holdings`.

    Args:
        explanation: of the account, at base and in the scenario.
        scenario: its id.
        dimensions: of the book.
    """
    lines = [
        _capped(_positions(explanation, scenario), "position"),
        *(_capped(lines, kind) for kind, lines in _balances(explanation, scenario, dimensions).items()),
        _capped(_nets(explanation, scenario), "net"),
    ]
    account = explanation.accounts.row(0, named=True)
    return (
        pl.concat(lines)
        .with_row_index("place", offset=1)
        .with_columns(owner_id=pl.lit(account["owner_id"]), account_id=pl.lit(account["account_id"]), scenario_id=pl.lit(scenario))
        .select(ACCOUNT_HOLDINGS.names)
    )


def _in(frame: pl.DataFrame, scenario: str) -> pl.DataFrame:
    return frame.filter(pl.col("scenario_id") == scenario)


def _positions(explanation: Explanation, scenario: str) -> pl.DataFrame:
    """By the size of what they gain or lose, then by notional."""
    key = ["pool_id", "instrument_id"]
    base = _in(explanation.positions, BASE.id).select(*key, base_maintenance_margin="requirement_maintenance")
    return (
        _in(explanation.positions, scenario)
        .join(base, on=key, how="left", maintain_order="left")
        .sort(pl.col("value_change").abs(), "notional", *key, descending=[True, True, False, False])
        .select(
            "pool_id",
            "underlying",
            "quantity",
            "base_price",
            "stressed_price",
            "base_value",
            "stressed_value",
            "value_change",
            "notional",
            "base_maintenance_margin",
            item="instrument_id",
            price_currency="quote",
            maintenance_margin="requirement_maintenance",
            initial_margin="requirement_initial",
        )
    )


def _balances(explanation: Explanation, scenario: str, dimensions: Dimensions) -> dict[str, pl.DataFrame]:
    """Deposits and borrows, largest first; each counts its value times the mean rate of its token's balance in the pool, without P&L."""
    balance = pl.col("balance")
    rate = (
        pl.when(balance > 0.0)
        .then(pl.col("collateral_after_maintenance_haircut") / balance)
        .when(balance < 0.0)
        .then(pl.col("debt_weight_own_maintenance"))
        .otherwise(0.0)
    )
    tokens = _in(explanation.tokens, scenario).select("pool_id", "asset", rate=rate)
    currencies = dimensions.assets.select("asset", "price_currency")
    rows = (
        _in(explanation.balances, scenario)
        .join(tokens, on=["pool_id", "asset"], how="left", maintain_order="left")
        .join(currencies, on="asset", how="left", maintain_order="left")
        .sort(pl.col("base_value").abs(), "pool_id", "asset", "location", descending=[True, False, False, False])
        .select(
            "pool_id",
            "location",
            "price_currency",
            "base_price",
            "stressed_price",
            "base_value",
            "stressed_value",
            "value_change",
            item="asset",
            quantity="amount",
            value_after_haircut=pl.col("stressed_value") * pl.col("rate"),
        )
    )
    return {"deposit": rows.filter(pl.col("quantity") > 0.0), "borrow": rows.filter(pl.col("quantity") < 0.0)}


def _nets(explanation: Explanation, scenario: str) -> pl.DataFrame:
    """Requirements that positions have only together, largest first: nets by underlying, strategies, scans, add-ons, open orders."""
    required = ["requirement_maintenance", "requirement_initial"]
    head = ["pool_id", "scenario_id"]
    nets = pl.concat(
        [
            explanation.charges.filter(pl.col("instrument_id").is_null()).select(*head, "underlying", "notional", *required, item="underlying"),
            explanation.strategies.group_by(*head, "underlying", item=pl.format("{} strategies", "underlying"), maintain_order=True).agg(
                total(name).alias(name) for name in required
            ),
            explanation.scans.select(*head, *required, item=pl.format("scan {}", "scan")),
            explanation.add_ons.filter(pl.col("combine") == "add")
            .group_by(*head, item=pl.format("add-on {}", "line"), maintain_order=True)
            .agg(total(name).alias(name) for name in required),
            explanation.orders.group_by(*head, item=pl.format("open orders: {}", "subject"), maintain_order=True).agg(
                total(pl.col(name).fill_null(0.0)).alias(name) for name in required
            ),
        ],
        how="diagonal",
    )
    key = ["pool_id", "item"]
    base = _in(nets, BASE.id).select(*key, base_maintenance_margin="requirement_maintenance")
    return (
        _in(nets, scenario)
        .join(base, on=key, how="left", maintain_order="left")
        .sort(pl.col("requirement_maintenance"), *key, descending=[True, False, False])
        .select(
            "pool_id",
            "underlying",
            "notional",
            "base_maintenance_margin",
            "item",
            maintenance_margin="requirement_maintenance",
            initial_margin="requirement_initial",
        )
    )


def _capped(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """The lines in all their columns, those after the first `MOST_LINES` as one."""
    lines = rows.head(MOST_LINES).with_columns(lines=pl.lit(1))
    rest = rows.slice(MOST_LINES)
    if rest.height:
        pools = rest["pool_id"].unique()
        sums = {name: _sum(rest[name]) for name in _SUMMED if name in rest.columns}
        one = pl.DataFrame({"pool_id": pools[0] if len(pools) == 1 else None, "lines": rest.height, **sums})
        lines = pl.concat([lines, one], how="diagonal_relaxed")
    schema = {column.name: pl.Float64 if column.type == "float" else pl.String for column in ACCOUNT_HOLDINGS.columns}
    wanted = [name for name in schema if name not in ("owner_id", "account_id", "scenario_id", "place", "lines", "kind")]
    return lines.select(
        pl.lit(kind).alias("kind"),
        pl.col("lines").cast(pl.Int64),
        *(pl.col(name).cast(schema[name]) if name in lines.columns else pl.lit(None, schema[name]).alias(name) for name in wanted),
    )


def _sum(values: pl.Series) -> float | None:
    """The exactly rounded sum, whatever the order; null where all are."""
    known = values.drop_nulls()
    return math.fsum(known) if len(known) else None
