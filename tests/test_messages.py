"""How messages are written: what is wrong without capital and full stop, how to mend it as sentences, and never only the one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "stresstest"
NAMES = ("WeasyPrint", "Polars", "SHA-256")
"""Words that begin with a capital wherever they stand."""


@cache
def sources() -> dict[str, ast.Module]:
    """The modules of the package: parsed by the process that runs these tests, not by all that collect them."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a name in the package, and where it is."""
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
                yield f"{path}:{node.lineno}", node


def argument(call: ast.Call, place: int, keyword: str) -> ast.expr | None:
    given = {each.arg: each.value for each in call.keywords}
    return call.args[place] if place < len(call.args) else given.get(keyword)


def ends(node: ast.expr | None) -> tuple[str, str] | None:
    """The literal beginning and end of a text; None where it is made elsewhere. What an f-string fills in counts as a letter."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value[:12], node.value[-1:]
    if isinstance(node, ast.JoinedStr):
        first, last = node.values[0], node.values[-1]
        return (str(first.value)[:12] if isinstance(first, ast.Constant) else "x", str(last.value)[-1:] if isinstance(last, ast.Constant) else "x")
    return None


def capital(text: str) -> bool:
    return text[:1].isupper() and not text.startswith(NAMES)


def test_what_is_wrong_is_no_sentence():
    wrong = []
    for where, call in (*calls("Fault"), *calls("problem"), *calls("Problem")):
        found = ends(argument(call, 1 if getattr(call.func, "id", "") == "Problem" else 0, "what"))
        if found and (capital(found[0]) or found[1] == "."):
            wrong.append(where)
    for where, call in calls("StressTestError"):
        found = ends(argument(call, 1, "summary"))
        if found and (capital(found[0]) or found[1] == "."):
            wrong.append(where)
    assert wrong == []


def test_how_to_mend_it_is_a_sentence():
    wrong = []
    for name, place in (("Fault", 1), ("problem", 1), ("StressTestError", 3)):
        for where, call in calls(name):
            found = ends(argument(call, place, "hint"))
            if found and found[1] and found[1] not in ".?":
                wrong.append(where)
    assert wrong == []


def test_every_fault_says_how_to_mend_it():
    bare = [
        where
        for where, call in (*calls("Fault"), *calls("problem"))
        if argument(call, 1, "hint") is None and not any(each.arg is None for each in call.keywords)
    ]
    assert [where for where in bare if not where.startswith("runs/onboarding/start.py")] == []  # there the error itself does, for all of them


def test_every_refusal_has_faults_or_a_hint():
    bare = [where for where, call in calls("StressTestError") if len(call.args) < 3 and not {each.arg for each in call.keywords} & {"hint", "faults"}]
    assert [where for where in bare if not where.startswith("cli/main.py")] == []  # an interruption has nothing to mend
