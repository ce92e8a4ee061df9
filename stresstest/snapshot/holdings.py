"""Positions and collateral: read once, checked and coded on the way, collected by ranges of accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.snapshot.book import Codes
from stresstest.snapshot.checks import Check, Finding, find, mask, table_checks
from stresstest.snapshot.plausibility import FAR_ENTRY
from stresstest.snapshot.reference import unknown_account, unknown_instrument
from stresstest.snapshot.session import Session
from stresstest.snapshot.spool import Spool
from stresstest.tables import table

_BATCH_ROWS = 1 << 20

_DEFAULT_POOL = (
    "CASE WHEN margin_mode = 'isolated' THEN coalesce(pool_id, instrument_id || CASE WHEN quantity >= 0 THEN ':long' ELSE ':short' END) "
    "ELSE coalesce(pool_id, 'cross') END"
)
"""An isolated position without a pool of its own is alone with the lots of its instrument and side."""


@dataclass(frozen=True)
class Stream:
    """One table of holdings: the relation of its rows with codes, the checks on it, and the columns that are collected."""

    table: str
    relation: str
    checks: list[Check]
    columns: dict[str, str]
    doubt: str = "false"
    """SQL that is true of a row worth a second look, though nothing is wrong with it."""


@dataclass
class Collected:
    """What a stream gave: rows, whether any row broke a check or is worth a second look, and which instruments or assets are held."""

    rows: int = 0
    clean: bool = True
    doubtful: bool = False
    held: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))


def create_pools(session: Session) -> tuple[Codes, Codes]:
    """Fill the temporary table `pools`: every account's cross pool and every pool that positions name, sorted by (account, pool).

    Collateral makes no pool: a mistyped one would take it out of the cross pool unseen.

    Returns:
        Account code of every pool, and the code of every account's cross pool.
    """
    accounts = session.count("SELECT count(*) FROM accounts")
    if not session.has("positions", "pool_id", "margin_mode") and not session.has("collateral", "pool_id"):
        codes = np.arange(accounts, dtype=np.int32)
        return codes, codes
    others = (
        f"SELECT DISTINCT a.code AS account_code, p.pool FROM (SELECT account_id, {_DEFAULT_POOL} AS pool FROM raw_positions) p "
        "JOIN accounts a USING (account_id) WHERE p.pool <> 'cross'"
    )
    with session.reading("positions"):
        session.connection.execute(
            "CREATE OR REPLACE TEMP TABLE pools AS SELECT CAST(row_number() OVER (ORDER BY account_code, pool_id) - 1 AS INTEGER) AS code, * "
            f"FROM (SELECT code AS account_code, 'cross' AS pool_id FROM accounts UNION ALL {others})"
        )
    rows = session.connection.sql("SELECT account_code, pool_id = 'cross' AS is_cross FROM pools ORDER BY code").to_arrow_table()
    cross = np.flatnonzero(rows.column("is_cross").to_numpy()).astype(np.int32)
    return rows.column("account_code").to_numpy(), cross


def positions_stream(session: Session) -> Stream:
    """Positions with codes. `cost` is quantity times entry (inverse: divided by it), entry null = mark."""
    has = session.has
    pools = has("positions", "pool_id", "margin_mode")
    inverse = session.count("SELECT count(*) FROM instruments WHERE inverse") > 0
    relation = (
        "(SELECT p.*, a.code AS account_code, i.code AS instrument_code, i.mark_price, i.kind, i.inverse, i.up_front"
        + (", x.code AS pool_code" if pools else "")
        + f" FROM (SELECT *{f', {_DEFAULT_POOL} AS pool' if pools else ''} FROM raw_positions) p "
        "LEFT JOIN accounts a ON p.account_id = a.account_id LEFT JOIN instruments i ON p.instrument_id = i.instrument_id"
        + (" LEFT JOIN pools x ON x.account_code = a.code AND x.pool_id = p.pool AND p.pool <> 'cross'" if pools else "")
        + ")"
    )
    checks = table_checks(table("positions"), session.types["positions"])
    checks += [unknown_account("account_code IS NOT NULL"), unknown_instrument("instrument_code IS NOT NULL")]
    checks += [_POOL_FOUND] if pools else []
    if has("positions", "accrued_funding"):
        checks.append(
            Check(
                "accrued_funding", "funding only where it accrues", "accrued funding on a spot position or a paid option",
                "Book it into collateral: nothing accrues on these.", "coalesce(accrued_funding <> 0 AND up_front, false)",
            )
        )  # fmt: skip
    if inverse and has("positions", "entry_price"):
        checks.append(
            Check(
                "entry_price", "inverse entry above zero", "an inverse contract entered at or below zero",
                "Correct the entry price: an inverse contract is valued at 1 / price.", "coalesce(inverse AND entry_price <= 0, false)",
            )
        )  # fmt: skip
    entry = "coalesce(entry_price, mark_price)"
    plain = f"quantity * {entry}"
    checks.append(
        Check(
            "quantity", "finite value", "quantity times price is beyond the range of a double", "Correct the quantity or the price.",
            f"coalesce(isfinite(quantity) AND isfinite({entry}) AND NOT isfinite({plain}), false)",
        )
    )  # fmt: skip
    columns = {
        "account": "coalesce(account_code, -1)",
        "instrument": "coalesce(instrument_code, -1)",
        "quantity": "quantity + 0.0",  # a negative zero would be another bit pattern of the same quantity
        "cost": (f"CASE WHEN inverse THEN quantity / {entry} ELSE {plain} END" if inverse else plain) + " + 0.0",
    }
    if pools:
        columns["pool"] = "coalesce(pool_code, -1)"
    if has("positions", "accrued_funding"):
        columns["funding"] = "accrued_funding + 0.0"
    if has("positions", "leverage"):
        columns["leverage"] = "coalesce(leverage, CAST('infinity' AS DOUBLE))"
    if has("positions", "margin_mode"):
        columns["margin"] = "CASE WHEN margin_mode = 'isolated' THEN isolated_margin + 0.0 END"
    return Stream("positions", relation, checks, columns, FAR_ENTRY if has("positions", "entry_price") else "false")


def collateral_stream(session: Session) -> Stream:
    """Collateral with codes; fills the temporary table `locations`."""
    has = session.has
    with session.reading("collateral"):
        session.connection.execute(
            "CREATE OR REPLACE TEMP TABLE locations AS SELECT CAST(row_number() OVER (ORDER BY location) - 1 AS INTEGER) AS code, location "
            + ("FROM (SELECT DISTINCT location FROM raw_collateral WHERE location IS NOT NULL)" if has("collateral", "location")
               else "FROM (SELECT CAST('' AS VARCHAR) AS location) WHERE false")
        )  # fmt: skip
    pools, places = has("collateral", "pool_id"), has("collateral", "location")
    relation = (
        "(SELECT c.*, a.code AS account_code, s.code AS asset_code"
        + (", x.code AS pool_code" if pools else "")
        + (", l.code AS location_code" if places else "")
        + " FROM raw_collateral c LEFT JOIN accounts a ON c.account_id = a.account_id LEFT JOIN assets s ON c.asset = s.asset"
        + (" LEFT JOIN pools x ON x.account_code = a.code AND x.pool_id = c.pool_id AND c.pool_id <> 'cross'" if pools else "")
        + (" LEFT JOIN locations l ON c.location = l.location" if places else "")
        + ")"
    )
    checks = table_checks(table("collateral"), session.types.get("collateral", {}))
    checks += [unknown_account("account_code IS NOT NULL")]
    if pools:
        checks.append(
            Check(
                "pool_id", "pool of a position", "a pool that no position of the account is in",
                "Write cross, or the pool_id of an isolated position; one without pool_id is in INSTRUMENT:long or INSTRUMENT:short.",
                "(account_code IS NOT NULL AND pool_code IS NULL AND pool_id <> 'cross')",
            )
        )  # fmt: skip
    checks += [
        Check(
            "asset", "known asset", "an asset that the assets table does not have", "Add it to assets.", "(asset IS NOT NULL AND asset_code IS NULL)"
        )
    ]
    columns = {"account": "coalesce(account_code, -1)", "asset": "coalesce(asset_code, -1)", "amount": "quantity + 0.0"}
    if pools:
        columns["pool"] = "coalesce(pool_code, -1)"
    if places:
        columns["location"] = "coalesce(location_code, -1)"
    return Stream("collateral", relation, checks, columns)


def orders_stream(session: Session) -> Stream:
    """Open orders with codes, as positions have them; funds set aside for a sale of spot are units of the underlying, others of the settle asset."""
    inverse = session.count("SELECT count(*) FROM instruments WHERE inverse") > 0
    relation = (
        "(SELECT o.*, a.code AS account_code, i.code AS instrument_code, i.kind, i.inverse FROM raw_orders o "
        "LEFT JOIN accounts a ON o.account_id = a.account_id LEFT JOIN instruments i ON o.instrument_id = i.instrument_id)"
    )
    checks = table_checks(table("orders"), session.types["orders"])
    checks += [unknown_account("account_code IS NOT NULL"), unknown_instrument("instrument_code IS NOT NULL")]
    if inverse:
        checks.append(
            Check(
                "price", "inverse price above zero", "an order in an inverse contract at or below zero",
                "Correct the price: an inverse contract is valued at 1 / price.", "coalesce(inverse AND price <= 0, false)",
            )
        )  # fmt: skip
    checks.append(
        Check(
            "quantity", "finite value", "quantity times price is beyond the range of a double", "Correct the quantity or the price.",
            "coalesce(isfinite(quantity) AND isfinite(price) AND NOT isfinite(quantity * price), false)",
        )
    )  # fmt: skip
    cost = "quantity * price"
    columns = {
        "account": "coalesce(account_code, -1)",
        "instrument": "coalesce(instrument_code, -1)",
        "buys": "coalesce(side = 'buy', false)",
        "quantity": "quantity + 0.0",
        "cost": (f"CASE WHEN inverse THEN quantity / price ELSE {cost} END" if inverse else cost) + " + 0.0",
        "reserved": "reserved + 0.0" if session.has("orders", "reserved") else "CAST(0.0 AS DOUBLE)",
        "of_underlying": "coalesce(kind = 'spot' AND side = 'sell', false)",
    }
    return Stream("orders", relation, checks, columns)


_POOL_FOUND = Check(
    "pool_id", "statistics agree with rows", "a pool that the file's own statistics deny", "Export the file again with another writer.",
    "(account_code IS NOT NULL AND pool_code IS NULL AND coalesce(pool <> 'cross', false))",
)  # fmt: skip
"""Pools were collected with a filter, which a reader may answer from a file's statistics: wrong ones must not hide a pool."""


def collect(session: Session, stream: Stream, spool: Spool, rows: int, held_by: str, held_count: int) -> Collected:
    """Read a stream once into the spool, testing every row on the way.

    Args:
        rows: how many are expected, for progress.
        held_by: the collected column (`instrument` or `asset`) whose codes count as held, out of `held_count`.
    """
    collected = Collected(held=np.zeros(held_count, np.bool_))
    select = ", ".join(f"{expression} AS {name}" for name, expression in stream.columns.items())
    with session.reading(stream.table):
        query = f"SELECT {select}, {mask(stream.checks)} AS broken, {stream.doubt} AS doubtful FROM {stream.relation}"
        reader = session.connection.sql(query).to_arrow_reader(_BATCH_ROWS)
        for batch in reader:
            collected.rows += batch.num_rows
            session.tell(f"reading {stream.table}", f"{min(1.0, collected.rows / max(rows, 1)):.3f}")
            collected.doubtful |= (batch.column("doubtful").true_count or 0) > 0
            if collected.clean and batch.column("broken").to_numpy().any():
                collected.clean = False
            if collected.clean:  # after a fault nothing is staged, the rows are only counted
                columns: dict[str, npt.NDArray[Any]] = {name: batch.column(name).to_numpy(zero_copy_only=False) for name in stream.columns}
                collected.held[columns[held_by]] = True
                spool.add(columns)
    return collected


def stream_findings(session: Session, stream: Stream) -> list[Finding]:
    """What is wrong with the rows of a stream: the slow second look, once a first one has met a bad row."""
    with session.reading(stream.table):
        return find(session.connection, stream.relation, stream.table, session.file(stream.table), stream.checks)
