"""The dimension tables of a book as Arrow files: the same bytes for the same content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from stresstest.snapshot.book import Codes
from stresstest.snapshot.session import Session
from stresstest.tables import ACCOUNTS, ASSETS, HISTORY, INSTRUMENTS, OWNERS, Table

_ARROW = {
    "string": pa.string(), "float": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_(), "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(), "string list": pa.list_(pa.string()),
}  # fmt: skip


def write_arrow(path: Path, table: pa.Table) -> None:
    """Write an Arrow IPC file in one batch, zeros under the nulls: what lies there would otherwise differ from run to run."""
    columns = [_canonical(column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)) for column in table.columns]
    batch = pa.RecordBatch.from_arrays(columns, schema=table.schema) if table.num_columns else None
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        if batch is not None:
            writer.write_batch(batch)


def _canonical(column: pa.Array) -> pa.Array:
    if column.null_count in (0, len(column)) and not pa.types.is_list(column.type):
        return pa.nulls(len(column), column.type) if column.null_count else column
    if pa.types.is_list(column.type):
        return pa.array(column.to_pylist(), column.type)  # only the tags of assets
    if pa.types.is_string(column.type):
        return column.take(pa.array(np.arange(len(column)))) if column.offset else column
    return pc.if_else(column.is_valid(), column, pa.scalar(None, column.type))


def dimension(session: Session, name: str, definition: Table, extra: str = "") -> pa.Table:
    """A coded temporary table in the order of its codes, in the types of `tables`, `extra` columns after its own."""
    own = [column.name for column in definition.columns]
    query = f"SELECT code, {', '.join(own)}{', ' + extra if extra else ''} FROM {name}"
    rows = session.connection.sql(query).to_arrow_table()
    codes = rows.column("code").to_numpy()
    if not np.array_equal(codes, np.arange(len(codes))):
        rows = rows.take(pa.array(np.argsort(codes)))
    rows = rows.drop_columns(["code"])
    fields = [pa.field(column.name, _ARROW[column.type]) for column in definition.columns]
    return rows.cast(pa.schema([*fields, *(rows.schema.field(name) for name in rows.column_names[len(fields) :])]))


def write_dimensions(session: Session, folder: Path, pool_account: Codes, incomplete_owners: frozenset[str]) -> pa.Table:
    """Write assets, instruments, owners, pools, locations and history into `folder`.

    Returns:
        The accounts, with their owner's code and number of pools: how many positions they have is known when the blocks are netted.
    """
    write_arrow(folder / "assets.arrow", dimension(session, "assets", ASSETS))
    write_arrow(folder / "instruments.arrow", dimension(session, "instruments", INSTRUMENTS, "underlying_code, quote_code, settle_code"))

    accounts = dimension(session, "accounts", ACCOUNTS)
    owner = accounts.column("owner_id").combine_chunks()
    changes = np.concatenate(([True], pc.not_equal(owner[1:], owner[:-1]).to_numpy(zero_copy_only=False)))
    owner_code = (np.cumsum(changes) - 1).astype(np.int32)
    pools = np.bincount(pool_account, minlength=len(accounts)).astype(np.int32)
    for name, values in (("owner_code", owner_code), ("pools", pools)):
        accounts = accounts.append_column(name, pa.array(values))
    write_arrow(folder / "owners.arrow", _owners(session, owner.filter(pa.array(changes)), incomplete_owners))

    if pools.sum() == len(accounts):
        pool_id = pa.repeat(pa.scalar("cross"), len(accounts))
    else:
        pool_id = session.connection.sql("SELECT pool_id FROM pools ORDER BY code").to_arrow_table().column("pool_id").combine_chunks()
    pool_table = {"account_code": pa.array(pool_account), "pool_id": pool_id, "isolated": pc.not_equal(pool_id, "cross")}
    write_arrow(folder / "pools.arrow", pa.table(pool_table))
    locations = session.connection.sql("SELECT location FROM locations ORDER BY code").to_arrow_table()
    write_arrow(folder / "locations.arrow", locations.cast(pa.schema([("location", pa.string())])))
    _write_history(session, folder)
    return accounts


def _write_history(session: Session, folder: Path) -> None:
    """Write the daily values of factors into `folder`, by factor and date; nothing where the snapshot has none."""
    if session.has(HISTORY.name):
        rows = session.connection.sql("SELECT date, factor, value FROM raw_history ORDER BY factor, date").to_arrow_table()
        write_arrow(folder / f"{HISTORY.name}.arrow", rows.cast(pa.schema([(column.name, _ARROW[column.type]) for column in HISTORY.columns])))


def _owners(session: Session, owner_id: pa.Array, incomplete: frozenset[str]) -> pa.Table:
    """Every owner of an account, with its row of the owners table where it has one."""
    session.connection.register("owner_ids", pa.table({"owner_id": owner_id, "code": np.arange(len(owner_id), dtype=np.int32)}))
    session.connection.execute(
        "CREATE OR REPLACE TEMP TABLE owners AS SELECT n.code, n.owner_id, o.* EXCLUDE (owner_id) "
        "REPLACE (coalesce(default_fund_contribution, 0.0) AS default_fund_contribution, coalesce(assessment_cap, 0.0) AS assessment_cap) "
        "FROM owner_ids n LEFT JOIN owners_in o ON n.owner_id = o.owner_id"
    )
    session.connection.unregister("owner_ids")
    owners = dimension(session, "owners", OWNERS)
    return owners.append_column("incomplete", pc.is_in(owner_id, value_set=pa.array(sorted(incomplete), pa.string())))
