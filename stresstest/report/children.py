"""The processes that make the report: nothing that drawing or layout does can end, hang or swell the run itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from stresstest.errors import ExitCode, Fault, Reason, StressTestError

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def child(module: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs one of our modules for one document: it loads its libraries while the caller does something else.

    It is gone at the end in any case.
    """
    paths = [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own interpreter and a module of ours
        [sys.executable, "-m", module],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait()  # after an interruption `Popen` does not: it counts on whoever interrupted to have ended the child too


def ask(process: subprocess.Popen[str], asked: Mapping[str, Any], timeout: float, document: str) -> str:
    """What a child answers on stdout to a JSON object on stdin.

    Args:
        process: what `child` gave.
        asked: the object.
        timeout: wall-clock limit in seconds, after which the child is killed.
        document: what the child makes, for messages.

    Raises:
        StressTestError: what the child refused; environment, when the time is up or the child was killed.
        RuntimeError: when the child failed in a way that is our fault.
    """
    try:
        answer, said = process.communicate(json.dumps(asked), timeout=timeout)
    except subprocess.TimeoutExpired as expired:
        process.kill()
        raise not_written(
            document, f"it was not finished in {timeout:g} seconds", "Give it longer: `stresstest report RUN --timeout SECONDS`."
        ) from expired
    code = process.returncode
    if code == 0:
        return answer
    if code in (ExitCode.CONFIGURATION, ExitCode.INPUT_REFUSED, ExitCode.ENVIRONMENT):
        raise refused(json.loads(said.rstrip().rpartition("\n")[2]))
    if code < 0:
        ended = f"its process was ended by {signal.Signals(-code).name}"
        raise not_written(document, ended, "The machine may be short of memory; ask for fewer formats.")
    raise RuntimeError(f"the process that makes the {document} failed with exit code {code}:\n{said[-4000:]}")


def not_written(document: str, what: str, hint: str) -> StressTestError:
    """The refusal of a document that the machine cannot make."""
    return StressTestError(Reason.ENVIRONMENT, f"the {document} was not written", [Fault(what, hint)])


def refuse(error: StressTestError) -> NoReturn:
    """In a child: end with the refusal as the last line of stderr, so that the parent raises it."""
    sys.stderr.write(f"\n{json.dumps(refusal(error))}\n")
    raise SystemExit(int(error.exit_code))


def refusal(error: StressTestError) -> dict[str, Any]:
    """A refusal as JSON holds it."""
    return {"reason": error.reason.name, "summary": error.summary, "hint": error.hint, "faults": [asdict(fault) for fault in error.faults]}


def refused(told: Mapping[str, Any]) -> StressTestError:
    """The refusal that a child told."""
    faults = [Fault(**{**fault, "keys": tuple(fault["keys"])}) for fault in told["faults"]]
    return StressTestError(Reason[told["reason"]], told["summary"], faults, told["hint"])
