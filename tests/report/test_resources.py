"""What is shipped with the report: templates and fonts, unchanged and licensed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from stresstest.errors import ExitCode, StressTestError
from stresstest.report import resources


def test_fonts_are_the_ones_the_readme_lists_with_their_licence() -> None:
    folder = resources.templates_folder() / "fonts"
    listed = dict(line.split()[::-1] for line in (folder / "README.txt").read_text().splitlines() if re.match(r"[0-9a-f]{64} ", line))
    assert {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.glob("*.woff2")} == listed
    assert "SIL OPEN FONT LICENSE Version 1.1" in (folder / "Inter-LICENSE.txt").read_text()


def test_each_font_file_is_a_family_of_its_own() -> None:
    faces = re.findall(r"font-family:'([^']*)';font-style:normal;font-weight:(\d+)", resources.font_faces())
    assert sorted(faces) == sorted((family, weight) for family in resources.FONT_FAMILIES for weight in ("400", "600"))


def test_missing_templates_are_an_incomplete_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "files", lambda _: tmp_path / "stresstest")
    with pytest.raises(StressTestError) as refused:
        resources.templates_folder()
    assert refused.value.exit_code == ExitCode.ENVIRONMENT


def test_installed_templates_come_before_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (tmp_path / "stresstest" / "_templates", tmp_path / "templates"):
        folder.mkdir(parents=True)
        (folder / "report.html.j2").touch()
    monkeypatch.setattr(resources, "files", lambda _: tmp_path / "stresstest")
    assert resources.templates_folder() == tmp_path / "stresstest" / "_templates"
