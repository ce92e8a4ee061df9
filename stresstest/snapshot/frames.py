"""A snapshot in memory: its tables as Polars frames, to look at, to change, and to run a stress test on."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

import polars as pl

from stresstest.documents import suggest
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.snapshot.parquet_file import FileFacts, sha256_of
from stresstest.snapshot.request import DEFAULTS_FILE
from stresstest.snapshot.sources import Source, hash_faults, locate, refusal, table_hash, walk
from stresstest.tables import INPUT_TABLES

NAMES = tuple(table.name for table in INPUT_TABLES)
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""How writers of partitioned tables name the folder of rows whose key is null."""


@dataclass(frozen=True, eq=False)
class Snapshot(Mapping[str, pl.DataFrame]):
    """The tables of a snapshot by name, and what its `snapshot.json` says of moment and currency (None: it says nothing).

    A value: `replace` gives a changed copy and leaves this one as it is. Frames are as the files hold them, unchecked and
    with every column; a run on them checks them as it checks files.

    >>> snapshot = Snapshot({"assets": pl.DataFrame({"asset": ["USD"], "price": [1.0]})})
    >>> snapshot.replace(assets=snapshot["assets"].with_columns(price=2.0))["assets"]["price"].to_list()
    [2.0]
    """

    tables: Mapping[str, pl.DataFrame]
    as_of: datetime | None = None
    reporting_currency: str | None = None

    # Two snapshots are the same when they are one: comparing frames gives frames.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __post_init__(self) -> None:
        faults = []
        given: Mapping[str, object] = self.tables
        for name, frame in given.items():
            if name not in NAMES:
                faults.append(Fault(f"`{name}` is no table of a snapshot", suggest(name, list(NAMES), "Tables"), table=name))
            elif not isinstance(frame, pl.DataFrame):
                hint = "Collect a LazyFrame; turn other frames into one with pl.from_pandas or pl.from_arrow."
                faults.append(Fault(f"is a {type(frame).__name__}, not a Polars DataFrame", hint, table=name))
        if faults:
            raise StressTestError(Reason.USAGE, "these are not the tables of a snapshot", faults)
        object.__setattr__(self, "tables", MappingProxyType({name: self.tables[name] for name in NAMES if name in self.tables}))

    def __getitem__(self, name: str) -> pl.DataFrame:
        return self.tables[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __repr__(self) -> str:
        rows = ", ".join(f"{name}: {frame.height:,} rows" for name, frame in self.items())
        moment = "" if self.as_of is None else f" as of {self.as_of.isoformat()}"
        currency = "" if self.reporting_currency is None else f" in {self.reporting_currency}"
        return f"<Snapshot{moment}{currency}; {rows}>"

    def replace(self, **tables: pl.DataFrame) -> Snapshot:
        """The same snapshot with some of its tables replaced or added; tables are named as keywords.

        Raises:
            StressTestError: usage, for a table that no snapshot has, or something that is no Polars DataFrame.
        """
        return Snapshot({**self.tables, **tables}, self.as_of, self.reporting_currency)

    def write(self, folder: str | Path) -> Path:
        """Write it as a snapshot folder that a run file can name: a Parquet file a table, and `snapshot.json`.

        Raises:
            StressTestError: usage, when the folder exists and is not empty; environment, when it cannot be written.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            fault = Fault("exists already", "Name a folder that does not exist yet.", file=str(folder))
            raise StressTestError(Reason.USAGE, "the snapshot cannot be written there", [fault])
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, frame in self.items():
                frame.write_parquet(folder / f"{name}.parquet")
            about = {"as_of": None if self.as_of is None else self.as_of.isoformat(), "reporting_currency": self.reporting_currency}
            stated = {key: value for key, value in about.items() if value is not None}
            if stated:
                (folder / DEFAULTS_FILE).write_text(json.dumps(stated) + "\n", encoding="utf-8")
        except OSError as error:
            fault = Fault(error.strerror or str(error), "Check permissions and free space, or name another folder.", file=str(folder))
            raise StressTestError(Reason.ENVIRONMENT, "the snapshot cannot be written", [fault]) from error
        return folder


def read_snapshot(snapshot: str | Path) -> Snapshot:
    """The tables of a snapshot folder (or URL prefix) as Polars frames, with every column that the files have.

    Files are looked at before they are decoded, as in a run: pages must chain, counts agree, checksums and the SHA-256 of
    `snapshot.json` match. What the tables hold is not checked: a run on them does that, and `validate`.

    Raises:
        StressTestError: input data, with every table that is missing, unreadable or ambiguous.
    """
    return read_with_hashes(snapshot)[0]


def read_with_hashes(snapshot: str | Path) -> tuple[Snapshot, dict[str, str]]:
    """The same, and the SHA-256 of every table as a run on these files would state it among its inputs.

    Raises:
        StressTestError: as `read_snapshot`.
    """
    with tempfile.TemporaryDirectory(prefix="stresstest-fetched-") as fetched:
        sources, defaults, faults = locate(str(snapshot), Path(fetched))
        looked = [(source, walk(source, number)) for source in sources.values() for number in range(len(source.files))]
        faults += [found for _, found in looked if not isinstance(found, FileFacts)]
        digests = {}
        if defaults.sha256 or not faults:
            digests = {name: [sha256_of(file) for file in source.files] for name, source in sources.items()}
            faults += hash_faults(sources, digests, defaults.sha256)
        if faults:
            raise refusal(faults)
        frames = {name: _frame(source) for name, source in sources.items()}
        hashes = {name: table_hash(source, digests[name]) for name, source in sources.items()}
        return Snapshot(frames, defaults.as_of, defaults.reporting_currency), hashes


def _frame(source: Source) -> pl.DataFrame:
    """All rows of a table: files in order of their names, columns by name, absent ones null, folders named `key=value` as text."""
    parts = []
    for relative, file in zip(source.relative, source.files, strict=True):
        try:
            part = pl.read_parquet(file, hive_partitioning=False, glob=False)
        except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            fault = Fault(
                f"the file cannot be read: {str(error).splitlines()[0]}", "Export it again from its source.", file=str(file), table=source.table.name
            )
            raise refusal([fault]) from error
        keys = dict(folder.split("=", 1) for folder in relative.split("/")[:-1] if "=" in folder)
        parts.append(part.with_columns(pl.lit(None if value == _NO_VALUE else unquote(value), pl.String).alias(key) for key, value in keys.items()))
    return pl.concat(parts, how="diagonal_relaxed")
