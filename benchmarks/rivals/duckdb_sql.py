"""DuckDB: one row a position and scenario, summed by account and scenario, in SQL."""

from __future__ import annotations

import time
from pathlib import Path

import duckdb

from benchmarks.rivals.job import SETTLE, Answer, rules

PREPARE = """
CREATE TABLE positions AS
    SELECT account_id, underlying, quantity * mark_price AS value, abs(quantity * mark_price) AS notional, cost FROM
        (SELECT account_id, instrument_id, sum(quantity) AS quantity, sum(quantity * entry_price) AS cost
         FROM read_parquet('{snapshot}/positions.parquet') GROUP BY ALL)
    JOIN read_parquet('{snapshot}/instruments.parquet') AS instruments USING (instrument_id);
CREATE TABLE collateral AS
    SELECT account_id, asset, collateral_schedule AS schedule, sum(quantity * price) AS value
    FROM read_parquet('{snapshot}/collateral.parquet') AS collateral
    JOIN read_parquet('{snapshot}/assets.parquet') AS assets USING (asset) GROUP BY ALL;
CREATE TABLE moves AS SELECT scenario_id, substr(factor, 6) AS asset, 1 + value AS factor FROM read_parquet('{scenarios}');
"""

COMPUTE = """
CREATE TABLE account_scenario AS
WITH pnl AS (
    SELECT account_id, scenario_id, sum(value * factor - cost) AS pnl,
        sum({margin}) AS maintenance_margin, sum({initial_margin}) AS initial_margin
    FROM positions JOIN moves ON underlying = asset GROUP BY ALL),
coins AS (
    SELECT account_id, scenario_id, sum(value * factor) AS value, sum({coins}) AS maintenance, sum({coins_initial}) AS initial
    FROM collateral JOIN moves USING (asset) GROUP BY ALL),
cash AS (SELECT account_id, value FROM collateral WHERE asset = '{settle}'),
joined AS (
    SELECT account_id, scenario_id, coins.value + cash.value + coalesce(pnl, 0) AS equity, cash.value + coalesce(pnl, 0) AS settled,
        coins.maintenance, coins.initial, coalesce(maintenance_margin, 0) AS maintenance_margin, coalesce(initial_margin, 0) AS initial_margin
    FROM coins JOIN cash USING (account_id) LEFT JOIN pnl USING (account_id, scenario_id))
SELECT account_id, scenario_id, equity,
    maintenance + {cash} - maintenance_margin AS excess, initial + {cash_initial} - initial_margin AS initial_excess
FROM joined
"""

TOTALS = """
SELECT sum(greatest(-excess, 0)) AS margin, sum(greatest(-initial_excess, 0)) AS initial, sum(greatest(-equity, 0)) AS loss
FROM account_scenario GROUP BY scenario_id ORDER BY scenario_id
"""

WORST = "SELECT min(excess) AS worst FROM account_scenario GROUP BY account_id ORDER BY account_id"


def work(book: Path, scenarios: Path) -> Answer:
    """The job, on all cores."""
    margin, schedules = rules(book)
    started = time.perf_counter()
    connection = duckdb.connect()
    connection.execute(PREPARE.format(snapshot=book / "snapshot", scenarios=scenarios))
    prepared = time.perf_counter()
    coins = [
        "CASE schedule " + " ".join(f"WHEN '{name}' THEN {curve.sql('(value * factor)', which)}" for name, curve in schedules.items()) + " END"
        for which in (0, 1)
    ]
    cash = schedules[SETTLE.lower()]
    connection.execute(
        COMPUTE.format(
            margin=margin.sql("(notional * factor)", 0), initial_margin=margin.sql("(notional * factor)", 1),
            coins=coins[0], coins_initial=coins[1], cash=cash.sql("settled", 0), cash_initial=cash.sql("settled", 1), settle=SETTLE,
        )
    )  # fmt: skip
    totals = connection.sql(TOTALS).pl().to_numpy()
    worst = connection.sql(WORST).pl()["worst"].to_numpy()
    return Answer(totals, worst, prepared - started, time.perf_counter() - prepared)
