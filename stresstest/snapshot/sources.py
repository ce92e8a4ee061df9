"""Where the tables of a snapshot are: files found, fetched, walked and hashed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from stresstest.errors import Fault, Reason, StressTestError, counted
from stresstest.snapshot.book import InputFile
from stresstest.snapshot.parquet_file import DamagedFileError, FileFacts, inspect
from stresstest.snapshot.request import DEFAULTS_FILE, SnapshotDefaults, read_snapshot_defaults
from stresstest.tables import INPUT_TABLES, Table

TABLE_IS_THERE = "required table"
"""Rule of the fault of a table that is needed and not there."""


@dataclass(frozen=True)
class Source:
    """The Parquet files of one table. `shown` is the path as the user knows it, `relative` the files below `root`."""

    table: Table
    shown: str
    root: Path
    relative: tuple[str, ...]
    partitioned: bool

    @property
    def files(self) -> tuple[Path, ...]:
        """The files in the order of their relative paths."""
        return tuple(self.root / name for name in self.relative)

    @property
    def hive_keys(self) -> frozenset[str]:
        """Column names that come from folders named `key=value`."""
        return frozenset(part.split("=", 1)[0] for name in self.relative for part in name.split("/")[:-1] if "=" in part)

    def shown_file(self, number: int) -> str:
        """The path of one of its files as the user knows it."""
        return f"{self.shown}/{self.relative[number]}" if self.partitioned else self.shown

    def scan(self) -> str:
        """The SQL table function that reads it, all files by column name."""
        hive = "true" if self.hive_keys else "false"
        files = ", ".join(literal(_without_glob(str(path))) for path in self.files)
        return f"read_parquet([{files}], union_by_name = true, hive_partitioning = {hive}, hive_types_autocast = false)"


def literal(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def _without_glob(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)


def locate(snapshot: str, fetched: Path) -> tuple[dict[str, Source], SnapshotDefaults, list[Fault]]:
    """The tables of a snapshot, what its `snapshot.json` says, and what is missing or ambiguous.

    Args:
        snapshot: folder, or URL prefix that DuckDB reads; its files are fetched once, so that what is hashed is what is read.
        fetched: folder for files that come from a URL.
    """
    if "://" in snapshot:
        root = fetched
        faults = _fetch(snapshot.rstrip("/"), fetched)
    else:
        root = Path(snapshot).absolute()
        faults = []
        if not root.is_dir():
            return {}, SnapshotDefaults(), [Fault("no such folder", "Check the path: `snapshot` names a folder of Parquet tables.", file=snapshot)]
    try:
        defaults = read_snapshot_defaults(root)
    except StressTestError as error:
        defaults = SnapshotDefaults()
        faults += error.faults
    sources: dict[str, Source] = {}
    for table in INPUT_TABLES:
        file, folder = root / f"{table.name}.parquet", root / table.name
        shown = f"{snapshot.rstrip('/')}/{table.name}"
        if file.is_file() and folder.is_dir():
            faults.append(Fault(f"both {table.name}.parquet and the folder {table.name}/ are there", "Keep one.", file=shown, table=table.name))
        elif file.is_file():
            sources[table.name] = Source(table, f"{shown}.parquet", root, (file.name,), partitioned=False)
        elif folder.is_dir():
            names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet") if not _hidden(path.relative_to(folder)))
            if names:
                sources[table.name] = Source(table, shown, folder, tuple(names), partitioned=True)
                faults += _clashing_folders(sources[table.name])
            else:
                faults.append(Fault("the folder holds no Parquet files", "Their names end with .parquet.", file=shown, table=table.name))
        elif not table.optional:
            hint = f"Write {table.name}.parquet or a folder {table.name}/."
            faults.append(Fault("the table is missing", hint, file=shown, table=table.name, rule=TABLE_IS_THERE))
    return sources, defaults, faults


def _hidden(relative: Path) -> bool:
    return any(part.startswith((".", "_")) for part in relative.parts)


def _clashing_folders(source: Source) -> list[Fault]:
    """DuckDB reads key=value from the whole path: a folder above the table must not name one of its columns."""
    above = {part.split("=", 1)[0] for part in source.root.parts if "=" in part} & set(source.table.names)
    if not source.hive_keys or not above:
        return []
    return [
        Fault(
            f"a folder above the snapshot is named like the column {key}",
            "Rename it, or move the snapshot.",
            file=source.shown,
            table=source.table.name,
        )
        for key in sorted(above)
    ]


def _fetch(prefix: str, folder: Path) -> list[Fault]:
    """Copy the tables below a URL into `folder`: NAME.parquet, else every Parquet file under NAME/ where the scheme can list."""
    connection = duckdb.connect()
    folder.mkdir(parents=True, exist_ok=True)
    faults: list[Fault] = []
    wanted: list[tuple[str, Table | None]] = [(f"{prefix}/{DEFAULTS_FILE}", None)]
    wanted += [(f"{prefix}/{table.name}{pattern}", table) for table in INPUT_TABLES for pattern in (".parquet", "/**/*.parquet")]
    for url, table in wanted:
        try:
            rows = connection.sql("SELECT filename, content FROM read_blob($url)", params={"url": url}).fetchall()
        except duckdb.Error as error:
            # Absence shows itself differently for every scheme; a required table that stays absent is reported as missing.
            if not isinstance(error, duckdb.IOException) or not re.search(r"404|[Nn]o files found|[Nn]o such file|Not Found", str(error)):
                faults.append(
                    Fault(
                        f"cannot be read: {_first_line(error)}",
                        "Check the address, and that this machine may read it.",
                        file=url,
                        table=table.name if table else None,
                    )
                )
            continue
        for name, content in rows:
            target = folder / _without_scheme(str(name))[len(_without_scheme(prefix)) :].lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return faults


def _without_scheme(url: str) -> str:
    """DuckDB gives some names back with their scheme and some without."""
    return re.sub(r"^[A-Za-z0-9]+:/+", "/", url)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__


def input_hash(files: Iterable[tuple[str, int, str]]) -> str:
    """SHA-256 of a partitioned table: over its files' lines `relative path, size, SHA-256`, sorted by path."""
    lines = "".join(f"{name}\t{size}\t{digest}\n" for name, size, digest in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def table_hash(source: Source, digests: Sequence[str]) -> str:
    """SHA-256 of a table as a run states it among its inputs; `digests`: of its files, in order."""
    if not source.partitioned:
        return digests[0]
    return input_hash((name, file.stat().st_size, digest) for name, file, digest in zip(source.relative, source.files, digests, strict=True))


def as_input(source: Source, facts: list[FileFacts], digests: list[str]) -> InputFile:
    """The identity of one table as read."""
    if source.partitioned:
        digest = input_hash((name, fact.bytes, each) for name, fact, each in zip(source.relative, facts, digests, strict=True))
    else:
        digest = digests[0]
    return InputFile(source.table.name, source.shown, sum(fact.rows for fact in facts), sum(fact.bytes for fact in facts), digest)


def walk(source: Source, number: int) -> FileFacts | Fault:
    """Facts of one of its files, or the fault that makes it unreadable."""
    try:
        return inspect(source.files[number])
    except DamagedFileError as error:
        reason = str(error)
    except OSError as error:
        reason = error.strerror or str(error)
    return Fault(
        f"the file cannot be read: {reason}", "Export it again from its source.", file=source.shown_file(number), table=source.table.name,
        rule="readable file",
    )  # fmt: skip


def file_key(source: Source, number: int) -> str:
    """How `snapshot.json` names one of its files: the path below the snapshot, with forward slashes."""
    return f"{source.table.name}/{source.relative[number]}" if source.partitioned else source.relative[number]


def hash_faults(sources: dict[str, Source], digests: dict[str, list[str]], stated: Mapping[str, str]) -> list[Fault]:
    """Files that differ from the SHA-256 that `snapshot.json` states, or that it states and are not there."""
    faults: list[Fault] = []
    there: set[str] = set()
    for name, source in sources.items():
        for number, digest in enumerate(digests[name]):
            key = file_key(source, number)
            there.add(key)
            if stated.get(key, digest) != digest:
                what = f"the file is not the one that {DEFAULTS_FILE} describes: its SHA-256 is {digest}, stated is {stated[key]}"
                faults.append(Fault(what, "Export it again from its source.", file=source.shown_file(number), table=name, rule="stated SHA-256"))
    for key in sorted(set(stated) - there):
        what = f"{DEFAULTS_FILE} states the SHA-256 of a file that is not there"
        faults.append(Fault(what, "Restore the file, or remove the line.", file=key, rule="stated SHA-256"))
    return faults


def refusal(faults: list[Fault]) -> StressTestError:
    """The refusal of a snapshot."""
    count = len(faults)
    return StressTestError(Reason.INPUT_DATA, f"the snapshot is refused: {counted(count, 'fault')}", faults)
