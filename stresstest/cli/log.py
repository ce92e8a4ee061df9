"""The log file: JSON, one object a line, for machines that watch runs."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from stresstest.cli.output import without_secrets_in
from stresstest.errors import Fault, Reason, StressTestError
from stresstest.runs.console import utc_now

Level = Literal["info", "warning", "error"]


class LogFile:
    """Appends lines to a file: `time` (UTC), `level`, `process`, `command`, `stage` (null outside of one), `message`, `figures`.

    A line is written in one step, so several processes may share a file. Text is ASCII (all else escaped), numbers are finite, and addresses
    carry no user, password or query. A log that cannot be written any more is told once on stderr and ends nothing.
    """

    def __init__(self, path: Path, command: str, now: Callable[[], datetime] = utc_now) -> None:
        """Open it.

        Raises:
            StressTestError: environment, when it cannot be written.
        """
        try:
            self._file: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            fault = Fault(error.strerror or str(error), "Give --log-file a file in a folder that exists and can be written.", file=str(path))
            raise StressTestError(Reason.ENVIRONMENT, "the log file cannot be written", [fault]) from error
        self._path, self._command, self._now = path, command, now

    def write(self, level: Level, message: str, stage: str | None = None, figures: Mapping[str, Any] | None = None) -> None:
        """Append one line."""
        if self._file is None:
            return
        record = {
            "time": self._now().isoformat(timespec="microseconds"),
            "level": level,
            "process": os.getpid(),
            "command": self._command,
            "stage": stage,
            "message": message,
            "figures": dict(figures or {}),
        }
        line = json.dumps(_plain(record), ensure_ascii=True, allow_nan=False) + "\n"
        try:
            os.write(self._file, line.encode("ascii"))
        except OSError as error:
            print(f"warning: the log file {self._path} cannot be written any more: {error.strerror}", file=sys.stderr)
            self.close()

    def close(self) -> None:
        """Write no more."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _plain(value: Any) -> Any:
    """A value as JSON can hold it: half characters (of names that are no UTF-8) spelled out, numbers that are not finite as text."""
    if isinstance(value, str):
        return without_secrets_in(value).encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, (bool, int, float)) else _plain(str(value))
