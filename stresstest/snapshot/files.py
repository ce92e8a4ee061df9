"""The files of a snapshot as looked at before anything decodes them, and what snapshot and run agree on."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stresstest.errors import Fault, counted
from stresstest.snapshot.book import InputFile
from stresstest.snapshot.parquet_file import FileFacts, sha256_of
from stresstest.snapshot.quality import Note, integrity_note
from stresstest.snapshot.request import DEFAULTS_FILE, SnapshotDefaults, StageRequest, in_utc
from stresstest.snapshot.sources import Source, as_input, file_key, hash_faults, locate, walk


@dataclass(frozen=True)
class Files:
    """The readable tables, the facts of their files, and their digests, which are computed while DuckDB reads."""

    sources: dict[str, Source]
    defaults: SnapshotDefaults
    facts: dict[str, list[FileFacts]]
    digests: dict[str, list[Future[str]]]

    def rows(self, table: str) -> int:
        """Rows of a table, as its files' footers say."""
        return sum(fact.rows for fact in self.facts.get(table, ()))

    def all_columns(self, table: str) -> frozenset[str]:
        """Names of the columns of a table, from its files and from folders named `key=value`."""
        return self.columns(table) | self.sources[table].hive_keys

    def columns(self, table: str) -> frozenset[str]:
        """Names of the columns that any file of a table has."""
        return frozenset(column for fact in self.facts[table] for column in fact.columns)

    def hashes(self) -> dict[str, list[str]]:
        """The digests, waited for."""
        return {name: [digest.result() for digest in digests] for name, digests in self.digests.items()}

    def hash_faults(self) -> list[Fault]:
        """Files that are not the ones that `snapshot.json` describes."""
        return hash_faults(self.sources, self.hashes(), self.defaults.sha256)

    def inputs(self) -> list[InputFile]:
        """The identity of every table as read."""
        hashes = self.hashes()
        return [as_input(source, self.facts[name], hashes[name]) for name, source in self.sources.items()]

    def notes(self) -> list[Note]:
        """How many tables were verified, and columns that only some files of a table have."""
        by_checksum = {name: [fact.checked for fact in self.facts[name]] for name in self.sources}
        by_digest = {name: [file_key(source, number) in self.defaults.sha256 for number in range(len(by_checksum[name]))]
                     for name, source in self.sources.items()}  # fmt: skip
        verified = sum(all(a or b for a, b in zip(by_checksum[name], by_digest[name], strict=True)) for name in self.sources)
        # Tables, not files: the same rows in other files give the same note.
        notes = [integrity_note(len(self.sources), verified, sum(map(all, by_checksum.values())), sum(map(all, by_digest.values())))]
        for name, facts in self.facts.items():
            for column in self.sources[name].table.names:
                without = sum(column not in fact.columns for fact in facts)
                if 0 < without < len(facts):
                    message = f"{without:,} of {counted(len(facts), 'file')} of {name} have no column {column}: its default or null was taken there."
                    notes.append(Note("columns of files", f"{name}.{column}", True, without, message))
        return notes


def look(request: StageRequest, pool: ThreadPoolExecutor, scratch: Path) -> tuple[Files, list[Fault]]:
    """Find the tables and walk their files; what is missing or damaged is left out and told."""
    sources, defaults, faults = locate(request.snapshot, scratch / "fetched")
    walks = {name: [pool.submit(walk, source, number) for number in range(len(source.relative))] for name, source in sources.items()}
    facts: dict[str, list[FileFacts]] = {}
    for name, futures in walks.items():
        results = [future.result() for future in futures]
        bad = [result for result in results if isinstance(result, Fault)]
        faults += bad
        if not bad:
            facts[name] = [result for result in results if isinstance(result, FileFacts)]
    whole = {name: source for name, source in sources.items() if name in facts}
    digests = {name: [pool.submit(sha256_of, path) for path in source.files] for name, source in whole.items()}
    return Files(whole, defaults, facts, digests), faults


def agree(request: StageRequest, defaults: SnapshotDefaults) -> tuple[datetime, str, list[Fault]]:
    """As-of moment and reporting currency, from the run and from `snapshot.json`, and where they disagree or are silent."""
    faults: list[Fault] = []
    asked = None if request.as_of is None else in_utc(request.as_of)
    stated = defaults.as_of
    if asked is not None and stated is not None and asked != stated:
        what = f"as_of is {stated.isoformat()} here, {asked.isoformat()} in the run"
        faults.append(Fault(what, "One of them is of another day: mend it, or leave one out.", file=DEFAULTS_FILE, path="as_of"))
    as_of = asked or stated
    if as_of is None:
        faults.append(Fault("the moment of the snapshot is not known", f"Give as_of in the run or in {DEFAULTS_FILE}.", path="as_of"))
    currency, own = request.reporting_currency, defaults.reporting_currency
    if currency is not None and own is not None and currency != own:
        what = f"reporting_currency is {own} here, {currency} in the run"
        faults.append(Fault(what, "Mend one of them, or leave one out.", file=DEFAULTS_FILE, path="reporting_currency"))
    if currency is None and own is None:
        hint = f"Give reporting_currency in the run or in {DEFAULTS_FILE}."
        faults.append(Fault("the reporting currency is not known", hint, path="reporting_currency"))
    return as_of or datetime.fromtimestamp(0, UTC), currency or own or "", faults
