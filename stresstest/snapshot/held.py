"""What holding something asks of it: not expired, and schedules for everything that counts as margin or needs it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from stresstest.errors import SHOWN_KEYS, Fault
from stresstest.snapshot.checks import Blame, Finding
from stresstest.snapshot.session import Session, quoted
from stresstest.snapshot.sources import literal


def _positions_in(session: Session, wanting: str) -> str:
    """SQL: positions and orders in the instruments `i` of a table, with their accounts `a`."""
    held = "raw_positions"
    if session.has("orders"):
        mode = "margin_mode" if session.has("positions", "margin_mode") else "'cross' AS margin_mode"
        ordered = "SELECT account_id, instrument_id, 'cross' AS margin_mode FROM raw_orders"
        held = f"(SELECT account_id, instrument_id, {mode} FROM raw_positions UNION ALL {ordered})"
    return f"{held} p JOIN {wanting} i ON p.instrument_id = i.instrument_id LEFT JOIN accounts a ON p.account_id = a.account_id"


def held_findings(session: Session, instruments: npt.NDArray[np.bool_], assets: npt.NDArray[np.bool_]) -> list[Finding]:
    """Faults of held things; `instruments` and `assets` say by code what positions and collateral hold."""
    for name, flags in (("held_instruments", instruments), ("held_assets", assets)):
        codes = pa.table({"code": np.flatnonzero(flags).astype(np.int32)})
        session.connection.register(f"{name}_codes", codes)
        session.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT t.* FROM {name.removeprefix('held_')} t JOIN {name}_codes USING (code)"
        )
        session.connection.unregister(f"{name}_codes")
    return [
        *_expired(session), *_not_in_this_version(session), *_collateral_schedules(session), *_settle_schedules(session),
        *_margin_schedules(session), *_rules_for_options_alone(session), *_schedules_of_nets(session),
    ]  # fmt: skip


def _under_one_of(session: Session, models: frozenset[str]) -> str:
    """SQL: the account `a` is under one of these models, or is looked at under one."""
    return "true" if session.request.models_compared & models else f"coalesce(a.margin_model IN ({quoted(models)}), false)"


def _under_another(session: Session, models: frozenset[str]) -> str:
    """SQL: the account `a` is under a model that is none of these, or is looked at under one."""
    return "true" if session.request.models_compared - models else f"coalesce(a.margin_model NOT IN ({quoted(models)}), true)"


def _lacking(session: Session, asset: str) -> str:
    """SQL: the asset has no collateral schedule and needs one (the reporting currency does not)."""
    return f"({asset} <> {literal(session.currency)} AND {asset} IN (SELECT asset FROM assets WHERE collateral_schedule IS NULL))"


def _fault(session: Session, table: str, column: str, rule: str, what: str, hint: str, keys: str, blame: Blame, blamed: str) -> list[Finding]:
    found = sorted({str(text) for text in session.texts(keys)})
    if not found:
        return []
    fault = Fault(what, hint, file=session.file(table), table=table, column=column, rule=rule, rows=len(found), keys=tuple(found[:SHOWN_KEYS]))
    return [Finding(fault, blame, blamed)]


def _expired(session: Session) -> list[Finding]:
    expired = f"SELECT instrument_id FROM held_instruments WHERE expiry <= TIMESTAMP '{session.as_of:%Y-%m-%d %H:%M:%S.%f}'"
    return _fault(
        session, "instruments", "expiry", "held instrument not expired", f"expired by {session.as_of:%Y-%m-%d %H:%M:%S} UTC and still held",
        "Settle these positions, or correct as_of.", expired, "instrument_id", expired,
    )  # fmt: skip


def _not_in_this_version(session: Session) -> list[Finding]:
    options = "SELECT instrument_id FROM held_instruments WHERE kind = 'option' AND payoff = 'quanto'"
    what, hint = "quanto options are not in this version", "Leave positions in these instruments out for now."
    return _fault(session, "instruments", "payoff", "not a quanto option", what, hint, options, "instrument_id", options)


def _collateral_schedules(session: Session) -> list[Finding]:
    rule, hint = "collateral schedule of what is held", "Name a schedule of the margin file; haircut 1 gives no credit."
    free = session.request.models_free_of_collateral_schedules
    findings: list[Finding] = []
    if _wanting(session, "wanting_collateral", f"SELECT asset FROM held_assets WHERE {_lacking(session, 'asset')}"):
        rows = (
            "FROM raw_collateral c JOIN wanting_collateral w ON c.asset = w.asset LEFT JOIN accounts a ON c.account_id = a.account_id "
            f"WHERE {_under_another(session, free)}"
        )
        with session.reading("collateral"):
            findings += _fault(session, "assets", "collateral_schedule", rule, "held as collateral, without a collateral schedule", hint,
                               f"SELECT DISTINCT c.asset {rows}", "account_id", f"SELECT DISTINCT c.account_id {rows}")  # fmt: skip
    if _wanting(session, "wanting_spot", f"SELECT * FROM held_instruments WHERE kind = 'spot' AND {_lacking(session, 'underlying')}"):
        what = "underlying of a held spot instrument, without a collateral schedule"
        findings += _lacked(session, "assets", "collateral_schedule", rule, what, hint, "wanting_spot", "underlying", free)
    return findings


def _settle_schedules(session: Session) -> list[Finding]:
    """P&L and isolated margin join the balance of the settle asset, unless the model adds P&L to the margin balance as it is."""
    if not _wanting(session, "wanting_settle", f"SELECT * FROM held_instruments WHERE {_lacking(session, 'settle')}"):
        return []
    rule, hint = "collateral schedule of what P&L is paid in", "Name a schedule of the margin file; haircut 1 gives no credit."
    pays = "i.kind <> 'spot' AND (i.kind <> 'option' OR i.premium_style = 'margined')"
    free = session.request.models_free_of_collateral_schedules
    into_balance = f"{pays} AND {_under_another(session, session.request.models_pnl_into_value | free)}"
    findings: list[Finding] = []
    for condition, what in (
        (into_balance, "receives P&L of held instruments, without a collateral schedule"),
        (f"p.margin_mode = 'isolated' AND {_under_another(session, free)}", "isolated margin is posted in it, without a collateral schedule"),
    ):
        rows = f"FROM {_positions_in(session, 'wanting_settle')} WHERE {condition}"
        with session.reading("positions"):
            findings += _fault(session, "assets", "collateral_schedule", rule, what, hint,
                               f"SELECT DISTINCT i.settle {rows}", "account_id", f"SELECT DISTINCT p.account_id {rows}")  # fmt: skip
    return findings


def _margin_schedules(session: Session) -> list[Finding]:
    """An instrument's own schedule, its underlying's under models that net by underlying; options none under strategy models."""
    strategies = session.request.models_of_strategies
    by_underlying = "i.kind <> 'option' AND i.underlying IN (SELECT asset FROM assets WHERE margin_schedule IS NOT NULL)"
    covered = f"{by_underlying} OR i.kind = 'option'" if strategies else by_underlying
    lacking = f"SELECT *, {covered} AS covered FROM held_instruments i WHERE kind <> 'spot' AND margin_schedule IS NULL"
    _wanting(session, "wanting_schedule", lacking)
    rule, hint = "margin schedule of what is held", "Name a schedule of the margin file, or let the model give it one by `assign`."
    free, bare = session.request.models_free_of_margin_schedules, "(SELECT * FROM wanting_schedule WHERE NOT covered)"
    findings = _lacked(session, "instruments", "margin_schedule", rule, "held, without a margin schedule", hint, bare, "instrument_id", free)
    if session.count("SELECT count(*) FROM wanting_schedule WHERE covered"):
        for kind, models, what in (
            ("<>", session.request.models_net_by_underlying, "held, without a margin schedule, by accounts whose model does not net by underlying"),
            ("=", strategies, "held, without a margin schedule, by accounts whose model is not of kind strategy"),
        ):
            wanted = f"i.covered AND i.kind {kind} 'option' AND {_under_another(session, models | free)}"
            rows = f"FROM {_positions_in(session, 'wanting_schedule')} WHERE {wanted}"
            with session.reading("positions"):
                findings += _fault(
                    session, "instruments", "margin_schedule", rule, what, hint,
                    f"SELECT DISTINCT i.instrument_id {rows}", "account_id", f"SELECT DISTINCT p.account_id {rows}",
                )  # fmt: skip
    return findings


def _rules_for_options_alone(session: Session) -> list[Finding]:
    """A schedule that has only a rule for short options would ask nothing of anything else."""
    schedules = quoted(session.request.margin_schedules_for_options)
    bare = f"SELECT * FROM held_instruments WHERE kind <> 'option' AND margin_schedule IN ({schedules})"
    free = session.request.models_net_by_underlying | session.request.models_free_of_margin_schedules
    rows = f"FROM {_positions_in(session, 'wanting_tiers')} WHERE {_under_another(session, free)}"
    return _wanted_by(
        session, "wanting_tiers", bare, rows, "instruments", "held, not an option, with a margin schedule that has a rule for short options only",
        "Give the schedule `tiers` or `amount_per_contract`, or name another one.", "i.instrument_id",
    )  # fmt: skip


def _schedules_of_nets(session: Session) -> list[Finding]:
    """Models that net by underlying charge the net by the schedule of the underlying, whatever schedules the instruments have."""
    without = "underlying IN (SELECT asset FROM assets WHERE margin_schedule IS NULL)"
    bare = f"SELECT * FROM held_instruments WHERE kind <> 'option' AND margin_schedule IS NOT NULL AND {without}"
    models = session.request.models_net_by_underlying - session.request.models_free_of_margin_schedules
    rows = f"FROM {_positions_in(session, 'wanting_net')} WHERE {_under_one_of(session, models)}"
    return _wanted_by(
        session, "wanting_net", bare, rows, "assets", "underlying of what accounts hold whose model nets by underlying, without a margin schedule",
        "Name a schedule of the margin file.", "i.underlying",
    )  # fmt: skip


def _lacked(
    session: Session, table: str, column: str, rule: str, what: str, hint: str, instruments: str, key: str, free: frozenset[str]
) -> list[Finding]:
    """A fault of held instruments: blamed on them, or, where there are models `free` of it, on the accounts that hold them under others."""
    if not free:
        return _fault(session, table, column, rule, what, hint, f"SELECT DISTINCT i.{key} FROM {instruments} i", "instrument_id",
                      f"SELECT i.instrument_id FROM {instruments} i")  # fmt: skip
    rows = f"FROM {_positions_in(session, instruments)} WHERE {_under_another(session, free)}"
    with session.reading("positions"):
        return _fault(session, table, column, rule, what, hint, f"SELECT DISTINCT i.{key} {rows}", "account_id",
                      f"SELECT DISTINCT p.account_id {rows}")  # fmt: skip


def _wanting(session: Session, name: str, query: str) -> bool:
    """Keep the instruments of a query as a temporary table, and whether there are any.

    Each check has a table of its own: whom a finding blames is asked after all checks.
    """
    session.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {query}")
    return session.count(f"SELECT count(*) FROM {name}") > 0


def _wanted_by(session: Session, name: str, wanting: str, rows: str, table: str, what: str, hint: str, key: str) -> list[Finding]:
    """A fault of margin schedules, for the instruments `wanting` in the positions `rows`, blamed on the accounts that hold them."""
    if not _wanting(session, name, wanting):
        return []
    with session.reading("positions"):
        return _fault(
            session, table, "margin_schedule", "margin schedule of what is held", what, hint,
            f"SELECT DISTINCT {key} {rows}", "account_id", f"SELECT DISTINCT p.account_id {rows}",
        )  # fmt: skip
