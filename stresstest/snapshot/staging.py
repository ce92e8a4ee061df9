"""The whole way from a snapshot's files to a staged book, inside the reading process."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from stresstest.errors import Reason, StressTestError, counted
from stresstest.snapshot.blocks import BOOK_FILE
from stresstest.snapshot.checking import Checked, check, check_rows_alone
from stresstest.snapshot.dimension_files import write_arrow, write_dimensions
from stresstest.snapshot.files import Files, agree, look
from stresstest.snapshot.misnamed import absence_notes, collateral_note, column_notes, default_notes, table_notes, unknown_tables
from stresstest.snapshot.notional import asset_values, unit_notionals
from stresstest.snapshot.plausibility import entry_notes, mark_notes
from stresstest.snapshot.quality import Note, as_table, content_notes, price_time_notes, row_note
from stresstest.snapshot.request import StageRequest
from stresstest.snapshot.session import OUR_MISTAKES, LeftOut, Session, UnreadableTableError, open_connection, register_views, unreadable
from stresstest.snapshot.sources import refusal
from stresstest.snapshot.typing_sql import column_faults, column_types
from stresstest.snapshot.writing import Totals, write_blocks

Tell = Callable[[str, str], None]


def stage(request: StageRequest, tell: Tell) -> Path:
    """Read, check, net and write; the book's folder.

    Args:
        request: what to stage.
        tell: is told (`reading`, path) before a table is read and (stage, fraction) as work proceeds.

    Raises:
        StressTestError: INPUT_DATA with every fault found; ENVIRONMENT when memory is short.
    """
    scratch = request.work / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    connection = open_connection(request, scratch)
    try:
        with ThreadPoolExecutor(request.threads or os.cpu_count()) as pool:
            session, files = _open(request, connection, pool, scratch, tell)
            try:
                checked = check(session, files, scratch)
            except UnreadableTableError as error:
                raise refusal([error.fault, *files.hash_faults()]) from None
            return _write(session, files, checked, scratch / "book", request.work / "book")
    except duckdb.OutOfMemoryException as error:
        hint = "Raise max_memory, or stage on a machine with more."
        raise StressTestError(Reason.ENVIRONMENT, f"not enough memory to stage the snapshot: {error}", hint=hint) from None
    finally:
        connection.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _open(request: StageRequest, connection: duckdb.DuckDBPyConnection, pool: ThreadPoolExecutor, scratch: Path, tell: Tell) -> tuple[Session, Files]:
    """The tables found, walked, and of the right columns and types; refused with all that is wrong if they are not."""
    tell("looking at the files", "0")
    files, faults = look(request, pool, scratch)
    as_of, currency, disagreements = agree(request, files.defaults)
    faults += disagreements
    types: dict[str, dict[str, str]] = {}
    for name, source in files.sources.items():
        tell("reading", source.shown)
        own = files.columns(name)
        try:
            found = column_types(connection, source, own)
        except OUR_MISTAKES:
            raise
        except duckdb.Error as error:
            faults.append(unreadable(name, source.shown, error))
            continue
        wrong = column_faults(source, found, own)
        faults += wrong
        types[name] = {column: kind for column, kind in found.items() if column not in {fault.column for fault in wrong}}
    session = Session(connection, request, files.sources, types, as_of, currency, tell)
    if faults:
        register_views(session, LeftOut())
        raise refusal(faults + check_rows_alone(session) + files.hash_faults())
    return session, files


def _write(session: Session, files: Files, checked: Checked, unfinished: Path, folder: Path) -> Path:
    """Net and write the book; the folder appears only when complete."""
    unfinished.mkdir()
    session.tell("netting", "0")
    incomplete = frozenset(each.owner_id for each in checked.excluded)
    # Names and holdings meet only in a count: the dimensions are written beside the netting, which leaves DuckDB alone.
    with ThreadPoolExecutor(1) as aside:
        accounts = aside.submit(write_dimensions, session, unfinished, checked.layout.pool_account, incomplete)
        totals = write_blocks(
            unfinished,
            checked.layout,
            checked.positions,
            checked.collateral,
            checked.orders,
            session.threads,
            lambda done: session.tell("netting", f"{done:.3f}"),
        )
        session.tell("writing", "0")
        write_arrow(unfinished / "accounts.arrow", accounts.result().append_column("positions", pa.array(totals.positions_of_account)))
    names = ("account_id", "owner_id", "reason")
    excluded = {name: [getattr(each, name) for each in checked.excluded] for name in names}
    write_arrow(unfinished / "excluded.arrow", pa.table(excluded, schema=pa.schema([(name, pa.string()) for name in names])))
    write_arrow(unfinished / "quality.arrow", as_table(_notes(session, files, checked, totals)))
    _write_json(unfinished / "inputs.json", [asdict(each) for each in files.inputs()])
    facts = {"as_of": session.as_of.isoformat(), "reporting_currency": session.currency, "blocks": checked.layout.blocks}
    _write_json(unfinished / BOOK_FILE, facts | {"lots": checked.lots, "positions": totals.positions, **_funds(session)})
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)
    session.tell("writing", "1")
    return folder


def _funds(session: Session) -> dict[str, float]:
    """Contributions and assessment caps of all owners as the table lists them: an owner without accounts has paid too. Summed exactly, so in any
    order."""
    rows = session.connection.sql("SELECT default_fund_contribution, assessment_cap FROM owners_in").fetchall()
    return {"default_fund": math.fsum(contribution for contribution, _ in rows), "assessments": math.fsum(cap for _, cap in rows)}


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _notes(session: Session, files: Files, checked: Checked, totals: Totals) -> list[Note]:
    without = totals.positions_of_account == 0
    idle, bare = int(np.count_nonzero(without & ~totals.with_collateral)), int(np.count_nonzero(without & totals.with_collateral))
    columns = {name: files.all_columns(name) for name in files.sources}
    # What else lies at a URL cannot be listed.
    folder = None if "://" in session.request.snapshot else Path(session.request.snapshot)
    values, units = asset_values(session), unit_notionals(session)
    gross = totals.gross * np.nan_to_num(units)
    return [
        *files.notes(),
        *column_notes(columns),
        *default_notes(columns, {name: source.hive_keys - files.columns(name) for name, source in files.sources.items()}),
        *(table_notes(folder, files.sources) if folder else []),
        *collateral_note(session, unknown_tables(folder) if folder else []),
        *absence_notes(files.sources),
        *(row_note(name, files.rows(name), checked.used[name]) for name in files.facts),
        *content_notes(session),
        *price_time_notes(session, gross, totals.balances * np.abs(values)),
        *mark_notes(session, values, gross),
        *(entry_notes(session, units) if checked.doubtful else []),
        Note("accounts without holdings", "accounts", False, idle, f"{counted(idle, 'account')} without positions and collateral."),
        Note("collateral without positions", "accounts", False, bare, f"{counted(bare, 'account')} with collateral and without positions."),
        *checked.notes,
    ]
