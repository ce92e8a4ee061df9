"""`on_missing: exclude`: from faults to the accounts that are left out whole, and whether that is still acceptable."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from stresstest.errors import Fault
from stresstest.snapshot.checks import Finding
from stresstest.snapshot.notional import unit_notionals
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
    """Keep the unit notionals of all instruments, before any is dropped, for `shares`."""
    units = pa.table({"code": pa.array(range(session.count("SELECT count(*) FROM instruments")), pa.int32()), "unit": unit_notionals(session)})
    session.connection.register("units_by_code", units)
    session.connection.execute("CREATE TEMP TABLE units AS SELECT i.instrument_id, u.unit FROM instruments i JOIN units_by_code u USING (code)")
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

    Args:
        remaining: number of accounts that stay.
    """
    list_table(session, "out_list", left_out.accounts)
    notional = "CASE WHEN isfinite(p.quantity) THEN abs(p.quantity) * u.unit END"
    everything = typed_select(session.sources["positions"], session.types["positions"])
    with session.reading("positions"):
        out, total, untold = session.connection.sql(
            f"SELECT coalesce(sum({notional}) FILTER (is_out), 0), coalesce(sum({notional}), 0), count_if(is_out AND coalesce({notional}, 0) = 0) "
            "FROM (SELECT *, coalesce(account_id IN (SELECT item FROM out_list), false) AS is_out "
            f"FROM ({everything})) p LEFT JOIN units u USING (instrument_id)"
        ).fetchall()[0]
    # Rounded: DuckDB's float sums differ in their last bits from run to run.
    of_notional = round(float(out) / float(total), 9) if total else 0.0
    return len(left_out.accounts) / (len(left_out.accounts) + remaining), of_notional, int(untold)


def too_much(session: Session, of_accounts: float, of_notional: float, accounts: int) -> list[Fault]:
    """The fault of having to leave out more than allowed, with the shares."""
    request = session.request
    faults = []
    for share, limit, what in (
        (of_accounts, request.max_excluded_accounts, "accounts"), (of_notional, request.max_excluded_notional, "gross_notional"),
    ):  # fmt: skip
        if share > limit:
            faults.append(Fault(
                f"{accounts:,} accounts would be excluded: {share:.4%} of {what.replace('_', ' ')}, allowed are {limit:.4%}",
                f"Mend the faults listed, or raise max_excluded.{what}.", path=f"max_excluded.{what}", rule="largest excluded share",
            ))  # fmt: skip
    return faults
