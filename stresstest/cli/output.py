"""What several commands print in the same way: documents and aligned text tables on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any


def print_document(kind: str, content: dict[str, Any]) -> None:
    """One versioned JSON document on stdout; a `schema_version` of the content's own wins."""
    json.dump({"schema_version": 1, "kind": kind, **content}, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False, default=str)
    sys.stdout.write("\n")


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> str:
    """Columns aligned with spaces; those numbered in `right` to the right; the last is not padded."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(cells, widths, strict=True)))
        return "  ".join(padded).rstrip()

    return "\n".join(line(row) for row in (header, *rows))
