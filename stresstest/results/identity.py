"""result.json: what a result is, as one hash that anybody can compute again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from stresstest.results.documents import Document, canonical
from stresstest.results.store import files_of, table_sha256
from stresstest.snapshot.book import InputFile
from stresstest.tables import DISTANCE_TABLES, REPORT_TABLES, RESULT_TABLES


class Identity(Document):
    """Identity of a result: no times, paths, hosts or numbers of workers, so the same question of the same data has the same id.

    `specification` is what was asked (settings that change figures, resolved scenarios, margin file), as hashes and
    plain values; `inputs` and `tables` map table names to SHA-256; `code` hashes the package's own source.
    The tables that only a report needs (`tables.REPORT_TABLES`), and distances, are stated and do not enter the id: they follow from all the rest,
    and the same figures have the same id with a report and without one.
    """

    schema_version: Literal[1] = 1
    result_id: str
    specification: dict[str, Any]
    inputs: dict[str, str]
    code_version: str
    code: str
    tables: dict[str, str]


def identity(specification: Mapping[str, Any], inputs: Sequence[InputFile], code_version: str, folder: Path) -> Identity:
    """The identity of the result whose tables are in `folder`.

    `result_id` = SHA-256 over the canonical JSON of every other field but `schema_version`, the tables for reports left out.
    """
    parts: dict[str, Any] = {
        "specification": dict(specification),
        "inputs": {file.table: file.sha256 for file in sorted(inputs, key=lambda file: file.table)},
        "code_version": code_version,
        "code": code_sha256(),
        "tables": {table.name: table_sha256(folder, table.name) for table in RESULT_TABLES if files_of(folder, table.name)},
    }
    return Identity(result_id=_id_of(parts), **parts)


def recomputed_id(stated: Identity) -> str:
    """The id that the other fields of an identity lead to; differs from `result_id` when one was altered."""
    parts = stated.model_dump(mode="json", exclude={"schema_version", "result_id"})
    return _id_of(parts)


def _id_of(parts: Mapping[str, Any]) -> str:
    derived = {table.name for table in (*REPORT_TABLES, *DISTANCE_TABLES)}
    tables = {name: digest for name, digest in parts["tables"].items() if name not in derived}
    return hashlib.sha256(canonical({**parts, "tables": tables})).hexdigest()


@lru_cache(maxsize=1)
def code_sha256() -> str:
    """SHA-256 over the package's own Python files: sorted relative path and SHA-256 of each; taken once, when this process first asks.

    Shipped data (folders with a leading underscore, present in an installed package only) is no code.
    """
    package = Path(__file__).parents[1]
    files = {file.relative_to(package).as_posix(): file for file in package.rglob("*.py")}
    digest = hashlib.sha256()
    for name in sorted(name for name in files if not name.startswith(("_templates/", "_sample_data/"))):
        digest.update(f"{name} {hashlib.sha256(files[name].read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
