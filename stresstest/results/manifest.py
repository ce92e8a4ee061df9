"""manifest.json: how a result came to be. Written last: a folder that has it is a finished run."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field

from stresstest.results.documents import Document, canonical
from stresstest.results.store import files_of, rows_of, sha256_of, table_sha256
from stresstest.snapshot.book import InputFile
from stresstest.tables import FOLDER_TABLES

NAME = "manifest.json"
PACKAGES = ("duckdb", "numba", "numpy", "polars", "pyarrow", "scipy", "weasyprint")
REPORTS = ("report.html", "report.pdf", "summary.json", "changes.json")


class InputRecord(Document):
    """One input table as read; a partitioned table's hash is over the sorted relative path, size and SHA-256 of its files."""

    table: str
    path: str
    rows: int
    bytes: int
    sha256: str


class TableRecord(Document):
    """One result table as written."""

    files: int
    rows: int
    sha256: str


class Stage(Document):
    """Wall-clock seconds of one stage of the run."""

    name: str
    seconds: float


class Machine(Document):
    """Where it ran: results are the same bytes on the same operating system and architecture."""

    system: str
    architecture: str
    cpu: str
    cpu_features: tuple[str, ...]
    cpus: int


class Rendering(Document):
    """When, how and by which code the reports of a run were made again."""

    finished: str
    command: tuple[str, ...]
    version: str
    code: str


class PreviousRun(Document):
    """The run of the same book before this one, of the latest earlier moment that the history knew when this one ended.

    `folder`: its result folder as seen from that of this run. `manifest_sha256`: `sealed_sha256` of its manifest; null where an older version
    added it to the history.
    """

    result_id: str
    as_of: str
    folder: str
    manifest_sha256: str | None


class Manifest(Document):
    """How a result came to be. Times in UTC (ISO 8601), sizes in bytes. `documents`: SHA-256 of the copies in `inputs/`, by their path in it.
    `previous`: null without a history, or for its first run of the book. `rendered`: the reports are not those of the run itself."""

    schema_version: Literal[1] = 1
    result_id: str
    command: tuple[str, ...]
    started: str
    finished: str
    snapshot: str
    margin: str
    """Path or address of the snapshot and of the margin file as resolved; without user, password or query."""
    versions: dict[str, str]
    seed: int | None
    executor: str
    workers: int
    machine: Machine
    inputs: tuple[InputRecord, ...]
    documents: dict[str, str] = Field(default_factory=dict)
    tables: dict[str, TableRecord]
    stages: tuple[Stage, ...]
    peak_memory: int
    reused_blocks: int
    reports: dict[str, str]
    previous: PreviousRun | None = None
    rendered: Rendering | None = None


def sealed_sha256(manifest: Path) -> str:
    """SHA-256 of what a manifest says of the run itself: its canonical JSON without `rendered` and the hashes of reports, which `report` renews.

    Taken of the file as it is, not as this version understands it, so that it stays the same in later versions.
    """
    content = json.loads(manifest.read_bytes())
    content.pop("rendered", None)
    content["reports"] = {name: digest for name, digest in content["reports"].items() if not name.startswith("report.")}
    return sha256_text(canonical(content))


def versions(stresstest: str) -> dict[str, str]:
    """Versions of Python, of stresstest and of the packages that figures pass through."""
    found = {package: _installed(package) for package in PACKAGES}
    return {"python": platform.python_version(), "stresstest": stresstest, **{package: each for package, each in found.items() if each is not None}}


@lru_cache
def _installed(package: str) -> str | None:
    """Version of a package, None without it; looked up once, because each time its whole metadata is parsed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def machine() -> Machine:
    """Operating system, architecture and the CPU features that compiled kernels may use."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    return Machine(
        system=f"{platform.system()} {platform.libc_ver()[1]}".strip(),
        architecture=platform.machine(),
        cpu=binding.get_host_cpu_name(),
        cpu_features=tuple(sorted(name for name, present in features.items() if present)),
        cpus=os.cpu_count() or 1,
    )


def peak_memory() -> int:
    """Largest resident size so far of this process or of any finished child, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def input_records(inputs: Sequence[InputFile]) -> tuple[InputRecord, ...]:
    """The inputs as read, in order of table."""
    return tuple(
        InputRecord(table=f.table, path=without_secrets(f.path), rows=f.rows, bytes=f.bytes, sha256=f.sha256)
        for f in sorted(inputs, key=lambda file: file.table)
    )


def table_records(folder: Path, hashes: Mapping[str, str]) -> dict[str, TableRecord]:
    """The result tables of a folder; `hashes` are those already computed for result.json."""
    return {
        table.name: TableRecord(
            files=len(files_of(folder, table.name)),
            rows=rows_of(folder, table.name),
            sha256=hashes.get(table.name) or table_sha256(folder, table.name),
        )
        for table in FOLDER_TABLES
        if files_of(folder, table.name)
    }


def report_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the reports that were written."""
    return {name: sha256_of(folder / name) for name in REPORTS if (folder / name).is_file()}


def sha256_text(content: bytes) -> str:
    """SHA-256 of some bytes, as hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def without_secrets(location: str) -> str:
    """A path or URL without user, password, query and fragment, which may hold keys.

    >>> without_secrets("https://user:key@venue.example/day?sig=abc"), without_secrets("data/day")
    ('https://venue.example/day', 'data/day')
    """
    try:
        parts = urlsplit(location)
    except ValueError:  # no address after all, as `http://[`: whatever may be a key is cut off all the same
        scheme, _, rest = location.partition("://")
        return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"
    if not parts.scheme or not parts.netloc:
        return location
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
