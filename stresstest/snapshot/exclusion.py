"""`on_missing: exclude`: from faults to the accounts that are left out whole, and whether that is still acceptable."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pyarrow as pa

from stresstest.errors import Fault, counted
from stresstest.snapshot.checks import Finding
from stresstest.snapshot.notional import notionals_per_price, unit_notionals
from stresstest.snapshot.session import LeftOut, Session, list_table, register_views
from stresstest.snapshot.typing_sql import typed_select


@dataclass(frozen=True)
class Excluded:
    """One account that is left out; `owner_id` as the accounts table states it."""

    account_id: str
    owner_id: str
    reason: str


def pin(session: Session, findings: list[Finding], left_out: LeftOut) -> tuple[LeftOut, list[Finding]]:
    """What is left out once these findings are pinned on accounts and reference rows, and the findings that cannot be.

    A dropped asset or instrument takes every account that holds it along; instruments on a dropped asset follow when
    they are checked again.
    """
    assets, instruments, accounts = dict(left_out.assets), dict(left_out.instruments), dict(left_out.accounts)
    stuck: list[Finding] = []
    for each in findings:
        blamed = session.texts(each.blamed) if each.blame else [None]
        if any(name is None for name in blamed):
            stuck.append(each)
            continue
        reason = f"{each.fault.table}.{each.fault.column}: {each.fault.what}"
        target = {"account_id": accounts, "instrument_id": instruments, "asset": assets}[each.blame or "asset"]
        for name in blamed:
            target.setdefault(str(name), reason)
    for kind, key, dropped in (("positions", "instrument_id", instruments), ("collateral", "asset", assets)):
        if not dropped or not session.has(kind):
            continue
        list_table(session, "dropped_items", dropped)
        query = (
            f"SELECT account_id, min({key}) FROM raw_{kind} "
            f"WHERE account_id IS NOT NULL AND {key} IN (SELECT item FROM dropped_items) GROUP BY account_id"
        )
        with session.reading(kind):
            for account, item in session.connection.sql(query).fetchall():
                accounts.setdefault(account, f"holds {item} ({dropped[item]})")
    return LeftOut(assets, instruments, accounts), stuck


def remember_units(session: Session) -> None:
    """Keep what is known of the notionals of all instruments, before any is dropped, for `shares`; null where it cannot be told."""
    columns = {"unit": unit_notionals(session), "per_price": notionals_per_price(session)}
    codes = pa.array(range(session.count("SELECT count(*) FROM instruments")), pa.int32())
    units = pa.table({"code": codes} | {name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    session.connection.register("units_by_code", units)
    # Of two rows for one key nobody knows which is right.
    twice = "SELECT {0} FROM {1} GROUP BY {0} HAVING count(*) > 1"
    doubtful = " OR ".join([
        f"i.instrument_id IN ({twice.format('instrument_id', 'instruments_in')})",
        *(f"coalesce(i.{role} IN ({twice.format('asset', 'assets_in')}), false)" for role in ("underlying", "quote", "settle")),
    ])  # fmt: skip
    known = ", ".join(f"CASE WHEN NOT ({doubtful}) THEN u.{name} END AS {name}" for name in columns)
    session.connection.execute(f"CREATE TEMP TABLE units AS SELECT i.instrument_id, {known} FROM instruments i JOIN units_by_code u USING (code)")
    session.connection.unregister("units_by_code")


def excluded_accounts(session: Session, left_out: LeftOut) -> list[Excluded]:
    """The excluded accounts in order, with their owners."""
    register_views(session, LeftOut())
    owners: dict[str, str] = {}
    if session.has("accounts"):
        list_table(session, "out_list", left_out.accounts)
        query = (
            "SELECT account_id, min(coalesce(owner_id, account_id)) FROM raw_accounts "
            "WHERE account_id IN (SELECT item FROM out_list) GROUP BY account_id"
        )
        owners = dict(session.connection.sql(query).fetchall())
    register_views(session, left_out)
    return [Excluded(account, owners.get(account, account), reason) for account, reason in sorted(left_out.accounts.items())]


def shares(session: Session, left_out: LeftOut, remaining: int) -> tuple[float, float, int]:
    """Shares of accounts and of gross notional that are left out, and the excluded lots whose notional cannot be told.

    Where the notional of a contract cannot be told, a lot counts with its entry price: |quantity * entry| in the currency of its instrument, of an
    unknown instrument in reporting currency. That is no measure of an option.

    Args:
        remaining: number of accounts that stay.
    """
    list_table(session, "out_list", left_out.accounts)
    by_mark = "abs(p.quantity) * u.unit"
    by_entry = "abs(p.quantity * p.entry_price) * CASE WHEN u.instrument_id IS NULL THEN 1.0 ELSE u.per_price END"
    notional = (
        "CASE WHEN p.quantity = 0 THEN 0.0 "
        f"WHEN coalesce(isfinite({by_mark}), false) THEN {by_mark} WHEN coalesce(isfinite({by_entry}), false) THEN {by_entry} END"
    )
    everything = typed_select(session.sources["positions"], session.types["positions"])
    with session.reading("positions"):
        out, total, untold = session.connection.sql(
            f"SELECT coalesce(sum({notional}) FILTER (is_out), 0), coalesce(sum({notional}), 0), count_if(is_out AND {notional} IS NULL) "
            "FROM (SELECT *, coalesce(account_id IN (SELECT item FROM out_list), false) AS is_out "
            f"FROM ({everything})) p LEFT JOIN units u USING (instrument_id)"
        ).fetchall()[0]
    # Rounded: DuckDB's float sums differ in their last bits from run to run.
    of_notional = round(float(out) / float(total), 9) if total else 0.0
    if not math.isfinite(of_notional):  # sums beyond a double: the excluded lots alone can reach that far
        of_notional = 1.0
    return len(left_out.accounts) / (len(left_out.accounts) + remaining), of_notional, int(untold)


def too_much(session: Session, of_accounts: float, of_notional: float, untold: int, accounts: int) -> list[Fault]:
    """The faults of having to leave out more than allowed, or more than anybody can tell while there is a limit."""
    request = session.request
    faults = []
    left_out = counted(accounts, "account")
    for share, limit, what in (
        (of_accounts, request.max_excluded_accounts, "accounts"), (of_notional, request.max_excluded_notional, "gross_notional"),
    ):  # fmt: skip
        if share > limit:
            faults.append(Fault(
                f"{left_out} would be excluded: {share:.4%} of {what.replace('_', ' ')}, allowed are {limit:.4%}",
                f"Mend the faults listed, or raise max_excluded.{what}.", path=f"max_excluded.{what}", rule="largest excluded share",
            ))  # fmt: skip
    limit = request.max_excluded_notional
    if untold and of_notional <= limit < 1.0:
        faults.append(Fault(
            f"{left_out} would be excluded, and the notional of {counted(untold, 'lot')} of theirs cannot be told: it may be more than "
            f"the {limit:.4%} of gross notional allowed",
            "Mend quantity, instrument or price of these lots, or give their entry_price; max_excluded.gross_notional: 1 sets no limit.",
            path="max_excluded.gross_notional", rule="largest excluded share",
        ))  # fmt: skip
    return faults
