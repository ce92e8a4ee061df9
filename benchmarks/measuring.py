"""Run a command to its end: wall time, and how much memory it and its children held at once."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.01
PROC = Path("/proc")
HOW_MEMORY_IS_MEASURED = (
    "Peak memory is the largest sum of the resident sizes of a process and all its children, read 100 times a second from /proc "
    "(pages that they share count twice), or the high-water mark of one of them if that is more; where there is no /proc, the largest "
    "single process (`ru_maxrss`)."
)


@dataclass(frozen=True)
class Measured:
    """Wall seconds, CPU seconds of the process and its children, and the largest resident size in bytes."""

    seconds: float
    cpu_seconds: float
    peak_memory: int
    output: str


class _Family:
    """A process and its descendants, as they come and go."""

    def __init__(self, root: int) -> None:
        self.members = {root}
        self.seen = {each for each in _pids() if each != root}

    def resident(self) -> int:
        """Resident bytes of all of them together, or the high-water mark of one of them if that is more."""
        # A parent's number is read once, when a process is first seen: reading all of them at every poll would itself be a load.
        for pid in sorted(_pids() - self.seen - self.members):
            self.seen.add(pid)
            if _parent(pid) in self.members:
                self.members.add(pid)
        sizes = [_resident(pid) for pid in self.members]
        return max(sum(now for now, _ in sizes), *(most for _, most in sizes))


def _pids() -> set[int]:
    return {int(name) for name in os.listdir(PROC) if name.isdigit()}  # noqa: PTH208 - a hundred times a second: no Path for every process


def _parent(pid: int) -> int:
    try:
        # The name of a process stands in brackets and may hold anything, brackets too.
        return int((PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return -1


def _resident(pid: int) -> tuple[int, int]:
    """Resident bytes now, and the most so far since the process was started as what it is."""
    try:
        lines = (PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return 0, 0  # it has ended
    fields = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "VmHWM")))
    now, most = (1024 * int(fields.get(name, "0 kB").split()[0]) for name in ("VmRSS", "VmHWM"))
    return now, most


def measure(command: Sequence[str | Path], folder: Path | None = None) -> Measured:
    """Run a command.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as complaints:
        started = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=output, stderr=complaints, cwd=folder)
        family = _Family(process.pid) if PROC.is_dir() else None
        peak = 0
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if family is not None:
                peak = max(peak, family.resident())
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        complaints.seek(0)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{complaints.read()}{output.read()}")
        if family is None:
            # Not where /proc is: on Linux it counts what this process held when it started the other.
            peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Measured(seconds, usage.ru_utime + usage.ru_stime, peak, output.read())


def machine() -> str:
    """Processor, cores, memory and system in one line."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        model = next(
            (line.partition(":")[2].strip() for line in info.read_text(encoding="utf-8").splitlines() if line.startswith("model name")), model
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {cores()} cores, {memory:.0f} GB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
