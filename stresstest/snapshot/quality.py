"""What the data quality table says about the snapshot itself."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from stresstest.errors import Fault
from stresstest.snapshot.book import Floats
from stresstest.snapshot.session import Session

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


def counted(count: int, noun: str) -> str:
    """`1 row`, `2 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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
    )
    return Note("file integrity", "snapshot", False, tables, message, float(tables - verified))


def price_time_notes(session: Session, gross: Floats) -> list[Note]:
    """Prices older than `max_price_age`, and prices from after the snapshot's moment.

    Args:
        gross: gross notional held per instrument code, reporting currency.
    """
    as_of = f"TIMESTAMP '{session.as_of:%Y-%m-%d %H:%M:%S.%f}'"
    limit = session.request.max_price_age_seconds
    notes: list[Note] = []
    for table, key, held in (("assets", "asset", "underlying_code"), ("instruments", "instrument_id", "code")):
        if not session.has(table, "price_time"):
            continue
        tests: list[tuple[str, str, str, float | None]] = [("price time", f"price_time > {as_of}", "after as_of", None)]
        if limit is not None:
            tests.insert(0, ("price age", f"epoch({as_of}) - epoch(price_time) > {limit!r}", f"older than {limit:g} seconds", limit))
        for check, condition, wording, tolerance in tests:
            found = session.connection.sql(
                f"SELECT code, {key}, epoch({as_of}) - epoch(price_time) FROM {table} WHERE {condition} ORDER BY code"
            ).fetchall()
            codes = ", ".join(str(code) for code, _, _ in found) or "NULL"
            touched = session.connection.sql(f"SELECT code FROM instruments WHERE {held} IN ({codes}) ORDER BY code").fetchall()
            notional = float(gross[[code for (code,) in touched]].sum())
            names = ", ".join(name for _, name, _ in found[:5]) + (", ..." if len(found) > 5 else "")
            message = f"{counted(len(found), 'price')} of {table} {wording}" + (f": {names}." if found else ".")
            worst = max((abs(float(age)) for _, _, age in found), default=0.0)
            notes.append(Note(f"{check} of {table}", table, bool(found), len(found), message, worst, tolerance, notional))
    return notes


def content_notes(session: Session) -> list[Note]:
    """Things that are allowed and worth a look."""
    notes: list[Note] = []
    odd = session.texts("SELECT instrument_id FROM instruments WHERE inverse AND settle_code = quote_code ORDER BY code")
    if odd:
        message = f"{counted(len(odd), 'inverse contract')} settled in the quote asset, not in the coin: {', '.join(str(name) for name in odd[:5])}."
        notes.append(Note("inverse settlement", "instruments", True, len(odd), message))
    if session.has("orders"):
        rows = session.count("SELECT count(*) FROM raw_orders")
        notes.append(Note("orders", "orders", True, rows, f"{counted(rows, 'open order')} checked, and not used in this version."))
    return notes


def exclusion_notes(accounts: int, of_accounts: float, of_notional: float, untold: int, limit: float, faults: list[Fault]) -> list[Note]:
    """What `on_missing: exclude` left out, and why."""
    untold_text = f"; the notional of {counted(untold, 'excluded lot')} cannot be told" if untold else ""
    message = f"{counted(accounts, 'account')} excluded: {of_accounts:.4%} of accounts, {of_notional:.4%} of gross notional{untold_text}."
    causes = {f"{fault.table}.{fault.column} ({fault.rule})": fault for fault in faults}
    return [
        Note("excluded accounts", "snapshot", True, accounts, message, of_accounts, limit),
        *(Note("excluded for", subject, True, fault.rows or 0, fault.text()) for subject, fault in causes.items()),
    ]
