"""Pieces of YAML with comments: names from data quoted where they must be, figures as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from stresstest.documents import scalar

_PLAIN = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_. -]*[A-Za-z0-9_.-])?")
_ESCAPED = {'"': '\\"', "\\": "\\\\"}
_SHOWN = 5


@dataclass(frozen=True)
class Draft:
    """One file to write. `to_set`: what in it is a guess, in words."""

    name: str
    text: str
    to_set: tuple[str, ...] = ()


def named(text: str) -> str:
    """A name as a YAML scalar that reads back as the same text, in keys, values and comments, also inside `{}`.

    >>> print(named("btc"), named("NO"), named("null"), named("30"), named("a: b"), named('x"\\n'))
    btc NO "null" "30" "a: b" "x\\"\\U0000000A"
    """
    if _PLAIN.fullmatch(text) and isinstance(scalar(text), str):
        return text
    return '"' + "".join(_ESCAPED.get(sign) or (sign if sign.isprintable() else f"\\U{ord(sign):08X}") for sign in text) + '"'


def listed(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Names for a comment or a message: the first few, and how many more.

    >>> listed(["a", "b"]), listed(["a", "b", "c"], 2)
    ('a, b', 'a, b and 1 more')
    """
    more = len(names) - shown
    return ", ".join(map(named, names[:shown])) + (f" and {more:,} more" if more > 0 else "")


def figure(value: float) -> str:
    """A decimal with at least two places.

    >>> figure(0.3), figure(-0.125), figure(1)
    ('0.30', '-0.125', '1.00')
    """
    text = repr(float(value))
    return text + "0" if len(text.partition(".")[2]) < 2 else text


def with_remarks(lines: Iterable[tuple[str, str]]) -> str:
    """Lines with their comments behind them, those of neighbouring lines in one column; an empty remark is none."""
    rows = list(lines)
    width = min(80, max((len(line) for line, remark in rows if remark), default=0))
    return "".join(f"{line.ljust(width)}   # {remark}\n" if remark else f"{line}\n" for line, remark in rows)
