"""The reading process: every file from outside is decoded here, so that a crash of a reader ends this process and no other.

Started as `python -m stresstest.snapshot.child`. It takes a pickled request on stdin, writes one JSON object a line on
stdout (`[stage, detail]`, at last a refusal or nothing), and ends when its stdin does: then its parent is gone.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from stresstest.errors import StressTestError
from stresstest.snapshot.request import StageRequest

Tell = Callable[[str, str], None]


def serve(do: Callable[[StageRequest, Tell], Path]) -> None:
    """Do what stdin asks for, say what it wrote, and end the process; the exit code is 0 when the last line says how it ended.

    Args:
        do: the work. It is told of a request and whom to tell what is being read, and gives the file or folder that it wrote.
    """
    # Native libraries may write to stdout: the protocol keeps the real one, everything else goes to stderr.
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    source = sys.stdin.buffer
    (length,) = struct.unpack("<Q", source.read(8))
    request: StageRequest = pickle.loads(source.read(length))  # noqa: S301 - written by our own parent
    threading.Thread(target=_end_with_parent, args=(source.fileno(),), daemon=True).start()

    def tell(stage_name: str, detail: str) -> None:
        channel.write(json.dumps({"stage": stage_name, "detail": detail}) + "\n")
        channel.flush()

    sys.meta_path.insert(0, _WithoutPandas())
    try:
        written = do(request, tell)
    except StressTestError as error:
        refused = {"reason": error.reason.name, "summary": error.summary, "hint": error.hint, "faults": [asdict(fault) for fault in error.faults]}
        channel.write(json.dumps({"refused": refused}) + "\n")
    else:
        channel.write(json.dumps({"written": str(written)}) + "\n")
    channel.flush()
    # Leave at once: native threads have nothing left to tidy up that the end of the process does not.
    os._exit(0)


class _WithoutPandas:
    """DuckDB and pyarrow import pandas wherever it is installed, to see whether they were given one of its frames.

    Nothing here is, and its import takes longer than staging a small book: this process does as if it were not there.
    """

    @staticmethod
    def find_spec(name: str, _path: object, _target: object = None) -> None:
        """Refuse pandas, leave every other module to the finders after this one."""
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _end_with_parent(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os._exit(1)


def _stage(request: StageRequest, tell: Tell) -> Path:
    from stresstest.snapshot.staging import stage  # after pandas is out of the way

    return stage(request, tell)


if __name__ == "__main__":
    serve(_stage)
