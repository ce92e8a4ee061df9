"""Staging as the rest of the program sees it: a request in, a book out, whatever happens to the reading process."""

from __future__ import annotations

import json
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import polars as pl

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.snapshot.blocks import BOOK_FILE, block_path, read_block
from stresstest.snapshot.book import Block, Book, Dimensions, InputFile
from stresstest.snapshot.request import StageRequest

OnProgress = Callable[[str, float], None]

READER = (sys.executable, "-m", "stresstest.snapshot.child")
_DIMENSIONS = ("assets", "instruments", "owners", "accounts", "pools", "locations")


def stage_snapshot(request: StageRequest, on_progress: OnProgress | None = None, reader: Sequence[str] = READER) -> Book:
    """Read, check, net and stage a snapshot into `request.work / "book"`.

    DuckDB decodes the files in a process of its own: one that a damaged file kills is a fault of that file.

    Args:
        request: what to stage.
        on_progress: called with (what is being done, fraction of it done).
        reader: command of the reading process.

    Raises:
        StressTestError: INPUT_DATA with every fault of the snapshot; ENVIRONMENT when memory is short.
    """
    return open_book(read_apart(request, reader, on_progress))


def read_apart(request: StageRequest, reader: Sequence[str], on_progress: OnProgress | None = None) -> Path:
    """What a reading process wrote: a module that calls `child.serve`, started with the request.

    Raises:
        StressTestError: what it refused; INPUT_DATA where a file killed it, ENVIRONMENT where memory is short.
    """
    outcome = _run_reader(request, on_progress or (lambda _stage, _fraction: None), reader)
    if "refused" in outcome:
        refused = outcome["refused"]
        faults = [Fault(**{**fault, "keys": tuple(fault["keys"])}) for fault in refused["faults"]]
        raise StressTestError(Reason[refused["reason"]], refused["summary"], faults, refused["hint"])
    return Path(outcome["written"])


def open_book(folder: Path) -> Book:
    """The book that was staged into `folder`, for worker processes and for a run that resumes.

    Raises:
        FileNotFoundError: nothing was staged there, or not to the end.
    """
    facts = json.loads((folder / BOOK_FILE).read_text(encoding="utf-8"))
    frames = {name: pl.read_ipc(folder / f"{name}.arrow") for name in (*_DIMENSIONS, "quality", "excluded")}
    inputs = tuple(InputFile(**each) for each in json.loads((folder / "inputs.json").read_text(encoding="utf-8")))
    dimensions = Dimensions(datetime.fromisoformat(facts["as_of"]), facts["reporting_currency"], **{name: frames[name] for name in _DIMENSIONS})
    return Book(
        dimensions,
        folder,
        facts["blocks"],
        inputs,
        frames["quality"],
        frames["excluded"],
        facts["lots"],
        facts["positions"],
        facts["default_fund"],
        facts["assessments"],
    )


def load_block(book: Book, number: int) -> Block:
    """One block of a book; its arrays are read-only views of the mapped file, so loading costs nothing until they are touched."""
    return read_block(block_path(book.folder, number))


def _run_reader(request: StageRequest, on_progress: OnProgress, command: Sequence[str]) -> dict[str, Any]:
    """Start the reading process, follow what it says, and return how it ended."""
    package_root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([package_root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    last: dict[str, Any] = {}
    at = ""
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, env=environment) as process,  # noqa: S603
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            message = pickle.dumps(request)
            _send(process.stdin, struct.pack("<Q", len(message)) + message)
            for line in process.stdout:
                last = json.loads(line)
                if last.get("stage") == "reading":
                    at = last["detail"]
                elif "stage" in last:
                    on_progress(last["stage"], float(last["detail"]))
            code = process.wait()
        finally:
            process.kill()  # on an interrupt; a no-op on a process that has ended
            process.wait()
        complaints.seek(0)
        said = complaints.read().decode(errors="replace").strip()
    if "refused" in last or "written" in last:
        return last
    raise _died(code, at, said)


def _send(stdin: IO[bytes], message: bytes) -> None:
    try:
        stdin.write(message)
        stdin.flush()
    except BrokenPipeError:
        pass  # it died at once: its exit code says why


def _died(code: int, at: str, said: str) -> Exception:
    """What a reading process that ended without an outcome means."""
    if code >= 0:
        return RuntimeError(f"the reading process failed with exit code {code}:\n{said}")
    name = signal.Signals(-code).name
    if -code in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        # Somebody ends the whole group of processes, as a service manager does, and the reader was the first to go.
        return StressTestError(Reason.INTERRUPTED, f"the reading process was ended ({name}) while reading {at}", hint="Run the same command again.")
    if -code == signal.SIGKILL:
        hint = "Lower max_memory so that it spills to disk sooner, or stage on a machine with more memory."
        return StressTestError(
            Reason.ENVIRONMENT, f"the reading process was killed ({name}) while reading {at}, most likely for lack of memory", hint=hint
        )
    table = Path(at).name.removesuffix(".parquet")
    what = f"the file cannot be read: decoding it crashed the reader ({name})"
    fault = Fault(what, "It is damaged: export it again from its source.", file=at, table=table, rule="readable file")
    return StressTestError(Reason.INPUT_DATA, "the snapshot is refused: 1 fault", [fault])
