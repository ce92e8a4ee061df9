"""Order books as a file states them: the table of `kind: depth_table`, checked, as sides to walk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from stresstest.config.impact import Impact, TableImpact
from stresstest.documents import suggest
from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.snapshot.book import Dimensions
from stresstest.snapshot.parquet_file import DamagedFileError, inspect
from stresstest.stress.cascade.market.order_book import Side, side_of

COLUMNS: Mapping[str, pl.DataType] = {"asset": pl.String(), "side": pl.String(), "price": pl.Float64(), "quantity": pl.Float64()}
_SIDES = ("bid", "ask")


class Sides(NamedTuple):
    """The order book of one asset."""

    bids: Side
    asks: Side


def read_depth_table(path: Path | str) -> pl.DataFrame:
    """The levels of order books: columns asset, side (bid or ask), price (in the asset's price currency), quantity (units of the asset).

    Levels of one asset and side may come in any order; those of one price are taken together. CSV where the name ends so, else Parquet.

    Raises:
        StressTestError: configuration, with every fault of the file: what a single row shows.
    """
    frame, faults = _read(Path(path))
    if frame is not None:
        faults = [*_row_faults(frame, str(path))]
    if frame is None or faults:
        raise StressTestError(Reason.CONFIGURATION, f"{path} is no depth table", faults)
    return frame


def read_depth_tables(impacts: Sequence[Impact]) -> dict[str, pl.DataFrame]:
    """Every table that the impacts name, by its path.

    Raises:
        StressTestError: configuration, with every fault of every file.
    """
    found: dict[str, pl.DataFrame] = {}
    faults: list[Fault] = []
    for path in dict.fromkeys(each.table for each in impacts if isinstance(each, TableImpact)):
        try:
            found[path] = read_depth_table(path)
        except StressTestError as error:
            faults += error.faults
    if faults:
        raise StressTestError(Reason.CONFIGURATION, f"the depth tables have {counted(len(faults), 'fault')}", faults)
    return found


def order_books(table: pl.DataFrame, dimensions: Dimensions, file: str) -> tuple[dict[int, Sides], list[Fault]]:
    """The order book of every asset of a table by its code, and what does not fit the snapshot: unknown assets, sides without levels, bids above
    the snapshot price, asks below it.
    """
    code = {asset: number for number, asset in enumerate(dimensions.assets["asset"])}
    price, negative = dimensions.assets["price"].to_list(), dimensions.assets["may_be_negative"].to_list()
    found: dict[int, Sides] = {}
    faults = []

    def fault(what: str, hint: str, asset: str, column: str) -> None:
        faults.append(Fault(what, hint, file=file, table="depth table", column=column, keys=(asset,)))

    for (asset,), levels in table.group_by("asset", maintain_order=True):
        name = str(asset)
        if name not in code:
            fault("no asset of the snapshot is called so", suggest(name, list(code), "Assets"), name, "asset")
            continue
        at = price[code[name]]
        bids, asks = (levels.filter(side=side).sort("price", "quantity", descending=[side == "bid", False]) for side in _SIDES)
        for side, rows in zip(_SIDES, (bids, asks), strict=True):
            if rows.is_empty():
                fault(f"has no {side}: what a {'sale' if side == 'bid' else 'purchase'} would do is left open", "Add one.", name, "side")
        if bids.height and bids["price"][0] > at:
            fault(
                f"the best bid, {bids['price'][0]:g}, is above the snapshot price, {at:g}",
                "Levels are those of the snapshot's moment.",
                name,
                "price",
            )
        if asks.height and asks["price"][0] < at:
            fault(
                f"the best ask, {asks['price'][0]:g}, is below the snapshot price, {at:g}",
                "Levels are those of the snapshot's moment.",
                name,
                "price",
            )
        if not negative[code[name]] and (levels["price"] <= 0.0).any():
            fault("a level at zero or below", "Only assets with `may_be_negative` can have a price of zero or below.", name, "price")
        if bids.height and asks.height and at != 0.0:
            found[code[name]] = Sides(*(side_of(rows["price"].to_numpy(), rows["quantity"].to_numpy(), at) for rows in (bids, asks)))
    return found, faults


def _read(path: Path) -> tuple[pl.DataFrame | None, list[Fault]]:
    """The known columns in their types, or what keeps them from being read; a Parquet file is walked first, as every one that a run is given."""
    try:
        if path.suffix == ".csv":
            frame = pl.read_csv(path, infer_schema_length=None, null_values=[""])
        else:
            inspect(path)
            frame = pl.read_parquet(path)
    except FileNotFoundError:
        return None, [Fault("no such file", "Check the path; it is relative to the run file.", file=str(path))]
    except pl.exceptions.PanicException:
        return None, [Fault("cannot be read: its pages are damaged, and the reader gave up on them", "Write the file again.", file=str(path))]
    except (DamagedFileError, OSError, pl.exceptions.PolarsError) as error:
        what = f"cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        return None, [Fault(what, "Write the file again.", file=str(path))]
    faults = [
        Fault("the column is missing", f"A depth table has {', '.join(COLUMNS)}.", file=str(path), table="depth table", column=name)
        for name in COLUMNS
        if name not in frame.columns
    ]
    for name in (name for name in COLUMNS if name in frame.columns):
        kind = frame.schema[name]
        if not (kind.is_numeric() if COLUMNS[name].is_numeric() else kind in (pl.String, pl.Categorical, pl.Enum)):
            what = f"holds {kind}, not {'numbers' if COLUMNS[name].is_numeric() else 'text'}"
            faults.append(Fault(what, "", file=str(path), table="depth table", column=name))
    return (None, faults) if faults else (frame.select(pl.col(name).cast(kind) for name, kind in COLUMNS.items()), [])


def _row_faults(frame: pl.DataFrame, file: str) -> list[Fault]:
    rules = [
        ("asset", pl.col("asset").is_null(), "is null", "Every level is of an asset."),
        ("side", ~pl.col("side").is_in(_SIDES) | pl.col("side").is_null(), f"is none of {', '.join(_SIDES)}", ""),
        ("price", pl.col("price").is_null() | ~pl.col("price").is_finite(), "is no finite number", ""),
        ("quantity", pl.col("quantity").is_null() | ~pl.col("quantity").is_finite() | (pl.col("quantity") <= 0.0), "is not above zero", ""),
    ]
    faults = [Fault("has no rows", "Leave the impact out, or write the order books.", file=file, table="depth table")] if frame.is_empty() else []
    for column, bad, what, hint in rules:
        rows = frame.filter(bad)
        if rows.height:
            keys = tuple(str(each) for each in rows["asset"].unique(maintain_order=True).head(5))
            faults.append(Fault(what, hint, file=file, table="depth table", column=column, rows=rows.height, keys=keys))
    return faults
