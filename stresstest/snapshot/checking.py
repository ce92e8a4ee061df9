"""A snapshot's rows checked against each other; with `on_missing: exclude`, until what remains passes."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stresstest.errors import Fault, StressTestError
from stresstest.snapshot.blocks import cut_blocks
from stresstest.snapshot.book import Codes
from stresstest.snapshot.checks import Finding, duplicates, find, table_checks
from stresstest.snapshot.exclusion import Excluded, excluded_accounts, pin, remember_units, shares, too_much
from stresstest.snapshot.files import Files
from stresstest.snapshot.held import held_findings
from stresstest.snapshot.holdings import Stream, collateral_stream, collect, create_pools, orders_stream, positions_stream, stream_findings
from stresstest.snapshot.quality import Note, cause_notes, exclusion_note
from stresstest.snapshot.reference import check_history, currency_findings, load_accounts, load_reference
from stresstest.snapshot.session import LeftOut, Session, UnreadableTableError, register_views
from stresstest.snapshot.sources import refusal
from stresstest.snapshot.spool import Spool
from stresstest.snapshot.writing import Layout, blocks_a_range

_SPOOL_SHARE = 0.25
"""Of `max_memory` (default: of the machine's memory) that coded rows may take before they go to disk."""


@dataclass(frozen=True)
class Checked:
    """A snapshot that passed, its holdings collected and ready to be netted.

    `used`: rows used of every table; `doubtful`: some position is worth a second look.
    """

    layout: Layout
    positions: Spool
    collateral: Spool
    lots: int
    used: dict[str, int]
    excluded: tuple[Excluded, ...] = ()
    notes: tuple[Note, ...] = ()
    doubtful: bool = False
    orders: Spool | None = None


def check_rows_alone(session: Session) -> list[Fault]:
    """Faults of rows by themselves, where references cannot be followed because a table is missing or lacks its key."""
    faults: list[Fault] = []
    for name, types in session.types.items():
        definition = session.sources[name].table
        try:
            with session.reading(name):
                found = find(session.connection, f"raw_{name}", name, session.file(name), table_checks(definition, types))
                if all(column in types for column in definition.key):
                    found += duplicates(session.connection, f"raw_{name}", definition, session.file(name))
        except UnreadableTableError as error:
            faults.append(error.fault)
        else:
            faults += [each.fault for each in found]
    return faults


def check(session: Session, files: Files, scratch: Path) -> Checked:
    """Check everything and collect the holdings.

    Raises:
        StressTestError: with every fault; under `exclude` only for faults that no account can be blamed for, or when
            more would be left out than allowed.
    """
    exclude = session.request.on_missing == "exclude"
    left_out, faults = LeftOut(), list[Fault]()
    checked = None
    # Every round leaves out more, so the rounds end; one is all that a sound snapshot takes.
    for attempt in range(files.rows("assets") + files.rows("instruments") + 3):
        register_views(session, left_out)
        findings = load_reference(session) + currency_findings(session)
        if attempt == 0 and exclude:
            remember_units(session)
        if not (findings and exclude):
            # What holdings refer to is settled: go on to those who hold. (Else first drop what is bad, and look again.)
            findings += load_accounts(session)
            checked, more = _read_holdings(session, files, scratch / f"rows{attempt}", complete=not left_out.accounts)
            findings += more + check_history(session)
        faults += [each.fault for each in findings]
        if not findings:
            break
        left_out, stuck = pin(session, findings, left_out) if exclude else (left_out, findings)
        if stuck:
            raise _refused(files, faults)
    mismatches = files.hash_faults()
    if checked is None or mismatches:
        raise refusal(faults + mismatches)
    return _with_exclusions(session, checked, left_out, faults) if faults else checked


def _refused(files: Files, faults: list[Fault]) -> StressTestError:
    return refusal(list(dict.fromkeys(faults)) + files.hash_faults())


def _with_exclusions(session: Session, checked: Checked, left_out: LeftOut, faults: list[Fault]) -> Checked:
    """The same, with what is left out and why; refused if it is too much."""
    causes = cause_notes(faults)
    if not left_out.accounts:  # rows of assets or instruments that nobody holds
        return replace(checked, notes=tuple(causes))
    of_accounts, of_notional, untold = shares(session, left_out, len(checked.layout.cross_pool))
    over = too_much(session, of_accounts, of_notional, untold, len(left_out.accounts))
    if over:
        raise refusal(over + list(dict.fromkeys(faults)))
    excluded = tuple(excluded_accounts(session, left_out))
    owners = len({each.owner_id for each in excluded})
    note = exclusion_note(len(excluded), owners, of_accounts, of_notional, untold, session.request.max_excluded_accounts)
    return replace(checked, excluded=excluded, notes=(note, *causes))


def _read_holdings(session: Session, files: Files, scratch: Path, complete: bool) -> tuple[Checked | None, list[Finding]]:
    """Positions and collateral, collected if nothing is wrong with them. `complete`: every row of the files is to be read."""
    if session.count("SELECT count(*) FROM (SELECT 1 FROM raw_positions LIMIT 1)") == 0:
        hint = "A book needs at least one position." if complete else "No account is left after the exclusions."
        fault = Fault("there are no positions", hint, file=session.file("positions"), table="positions", rule="not empty", rows=0)
        return None, [Finding(fault)]
    pool_account, cross_pool = create_pools(session)
    streams = [positions_stream(session), collateral_stream(session)]
    if session.has("orders"):
        streams.append(orders_stream(session))
    layout = _layout(session, pool_account, cross_pool, files.rows("positions"))
    spools = [_spool(session, layout, stream, files.rows(stream.table), scratch / stream.table) for stream in streams]
    findings: list[Finding] = []
    used = {name: _used_rows(session, files, name) for name in files.facts}
    held: list[npt.NDArray[np.bool_]] = []
    doubtful = False
    for stream, spool, held_by, number in zip(
        streams, spools, ("instrument", "asset", "instrument"), (layout.rank.size, layout.assets, layout.rank.size), strict=False
    ):
        collected = collect(session, stream, spool, files.rows(stream.table), held_by, number)
        used[stream.table] = collected.rows
        doubtful |= collected.doubtful
        if not collected.clean:
            findings += stream_findings(session, stream)
        if complete and collected.rows != files.rows(stream.table):
            what = f"{collected.rows:,} rows were read, its files say {files.rows(stream.table):,}"
            findings.append(Finding(Fault(what, "Export it again.", file=session.file(stream.table), table=stream.table, rule="all rows read")))
        held.append(collected.held if collected.clean else _held_codes(session, stream, number))
    if len(held) > 2:
        held[0] |= held[2]
        held[1] |= _reserved(session, layout.assets)
    findings += held_findings(session, held[0], held[1])
    if findings:
        return None, findings
    return Checked(layout, spools[0], spools[1], used["positions"], used, doubtful=doubtful, orders=spools[2] if len(spools) > 2 else None), []


def _reserved(session: Session, assets: int) -> npt.NDArray[np.bool_]:
    """Which assets are set aside for orders."""
    flags = np.zeros(assets, np.bool_)
    if session.has("orders", "reserved"):
        code = "CASE WHEN i.kind = 'spot' AND o.side = 'sell' THEN i.underlying_code ELSE i.settle_code END"
        with session.reading("orders"):
            rows = session.connection.sql(
                f"SELECT DISTINCT {code} FROM raw_orders o JOIN instruments i ON o.instrument_id = i.instrument_id WHERE o.reserved <> 0"
            ).fetchall()
        flags[[number for (number,) in rows if number is not None]] = True
    return flags


def _used_rows(session: Session, files: Files, name: str) -> int:
    """Rows of a small table after exclusions; of holdings they are counted while reading."""
    if name in ("positions", "collateral", "orders") or name not in session.types:
        return files.rows(name)
    return session.count(f"SELECT count(*) FROM {name if name == 'accounts' else f'raw_{name}'}")


def _held_codes(session: Session, stream: Stream, number: int) -> npt.NDArray[np.bool_]:
    """Which codes are held, where the collecting stopped at a fault."""
    column = "asset_code" if stream.table == "collateral" else "instrument_code"
    flags = np.zeros(number, np.bool_)
    with session.reading(stream.table):
        rows = session.connection.sql(f"SELECT DISTINCT {column} FROM {stream.relation} WHERE {column} IS NOT NULL").fetchall()
    flags[[code for (code,) in rows]] = True
    return flags


def _layout(session: Session, pool_account: Codes, cross_pool: Codes, rows: int) -> Layout:
    edges = cut_blocks(np.bincount(pool_account, minlength=len(cross_pool)))
    instruments = session.connection.sql(
        "SELECT code, CAST(row_number() OVER (ORDER BY risk_group, underlying, code) - 1 AS INTEGER) AS rank, "
        "coalesce(settle_code, -1) AS settle, coalesce(underlying_code, -1) AS underlying FROM instruments"
    ).to_arrow_table()
    by_code = np.argsort(instruments.column("code").to_numpy())
    max_leverage = np.full(len(cross_pool), np.inf)
    if session.has("accounts", "max_leverage"):
        capped = session.connection.sql("SELECT code, max_leverage FROM accounts WHERE max_leverage IS NOT NULL").to_arrow_table()
        max_leverage[capped.column("code").to_numpy()] = capped.column("max_leverage").to_numpy()
    return Layout(
        pool_account=pool_account,
        cross_pool=cross_pool,
        edges=edges,
        blocks_a_range=blocks_a_range(len(edges) - 1, rows),
        rank=instruments.column("rank").to_numpy()[by_code],
        settle=instruments.column("settle").to_numpy()[by_code],
        underlying=instruments.column("underlying").to_numpy()[by_code],
        max_leverage=max_leverage,
        assets=session.count("SELECT count(*) FROM assets"),
        locations=session.count("SELECT count(*) FROM locations"),
    )


def _spool(session: Session, layout: Layout, stream: Stream, rows: int, folder: Path) -> Spool:
    memory = session.request.max_memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    in_memory = rows * 8 * len(stream.columns) <= memory * _SPOOL_SHARE
    return Spool(layout.range_of_account(), None if in_memory else folder)
