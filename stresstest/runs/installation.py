"""What the installation has and lacks: the facts behind `stresstest doctor`."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from stresstest.errors import StressTestError

PANGO = "apt-get install --yes --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz0b libharfbuzz-subset0 libfontconfig1"
"""What the PDF needs on Debian and Ubuntu, as one line to paste."""

LITTLE_MEMORY = 2 * 1024**3
LITTLE_SPACE = 1024**3


@dataclass(frozen=True)
class Finding:
    """One check: what was found, whether it is good, whether a run needs it, and how to mend it."""

    name: str
    good: bool
    required: bool
    found: str
    mend: str = ""


def examine() -> tuple[Finding, ...]:
    """Every check, in the order in which a reader would mend them."""
    return (_python(), *_packages(), _pango(), _shipped("templates"), _shipped("sample data"), _memory(), _space(), _kernel_cache())


def _python() -> Finding:
    return Finding("Python", sys.version_info >= (3, 11), True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _packages() -> list[Finding]:
    found, wrong = [], []
    try:
        wanted = [Requirement(line) for line in requires("stresstest") or []]
    except PackageNotFoundError:
        return [Finding("packages", False, True, "stresstest itself is not installed", "Run: make setup")]
    for requirement in wanted:
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        try:
            have = version(requirement.name)
        except PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        found.append(f"{requirement.name} {have}")
        if not requirement.specifier.contains(have, prereleases=True):
            wrong.append(f"{requirement.name} {have} is not {requirement.specifier}")
    return [Finding("packages", not wrong, True, ", ".join(wrong or found), "Run: make setup" if wrong else "")]


def _pango() -> Finding:
    # WeasyPrint prints a banner on stdout and raises OSError when a library is missing.
    try:
        with contextlib.redirect_stdout(sys.stderr):
            import weasyprint
    except OSError as error:
        return Finding("PDF (Pango)", False, False, f"not usable: {str(error).splitlines()[0]}", f"The HTML report works without. On Debian: {PANGO}")
    return Finding("PDF (Pango)", True, False, f"weasyprint {weasyprint.__version__}")


def _shipped(what: str) -> Finding:
    from stresstest.report.resources import templates_folder
    from stresstest.runs.sample import sample_folder

    try:
        folder = templates_folder() if what == "templates" else sample_folder()
    except StressTestError as error:
        return Finding(what, False, what == "templates", error.summary, error.faults[0].hint if error.faults else error.hint)
    return Finding(what, True, what == "templates", str(folder))


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    mend = "" if total >= LITTLE_MEMORY else "Large books need more; --executor threads with few --threads uses least."
    return Finding("memory", total >= LITTLE_MEMORY, False, f"{total / 1024**3:.1f} GB, {os.cpu_count() or 1} CPUs", mend)


def _space() -> Finding:
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    mend = "" if free >= LITTLE_SPACE else "Set TMPDIR to a folder with more room."
    return Finding("temporary space", free >= LITTLE_SPACE, False, f"{free / 1024**3:.1f} GB free in {folder}", mend)


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
        return Finding("kernel cache", False, False, f"numba cannot be imported: {error}", "Install the package again.")
    folder = cache_folder()
    if folder is None:
        mend = "Kernels are compiled for each run (some seconds). To keep them, set XDG_CACHE_HOME to a folder that can be written."
        return Finding("kernel cache", False, False, "no place can be written", mend)
    return Finding("kernel cache", True, False, str(folder))
