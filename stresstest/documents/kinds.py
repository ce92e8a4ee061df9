"""Which of the three files a document is, told by its keys: a file in the place of another is one fault, not one per key."""

from __future__ import annotations

from typing import Any, Literal

from stresstest.documents.reading import Document
from stresstest.errors import Fault, Reason, StressTestError

FileKind = Literal["run file", "scenario file", "margin file"]
_MARGIN_KEYS = frozenset({"collateral_schedules", "margin_schedules", "models"})


def kind_of(data: Any) -> FileKind | None:
    """What the data of a document is meant to be; None where its keys leave it open.

    >>> kind_of({"snapshot": "data"}), kind_of({"scenarios": [{"id": "crash"}]}), kind_of({"models": {}}), kind_of({"version": 1})
    ('run file', 'scenario file', 'margin file', None)
    """
    if not isinstance(data, dict):
        return None
    if "snapshot" in data:
        return "run file"
    if _MARGIN_KEYS & data.keys():
        return "margin file"
    scenarios = data.get("scenarios")
    return "scenario file" if isinstance(scenarios, list) and scenarios and all(isinstance(each, dict) for each in scenarios) else None


def expect(document: Document, kind: FileKind, reason: Reason) -> Document:
    """The document, if it may be what is wanted.

    Raises:
        StressTestError: it is one of the other files.
    """
    found = kind_of(document.data)
    if found not in (None, kind):
        fault = Fault(f"is a {found}, where a {kind} is needed", f"Name a {kind} here; `stresstest schema` describes each.", file=document.file)
        raise StressTestError(reason, f"{document.file} is no {kind}", [fault])
    return document
