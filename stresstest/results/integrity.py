"""Is a result folder what its run left there: every table and document against the hashes that were written with it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.results.changes import NAME as CHANGES
from stresstest.results.documents import read_document
from stresstest.results.identity import Identity, recomputed_id
from stresstest.results.inputs import changed_documents
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.manifest import Manifest
from stresstest.results.store import files_of, sha256_of, table_sha256
from stresstest.tables import CONTEXT_TABLES, FOLDER_TABLES

SUMMARY = "summary.json"
RESULT = "result.json"
_MEND = "Take the folder from a backup, or run the stress test again."


def intact(folder: Path, read: Collection[str] | None = None) -> tuple[Manifest, Identity]:
    """The manifest and identity of a finished run whose tables, summary and copies of inputs are byte for byte those that the run wrote.

    Reports are not looked at: they can be made again.

    Args:
        folder: the result folder.
        read: tables that are to be read, whose columns must be those of this version; None: all.

    Raises:
        StressTestError: input data, when the folder is no finished run, or with a fault for every document and table that is missing,
            changed, new, or of another version.
    """
    manifest = read_document(Manifest, folder / MANIFEST)
    stated = read_document(Identity, folder / RESULT)
    faults = [*_documents(folder, manifest, stated), *changed_documents(folder, manifest.documents), *_tables(folder, manifest, stated, read)]
    if faults:
        raise StressTestError(Reason.INPUT_DATA, "the result folder is not as its run left it", faults)
    return manifest, stated


def _documents(folder: Path, manifest: Manifest, stated: Identity) -> list[Fault]:
    faults = []
    if recomputed_id(stated) != stated.result_id:
        faults.append(Fault("its result id does not follow from its content: it was changed after the run", _MEND, file=str(folder / RESULT)))
    elif manifest.result_id != stated.result_id:
        what = f"names result {manifest.result_id[:12]}, and {RESULT} is that of {stated.result_id[:12]}"
        faults.append(Fault(what, _MEND, file=str(folder / MANIFEST)))
    summary = folder / SUMMARY
    if not summary.is_file():
        faults.append(Fault("is missing", _MEND, file=str(summary)))
    elif manifest.reports.get(SUMMARY) != sha256_of(summary):
        faults.append(Fault("was changed after the run: its SHA-256 is not that of the manifest", _MEND, file=str(summary)))
    changes = folder / CHANGES
    if manifest.reports.get(CHANGES) != (sha256_of(changes) if changes.is_file() else None):
        faults.append(Fault("is not as the run left it: its SHA-256 is not that of the manifest", _MEND, file=str(changes)))
    return faults


def _tables(folder: Path, manifest: Manifest, stated: Identity, read: Collection[str] | None) -> list[Fault]:
    """What a run learned from earlier runs has its hashes in the manifest alone: it is no part of the result."""
    learned = {table.name: manifest.tables[table.name].sha256 for table in CONTEXT_TABLES if table.name in manifest.tables}
    hashes = {**stated.tables, **learned}
    faults = []
    for name in sorted(hashes.keys() | {table.name for table in FOLDER_TABLES if files_of(folder, table.name)}):
        files = files_of(folder, name)
        if not files:
            faults.append(Fault("the table is missing", _MEND, file=str(folder), table=name))
        elif name not in hashes:
            faults.append(Fault("the table was added after the run", "Remove it.", file=str(folder), table=name))
        elif table_sha256(folder, name) != hashes[name]:
            what = f"was changed after the run: its SHA-256 is not that of {MANIFEST if name in learned else RESULT}"
            faults.append(Fault(what, _MEND, file=str(folder), table=name))
        elif read is None or name in read:
            faults += _of_another_version(folder, name, files[0], stated.code_version)
    return faults


def _of_another_version(folder: Path, name: str, file: Path, version: str) -> list[Fault]:
    """A table is as it was written, and this version writes it with other columns."""
    expected = next((table.names for table in FOLDER_TABLES if table.name == name), None)
    try:
        found = tuple(pq.read_schema(file).names)
    except (OSError, pa.ArrowException) as error:
        return [Fault(f"cannot be read: {str(error).rstrip('.')}", _MEND, file=str(folder), table=name)]
    if expected is None or found == tuple(expected):
        return []
    lacking = [column for column in expected if column not in found]
    what = f"was written by stresstest {version} with other columns" + (f": {', '.join(lacking[:5])} missing" if lacking else "")
    return [Fault(what, f"Use stresstest {version} for it, or run the stress test again.", file=str(folder), table=name)]
