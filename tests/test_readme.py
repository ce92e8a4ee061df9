"""Every command in the code blocks of README and docs/ is run, page by page, in a folder that looks like a fresh clone."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli.in_process import exit_code

from stresstest.report import pdf

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?:console|sh)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OF_THE_SHELL = re.compile(r"^(git clone|cd |pip install|python3? -m (venv|pip)|sudo |apt-get |source |\. )")
"""Steps that need a network, another machine or another shell; a packaging test of its own covers them."""


@dataclass(frozen=True)
class Step:
    """A command as written, and the exit code its comment promises (`# exits 5`)."""

    command: str
    exit_code: int


def steps(text: str) -> list[Step]:
    """The commands of all console blocks: lines behind `$ `, or all lines of a block without any; `\\` continues a line."""
    found = []
    for block in BLOCK.findall(text):
        lines = block.replace("\\\n", " ").splitlines()
        prompted = [line[2:] for line in lines if line.startswith("$ ")]
        for line in prompted or lines:
            command, _, comment = line.partition(" # ")
            promise = re.search(r"exits (\d+)", comment)
            if command.strip() and not command.startswith("#"):
                found.append(Step(command.strip(), int(promise[1]) if promise else 0))
    return found


OF_THEIR_OWN = {"cascade-guide.md", "data-guide.md"}
"""Pages that a test of their own runs, and looks at what comes out."""

PAGES = {
    page.name: found
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if page.name not in OF_THEIR_OWN and (found := [step for step in steps(page.read_text(encoding="utf-8")) if not OF_THE_SHELL.match(step.command)])
}


PLAIN = re.compile(r"""((?:STRESSTEST_\w+=\S+ )*)stresstest ([^|&;<>()$`?~#]*?)(?: > (\S+))?""")
"""Our own command with nothing for a shell to do but variables before it, names with `*` and a file for its stdout: it is run in this process, where
its imports are paid once."""


def runnable(command: str) -> str:
    """The command as a test can run it: a make target would set up an environment (and run this test), so it is only looked up."""
    if command == "make demo":
        return "stresstest demo"
    if command.startswith("make "):
        return command.replace("make ", f"make --dry-run --directory {ROOT} ", 1)
    return command.replace(".venv/bin/", "")


def test_blocks_are_read_as_a_reader_would():
    text = "```console\n$ one --a \\\n  b\noutput of one\n$ two  # exits 3\n```\n\n```sh\nthree\n# a remark\n```\n```python\nfour\n```\n"
    assert steps(text) == [Step("one --a    b", 0), Step("two", 3), Step("three", 0)]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with what a reader's clone has, without environment and results."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    return tmp_path


def test_readme_has_commands():
    assert "README.md" in PAGES


@pytest.fixture
def laid_out_once(monkeypatch: pytest.MonkeyPatch, drawn_here: None) -> None:
    """The PDF of one result is laid out once, and copied where a page makes it again: layout takes longer than everything else of a page."""
    known: dict[str, bytes] = {}
    plain = pdf.render_pdf

    def render_pdf(html: str, target: Path, *, attached: pdf.Attached | None = None, **options: Any) -> Path:
        if attached is not None and attached.text in known:
            target.write_bytes(known[attached.text])
            return target
        plain(html, target, attached=attached, **options)
        if attached is not None:
            known[attached.text] = target.read_bytes()
        return target

    monkeypatch.setattr(pdf, "render_pdf", render_pdf)


def run_here(plain: re.Match[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> int:
    """The exit code of a plain command."""
    words = [name for word in shlex.split(plain[2]) for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]
    with monkeypatch.context() as patched:
        for variable in plain[1].split():
            patched.setenv(*variable.split("=", 1))
        capfd.readouterr()
        code = exit_code(words)
    if plain[3]:
        Path(plain[3]).write_text(capfd.readouterr().out, encoding="utf-8")
    return code


@pytest.mark.slow
@pytest.mark.usefixtures("made_once", "laid_out_once")
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_works(page: str, clone: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    scripts = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}", "PYTHONPATH": str(ROOT)}
    monkeypatch.chdir(clone)
    for step in PAGES[page]:
        command = runnable(step.command)
        if plain := PLAIN.fullmatch(command):
            assert run_here(plain, monkeypatch, capfd) == step.exit_code, step.command
            continue
        done = subprocess.run(["bash", "-c", command], cwd=clone, env=environment, capture_output=True, text=True, check=False, timeout=600)
        assert done.returncode == step.exit_code, f"{step.command}\n{done.stdout}\n{done.stderr}"
