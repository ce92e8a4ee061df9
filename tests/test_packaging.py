"""What is shipped: a wheel that finds its templates and sample data, a lock file that anybody can install from."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from stresstest.runs.operators.extras import EXTRAS as NEEDED

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
ASKED = [*PROJECT["project"]["dependencies"], *(each for extra in EXTRAS.values() for each in extra), *PROJECT["dependency-groups"]["dev"]]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
LOCKED = {canonicalize_name(name): Version(version) for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", LOCK, re.MULTILINE)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as site-packages has it: the unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("stresstest-*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_has_everything_a_run_needs(installed: Path):
    package = installed / "stresstest"
    libraries = ("scenarios/library/crisis.yaml", "scenarios/library/standard.yaml")
    for name in (
        "py.typed",
        *libraries,
        "margin/presets/tims.yaml",
        "_templates/report.html.j2",
        "runs/onboarding/snapshot.sql",
        "_sample_data/run.yaml",
        "_sample_data/scenarios.yaml",
        "_sample_data/margin.yaml",
    ):
        assert (package / name).is_file(), name
    assert any((installed).glob("stresstest-*.dist-info/licenses/LICENSE"))
    assert not any(package.rglob("__pycache__"))


def test_the_wheel_has_the_sample_and_nothing_that_runs_of_it_left(installed: Path):
    # A checkout in which the sample was run has these, and hidden work folders.
    left = {"runs", "history"}
    shipped = {path.name for path in (installed / "stresstest" / "_sample_data").iterdir()}
    assert shipped == {path.name for path in (ROOT / "sample_data").iterdir() if not path.name.startswith((".", "__"))} - left


def test_an_installed_package_finds_its_own_templates_and_sample(installed: Path, tmp_path: Path):
    code = (
        "from stresstest.runs.sample import sample_folder as s; from stresstest.report.resources import templates_folder as t; print(s()); print(t())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [str(installed / "stresstest" / "_sample_data"), str(installed / "stresstest" / "_templates")], done.stderr


@pytest.mark.parametrize("line", ASKED)
def test_the_lock_file_satisfies_every_dependency(line: str):
    requirement = Requirement(line)
    assert LOCKED[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_lock_file_has_hashes_and_no_addresses():
    blocks = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)[1:]
    assert len(blocks) == len(LOCKED)
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []
    assert not re.search(r"://|index-url|find-links", LOCK)


def test_every_dependency_is_justified():
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    names = [Requirement(line).name for line in ASKED]
    assert [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)] == []


def test_what_a_key_needs_is_what_its_extra_asks_for():
    assert {extra: [asked] for extra, (_, asked) in NEEDED.items()} == EXTRAS
