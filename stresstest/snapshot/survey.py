"""What a snapshot holds and what names it uses, before there is a margin file to check it against."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl

from stresstest.snapshot.files import Files, look
from stresstest.snapshot.request import StageRequest
from stresstest.snapshot.session import OUR_MISTAKES, LeftOut, Session, UnreadableTableError, open_connection, register_views, unreadable
from stresstest.snapshot.sources import refusal
from stresstest.snapshot.stage import read_apart
from stresstest.snapshot.typing_sql import column_faults, column_types

SURVEYOR = (sys.executable, "-m", "stresstest.snapshot.survey_child")


@dataclass(frozen=True)
class Survey:
    """What is there. Rows are taken as they are: whether they make sense is for `validate` to say.

    Args:
        as_of, reporting_currency: what `snapshot.json` says; None where it is silent.
        latest_price: the last `price_time` of any asset or instrument, UTC; None without one. `untimed`: prices without a time.
        written: the last modification of any of its files, UTC.
        first_expiry: the first expiry of a held instrument, UTC; None where nothing held expires.
        accounts, positions: number of accounts, and of rows of positions.
        assets: a row for each: `asset, asset_class, tags, price, price_currency, collateral_schedule, margin_schedule, has_duration`,
            and what it is used for: `held` (as collateral, isolated margin, or the underlying of a held spot instrument), `settles`
            (held derivatives are quoted or settled in it), `pays` (their P&L joins its balance), `underlies` (a held derivative).
        instruments: a row for each schedule, kind and underlying: `margin_schedule, kind, underlying, instruments, positions, gross`.
            `gross` adds up what is held, in units of the quote asset's price: for putting underlyings in an order, no more.
        models: a row for each margin model: `model, accounts`, and `nets`: an instrument held under it has no schedule of its own,
            and its underlying has one.
        locations: where collateral is, most accounts first.
        unlisted: assets that others are priced in, or instruments follow, are quoted or settled in, and that `assets` does not list.
        unscheduled: held instruments other than spot without a margin schedule, neither of their own nor of their underlying.
    """

    as_of: datetime | None
    reporting_currency: str | None
    latest_price: datetime | None
    untimed: int
    written: datetime
    first_expiry: datetime | None
    accounts: int
    positions: int
    assets: pl.DataFrame
    instruments: pl.DataFrame
    models: pl.DataFrame
    locations: tuple[str, ...]
    unlisted: tuple[str, ...]
    unscheduled: tuple[str, ...]


def survey(snapshot: str) -> Survey:
    """Look at a snapshot: folder, or URL prefix that DuckDB reads. In a process of its own, as everything that decodes files from outside.

    Raises:
        StressTestError: INPUT_DATA, with every table that is missing or unreadable and every column that is missing or of a wrong type.
    """
    with tempfile.TemporaryDirectory(prefix="stresstest-survey-") as folder:
        written = read_apart(StageRequest(snapshot, Path(folder)), SURVEYOR)
        found: Survey = pickle.loads(written.read_bytes())  # noqa: S301 - written by our own child
    return found


def surveyed(request: StageRequest, tell: Callable[[str, str], None]) -> Survey:
    """The same, in this process; `tell` is told (`reading`, path) before a table is read.

    Raises:
        StressTestError: as of `survey`.
    """
    connection = open_connection(request, request.work / "scratch")
    try:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            files, faults = look(request, pool, request.work)
        types: dict[str, dict[str, str]] = {}
        for name, source in files.sources.items():
            tell("reading", source.shown)
            own = files.columns(name)
            try:
                types[name] = column_types(connection, source, own)
            except OUR_MISTAKES:
                raise
            except duckdb.Error as error:
                faults.append(unreadable(name, source.shown, error))
            else:
                faults += column_faults(source, types[name], own)
        if faults:
            raise refusal(faults)
        session = Session(connection, request, files.sources, types, datetime.fromtimestamp(0, UTC), "", tell)
        register_views(session, LeftOut())
        return _survey(session, files)
    except UnreadableTableError as error:
        raise refusal([error.fault]) from None
    finally:
        connection.close()


def _survey(session: Session, files: Files) -> Survey:
    for name, query in _KEPT.items():
        with session.reading(name.removeprefix("kept_")):
            session.connection.execute(f"CREATE TEMP TABLE {name} AS {query}")
    paths = [path for source in files.sources.values() for path in source.files]
    return Survey(
        as_of=files.defaults.as_of,
        reporting_currency=files.defaults.reporting_currency,
        latest_price=_moment(session, f"SELECT max(price_time) FROM ({_PRICE_TIMES})"),
        untimed=session.count(f"SELECT count(*) FROM ({_PRICE_TIMES}) WHERE price_time IS NULL"),
        written=datetime.fromtimestamp(max(path.stat().st_mtime for path in paths), UTC),
        first_expiry=_moment(session, "SELECT min(expiry) FROM kept_instruments WHERE positions > 0"),
        accounts=session.count(_ACCOUNTS),
        positions=session.count("SELECT sum(positions) FROM kept_positions"),
        assets=_frame(session, _ASSETS),
        instruments=_frame(session, _INSTRUMENTS),
        models=_frame(session, _MODELS),
        locations=_texts(session, _LOCATIONS),
        unlisted=_texts(session, _UNLISTED),
        unscheduled=_texts(session, _UNSCHEDULED),
    )


# Positions and collateral are read once, and grouped at once: a book has millions of them, and few models and instruments.
_KEPT = {
    "kept_assets": "SELECT * FROM raw_assets WHERE asset IS NOT NULL",
    "kept_accounts": "SELECT account_id, margin_model FROM raw_accounts",
    "kept_positions": (
        "SELECT coalesce(a.margin_model, 'default') AS model, p.instrument_id, count(*) AS positions, sum(abs(p.quantity)) AS size, "
        "bool_or(p.margin_mode = 'isolated') AS isolated FROM raw_positions p LEFT JOIN kept_accounts a USING (account_id) GROUP BY ALL"
    ),
    "kept_collateral": "SELECT asset, location, count(DISTINCT account_id) AS accounts FROM raw_collateral GROUP BY ALL",
    "kept_instruments": (
        "SELECT i.* REPLACE (coalesce(i.settle, i.quote) AS settle), coalesce(h.positions, 0) AS positions, coalesce(h.isolated, false) AS isolated, "
        "coalesce(h.size * i.contract_size * CASE WHEN i.kind = 'option' THEN u.price * coalesce(c.price, 1) WHEN i.payoff = 'inverse' THEN q.price "
        "ELSE abs(i.mark_price) * coalesce(q.price, 1) END, 0) AS gross "
        "FROM raw_instruments i LEFT JOIN (SELECT instrument_id, sum(positions) AS positions, sum(size) AS size, bool_or(isolated) AS isolated "
        "FROM kept_positions GROUP BY ALL) h USING (instrument_id) LEFT JOIN kept_assets u ON i.underlying = u.asset "
        "LEFT JOIN kept_assets c ON u.price_currency = c.asset "
        "LEFT JOIN kept_assets q ON i.quote = q.asset WHERE i.instrument_id IS NOT NULL"
    ),
}
_PRICE_TIMES = "SELECT price_time FROM kept_assets UNION ALL SELECT price_time FROM kept_instruments"
_ACCOUNTS = (
    "SELECT count(*) FROM (SELECT account_id FROM raw_positions UNION SELECT account_id FROM raw_collateral "
    "UNION SELECT account_id FROM kept_accounts)"
)
_DERIVATIVE = "kind <> 'spot'"


def _of_held(column: str, condition: str) -> str:
    """SQL: what held instruments have in a column."""
    return f"SELECT {column} FROM kept_instruments WHERE positions > 0 AND {condition}"


_COLLATERAL = f"SELECT asset FROM kept_collateral UNION {_of_held('underlying', f'NOT {_DERIVATIVE}')} UNION {_of_held('settle', 'isolated')}"
_PAID_IN = _of_held("settle", f"{_DERIVATIVE} AND (kind <> 'option' OR premium_style = 'margined')")
_ASSETS = (
    "SELECT asset, asset_class, coalesce(tags, []) AS tags, price, price_currency, collateral_schedule, margin_schedule, "
    "duration IS NOT NULL AS has_duration, "
    f"asset IN ({_COLLATERAL}) AS held, "
    f"asset IN ({_of_held('settle', _DERIVATIVE)} UNION {_of_held('quote', _DERIVATIVE)}) AS settles, "
    f"asset IN ({_PAID_IN}) AS pays, asset IN ({_of_held('underlying', _DERIVATIVE)}) AS underlies "
    "FROM kept_assets ORDER BY asset"
)
_INSTRUMENTS = (
    "SELECT margin_schedule, kind, underlying, count(*) AS instruments, CAST(sum(positions) AS BIGINT) AS positions, sum(gross) AS gross "
    "FROM kept_instruments GROUP BY ALL ORDER BY margin_schedule, kind, underlying"
)
_BY_UNDERLYING = "i.margin_schedule IS NULL AND i.kind NOT IN ('spot', 'option') AND u.margin_schedule IS NOT NULL"
_MODELS = (
    "SELECT model, CAST(sum(accounts) AS BIGINT) AS accounts, bool_or(nets) AS nets FROM ("
    "SELECT coalesce(margin_model, 'default') AS model, count(*) AS accounts, false AS nets FROM kept_accounts GROUP BY ALL UNION ALL "
    f"SELECT p.model, 0, bool_or({_BY_UNDERLYING}) FROM kept_positions p JOIN kept_instruments i USING (instrument_id) "
    "LEFT JOIN kept_assets u ON i.underlying = u.asset GROUP BY ALL) GROUP BY ALL ORDER BY model"
)
_LOCATIONS = "SELECT location FROM kept_collateral WHERE location IS NOT NULL GROUP BY ALL ORDER BY sum(accounts) DESC, location"
_UNLISTED = (
    "SELECT name FROM (SELECT price_currency AS name FROM kept_assets UNION SELECT unnest([underlying, quote, settle]) FROM kept_instruments) "
    "WHERE name IS NOT NULL AND name NOT IN (SELECT asset FROM kept_assets) ORDER BY name"
)
_UNSCHEDULED = (
    "SELECT i.instrument_id FROM kept_instruments i LEFT JOIN kept_assets u ON i.underlying = u.asset "
    f"WHERE i.positions > 0 AND i.kind <> 'spot' AND i.margin_schedule IS NULL AND NOT coalesce({_BY_UNDERLYING}, false) ORDER BY i.instrument_id"
)


def _frame(session: Session, query: str) -> pl.DataFrame:
    frame: pl.DataFrame = session.connection.sql(query).pl()
    return frame


def _texts(session: Session, query: str) -> tuple[str, ...]:
    return tuple(str(text) for text in session.texts(query))


def _moment(session: Session, query: str) -> datetime | None:
    found: datetime | None = session.connection.sql(query).fetchall()[0][0]
    return None if found is None else found.replace(tzinfo=UTC)
