"""The whole way from a snapshot's files to a staged book, inside the reading process."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.snapshot.blocks import cut_blocks
from stresstest.snapshot.book import InputFile
from stresstest.snapshot.checks import Finding, duplicates, find, table_checks
from stresstest.snapshot.dimension_files import write_arrow, write_dimensions
from stresstest.snapshot.exclusion import Excluded, excluded_accounts, pin, remember_units, shares, too_much
from stresstest.snapshot.held import held_findings
from stresstest.snapshot.holdings import Stream, collateral_stream, collect, create_pools, positions_stream, stream_findings
from stresstest.snapshot.notional import unit_notionals
from stresstest.snapshot.parquet_file import FileFacts, sha256_of
from stresstest.snapshot.quality import Note, as_table, content_notes, counted, integrity_note, price_time_notes, row_note
from stresstest.snapshot.reference import check_unused, currency_findings, load_accounts, load_reference
from stresstest.snapshot.request import DEFAULTS_FILE, SnapshotDefaults, StageRequest, in_utc
from stresstest.snapshot.session import LeftOut, Session, UnreadableTableError, open_connection, register_views, unreadable
from stresstest.snapshot.sources import Source, as_input, hash_faults, locate, refusal, walk
from stresstest.snapshot.spool import Spool
from stresstest.snapshot.typing_sql import column_faults, column_types
from stresstest.snapshot.writing import Layout, Totals, blocks_a_range, write_blocks

BOOK_FILE = "book.json"
_SPOOL_SHARE = 0.25
"""Of `max_memory` (default: of the machine's memory) that coded rows may take before they go to disk."""

Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class _Files:
    """The files of the snapshot as walked, and their digests on the way."""

    sources: dict[str, Source]
    defaults: SnapshotDefaults
    facts: dict[str, list[FileFacts]]
    digests: dict[str, list[Future[str]]]

    def rows(self, table: str) -> int:
        """Rows of a table, as its files' footers say."""
        return sum(fact.rows for fact in self.facts.get(table, ()))

    def hashes(self) -> dict[str, list[str]]:
        """The digests, waited for."""
        return {name: [digest.result() for digest in digests] for name, digests in self.digests.items()}


def stage(request: StageRequest, tell: Tell) -> Path:
    """Read, check, net and write; the book's folder.

    Args:
        tell: is told (`reading`, path) before a table is read and (stage, fraction) as work proceeds.

    Raises:
        StressTestError: INPUT_DATA with every fault found; ENVIRONMENT when memory is short.
    """
    scratch = request.work / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    connection = open_connection(request, scratch)
    try:
        with ThreadPoolExecutor(request.threads or os.cpu_count()) as pool:
            return _stage(request, connection, pool, scratch, tell)
    except duckdb.OutOfMemoryException as error:
        hint = "Raise max_memory, or stage on a machine with more."
        raise StressTestError(Reason.ENVIRONMENT, f"not enough memory to stage the snapshot: {error}", hint=hint) from None
    finally:
        connection.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _stage(request: StageRequest, connection: duckdb.DuckDBPyConnection, pool: ThreadPoolExecutor, scratch: Path, tell: Tell) -> Path:
    tell("looking at the files", "0")
    files, faults = _look(request, pool, scratch)
    agreed, disagreements = _agree(request, files)
    faults += disagreements
    types: dict[str, dict[str, str]] = {}
    for name, source in files.sources.items():
        own = frozenset(column for fact in files.facts[name] for column in fact.columns)
        try:
            tell("reading", source.shown)
            all_types = column_types(connection, source, own)
        except duckdb.Error as error:
            faults.append(unreadable(name, source.shown, error))
            continue
        wrong = column_faults(source, all_types, own)
        faults += wrong
        types[name] = {column: kind for column, kind in all_types.items() if column not in {fault.column for fault in wrong}}
    session = Session(connection, request, files.sources, types, agreed[0], agreed[1], tell)
    register_views(session, LeftOut())
    if faults:
        # References to tables that are missing or lack their key would only drown the cause: check rows by themselves.
        faults += _rows_by_themselves(session)
        raise refusal(faults + hash_faults(files.sources, files.hashes(), files.defaults.sha256))
    try:
        book = _Checked.of(session, files, scratch)
    except UnreadableTableError as error:
        raise refusal([error.fault]) from None
    folder = book.write(request.work / "book", scratch)
    return folder


def _look(request: StageRequest, pool: ThreadPoolExecutor, scratch: Path) -> tuple[_Files, list[Fault]]:
    sources, defaults, faults = locate(request.snapshot, scratch / "fetched")
    walks = {name: [pool.submit(walk, source, number) for number in range(len(source.relative))] for name, source in sources.items()}
    facts: dict[str, list[FileFacts]] = {}
    for name, futures in walks.items():
        results = [future.result() for future in futures]
        bad = [result for result in results if isinstance(result, Fault)]
        faults += bad
        if not bad:
            facts[name] = [result for result in results if isinstance(result, FileFacts)]
    whole = {name: source for name, source in sources.items() if name in facts}
    digests = {name: [pool.submit(sha256_of, path) for path in source.files] for name, source in whole.items()}
    return _Files(whole, defaults, facts, digests), faults


def _agree(request: StageRequest, files: _Files) -> tuple[tuple[datetime, str], list[Fault]]:
    """As-of moment and reporting currency, from the request and `snapshot.json`."""
    faults: list[Fault] = []
    asked = None if request.as_of is None else in_utc(request.as_of)
    stated = files.defaults.as_of
    if asked is not None and stated is not None and asked != stated:
        what = f"as_of is {stated.isoformat()} here, {asked.isoformat()} in the run"
        faults.append(Fault(what, "One of them is of another day: mend it, or leave one out.", file=DEFAULTS_FILE, path="as_of"))
    as_of = asked or stated
    if as_of is None:
        faults.append(Fault("the moment of the snapshot is not known", f"Give as_of in the run or in {DEFAULTS_FILE}.", path="as_of"))
    currency, own = request.reporting_currency, files.defaults.reporting_currency
    if currency is not None and own is not None and currency != own:
        what = f"reporting_currency is {own} here, {currency} in the run"
        faults.append(Fault(what, "Mend one of them, or leave one out.", file=DEFAULTS_FILE, path="reporting_currency"))
    if currency is None and own is None:
        hint = f"Give reporting_currency in the run or in {DEFAULTS_FILE}."
        faults.append(Fault("the reporting currency is not known", hint, path="reporting_currency"))
    return (as_of or datetime.fromtimestamp(0, UTC), currency or own or ""), faults


def _rows_by_themselves(session: Session) -> list[Fault]:
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


@dataclass(frozen=True)
class _Checked:
    """A snapshot that passed, its holdings collected and ready to be netted."""

    session: Session
    files: _Files
    layout: Layout
    positions: Spool
    collateral: Spool
    lots: int
    used: dict[str, int]
    excluded: list[Excluded]
    notes: list[Note]

    @staticmethod
    def of(session: Session, files: _Files, scratch: Path) -> _Checked:
        """Check everything; with `on_missing: exclude`, leave out accounts until what remains passes."""
        left_out = LeftOut()
        faults: list[Fault] = []
        exclude = session.request.on_missing == "exclude"
        for attempt in range(1000):
            register_views(session, left_out)
            findings = load_reference(session) + currency_findings(session)
            if attempt == 0 and exclude:
                remember_units(session)
            if findings and exclude:
                left_out, stuck = pin(session, findings, left_out)
                faults += [each.fault for each in findings]
                if stuck:
                    raise _refuse(files, faults)
                continue
            findings += load_accounts(session)
            checked, more = _read_holdings(session, files, scratch / f"rows{attempt}", left_out)
            findings += more + check_unused(session)
            faults += [each.fault for each in findings]
            if not findings and checked is not None:
                break
            left_out, stuck = pin(session, findings, left_out) if exclude else (left_out, findings)
            if stuck:
                raise _refuse(files, faults)
        else:
            raise _refuse(files, faults)
        stated = hash_faults(files.sources, files.hashes(), files.defaults.sha256)
        if stated:
            raise refusal(faults + stated)
        return checked if not left_out.accounts else checked.without(left_out, faults)

    def without(self, left_out: LeftOut, faults: list[Fault]) -> _Checked:
        """The same, with the excluded accounts listed; refused if they are too many."""
        accounts = len(self.layout.cross_pool)
        of_accounts, of_notional, untold = shares(self.session, left_out, accounts)
        over = too_much(self.session, of_accounts, of_notional, len(left_out.accounts))
        if over:
            raise refusal(over + faults)
        untold_text = f"; the notional of {counted(untold, 'excluded lot')} cannot be told" if untold else ""
        note = Note(
            "excluded accounts", "snapshot", True, len(left_out.accounts),
            f"{counted(len(left_out.accounts), 'account')} excluded: {of_accounts:.4%} of accounts, {of_notional:.4%} of gross notional{untold_text}.",
            of_accounts, self.session.request.max_excluded_accounts,
        )  # fmt: skip
        causes = [
            Note("excluded for", f"{fault.table}.{fault.column} ({fault.rule})", True, fault.rows or 0, fault.text())
            for fault in {(fault.table, fault.column, fault.rule): fault for fault in faults}.values()
        ]
        return _Checked(
            self.session, self.files, self.layout, self.positions, self.collateral, self.lots, self.used,
            excluded_accounts(self.session, left_out), [*self.notes, note, *causes],
        )  # fmt: skip

    def write(self, folder: Path, scratch: Path) -> Path:
        """Net and write the book; the folder appears only when complete."""
        session, layout = self.session, self.layout
        session.tell("netting", "0")
        unfinished = scratch / "book"
        unfinished.mkdir()
        totals = write_blocks(unfinished, layout, self.positions, self.collateral, session.threads, lambda done: session.tell("netting", f"{done:.3f}"))
        session.tell("writing", "0")
        incomplete = frozenset(each.owner_id for each in self.excluded)
        write_dimensions(session, unfinished, layout.pool_account, totals.positions_of_account, incomplete)
        excluded = {name: [getattr(each, name) for each in self.excluded] for name in ("account_id", "owner_id", "reason")}
        write_arrow(unfinished / "excluded.arrow", pa.table(excluded, schema=pa.schema([(name, pa.string()) for name in excluded])))
        write_arrow(unfinished / "quality.arrow", as_table(self.notes + self._notes(totals)))
        inputs = [asdict(each) for each in self._inputs()]
        (unfinished / "inputs.json").write_text(json.dumps(inputs, indent=1) + "\n", encoding="utf-8")
        facts = {
            "as_of": session.as_of.isoformat(), "reporting_currency": session.currency, "blocks": layout.blocks, "lots": self.lots,
            "positions": totals.positions,
        }  # fmt: skip
        (unfinished / BOOK_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
        return folder

    def _inputs(self) -> list[InputFile]:
        hashes = self.files.hashes()
        return [as_input(source, self.files.facts[name], hashes[name]) for name, source in self.files.sources.items()]

    def _notes(self, totals: Totals) -> list[Note]:
        session, facts = self.session, self.files.facts
        stated = self.files.defaults.sha256
        by_checksum = by_digest = both = 0
        for name, source in self.files.sources.items():
            for relative, fact in zip(source.relative, facts[name], strict=True):
                has_digest = (f"{name}/{relative}" if source.partitioned else relative) in stated
                by_checksum, by_digest, both = by_checksum + fact.checked, by_digest + has_digest, both + (fact.checked and has_digest)
        idle = int(np.count_nonzero((totals.positions_of_account == 0) & ~totals.with_collateral))
        bare = int(np.count_nonzero((totals.positions_of_account == 0) & totals.with_collateral))
        return [
            integrity_note(sum(len(each) for each in facts.values()), by_checksum, by_digest, both),
            *(row_note(name, self.files.rows(name), self.used[name]) for name in facts),
            *_partial_columns(self.files),
            *content_notes(session),
            *price_time_notes(session, totals.gross * unit_notionals(session)),
            Note("accounts without holdings", "accounts", False, idle, f"{counted(idle, 'account')} without positions and collateral."),
            Note("collateral without positions", "accounts", False, bare, f"{counted(bare, 'account')} with collateral and without positions."),
        ]


def _refuse(files: _Files, faults: list[Fault]) -> StressTestError:
    return refusal(list(dict.fromkeys(faults)) + hash_faults(files.sources, files.hashes(), files.defaults.sha256))


def _partial_columns(files: _Files) -> list[Note]:
    notes = []
    for name, facts in files.facts.items():
        known = set(files.sources[name].table.names)
        everywhere = [set(fact.columns) & known for fact in facts]
        for column in sorted(set.union(*everywhere) - set.intersection(*everywhere)):
            without = sum(column not in columns for columns in everywhere)
            message = f"{without:,} of {counted(len(facts), 'file')} of {name} have no column {column}: its default or null was taken there."
            notes.append(Note("columns of files", f"{name}.{column}", True, without, message))
    return notes


def _read_holdings(session: Session, files: _Files, scratch: Path, left_out: LeftOut) -> tuple[_Checked | None, list[Finding]]:
    """Positions and collateral, collected if nothing is wrong with them."""
    if session.count("SELECT count(*) FROM (SELECT 1 FROM raw_positions LIMIT 1)") == 0:
        hint = "A book needs at least one position." if not left_out.accounts else "No account is left after the exclusions."
        fault = Fault("there are no positions", hint, file=session.file("positions"), table="positions", rule="not empty", rows=0)
        return None, [Finding(fault)]
    pool_account, cross_pool = create_pools(session)
    streams = (positions_stream(session), collateral_stream(session))
    layout = _layout(session, pool_account, cross_pool, files.rows("positions"))
    spools = [_spool(session, layout, stream, files.rows(stream.table), scratch / stream.table) for stream in streams]
    counts = ((layout.rank.size, "instrument"), (layout.assets, "asset"))
    collected = []
    for stream, spool, (number, held_by) in zip(streams, spools, counts, strict=True):
        session.tell(f"reading {stream.table}", "0")
        collected.append(collect(session, stream, spool, held_by, number))
    findings: list[Finding] = []
    used = {name: _used_rows(session, files, name) for name in files.facts if name not in ("positions", "collateral")}
    for stream, result in zip(streams, collected, strict=True):
        if not result.clean:
            findings += stream_findings(session, stream)
        used[stream.table] = result.rows
        if not left_out.accounts and result.rows != files.rows(stream.table):
            what = f"{result.rows:,} rows were read, its files say {files.rows(stream.table):,}"
            findings.append(Finding(Fault(what, "Export it again.", file=session.file(stream.table), table=stream.table, rule="all rows read")))
    held = [result.held if result.clean else _held_codes(session, stream, len(result.held)) for stream, result in zip(streams, collected, strict=True)]
    findings += held_findings(session, held[0], held[1])
    if findings:
        return None, findings
    return _Checked(session, files, layout, spools[0], spools[1], collected[0].rows, used, [], []), []


def _used_rows(session: Session, files: _Files, name: str) -> int:
    return session.count(f"SELECT count(*) FROM {name if name == 'accounts' else f'raw_{name}'}") if name in session.types else files.rows(name)


def _held_codes(session: Session, stream: Stream, number: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which codes are held, where the collecting stopped at a fault."""
    column = "instrument_code" if stream.table == "positions" else "asset_code"
    flags = np.zeros(number, np.bool_)
    with session.reading(stream.table):
        rows = session.connection.sql(f"SELECT DISTINCT {column} FROM {stream.relation} WHERE {column} IS NOT NULL").fetchall()
    flags[[code for (code,) in rows]] = True
    return flags


def _layout(session: Session, pool_account: np.ndarray, cross_pool: np.ndarray, rows: int) -> Layout:
    edges = cut_blocks(np.bincount(pool_account, minlength=len(cross_pool)))
    instruments = session.connection.sql(
        "SELECT code, CAST(row_number() OVER (ORDER BY risk_group, underlying, code) - 1 AS INTEGER) AS rank, coalesce(settle_code, -1) AS settle FROM instruments"
    ).to_arrow_table()
    by_code = np.argsort(instruments.column("code").to_numpy())
    max_leverage = np.full(len(cross_pool), np.inf)
    if session.has("accounts", "max_leverage"):
        capped = session.connection.sql("SELECT code, max_leverage FROM accounts WHERE max_leverage IS NOT NULL").to_arrow_table()
        max_leverage[capped.column("code").to_numpy()] = capped.column("max_leverage").to_numpy()
    return Layout(
        pool_account, cross_pool, edges, blocks_a_range(len(edges) - 1, rows), instruments.column("rank").to_numpy()[by_code],
        instruments.column("settle").to_numpy()[by_code], max_leverage, session.count("SELECT count(*) FROM assets"),
        session.count("SELECT count(*) FROM locations"),
    )  # fmt: skip


def _spool(session: Session, layout: Layout, stream: Stream, rows: int, folder: Path) -> Spool:
    memory = session.request.max_memory or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    in_memory = rows * 8 * len(stream.columns) <= memory * _SPOOL_SHARE
    return Spool(layout.range_of_account(), None if in_memory else folder)
