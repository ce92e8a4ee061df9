"""What the installation has and lacks: the facts behind `stresstest doctor`.

Nothing here depends on the time zone or the language of the machine: all moments are UTC, numbers are read and written in one way.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any, Literal

from packaging.requirements import Requirement

from stresstest.errors import ExitCode, StressTestError
from stresstest.report.pdf import APT_LINE, render_pdf
from stresstest.report.resources import FONT_FAMILIES, font_faces, templates_folder
from stresstest.runs.operators.extras import EXTRAS
from stresstest.runs.sample import sample_folder

LITTLE_MEMORY = 2 * 1024**3
LITTLE_SPACE = 1024**3
_COMPILED = ("numpy", "scipy", "numba", "pyarrow", "polars", "duckdb", "vl_convert")
"""Packages with machine code: one that is not made for this machine fails, or ends the process, when it is imported."""
_PATIENCE = 60.0
_CONTROL_GROUPS = Path("/sys/fs/cgroup")
_AGAIN = "Install the package again: pip install --force-reinstall stresstest."


@dataclass(frozen=True)
class Finding:
    """One check: what was found, whether it is good, whether a run needs it, and how to mend it."""

    name: str
    good: bool
    required: bool
    found: str
    mend: str = ""

    @property
    def status(self) -> Literal["ok", "warn", "fail"]:
        """`fail`: no run is possible; `warn`: something does without, or could be better."""
        return "ok" if self.good else "fail" if self.required else "warn"

    def document(self) -> dict[str, Any]:
        """As plain values."""
        return {"name": self.name, "status": self.status, **{key: value for key, value in vars(self).items() if key != "name"}}


def examine() -> tuple[Finding, ...]:
    """Every check, in the order in which a reader would mend them."""
    return (
        _python(), *_packages(), *_extras(), _imports(), _encoding(), *_pdf(), _shipped("templates", lambda: str(templates_folder()), True),
        _shipped("scenario libraries", _libraries, True), _shipped("sample data", lambda: str(sample_folder()), False),
        _memory(), _processors(), _space(), _kernel_cache(),
    )  # fmt: skip


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding(
        "Python", good, True, f"{platform.python_version()} on {platform.system()} {platform.machine()}", "" if good else "Install 3.11 or later."
    )


def _packages() -> list[Finding]:
    """All that are as asked for in one finding, every other one in its own."""
    try:
        wanted = [Requirement(line) for line in requires("stresstest") or []]
    except PackageNotFoundError:
        return [Finding("packages", False, True, "stresstest itself is not installed", "In its folder: python -m pip install .")]
    found, wrong = [], []
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        mend = f'python -m pip install "{requirement.name}{requirement.specifier}"'
        try:
            have = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(Finding(f"package {requirement.name}", False, True, f"missing; asked for is {requirement.specifier}", mend))
            continue
        if requirement.specifier.contains(have, prereleases=True):
            found.append(f"{requirement.name} {have}")
        else:
            wrong.append(Finding(f"package {requirement.name}", False, True, f"{have}; asked for is {requirement.specifier}", mend))
    return [Finding("packages", True, True, ", ".join(found)), *wrong]


def _extras() -> list[Finding]:
    """What keys of the run file need that nothing else does."""
    found = []
    for key, (_, asked) in EXTRAS.items():
        requirement = Requirement(asked)
        try:
            have = version(requirement.name)
        except PackageNotFoundError:
            have = ""
        good = requirement.specifier.contains(have, prereleases=True) if have else False
        told = f"{requirement.name} {have}" if have else f"{requirement.name} is not installed: a run file with the key `{key}` is refused"
        found.append(Finding(f"extra {key}", good, False, told, "" if good else f'For the key `{key}`: python -m pip install "{asked}"'))
    return found


def _imports() -> Finding:
    """In a process of their own: a package for another processor ends it (SIGILL)."""
    ended = _importing(_COMPILED)
    if ended is None:
        return Finding("compiled packages", True, True, f"{', '.join(_COMPILED)} can be imported")
    broken = [f"{name} ({reason})" for name in _COMPILED if (reason := _importing((name,))) is not None]
    mend = "Install them again for this machine: python -m pip install --force-reinstall NAME. For polars on an old processor: polars[rtcompat]."
    return Finding("compiled packages", False, True, f"cannot be imported: {', '.join(broken) or ended}", mend)


def _importing(names: tuple[str, ...]) -> str | None:
    """Why packages cannot be imported, in a few words; None if they can."""
    command = [sys.executable, "-c", f"import {', '.join(names)}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)  # noqa: S603 - our own names
    except subprocess.TimeoutExpired:
        return f"not done in {_PATIENCE:g} s"
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    return (done.stderr.strip().splitlines() or ["failed"])[-1] if done.returncode else None


def _encoding() -> Finding:
    """Names and signs beyond ASCII go to the terminal and into file names."""
    used = {name.lower().replace("_", "-") for name in (sys.stdout.encoding or "", sys.stderr.encoding or "", sys.getfilesystemencoding())}
    good = used <= {"utf-8"}
    return Finding(
        "text encoding", good, False, ", ".join(sorted(used)), "" if good else "Set PYTHONUTF8=1, or a locale of UTF-8 such as LC_ALL=C.UTF-8."
    )


def _pdf() -> tuple[Finding, ...]:
    """A small PDF is made: its libraries are there if that works, and the shipped font was found if it is inside."""
    try:
        font_faces()
    except (StressTestError, OSError) as error:
        return (Finding("fonts", False, True, f"the shipped font cannot be read: {error}", _AGAIN),)
    families = ", ".join(f"'{family}'" for family in FONT_FAMILIES)
    # One sign for each of the three files of the font.
    html = f'<p style="font-family: {families}">a \N{LATIN SMALL LETTER O WITH DOUBLE ACUTE} \N{GREEK CAPITAL LETTER DELTA}</p>'
    try:
        with tempfile.TemporaryDirectory(prefix="stresstest-doctor-") as folder:
            text = _uncompressed(render_pdf(html, Path(folder, "probe.pdf"), timeout=_PATIENCE).read_bytes())
    except (StressTestError, RuntimeError, OSError) as error:
        why = _why(error)
        without = f"The HTML report works without; a run that asks for pdf exits {int(ExitCode.ENVIRONMENT)}."
        return (Finding("PDF (Pango)", False, False, f"no PDF can be made: {why}", f"On Debian or Ubuntu: {APT_LINE}. {without}"),)
    inside = sorted({found.decode() for found in re.findall(rb"/BaseFont\s*/(?:[A-Z]{6}\+)?([A-Za-z0-9-]+)", text)})
    missing = [family for family in FONT_FAMILIES if family.replace(" ", "-") not in inside]
    found = f"the PDF has {', '.join(inside) or 'none'}" + (f" instead of {', '.join(missing)}" if missing else ", as shipped")
    mend = f"Fontconfig may be missing or broken. On Debian or Ubuntu: {APT_LINE}" if missing else ""
    return Finding("PDF (Pango)", True, False, f"weasyprint {version('weasyprint')} makes one"), Finding("fonts", not missing, False, found, mend)


def _why(error: Exception) -> str:
    """Why a PDF could not be made, in one line."""
    if isinstance(error, StressTestError):
        return error.faults[0].what if error.faults else error.summary
    return (str(error).strip().splitlines() or ["failed"])[-1]


def _uncompressed(pdf: bytes) -> bytes:
    """The text of all streams of a PDF: where it says which fonts it has."""
    parts = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompress(stream))
        except zlib.error:
            parts.append(stream)
    return b"\n".join(parts)


def _libraries() -> str:
    from stresstest.scenarios.shipped import libraries  # needs packages that may be missing

    return ", ".join(libraries())


def _shipped(what: str, look: Callable[[], str], required: bool) -> Finding:
    try:
        found = look()
    except ImportError as error:
        return Finding(what, False, required, f"cannot be looked at: {error}", "Install the packages above.")
    except StressTestError as error:
        return Finding(what, False, required, error.summary, error.faults[0].hint if error.faults else _AGAIN)
    return Finding(what, bool(found), required, found or "none", "" if found else _AGAIN)


def _memory() -> Finding:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _memory_limit(_CONTROL_GROUPS)
    usable = machine if limit is None else min(machine, limit)
    found = (
        f"{machine / 1024**3:.1f} GB"
        if usable == machine
        else f"{usable / 1024**3:.1f} GB (limit of the container; the machine has {machine / 1024**3:.1f} GB)"
    )
    mend = (
        ""
        if usable >= LITTLE_MEMORY
        else "Large books need more; max_memory in the run file bounds the reading, executor: threads with few threads uses least."
    )
    return Finding("memory", usable >= LITTLE_MEMORY, False, found, mend)


def _memory_limit(groups: Path) -> int | None:
    """Bytes that a container may use (control groups, version 2 or 1); None without a limit."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        text = _read(groups / name)
        if text.isdecimal():
            return int(text)
    return None


def _processors() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _processor_quota(_CONTROL_GROUPS)
    good = quota is None or quota >= usable
    found = f"{usable} of {os.cpu_count() or usable} may be used" + ("" if good else f", for the time of {quota:g}")
    return Finding(
        "processors",
        good,
        False,
        found,
        "" if good or quota is None else f"Set threads: {max(1, int(quota))} in the run file: more only wait for each other.",
    )


def _processor_quota(groups: Path) -> float | None:
    """Processors whose time a container may use, a fraction perhaps; None without a limit."""
    quota, _, period = _read(groups / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(groups / "cpu/cpu.cfs_quota_us"), _read(groups / "cpu/cpu.cfs_period_us")
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _read(file: Path) -> str:
    """The text of a small file of the system; empty where it is not there."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _space() -> Finding:
    name, mend = "temporary space", "Set TMPDIR to a folder with more room that can be written."
    try:
        with tempfile.TemporaryFile() as probe:
            probe.write(b"stresstest")
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return Finding(name, False, True, f"nothing can be written: {error.strerror or error}", mend)
    return Finding(name, free >= LITTLE_SPACE, False, f"{free / 1024**3:.1f} GB free in {folder}", "" if free >= LITTLE_SPACE else mend)


def kernels_to_compile() -> str | None:
    """What to say before the stress where its kernels must be compiled first, which takes up to a minute; None where they are there."""
    import numba

    from stresstest.margin.kernels.jit import cache_folder

    if getattr(numba.config, "DISABLE_JIT", False):  # its settings are made at run time
        return None
    folder = cache_folder()
    if folder is None:
        return "compiling kernels (in every run: there is no place to keep them, see stresstest doctor)"
    return None if any(folder.rglob("*.nbc")) else "compiling kernels (first run only)"


def _kernel_cache() -> Finding:
    """Where compiled kernels are kept between runs: beside the package, in the user's cache, or in the temporary folder."""
    try:
        from stresstest.margin.kernels.jit import cache_folder
    except ImportError as error:
        return Finding("kernel cache", False, False, f"cannot be looked at: {error}", "Install the packages above.")
    folder = cache_folder()
    if folder is None:
        mend = "Kernels are compiled for each run (up to a minute). To keep them, set XDG_CACHE_HOME to a folder of this user that can be written."
        return Finding("kernel cache", False, False, "no place can be written", mend)
    return Finding("kernel cache", True, False, f"{folder} ({'compiled' if any(folder.rglob('*.nbc')) else 'empty: the first run compiles them'})")
