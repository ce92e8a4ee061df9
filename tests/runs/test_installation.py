from __future__ import annotations

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import pytest

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.report.pdf import APT_LINE
from stresstest.runs import installation
from stresstest.runs.installation import Finding, examine


def found(name: str) -> Finding:
    (finding,) = (each for each in examine() if each.name == name)
    return finding


@pytest.fixture
def real() -> None:
    """The checks as they are, child processes and all."""


@pytest.fixture(autouse=True)
def _without_child_processes(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The two slow checks are made only where a test is about them."""
    if "real" not in request.fixturenames:
        monkeypatch.setattr(installation, "_pdf", tuple)
        monkeypatch.setattr(installation, "_importing", lambda names: None)


def test_every_package_that_is_not_as_asked_for_is_named_with_its_mend(monkeypatch: pytest.MonkeyPatch):
    def version(name: str) -> str:
        if name == "numba":
            raise PackageNotFoundError(name)
        return "1.9.0" if name == "polars" else installed(name)

    monkeypatch.setattr(installation, "version", version)
    told = {each.name: each for each in examine() if each.name.startswith("package")}
    assert set(told) == {"packages", "package numba", "package polars"}
    assert (told["package polars"].status, told["package polars"].found) == ("fail", "1.9.0; asked for is <3,>=2.1")
    assert told["package polars"].mend == 'python -m pip install "polars<3,>=2.1"'
    assert told["package numba"].found == "missing; asked for is >=0.61"
    assert "polars" not in told["packages"].found


def test_what_one_key_needs_is_no_failure_and_has_its_mend(monkeypatch: pytest.MonkeyPatch):
    def version(name: str) -> str:
        if name == "apprise":
            raise PackageNotFoundError(name)
        return "0.1" if name == "prometheus-client" else installed(name)

    monkeypatch.setattr(installation, "version", version)
    notify, metrics = found("extra notify"), found("extra metrics")
    assert (notify.status, notify.found) == ("warn", "apprise is not installed: a run file with the key `notify` is refused")
    assert notify.mend == 'For the key `notify`: python -m pip install "apprise>=1.9"'
    assert (metrics.status, metrics.found) == ("warn", "prometheus-client 0.1")


def test_stresstest_itself_may_not_be_installed(monkeypatch: pytest.MonkeyPatch):
    def requires(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(installation, "requires", requires)
    assert found("packages").status == "fail"


def test_a_package_for_another_processor_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installation, "_importing", lambda names: "ended by SIGILL" if "polars" in names else None)
    finding = found("compiled packages")
    assert (finding.status, finding.found) == ("fail", "cannot be imported: polars (ended by SIGILL)")


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("json", None),
        ("no_such_module_here", "ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("os; os.kill(os.getpid(), 4)", "ended by SIGILL"),
    ],
)
@pytest.mark.usefixtures("real")
def test_why_a_package_cannot_be_imported(module: str, reason: str | None):
    assert installation._importing((module,)) == reason


@pytest.mark.usefixtures("real")
def test_a_pdf_is_made_with_the_shipped_font():
    pango, fonts = installation._pdf()
    assert (pango.name, pango.status) == ("PDF (Pango)", "ok")
    assert (fonts.status, fonts.found) == ("ok", "the PDF has Inter, Inter-Extended, Inter-Greek, as shipped")


@pytest.mark.usefixtures("real")
def test_without_pango_the_line_to_paste_is_given_and_the_rest_works(monkeypatch: pytest.MonkeyPatch):
    def render(*args: Any, **options: Any) -> Path:
        raise StressTestError(
            Reason.ENVIRONMENT, "not written", [Fault("WeasyPrint cannot load its system libraries (cannot load library 'libpango')")]
        )

    monkeypatch.setattr(installation, "render_pdf", render)
    (finding,) = installation._pdf()
    assert (finding.name, finding.status) == ("PDF (Pango)", "warn")
    assert finding.found == "no PDF can be made: WeasyPrint cannot load its system libraries (cannot load library 'libpango')"
    assert APT_LINE in finding.mend
    assert "exits 4" in finding.mend


@pytest.mark.usefixtures("real")
def test_a_pdf_with_another_font_is_told(monkeypatch: pytest.MonkeyPatch):
    def render(html: str, target: Path, **options: Any) -> Path:
        target.write_bytes(b"1 0 obj << /Type /Font /BaseFont /ABCDEF+DejaVu-Sans >>\nstream\n<< /BaseFont /ABCDEF+DejaVu-Sans >>\nendstream\n")
        return target

    monkeypatch.setattr(installation, "render_pdf", render)
    _, fonts = installation._pdf()
    assert (fonts.status, fonts.found) == ("warn", "the PDF has DejaVu-Sans instead of Inter, Inter Extended, Inter Greek")


def test_a_temporary_folder_that_cannot_be_written_fails(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere/at/all")
    finding = found("temporary space")
    assert (finding.status, finding.found) == ("fail", "nothing can be written: No such file or directory")
    assert "TMPDIR" in finding.mend


@pytest.mark.parametrize(
    ("files", "limit"),
    [({"memory.max": "max\n"}, None), ({"memory.max": "1073741824\n"}, 2**30), ({"memory/memory.limit_in_bytes": "2147483648"}, 2**31), ({}, None)],
)
def test_the_memory_of_a_container_is_its_own(tmp_path: Path, files: dict[str, str], limit: int | None):
    write(tmp_path, files)
    assert installation._memory_limit(tmp_path) == limit


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({}, None),
    ],
)
def test_the_processors_of_a_container_are_its_own(tmp_path: Path, files: dict[str, str], quota: float | None):
    write(tmp_path, files)
    assert installation._processor_quota(tmp_path) == quota


def test_a_small_container_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, {"memory.max": str(2**30), "cpu.max": "50000 100000"})
    monkeypatch.setattr(installation, "_CONTROL_GROUPS", tmp_path)
    assert found("memory").status == "warn"
    assert found("memory").found.startswith("1.0 GB (limit of the container; ")
    assert (found("processors").status, found("processors").mend[:15]) == ("warn", "Set threads: 1 ")


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


def test_without_a_place_for_kernels_a_run_still_works(monkeypatch: pytest.MonkeyPatch):
    from stresstest.margin.kernels import jit

    monkeypatch.setattr(jit, "cache_folder", lambda: None)
    assert (found("kernel cache").status, "XDG_CACHE_HOME" in found("kernel cache").mend) == ("warn", True)


WITHOUT_PACKAGES = """
import sys
class Missing:
    @staticmethod
    def find_spec(name, path, target=None):
        if name.split(".")[0] in ("duckdb", "numba", "numpy", "polars", "pyarrow", "ruamel", "scipy", "weasyprint"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from stresstest.runs import installation
installation._pdf, installation._importing = tuple, lambda names: "missing"
from stresstest.cli.main import main
main(["doctor"])
"""


def test_it_works_where_packages_are_missing():
    done = subprocess.run([sys.executable, "-c", WITHOUT_PACKAGES], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (4, "")
    assert "fail  scenario libraries  cannot be looked at: No module named 'ruamel'" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("2 fail")
