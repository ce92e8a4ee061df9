"""Rooms import only from rooms above them in this list; nothing below the command line prints."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "stresstest"
ROOMS = (
    "errors", "tables", "documents", "config", "executors", "snapshot", "scenarios",
    "valuation", "margin", "stress", "results", "report", "runs", "cli",
)  # fmt: skip
SHARED_NAMES = {"stresstest.scenarios.names", "stresstest.scenarios.resolved", "stresstest.snapshot.book"}
"""Contracts between rooms: they import nothing of the house, so any room may know them."""
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.Module) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            # `from stresstest.scenarios import names` may name a module or something in one: both are looked at by their room.
            found.append((node.lineno, node.module))
        elif isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
    return [(line, name) for line, name in found if name.split(".")[0] == "stresstest" and "." in name]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_from_rooms_above(path: Path):
    here = ROOMS.index(room_of(path))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    below = [f"line {line}: {name}" for line, name in imported(tree) if name not in SHARED_NAMES and ROOMS.index(name.split(".")[1]) > here]
    assert below == [], f"{path.relative_to(PACKAGE)} imports from rooms below its own"


@pytest.mark.parametrize("name", sorted(SHARED_NAMES))
def test_what_every_room_may_know_knows_no_room(name: str):
    path = PACKAGE.joinpath(*name.split(".")[1:]).with_suffix(".py")
    assert imported(ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_only_the_command_line_prints(path: Path):
    if room_of(path) == "cli":
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    calls = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "input")
    ]
    assert calls == []


def test_every_room_is_in_the_list():
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if not path.name.startswith("_") and (path.suffix == ".py" or path.is_dir())}
    assert rooms == set(ROOMS)
