"""What runs of the same inputs make again and again, made once by a test process: for tests of what is around it.

Both are a matter of the inputs alone, which tests without this hold (`tests/runs/test_same_bytes.py`, `tests/runs/test_verifying.py`).
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

WRITERS = ("write_report_tables", "write_attribution", "write_statistics")
"""Of `runs.pipeline`: tables that only a report needs, which take as long as all the rest of a small run."""

SETTINGS = ("attribution", "statistics")
"""Sections of the run file that say what is in those tables; the specification of a run has the other ones."""


@contextmanager
def staged_once(kept: Path) -> Iterator[None]:
    """Below `kept`: every book that is staged, by a digest of its files and of what is asked of them."""
    from stresstest.runs import staging

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(staging, "stage_snapshot", _staged_once(kept / "books"))
        yield


@contextmanager
def written_once(kept: Path) -> Iterator[None]:
    """Below `kept`: every table of `WRITERS`, by a digest of all that it is made of."""
    from stresstest.runs import pipeline

    with pytest.MonkeyPatch.context() as patched:
        for name in WRITERS:
            patched.setattr(pipeline, name, _written_once(getattr(pipeline, name), kept / name))
        yield


def _staged_once(kept: Path) -> Callable[..., Any]:
    from stresstest.snapshot.request import StageRequest
    from stresstest.snapshot.stage import open_book
    from stresstest.snapshot.staging import stage

    def staged(request: StageRequest, *_: Any) -> Any:
        source = Path(request.snapshot)
        files = [
            (str(path.relative_to(source)), hashlib.sha256(path.read_bytes()).hexdigest()) for path in sorted(source.rglob("*")) if path.is_file()
        ]
        place = kept / _digest(replace(request, work=Path(), snapshot=""), files)
        if not place.exists():
            shutil.copytree(stage(request, lambda _stage, _detail: None), place)
            (place / "source").write_text(json.dumps(str(source)))
            return open_book(request.work / "book")
        folder = Path(shutil.copytree(place, request.work / "book", dirs_exist_ok=True))
        # Where it was read is all that differs between two snapshots of the same files.
        then, now = (folder / "source").read_text(), json.dumps(str(source))
        inputs = folder / "inputs.json"
        inputs.write_text(inputs.read_text().replace(f"{then[:-1]}/", f"{now[:-1]}/"))
        (folder / "source").unlink()
        return open_book(folder)

    return staged


def _written_once(write: Callable[..., None], kept: Path) -> Callable[..., None]:
    from stresstest.runs.specification import specification

    def written(plan: Any, result: Path, valued: Any, *more: Any) -> None:
        book = valued.book
        dimensions = book.dimensions
        asked = specification(plan.settings, plan.scenarios, plan.rulebook, dimensions.as_of, dimensions.reporting_currency)
        settings = {name: getattr(plan.settings, name) for name in SETTINGS}
        place = kept / _digest(asked, settings, [(file.table, file.sha256) for file in book.inputs])
        if not place.exists():
            before = set(result.iterdir())
            write(plan, result, valued, *more)
            place.mkdir(parents=True)
            for path in set(result.iterdir()) - before:
                shutil.copy(path, place)
        else:
            for path in place.iterdir():
                shutil.copy(path, result)

    return written


def _digest(*of: object) -> str:
    return hashlib.sha256(repr(of).encode()).hexdigest()[:24]
