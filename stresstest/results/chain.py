"""The chain of manifests: every run of a book notes the one before it, so that none can be changed or replaced afterwards without notice."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Literal

from stresstest.errors import StressTestError
from stresstest.results.documents import Document, read_document
from stresstest.results.manifest import NAME, Manifest, PreviousRun, sealed_sha256


class Link(Document):
    """An earlier run of the book, as the run after it noted it, and what is in its folder now.

    `intact`: the manifest is the one that was noted. `changed`: the folder holds the same result, and another manifest. `replaced`: it holds another
    result. `missing`: there is no such folder any more, so the chain cannot be followed further. `unreadable`: what is there is no manifest.
    `not noted`: the run after it noted no hash, so its manifest is taken as it is.
    """

    result_id: str
    as_of: str
    folder: str
    state: Literal["intact", "changed", "replaced", "missing", "unreadable", "not noted"]
    what: str

    @property
    def broken(self) -> bool:
        """The chain says something else than the folder; a folder that is gone says nothing."""
        return self.state in ("changed", "replaced", "unreadable")


def chain_of(folder: Path, manifest: Manifest) -> tuple[Link, ...]:
    """The runs before a run, newest first, as far as their folders are there; empty for the first of a book, and without a history.

    Each manifest is held against the SHA-256 that the next run noted (`manifest.sealed_sha256`). It ends at the first that is missing or broken: what
    is before that is vouched for by nobody.
    """
    found: list[Link] = []
    while manifest.previous is not None:
        noted = manifest.previous
        folder = Path(os.path.normpath(folder.resolve() / noted.folder))
        link, next_manifest = _link(folder, noted)
        found.append(link)
        if next_manifest is None:
            break
        manifest = next_manifest
    return tuple(found)


def _link(folder: Path, noted: PreviousRun) -> tuple[Link, Manifest | None]:
    """What is there, and its manifest where the chain goes on."""

    def link(state: Literal["intact", "changed", "replaced", "missing", "unreadable", "not noted"], what: str) -> Link:
        return Link(result_id=noted.result_id, as_of=noted.as_of, folder=str(folder), state=state, what=what)

    file = folder / NAME
    if not file.is_file():
        return link("missing", "its folder is not there: the chain cannot be followed further"), None
    try:
        manifest = read_document(Manifest, file)
    except StressTestError as error:
        return link("unreadable", error.faults[0].what), None
    if manifest.result_id != noted.result_id:
        return link("replaced", f"the folder holds result {manifest.result_id[:12]}, which ended {manifest.finished}"), None
    if manifest.previous is not None and datetime.fromisoformat(manifest.previous.as_of) >= datetime.fromisoformat(noted.as_of):
        return link("changed", "its manifest names a run that is not of an earlier moment"), None
    if noted.manifest_sha256 is None:
        return link("not noted", "the run after it noted no hash of its manifest"), manifest
    if sealed_sha256(file) != noted.manifest_sha256:
        return link("changed", f"its manifest is not the one that the next run noted; it says that the run ended {manifest.finished}"), None
    return link("intact", "its manifest is the one that the next run noted"), manifest
