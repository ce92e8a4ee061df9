"""What several commands print in the same way: documents and aligned text tables on stdout."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

_C1 = re.compile("[\x7f-\x9f]")
"""Control characters that JSON allows in text as they are, and terminals obey."""


def printable(text: object) -> str:
    """Text from data as one line for a terminal: control characters, line ends and marks of direction are spelled out, nothing else is changed.

    >>> printable("BTC\\x1b[31m\\n")
    'BTC\\\\x1b[31m\\\\n'
    """
    return "".join(sign if sign.isprintable() or unicodedata.category(sign) == "Zs" else repr(sign)[1:-1] for sign in str(text))


_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"`<>]+")


def without_secrets_in(text: str) -> str:
    """Text whose addresses carry no user, password, query or fragment, which may hold keys.

    >>> without_secrets_in("cannot read https://user:key@venue.example/day?sig=abc: 404")
    'cannot read https://venue.example/day 404'
    """
    if "://" not in text:
        return text
    from stresstest.results.manifest import without_secrets

    return _ADDRESS.sub(lambda found: without_secrets(found.group()), text)


def without_addresses(word: str) -> str:
    """A word of a command line without the addresses of `notify`, which are refused there, and told nobody all the same.

    >>> without_addresses("notify.urls=slack://token"), without_addresses("keep=all")
    ('notify.urls=...', 'keep=all')
    """
    return re.sub(r"^((?:--set=)?\s*notify(?:\.urls)?\s*=).*", r"\1...", word, flags=re.DOTALL)


def command_line() -> tuple[str, ...]:
    """The words of this command as a result may keep them."""
    return ("stresstest", *(without_secrets_in(without_addresses(word)) for word in sys.argv[1:]))


def print_document(kind: str, content: dict[str, Any]) -> None:
    """One versioned JSON document on stdout; a `schema_version` of the content's own wins."""
    text = json.dumps({"schema_version": 1, "kind": kind, **content}, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    print(_C1.sub(lambda found: f"\\u{ord(found.group()):04x}", text))


LONGEST_NAME = 40
"""Characters of an id or name in a table for people: of any book's own, and of no line that a terminal would fold because of it."""


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """A name with its middle left out where it is longer than a table for people has room for; documents and files have all of it.

    >>> shortened("account-0000000000000001", 11), shortened("a1")
    ('accou…00001', 'a1')
    """
    if len(text) <= longest:
        return text
    tail = (longest - 1) // 2
    return f"{text[: longest - 1 - tail]}…{text[len(text) - tail :]}"


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Columns aligned with spaces, cells printable; those numbered in `right` to the right; the last is not padded."""
    rows = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths, strict=True)))
        return "  ".join(padded).rstrip()

    return "\n".join(line(row) for row in (header, *rows))
