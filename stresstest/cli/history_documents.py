"""The JSON documents of `history`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime

from stresstest.cli.listing_documents import SchemaVersion
from stresstest.results.documents import Document
from stresstest.results.history_statistics import BookHistory


class LeftOut(Document):
    """A file of the history that is left out because it is damaged."""

    what: str
    hint: str
    file: str | None
    table: str | None


class HistoryDocument(Document):
    """`history`: every book with its runs, statistics and disclosure counters; `left_out`: files that are damaged."""

    schema_version: SchemaVersion
    kind: Literal["history"]
    history: str
    books: tuple[BookHistory, ...]
    left_out: tuple[LeftOut, ...]


class HistoryQueryDocument(Document):
    """`history --sql`: what the SELECT gave, row by row; moments in ISO 8601."""

    schema_version: SchemaVersion
    kind: Literal["history query"]
    history: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: tuple[LeftOut, ...]


class AddedRun(Document):
    """A run that is in the history now."""

    folder: str
    book: str
    as_of: AwareDatetime
    finished: AwareDatetime
    result_id: str


class HistoryAddedDocument(Document):
    """`history add`: the runs that were added."""

    schema_version: SchemaVersion
    kind: Literal["history added"]
    history: str
    runs: tuple[AddedRun, ...]
