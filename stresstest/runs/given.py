"""Inputs that were given as values: written as files for as long as somebody refers to them, since a run reads files."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.snapshot.frames import Snapshot
from stresstest.snapshot.sources import TABLE_IS_THERE

SNAPSHOT = "snapshot"
_NAME = re.compile(r"\b(margin|scenarios-[0-9]+)\.json")


class TemporaryFolder:
    """A folder that is removed with the last value that refers to it, at the latest when the process ends."""

    def __init__(self, what: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"stresstest-{what}-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Given:
    """Frames and documents that were given as values, as files in a folder of their own, which is made when it is first needed.

    `snapshot`: the folder of the frames; None where the snapshot was given as a folder or URL. `before`: what was given earlier and
    `holder` whatever else must stay while these are needed, because settings refer to their files.
    """

    snapshot: Path | None = None
    before: Given | None = None
    holder: object = None

    @cached_property
    def folder(self) -> TemporaryFolder:
        """Where they are."""
        return TemporaryFolder("given")

    @property
    def roots(self) -> tuple[str, ...]:
        """The folders of all that was given, as text that the paths of their files begin with."""
        own = (f"{self.folder.path}/",) if "folder" in vars(self) else ()
        return own + (self.before.roots if self.before else ())

    def with_snapshot(self, tables: Mapping[str, pl.DataFrame]) -> Given:
        """The same with the frames written as a snapshot."""
        snapshot = tables if isinstance(tables, Snapshot) else Snapshot(tables)
        return Given(snapshot.write(self.folder.path / SNAPSHOT), self)

    def document(self, name: str, content: Mapping[str, Any]) -> Path:
        """The file of a document that was given as plain values.

        Raises:
            StressTestError: usage, when it holds something that no YAML document can.
        """
        try:
            text = json.dumps(content, indent=1, ensure_ascii=False, default=_plain)
        except (TypeError, ValueError) as error:
            fault = Fault(str(error), "Documents hold texts, numbers, true, false, null, lists and mappings.", file=f"{name} (given as values)")
            raise StressTestError(Reason.USAGE, "this is no document", [fault]) from None
        path = self.folder.path / f"{name}.json"
        path.write_text(text + "\n", encoding="utf-8")
        return path

    @contextmanager
    def told(self) -> Iterator[None]:
        """Faults of what was given as values name it as such, not the file that it was written to."""
        try:
            yield
        except StressTestError as error:
            told = error
            for root in self.roots:
                faults = [_without_file(fault, root) for fault in told.faults]
                told = StressTestError(told.reason, _NAME.sub(r"\1 (given as values)", told.summary.replace(root, "")), faults, told.hint)
            if told.faults == error.faults and told.summary == error.summary:
                raise
            raise told from None


def _without_file(fault: Fault, root: str) -> Fault:
    if fault.file is None or not fault.file.startswith(root):
        return fault
    name = fault.file.removeprefix(root).removeprefix(f"{SNAPSHOT}/")
    # A table that was not given has no file to write, but a frame to add.
    hint = f'Give its frame too: {{..., "{fault.table}": frame}}.' if fault.rule == TABLE_IS_THERE else fault.hint
    return dataclasses.replace(fault, hint=hint, file=f"{Path(name).stem} (given as values)", line=None)


def _plain(value: object) -> object:
    """A number of NumPy as one of Python; a moment or date in ISO 8601."""
    for method in ("item", "isoformat"):
        if hasattr(value, method):
            return getattr(value, method)()
    raise TypeError(f"it holds a {type(value).__name__}")
