"""A snapshot with some parts of one day and the rest of another: what a change of figures is split with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from stresstest.snapshot.frames import Snapshot
from stresstest.tables import INPUT_TABLES, Type, table

PARTS = ("positions", "collateral", "market", "reference data")
"""What a snapshot is taken apart into."""

MARKET = {
    "instruments": ("mark_price", "implied_vol", "forward", "settled_average", "open_interest", "confidence", "price_time"),
    "assets": (
        "price", "rate", "daily_volume", "daily_vol", "depth", "price_low", "price_high", "confidence", "pool_deposits", "pool_borrows", "price_time",
    ),
}  # fmt: skip
"""Columns that the market moves: prices, vols, rates, marks, volumes and what is said of them. Every other column is reference data."""

TOLD = {
    "accounts": ("name", "segment", "reported_equity", "reported_initial_margin", "reported_maintenance_margin"),
    "owners": ("name", "default_fund_contribution"),
    "instruments": ("price_time",),
    "assets": ("price_time",),
}
"""Columns that are shown, reconciled or held against figures, and move none of them."""

_POLARS: dict[Type, pl.DataType | type[pl.DataType]] = {
    "string": pl.String,
    "float": pl.Float64,
    "integer": pl.Int64,
    "boolean": pl.Boolean,
    "date": pl.Date,
    "string list": pl.List(pl.String),
}


@dataclass(frozen=True)
class Borrowed:
    """Rows that the one snapshot lacks and the other gave, since something refers to them; `later`: the later one gave them."""

    table: str
    keys: tuple[str, ...]
    later: bool


@dataclass(frozen=True)
class Mixed:
    """A mixed snapshot. `released`: rows of collateral in isolated pools that are closed, which are in the account's cross pool."""

    snapshot: Snapshot
    borrowed: tuple[Borrowed, ...]
    released: int


def mix(before: Snapshot, after: Snapshot, moved: Collection[str]) -> Mixed:
    """The parts in `moved` from `after`, the others from `before`.

    - positions: positions, open orders, and which accounts there are. An account that only one snapshot has comes or goes whole, with its
      collateral.
    - collateral: the collateral of accounts that both have.
    - market: the columns `MARKET`, which instruments and assets are quoted, and the history of factors.
    - reference data: every other column of instruments and assets; all that is said of accounts; owners.

    Rows that something refers to and the chosen side lacks are taken from the other one. A mixture says nothing of moment and currency.
    """
    if not moved or set(moved) >= set(PARTS):
        return Mixed(after if moved else before, (), 0)
    chosen = {part: after if part in moved else before for part in PARTS}
    held, market, reference = chosen["positions"], chosen["market"], chosen["reference data"]
    tables = {"positions": held["positions"]}
    if "orders" in held:
        tables["orders"] = held["orders"]
    accounts = _accounts(held, reference)
    if accounts is not None:
        tables["accounts"] = accounts
    borrowed: list[Borrowed] = []
    collateral, released = _collateral(chosen["collateral"], before if chosen["collateral"] is after else after, held)
    if collateral is not None:
        tables["collateral"] = collateral
    quotes = before if market is after else after  # the side that rows which `market` lacks are taken from
    wanted = _texts(held["positions"], "instrument_id") | (_texts(tables["orders"], "instrument_id") if "orders" in tables else set())
    instruments = _crossed("instruments", "instrument_id", market, reference)
    instruments, lent = _with_lent(instruments, quotes["instruments"], "instruments", "instrument_id", wanted)
    if lent:
        borrowed.append(Borrowed("instruments", lent, quotes is after))
    wanted = {each for name in ("underlying", "quote", "settle") for each in _texts(instruments, name)}
    wanted |= set() if collateral is None else _texts(collateral, "asset")
    assets = _crossed("assets", "asset", market, reference)
    everything: tuple[str, ...] = ()
    while True:  # what is lent may be priced in something that must be lent too
        assets, lent = _with_lent(assets, quotes["assets"], "assets", "asset", wanted | _texts(assets, "price_currency"))
        if not lent:
            break
        everything += lent
    if everything:
        borrowed.append(Borrowed("assets", tuple(sorted(everything)), quotes is after))
    tables |= {"instruments": instruments, "assets": assets}
    if "history" in market:
        tables["history"] = market["history"]
    if "owners" in reference:
        tables["owners"] = _owners(held, reference, accounts)
    return Mixed(Snapshot(tables), tuple(borrowed), released)


def same(one: Snapshot, other: Snapshot) -> bool:
    """Whether the tables of two snapshots say the same of everything that figures depend on, whatever the order of their rows and columns."""
    used = [each.name for each in INPUT_TABLES if not each.not_used_yet]
    if any((name in one) != (name in other) for name in used):
        return False
    return all(one[name] is other[name] or _canonical(name, one[name]).equals(_canonical(name, other[name])) for name in used if name in one)


def _canonical(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """All columns that figures depend on, defaults filled in, rows in an order of their own."""
    definition = table(name)
    used = [column for column in definition.columns if not column.not_used_yet and column.name not in TOLD.get(name, ())]
    there = _normal(name, frame)
    lacking = [pl.lit(None, _type(column.type)).alias(column.name) for column in used if column.name not in there.columns]
    filled = [pl.col(column.name) if column.default is None else pl.col(column.name).fill_null(column.default) for column in used]
    return there.with_columns(lacking).select(filled).sort(definition.key or [column.name for column in used])


def _type(name: Type) -> pl.DataType | type[pl.DataType]:
    return pl.Datetime("us", "UTC") if name == "timestamp" else _POLARS[name]


def _normal(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The columns that the table knows, each in one type, so that rows of two files can stand in one frame."""
    return frame.select(_cast(frame.schema[column.name], column.name, column.type) for column in table(name).columns if column.name in frame.columns)


def _cast(found: pl.DataType, name: str, kind: Type) -> pl.Expr:
    value = pl.col(name)
    if kind != "timestamp":
        return value.cast(_POLARS[kind])
    if isinstance(found, pl.Datetime):  # without a zone it is UTC, as in every snapshot
        value = value.dt.replace_time_zone("UTC") if found.time_zone is None else value.dt.convert_time_zone("UTC")
    return value.cast(pl.Datetime("us", "UTC"))


def _texts(frame: pl.DataFrame, column: str) -> set[str]:
    return set(frame[column].cast(pl.String).drop_nulls().unique().to_list()) if column in frame.columns else set()


def account_ids(snapshot: Snapshot) -> set[str]:
    """The accounts of a snapshot: those of its table, without one those that positions and collateral name."""
    if "accounts" in snapshot:
        return _texts(snapshot["accounts"], "account_id")
    return {each for name in ("positions", "collateral") if name in snapshot for each in _texts(snapshot[name], "account_id")}


def _listed(snapshot: Snapshot) -> pl.DataFrame:
    """The accounts table, or its one column where there is no such table."""
    if "accounts" in snapshot:
        return _normal("accounts", snapshot["accounts"])
    return pl.DataFrame({"account_id": sorted(account_ids(snapshot))}, schema={"account_id": pl.String})


def _accounts(held: Snapshot, reference: Snapshot) -> pl.DataFrame | None:
    """Accounts of the one, with what the other says of them; of an account that the other does not know, what its own says."""
    if held is reference:
        return held.get("accounts")
    if "accounts" not in held and "accounts" not in reference:
        return None
    own, told = _listed(held), _listed(reference)
    parts = [own.select("account_id").join(told, on="account_id", how="inner"), own.join(told, on="account_id", how="anti")]
    return pl.concat(parts, how="diagonal_relaxed")


def _owners(held: Snapshot, reference: Snapshot, accounts: pl.DataFrame | None) -> pl.DataFrame:
    if held is reference or "owners" not in held or accounts is None or "owner_id" not in accounts.columns:
        return reference["owners"]
    return _with_lent(_normal("owners", reference["owners"]), held["owners"], "owners", "owner_id", _texts(accounts, "owner_id"))[0]


def _collateral(chosen: Snapshot, other: Snapshot, held: Snapshot) -> tuple[pl.DataFrame | None, int]:
    """The collateral of the chosen side for the accounts that `held` has, and how many rows were released into cross pools."""
    if chosen is held:
        return chosen.get("collateral"), 0
    there, known = account_ids(held), account_ids(chosen)
    gone, came = known - there, there - known
    parts = []
    if "collateral" in chosen:
        frame = _normal("collateral", chosen["collateral"])
        parts.append(frame.filter(~pl.col("account_id").is_in(sorted(gone))) if gone else frame)
    if came and "collateral" in other:
        parts.append(_normal("collateral", other["collateral"]).filter(pl.col("account_id").is_in(sorted(came))))
    if not parts:
        return None, 0
    return _released(pl.concat(parts, how="diagonal_relaxed"), held["positions"])


def _released(collateral: pl.DataFrame, positions: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """What is posted to an isolated pool that has no position any more is the account's again."""
    if "pool_id" not in collateral.columns:
        return collateral, 0
    lots = _normal("positions", positions)
    for name in ("pool_id", "margin_mode"):
        if name not in lots.columns:
            lots = lots.with_columns(pl.lit(None, pl.String).alias(name))
    named = pl.col("instrument_id") + pl.when(pl.col("quantity") >= 0).then(pl.lit(":long")).otherwise(pl.lit(":short"))
    open_pools = (
        lots.filter(pl.col("margin_mode") == "isolated").select("account_id", pl.coalesce("pool_id", named).alias("pool_id")).unique()
    ).with_columns(_open=pl.lit(True))  # fmt: skip
    joined = collateral.join(open_pools, on=["account_id", "pool_id"], how="left", maintain_order="left")
    closed = (pl.col("pool_id").fill_null("cross") != "cross") & pl.col("_open").is_null()
    count = joined.filter(closed).height
    if not count:
        return collateral, 0
    return joined.with_columns(pl.when(closed).then(pl.lit("cross")).otherwise(pl.col("pool_id")).alias("pool_id")).drop("_open"), count


def _crossed(name: str, key: str, market: Snapshot, reference: Snapshot) -> pl.DataFrame:
    """Rows and market columns of the one, other columns of the other; a row that the other lacks is that of the one."""
    if market is reference:
        return market[name]
    quoted, told = _normal(name, market[name]), _normal(name, reference[name])
    moving = [key, *(column for column in MARKET[name] if column in quoted.columns)]
    terms = [column for column in told.columns if column not in MARKET[name]]
    parts = [quoted.select(moving).join(told.select(terms), on=key, how="inner"), quoted.join(told, on=key, how="anti")]
    return pl.concat(parts, how="diagonal_relaxed")


def _with_lent(frame: pl.DataFrame, lender: pl.DataFrame, name: str, key: str, wanted: set[str]) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The frame with the wanted rows that it lacks and the lender has, and their keys."""
    lent = tuple(sorted((wanted - _texts(frame, key)) & _texts(lender, key)))
    if not lent:
        return frame, ()
    rows = _normal(name, lender).filter(pl.col(key).is_in(lent))
    return pl.concat([_normal(name, frame), rows], how="diagonal_relaxed"), lent
