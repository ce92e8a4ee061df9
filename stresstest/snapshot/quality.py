"""What the data quality table says about the snapshot itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pyarrow as pa

from stresstest.errors import Fault, counted
from stresstest.snapshot.book import Floats
from stresstest.snapshot.session import Session, quoted
from stresstest.snapshot.sources import literal

QUALITY_SCHEMA = pa.schema([
    ("check", pa.string()), ("severity", pa.string()), ("result", pa.string()), ("subject", pa.string()), ("tolerance", pa.float64()),
    ("value", pa.float64()), ("rows", pa.int64()), ("notional", pa.float64()), ("message", pa.string()),
])  # fmt: skip


@dataclass(frozen=True)
class Note:
    """One row of data quality; `warns` decides severity and result."""

    check: str
    subject: str
    warns: bool
    rows: int
    message: str
    value: float | None = None
    tolerance: float | None = None
    notional: float | None = None


def as_table(notes: list[Note]) -> pa.Table:
    """The rows of the data quality table, sorted by check and subject."""
    rows = [
        {
            "check": note.check, "severity": "warning" if note.warns else "info", "result": "warn" if note.warns else "pass", "subject": note.subject,
            "tolerance": note.tolerance, "value": note.value, "rows": note.rows, "notional": note.notional, "message": note.message,
        }
        for note in sorted(notes, key=lambda note: (note.check, note.subject))
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=QUALITY_SCHEMA)


def row_note(table: str, read: int, used: int) -> Note:
    """Rows in = used + excluded."""
    return Note(
        f"rows of {table}", table, read != used, read, f"{counted(read, 'row')} read: {used:,} used, {read - used:,} excluded.", float(read - used)
    )


def integrity_note(tables: int, verified: int, by_checksum: int, by_digest: int) -> Note:
    """How many tables were verified in all their files, and how many have files that carry nothing to verify them by."""
    message = (
        f"{verified:,} of {counted(tables, 'table')} verified: {by_checksum:,} by page checksums, {by_digest:,} by the SHA-256 in snapshot.json; "
        f"{tables - verified:,} with files that carry neither."
        if verified
        else "No table carries checksums or stated digests in all its files: damage could go unnoticed."
    )
    return Note("file integrity", "snapshot", False, tables, message, float(tables - verified))


def price_time_notes(session: Session, gross: Floats, held: Floats) -> list[Note]:
    """Prices older than `max_price_age`, prices that cannot be told to be, and prices from after the snapshot's moment.

    The notional of an asset's price is that of the instruments that follow it, are quoted or settle in it, and the value of its balances.

    Args:
        gross: gross notional held per instrument code, reporting currency.
        held: sum of the absolute values of balances per asset code, reporting currency.
    """
    as_of = f"TIMESTAMP '{session.as_of:%Y-%m-%d %H:%M:%S.%f}'"
    limit = session.request.max_price_age_seconds
    notes: list[Note] = []
    for table, key in (("assets", "asset"), ("instruments", "instrument_id")):
        tests: list[tuple[str, str, str, float | None]] = []
        # The price of the reporting currency is 1 at any time.
        timeless = f"price_time IS NULL AND {key} <> {literal(session.currency)}" if table == "assets" else "price_time IS NULL"
        if limit is not None:
            of_all = session.count(f"SELECT count(*) FROM {table}{f' WHERE {key} <> {literal(session.currency)}' if table == 'assets' else ''}")
            tests.append(("price age", f"epoch({as_of}) - epoch(price_time) > {limit!r}", f"older than {limit:g} seconds", limit))
            tests.append(("price without time", timeless, f"(of {of_all:,}) without price_time, so their age is not known", limit))
        if session.has(table, "price_time"):
            tests.append(("price time", f"price_time > {as_of}", "after as_of", None))
        for check, condition, wording, tolerance in tests:
            query = f"SELECT code, {key}, epoch({as_of}) - epoch(price_time) FROM {table} WHERE {condition} ORDER BY code"
            found = session.connection.sql(query).fetchall()
            names = ", ".join(name for _, name, _ in found[:5]) + (", ..." if len(found) > 5 else "")
            message = f"{counted(len(found), 'price')} of {table} {wording}" + (f": {names}." if found else ".")
            worst = max((abs(float(age)) for _, _, age in found if age is not None), default=0.0)
            value = float(len(found)) if check == "price without time" else worst
            touched = _touched(session, table, [code for code, _, _ in found], gross, held)
            notes.append(Note(f"{check} of {table}", table, bool(found), len(found), message, value, tolerance, touched))
    return notes


def _touched(session: Session, table: str, codes: list[int], gross: Floats, held: Floats) -> float:
    """Notional of what stands on the prices of some assets or instruments."""
    if table == "instruments":
        return float(gross[codes].sum())
    among = ", ".join(map(str, codes)) or "NULL"
    on = " OR ".join(f"{role}_code IN ({among})" for role in ("underlying", "quote", "settle"))
    instruments = session.connection.sql(f"SELECT code FROM instruments WHERE {on} ORDER BY code").fetchall()
    return float(gross[[code for (code,) in instruments]].sum() + held[codes].sum())


def content_notes(session: Session) -> list[Note]:
    """Things that are allowed and worth a look."""
    notes: list[Note] = []
    odd = session.texts("SELECT instrument_id FROM instruments WHERE inverse AND settle_code = quote_code ORDER BY code")
    if odd:
        message = f"{counted(len(odd), 'inverse contract')} settled in the quote asset, not in the coin: {', '.join(str(name) for name in odd[:5])}."
        notes.append(Note("inverse settlement", "instruments", True, len(odd), message))
    if session.has("orders"):
        notes.append(_orders_note(session))
    return notes


def _orders_note(session: Session) -> Note:
    """How many orders are of accounts whose model ignores them."""
    among = quoted(session.request.models_of_orders)
    with session.reading("orders"):
        rows = session.count("SELECT count(*) FROM raw_orders")
        ignored = session.count(
            "SELECT count(*) FROM raw_orders o LEFT JOIN accounts a ON o.account_id = a.account_id "
            f"WHERE NOT coalesce(a.margin_model IN ({among}), false)"
        )
    text = (
        f"{counted(ignored, 'open order')} of {rows:,} ignored by the models of their accounts (tiered models with `orders: worst_side` count them)."
    )
    return Note("orders", "orders", ignored > 0, ignored, text)


def exclusion_note(accounts: int, owners: int, of_accounts: float, of_notional: float, untold: int, limit: float) -> Note:
    """How much `on_missing: exclude` left out."""
    untold_text = f"; the notional of {counted(untold, 'excluded lot')} cannot be told" if untold else ""
    message = (
        f"{counted(accounts, 'account')} of {counted(owners, 'owner')} excluded: {of_accounts:.4%} of accounts, {of_notional:.4%} of gross notional"
        f"{untold_text}. They are listed in the table excluded; Cover-N is a lower bound."
    )
    return Note("excluded accounts", "snapshot", True, accounts, message, of_accounts, limit)


def cause_notes(faults: list[Fault]) -> list[Note]:
    """Why `on_missing: exclude` left out rows and accounts: a note for each rule that was broken.

    Without the files of the faults: where a snapshot lies is no part of a result.
    """
    causes: dict[str, list[Fault]] = {}
    for fault in dict.fromkeys(faults):
        causes.setdefault(f"{fault.table}.{fault.column} ({fault.rule})", []).append(replace(fault, file=None))
    return [
        Note("excluded for", subject, True, sum(fault.rows or 0 for fault in found), " ".join(_sentence(fault) for fault in found))
        for subject, found in causes.items()
    ]


def _sentence(fault: Fault) -> str:
    text = fault.text()
    return text if text.endswith(".") else f"{text}."
